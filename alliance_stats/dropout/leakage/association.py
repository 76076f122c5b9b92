"""How strongly a column of any type goes with how a therapy ended and how long it was.

Nothing here depends on the order of rows or on the names of categories. Categories are judged by
what they tell of clients they were not learnt from, so that many small ones do not look telling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from ...core.dates import dates_of, days, in_days

LEAST = 5  # clients on each side before an area is looked at
_FEW = 12  # numbers with at most so many values are judged as categories too
_BINS = 8
_PRIOR = 2.0  # clients at the overall rate added to each category


@dataclass(frozen=True)
class Judged:
    """A column as numbers (None for words), as categories, and where it is missing."""

    numbers: np.ndarray | None
    levels: np.ndarray
    missing: np.ndarray
    is_date: bool


def read(column: pd.Series) -> Judged:
    """Return a column in the forms it is judged in."""
    missing = column.isna().to_numpy()
    dates = dates_of(column)
    numbers = days(dates) if dates is not None else _numbers(column)
    levels = pd.factorize(column.astype(object), sort=False)[0]
    if numbers is not None:
        known = numbers[np.isfinite(numbers)]
        levels = _binned(numbers) if len(np.unique(known)) > _FEW else pd.factorize(numbers)[0]
    return Judged(numbers, levels, missing, dates is not None)


def _numbers(column: pd.Series) -> np.ndarray | None:
    if types.is_timedelta64_dtype(column.dtype):
        return in_days(column)
    if types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan)
    # "7 months", "about 12": one number in each text, which is what the text says.
    text = column.dropna().astype(str)
    found = text.str.extract(r"^\D*(\d+(?:[.,]\d+)?)\D*$")[0]
    if len(found) == 0 or found.isna().any():
        return None
    value = found.str.replace(",", ".").astype(float).reindex(column.index)
    return value.to_numpy(dtype=float)


def _binned(numbers: np.ndarray) -> np.ndarray:
    ranks = pd.Series(numbers).rank(method="average", pct=True)
    codes = np.ceil(ranks.to_numpy() * _BINS)
    return np.where(np.isfinite(codes), codes, -1).astype(int)


def separation(column: Judged, target: np.ndarray) -> tuple[float, float]:
    """Return the largest area under the curve by which a column parts `target`, and its low end.

    Looked at: its order, its categories, and whether it is missing at all. The low end is the
    area less 1.96 Hanley-McNeil errors.
    """
    areas = [_area_of_levels(column.levels, target), _area(column.missing.astype(float), target)]
    if column.numbers is not None:
        areas.append(_area(column.numbers, target))
    return max(areas, key=lambda found: found[1])


def _area(values: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    known = np.isfinite(values) & np.isfinite(target)
    values, target = values[known], target[known]
    m, n = int(target.sum()), int((1 - target).sum())
    if min(m, n) < LEAST:
        return 0.5, 0.0
    order = pd.Series(values).rank().to_numpy()[target == 1].sum()
    area = (order - m * (m + 1) / 2) / (m * n)
    return _with_low_end(float(max(area, 1 - area)), m, n)


def _area_of_levels(levels: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Return the area of the categories' rates, each client's pair left out of its own rate."""
    known = (levels >= 0) & np.isfinite(target)
    codes = pd.factorize(levels[known])[0]
    y = target[known]
    m, n = int(y.sum()), int((1 - y).sum())
    if min(m, n) < LEAST:
        return 0.5, 0.0
    gone = np.bincount(codes, weights=y)
    stay = np.bincount(codes, weights=1 - y)
    size = gone + stay
    prior = _PRIOR * y.mean()
    of_gone = (gone - 1 + prior) / (size - 1 + _PRIOR)  # the rate without one who left
    of_stay = (gone + prior) / (size - 1 + _PRIOR)  # and without one who stayed
    right = (of_gone[:, None] > of_stay) + 0.5 * (of_gone[:, None] == of_stay)
    np.fill_diagonal(right, 0.5)
    return _with_low_end(float(gone @ right @ stay / (m * n)), m, n)


def _with_low_end(area: float, m: int, n: int) -> tuple[float, float]:
    # Kept off 1, where the formula gives no error at all to a handful of clients.
    safe = min(max(area, 0.5), 1 - 0.5 / (m * n))
    q1, q2 = safe / (2 - safe), 2 * safe**2 / (1 + safe)
    spread = safe * (1 - safe) + (m - 1) * (q1 - safe**2) + (n - 1) * (q2 - safe**2)
    return area, safe - 1.96 * float(np.sqrt(spread / (m * n)))


def with_length(column: Judged, last: np.ndarray, rows: np.ndarray | None = None) -> float:
    """Return how strongly a column goes with the number of sessions: 0 not at all, 1 wholly.

    The largest of the rank correlation of its numbers, the correlation ratio (corrected for the
    number of categories) of its categories, and the rank correlation of its being missing.
    """
    use = np.ones(len(last), dtype=bool) if rows is None else rows
    found = [
        _ratio(column.levels[use], last[use]),
        rank_correlation(column.missing[use].astype(float), last[use]),
    ]
    if column.numbers is not None:
        found.append(rank_correlation(column.numbers[use], last[use]))
    return max(found)


def rank_correlation(a: np.ndarray, b: np.ndarray, *, least: int = 10) -> float:
    """Return the absolute rank correlation; 0 with fewer than `least` clients."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < least:
        return 0.0
    return correlation(pd.Series(a[known]).rank().to_numpy(),
                       pd.Series(b[known]).rank().to_numpy(), least=least)  # fmt: skip


def correlation(a: np.ndarray, b: np.ndarray, *, least: int = 10) -> float:
    """Return the absolute correlation; 0 where a column does not vary."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < least or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return 0.0
    a, b = a[known] - a[known].mean(), b[known] - b[known].mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(abs(a @ b) / size) if size > 0 else 0.0


def _ratio(levels: np.ndarray, last: np.ndarray) -> float:
    """Return the root of omega squared of the ranks of `last` by category."""
    known = (levels >= 0) & np.isfinite(last)
    codes = pd.factorize(levels[known])[0]
    ranks = pd.Series(last[known]).rank().to_numpy()
    n, k = len(ranks), len(np.unique(codes))
    if n < 10 or k < 2 or n < 2 * k:
        return 0.0
    means = np.bincount(codes, weights=ranks) / np.bincount(codes)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    inside = float(((ranks - means[codes]) ** 2).sum())
    error = inside / (n - k)
    omega = (total - inside - (k - 1) * error) / (total + error) if total > 0 else 0.0
    return float(np.sqrt(max(omega, 0.0)))
