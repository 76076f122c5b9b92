"""Finding how groups lie to each other: sessions in clients, clients in therapists, and so on.

The order of the levels is read from the data, not from the formula. Where each group lies in one of
the next level they are nested; else they cross, or a row belongs to several groups at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse

from ...errors import DesignError, listing
from ..formula.terms import Table
from .batches import Array, Indices
from .contact import Contact
from .crossed import LARGEST, CrossedPartition

NOBODY = "(none)"
"""What the group is called of those who have none."""


@dataclass(frozen=True)
class Factor:
    """One grouping: the group of every row, groups numbered as they first appear."""

    columns: tuple[str, ...]
    codes: Indices
    """Each row's group, -1 where it has none; of several, the one with the largest weight."""
    labels: pd.Index
    name: str
    """The name results use: ``client``, or ``client:therapist`` for a combination."""
    members: Any = None
    """``(rows, groups)`` weights (a scipy.sparse matrix) where a row belongs to several groups."""

    @property
    def weights(self) -> Any:
        """The weight of each group in each row: a scipy.sparse matrix."""
        if self.members is not None:
            return self.members
        rows = np.flatnonzero(self.codes >= 0)
        at = (rows, self.codes[rows])
        return sparse.csr_matrix((np.ones(len(rows)), at), (len(self.codes), len(self.labels)))


@dataclass(frozen=True)
class Grouping:
    """Strictly nested groups, the lowest level first.

    Units of each level are numbered so that the children of every parent are neighbours.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    labels: tuple[pd.Index, ...]
    parents: tuple[Indices, ...]
    """For every level but the top one, each unit's parent."""
    appearance: Indices
    """Each row's lowest unit, numbered by appearance."""
    order: Indices
    """The lowest units (by appearance) in their nested order."""
    kind: str = "nested"
    """``nested``, ``crossed`` or ``membership``."""
    lacking: tuple[str, ...] = field(default=(), kw_only=True)
    """What is said of rows without a group, which have one of their own here."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of units at each level."""
        return tuple(len(labels) for labels in self.labels)

    @cached_property
    def starts(self) -> tuple[Indices, ...]:
        """Position of the first child of every parent, for every level but the top one."""
        return tuple(np.flatnonzero(np.diff(p, prepend=-1)) for p in self.parents)

    @cached_property
    def units(self) -> Indices:
        """Each row's lowest unit, in nested order."""
        rank = np.empty_like(self.order)
        rank[self.order] = np.arange(len(self.order))
        return rank[self.appearance]

    def of_rows(self, level: int) -> Indices:
        """Return each row's unit at a level."""
        units = self.units
        for parents in self.parents[:level]:
            units = parents[units]
        return units

    def rows_in(self, level: int, among: Indices | slice = slice(None)) -> Indices:
        """Return the number of rows (of some) in each group of a level."""
        rows = np.bincount(self.appearance[among], minlength=len(self.order))[self.order]
        for starts in self.starts[:level]:
            rows = np.add.reduceat(rows, starts)
        return rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What a result says of how the groups lie to each other."""
        return self.lacking

    def to_rows(self, level: int, values: Array) -> Array:
        """Return for each row what its groups of a level have; `values` are (q, groups)."""
        return values[:, self.of_rows(level)]

    def in_common(self, level: int, rows: Indices) -> Array:
        """Return for each pair of rows how much of a group of that level they share."""
        units = self.of_rows(level)[rows]
        return np.equal.outer(units, units).astype(float)

    def squared(self, level: int) -> Array:
        """Return the sum of each row's squared weights of a level's groups."""
        return np.ones(len(self.appearance))

    def check_block(self, effects: Sequence[int]) -> None:
        """Refuse more effects than can be estimated together; nested ones never are too many."""


@dataclass(frozen=True)
class CrossedGrouping(Grouping):
    """Groups that cross, are shared, or that some rows do not have; the lowest level first.

    Rows without a group of the lowest level make one more unit, whose columns are zero.
    """

    factors: tuple[Factor, ...] = ()
    met: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Which groups cross, and how many rows have none."""
        return (*self.met, *_lacking(self.factors))

    @cached_property
    def weights(self) -> tuple[Any, ...]:
        """For every level the weight of each group in each row."""
        return tuple(factor.weights for factor in self.factors)

    def of_rows(self, level: int) -> Indices:
        """Return each row's group at a level (of several the first), -1 where it has none."""
        return self.factors[level].codes

    def rows_in(self, level: int, among: Indices | slice = slice(None)) -> Indices:
        """Return the number of rows (of some) in each group of a level, shared ones in each."""
        return np.asarray(self.weights[level][among].getnnz(axis=0))

    def to_rows(self, level: int, values: Array) -> Array:
        """Return for each row what its groups have, each by its weight."""
        return np.asarray(self.weights[level] @ values.T).T

    def in_common(self, level: int, rows: Indices) -> Array:
        """Return for each pair of rows how much of a group of that level they share."""
        weights = self.weights[level][rows]
        return np.asarray((weights @ weights.T).toarray())

    def squared(self, level: int) -> Array:
        """Return the sum of each row's squared weights of a level's groups."""
        weights = self.weights[level]
        return np.asarray(weights.multiply(weights).sum(axis=1)).ravel()

    def check_block(self, effects: Sequence[int]) -> None:
        """Refuse groups beside the lowest that are too many to be estimated as one block."""
        sizes = [q * size for q, size in zip(effects[1:], self.sizes[1:], strict=True)]
        if sum(sizes) <= LARGEST:
            return
        large = int(np.argmax(sizes)) + 1
        names = f"'{self.names[0]}' ({self.sizes[0]:,} groups)"
        other = f"'{self.names[large]}' ({self.sizes[large]:,} groups"
        other += f", {effects[large]} effects each)" if effects[large] > 1 else ")"
        raise DesignError(
            f"{names} and {other} are not nested, and both are large: beside the largest grouping "
            f"at most {LARGEST:,} effects can be estimated together, and these are {sum(sizes):,}. "
            f"Fit a part of the data (each site by itself), use fewer random effects for "
            f"'{self.names[large]}', or leave (… | {self.names[large]}) out and say so."
        )

    def partition(self, cross: Array, rows: Array) -> CrossedPartition:
        """Return what the likelihood needs, of scaled cross-products and columns."""
        return CrossedPartition(cross, (), rows, self.units, self.weights[1:])


