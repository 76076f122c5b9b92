"""Eliminating the effects of all groups but the lowest at once, as one dense block.

The formulas are those of `elimination` for a single unit whose effects are those of all groups:
its covariance is the same small one again and again, so what moves it adds up over groups. With
few pairs of groups in contact (clients who changed therapist) the cross-products are sparse, and
all but the Cholesky factor and its inverse costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import lapack

from .batches import Array
from .likelihood import Contribution, Level

SPARSE = 0.1  # share of places in use below which products with a sparse block are faster

Sparse = Any  # a scipy.sparse matrix
Parts = tuple[Sparse, Array, Array]
"""Cross-products of the block (Z'Z), beside it (Z'W) and of the rest (W'W)."""


@dataclass(frozen=True)
class Left:
    """What is left when the lowest level is eliminated, with derivatives in its covariance."""

    parts: Parts
    logdet: float
    parts1: Sequence[Parts] = ()
    logdet1: Array = field(default_factory=lambda: np.zeros(0))
    parts2: Sequence[Sequence[Parts]] = ()
    logdet2: Array = field(default_factory=lambda: np.zeros((0, 0)))


def directions(level: Level) -> Array:
    """Return the derivatives of D in its free elements."""
    found = np.zeros((len(level.pairs), len(level.columns), len(level.columns)))
    for i, (a, b) in enumerate(level.pairs):
        found[i, a, b] = found[i, b, a] = 1.0
    return found


class Block:
    """The effects of all groups but the lowest; K, E, F and B are those of `elimination`."""

    def __init__(
        self,
        levels: Sequence[Level],
        sizes: Sequence[int],
        covariances: Sequence[Array],
        left: Left,
    ) -> None:
        self.left, self.covariances, self.spans = left, covariances, []
        at = 0
        for level, size in zip(levels, sizes, strict=True):
            starts = at + size * np.arange(len(level.columns))
            self.spans.append([slice(first, first + size) for first in starts.tolist()])
            at += size * len(level.columns)
        self.moves = [
            _ways(spans, pair)
            for level, spans in zip(levels, self.spans, strict=True)
            for pair in level.pairs
        ]
        self.A = self._stored(left.parts[0])
        self.K, self.logdet = self._inverse()

    def _stored(self, block: Sparse) -> Any:
        """Return cross-products of the block in the form that products with them are faster in."""
        thin = self.left.parts[0].nnz < SPARSE * block.shape[0] ** 2
        return block.tocsr() if thin else block.toarray()

    def _inverse(self) -> tuple[Array, float]:
        """Return ``K = R (I + R'AR)^-1 R'``, with ``D = RR'``, and the log-determinant."""
        roots = [_root(D) for D in self.covariances]
        A = self.left.parts[0].toarray()
        inner = self._mixed([R.T for R in roots], self._mixed([R.T for R in roots], A).T)
        inner[np.diag_indices_from(inner)] += 1.0
        if not len(inner):
            return inner, 0.0
        factor, failed = lapack.dpotrf(inner.T, lower=1, overwrite_a=1)
        if failed:  # so far out that rounding has the word: a point the search turns away from
            return np.zeros_like(inner), float("inf")
        logdet = 2.0 * float(np.log(np.diag(factor)).sum())
        inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        return self._mixed(roots, self._mixed(roots, inverse).T), logdet

    def _mixed(self, matrices: Sequence[Array], values: Array) -> Array:
        """Multiply by one small matrix for the effects of each group of a level."""
        found = np.empty(values.shape)
        for M, spans in zip(matrices, self.spans, strict=True):
            for a, here in enumerate(spans):
                found[here] = M[a, 0] * values[spans[0]]
                for b in range(1, len(spans)):
                    if M[a, b]:
                        found[here] += M[a, b] * values[spans[b]]
        return found

    @cached_property
    def kept(self) -> Array:
        """E, ``(I + AD)^-1``."""
        found = -(self.A @ self.K)
        found[np.diag_indices_from(found)] += 1.0
        return found

    @cached_property
    def known(self) -> Array:
        """F, ``E A``."""
        return (self.A @ self.kept.T).T  # A is symmetric, and stands first since it may be sparse

    @cached_property
    def shares(self) -> Array:
        """B, ``E A_zw``."""
        return self.kept @ self.left.parts[1]

    @cached_property
    def effects(self) -> Array:
        """DB, ``K A_zw``: what the effects are, for every column."""
        return self.K @ self.left.parts[1]

    def eliminated(self, order: int) -> Contribution:
        """Return what the effects leave of the other columns, with derivatives."""
        _, beside, rest = self.left.parts
        cross = rest - beside.T @ self.effects
        k, logdet = len(cross), self.left.logdet + self.logdet
        if order == 0:
            none = np.zeros(0)
            first, second = np.zeros((0, k, k)), np.zeros((0, 0, k, k))
            return Contribution(logdet, cross, none, first, np.zeros((0, 0)), second)
        below = [_Moved(self, parts) for parts in self.left.parts1]
        cross1 = [moved.cross for moved in below] + [self._own1(ways) for ways in self.moves]
        traces = [moved.trace for moved in below]
        own = [sum(np.trace(self.known[a, b]) for a, b in ways) for ways in self.moves]
        logdet1 = np.array([*(self.left.logdet1 + np.array(traces)), *own])
        m = len(cross1)
        first = np.array(cross1).reshape(m, k, k)
        if order == 1:
            return Contribution(
                logdet, cross, logdet1, first, np.zeros((0, 0)), np.zeros((0, 0, k, k))
            )
        second, logdet2 = np.zeros((m, m, k, k)), np.zeros((m, m))
        for (i, j), (bent, curved) in self._second(below):
            second[i, j] = second[j, i] = bent
            logdet2[i, j] = logdet2[j, i] = curved
        return Contribution(logdet, cross, logdet1, first, logdet2, second)

    def _own1(self, ways: Ways) -> Array:
        return -np.sum([self.shares[a].T @ self.shares[b] for a, b in ways], axis=0)

    def _second(
        self, below: Sequence[_Moved]
    ) -> Iterator[tuple[tuple[int, int], tuple[Array, float]]]:
        """Go through the pairs of parameters: what bends in the cross-products and logdet."""
        low = len(below)
        for i, one in enumerate(below):
            for j in range(i, low):
                other, bending = below[j], _Moved(self, self.left.parts2[i][j])
                inner = one.turned.T @ self.K @ other.turned
                trace = bending.trace - float((one.in_effects * other.in_effects.T).sum())
                yield (i, j), (bending.cross - inner - inner.T, self.left.logdet2[i, j] + trace)
            for j, ways in enumerate(self.moves):
                inner = np.sum([one.kept_turned[a].T @ self.shares[b] for a, b in ways], axis=0)
                trace = sum(float((one.kept_moved[a] * self.kept[b]).sum()) for a, b in ways)
                yield (i, low + j), (-inner - inner.T, trace)
        for i, first in enumerate(self.moves):
            for j in range(i, len(self.moves)):
                turns = [(a, b, c, d) for a, b in first for c, d in self.moves[j]]
                inner = sum(
                    self.shares[a].T @ (self.known[b, c] @ self.shares[d]) for a, b, c, d in turns
                )
                trace = -sum(
                    float((self.known[a, d] * self.known[b, c]).sum()) for a, b, c, d in turns
                )
                yield (low + i, low + j), (inner + inner.T, trace)


class _Moved:
    """One derivative of the cross-products, by a parameter of the lowest level."""

    def __init__(self, block: Block, parts: Parts) -> None:
        self.block, (moved, self.beside, self.rest) = block, parts
        self.A = block._stored(moved)

    @cached_property
    def turned(self) -> Array:
        """N, ``[dA T]_z``."""
        return self.beside - self.A @ self.block.effects

    @cached_property
    def cross(self) -> Array:
        """``T' dA T``."""
        DB = self.block.effects
        half = DB.T @ self.beside
        return np.asarray(self.rest - half - half.T + DB.T @ (self.A @ DB))

    @cached_property
    def trace(self) -> float:
        """``tr(K dA)``."""
        A, K = self.A, self.block.K
        return float(A.multiply(K).sum() if hasattr(A, "multiply") else (A * K).sum())

    @cached_property
    def in_effects(self) -> Array:
        """``dA K``."""
        return np.asarray(self.A @ self.block.K)

    @cached_property
    def kept_turned(self) -> Array:
        """``E N``."""
        return self.block.kept @ self.turned

    @cached_property
    def kept_moved(self) -> Array:
        """``E dA``."""
        return np.asarray((self.A @ self.block.kept.T).T)


Ways = tuple[tuple[slice, slice], ...]


def _ways(spans: Sequence[slice], pair: tuple[int, int]) -> Ways:
    """Return the places that a free element of D moves."""
    a, b = pair
    return ((spans[a], spans[a]),) if a == b else ((spans[a], spans[b]), (spans[b], spans[a]))


def _root(D: Array) -> Array:
    """Return R with ``D = RR'``."""
    if len(D) == 1 or not (D - np.diag(np.diag(D))).any():
        return np.diag(np.sqrt(np.diag(D)))
    values, vectors = np.linalg.eigh(D)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
