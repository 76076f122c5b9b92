"""What a claim in the ledger may compute from the rows it rests on: rows in, one number out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from ..core.results import Z95
from ..errors import DesignError, listing
from ..inference.distributions import t_two_sided
from .effect_sizes import d_from_r
from .pooled import PooledEffects
from .pooling import pool_effects

BESIDE = ("none", "related", "conflict")
"""Kinds of rows that test nothing: a search without result, another quantity, sources at odds."""


def values(rows: pd.DataFrame) -> pd.Series:
    """Return each row's number: its estimate, or its events per n."""
    estimate = pd.to_numeric(rows["estimate"], errors="coerce")
    return estimate.fillna(rows["events"] / rows["n"])


def _only(rows: pd.DataFrame) -> pd.Series:
    if len(rows) != 1:
        raise DesignError(f"This analysis takes one row, not {len(rows)}.")
    return rows.iloc[0]


def value(rows: pd.DataFrame) -> float:
    """Return the number of the one row."""
    _only(rows)
    return float(values(rows).iloc[0])


def lowest(rows: pd.DataFrame) -> float:
    """Return the smallest number."""
    return float(values(rows).min())


def highest(rows: pd.DataFrame) -> float:
    """Return the largest number."""
    return float(values(rows).max())


def highest_upper_end(rows: pd.DataFrame) -> float:
    """Return the largest upper end of an interval."""
    return float(rows["ci_high"].max())


def lowest_read(rows: pd.DataFrame) -> float:
    """Return the smallest number among those that somebody read in their source."""
    return lowest(rows[rows["verified"]])


def highest_read(rows: pd.DataFrame) -> float:
    """Return the largest number among those that somebody read in their source."""
    return highest(rows[rows["verified"]])


def belief_minus_rate(rows: pd.DataFrame) -> float:
    """Return what therapists say of themselves minus the row of another table."""
    said = rows["table"] == "self-assessment"
    return value(rows[said]) - value(rows[~said])


def excess_over_chance(rows: pd.DataFrame) -> float:
    """Return the share minus the tenth of therapists who can be in the best tenth."""
    return value(rows) - 0.10


def d_of_r(rows: pd.DataFrame) -> float:
    """Return the standardised difference that corresponds to the row's correlation."""
    return float(d_from_r(value(rows)))


def variance_explained(rows: pd.DataFrame) -> float:
    """Return the square of the row's correlation."""
    return value(rows) ** 2


def p_of_interval(rows: pd.DataFrame) -> float:
    """Return the two-sided p value that the row's correlation and 95 % interval imply."""
    row = _only(rows)
    width = np.arctanh(row["ci_high"]) - np.arctanh(row["ci_low"])
    return float(t_two_sided(np.arctanh(row["estimate"]) / (width / (2 * Z95))))


def lower_end(rows: pd.DataFrame) -> float:
    """Return the lower end of the row's interval."""
    return float(_only(rows)["ci_low"])


def lowest_lower_end(rows: pd.DataFrame) -> float:
    """Return the smallest lower end of an interval."""
    return float(rows["ci_low"].min())


def count_tests(rows: pd.DataFrame) -> float:
    """Return how many rows test the sentence; what stands beside it, or was not found, does not."""
    return float((~rows["kind"].isin(BESIDE)).sum())


def pool_counts(rows: pd.DataFrame) -> PooledEffects:
    """Pool shares by the binomial-normal model; a share without count is turned into one.

    Not where the share has a precision of its own: n times the share would say another.
    """
    own = rows.reindex(columns=["se", "ci_low", "ci_high"]).notna().any(axis=1)
    uncounted = rows["events"].isna() & own
    if uncounted.any():
        raise DesignError(
            f"Rows {listing(rows.index[uncounted])} have a share with its own se or interval and "
            "no events; n does not make counts of it. Pool them by pool_effects."
        )
    events = rows["events"].fillna((values(rows) * rows["n"]).round())
    return _pool_once(tuple(events), tuple(rows["n"]))


@lru_cache(maxsize=16)
def _pool_once(events: tuple[float, ...], n: tuple[float, ...]) -> PooledEffects:
    """Pool the same counts once, though several claims ask for different ends of the answer."""
    counts = pd.DataFrame({"events": events, "n": n})
    return pool_effects(counts, metric="proportion", method="GLMM", test="wald")


def pooled_share(rows: pd.DataFrame) -> float:
    """Return the pooled share (binomial-normal model): that of the median study."""
    return pool_counts(rows).estimate


def prediction_low(rows: pd.DataFrame) -> float:
    """Return the lower end of where a new study's share may lie."""
    return pool_counts(rows).prediction_low


def prediction_high(rows: pd.DataFrame) -> float:
    """Return the upper end of where a new study's share may lie."""
    return pool_counts(rows).prediction_high


COMPUTED = (
    "belief_minus_rate", "excess_over_chance", "d_of_r", "variance_explained", "p_of_interval",
    "pooled_share", "prediction_low", "prediction_high",
)  # fmt: skip
"""Analyses that make a number no table has; the others give a cell again, or count rows."""

ANALYSES: dict[str, Callable[[pd.DataFrame], float]] = {
    function.__name__: function
    for function in (
        value, lowest, highest, highest_upper_end, lowest_read, highest_read, belief_minus_rate,
        excess_over_chance, d_of_r, variance_explained, p_of_interval, lower_end,
        lowest_lower_end, count_tests, pooled_share, prediction_low, prediction_high,
    )
}  # fmt: skip
