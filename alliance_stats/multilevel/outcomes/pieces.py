"""Rows cut into pieces that a processor's cache holds: sorted by unit, equal ones counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from ..engine.batches import Array, Indices
from ..engine.grouping import Grouping
from .families import Family, Outcome

PIECE = 7_500  # rows worked on together
EQUAL = 0.75  # rows left, of 4,000, below which equal rows are counted instead of repeated


@dataclass(frozen=True)
class Piece:
    """Some top-level groups: their rows, sorted by unit, and where units and groups begin.

    Attributes
    ----------
    X, Z
        Columns of the coefficients and of the lowest level's effects, rows first.
    weights
        How often each row counts.
    starts
        The first row of each lowest unit.
    parents
        Where there is a level above: the first unit of each of its groups.
    above
        The place, among the lowest level's effects, of the intercept to which the level above
        adds.
    """

    outcome: Outcome
    X: Array
    Z: Array
    offset: Array
    weights: Array
    constant: float
    starts: Indices
    parents: Indices | None
    above: int = 0

    @cached_property
    def sizes(self) -> Indices:
        """Rows of each unit."""
        return np.diff(self.starts, append=len(self.X))

    @cached_property
    def children(self) -> Indices:
        """Units of each group above; one each where there is no level above."""
        if self.parents is None:
            return np.ones(len(self.starts), dtype=np.intp)
        return np.diff(self.parents, append=len(self.starts))

    @cached_property
    def parent_of(self) -> Indices:
        """Each unit's group."""
        return np.repeat(np.arange(len(self.children)), self.children)

    @cached_property
    def adding(self) -> sparse.csr_array:
        """What adds up rows within units, each as often as it counts: ``adding @ rows``."""
        ends = np.append(self.starts, len(self.X))
        return sparse.csr_array((self.weights, np.arange(len(self.X)), ends))

    def adding_times(self, columns: Array) -> sparse.csr_array:
        """Return what adds up rows times each of these columns: one column's units, the next's."""
        rows, number = columns.shape
        ends = self.starts + rows * np.arange(number)[:, None]
        return sparse.csr_array(
            (
                (columns * self.weights[:, None]).T.ravel(),
                np.tile(np.arange(rows), number),
                np.append(ends, rows * number),
            ),
            shape=(ends.size, rows),
        )

    @cached_property
    def _joining(self) -> sparse.csr_array:
        units = np.arange(len(self.starts))
        first = units if self.parents is None else self.parents
        return sparse.csr_array((np.ones(len(units)), units, np.append(first, len(units))))

    def over_parents(self, values: Array) -> Array:
        """Add up units, on the first axis, within their groups."""
        found = self._joining @ values.reshape(len(values), -1)
        return np.asarray(found.reshape(-1, *values.shape[1:]))


def pieces_of(
    grouping: Grouping,
    weights: Array | None,
    family: Family,
    outcome: Outcome,
    offset: Array,
    X: Array,
    Z: Array,
    above: int,
) -> list[Piece]:
    """Sort the rows by unit, count equal ones, and cut between top-level groups."""
    units = grouping.units
    weights = np.ones(len(X)) if weights is None else weights
    constants = weights * family.constant(outcome)
    order = np.argsort(units, kind="stable")
    kept, counts = _counted(order, units, (outcome.y, outcome.trials, offset, *X.T, *Z.T))
    weights = np.add.reduceat(weights[order], counts)
    units = units[kept]
    starts = np.flatnonzero(np.diff(units, prepend=-1))
    parents = grouping.starts[0] if grouping.starts else None
    firsts = np.arange(len(starts)) if parents is None else parents
    rows_before = starts[firsts]
    _, cuts = np.unique(rows_before // PIECE, return_index=True)
    constant = float(constants.sum())
    pieces = []
    for number, first in enumerate(cuts):
        last = cuts[number + 1] if number + 1 < len(cuts) else len(firsts)
        unit_from, unit_to = firsts[first], (firsts[last] if last < len(firsts) else len(starts))
        row_from = starts[unit_from]
        row_to = starts[unit_to] if unit_to < len(starts) else len(kept)
        rows = kept[row_from:row_to]
        pieces.append(
            Piece(
                outcome=outcome.rows(rows),
                X=X[rows],
                Z=Z[rows],
                offset=offset[rows],
                weights=weights[row_from:row_to],
                constant=constant if number == 0 else 0.0,
                starts=starts[unit_from:unit_to] - row_from,
                parents=None if parents is None else firsts[first:last] - unit_from,
                above=above,
            )
        )
    return pieces


def _counted(order: Indices, units: Indices, columns: Sequence[Array]) -> tuple[Indices, Indices]:
    """Return one row for each set of equal rows of a unit, and where each set begins in order.

    `order` is changed in place so that equal rows are neighbours.
    """
    every = np.arange(len(order))
    sample = order[:4000]
    if len(_codes(sample, units, columns)[1]) > EQUAL * len(sample):
        return order, every
    codes, _ = _codes(order, units, columns)
    sort = np.argsort(codes, kind="stable")
    order[:] = order[sort]
    begins = np.flatnonzero(np.diff(codes[sort], prepend=-1))
    return order[begins], begins


def _codes(rows: Indices, units: Indices, columns: Sequence[Array]) -> tuple[Indices, Array]:
    """Number the sets of equal rows, units first."""
    codes = units[rows].astype(np.int64)
    for column in columns:
        if column[0] == column[-1] and (column == column[0]).all():
            continue
        own, values = pd.factorize(column[rows], sort=False)
        codes, _ = pd.factorize(codes * len(values) + own, sort=True)
    codes, labels = pd.factorize(codes, sort=True)
    return codes, labels
