"""What one partition tells of a model: the cross-products of its lowest units, and no rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DesignError, listing
from ..checks import check_numbers, check_rows_left
from ..engine.batches import Array, Indices, Packing
from ..engine.crossproducts import summing
from ..engine.grouping import Grouping, arrange, factorise
from ..engine.membership import optional_groups
from ..formula.factors import learn_outcome
from ..formula.model_formula import Formula
from ..formula.terms import INTERCEPT, Columns, Table, complete_rows

MOST_VALUES = 1000
"""Whole-numbered outcomes of more values than this are no counts anybody asks about."""


def complete(formula: Formula, frame: pd.DataFrame) -> tuple[Table, dict[str, int]]:
    """Return a partition's complete rows, and what the others lack."""
    table, _, missing = complete_rows(formula.columns, formula.with_groups_trimmed(frame))
    lacking = sorted(optional_groups(formula, frame, {}) & set(missing))
    if lacking:
        raise DesignError(
            f"Rows lack {listing(lacking)}, where a random term without an intercept does not need "
            "it. Such rows stay in a fit in memory; in partitions give them a group of their own."
        )
    return table, missing


@dataclass(frozen=True)
class Sums:
    """The sums of one partition.

    Attributes
    ----------
    units
        The grouping columns, a row for each lowest unit that has rows here.
    rows
        The number of rows of each.
    products
        For each pair of columns their products' sum in each unit.
    read, used, missing
        Rows in the partition, those that are complete, and what the others lack.
    ends
        The outcome's lowest and highest value.
    values
        How often each value of the outcome occurs; empty where it holds fractions.
    """

    units: pd.DataFrame
    rows: Indices
    products: list[Array]
    read: int
    used: int
    missing: dict[str, int]
    ends: tuple[float, float]
    values: Counter[float]


@dataclass(frozen=True)
class Summing:
    """Makes the sums of a partition: the same for each, wherever it lies.

    The columns are ones, those of the formula less `centres`, `rests` (combinations of these) and
    the outcome, the last.
    """

    formula: Formula
    names: tuple[str, ...]
    made_by: tuple[Columns, ...]
    centres: Array
    rests: tuple[Array, ...] = field(default=())

    def __call__(self, frame: pd.DataFrame) -> Sums:
        """Return the sums of one partition."""
        table, missing = complete(self.formula, frame)
        columns = self._columns(table) if len(table) else []
        groups = list(dict.fromkeys(name for t in self.formula.random for name in t.group))
        codes, first = self._units(table)
        units = table.frame[groups].iloc[first].reset_index(drop=True)
        for name in units.select_dtypes("category"):  # parts need not have the same categories
            units[name] = units[name].astype(units[name].cat.categories.dtype)
        y = columns[-1] + self.centres[-1] if columns else np.zeros(0)
        return Sums(
            units,
            np.bincount(codes, minlength=len(first)),
            self._products(columns, codes, len(first)),
            len(frame),
            len(table),
            missing,
            (float(y.min()), float(y.max())) if len(y) else (np.inf, -np.inf),
            _values(y),
        )

    def raw(self, table: Table) -> tuple[list[str], list[Array]]:
        """Return the columns of the formula and the outcome, as they are."""
        found: dict[str, Array] = {}
        for columns in self.made_by:
            found.update(zip(columns.names, columns.rebuild(table), strict=True))
        y = learn_outcome(self.formula.response.tree, self.formula.text, table)
        names = [name for name in self.names if name != INTERCEPT]
        return [*names, self.formula.response.tree.label], [*(found[n] for n in names), y]

    def _columns(self, table: Table) -> list[Array]:
        names, raw = self.raw(table)
        check_numbers(names, raw, table.frame.index)
        columns = [np.ones(len(table))]
        columns += [c - m if m else c for c, m in zip(raw, self.centres[1:], strict=True)]
        for weights in self.rests:  # a later one may be made of those before
            made = [w * c for w, c in zip(weights, columns[:-1], strict=False) if w]
            columns.insert(-1, np.sum(made, axis=0))
        return columns

    def _units(self, table: Table) -> tuple[Indices, Indices]:
        """Return each row's lowest unit (of each group above it), and the first row of each."""
        codes, first = np.zeros(len(table), dtype=np.intp), np.zeros(0, dtype=np.intp)
        for group in dict.fromkeys(term.group for term in self.formula.random):
            factor = factorise(table, group)
            codes = pd.factorize(codes * len(factor.labels) + factor.codes)[0]
        if len(codes):
            first = np.zeros(codes.max() + 1, dtype=np.intp)
            first[codes[::-1]] = np.arange(len(codes))[::-1]
        return codes, first

    @staticmethod
    def _products(columns: Sequence[Array], codes: Indices, n: int) -> list[Array]:
        add_up, pack = summing(codes, np.arange(n)), Packing.of(len(columns))
        product = np.empty(len(codes))
        found = []
        for i, j in zip(pack.rows.tolist(), pack.columns.tolist(), strict=True):
            ones = i == 0  # the column of ones need not be multiplied with
            found.append(
                add_up(columns[j] if ones else np.multiply(columns[i], columns[j], out=product))
            )
        return found


