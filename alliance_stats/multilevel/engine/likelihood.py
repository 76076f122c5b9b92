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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .batches import WHOLE, Array, Indices, sum_children
from .elimination import State, eliminate

PIECE = 8000  # lowest units worked on together


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
    def spans(self) -> tuple[range, ...]:
        """The places of each block's effects."""
        ends = np.cumsum(self.blocks).tolist()
        return tuple(range(end - size, end) for size, end in zip(self.blocks, ends, strict=True))

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Lower-triangular positions of the free elements of D, by columns of each block."""
        return tuple(
            (row, column) for span in self.spans for column in span for row in span if row >= column
        )

    @cached_property
    def curvature(self) -> tuple[Indices, Array]:
        """How D bends in theta: for two elements of Lambda, which element of D, and how much.

        ``d2 D_rs / d Lambda_rc d Lambda_sc`` is one, two where r = s, and nothing else bends.
        """
        place = {pair: i for i, pair in enumerate(self.pairs)}
        which = np.zeros((len(self.pairs), len(self.pairs)), dtype=np.intp)
        weight = np.zeros(which.shape)
        for i, (r, column) in enumerate(self.pairs):
            for j, (s, other) in enumerate(self.pairs):
                if column == other:
                    which[i, j] = place[max(r, s), min(r, s)]
                    weight[i, j] = 2.0 if r == s else 1.0
        return which, weight


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

    def contribution(
        self, levels: Sequence[Level], covariances: Sequence[Array], order: int = 0
    ) -> Contribution:
        """Return what all groups add to the likelihood, piece by piece."""
        first, *rest = (contribute(piece, levels, covariances, order) for piece in self.pieces)
        return sum(rest, start=first)

    @cached_property
    def totals(self) -> Array:
        """The cross-products of the columns over all groups."""
        return self.cross.sum(axis=-1)

    def product(self, one: int, other: int) -> Array:
        """Return the products of two columns in each lowest unit."""
        return self.cross[one, other]

    def of_level(self, number: int, one: int, other: int) -> Array:
        """Return the products of two columns in each group of a level, none eliminated."""
        products = self.product(one, other)
        for starts in self.starts[:number]:
            products = sum_children(products, starts)
        return products

    def with_outcome(self, cross: Array, values: Array) -> Partition:
        """Return the partition with new values (and cross-products) of the last column."""
        return Partition(cross, self.starts)

    def turned(self, turn: Array) -> Partition:
        """Return the partition of other columns: these times a matrix."""
        cross = np.einsum("ai,abu,bj->iju", turn, self.cross, turn, optimize=True)
        return Partition(cross, self.starts)

    def cut(self, groups: Sequence[int]) -> tuple[Partition, ...]:
        """Cut before each of these top-level groups (ascending, the first one being 0)."""
        return tuple(self._part(*span) for span in self._spans(groups))

    def _spans(self, groups: Sequence[int]) -> Iterator[tuple[slice, tuple[Indices, ...]]]:
        """Go through the lowest units, and the starts above them, between these top groups."""
        bounds = [np.append(np.asarray(groups, dtype=np.intp), self._top_level_groups)]
        for starts in reversed(self.starts):
            bounds.insert(0, np.append(starts, -1)[bounds[0]])
            bounds[0][-1] = self._units_below(starts)
        for piece in range(len(groups)):
            spans = [slice(bound[piece], bound[piece + 1]) for bound in bounds]
            yield (
                spans[0],
                tuple(
                    s[span] - below.start
                    for s, span, below in zip(self.starts, spans[1:], spans[:-1], strict=True)
                ),
            )

    def _part(self, units: slice, starts: tuple[Indices, ...]) -> Partition:
        return Partition(np.ascontiguousarray(self.cross[..., units]), starts)

    @property
    def n_units(self) -> int:
        """Number of lowest units."""
        return int(self.cross.shape[-1])

    @property
    def _top_level_groups(self) -> int:
        return len(self.starts[-1]) if self.starts else self.n_units

    def _units_below(self, starts: Indices) -> int:
        """Return how many units the level has whose parents begin at `starts`."""
        level = next(i for i, s in enumerate(self.starts) if s is starts)
        return len(self.starts[level - 1]) if level else self.n_units

    @property
    def cuts(self) -> list[int]:
        """The top-level groups at which pieces of about `PIECE` lowest units begin."""
        first_unit = np.arange(self._top_level_groups)
        for starts in reversed(self.starts):
            first_unit = starts[first_unit]
        return list(np.unique(first_unit // PIECE, return_index=True)[1])

    @cached_property
    def pieces(self) -> Iterable[Partition]:
        """The same groups in pieces of about `PIECE` lowest units; they fit a processor's cache."""
        cuts = self.cuts
        return self.cut(cuts) if len(cuts) > 1 else (self,)

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
    partition: Partition,
    levels: Sequence[Level],
    covariances: Sequence[Array],
    order: int = 0,
    *,
    begin: State | None = None,
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
    begin
        What to start from where the cross-products have parameters already.

    Returns
    -------
    Contribution
        Its ``cross`` has all k columns; the caller takes those of ``[X | y]``.
    """
    state = State.begin(partition.cross) if begin is None else begin
    tops = (*partition.starts, WHOLE)
    for number, (level, covariance) in enumerate(zip(levels, covariances, strict=True)):
        sums = partition.packed_sums if number == 0 and begin is None else None
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
