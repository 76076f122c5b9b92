"""Means and straight lines of many groups at once, from sums over rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def counts(codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the number of rows of each group."""
    return np.bincount(codes, minlength=n_groups)


def means(values: np.ndarray, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the mean of each group, NaN for a group without rows.

    Two passes: the second removes the rounding error that sums of large numbers leave in the first.
    """
    n = counts(codes, n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.bincount(codes, values, n_groups) / n
        return first + np.bincount(codes, values - first[codes], n_groups) / n


class Lines(NamedTuple):
    """The least-squares line of each group: NaN where it has fewer than `MINIMUM_POINTS`."""

    level: np.ndarray
    slope: np.ndarray
    time: np.ndarray
    n: np.ndarray


# Two points lie on their line exactly: what is left says nothing about the client.
MINIMUM_POINTS = 3


def lines(values: np.ndarray, times: np.ndarray, codes: np.ndarray, n_groups: int) -> Lines:
    """Return each group's line as its mean level, its slope and its mean time."""
    level, time = means(values, codes, n_groups), means(times, codes, n_groups)
    apart = times - time[codes]
    spread = np.bincount(codes, apart**2, n_groups)
    together = np.bincount(codes, apart * (values - level[codes]), n_groups)
    n = counts(codes, n_groups)
    usable = (n >= MINIMUM_POINTS) & (spread > 0)
    slope = np.full(n_groups, np.nan)
    slope[usable] = together[usable] / spread[usable]
    return Lines(level, slope, time, n)
