"""The verdict on congruence: every condition, never a single parameter.

Humberg, Nestler & Back (2019, doi 10.1177/1948550618757600).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from ..errors import DesignError, did_you_mean
from ..results import Result
from . import surface_math as geometry
from .linear import rows_of

if TYPE_CHECKING:
    from .surface_result import ResponseSurface

DIRECTIONS = ("higher_is_better", "lower_is_better")
CAVEATS = (
    "A condition that is 'not contradicted' is not shown: wide intervals contradict nothing.",
    "A quadratic surface cannot say which direction of mismatch goes with worse outcome.",
    "The surface describes an association; it does not show that agreement causes outcome.",
)


@dataclass(frozen=True, eq=False)
class Congruence(Result):
    """The conditions of a congruence effect, and what may be claimed.

    Attributes
    ----------
    table
        ``condition, needed, kind, estimate, conf_low, conf_high, p_value, holds``. ``kind`` is
        ``must be shown`` or ``must not be contradicted``.
    verdict
        ``strict``, ``broad``, ``shifted ridge``, ``no congruence`` or ``no relation``.
    words
        What may be said.
    """

    table: pd.DataFrame
    verdict: str
    words: str
    direction: str
    group: str = ""
    messages: tuple[str, ...] = CAVEATS
    title: str = "Congruence"

    @property
    def holds(self) -> bool:
        """Whether every condition of a broad congruence effect holds."""
        return self.verdict in ("broad", "strict")

    def tidy(self) -> pd.DataFrame:
        """Return the terms the conditions are about, with the glossary's columns."""
        table = self.table.rename(columns={"condition": "term"})
        out = table.assign(effect="fixed", group=self.group)
        from ..results import TIDY_COLUMNS

        return out.reindex(columns=list(TIDY_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """Return verdict and direction in one row."""
        return pd.DataFrame([{"verdict": self.verdict, "direction": self.direction}])

    def summary(self) -> str:
        """Return conditions and verdict as text."""
        return "\n\n".join([self.table.to_string(index=False), self.words, *self.messages])


def congruence(
    result: ResponseSurface, group: str, direction: str = "higher_is_better", level: float = 0.95
) -> Congruence:
    """Is it agreement of the ratings that goes with a better outcome?

    A broad congruence effect needs all of: the predictors explain anything at all; the first
    principal axis lies on the line of congruence (p10 is 0 and p11 is 1); the surface falls to
    both sides of it (a4 below 0, shown); no slope across (a3 is 0); no difference of the
    curvatures (a5 is 0). The strict effect needs besides that level does not matter (a1 and a2
    are 0).

    Parameters
    ----------
    direction
        ``lower_is_better`` for symptoms: the surface is turned over first, so that all numbers
        of the table speak of a better outcome.
    """
    if direction not in DIRECTIONS:
        raise DesignError(
            f"direction must be 'higher_is_better' or 'lower_is_better', not {direction!r}."
            f"{did_you_mean(direction, DIRECTIONS)}"
        )
    if result.spec.cubic:
        raise DesignError(
            "These conditions are those of the quadratic surface: fit without cubic=True. Of the "
            "cubic one, loic_cubic tells whether the fall differs between the sides."
        )
    terms = _terms(result, group, -1.0 if direction == "lower_is_better" else 1.0, level)
    table = _conditions(terms, _overall(result, group), 1 - level)
    verdict = _verdict(dict(zip(table["condition"], table["holds"], strict=True)))
    return Congruence(table, verdict, _words(verdict, table, result), direction, group)


def _terms(result: ResponseSurface, group: str, sign: float, level: float) -> pd.DataFrame:
    """Return a1-a5, p10 and p11 of the surface, turned over where lower is better."""
    part = next(p for p in result.parts if p.group == group)
    names = list(result.linear.params.index)
    L = np.zeros((6, len(names)))
    L[range(6), [names.index(column) for column in part.columns]] = sign
    A = geometry.contrasts(geometry.SHAPE, geometry.QUADRATIC) @ L
    rows = result.linear.rows(A, list(geometry.SHAPE))
    b, covariance = result.coefficients(group)
    value, error = geometry.axes_with_errors(sign * b, covariance)
    df = result.linear.df_of(np.zeros((6, 1))) if result.linear.fit is None else np.full(6, np.inf)
    both = pd.concat([rows, rows_of(list(geometry.AXES), value, error, df)]).set_index("term")
    half = stats.t.ppf((1 + level) / 2, both["df"]) * both["std_error"]
    return both.assign(conf_low=both["estimate"] - half, conf_high=both["estimate"] + half)


def _overall(result: ResponseSurface, group: str) -> tuple[float, float]:
    """Return F and p of b1 to b5 together."""
    b, covariance = result.coefficients(group)
    statistic = float(b[1:] @ np.linalg.solve(covariance[1:, 1:], b[1:])) / 5
    part = next(p for p in result.parts if p.group == group)
    if result.linear.fit is not None:
        test = result.linear.fit.test(list(part.columns[1:]))
        return test.statistic, test.p_value
    df = float(result.linear.df_of(np.zeros((1, 1)))[0])
    return statistic, float(stats.f.sf(statistic, 5, df))


SHOWN, KEPT = "must be shown", "must not be contradicted"


def _conditions(terms: pd.DataFrame, overall: tuple[float, float], alpha: float) -> pd.DataFrame:
    rows = [
        {
            "condition": "overall", "needed": "b1 to b5 together differ from 0 (F)", "kind": SHOWN,
            "estimate": overall[0], "conf_low": np.nan, "conf_high": np.nan,
            "p_value": overall[1], "holds": overall[1] < alpha,
        }
    ]  # fmt: skip
    targets = {"p11": 1.0, "p10": 0.0, "a4": None, "a3": 0.0, "a5": 0.0, "a1": 0.0, "a2": 0.0}
    for term, target in targets.items():
        row = terms.loc[term]
        if target is None:
            needed, kind, holds = "below 0", SHOWN, bool(row["conf_high"] < 0)
        else:
            strict = " (strict only)" if term in ("a1", "a2") else ""
            needed, kind = f"{target:g}{strict}", KEPT
            holds = bool(row["conf_low"] <= target <= row["conf_high"])
        rows.append(
            {
                "condition": term,
                "needed": needed,
                "kind": kind,
                **{c: row[c] for c in ("estimate", "conf_low", "conf_high", "p_value")},
                "holds": holds,
            }
        )
    table = pd.DataFrame(rows)
    # p of "differs from 0" is no test of "is 1"
    return table.assign(p_value=table["p_value"].where(table["condition"] != "p11"))


def _verdict(holds: dict[str, bool]) -> str:
    if not holds["overall"]:
        return "no relation"
    if not holds["a4"]:
        return "no congruence"
    if not all(holds[name] for name in ("p10", "p11", "a3", "a5")):
        return "shifted ridge"
    return "strict" if holds["a1"] and holds["a2"] else "broad"


def _words(verdict: str, table: pd.DataFrame, result: ResponseSurface) -> str:
    failed = table.loc[~table["holds"].astype(bool), "condition"].tolist()
    x, y = result.spec.x, result.spec.y
    if verdict == "no relation":
        return f"{x} and {y} together do not explain the outcome; nothing may be said of agreement."
    if verdict == "no congruence":
        slope = table.set_index("condition").loc["a3"]
        side = ""
        if not slope["holds"]:
            higher = x if slope["estimate"] > 0 else y
            side = (
                f" The slope across (a3) says that sessions in which {higher} is the higher one go "
                "with better outcome near the middle; that is a direction of the gap, not "
                "agreement."
            )
        return (
            "No congruence effect: the surface is not shown to fall to both sides of the line of "
            f"agreement (a4).{side}"
        )
    if verdict == "shifted ridge":
        return (
            "Some combination of the ratings goes with the best outcome, but it is not agreement: "
            f"{', '.join(failed)} {'do' if len(failed) > 1 else 'does'} not meet the condition "
            "(a1 and a2 matter for the strict effect only)."
        )
    if verdict == "broad":
        return (
            "All conditions of a broad congruence effect are met: at a given level, outcome is "
            "better the closer the ratings are, and it also depends on their level (a1, a2)."
        )
    return (
        "All conditions of a strict congruence effect are met: outcome is better the closer the "
        "ratings are, and no dependence on their level is shown."
    )
