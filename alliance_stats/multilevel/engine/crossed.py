"""The likelihood where groups cross, or where a row belongs to several groups of one kind.

The lowest, largest grouping (clients) is eliminated first, client by client, as in the nested
engine. What is left couples the other groups: a client who stays adds to one place on the
diagonal, one who changes therapists also to the places between those she met. All effects of the
other groups are therefore eliminated at once, as *one dense block*: its cost is that of one
Cholesky factor. Rows enter with the weight that their groups have in them: one, none, or the
shares of several.

With ``Z`` the columns of the block, ``W`` all other columns and ``S_i`` the products of a client's
random effects with ``Z``, eliminating clients subtracts ``sum_i S_i' K_i S_i``; each derivative in
the clients' covariance is a sum of the same form with another small matrix in the middle (see
`elimination`, whose formulas hold here too, for clients as for the block).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from .batches import Array, Indices, inverse_of_one_plus
from .block import Block, Left, Parts, Sparse, directions
from .likelihood import Contribution, Level, Partition

LARGEST = 4000
"""Most effects of all groups beside the lowest; at this size one factor takes about a second."""

LISTED = 1e7  # pairs of groups that meet in a unit up to which they are listed once for all


@dataclass(frozen=True)
class CrossedPartition(Partition):
    """What the likelihood needs where groups cross; the whole of the data, in one piece.

    Attributes
    ----------
    cross
        ``(k, k, units)``: cross-products of the k columns in each unit of the lowest grouping.
    rows
        ``(k, rows)``: the columns, times the roots of the prior weights.
    units
        Each row's unit of the lowest grouping.
    members
        For each other grouping, ``(rows, groups)``: the weight of each group in each row.
    """

    rows: Array
    units: Indices
    members: tuple[Sparse, ...]
    made: dict[Any, Products] = field(default_factory=dict, compare=False, repr=False)

    def turned(self, turn: Array) -> CrossedPartition:
        """Return the partition of other columns: these times a matrix."""
        cross = super().turned(turn).cross
        return replace(self, cross=cross, rows=turn.T @ self.rows, made={})

    def with_outcome(self, cross: Array, values: Array) -> CrossedPartition:
        """Return the partition with new values of the last column."""
        return replace(self, cross=cross, rows=np.vstack([self.rows[:-1], values]), made={})

    def of_level(self, number: int, one: int, other: int) -> Array:
        """Return the products of two columns in each group of a level, none eliminated."""
        if number == 0:
            return self.product(one, other)
        return np.asarray(self.members[number - 1].T @ (self.rows[one] * self.rows[other]))

    def contribution(
        self, levels: Sequence[Level], covariances: Sequence[Array], order: int = 0
    ) -> Contribution:
        """Eliminate the lowest grouping unit by unit, and the others as one block."""
        left = self.products(levels).without_units(covariances[0], order)
        return self.block(levels, covariances, left).eliminated(order)

    def block(self, levels: Sequence[Level], covariances: Sequence[Array], left: Left) -> Block:
        """Return the effects of all groups but the lowest, ready to be eliminated."""
        sizes = [weights.shape[1] for weights in self.members]
        return Block(levels[1:], sizes, covariances[1:], left)

    def products(self, levels: Sequence[Level]) -> Products:
        """Return the cross-products that these levels need, made once."""
        key = tuple(levels)
        if key not in self.made:
            self.made[key] = Products.of(self, levels)
        return self.made[key]

    def columns_of_block(self, levels: Sequence[Level]) -> Sparse:
        """Return ``Z``: effect by effect of each level but the lowest, a column a group."""
        columns = [self.rows[list(level.columns)] for level in levels[1:]]
        return block_columns(self.members, columns, self.rows.shape[1])


def block_columns(members: Sequence[Sparse], columns: Sequence[Array], rows: int) -> Sparse:
    """Return a column for each group of each effect: the effect's column times the weights."""
    parts = [
        sparse.diags(column) @ weights
        for weights, of_level in zip(members, columns, strict=True)
        for column in of_level
    ]
    return sparse.hstack(parts, format="csr") if parts else sparse.csr_matrix((rows, 0))


