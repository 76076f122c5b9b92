"""The likelihood of a binary response with one normal random intercept, by adaptive quadrature.

Arrays in, numbers out: rows sorted in any order, a cluster code for each. For every cluster the
integral over its random intercept is taken by Gauss-Hermite quadrature centred and scaled at the
mode (Pinheiro & Bates 1995, doi 10.1080/10618600.1995.10474663). The gradient holds the
posterior weights of the nodes fixed, which is exact up to the quadrature's own error.

At a node u the linear predictor is eta + sd * u, so its exponential is a product of one number a
row and one number a cluster and node; no exponential is taken a row and node.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize
from scipy.special import logsumexp

NODES = 25
LATENT_VARIANCE = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6}
_MODE_STEPS = 50
_MODE_TOLERANCE = 1e-10
_MAX_LOG = 345.0  # the product of two exponentials of it is still a number
_TINY = 1e-300
_BLOCK, _SAFE = 16, 1e18  # the product of so many numbers of that size is still a number


@dataclass(frozen=True)
class Sample:
    """The data of a fit: response, predictors, cluster codes 0..n_clusters-1, link, offset."""

    y: np.ndarray
    x: np.ndarray
    cluster: np.ndarray
    n_clusters: int
    link: str
    offset: np.ndarray | float = 0.0

    def eta(self, beta: np.ndarray) -> np.ndarray:
        """Return the linear predictor without the random intercept."""
        return np.asarray(self.x @ beta + self.offset)

    def by_cluster(self) -> Sample:
        """Return the same rows, those of a cluster side by side."""
        order = np.argsort(self.cluster, kind="stable")
        offset = self.offset[order] if isinstance(self.offset, np.ndarray) else self.offset
        rows = (self.y[order], self.x[order], self.cluster[order])
        return Sample(*rows, self.n_clusters, self.link, offset)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each cluster's rows begin; the rows must be sorted."""
        return np.searchsorted(self.cluster, np.arange(self.n_clusters))

    @cached_property
    def blocks(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows at which blocks of a few rows of one cluster begin; each cluster's first block."""
        sizes = np.diff(np.append(self.starts, len(self.y)))
        number = -(-sizes // _BLOCK)
        first = np.cumsum(number) - number
        inside = np.arange(number.sum()) - np.repeat(first, number)
        return np.repeat(self.starts, number) + _BLOCK * inside, first

    @cached_property
    def events(self) -> np.ndarray:
        """The positions of the rows with an event."""
        return np.flatnonzero(self.y > 0)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of `values` (one a row, sorted) within clusters."""
        return np.add.reduceat(values, self.starts)


def _exponential(values: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(values, -_MAX_LOG, _MAX_LOG))


def _densities(
    sample: Sample, eta: np.ndarray, odds: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of log P(y) within clusters (but for y * eta), and the scores of the rows.

    `odds` is exp(eta) without, and `shift` exp(sd * u) of each cluster.
    """
    rate = odds * shift[sample.cluster]
    if sample.link == "logit":
        below = 1.0 + rate
        return -_sums_of_logs(sample, below), sample.y - rate / below
    event = sample.events
    there = np.maximum(rate[event], _TINY)
    score = -rate
    with np.errstate(over="ignore"):
        score[event] = np.where(there > 700, 0.0, there / np.expm1(np.minimum(there, 700.0)))
    log_event = np.bincount(
        sample.cluster[event], weights=np.log(-np.expm1(-there)) + there,
        minlength=sample.n_clusters,
    )  # fmt: skip
    return log_event - sample.sums(rate), score


def _sums_of_logs(sample: Sample, values: np.ndarray) -> np.ndarray:
    """Return the sums of log values within clusters; one logarithm serves several rows."""
    if values.max(initial=1.0) > _SAFE:
        return sample.sums(np.log(values))
    rows, clusters = sample.blocks
    return np.add.reduceat(np.log(np.multiply.reduceat(values, rows)), clusters)


def _slope(sample: Sample, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return d log P / d eta and the expected information about eta of each row."""
    if sample.link == "logit":
        p = rate / (1.0 + rate)
        return sample.y - p, p * (1 - p)
    small = np.minimum(np.maximum(rate, _TINY), 700.0)
    ratio = small / np.expm1(small)
    return np.where(sample.y > 0, ratio, -small), small * ratio


def modes(sample: Sample, eta: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return each cluster's posterior mode of the standardised intercept, and its spread."""
    u = np.zeros(sample.n_clusters)
    curvature = np.ones(sample.n_clusters)
    odds = _exponential(eta)
    for _ in range(_MODE_STEPS):
        first, second = _slope(sample, odds * _exponential(sd * u)[sample.cluster])
        curvature = sd**2 * sample.sums(second) + 1.0
        step = np.clip((sd * sample.sums(first) - u) / curvature, -2.0, 2.0)
        u = u + step
        if np.abs(step).max(initial=0.0) < _MODE_TOLERANCE:
            break
    return u, 1 / np.sqrt(curvature)


def log_likelihood(
    sample: Sample, beta: np.ndarray, sd: float, nodes: int = NODES
) -> tuple[float, np.ndarray]:
    """Return the marginal log-likelihood and its gradient in (beta, sd); rows sorted by cluster."""
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    eta = sample.eta(beta)
    odds = _exponential(eta)
    mode, spread = modes(sample, eta, sd)
    u = mode[:, None] + np.sqrt(2.0) * spread[:, None] * points  # clusters x nodes
    shift = _exponential(sd * u)
    joint = -0.5 * u**2 + points**2 + np.log(weights)
    if sample.link == "logit":  # the other link has no term y * eta
        joint += sample.sums(sample.y * eta)[:, None] + sd * u * sample.sums(sample.y)[:, None]
    scores = np.empty((nodes, len(eta)))
    for k in range(nodes):
        part, scores[k] = _densities(sample, eta, odds, shift[:, k])
        joint[:, k] += part
    total = logsumexp(joint, axis=1)
    posterior = np.exp(joint - total[:, None])
    by_row, by_sd = np.zeros(len(eta)), 0.0
    for k in range(nodes):
        weighted = scores[k] * posterior[sample.cluster, k]
        by_row += weighted
        by_sd += float(sample.sums(weighted) @ u[:, k])
    value = total.sum() + np.log(spread).sum() - 0.5 * sample.n_clusters * np.log(np.pi)
    return float(value), np.append(sample.x.T @ by_row, by_sd)


@dataclass(frozen=True)
class FrailtyFit:
    """What the optimiser found: coefficients, the intercepts' SD, and whether it is a maximum."""

    beta: np.ndarray
    sd: float
    cov: np.ndarray
    loglik: float
    converged: bool
    gradient: float
    modes: np.ndarray
    spreads: np.ndarray


def fit(sample: Sample, start: np.ndarray, nodes: int = NODES) -> FrailtyFit:
    """Maximise the marginal likelihood over (beta, sd >= 0)."""
    sample = sample.by_cluster()
    p = sample.x.shape[1]
    turn = _preconditioner(sample, start)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_likelihood(sample, turn[:p, :p] @ theta[:p],
                                         float(turn[p, p] * theta[p]), nodes)  # fmt: skip
        return -value, -(turn.T @ gradient)

    found = optimize.minimize(
        objective,
        np.append(np.linalg.solve(turn[:p, :p], start), 0.3 / turn[p, p]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * p + [(0.0, None)],
        options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-7},
    )
    theta = turn @ found.x
    free = p + (theta[p] > 0)
    hessian = _hessian(objective, found.x, free)
    projected = found.jac.copy()
    if theta[p] == 0:
        projected[p] = min(projected[p], 0.0)
    mode, spread = modes(sample, sample.eta(theta[:p]), float(theta[p]))
    # The parameters are scaled to unit information: a gradient of g is g standard errors away.
    largest = float(np.abs(projected).max())
    cov = turn[:free, :free] @ _inverse(hessian) @ turn[:free, :free].T
    return FrailtyFit(
        theta[:p], float(theta[p]), cov, -float(found.fun), largest < 1e-3, largest, mode, spread
    )  # fmt: skip


def _preconditioner(sample: Sample, start: np.ndarray) -> np.ndarray:
    """Return a matrix that turns parameters of about unit information into (beta, sd)."""
    _, information = _slope(sample, _exponential(sample.eta(start)))
    weighted = sample.x * np.sqrt(np.maximum(information, 1e-12))[:, None]
    p = sample.x.shape[1]
    turn = np.zeros((p + 1, p + 1))
    turn[:p, :p] = np.linalg.inv(np.linalg.qr(weighted, mode="r"))
    turn[p, p] = 1 / np.sqrt(sample.n_clusters)
    return turn


def _hessian(objective, at: np.ndarray, free: int) -> np.ndarray:
    """Return the Hessian in the first `free` parameters, from central differences of gradients."""
    out = np.empty((free, free))
    for j in range(free):
        step = 1e-3
        if j == len(at) - 1:
            step = min(step, at[j])  # a standard deviation must not go below zero
        move = np.zeros(len(at))
        move[j] = step
        out[j] = (objective(at + move)[1] - objective(at - move)[1])[:free] / (2 * step)
    return (out + out.T) / 2


def _inverse(hessian: np.ndarray) -> np.ndarray:
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return np.full_like(hessian, np.nan)
    return np.linalg.inv(hessian)
