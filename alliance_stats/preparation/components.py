"""Variance within and between groups in the one-way random-effects model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import f as f_distribution

from .means import counts, means


class Groups(NamedTuple):
    """What the data say about the components: sizes and means of the groups, squares within."""

    n: np.ndarray
    mean: np.ndarray
    squares_within: float

    @property
    def df_within(self) -> int:
        """Return the degrees of freedom of the squares within."""
        return int(self.n.sum()) - len(self.n)

    @property
    def harmonic_size(self) -> float:
        """Return the harmonic mean of the group sizes."""
        return len(self.n) / float((1 / self.n).sum())


class Components(NamedTuple):
    """Variance between groups and within them."""

    between: float
    within: float


def summarise(values: np.ndarray, codes: np.ndarray) -> Groups:
    """Return size, mean and squares within, of groups numbered from 0 without gaps."""
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    mean = means(values, codes, n_groups)
    return Groups(counts(codes, n_groups), mean, float(((values - mean[codes]) ** 2).sum()))


def by_anova(groups: Groups) -> Components:
    """Return the analysis-of-variance estimates; the variance between groups may be negative."""
    n, total = groups.n, groups.n.sum()
    within = groups.squares_within / groups.df_within
    grand = (n * groups.mean).sum() / total
    mean_square_between = (n * (groups.mean - grand) ** 2).sum() / (len(n) - 1)
    size = (total - (n**2).sum() / total) / (len(n) - 1)
    return Components(float((mean_square_between - within) / size), within)


def by_reml(groups: Groups) -> Components:
    """Return the restricted maximum likelihood estimates.

    The deviance depends on the data through the groups' summaries, and after the residual variance
    is profiled out on the ratio between / within alone, so one bounded search finds it.
    """

    def profile(ratio: float) -> tuple[float, float]:
        weights = groups.n / (1 + groups.n * ratio)
        grand = (weights * groups.mean).sum() / weights.sum()
        squares = groups.squares_within + (weights * (groups.mean - grand) ** 2).sum()
        df = groups.n.sum() - 1
        determinants = np.log1p(groups.n * ratio).sum() + np.log(weights.sum())
        return float(determinants + df * np.log(squares / df)), float(squares / df)

    # searched as ratio / (1 + ratio), the intraclass correlation, which has bounds
    found = minimize_scalar(
        lambda icc: profile(icc / (1 - icc))[0],
        bounds=(0.0, 1 - 1e-9),
        method="bounded",
        options={"xatol": 1e-12},
    )
    icc = 0.0 if profile(0.0)[0] <= found.fun else float(found.x)
    within = profile(icc / (1 - icc))[1]
    return Components(within * icc / (1 - icc), within)


def icc_interval(groups: Groups, level: float) -> tuple[float, float]:
    """Return the interval of Thomas & Hultquist (1978): exact where all groups have one size.

    The variance of the group means, times the harmonic size, over the mean square within is the
    ratio (1 + harmonic size x ratio of variances) times a variable that is close to an F.
    """
    df = len(groups.n) - 1, groups.df_within
    size = groups.harmonic_size
    tail = (1 - level) / 2
    cuts = f_distribution.ppf([1 - tail, tail], *df)
    between = size * groups.mean.var(ddof=1)
    within = groups.squares_within / groups.df_within * cuts
    # not by way of their ratio, which is beyond all numbers where values hardly differ within
    over = np.maximum(between - within, 0.0)
    low, high = over / (over + size * within)
    return float(low), float(high)
