"""Rows cut into pieces that a processor's cache holds: sorted by unit, equal ones counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..engine.batches import Array, Indices
from ..engine.design import Design
from .families import Family, Outcome
from .integral import Piece

PIECE = 7_500  # rows worked on together
EQUAL = 0.75  # rows left, of 4,000, below which equal rows are counted instead of repeated


def pieces_of(
    design: Design,
    family: Family,
    outcome: Outcome,
    offset: Array,
    X: Array,
    Z: Array,
    above: int,
) -> list[Piece]:
    """Sort the rows by unit, count equal ones, and cut between top-level groups."""
    grouping = design.grouping
    units = grouping.units
    weights = np.ones(design.n) if design.weights is None else design.weights
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
