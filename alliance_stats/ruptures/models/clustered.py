"""Least squares with errors of a moving average, and standard errors that clients carry.

`fit_differences` is generalised least squares for first differences: neighbouring differences
share a session, so their errors correlate by rho (zero at longer distance). Standard errors are CR2
with clients as clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...inference.cluster_robust import BiasReduced, Cluster, runs
from ...inference.rows import coefficient_rows

Array = npt.NDArray[Any]
Runs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Weighted:
    """A fit: coefficients, their model-based covariance, errors and what was assumed of them."""

    coef: Array
    inverse: Array
    variance: float
    resid: Array
    rho: float
    log_likelihood: float


def working(length: int, rho: float) -> Array:
    """Return the working correlation of so many differences in a row."""
    matrix = np.eye(length)
    beside = np.arange(length - 1)
    matrix[beside, beside + 1] = matrix[beside + 1, beside] = rho
    return matrix


def _by_length(table: Array, start: Runs) -> list[Array]:
    """Return the runs stacked by their length: (runs, length, columns)."""
    length = np.diff(np.append(start, len(table)))
    stacks = []
    for n in np.unique(length):
        rows = start[length == n][:, None] + np.arange(n)
        stacks.append(table[rows])
    return stacks


def _evaluate(stacks: list[Array], rho: float, p: int) -> tuple[Array, Array, float, float]:
    """Return cross-products, coefficients, residual variance and the restricted likelihood."""
    cross, log_det, n = np.zeros((p + 1, p + 1)), 0.0, 0
    for stack in stacks:
        runs, length, _ = stack.shape
        root = np.linalg.cholesky(working(length, rho))
        white = np.linalg.solve(root, stack).reshape(runs * length, p + 1)
        cross += white.T @ white
        log_det += 2 * runs * float(np.log(np.diag(root)).sum())
        n += runs * length
    xx, xy = cross[:p, :p], cross[:p, p]
    coef = np.linalg.solve(xx, xy)
    rss = float(cross[p, p] - xy @ coef)
    variance = rss / (n - p)
    log_xx = float(np.linalg.slogdet(xx)[1])
    likelihood = -0.5 * (log_det + log_xx + (n - p) * (np.log(2 * np.pi * variance) + 1))
    return xx, coef, variance, float(likelihood)


def fit_differences(x: Array, y: Array, start: Runs, rho: float | None = None) -> Weighted:
    """Fit y = x b with errors that correlate by rho between neighbours of one run.

    Parameters
    ----------
    x, y
        Predictors (intercept included) and response, sorted by run.
    start
        The first row of each run of neighbours.
    rho
        The correlation; estimated by restricted maximum likelihood where None, as
        theta / (1 + theta^2) with theta between -1 and 1 (a moving average that can be inverted).
    """
    from scipy.optimize import minimize_scalar

    p = x.shape[1]
    stacks = _by_length(np.column_stack([x, y]), start)

    def lack(theta: float) -> float:
        return -_evaluate(stacks, theta / (1 + theta**2), p)[3]

    if rho is None:
        best = minimize_scalar(lack, bounds=(-0.9999, 0.9999), options={"xatol": 1e-10})
        rho = float(best.x / (1 + best.x**2))
    xx, coef, variance, likelihood = _evaluate(stacks, rho, p)
    return Weighted(coef, np.linalg.inv(xx), variance, y - x @ coef, rho, likelihood)


def least_squares(x: Array, y: Array, codes: npt.NDArray) -> tuple[Array, Array, int]:
    """Return coefficients, their CR2 covariance over clusters, and the number of clusters."""
    order = np.argsort(codes, kind="stable")
    x, y = x[order], y[order]
    inverse = np.linalg.inv(x.T @ x)
    coef = inverse @ (x.T @ y)
    resid = y - x @ coef
    clusters = [
        Cluster(x[rows], np.eye(rows.stop - rows.start), resid[rows]) for rows in runs(codes[order])
    ]
    return coef, BiasReduced(clusters, inverse).covariance, len(clusters)


def contrast_rows(
    names: Sequence[str], coef: Array, covariance: Array, df: float, contrasts: Array | None = None
) -> pd.DataFrame:
    """Return coefficients (or contrasts of them) with t tests as the columns of ``tidy()``."""
    L = np.eye(len(coef)) if contrasts is None else contrasts
    estimate = L @ coef
    error = np.sqrt(np.maximum(np.diag(L @ covariance @ L.T), 0.0))
    return coefficient_rows(list(names), estimate, error, float(df))
