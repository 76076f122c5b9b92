"""Shares of people, each with Wilson's interval: how every share of the package is told."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from ..core.results import TIDY_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def wilson(n: float, of: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share, NaN where nobody is in the denominator."""
    if of == 0:
        return nan, nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, weight = n / of, 1 + z * z / of
    middle = (p + z * z / (2 * of)) / weight
    half = z / weight * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def clustered(
    share: float, error: float, of: float, clusters: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return Wilson's interval of a share of `of` things that come in so many clusters.

    The denominator is the effective one, share (1 - share) / error^2, with the clustered standard
    error. A share of nothing or of all has a standard error of zero, which says nothing of how
    things go together in clusters: there each cluster counts once.
    """
    if not of or not clusters or isnan(share):
        return nan, nan
    if error > 0 and 0 < share < 1:
        effective = min(share * (1 - share) / error**2, of)
    else:
        effective = min(of, clusters)
    return wilson(min(max(share, 0.0), 1.0) * effective, effective, confidence)


def difference(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return the difference of two independent shares with its interval.

    Each is given with its own interval, from which that of the difference is made (Zou & Donner
    2008, doi 10.1002/sim.3095): of Wilson's intervals, it is Newcombe's (1998, method 10).

    Examples
    --------
    >>> one, other = (56 / 70, *wilson(56, 70)), (48 / 80, *wilson(48, 80))
    >>> [round(end, 4) for end in difference(one, other)]
    [0.2, 0.0524, 0.3339]
    """
    (p, low, high), (q, q_low, q_high) = first, second
    apart = p - q
    below, above = (
        sqrt((p - low) ** 2 + (q_high - q) ** 2),
        sqrt((high - p) ** 2 + (q - q_low) ** 2),
    )
    return apart, apart - below, apart + above


def share_rows(counts: Mapping[str, int], of: int, confidence: float = 0.95) -> pd.DataFrame:
    """Return a row of `tidy` for each count: its share of `of`."""
    import pandas as pd

    rows = []
    for term, n in counts.items():
        p = n / of if of else nan
        low, high = wilson(n, of, confidence)
        error = sqrt(p * (1 - p) / of) if of else nan
        rows.append({"effect": "fixed", "group": "", "term": term, "estimate": p,
                     "std_error": error, "conf_low": low, "conf_high": high})  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=list(TIDY_COLUMNS))
