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
Places = npt.NDArray[np.int64]
LOG_2PI = float(np.log(2.0 * np.pi))
NEARLY_ALL = 0.8
"""Of whom at least this share of the cells move something, all count: sorting costs more."""


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


class Pairs(NamedTuple):
    """Cells that move Sigma, their pairs (half of them), and where these stand in products."""

    moves: Places
    i: Places
    j: Places
    uu: Places
    vv: Places
    uv: Places
    vu: Places

    @classmethod
    def of(cls, moves: Places, m: Moments) -> Pairs:
        """Return the pairs of some cells."""
        i, j = np.tril_indices(len(moves))
        (ui, vi), (uj, vj) = ((m.u[moves][k], m.v[moves][k]) for k in (i, j))
        b = m.X.shape[1]
        return cls(moves, i, j, ui * b + uj, vi * b + vj, ui * b + vj, vi * b + uj)


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
            H += C.T @ _curvature(m, found, observed=False) @ C
        return H

    def hessian(self, theta: Array) -> Array:
        """Return the second derivatives of the deviance as observed."""
        H = np.zeros((len(theta), len(theta)))
        for (m, found), C in zip(self._at(theta), self.model.combine, strict=True):
            _, G, g = _summed(found, len(m.mu))
            H += C.T @ (_curvature(m, found, observed=True) + m.bending(G, g)) @ C
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


def _curvature(m: Moments, found: Sequence[Part], *, observed: bool) -> Array:
    """Return the second derivatives by cells of the deviance, moments taken as straight.

    K and M are the products of the basis with the inverse of Sigma, and with that weighted by the
    data (in expectation K itself); y is the basis times the weighted deviation of the mean. People
    of whom the same cells move something share their places; half a symmetric matrix will do.
    """
    H = np.zeros((len(m.u), len(m.u)))
    b, cells = m.X.shape[1], m.half > 0
    alike: dict[bytes, list[Part]] = {}
    for part in found:
        there = np.asarray(m.X[part.pattern.observed] != 0).any(axis=0).reshape(-1)
        moved = cells & there[m.u] & there[m.v]
        counted = moved if moved.sum() < NEARLY_ALL * cells.sum() else cells
        alike.setdefault(counted.tobytes(), []).append(part)
    levels = np.flatnonzero(m.mean)
    at, mean = m.u[levels], m.mean[levels]
    total = np.zeros((b, b))
    for key, own in alike.items():
        if key not in m.structure.pairs:
            m.structure.pairs[key] = Pairs.of(np.flatnonzero(np.frombuffer(key, bool)), m)
        moves, i, j, uu, vv, uv, vu = m.structure.pairs[key]
        u, v, half = m.u[moves], m.v[moves], m.half[moves]
        bent, cross = np.zeros(len(i)), np.zeros((len(levels), len(moves)))
        for part in own:
            n, X = part.pattern.n, m.X[part.pattern.observed]
            K = X.T @ part.W @ X
            total += n * K
            K_ = K.reshape(-1)
            if not observed:
                bent += (2.0 * n) * (K_.take(vv) * K_.take(uu) + K_.take(uv) * K_.take(vu))
                continue
            M_ = (2.0 * X.T @ part.WTW @ X - K).reshape(-1)
            one = M_.take(vv) * K_.take(uu)
            one += M_.take(uu) * K_.take(vv)
            one += M_.take(uv) * K_.take(vu)
            one += M_.take(vu) * K_.take(uv)
            bent += n * one
            y = X.T @ (part.W @ part.d)
            of_levels = K[at]
            cross += n * (of_levels[:, u] * y[v] + of_levels[:, v] * y[u])
        square = np.empty((len(moves), len(moves)))
        square[i, j] = square[j, i] = bent
        H[np.ix_(moves, moves)] += square * np.outer(half, half)
        cross *= 2.0 * np.outer(mean, half)
        H[np.ix_(levels, moves)] += cross
        H[np.ix_(moves, levels)] += cross.T
    H[np.ix_(levels, levels)] += 2.0 * np.outer(mean, mean) * total[np.ix_(at, at)]
    return H
