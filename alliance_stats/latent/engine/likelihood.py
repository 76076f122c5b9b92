"""Full information likelihood: minus twice its logarithm, with first and second derivatives.

Everything is said in coordinates in which the implied covariance is that of independent variables:
``R = L^-1`` of its Cholesky factor. Patterns of which each holds all variables of the one before
(as where people drop out) have leading blocks of one R.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from .patterns import Chain, Sample
from .structure import Model, Moments

Array = npt.NDArray[np.float64]
LOG_2PI = float(np.log(2.0 * np.pi))
ROWS = 8
"""How many rows are taken at once: as many as stay near the processor."""


class Part(NamedTuple):
    """One chain of patterns under a model: R, and each pattern's deviations in its coordinates.

    `d` is that of the mean, and `S` the products of people's own about it (None where everyone is
    alone); both are zero beyond the pattern.
    """

    chain: Chain
    R: Array
    d: Array
    S: Array | None
    deviance: float


def parts(sample: Sample, mu: Array, sigma: Array) -> Iterator[Part]:
    """Yield each chain; raise `LinAlgError` where Sigma is not positive definite."""
    for one in sample.chains:
        o = one.order
        L, failed = lapack.dpotrf(sigma[o[:, None], o], lower=1, clean=1)
        if failed:
            raise np.linalg.LinAlgError("Sigma is not positive definite")
        R = lapack.dtrtri(L, lower=1)[0]
        d = ((one.means - mu[o]) * one.seen) @ R.T * one.seen
        S = None if one.products is None else R @ one.products @ R.T * one.both
        distance = (d * d).sum(axis=1)
        if S is not None:
            distance += np.einsum("kii->k", S)
        logdet = np.cumsum(LOG_2PI + 2.0 * np.log(L.diagonal()))[one.sizes - 1]
        yield Part(one, R, d, S, float(one.n @ (logdet + distance)))


def by_moments(sample: Sample, mu: Array, sigma: Array) -> tuple[float, Array, Array]:
    """Return the deviance of a sample with its gradients by Sigma and mu."""
    return _summed(parts(sample, mu, sigma), len(mu))


def _summed(of: Iterable[Part], p: int) -> tuple[float, Array, Array]:
    """Return the deviance of chains with its gradients by Sigma and mu."""
    G, g, total = np.zeros((p, p)), np.zeros(p), 0.0
    for part in of:
        o, n, R = part.chain.order, part.chain.n, part.R
        left = np.diag(n @ part.chain.seen) - (part.d.T * n) @ part.d
        if part.S is not None:
            left -= np.tensordot(n, part.S, 1)
        G[o[:, None], o] += R.T @ left @ R
        g[o] -= 2.0 * (n @ part.d) @ R
        total += part.deviance
    return total, G, g


class Likelihood:
    """The deviance (minus twice the log-likelihood) of a model for the samples of its groups."""

    newton = True
    """Whether second derivatives are cheap enough to search with."""

    def __init__(self, model: Model, samples: Sequence[Sample]) -> None:
        self.model, self.samples = model, samples
        self._last: tuple[bytes, list[tuple[Moments, list[Part]]]] | None = None

    def _at(self, theta: Array) -> list[tuple[Moments, list[Part]]]:
        """Return moments and patterns of each group; those of the last point are remembered."""
        key = theta.tobytes()
        if self._last is None or self._last[0] != key:
            implied = self.model.moments(theta)
            found = [
                (m, list(parts(sample, m.mu, m.sigma)))
                for m, sample in zip(implied, self.samples, strict=True)
            ]
            self._last = key, found
        return self._last[1]

    def deviance(self, theta: Array) -> tuple[float, Array]:
        """Return the deviance and its gradient; infinite where Sigma is not positive definite."""
        total, gradient = 0.0, np.zeros(len(theta))
        try:
            for (m, found), C in zip(self._at(theta), self.model.combine, strict=True):
                own, G, g = _summed(found, len(m.mu))
                total += own
                gradient += C.T @ m.gradient(G, g)
        except np.linalg.LinAlgError:
            return np.inf, gradient
        return (total, gradient) if np.isfinite(total) else (np.inf, gradient)

    def information(self, theta: Array) -> Array:
        """Return the expected second derivatives of the deviance (positive where identified)."""
        H = np.zeros((len(theta), len(theta)))
        for (m, found), C in zip(self._at(theta), self.model.combine, strict=True):
            H += _curvature(m, found, C, observed=False)
        return H

    def hessian(self, theta: Array) -> Array:
        """Return the second derivatives of the deviance as observed."""
        H = np.zeros((len(theta), len(theta)))
        for (m, found), C in zip(self._at(theta), self.model.combine, strict=True):
            _, G, g = _summed(found, len(m.mu))
            H += _curvature(m, found, C, observed=True) + C.T @ m.bending(G, g) @ C
        return (H + H.T) / 2.0

    def scores(self, theta: Array, group: int) -> Array:
        """Return each person's gradient of the log-likelihood, a row a person of the group."""
        sample, C = self.samples[group], self.model.combine[group]
        m, found = self._at(theta)[group]
        out = np.zeros((sample.n, len(m.u)))
        for part in found:
            for k, rows in zip(part.chain.sizes, part.chain.rows, strict=True):
                o, R = part.chain.order[:k], part.R[:k, :k]
                x = R @ m.X[o]
                z = (sample.values[np.ix_(rows, o)] - m.mu[o]) @ R.T @ x
                K = np.einsum("ij,ij->j", x[:, m.u], x[:, m.v])
                out[rows] = m.half * (z[:, m.u] * z[:, m.v] - K) + m.mean * z[:, m.u]
        return out @ C


