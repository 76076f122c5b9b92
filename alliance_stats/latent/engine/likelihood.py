"""Full information likelihood: minus twice its logarithm, with first and second derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from .patterns import Pattern, Sample
from .structure import Model, Moments

Array = npt.NDArray[np.float64]
LOG_2PI = float(np.log(2.0 * np.pi))


class Part(NamedTuple):
    """One pattern under a model: inverse of Sigma, deviation of the mean, weighted data."""

    pattern: Pattern
    W: Array
    d: Array
    WTW: Array
    deviance: float


def parts(sample: Sample, mu: Array, sigma: Array) -> Iterator[Part]:
    """Yield each pattern; raise `LinAlgError` where Sigma is not positive definite."""
    for one in sample.patterns:
        o = one.observed
        L, failed = lapack.dpotrf(sigma[o[:, None], o], lower=1, clean=1)
        if failed:
            raise np.linalg.LinAlgError("Sigma is not positive definite")
        W = _both_halves(lapack.dpotri(L, lower=1)[0])
        d = one.mean - mu[o]
        Wd = W @ d
        distance, WTW = float(d @ Wd), Wd[:, None] * Wd
        if one.n > 1:  # one person alone has no products
            distance += float(np.vdot(W, one.products))
            WTW += W @ one.products @ W
        logdet = 2.0 * float(np.log(L.diagonal()).sum())
        yield Part(one, W, d, WTW, one.n * (len(o) * LOG_2PI + logdet + distance))


def _both_halves(lower: Array) -> Array:
    """Return the symmetric matrix of which the lower half is filled."""
    whole = lower + lower.T
    whole[np.diag_indices(len(lower))] /= 2.0
    return whole


def by_moments(sample: Sample, mu: Array, sigma: Array) -> tuple[float, Array, Array]:
    """Return the deviance of a sample with its gradients by Sigma and mu."""
    return _summed(parts(sample, mu, sigma), len(mu))


def _summed(of: Iterable[Part], p: int) -> tuple[float, Array, Array]:
    """Return the deviance of patterns with its gradients by Sigma and mu."""
    G, g, total = np.zeros((p, p)), np.zeros(p), 0.0
    for part in of:
        o, n = part.pattern.observed, part.pattern.n
        if len(o) == p:
            G += n * (part.W - part.WTW)
        else:
            G[o[:, None], o] += n * (part.W - part.WTW)
        g[o] -= 2.0 * n * (part.W @ part.d)
        total += part.deviance
    return total, G, g


class Curvature(NamedTuple):
    """Second derivatives of the cells that move Sigma, of those that move mu, and of both."""

    moves: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]
    of_moves: Array
    of_levels: Array
    cross: Array | None

    def add_to(self, H: Array, n: int) -> None:
        """Add those of `n` people."""
        H[np.ix_(self.moves, self.moves)] += n * self.of_moves
        H[np.ix_(self.levels, self.levels)] += n * self.of_levels
        if self.cross is not None:
            H[np.ix_(self.levels, self.moves)] += n * self.cross
            H[np.ix_(self.moves, self.levels)] += n * self.cross.T


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
            of_cells = np.zeros((len(m.u), len(m.u)))
            for part in found:
                X = m.X[part.pattern.observed]
                K = X.T @ part.W @ X
                _curvature(m, X, K, K).add_to(of_cells, part.pattern.n)
            H += C.T @ of_cells @ C
        return H

    def hessian(self, theta: Array) -> Array:
        """Return the second derivatives of the deviance as observed."""
        H = np.zeros((len(theta), len(theta)))
        for (m, found), C in zip(self._at(theta), self.model.combine, strict=True):
            of_cells = np.zeros((len(m.u), len(m.u)))
            _, G, g = _summed(found, len(m.mu))
            for part in found:
                X = m.X[part.pattern.observed]
                K = X.T @ part.W @ X
                M = 2.0 * X.T @ part.WTW @ X - K
                y = X.T @ (part.W @ part.d)
                _curvature(m, X, K, M, y).add_to(of_cells, part.pattern.n)
            H += C.T @ (of_cells + m.bending(G, g)) @ C
        return (H + H.T) / 2.0

    def scores(self, theta: Array, group: int) -> Array:
        """Return each person's gradient of the log-likelihood, a row a person of the group."""
        sample, C = self.samples[group], self.model.combine[group]
        m, found = self._at(theta)[group]
        out = np.zeros((sample.n, len(m.u)))
        for part in found:
            o, rows = part.pattern.observed, part.pattern.rows
            X = m.X[o]
            z = (sample.values[np.ix_(rows, o)] - m.mu[o]) @ part.W @ X
            K = np.einsum("ij,ij->j", X[:, m.u], part.W @ X[:, m.v])
            out[rows] = m.half * (z[:, m.u] * z[:, m.v] - K) + m.mean * z[:, m.u]
        return out @ C


def _curvature(m: Moments, X: Array, K: Array, M: Array, y: Array | None = None) -> Curvature:
    """Return the second derivatives by cells of one person's deviance, moments taken as straight.

    X holds the rows of the basis that the person has; K and M are its products with the inverse of
    Sigma, and with that weighted by the data; y is the basis times the weighted deviation of the
    mean. Cells that move nothing the person has are left out.
    """
    there = np.asarray(X != 0).any(axis=0).reshape(-1)
    moves = np.flatnonzero((m.half > 0) & there[m.u] & there[m.v])
    levels = np.flatnonzero((m.mean != 0) & there[m.u])
    u, v, half = m.u[moves], m.v[moves], m.half[moves]
    uu, uv, vv = (a[:, None] * len(K) + b for a, b in ((u, u), (u, v), (v, v)))
    Kf, Mf = K.reshape(-1), M.reshape(-1)
    Kuv, Muv = Kf.take(uv), Mf.take(uv)
    own = Mf.take(vv) * Kf.take(uu)
    own += Mf.take(uu) * Kf.take(vv)
    own += Muv.T * Kuv
    own += Muv * Kuv.T
    own *= half[:, None]
    own *= half
    at, mean = m.u[levels], m.mean[levels]
    of_levels = 2.0 * np.outer(mean, mean) * K[np.ix_(at, at)]
    cross = None
    if y is not None:
        cross = K[np.ix_(at, u)] * y[v] + K[np.ix_(at, v)] * y[u]
        cross *= 2.0 * np.outer(mean, half)
    return Curvature(moves, levels, own, of_levels, cross)