def _values(y: Array) -> Counter[float]:
    if not len(y) or (y[:MOST_VALUES] != np.round(y[:MOST_VALUES])).any():
        return Counter()
    values, n = np.unique(y, return_counts=True)
    if len(values) > MOST_VALUES or (values != np.round(values)).any():
        return Counter()
    return Counter(dict(zip(values.tolist(), n.tolist(), strict=True)))


@dataclass(frozen=True)
class Joined:
    """The sums of all partitions.

    Attributes
    ----------
    grouping
        How the groups lie to each other; its rows are the units of the partitions.
    rows
        The number of rows of each lowest unit.
    packed
        ``(pairs, units)``: the upper triangles of the units' cross-products, in nested order.
    """

    grouping: Grouping
    rows: Indices
    packed: Array
    read: int
    used: int
    missing: dict[str, int]
    ends: tuple[float, float]
    values: tuple[Array, Array]


def join(formula: Formula, parts: list[Sums]) -> Joined:
    """Add up the sums of partitions; a unit of which several hold rows becomes one again.

    The partitions' products are taken out of `parts`, so that no more than one pair of columns
    is there twice.

    Raises
    ------
    DesignError
        Where groups are not nested, or no row is complete.
    """
    read, used = sum(part.read for part in parts), sum(part.used for part in parts)
    missing = dict(sum((Counter(part.missing) for part in parts), Counter()))
    check_rows_left(missing, used, read)
    parts = [part for part in parts if part.used]
    units = pd.concat([part.units for part in parts], ignore_index=True)
    table = Table(units)
    groups = {term.same_groups: term.group for term in formula.random}
    grouping = arrange([factorise(table, group) for group in groups.values()], units)
    if grouping.kind != "nested":
        raise DesignError(
            f"{' '.join(grouping.notes)} Fits to partitions need nested groups: fit crossed ones "
            f"in memory, or write (1 | {'/'.join(reversed(grouping.names))}) where each part of a "
            "group is to count as one of its own."
        )
    add_up = summing(grouping.appearance, grouping.order)
    packed = np.empty((len(parts[0].products), len(grouping.order)))
    for pair in range(len(packed) - 1, -1, -1):
        packed[pair] = add_up(np.concatenate([part.products.pop() for part in parts]))
    whole = all(part.values for part in parts)
    values: Counter[float] = sum((p.values for p in parts), Counter()) if whole else Counter()
    return Joined(
        grouping,
        add_up(np.concatenate([part.rows for part in parts])).astype(np.intp),
        packed,
        read,
        used,
        missing,
        (min(part.ends[0] for part in parts), max(part.ends[1] for part in parts)),
        _few(values),
    )


def _few(values: dict[float, int]) -> tuple[Array, Array]:
    """Return values and their numbers, sorted; two fractions where there are none to tell of."""
    found: Any = sorted(values.items()) or [(0.25, 1), (0.5, 1)]
    return np.array([value for value, _ in found]), np.array([n for _, n in found])