def factorise(table: Table, columns: tuple[str, ...]) -> Factor:
    """Number the groups that a column, or a combination of columns, makes.

    Raises
    ------
    DesignError
        Where a grouping column holds measurements (fractions) rather than labels.
    """
    codes, labels = _factorise_column(table, columns[0])
    if len(columns) == 1:
        return Factor(columns, codes, labels, columns[0])
    parts, none = [labels], codes < 0
    for name in columns[1:]:
        outer_codes, outer_labels = _factorise_column(table, name)
        size, none = len(parts[0]), none | (outer_codes < 0)
        codes, pairs = pd.factorize(np.where(none, -1, outer_codes * size + codes), sort=False)
        if none.any():  # what rows without a group have in common is no pair
            codes, pairs = _without(codes, pairs, -1)
        parts = [*(part[pairs % size] for part in parts), outer_labels[pairs // size]]
    index = pd.MultiIndex.from_arrays(parts, names=list(columns))
    return Factor(columns, codes, index, ":".join(columns))


def _without(codes: Indices, values: Array, missing: int) -> tuple[Indices, Array]:
    """Return codes and values with one value taken off; what had it has the code -1."""
    gone = int(np.flatnonzero(values == missing)[0])
    return np.where(codes == gone, -1, codes - (codes > gone)), np.delete(values, gone)


def _factorise_column(table: Table, name: str) -> tuple[Indices, pd.Index]:
    column = table.frame[name]
    if types.is_float_dtype(column.dtype):
        values = table.numbers(name)
        wrong = np.isinf(values) | (~np.isnan(values) & (values != np.floor(values)))
        if wrong.any():
            raise DesignError(
                f"The grouping column '{name}' must hold labels, but it holds numbers with "
                f"fractions or infinite ones (first: {listing(values[wrong][:3].tolist())}). If "
                "these are labels, turn them into text first."
            )
    codes, labels = pd.factorize(column)
    return codes, pd.Index(labels, name=name)


def arrange(factors: Sequence[Factor], data: pd.DataFrame, *, fill: bool = False) -> Grouping:
    """Order the groupings from the lowest to the top, nested if they are.

    With `fill`, for engines that need nested groups, rows without a group (whose effects are all
    zero) make groups of their own: the model is the same.

    Raises
    ------
    DesignError
        Where ids of the lower level start anew under each group above.
    """
    ordered = sorted(factors, key=lambda factor: -len(factor.labels))
    whole = all(factor.members is None and (factor.codes >= 0).all() for factor in ordered)
    shared = any(factor.members is not None for factor in ordered)
    contacts = [] if shared else [Contact(*pair) for pair in combinations(ordered, 2)]
    crossing = [contact for contact in contacts if len(contact.several)]
    if whole and not crossing:
        return nest(ordered)
    if fill and not whole and not crossing and not shared:
        return replace(arrange(_filled(ordered), data), lacking=_lacking(ordered))
    for contact in crossing:
        contact.refuse_ids_that_start_anew(data)
    lowest = next((i for i, factor in enumerate(ordered) if factor.members is None), None)
    if lowest is None:
        raise DesignError(
            "A model needs one group that each row belongs to alone, such as (1 | client_id), "
            "beside those it shares."
        )
    ordered = [ordered.pop(lowest), *ordered]
    units = ordered[0].codes
    notes = [contact.note for contact in crossing]
    kind = "membership" if shared else "crossed" if crossing else "nested"
    return CrossedGrouping(
        tuple(factor.name for factor in ordered),
        tuple(factor.columns for factor in ordered),
        tuple(factor.labels for factor in ordered),
        (),
        np.where(units < 0, len(ordered[0].labels), units),
        np.arange(len(ordered[0].labels) + int((units < 0).any())),
        kind,
        tuple(ordered),
        tuple(notes),
    )


def _lacking(factors: Sequence[Factor]) -> tuple[str, ...]:
    """Say how many rows have no group."""
    rows = {factor.name: (len(factor.codes), int((factor.codes < 0).sum())) for factor in factors}
    return tuple(
        f"{none} of {n} rows have no '{name}' and need none: all columns of its random effects are "
        f"zero there. {n - none} have one."
        for name, (n, none) in rows.items()
        if none
    )


def _filled(ordered: Sequence[Factor]) -> list[Factor]:
    """Return factors in which rows without a group have that of their client's other rows.

    Where no row of the client has one, a group more is made: one in each group of the level above.
    """
    lowest, above = ordered[0].codes, np.zeros(len(ordered[0].codes), dtype=np.intp)
    client, found = pd.Series(lowest).where(lowest >= 0), []
    for factor in reversed(ordered):
        known = pd.Series(factor.codes, dtype=float).where(factor.codes >= 0)
        codes = known.groupby(client).transform("first").to_numpy(copy=True)
        none = np.isnan(codes)
        new, places = pd.factorize(above[none])
        codes[none] = len(factor.labels) + new
        more = [NOBODY, *(f"{NOBODY} {place + 2}" for place in range(len(places) - 1))]
        labels = factor.labels.astype(object).append(pd.Index(more[: len(places)], dtype=object))
        above = codes.astype(np.intp)
        found.append(replace(factor, codes=above, labels=labels.rename(factor.labels.name)))
    return found


def nest(ordered: Sequence[Factor]) -> Grouping:
    """Number the units of nested groupings, the lowest first."""
    lowest = ordered[0]
    above: list[Indices] = []
    for parent in ordered[1:]:
        group = np.empty(len(lowest.labels), dtype=np.intp)
        group[lowest.codes] = parent.codes
        above.append(group)
    order = np.lexsort((np.arange(len(lowest.labels)), *above))
    parents, labels = [], [lowest.labels[order]]
    for depth, factor in enumerate(ordered[1:]):
        units = above[depth][order]
        new = np.diff(units, prepend=-1) != 0
        below: Indices | slice = slice(None)
        if depth:  # where each unit of the level below first stands
            below = np.flatnonzero(np.diff(above[depth - 1][order], prepend=-1))
        parents.append((np.cumsum(new) - 1)[below])
        labels.append(factor.labels[units[new]])
    return Grouping(
        tuple(factor.name for factor in ordered),
        tuple(factor.columns for factor in ordered),
        tuple(labels),
        tuple(parents),
        lowest.codes,
        order,
    )
