"""Finding how groups are nested: sessions in clients, clients in therapists, and so on.

The order of the levels is read from the data, not from the formula. Groups that cross are an
error that names the first of them and the ways out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NoReturn

import numpy as np
import pandas as pd
from pandas.api import types

from ...errors import DesignError, listing
from ..formula.terms import Table
from .batches import Indices

REUSED = 0.5  # share of ids in several groups above which ids that start anew are the likely reason
LEVELS = (
    ("client", "patient", "person", "participant", "subject", "dyad", "couple"),
    ("therapist", "counsel", "clinician", "provider", "practitioner"),
    ("site", "centre", "center", "hospital", "team", "ward"),
)
"""Words in the names of columns by level, the lowest first."""


@dataclass(frozen=True)
class Factor:
    """One grouping: the group of every row, groups numbered as they first appear."""

    columns: tuple[str, ...]
    codes: Indices
    labels: pd.Index

    @property
    def name(self) -> str:
        """The name results use: ``client``, or ``client:therapist`` for a combination."""
        return ":".join(self.columns)


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


def factorise(table: Table, columns: tuple[str, ...]) -> Factor:
    """Number the groups that a column, or a combination of columns, makes.

    Raises
    ------
    DesignError
        Where a grouping column holds measurements (fractions) rather than labels.
    """
    codes, labels = _factorise_column(table, columns[0])
    if len(columns) == 1:
        return Factor(columns, codes, labels)
    parts = [labels]
    for name in columns[1:]:
        outer_codes, outer_labels = _factorise_column(table, name)
        size = len(parts[0])
        codes, pairs = pd.factorize(outer_codes * size + codes)
        parts = [*(part[pairs % size] for part in parts), outer_labels[pairs // size]]
    return Factor(columns, codes, pd.MultiIndex.from_arrays(parts, names=list(columns)))


def _factorise_column(table: Table, name: str) -> tuple[Indices, pd.Index]:
    column = table.frame[name]
    if types.is_float_dtype(column.dtype):
        values = table.numbers(name)
        wrong = ~np.isfinite(values) | (values != np.floor(values))
        if wrong.any():
            raise DesignError(
                f"The grouping column '{name}' must hold labels, but it holds numbers with "
                f"fractions or infinite ones (first: {listing(values[wrong][:3].tolist())}). If "
                "these are labels, turn them into text first."
            )
    codes, labels = pd.factorize(column)
    return codes, pd.Index(labels, name=name)


def nest(factors: Sequence[Factor]) -> Grouping:
    """Order the groupings from the lowest to the top and check that each lies in the next.

    Raises
    ------
    DesignError
        Where groups cross; the message names the first units and the ways out.
    """
    ordered = sorted(factors, key=lambda factor: -len(factor.labels))
    lowest = ordered[0]
    above: list[Indices] = []
    for child, parent in pairwise(ordered):
        group = np.empty(len(lowest.labels), dtype=np.intp)
        group[lowest.codes] = parent.codes
        if (group[lowest.codes] != parent.codes).any():
            _crossed(lowest, parent)
        if child is not lowest and not _is_nested(above[-1], group):
            _crossed(child, parent)
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


def _is_nested(child: Indices, parent: Indices) -> bool:
    group = np.empty(child.max() + 1, dtype=np.intp)
    group[child] = parent
    return bool((group[child] == parent).all())


def _crossed(one: Factor, other: Factor) -> NoReturn:
    """Say how two groupings cross, and what would make one nest in the other.

    `one` has more groups, which mostly makes it the lower level; but ids that start anew (client
    1 of every therapist) are few, so what the columns' names say goes before.
    """
    lower, upper = (other, one) if _lies_lower(other, one) else (one, other)
    pairs = pd.DataFrame({"lower": lower.codes, "upper": upper.codes}).drop_duplicates()
    counts = pairs.groupby("lower", sort=False)["upper"].agg("size")
    several = counts.index[counts > 1]
    first = several[0]
    where = upper.labels[pairs.loc[pairs["lower"] == first, "upper"]]
    path = "/".join(dict.fromkeys([*reversed(upper.columns), *reversed(lower.columns)]))
    pair = ":".join(dict.fromkeys([*lower.columns, *upper.columns]))
    again = len(several) == len(lower.labels) or len(several) > REUSED * len(lower.labels)
    reasons = [
        f"if the same '{lower.name}' stands for different people under each '{upper.name}' (ids "
        f"that start anew), write (1 | {path}), or make the ids unique",
        f"if people changed '{upper.name}', leave (… | {upper.name}) out, or use (1 | {pair}) so "
        "that each pair is a unit of its own",
    ]
    likely, else_ = reasons if again else reversed(reasons)
    raise DesignError(
        f"Every '{lower.name}' must belong to one '{upper.name}', but {len(several)} of "
        f"{len(lower.labels)} belong to several, so the two are crossed. The first: "
        f"{listing(lower.labels[several])}; {lower.name} {lower.labels[first]} is under "
        f"{upper.name} {listing(where)}. {likely[0].upper()}{likely[1:]}; {else_}."
    )


def _lies_lower(one: Factor, other: Factor) -> bool:
    """Say whether `one` is the lower of two groupings that cross, though it has fewer groups."""
    ranks = [_rank(factor.columns[0]) for factor in (one, other)]
    if None not in ranks and ranks[0] != ranks[1]:
        return bool(ranks[0] < ranks[1])  # type: ignore[operator]
    return False


def _rank(column: str) -> int | None:
    """Return how high a level stands by its column's name, None where the name does not say."""
    found = [rank for rank, words in enumerate(LEVELS) if any(w in column.lower() for w in words)]
    return found[0] if len(found) == 1 else None