@dataclass(frozen=True)
class Products:
    """Cross-products between the lowest level's effects, the block's columns and all columns."""

    level: Level
    own: Array  # q, q, units
    of_units: Array  # q, k, units
    with_block: tuple[Sparse, ...]  # S, an effect each: units, block
    block: Sparse  # Z'Z
    beside: Array  # Z'W
    rest: Array  # W'W

    @classmethod
    def of(cls, partition: CrossedPartition, levels: Sequence[Level]) -> Products:
        """Make them of a partition's rows."""
        z, Z = list(levels[0].columns), partition.columns_of_block(levels)
        units, n = partition.cross.shape[-1], partition.rows.shape[1]
        of_rows = np.arange(n)
        by_unit = [
            sparse.csr_matrix((partition.rows[place], (partition.units, of_rows)), (units, n))
            for place in z
        ]
        return cls(
            levels[0],
            partition.cross[np.ix_(z, z)],
            partition.cross[z],
            tuple((indicator @ Z).tocsr() for indicator in by_unit),
            (Z.T @ Z).tocsr(),
            np.asarray(Z.T @ partition.rows.T),
            partition.cross.sum(axis=-1),
        )

    def without_units(self, D: Array, order: int) -> Left:
        """Eliminate the units' effects, which have the relative covariance `D`."""
        E, logdet = inverse_of_one_plus(self.own, D)
        K, F = np.einsum("ab,bcu->acu", D, E), np.einsum("abu,bcu->acu", E, self.own)
        taken = self.between(-K)
        whole = (self.block, self.beside, self.rest)
        left = Left((whole[0] + taken[0], whole[1] + taken[1], whole[2] + taken[2]), logdet)
        if order == 0:
            return left
        moves = directions(self.level)
        DE = np.einsum("iab,bcu->iacu", moves, E)
        first = -np.einsum("acu,iadu->icdu", E, DE)
        parts = [self.between(middle) for middle in first]
        left = replace(
            left,
            parts1=parts,
            logdet1=np.einsum("abu,iba->i", F, moves),
        )
        if order == 1:
            return left
        FDE = np.einsum("abu,ibcu->iacu", F, DE)
        second = np.einsum("jacu,iadu->ijcdu", DE, FDE)
        second = second + np.swapaxes(second, 2, 3)
        FD = np.einsum("abu,ibc->iacu", F, moves)
        m = len(moves)
        found = {(i, j): self.between(second[i, j]) for i in range(m) for j in range(i, m)}
        return replace(
            left,
            parts2=[[found[min(i, j), max(i, j)] for j in range(m)] for i in range(m)],
            logdet2=-np.einsum("iacu,jcau->ij", FD, FD),
        )

    def between(self, middle: Array) -> Parts:
        """Return ``sum_i A_i' M_i A_i`` over units, for the block, beside it, and the rest."""
        S, q = self.with_block, range(len(middle))
        MA = np.einsum("abu,bku->aku", middle, self.of_units)
        beside = sum(S[a].T @ MA[a].T for a in q)
        rest = np.asarray(sum(self.of_units[a] @ MA[a].T for a in q))
        if self.contacts is None:
            block = sum(S[a].T @ (sparse.diags(middle[a, b]) @ S[b]) for a in q for b in q)
        else:
            unit, products = self.contacts.unit, self.contacts.products
            block = self.contacts.added(
                sum(middle[a, b][unit] * products[a][b] for a in q for b in q)
            )
        return block, np.asarray(beside), rest

    @cached_property
    def contacts(self) -> Contacts | None:
        """The pairs of groups that meet in a unit; None where they are too many to be listed."""
        pairs = sum((np.diff(S.indptr).astype(float) ** 2).sum() for S in self.with_block)
        return Contacts.of(self.with_block) if pairs < LISTED else None


@dataclass(frozen=True)
class Contacts:
    """Every pair of groups (or of a group's effects) in every unit, and their places in the block.

    A product ``S_a' M S_b`` with weights M of the units is then a weighted sum by place.
    """

    unit: Indices
    products: list[list[Array]]
    place: Indices
    indices: Indices
    indptr: Indices

    @classmethod
    def of(cls, S: Sequence[Sparse]) -> Contacts:
        """Find the pairs in the products of the units' effects with the block."""
        pattern = sum((abs(one) for one in S[1:]), start=abs(S[0])).tocsr()
        pattern.sort_indices()
        sizes, size = np.diff(pattern.indptr), pattern.shape[1]
        of_first = np.repeat(np.arange(pattern.nnz), np.repeat(sizes, sizes))
        unit = np.repeat(np.arange(len(sizes)), sizes**2)
        before = np.cumsum(sizes**2) - sizes**2
        within = np.arange(len(unit)) - before[unit]
        of_second = pattern.indptr[unit] + within % np.maximum(sizes[unit], 1)
        values = [_on(pattern, one) for one in S]
        keys = pattern.indices[of_first].astype(np.int64) * size + pattern.indices[of_second]
        known, place = np.unique(keys, return_inverse=True)
        products = [[left[of_first] * right[of_second] for right in values] for left in values]
        indptr = np.searchsorted(known, np.arange(size + 1, dtype=np.int64) * size)
        return cls(unit, products, place.ravel(), known % max(size, 1), indptr)

    def added(self, values: Array) -> Sparse:
        """Return the sums of values by place, as a matrix of the block."""
        data = np.bincount(self.place, values, len(self.indices))
        size = len(self.indptr) - 1
        return sparse.csr_matrix((data, self.indices, self.indptr), (size, size))


def _on(pattern: Sparse, matrix: Sparse) -> Array:
    """Return a matrix's values at the places of a pattern that holds its own."""
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    return np.asarray(matrix[rows, pattern.indices]).ravel()
