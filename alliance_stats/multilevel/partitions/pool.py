"""Columns of which only cross-products are known.

A column is kept as its combination of the columns that were summed. Means, lengths and what
columns leave of another follow from the cross-products; where two columns are nearly dependent
their digits do not suffice, and the combination that is left is summed in a pass of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.batches import Array, Packing, sum_children
from ..engine.blocks import CENTRED, CONSTANT, Pool
from ..engine.likelihood import Partition

BAKED = 65_536  # units turned at a time


class SummedPool(Pool):
    """The columns of a model as combinations of summed columns.

    Parameters
    ----------
    names, arrays
        The user's columns and their combinations; the first summed column is one of ones.
    totals
        The cross-products of the summed columns.
    rows
        Number of rows.
    known
        The rests that were summed: their places and weights, in the order they were asked for.
    """

    def __init__(
        self,
        names: Sequence[str],
        arrays: Sequence[Array],
        totals: Array,
        rows: int,
        known: Sequence[tuple[int, Array]] = (),
    ) -> None:
        super().__init__(rows)
        self.names, self.arrays = list(names), list(arrays)
        self.totals, self.known = totals, known
        self.asked: list[tuple[Array, Array]] = []

    def mean(self, column: Array) -> float:
        """Return a column's mean."""
        return float(self.totals[0] @ column / self.rows)

    def centre_of(self, column: Array) -> float:
        """Return a column's mean; zero where the column need not be centred."""
        mean = self.mean(column)
        square = column @ self.totals @ column / self.rows
        return 0.0 if mean**2 <= CENTRED * square or self.constant(column) is not None else mean

    def constant(self, column: Array) -> float | None:
        """Return the one value that a column has in all rows, None where it has several."""
        mean = self.mean(column)
        left = self.less(column, mean)
        spread = np.sqrt(max(float(left @ self.totals @ left), 0.0) / self.rows)
        return mean if spread <= CONSTANT * abs(mean) else None

    def less(self, column: Array, value: float) -> Array:
        """Return a column less a number."""
        return column - value * np.eye(1, len(column))[0]

    def remainder(self, column: Array, before: Sequence[Array]) -> tuple[Array, Array, float]:
        """Return what columns leave of another, their weights, and the share of its length left."""
        length = self._length(column)
        if length == 0.0 or not before:
            return column, np.zeros(0), float(length > 0)
        B = np.stack(before)
        lengths = np.array([self._length(one) for one in before])
        inner = B @ self.totals @ B.T / np.outer(lengths, lengths)
        rest, weights = column, np.zeros(len(before))
        if len(self.asked) < len(self.known):
            place, weights = self.known[len(self.asked)]
            rest = np.eye(1, len(column), place)[0]
        for _ in range(2):
            along = np.linalg.lstsq(inner, B @ self.totals @ rest / lengths, rcond=None)[0]
            rest, weights = rest - (along / lengths) @ B, weights + along / lengths
        self.asked.append((rest, weights))
        return rest, weights, self._length(rest) / length

    def _length(self, column: Array) -> float:
        return float(np.sqrt(max(float(column @ self.totals @ column), 0.0)))


class PackedPartition(Partition):
    """A partition whose cross-products are kept as triangles and unpacked piece by piece.

    Parameters
    ----------
    packed
        ``(pairs, units)``, as `Packing` has it.
    starts
        As in `Partition`.
    turn
        The combinations of the kept columns that the partition's columns are.
    """

    packed: Array
    size: int
    turn: Array

    def __init__(
        self, packed: Array, starts: tuple[Array, ...], size: int, turn: Array | None = None
    ) -> None:
        turn = np.eye(size) if turn is None else turn
        self.__dict__.update(packed=packed, starts=starts, size=size, turn=turn)

    def turned(self, turn: Array) -> PackedPartition:
        """Return the partition of other columns: these times a matrix."""
        return PackedPartition(self.packed, self.starts, self.size, self.turn @ turn)

    def baked(self) -> PackedPartition:
        """Return the same partition with its columns kept; the former are overwritten."""
        now, size = Packing.of(self.turn.shape[1]), self.turn.shape[1]
        kept = self.packed if len(now.rows) <= len(self.packed) else None
        target = np.empty((len(now.rows), self.n_units)) if kept is None else kept
        for first in range(0, self.n_units, BAKED):
            here = slice(first, first + BAKED)
            target[: len(now.rows), here] = now.pack(self._unpacked(here))
        return PackedPartition(target[: len(now.rows)], self.starts, size)

    @property
    def cross(self) -> Array:  # type: ignore[override]
        """All cross-products at once."""
        return self._unpacked(slice(None))

    @property
    def totals(self) -> Array:  # type: ignore[override]
        """The cross-products of the columns over all groups."""
        total = Packing.of(self.size).unpack(self.packed.sum(axis=-1, keepdims=True))[..., 0]
        return self.turn.T @ total @ self.turn

    def product(self, one: int, other: int) -> Array:
        """Return the products of two columns in each lowest unit."""
        found, place = np.zeros(self.n_units), Packing.of(self.size).place
        for i in np.flatnonzero(self.turn[:, one]):
            for j in np.flatnonzero(self.turn[:, other]):
                found += self.turn[i, one] * self.turn[j, other] * self.packed[place[i, j]]
        return found

    @property
    def n_units(self) -> int:
        """Number of lowest units."""
        return int(self.packed.shape[-1])

    @property
    def pieces(self):  # type: ignore[no-untyped-def, override]
        """The same groups in pieces, unpacked one after the other."""
        return (self._part(*span) for span in self._spans(self.cuts))

    @property
    def packed_sums(self) -> Array:  # type: ignore[override]
        """Cross-products of each parent of the lowest units, upper triangle."""
        rows, columns = np.triu_indices(self.turn.shape[1])
        starts = self.starts[0] if self.starts else np.zeros(1, dtype=np.intp)
        return sum_children(self.cross[rows, columns], starts)

    def beginning(self, groups: int) -> tuple[slice, Partition]:
        """Return the lowest units of the first top-level groups, and their partition."""
        units, starts = next(iter(self._spans([0, groups])))
        return units, self._part(units, starts)

    def _part(self, units: slice, starts: tuple[Array, ...]) -> Partition:
        return Partition(self._unpacked(units), starts)

    def _unpacked(self, units: slice) -> Array:
        full = Packing.of(self.size).unpack(self.packed[:, units])
        if np.array_equal(self.turn, np.eye(self.size)):
            return full
        return np.einsum("ai,abu,bj->iju", self.turn, full, self.turn, optimize=True)
