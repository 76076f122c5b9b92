"""The likelihood of a binary response with one normal random intercept, by adaptive quadrature.

Arrays in, numbers out: rows sorted in any order, a cluster code for each. For every cluster the
integral over its random intercept is taken by Gauss-Hermite quadrature centred and scaled at the
mode (Pinheiro & Bates 1995, doi 10.1080/10618600.1995.10474663). The gradient holds the
posterior weights of the nodes fixed, which is exact up to the quadrature's own error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import expit, logsumexp

NODES = 25
LATENT_VARIANCE = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6}
_MODE_STEPS = 50
_MODE_TOLERANCE = 1e-10
_MAX_ETA = 30.0  # beyond it a probability is 0 or 1 to machine precision


def log_density(link: str, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Return log P(y | eta), safe at large |eta|."""
    if link == "logit":
        return y * eta - np.logaddexp(0.0, eta)
    rate = np.exp(np.minimum(eta, _MAX_ETA))
    return np.where(y > 0, np.log(-np.expm1(-np.maximum(rate, 1e-300))), -rate)


def score(link: str, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Return d log P(y | eta) / d eta."""
    if link == "logit":
        return y - expit(eta)
    rate = np.exp(np.minimum(eta, _MAX_ETA))
    return np.where(y > 0, rate / np.expm1(np.maximum(rate, 1e-300)), -rate)


def information(link: str, eta: np.ndarray) -> np.ndarray:
    """Return the expected information of one response about eta."""
    if link == "logit":
        p = expit(eta)
        return p * (1 - p)
    rate = np.exp(np.minimum(eta, _MAX_ETA))
    return rate**2 / np.maximum(np.expm1(rate), 1e-300)


@dataclass(frozen=True)
class Sample:
    """The data of a fit: response, predictors, cluster codes 0..n_clusters-1, link."""

    y: np.ndarray
    x: np.ndarray
    cluster: np.ndarray
    n_clusters: int
    link: str

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of `values` (one a row) within clusters."""
        return np.bincount(self.cluster, weights=values, minlength=self.n_clusters)


def modes(sample: Sample, eta: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return each cluster's posterior mode of the standardised intercept, and its spread."""
    u = np.zeros(sample.n_clusters)
    curvature = np.ones(sample.n_clusters)
    for _ in range(_MODE_STEPS):
        shifted = eta + sd * u[sample.cluster]
        slope = sd * sample.sums(score(sample.link, sample.y, shifted)) - u
        curvature = sd**2 * sample.sums(information(sample.link, shifted)) + 1.0
        step = np.clip(slope / curvature, -2.0, 2.0)
        u = u + step
        if np.abs(step).max(initial=0.0) < _MODE_TOLERANCE:
            break
    return u, 1 / np.sqrt(curvature)


def log_likelihood(
    sample: Sample, beta: np.ndarray, sd: float, nodes: int = NODES
) -> tuple[float, np.ndarray]:
    """Return the marginal log-likelihood and its gradient in (beta, sd)."""
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    eta = sample.x @ beta
    mode, spread = modes(sample, eta, sd)
    u = mode[:, None] + np.sqrt(2.0) * spread[:, None] * points  # clusters x nodes
    shifted = eta[:, None] + sd * u[sample.cluster]
    joint = _cluster_sums(sample, log_density(sample.link, sample.y[:, None], shifted))
    joint += -0.5 * u**2 + points**2 + np.log(weights)
    total = logsumexp(joint, axis=1) + np.log(spread) - 0.5 * np.log(np.pi)
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    slopes = score(sample.link, sample.y[:, None], shifted)
    by_row = np.einsum("ij,ij->i", slopes, posterior[sample.cluster])
    by_sd = np.sum(posterior * u * _cluster_sums(sample, slopes))
    return float(total.sum()), np.append(sample.x.T @ by_row, by_sd)


def _cluster_sums(sample: Sample, values: np.ndarray) -> np.ndarray:
    return np.stack([sample.sums(column) for column in values.T], axis=1)


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
    n, p = sample.x.shape

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_likelihood(sample, theta[:p], float(theta[p]), nodes)
        return -value / n, -gradient / n

    found = optimize.minimize(
        objective,
        np.append(start, 0.3),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * p + [(0.0, None)],
        options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-9},
    )
    beta, sd = found.x[:p], float(found.x[p])
    hessian = _hessian(objective, found.x, free=p + (sd > 0)) * n
    projected = found.jac.copy()
    if sd == 0:
        projected[p] = min(projected[p], 0.0)
    mode, spread = modes(sample, sample.x @ beta, sd)
    largest = float(np.abs(projected).max())
    cov = _inverse(hessian)
    return FrailtyFit(
        beta, sd, cov, -float(found.fun) * n, largest < 1e-5, largest, mode, spread
    )  # fmt: skip


def _hessian(objective, at: np.ndarray, free: int) -> np.ndarray:
    """Return the Hessian in the first `free` parameters, from central differences of gradients."""
    out = np.empty((free, free))
    for j in range(free):
        step = 1e-4 * max(1.0, abs(at[j]))
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
