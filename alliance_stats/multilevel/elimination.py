"""Eliminating one level's random effects from many units at once, with derivatives.

For a unit with cross-products ``A`` and random effects on the columns ``z`` with relative
covariance ``D``, write ``E = (I + A_zz D)^-1``, ``K = D E``, ``F = E A_zz`` and ``B = E A_z``.
What is left is ``C = A - A_z' D B``, and the log-determinant grows by ``-logdet E``. With
``T = I - e_z D B`` and ``N_i = [dA_i T]_z`` the derivatives are

- ``dC_i = T' dA_i T - B' dD_i B``
- ``d2C_ij = T' d2A_ij T - sym(N_i' K N_j + N_i' E' dD_j B + N_j' E' dD_i B - B' dD_j F dD_i B)``
- ``dlogdet_i = tr(K dA_i) + tr(F dD_i)``
- ``d2logdet_ij = tr(K d2A_ij) - tr(K dA_i K dA_j) + tr(E' dD_j E dA_i) + tr(E' dD_i E dA_j)
  - tr(F dD_i F dD_j)``

where ``sym(M) = M + M'``. A parameter moves either ``A`` (it belongs to a level below) or ``D``
(it is the level's own), never both, so each term is needed in one corner only. ``D`` itself is
never inverted: a variance of zero is an ordinary point. Units stand on the last axis of every
array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .batches import (
    Array,
    Indices,
    Packing,
    fixed_times,
    inverse_of_one_plus,
    sum_children,
    times,
    transpose,
)

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class State:
    """The cross-products of one level's units, the levels below eliminated; m parameters so far."""

    cross: Array  # k, k, units
    cross1: Array  # m, k, k, units
    cross2: Array  # m, m, k, k, units
    logdet: float
    logdet1: Array  # m
    logdet2: Array  # m, m

    @classmethod
    def begin(cls, cross: Array) -> State:
        """Return the state before anything is eliminated."""
        first, second = np.zeros((0, *cross.shape)), np.zeros((0, 0, *cross.shape))
        return cls(cross, first, second, 0.0, np.zeros(0), np.zeros((0, 0)))


def eliminate(
    state: State,
    columns: Sequence[int],
    pairs: Pairs,
    D: Array,
    starts: Indices,
    order: int = 0,
    packed_sums: Array | None = None,
) -> State:
    """Eliminate one level and add up what is left for each parent.

    `columns` are the positions z, `pairs` the free elements of `D`, `starts` the first child of
    each parent. `packed_sums`, the parents' sums of ``state.cross``, may be handed in where they
    are known, which saves half of the work at the lowest level.
    """
    pack = Packing.of(state.cross.shape[0])
    A_z = state.cross[list(columns)]
    A_zz = A_z[:, list(columns)]
    E, logdet = inverse_of_one_plus(A_zz, D)
    B = times(E, A_z)
    DB = fixed_times(D, B)
    if packed_sums is None:
        packed_sums = sum_children(pack.pack(state.cross), starts)
    cross = pack.unpack(packed_sums - pack.sum_outer(A_z, DB, starts))
    logdet += state.logdet
    if order == 0:
        return State(cross, state.cross1, state.cross2, logdet, state.logdet1, state.logdet2)
    own = _Own(pairs, B, times(E, A_zz), starts, pack)
    cross1, logdet1 = own.cross1(), own.logdet1()
    below = None
    if len(state.cross1):
        below = _Below(state, columns, E, fixed_times(D, E), B, DB, starts)
        cross1 = np.concatenate([below.cross1(), cross1])
        logdet1 = np.concatenate([state.logdet1 + below.logdet1(), logdet1])
    if order == 1:
        return State(cross, cross1, state.cross2, logdet, logdet1, state.logdet2)
    cross2, logdet2 = own.cross2(), own.logdet2()
    if below:
        mixed, mixed_logdet = below.mixed(pairs)
        cross2 = _corners(below.cross2(), mixed, cross2)
        logdet2 = _corners(state.logdet2 + below.logdet2(), mixed_logdet, logdet2)
    return State(cross, cross1, cross2, logdet, logdet1, logdet2)


