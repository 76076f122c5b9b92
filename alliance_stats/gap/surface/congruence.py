"""The verdict on congruence: every condition, never a single parameter.

Humberg, Nestler & Back (2019, doi 10.1177/1948550618757600).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice
from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError
from ...inference.cluster_bootstrap import percentiles
from ...inference.distributions import f_upper, half_width
from ...inference.rows import coefficient_rows, tidy_rows
from ..wording import caveats
from ..wording import labels as term_words
from . import geometry
from .congruence_words import KEPT, SHOWN, one_rating, words_of

if TYPE_CHECKING:
    from ...core.display.page import Block
    from .bootstrap import SurfaceBootstrap
    from .result import ResponseSurface

DIRECTIONS = ("higher_is_better", "lower_is_better")


@dataclass(frozen=True, eq=False)
class Congruence(Result):
    """The conditions of a congruence effect, and what may be claimed.

    Attributes
    ----------
    table
        ``condition, needed, kind, estimate, conf_low, conf_high, p_value, holds``, on the outcome
        as it was given (the numbers are those of the surface's ``tidy()``). ``kind`` is ``must be
        shown`` or ``must not be contradicted``.
    verdict
        ``strict`` or ``broad`` (no condition is contradicted; read `words`), ``shifted ridge`` (the
        ridge lies beside the line of agreement), ``rotated ridge`` (it lies at an angle to it),
        ``undecided`` (bounds of equivalence are not met, and nothing is contradicted),
        ``one-rating curve`` (the curvature may be that of one rating alone), ``no congruence`` or
        ``no relation``.
    words
        What may be said, with what the intervals leave open.
    """

    table: pd.DataFrame
    verdict: str
    words: str
    direction: str | None
    group: str = ""
    messages: tuple[str, ...] = caveats("congruence")
    title: str = "Congruence"

    @property
    def holds(self) -> bool:
        """Whether no condition of a broad congruence effect is contradicted, and a4 is shown."""
        return self.verdict in ("broad", "strict")

    def tidy(self) -> pd.DataFrame:
        """Return the terms the conditions are about, with the glossary's columns."""
        table = self.table.rename(columns={"condition": "term"})
        return tidy_rows(group=self.group, **table)[list(TIDY_COLUMNS)]

    def glance(self) -> pd.DataFrame:
        """Return verdict and direction in one row."""
        return pd.DataFrame([{"verdict": self.verdict, "direction": self.direction or "not said"}])

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return verdict and conditions."""
        told = self.table.drop(columns="contradicted")
        told["condition"] = told["condition"].map(self.term_labels())
        return [self.words, self._table(told, labels)]

    def term_labels(self) -> dict[str, str]:
        """Return what the conditions are about."""
        return {**term_words("response_surface"), "overall": "All terms together (F)"}


def congruence(
    result: ResponseSurface,
    group: str,
    direction: str | None = None,
    confidence: float = 0.95,
    *,
    equivalence: dict[str, tuple[float, float]] | None = None,
    limits: SurfaceBootstrap | None = None,
) -> Congruence:
    """Is it agreement of the ratings that goes with a higher (or lower) outcome?

    A broad congruence effect needs all of: the predictors explain anything at all; the first
    principal axis lies on the line of congruence (p10 is 0 and p11 is 1); the surface falls to
    both sides of it (a4 below 0, shown); no slope across (a3 is 0); no difference of the
    curvatures (a5 is 0). The strict effect needs besides that level does not matter (a1 and a2
    are 0). All numbers are those of the outcome as it was given.

    Parameters
    ----------
    direction
        ``lower_is_better`` for symptoms: then the surface must rise to both sides (a4 above 0)
        and its valley, the second principal axis (p20, p21), must lie on the line of congruence.
    confidence
        Level of the intervals.
    equivalence
        Bounds within which a parameter counts as being what is needed, such as ``{"p11": (0.8,
        1.25), "a3": (-0.2, 0.2)}``: that condition then must be shown (the interval lies within
        the bounds), where otherwise it must only not be contradicted.
    limits
        What ``.bootstrap()`` gave: percentile limits of its draws in place of the delta method's,
        which are rough for the axes.
    """
    checked_choice("direction", direction, (None, *DIRECTIONS))
    part = result._part(group)
    if result.spec.cubic:
        raise DesignError(
            "These conditions are those of the quadratic surface: fit without cubic=True. Of the "
            "cubic one, loic_cubic tells whether the fall differs between the sides."
        )
    lower = direction == "lower_is_better"
    axis = ("p20", "p21") if lower else ("p10", "p11")
    bounds = _bounds(equivalence, axis)
    terms = _terms(result, part.group, confidence, limits)
    table = _conditions(terms, _overall(result, group), 1 - confidence, axis, lower, bounds)
    holds, against = (
        dict(zip(table["condition"], table[name], strict=True))
        for name in ("holds", "contradicted")
    )
    verdict = _verdict(holds, against, axis, terms)
    words = words_of(verdict, table, terms, result.spec, group, direction, axis)
    return Congruence(table, verdict, words, direction, group)


def _bounds(given: object, axis: tuple[str, str]) -> dict[str, tuple[float, float]]:
    if given is None:
        return {}
    known = (*axis, "a1", "a2", "a3", "a5")
    if not isinstance(given, dict) or not set(given) <= set(known):
        raise DesignError(
            f"equivalence must give bounds (low, high) for some of {', '.join(known)}, not "
            f"{given!r}."
        )
    for name, ends in given.items():
        needed = 1.0 if name == axis[1] else 0.0
        if len(ends) != 2 or not ends[0] < needed < ends[1]:
            raise DesignError(
                f"The bounds of '{name}' must be two numbers around {needed:g}, not {ends!r}."
            )
    return {name: (float(low), float(high)) for name, (low, high) in given.items()}


def _terms(
    result: ResponseSurface, group: str, confidence: float, limits: SurfaceBootstrap | None
) -> pd.DataFrame:
    """Return b0-b5, a1-a5 and the axes of the surface, with limits of that level."""
    part = result._part(group)
    names = list(result.linear.params.index)
    L = np.zeros((6, len(names)))
    L[range(6), [names.index(column) for column in part.columns]] = 1.0
    A = geometry.contrasts(geometry.SHAPE, geometry.QUADRATIC) @ L
    rows = result.linear.rows(np.vstack([L, A]), [*geometry.QUADRATIC, *geometry.SHAPE])
    value, error = geometry.axes_with_errors(*result.coefficients(group), part.unit)
    df = result.linear.df_of(np.zeros((6, 1))) if result.linear.fit is None else np.full(6, np.inf)
    both = pd.concat([rows, coefficient_rows(list(geometry.AXES), value, error, df)]).set_index(
        "term"
    )
    if limits is not None:
        prefix = f"{group}:" if group else ""
        draws = limits.draws[[f"{prefix}{term}" for term in both.index]]
        low, high = percentiles(draws, confidence)
        return both.assign(conf_low=low, conf_high=high, p_value=np.nan)
    half = half_width(both["std_error"], both["df"], confidence)
    return both.assign(conf_low=both["estimate"] - half, conf_high=both["estimate"] + half)


def _overall(result: ResponseSurface, group: str) -> tuple[float, float]:
    """Return F and p of b1 to b5 together."""
    b, covariance = result.coefficients(group)
    statistic = float(b[1:] @ np.linalg.solve(covariance[1:, 1:], b[1:])) / 5
    part = result._part(group)
    if result.linear.fit is not None:
        test = result.linear.fit.test(list(part.columns[1:]))
        return test.statistic, test.p_value
    return statistic, f_upper(statistic, 5, float(result.linear.df_of(np.zeros((1, 1)))[0]))


def _conditions(
    terms: pd.DataFrame,
    overall: tuple[float, float],
    alpha: float,
    axis: tuple[str, str],
    lower: bool,
    bounds: dict[str, tuple[float, float]],
) -> pd.DataFrame:
    rows = [
        {
            "condition": "overall", "needed": "b1 to b5 together differ from 0 (F)", "kind": SHOWN,
            "estimate": overall[0], "conf_low": np.nan, "conf_high": np.nan,
            "p_value": overall[1], "holds": overall[1] < alpha,
        }
    ]  # fmt: skip
    for term in (axis[1], axis[0], "a4", "a3", "a5", "a1", "a2"):
        row = terms.loc[term]
        target = 1.0 if term == axis[1] else 0.0
        strict = " (strict only)" if term in ("a1", "a2") else ""
        if term == "a4":
            needed, kind = ("above 0" if lower else "below 0"), SHOWN
            holds = bool(row["conf_low"] > 0 if lower else row["conf_high"] < 0)
        elif term in bounds:
            low, high = bounds[term]
            needed, kind = f"{low:g} to {high:g}{strict}", SHOWN
            holds = bool(low <= row["conf_low"] and row["conf_high"] <= high)
        else:
            needed, kind = f"{target:g}{strict}", KEPT
            holds = bool(row["conf_low"] <= target <= row["conf_high"])
        rows.append(
            {
                "condition": term, "needed": needed, "kind": kind,
                **{c: row[c] for c in ("estimate", "conf_low", "conf_high", "p_value")},
                "holds": holds,
                "contradicted": not row["conf_low"] <= target <= row["conf_high"],
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    # a4 is asked to differ from 0, and the overall test has no interval: nothing to contradict.
    free = table["condition"].isin(["overall", "a4"])
    table["contradicted"] = table["contradicted"].where(~free, other=False).astype(bool)
    # p of "differs from 0" is no test of "is 1"
    return table.assign(p_value=table["p_value"].where(table["condition"] != axis[1]))


def _verdict(
    holds: dict[str, bool], against: dict[str, bool], axis: tuple[str, str], terms: pd.DataFrame
) -> str:
    if not holds["overall"]:
        return "no relation"
    if not holds["a4"]:
        return "no congruence"
    if all(holds[name] for name in (*axis, "a3", "a5")):
        return "strict" if holds["a1"] and holds["a2"] else "broad"
    if not any(against[name] for name in (*axis, "a3", "a5")):
        return "undecided"
    if one_rating(terms):
        return "one-rating curve"
    return "rotated ridge" if against[axis[1]] or against["a5"] else "shifted ridge"
