"""REML of random-effects synthesis, with one or two variance components.

Effects ``y`` with known sampling variances ``v``; between effects a variance, and, where effects
come in clusters (several of one study), another between clusters. Clusters are independent, so
everything is a sum over them, and each cluster's covariance is a diagonal plus a constant: its
inverse and determinant are closed forms (Sherman-Morrison). The intercept-only model and
meta-regression are the same code with another X.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def basis(self) -> tuple[np.ndarray, np.ndarray]:
        """Orthonormal columns that span the predictors, and the triangle that turns them back."""
        return np.linalg.qr(self.x)

    @cached_property
    def start(self) -> np.ndarray:
        """Least squares in that basis."""
        return self.basis[0].T @ self.y

    @cached_property
    def residual(self) -> np.ndarray:
        """What least squares leaves: sums of its squares keep their digits far from zero."""
        return self.y - self.basis[0] @ self.start

    @cached_property
    def scale(self) -> float:
        """A variance of the effects' own order of size, so that no step depends on their unit."""
        typical = len(self.v) / float((1 / self.v).sum())
        return max(float(np.mean(self.residual**2)), typical)


@dataclass(frozen=True)
class Solution:
    """Coefficients and their covariance for given variances."""

    beta: np.ndarray
    cov: np.ndarray
    loglik: float


def solve(effects: Effects, within: float, between: float = 0.0, *, reml: bool = True) -> Solution:
    """Return generalised least squares and the (restricted) log-likelihood.

    `within` is the variance between effects (of one cluster), `between` that between clusters.
    Least squares is taken off first and the predictors are made orthonormal: neither changes the
    answer, and effects far from zero or years near 2000 lose no digits.
    """
    w = 1 / (effects.v + within)
    q, triangle = effects.basis
    columns = np.column_stack([q, effects.residual])
    cross = (columns * w[:, None]).T @ columns
    logdet = -float(np.log(w).sum())
    if effects.cluster is not None:
        n = effects.n_clusters
        weight = np.bincount(effects.cluster, w, minlength=n)
        sums = np.stack([np.bincount(effects.cluster, w * c, minlength=n) for c in columns.T])
        shrink = between / (1 + between * weight)
        cross -= (sums * shrink) @ sums.T
        logdet += float(np.log1p(between * weight).sum())
    p = q.shape[1]
    inner = np.linalg.inv(cross[:p, :p])
    change = inner @ cross[:p, p]
    rss = float(cross[p, p] - cross[:p, p] @ change)
    loglik = -0.5 * (len(effects.y) * np.log(2 * np.pi) + logdet + rss)
    if reml:
        # metafor's constant: the restricted likelihood of orthonormal contrasts.
        loglik += 0.5 * p * np.log(2 * np.pi) - 0.5 * float(np.linalg.slogdet(cross[:p, :p])[1])
    back = np.linalg.inv(triangle)
    return Solution(back @ (effects.start + change), back @ inner @ back.T, loglik)


def estimate_variances(effects: Effects, *, reml: bool = True) -> tuple[float, float]:
    """Return the variances (between effects, between clusters) that maximise the likelihood."""
    scale = effects.scale
    if effects.cluster is None:
        return _one_variance(effects, scale, reml), 0.0

    def objective(logs: np.ndarray) -> float:
        return -solve(effects, *(np.square(logs) * scale), reml=reml).loglik

    starts = [np.array(s) for s in ((0.5, 0.5), (0.1, 0.9), (0.9, 0.1), (0.05, 0.05))]
    found = [_polish(objective, start) for start in starts]
    best = min(found, key=lambda result: result.fun)
    within, between = np.square(best.x) * scale
    return float(_to_zero(within, scale)), float(_to_zero(between, scale))


def tau2_of(effects: Effects, method: str) -> float:
    """Return the variance between independent effects by one of REML, ML, DL, EE."""
    if method == "EE" or effects.df == 0:
        return 0.0
    if method == "DL":
        q, _ = effects.basis
        w = 1 / effects.v
        inner = np.linalg.inv((q * w[:, None]).T @ q)
        trace = w.sum() - float(np.trace(inner @ ((q * w[:, None] ** 2).T @ q)))
        return max(0.0, (q_statistic(effects) - effects.df) / trace)
    return estimate_variances(effects, reml=method == "REML")[0]


def _one_variance(effects: Effects, scale: float, reml: bool) -> float:
    """Find the highest likelihood on a grid, then the zero of its slope beside it."""

    def objective(root: float) -> float:
        return -solve(effects, root**2 * scale, reml=reml).loglik

    grid = np.concatenate([[0.0], np.geomspace(1e-3, 10.0, 60)])
    values = [objective(root) for root in grid]
    best = int(np.argmin(values))
    low, high = (grid[max(best - 1, 0)] ** 2, grid[min(best + 1, len(grid) - 1)] ** 2)
    if _slope(effects, low * scale, reml) <= 0 or _slope(effects, high * scale, reml) >= 0:
        return float(grid[best]) ** 2 * scale  # the edge: zero
    root = optimize.brentq(
        lambda x: _slope(effects, x * scale, reml), low, high, xtol=1e-14, rtol=1e-13
    )
    return _to_zero(float(root) * scale, scale)


def _slope(effects: Effects, variance: float, reml: bool) -> float:
    """Return the derivative of the (restricted) log-likelihood by the variance."""
    w = 1 / (effects.v + variance)
    q, _ = effects.basis
    inner = np.linalg.inv((q * w[:, None]).T @ q)
    residual = effects.residual - q @ (inner @ (q.T @ (w * effects.residual)))
    trace = float(w.sum())
    if reml:
        trace -= float(np.trace(inner @ ((q * w[:, None] ** 2).T @ q)))
    return 0.5 * (float((w * residual) @ (w * residual)) - trace)


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
    q, _ = effects.basis
    change = np.linalg.solve((q * w[:, None]).T @ q, q.T @ (w * effects.residual))
    return float(w @ (effects.residual - q @ change) ** 2)


def containment_df(effects: Effects) -> np.ndarray:
    """Return each coefficient's degrees of freedom in three levels.

    Clusters less coefficients where the predictor is one number within every cluster (so for the
    intercept: what is the same for all effects of a study is known from as many studies as there
    are), else effects less coefficients. metafor's ``dfs="contain"``.
    """
    assert effects.cluster is not None
    p, j = effects.x.shape[1], effects.n_clusters
    constant = [
        all(np.ptp(column[effects.cluster == c]) == 0 for c in range(j)) for column in effects.x.T
    ]
    return np.maximum([(j if same else len(effects.y)) - p for same in constant], 1).astype(float)


def knapp_hartung_scale(effects: Effects, variance: float) -> tuple[float, str]:
    """Return what Knapp and Hartung multiply the variance by, and what is to be said of it.

    Effects that are all alike leave no residual to take the factor from; zero would make any
    effect certain, so it is left at 1 there.
    """
    found = q_statistic(effects, variance) / effects.df
    if found < 1e-8:
        return 1.0, (
            "The effects are all alike (or lie on the line exactly): there is no spread to take "
            "Knapp and Hartung's factor from; the Wald standard error is kept, with a t test."
        )
    return found, ""