def _curvature(m: Moments, found: Sequence[Part], C: Array, *, observed: bool) -> Array:
    """Return the second derivatives by parameters of the deviance, moments taken as straight.

    U is how each parameter moves Sigma in the coordinates of R. A pattern's share is
    ``tr(U_a U_b (2 S - I))``, in expectation ``tr(U_a U_b)``, over its leading block: so rows of U
    meet the sum over the patterns that have these variables.
    """
    H = np.zeros((C.shape[1], C.shape[1]))
    cells = np.flatnonzero(m.half)
    moves = np.flatnonzero(C[cells].any(axis=0))
    combine = sparse.csr_array((C[np.ix_(cells, moves)] * m.half[cells, None]).T)
    of_means = (m.mean[:, None] * C).T
    square = np.zeros((len(moves), len(moves)))
    for part in found:
        chain = part.chain
        x = (part.R @ m.X[chain.order]).T
        u, v, means = x[m.u[cells]], x[m.v[cells]], of_means @ x[m.u]
        weight, d = np.zeros(part.R.shape), np.zeros(len(part.R))
        for k in reversed(range(len(chain.n))):
            own = np.arange(chain.sizes[k])
            weight[own, own] += -chain.n[k] if observed else chain.n[k]
            if observed:
                weight += np.outer(2.0 * chain.n[k] * part.d[k], part.d[k])
                if part.S is not None:
                    weight += 2.0 * chain.n[k] * part.S[k]
                d += chain.n[k] * part.d[k]
            for a in range(chain.starts[k], chain.sizes[k], ROWS):
                rows = slice(a, min(a + ROWS, chain.sizes[k]))
                moved = np.einsum("ci,cj->cij", u[:, rows], v)
                moved += np.einsum("ci,cj->cij", v[:, rows], u)
                U = combine @ moved.reshape(len(cells), -1)
                flat = U.reshape(-1, len(d))
                square += U @ (flat @ weight).reshape(U.shape).T
                if observed:
                    cross = 2.0 * means[:, rows] @ (flat @ d).reshape(len(moves), -1).T
                    H[:, moves] += cross
                    H[moves] += cross.T
        H += 2.0 * (means * (chain.n @ chain.seen)) @ means.T
    H[np.ix_(moves, moves)] += square
    return H