class _Own:
    """Derivatives in the level's own covariance; `B` and `F` as in the module's text."""

    def __init__(self, pairs: Pairs, B: Array, F: Array, starts: Indices, pack: Packing) -> None:
        self.pairs, self.B, self.F, self.starts, self.pack = pairs, B, F, starts, pack
        self.products = _Products(B, starts, pack)

    def cross1(self) -> Array:
        found = [self.products(a, b) * (-0.5 if a == b else -1.0) for a, b in self.pairs]
        return self.pack.unpack(np.stack(found))

    def logdet1(self) -> Array:
        sums = self.F.sum(axis=-1)
        return np.array([sums[a, b] * (1 if a == b else 2) for a, b in self.pairs])

    def cross2(self) -> Array:
        weighted = {}
        for x, y in _all_pairs(len(self.B)):
            for f, g in _all_pairs(len(self.B)):
                weighted[x, y, f, g] = self.products(x, y, self.F[f, g])
        m = len(self.pairs)
        found = np.zeros((m, m, *weighted[0, 0, 0, 0].shape))
        for i, first in enumerate(self.pairs):
            for j, second in enumerate(self.pairs[: i + 1]):
                for a, b in _both_ways(first):
                    for c, d in _both_ways(second):
                        found[i, j] += weighted[max(b, c), min(b, c), max(a, d), min(a, d)]
                found[j, i] = found[i, j]
        return self.pack.unpack(found)

    def logdet2(self) -> Array:
        q, m = len(self.B), len(self.pairs)
        flat = self.F.reshape(q * q, -1)
        gram = (flat @ flat.T).reshape(q, q, q, q)
        found = np.zeros((m, m))
        for i, first in enumerate(self.pairs):
            for j, second in enumerate(self.pairs):
                found[i, j] = -sum(
                    gram[d, a, b, c] for a, b in _both_ways(first) for c, d in _both_ways(second)
                )
        return found


class _Products:
    """Each parent's sum of ``w (B_x B_y' + B_y B_x')``, packed, for weights w of the units."""

    def __init__(self, B: Array, starts: Indices, pack: Packing) -> None:
        self.B, self.starts, self.pack = B, starts, pack
        self.kept: dict[tuple[int, int], Array] = {}

    def __call__(self, x: int, y: int, weights: Array | None = None) -> Array:
        rows, columns, B = self.pack.rows, self.pack.columns, self.B
        if len(self.starts) == 1:
            left = B[x] if weights is None else B[x] * weights
            total = left @ B[y].T
            return (total + total.T)[rows, columns, None]
        if (x, y) not in self.kept:
            self.kept[x, y] = B[x][rows] * B[y][columns] + B[y][rows] * B[x][columns]
        product = self.kept[x, y]
        return sum_children(product if weights is None else product * weights, self.starts)


class _Below:
    """Derivatives in the parameters of the levels below, which move A."""

    def __init__(
        self,
        state: State,
        columns: Sequence[int],
        E: Array,
        K: Array,
        B: Array,
        DB: Array,
        starts: Indices,
    ) -> None:
        self.state, self.z, self.E, self.K, self.B, self.starts = (
            state,
            list(columns),
            E,
            K,
            B,
            starts,
        )
        self.T = -DB
        self.A1_zz = state.cross1[:, self.z][:, :, self.z]
        self.N = state.cross1[:, self.z] + times(self.A1_zz, self.T)

    def _sandwich(self, A: Array) -> Array:
        """Return each parent's sum of T' A T for matrices (..., k, k, units)."""
        A_z = A[..., self.z, :, :]
        A_zz = A_z[..., self.z, :]
        half = A_z + 0.5 * times(A_zz, self.T)
        cross = times(transpose(self.T), half)
        return sum_children(A + cross + transpose(cross), self.starts)

    def cross1(self) -> Array:
        return self._sandwich(self.state.cross1)

    def logdet1(self) -> Array:
        return np.einsum("abu,mabu->m", self.K, self.A1_zz)

    def cross2(self) -> Array:
        KN = times(self.K, self.N)
        inner = np.einsum("iacu,jadu->ijcdu", self.N, KN)
        inner = sum_children(inner, self.starts)
        return self._sandwich(self.state.cross2) - inner - transpose(inner)

    def logdet2(self) -> Array:
        A2_zz = self.state.cross2[:, :, self.z][:, :, :, self.z]
        KA = times(self.K, self.A1_zz)
        return np.einsum("abu,ijabu->ij", self.K, A2_zz) - np.einsum("iabu,jbau->ij", KA, KA)

    def mixed(self, pairs: Pairs) -> tuple[Array, Array]:
        """Return the second derivatives in one parameter from below and one of this level."""
        EN = times(self.E, self.N)
        EAE = np.einsum("abu,mbcu,dcu->mad", self.E, self.A1_zz, self.E)
        cross, logdet = [], []
        for pair in pairs:
            ways = _both_ways(pair)
            inner = sum(EN[:, a, :, None, :] * self.B[b, None, None, :, :] for a, b in ways)
            inner = sum_children(np.asarray(inner), self.starts)
            cross.append(-inner - transpose(inner))
            logdet.append(sum(EAE[:, b, a] for a, b in ways))
        return np.stack(cross, axis=1), np.stack(logdet, axis=1)


def _both_ways(pair: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    a, b = pair
    return ((a, b),) if a == b else ((a, b), (b, a))


def _all_pairs(size: int) -> list[tuple[int, int]]:
    return [(x, y) for x in range(size) for y in range(x + 1)]


def _corners(first: Array, mixed: Array, last: Array) -> Array:
    """Put the four corners of a symmetric table of derivatives together."""
    top = np.concatenate([first, mixed], axis=1)
    bottom = np.concatenate([np.swapaxes(mixed, 0, 1), last], axis=1)
    return np.concatenate([top, bottom], axis=0)
