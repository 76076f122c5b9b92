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
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from .batches import (
    Array,
    Indices,
    Packing,
    fixed_times,
    inverse_of_one_plus,
    sum_children,
    sum_products,
    times,
    transpose,
)

Pairs = Sequence[tuple[int, int]]


MANY_CHILDREN = 64
"""Children a parent, times the square of its effects, from which on it is faster to multiply parent
by parent than to add up at once."""


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
    if not len(columns):  # a level without effects: only what its units have adds up
        arrays = (state.cross, state.cross1, state.cross2)
        cross, cross1, cross2 = (sum_children(values, starts) for values in arrays)
        return replace(state, cross=cross, cross1=cross1, cross2=cross2)
    pack = Packing.of(state.cross.shape[0])
    z = np.array(columns)
    A_z = state.cross[z]
    A_zz = A_z[:, z]
    E, logdet = inverse_of_one_plus(A_zz, D)
    B = times(E, A_z)
    DB = fixed_times(D, B)
    if packed_sums is None:
        packed_sums = sum_children(pack.pack(state.cross), starts)
    cross = pack.unpack(packed_sums - pack.sum_outer(A_z, DB, starts))
    logdet += state.logdet
    if order == 0:
        return State(cross, state.cross1, state.cross2, logdet, state.logdet1, state.logdet2)
    own = _Own(pairs, B, times(E, A_zz), starts, pack, order)
    cross1, logdet1 = own.cross1(), own.logdet1()
    below = None
    if len(state.cross1):
        below = _Below(state, z, E, fixed_times(D, E), B, DB, starts)
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
    """Derivatives in the level's own covariance; `B` and `F` as in the module's text.

    All of them are sums over units of ``B_x' B_y`` weighted by one or by an element of F, put
    together by `Wiring`.
    """

    def __init__(
        self, pairs: Pairs, B: Array, F: Array, starts: Indices, pack: Packing, order: int
    ) -> None:
        self.wiring = Wiring.of(tuple(pairs), len(B))
        self.F, self.pack, self.order = F[self.wiring.rows, self.wiring.columns], pack, order
        self.plain, self.weighted = self._weighted_sums(B, starts)

    def _weighted_sums(self, B: Array, starts: Indices) -> tuple[Array, Array]:
        """Return sums (pairs of effects, packed columns, parents), plain; and those of `used`."""
        weight, product = self.wiring.used
        many = len(B) ** 2 * B.shape[-1] >= MANY_CHILDREN * len(starts) > MANY_CHILDREN
        if self.order == 2 and many:
            weighted = np.vstack([self.F, np.ones_like(self.F[:1])])[:, None, None] * B
            outer = sum_products(weighted, B, starts)[:, self.wiring.rows, :, self.wiring.columns]
            outer += outer.swapaxes(2, 3)
            sums = outer[:, :, self.pack.rows, self.pack.columns]
            return sums[:, -1], sums[product, weight]
        products = self.pack.symmetric_outer(B[self.wiring.rows], B[self.wiring.columns])
        plain = sum_children(products, starts)
        if self.order == 1:
            return plain, plain[:0]
        if len(starts) == 1:
            flat = self.F @ products.reshape(-1, products.shape[-1]).T
            return plain, flat.reshape(len(self.F), *products.shape[:-1], 1)[weight, product]
        # one at a time: all at once would not stay in the processor's cache
        of_used = [
            sum_children(products[p] * self.F[w], starts)
            for w, p in zip(weight, product, strict=True)
        ]
        return plain, np.stack(of_used)

    def cross1(self) -> Array:
        wiring = self.wiring
        return self.pack.unpack(self.plain[wiring.place] * wiring.factor[:, None, None])

    def logdet1(self) -> Array:
        return -2.0 * self.wiring.factor * self.F.sum(axis=-1)[self.wiring.place]

    def cross2(self) -> Array:
        weighted, m = self.weighted, len(self.wiring.place)
        found = self.wiring.second @ weighted.reshape(len(weighted), -1)
        return self.pack.unpack(found.reshape(m, m, *weighted.shape[1:]))

    def logdet2(self) -> Array:
        m, gram = len(self.wiring.place), self.F @ self.F.T
        return -(self.wiring.second @ gram[self.wiring.used]).reshape(m, m)


class Wiring:
    """Which weighted sums make up which derivative; the same for every unit and step.

    Effects are paired in the order of a lower triangle. ``place`` is where a parameter's pair
    stands among them, ``factor`` -1/2 on the diagonal and -1 off it. A row of ``second`` belongs
    to two parameters (a, b) and (c, d) and counts the terms ``F_ad B_b' B_c`` of their second
    derivative, over both orders of each; ``used`` are the pairs (a, d) and (b, c) of its columns,
    which with uncorrelated effects are few of all.
    """

    def __init__(self, pairs: Pairs, size: int) -> None:
        self.rows, self.columns = np.tril_indices(size)
        places = {
            (int(x), int(y)): i
            for i, (x, y) in enumerate(zip(self.rows, self.columns, strict=True))
        }
        places |= {(y, x): i for (x, y), i in places.items()}
        self.place = np.array([places[pair] for pair in pairs], dtype=np.intp)
        self.factor = np.array([-0.5 if a == b else -1.0 for a, b in pairs])
        m, count = len(pairs), len(self.rows)
        second = np.zeros((m, m, count, count))
        for i, first in enumerate(pairs):
            for j, other in enumerate(pairs):
                for a, b in _both_ways(first):
                    for c, d in _both_ways(other):
                        second[i, j, places[a, d], places[b, c]] += 1.0
        flat = second.reshape(m * m, count * count)
        used = np.flatnonzero(flat.any(axis=0))
        self.second, self.used = flat[:, used], (used // count, used % count)

    @staticmethod
    @lru_cache(maxsize=64)
    def of(pairs: tuple[tuple[int, int], ...], size: int) -> Wiring:
        """Return the wiring of a level."""
        return Wiring(pairs, size)


class _Below:
    """Derivatives in the parameters of the levels below, which move A."""

    def __init__(
        self,
        state: State,
        z: Indices,
        E: Array,
        K: Array,
        B: Array,
        DB: Array,
        starts: Indices,
    ) -> None:
        self.state, self.z, self.starts = state, z, starts
        self.E, self.K, self.B = E, K, B
        self.T = -DB
        A1_z = state.cross1[:, z]
        self.A1_zz = A1_z[:, :, z]
        self.N = A1_z + times(self.A1_zz, self.T)

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
        A2_zz = self.state.cross2[:, :, self.z[:, None], self.z]
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


def _corners(first: Array, mixed: Array, last: Array) -> Array:
    """Put the four corners of a symmetric table of derivatives together."""
    top = np.concatenate([first, mixed], axis=1)
    bottom = np.concatenate([np.swapaxes(mixed, 0, 1), last], axis=1)
    return np.concatenate([top, bottom], axis=0)
