"""The saturated model: means and covariances without any structure, by full information.

Where people only drop out (whoever has a variable has all before it), each variable's regression
on those before it, among all who have it, is the maximum itself. Else expectation and maximisation
(EM), whose steps are lengthened by their own history (SQUAREM: Varadhan & Roland 2008,
doi 10.1111/j.1467-9469.2007.00585.x), until what is still to be gained is known to be nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .likelihood import by_moments
from .patterns import Chain, Sample
from .threads import one_thread

Array = npt.NDArray[np.float64]
GAIN = 1e-9
"""The log-likelihood still to be gained at which EM stops."""
MOST = 20_000
"""The most steps of EM."""
EDGE = 1e-8
"""Correlations with a smaller eigenvalue: EM runs to where Sigma is singular, and to no maximum."""
START = 0.05
"""The smallest eigenvalue of the correlations that EM starts from."""


@dataclass(frozen=True, eq=False)
class Saturated:
    """Means and covariances at their maximum, the deviance there, and whether it is one."""

    mu: Array
    sigma: Array
    deviance: float
    converged: bool


@one_thread
def saturated(sample: Sample) -> Saturated:
    """Return the saturated model of a sample; not converged where the data do not settle it.

    They do not where nobody has both of two variables: any covariance of these does as well; nor
    where so few have some that the likelihood is largest where Sigma is singular.
    """
    seen = np.isfinite(sample.values).astype(float)
    together = bool((seen.T @ seen).all())
    try:
        if together and len(sample.chains) == 1 and sample.counts.min() > sample.p:
            mu, sigma = _by_regressions(sample.chains[0])
            return Saturated(mu, sigma, by_moments(sample, mu, sigma)[0], True)
        mu, sigma = _by_pairs(sample.values)
        if together:
            return _by_em(sample, mu, sigma)
    except np.linalg.LinAlgError:
        mu, sigma = _by_pairs(sample.values)
    return Saturated(mu, sigma, np.nan, False)


def _by_regressions(chain: Chain) -> tuple[Array, Array]:
    """Return moments from regressions of what each pattern adds on what was there before."""
    K = len(chain.order)
    mu, sigma = np.zeros(K), np.zeros((K, K))
    for k, (a, b) in enumerate(zip(chain.starts, chain.sizes, strict=True)):
        n = chain.n[k:]
        middle = n @ chain.means[k:, :b] / n.sum()
        d = chain.means[k:, :b] - middle
        P = (d.T * n) @ d / n.sum()
        if chain.products is not None:
            P += np.tensordot(n / n.sum(), chain.products[k:, :b, :b], 1)
        B = np.linalg.solve(P[:a, :a], P[:a, a:])
        mu[a:b] = middle[a:] + (mu[:a] - middle[:a]) @ B
        sigma[:a, a:b] = sigma[:a, :a] @ B
        sigma[a:b, :a] = sigma[:a, a:b].T
        sigma[a:b, a:b] = P[a:, a:] - P[a:, :a] @ B + B.T @ sigma[:a, a:b]
    back = np.argsort(chain.order)
    return mu[back], sigma[np.ix_(back, back)]


def _by_pairs(values: Array) -> tuple[Array, Array]:
    """Return means, and correlations of pairs brought where a covariance matrix may be: a start."""
    seen = np.isfinite(values)
    mu, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = np.where(seen, (values - mu) / np.where(sd > 0, sd, 1.0), 0.0)
    n = seen.T.astype(float) @ seen
    own, vectors = np.linalg.eigh(z.T @ z / np.maximum(n, 1.0))
    R = (vectors * np.maximum(own, START)) @ vectors.T
    return mu, R * np.outer(sd, sd)


def _em_step(sample: Sample, mu: Array, sigma: Array) -> tuple[Array, Array, float]:
    """Return the moments after one step, and the deviance before it.

    What people are expected to have beyond what is seen is the gradient, seen through Sigma.
    """
    deviance, G, g = by_moments(sample, mu, sigma)
    shift = sigma @ g / (-2.0 * sample.n)
    moved = sigma - sigma @ G @ sigma / sample.n - np.outer(shift, shift)
    return mu + shift, (moved + moved.T) / 2.0, deviance


def _by_em(sample: Sample, mu: Array, sigma: Array) -> Saturated:
    """Return the maximum by EM with extrapolation; a step that loses likelihood is taken back."""
    lower = np.tril_indices(len(mu))
    scale = np.sqrt(np.diag(sigma))

    def packed(mu: Array, sigma: Array) -> Array:
        return np.concatenate([mu / scale, (sigma / np.outer(scale, scale))[lower]])

    def opened(x: Array) -> tuple[Array, Array]:
        C = np.zeros((len(mu), len(mu)))
        C[lower] = x[len(mu) :]
        C += np.tril(C, -1).T
        return x[: len(mu)] * scale, C * np.outer(scale, scale)

    x, before = packed(mu, sigma), np.inf
    for _ in range(MOST // 3):
        one = _em_step(sample, *opened(x))
        two = _em_step(sample, *one[:2])
        x1, x2 = packed(*one[:2]), packed(*two[:2])
        r, v = x1 - x, x2 - 2.0 * x1 + x
        of_edge = two[1] / np.outer(*[np.sqrt(np.diag(two[1]))] * 2)
        if np.linalg.eigvalsh(of_edge)[0] < EDGE:
            break
        length = float(np.sqrt((r @ r) / max(float(v @ v), 1e-300)))
        gained = one[2] - two[2]
        rate = min(1.0 - 1.0 / max(length, 1.0 + 1e-9), 0.9999)
        if gained / (1.0 - rate) < 2.0 * GAIN:
            return Saturated(*two[:2], by_moments(sample, *two[:2])[0], True)
        x, before = _longer(sample, x, x2, r, v, max(length, 1.0), two[2], opened)
    return Saturated(*opened(x), before, False)


def _longer(
    sample: Sample, x: Array, x2: Array, r: Array, v: Array, length: float, least: float, opened
) -> tuple[Array, float]:
    """Return the point a longer step ahead that is no worse than the plain one."""
    while length > 1.0 + 1e-6:
        tried = x + 2.0 * length * r + length**2 * v
        try:
            deviance = by_moments(sample, *opened(tried))[0]
        except np.linalg.LinAlgError:
            deviance = np.inf
        if deviance <= least:
            return tried, deviance
        length = (length + 1.0) / 2.0 if length < 64 else length / 8.0
        length = length if length > 1.05 else 1.0
    return x2, least
