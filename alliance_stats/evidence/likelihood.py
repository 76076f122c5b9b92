"""REML of random-effects synthesis, with one or two variance components.

Effects ``y`` with known sampling variances ``v``; between effects a variance, and, where effects
come in clusters (several of one study), another between clusters. Clusters are independent, so
everything is a sum over them, and each cluster's covariance is a diagonal plus a constant: its
inverse and determinant are closed forms (Sherman-Morrison). The intercept-only model and
meta-regression are the same code with another X.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize


@dataclass(frozen=True)
class Effects:
    """What a synthesis needs: effects, sampling variances, predictors, cluster codes 0..J-1."""

    y: np.ndarray
    v: np.ndarray
    x: np.ndarray
    cluster: np.ndarray | None = None

    @property
    def df(self) -> int:
        """Effects minus coefficients."""
        return len(self.y) - self.x.shape[1]

    @property
    def n_clusters(self) -> int:
        """Number of clusters (of effects, where there are no clusters)."""
        return len(self.y) if self.cluster is None else int(self.cluster.max()) + 1


@dataclass(frozen=True)
class Solution:
    """Coefficients and their covariance for given variances."""

    beta: np.ndarray
    cov: np.ndarray
    loglik: float


def solve(effects: Effects, within: float, between: float = 0.0, *, reml: bool = True) -> Solution:
    """Return generalised least squares and the (restricted) log-likelihood.

    `within` is the variance between effects (of one cluster), `between` that between clusters.
    """
    w = 1 / (effects.v + within)
    columns = np.column_stack([effects.x, effects.y])
    cross = (columns * w[:, None]).T @ columns
    logdet = -float(np.log(w).sum())
    if effects.cluster is not None:
        n = effects.n_clusters
        weight = np.bincount(effects.cluster, w, minlength=n)
        sums = np.stack([np.bincount(effects.cluster, w * c, minlength=n) for c in columns.T])
        shrink = between / (1 + between * weight)
        cross -= (sums * shrink) @ sums.T
        logdet += float(np.log1p(between * weight).sum())
    p = effects.x.shape[1]
    cov = np.linalg.inv(cross[:p, :p])
    beta = cov @ cross[:p, p]
    rss = float(cross[p, p] - cross[:p, p] @ beta)
    loglik = -0.5 * (len(effects.y) * np.log(2 * np.pi) + logdet + rss)
    if reml:
        # metafor's constant: the restricted likelihood of orthonormal contrasts.
        loglik += 0.5 * p * np.log(2 * np.pi)
        loglik += 0.5 * (_logdet(effects.x.T @ effects.x) - _logdet(cross[:p, :p]))
    return Solution(beta, cov, loglik)


def _logdet(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def estimate_variances(effects: Effects, *, reml: bool = True) -> tuple[float, float]:
    """Return the variances (between effects, between clusters) that maximise the likelihood."""
    scale = max(float(np.var(effects.y)), float(effects.v.mean()), 1e-12)
    if effects.cluster is None:
        return _one_variance(effects, scale, reml), 0.0

    def objective(logs: np.ndarray) -> float:
        return -solve(effects, *(np.square(logs) * scale), reml=reml).loglik

    starts = [np.array(s) for s in ((0.5, 0.5), (0.1, 0.9), (0.9, 0.1), (0.05, 0.05))]
    found = [_polish(objective, start) for start in starts]
    best = min(found, key=lambda result: result.fun)
    within, between = np.square(best.x) * scale
    return float(_to_zero(within, scale)), float(_to_zero(between, scale))


def _one_variance(effects: Effects, scale: float, reml: bool) -> float:
    """Maximise over one variance on the scale of its root; a grid guards against two modes."""

    def objective(root: float) -> float:
        return -solve(effects, root**2 * scale, reml=reml).loglik

    grid = np.concatenate([[0.0], np.geomspace(1e-3, 10.0, 60)])
    values = [objective(root) for root in grid]
    best = int(np.argmin(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(
        objective, bounds=(low, high), method="bounded", options={"xatol": 1e-10}
    )
    root = found.x if found.fun < values[best] else grid[best]
    return _to_zero(float(root) ** 2 * scale, scale)


def _polish(objective, start: np.ndarray) -> optimize.OptimizeResult:
    rough = optimize.minimize(objective, start, method="L-BFGS-B", bounds=[(0, None)] * 2)
    return optimize.minimize(
        objective,
        np.maximum(rough.x, 1e-4),
        method="Nelder-Mead",
        bounds=[(0, None)] * 2,
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000},
    )


def _to_zero(variance: float, scale: float) -> float:
    """A variance this far below the spread of the effects is the boundary, not an estimate."""
    return 0.0 if variance < 1e-9 * scale else variance


def q_statistic(effects: Effects, variance: float = 0.0) -> float:
    """Return Cochran's Q (generalised, where `variance` is added to the sampling variances)."""
    w = 1 / (effects.v + variance)
    solution = solve(effects, variance)
    residual = effects.y - effects.x @ solution.beta
    return float(w @ residual**2)
