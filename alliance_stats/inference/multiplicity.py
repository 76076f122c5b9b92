"""Tests and intervals of several contrasts at once."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .distributions import half_width

Adjust = Literal["none", "holm", "bonferroni", "tukey"]
ADJUST = ("none", "holm", "bonferroni", "tukey")


def adjusted_p(p: np.ndarray, adjust: Adjust, statistic: np.ndarray, df: np.ndarray,
               n_means: int) -> np.ndarray:  # fmt: skip
    """Return p values adjusted for their number; ``tukey`` for all pairs of `n_means` means.

    Those that are missing stay so, and do not count.

    Examples
    --------
    >>> p = np.array([0.01, 0.04, np.nan, 0.03])
    >>> adjusted_p(p, "holm", p, p, 3).round(2).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    told = ~np.isnan(p)
    if not told.all():
        found = np.full(len(p), np.nan)
        found[told] = adjusted_p(p[told], adjust, statistic[told], df[told], n_means)
        return found
    if adjust == "holm":
        order = np.argsort(p, kind="stable")
        raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
        found = np.empty(len(p))
        found[order] = np.minimum(raised, 1.0)
        return found
    if adjust == "bonferroni":
        return np.minimum(p * len(p), 1.0)
    if adjust == "tukey" and n_means > 2:
        from scipy.stats import studentized_range

        return np.asarray(studentized_range.sf(np.abs(statistic) * np.sqrt(2.0), n_means, df))
    return p


def half_widths(
    std_error: np.ndarray, df: np.ndarray, confidence: float, adjust: Adjust, n_means: int
) -> np.ndarray:
    """Return half the widths of intervals that hold together under ``bonferroni`` and ``tukey``.

    Holm's method has no intervals of its own: there, as without adjustment, each holds by itself.
    Errors that are missing do not count, as in `adjusted_p`.
    """
    if adjust == "bonferroni":
        confidence = 1.0 - (1.0 - confidence) / max(int((~np.isnan(std_error)).sum()), 1)
    elif adjust == "tukey" and n_means > 2:
        from scipy.stats import studentized_range

        quantile = studentized_range.ppf(confidence, n_means, df) / np.sqrt(2.0)
        return np.asarray(quantile * std_error)
    return np.asarray(half_width(std_error, df, confidence))
