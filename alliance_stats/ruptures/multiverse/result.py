"""What a multiverse gave: a row a specification, shares, the joint test, the curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from ...core.results import Result
from ...inference.rows import glance_row, tidy_rows
from .joint_test import JOINT
from .plan import AnalysisPlan
from .plot import plot_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block


@dataclass(frozen=True)
class Multiverse(Result):
    """All specifications of a grid, and what they say together.

    Attributes
    ----------
    specifications
        One row a specification: ``specification`` (a number), every choice by name, ``term``,
        ``estimate, std_error, df, p_value, conf_low, conf_high`` (of the multilevel model),
        ``estimate_within`` (the within-client least-squares slope, which the joint test uses),
        ``nobs, n_clients, n_behind`` (the fewest that a coefficient is about), ``n_ruptures,
        n_repaired, converged, singular``, ``message`` (why there is no estimate),
        ``primary`` and ``planned`` (in the plan's grid).
    joint
        One row a statistic of the curve: ``statistic, n_specifications, observed, expected,
        p_value``.
    choices
        The choices that differ between specifications.
    differences
        What was done otherwise than planned: ``choice, planned, done``; empty without a plan.
    plan
        The plan, or None.
    effect, response, permutations, seed
        What was asked.
    """

    specifications: pd.DataFrame
    joint: pd.DataFrame
    choices: tuple[str, ...]
    effect: str
    response: str
    permutations: int
    seed: int
    differences: pd.DataFrame = field(repr=False)
    plan: AnalysisPlan | None = field(default=None, repr=False)
    messages: tuple[str, ...] = ()
    title: str = "Multiverse of specifications"
    score: str = ""

    picture = "plot"

    def shares(self) -> pd.DataFrame:
        """Return how many specifications lie where.

        Rows: estimates ``above zero`` and ``below zero``, intervals ``above zero``, ``below zero``
        and ``includes zero``, and ``not fitted``; columns ``what, where, n, share`` (of all).
        """
        table = self.specifications
        fitted = table["estimate"].notna()
        low, high = table["conf_low"] > 0, table["conf_high"] < 0
        rows = [
            ("estimate", "above zero", table["estimate"] > 0),
            ("estimate", "below zero", table["estimate"] < 0),
            ("interval", "above zero", low),
            ("interval", "below zero", high),
            ("interval", "includes zero", fitted & ~low & ~high),
            ("none", "not fitted", ~fitted),
        ]
        counts = pd.DataFrame([{"what": a, "where": b, "n": int(c.sum())} for a, b, c in rows])
        return counts.assign(share=counts["n"] / len(table))

    def by_choice(self) -> pd.DataFrame:
        """Return, for each option of each choice that varies, what its specifications say.

        Columns ``choice, option, n, median, minimum, maximum, share_above, share_below`` (shares
        of intervals beyond zero).
        """
        rows = []
        fitted = self.specifications.dropna(subset=["estimate"])
        for choice in self.choices:
            for option, own in fitted.groupby(fitted[choice].map(str), sort=False):
                estimate = own["estimate"]
                row = {"choice": choice, "option": option, "n": len(own)}
                row |= {"median": estimate.median(), "minimum": estimate.min()}
                row |= {"maximum": estimate.max()}
                row |= {"share_above": (own["conf_low"] > 0).mean()}
                rows.append({**row, "share_below": (own["conf_high"] < 0).mean()})
        return pd.DataFrame(rows)

    def tidy(self) -> pd.DataFrame:
        """Return the primary specification (where there is one) and the joint statistics.

        Of the joint statistics `estimate` is what was observed and `p_value` that of the joint
        permutation test; they have no standard error.
        """
        own = self.specifications[self.specifications["primary"]]
        numbers = own[["estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]]
        primary = tidy_rows(
            "primary: " + own["term"],
            statistic=own["estimate"] / own["std_error"],
            **{str(name): numbers[name] for name in numbers},
        )
        joint = tidy_rows(
            "joint: " + self.joint["statistic"],
            self.joint["observed"],
            p_value=self.joint["p_value"],
        )
        return pd.concat([primary, joint], ignore_index=True) if len(own) else joint

    def glance(self) -> pd.DataFrame:
        """Return one row: how many specifications, the median, shares, the joint test."""
        shares = self.shares().set_index(["what", "where"])["share"]
        joint = self.joint.set_index("statistic")["p_value"]
        estimate = self.specifications["estimate"]
        return glance_row(
            self,
            n_specifications=len(self.specifications),
            n_fitted=int(estimate.notna().sum()),
            median=estimate.median(),
            minimum=estimate.min(),
            maximum=estimate.max(),
            share_above_zero=shares["interval", "above zero"],
            share_below_zero=shares["interval", "below zero"],
            **{f"p_{name}": joint[name] for name in JOINT},
            permutations=self.permutations,
            seed=self.seed,
        )

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the primary specification, shares, joint test and deviations from the plan."""
        found = self.glance().iloc[0]
        blocks: list[Block] = [
            f"Effect of {self.effect} on {self.response}: {found['n_fitted']:.0f} of "
            f"{found['n_specifications']:.0f} specifications fitted, median {found['median']:.3g} "
            f"({found['minimum']:.3g} to {found['maximum']:.3g})."
        ]
        tidy = self.tidy()
        own = tidy[tidy["term"].str.startswith("primary: ")]
        if len(own):
            blocks.append(self._table(own, labels, "Primary specification"))
        blocks.append(self._table(self.shares(), labels, "Shares of specifications"))
        joint = self.joint.assign(statistic=self.joint["statistic"].map(JOINT))
        blocks.append(self._table(joint, labels, "Joint permutation test"))
        if len(self.differences):
            blocks.append(self._table(self.differences, labels, "Otherwise than planned"))
        return blocks

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the specification curve with the choices beneath (with `ax`: the curve alone)."""
        return plot_curve(self, ax=ax)
