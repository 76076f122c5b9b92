"""The likelihood of a nested mixed model, as sums over the groups of the top level.

A `Partition` holds what the likelihood needs of any set of top-level groups: the cross-products
of each lowest unit's columns. `contribute` turns a partition and the covariance of the random
effects into a `Contribution`: a log-determinant, the cross-products left after all random
effects are eliminated, and their derivatives. Contributions of disjoint partitions add up to
that of the whole, so partitions may sit in different processes, machines or clinics.

Notation. A unit's columns are ``W``; ``A = W'W``. A level's random effects act through some of
the columns, ``z``, with covariance ``D`` relative to the residual variance. Eliminating them
replaces ``A`` by ``A - A[:, z] K A[z, :]`` with ``K = (D^-1 + A[z, z])^-1``, and adds
``logdet(I + A[z, z] D)``; see `elimination`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .batches import WHOLE, Array, Indices, sum_children
from .elimination import State, eliminate


@dataclass(frozen=True)
class Level:
    """The random effects of one level of grouping.

    Attributes
    ----------
    columns
        Positions of the columns with a random effect, among all columns.
    blocks
        Sizes of the blocks in which effects are correlated, in order: ``(2,)`` for
        ``(1 + x | g)``, ``(1, 1)`` for ``(1 + x || g)``.
    """

    columns: tuple[int, ...]
    blocks: tuple[int, ...]

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Lower-triangular positions of the free elements of D, by columns of each block."""
        found, first = [], 0
        for size in self.blocks:
            span = range(first, first + size)
            found += [(row, column) for column in span for row in span if row >= column]
            first += size
        return tuple(found)


@dataclass(frozen=True)
class Partition:
    """What the likelihood needs of some top-level groups.

    Attributes
    ----------
    cross
        ``(k, k, units)``: cross-products of the k columns in each lowest unit; units stand
        sorted, so that the children of every parent are neighbours.
    starts
        For every level but the top one, the position of the first unit (of that level) of each
        parent.
    """

    cross: Array
    starts: tuple[Indices, ...]

    def split(self, at: int) -> tuple[Partition, Partition]:
        """Cut into the first `at` top-level groups and the rest."""
        cut, cuts = at, []
        for starts in reversed(self.starts):
            cuts.append(cut)
            cut = int(starts[cut])
        left = tuple(s[:c] for s, c in zip(self.starts, reversed(cuts), strict=True))
        bounds = [*(s[c] for s, c in zip(self.starts, reversed(cuts), strict=True))]
        right = tuple(
            s[c:] - b for s, c, b in zip(self.starts, reversed(cuts), bounds, strict=True)
        )
        return (
            Partition(self.cross[..., :cut], left),
            Partition(np.ascontiguousarray(self.cross[..., cut:]), right),
        )

    @cached_property
    def packed_sums(self) -> Array:
        """Cross-products of each parent of the lowest units, upper triangle; kept for reuse."""
        rows, columns = np.triu_indices(self.cross.shape[0])
        starts = self.starts[0] if self.starts else WHOLE
        return sum_children(self.cross[rows, columns], starts)


@dataclass(frozen=True)
class Contribution:
    """What a partition adds to the likelihood, with derivatives in the elements of D.

    The parameters are the free elements of each level's D, lowest level first; an element off
    the diagonal stands for both of its places. Without derivatives, the arrays are empty.
    """

    logdet: float
    cross: Array
    logdet1: Array
    cross1: Array
    logdet2: Array
    cross2: Array

    def __add__(self, other: Contribution) -> Contribution:
        return Contribution(
            self.logdet + other.logdet,
            self.cross + other.cross,
            self.logdet1 + other.logdet1,
            self.cross1 + other.cross1,
            self.logdet2 + other.logdet2,
            self.cross2 + other.cross2,
        )


def contribute(
    partition: Partition, levels: Sequence[Level], covariances: Sequence[Array], order: int = 0
) -> Contribution:
    """Eliminate the random effects of every level, the lowest first.

    Parameters
    ----------
    partition
        Any set of top-level groups.
    levels
        The levels, the lowest first.
    covariances
        Each level's D: the covariance of its random effects over the residual variance.
    order
        How many derivatives are wanted: 0, 1 or 2.

    Returns
    -------
    Contribution
        Its ``cross`` has all k columns; the caller takes those of ``[X | y]``.
    """
    state = State.begin(partition.cross)
    tops = (*partition.starts, WHOLE)
    for number, (level, covariance) in enumerate(zip(levels, covariances, strict=True)):
        sums = partition.packed_sums if number == 0 else None
        state = eliminate(
            state, level.columns, level.pairs, covariance, tops[number], order, packed_sums=sums
        )
    return Contribution(
        state.logdet,
        state.cross[..., 0],
        state.logdet1,
        state.cross1[..., 0],
        state.logdet2,
        state.cross2[..., 0],
    )
