"""Do all items show the same gap? Their spread without sampling error, and a test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

Array = np.ndarray


@dataclass(frozen=True)
class SameGaps:
    """SD of the items' gaps, sampling error taken off, and the F test that they are equal."""

    sd: float
    statistic: float
    df_num: float
    df: float
    p_value: float


def same_gaps(gaps: Array, codes: Array) -> SameGaps:
    """Return the spread of the columns' means (dyads by items), whole clusters respected.

    The covariance of the means is that between clusters' sums of deviations. Hotelling's T2 of
    k - 1 differences with G clusters is F with k - 1 and G - k + 1 degrees of freedom.
    """
    n, k = gaps.shape
    mean = gaps.mean(axis=0)
    total = np.zeros((int(codes.max()) + 1, k))
    np.add.at(total, codes, gaps - mean)
    G = len(total)
    V = total.T @ total / n**2 * G / max(G - 1, 1)
    centring = np.eye(k) - 1 / k
    inside = centring @ V @ centring
    variance = mean.var(ddof=1) - np.trace(inside) / (k - 1)
    sd = float(np.sqrt(max(variance, 0.0)))
    free = G - k + 1
    scale = np.abs(np.diag(V)).max()
    if free < 2 or not scale > 0:
        return SameGaps(sd, np.nan, np.nan, np.nan, np.nan)
    contrasts = np.eye(k)[1:] - np.eye(k)[:1]
    difference, C = contrasts @ mean, contrasts @ V @ contrasts.T
    if np.linalg.matrix_rank(C, tol=1e-10 * np.abs(C).max()) < k - 1:
        return SameGaps(sd, np.nan, np.nan, np.nan, np.nan)
    t2 = float(difference @ np.linalg.solve(C, difference))
    statistic = t2 * free / ((k - 1) * (G - 1))
    p = float(f_distribution.sf(statistic, k - 1, free))
    return SameGaps(sd, statistic, k - 1.0, float(free), p)
