"""The columns of the random effects, in a basis that keeps their digits.

Where a term has correlated effects and an intercept, ``(1 + x | g)`` and ``(1 + x - c | g)`` are
one model, and so are two nearly equal slopes and their sum and difference. What differs is the
number of digits left: an intercept at the year zero and a slope on the calendar year have a
correlation of -.999999. A fit therefore works with the column less its mean, and with what the
columns before it in the block leave of a nearly dependent one; results are carried back. Terms
without an intercept, and uncorrelated ones (``||``), stay as they are: there the origin is part
of the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import DesignError
from ..formula.model_formula import RandomTerm
from ..formula.terms import INTERCEPT, Columns, Table, build
from .basis import remainder, share_left
from .batches import Array
from .likelihood import Level

CENTRED = 1e-16  # share of a column's mean square that its mean has after centring
CONSTANT = 1e-10  # largest deviation from the mean, relative to it, of a column that is constant
DEPENDENT = 1e-10  # share of a squared length left below which a column is dependent, not nearly so
NEARLY = 0.05  # the share left below which a column is replaced by what the others leave of it


@dataclass(frozen=True)
class Effects:
    """The random effects of one level: their names and how to make their columns.

    Attributes
    ----------
    basis
        U where the user's columns are ``columns U``, with the columns the fit works with; the
        identity where they are the user's.
    """

    names: tuple[str, ...]
    terms: tuple[Columns, ...]
    basis: Array


class Pool:
    """The distinct columns of a model: what stands in X and in a random term is kept once."""

    def __init__(self, rows: int) -> None:
        self.rows, self.names, self.arrays = rows, [], []  # type: ignore[var-annotated]

    def place(self, name: str, array: Array) -> int:
        """Return where the column of that name stands, adding it where it is new."""
        if name not in self.names:
            return self._append(name, array)
        position = self.names.index(name)
        if not np.array_equal(self.arrays[position], array, equal_nan=True):
            raise DesignError(
                f"Two different columns of the model are called '{name}'; rename one."
            )
        return position

    def add(self, array: Array | None, place: int) -> int:
        """Return the place of the array, if any, that stands in for the column at `place`."""
        return place if array is None else self._append(f"{self.names[place]} (rest)", array)

    def centre_of(self, column: Array) -> float:
        """Return a column's mean; zero where the column need not be centred."""
        mean = float(column.mean())
        if mean**2 <= CENTRED * float(column @ column) / len(column):
            return 0.0
        if float(np.abs(column - mean).max()) <= CONSTANT * abs(mean):
            return 0.0
        return mean

    def constant(self, column: Array) -> float | None:
        """Return the one value that a column has in all rows, None where it has several."""
        return float(column[0]) if column.min() == column.max() else None

    def less(self, column: Array, value: float) -> Array:
        """Return a column less a number."""
        return column - value

    def remainder(self, column: Array, before: Sequence[Array]) -> tuple[Array, Array, float]:
        """Return what columns leave of another (see `basis.remainder`)."""
        return remainder(column, before)

    def keep(self, places: Sequence[int]) -> dict[int, int]:
        """Forget all columns but those at these places; return where each stands now."""
        kept = sorted(set(places))
        self.names = [self.names[place] for place in kept]
        self.arrays = [self.arrays[place] for place in kept]
        return {place: i for i, place in enumerate(kept)}

    @property
    def ones(self) -> int | None:
        """Position of the column of ones."""
        return self.names.index(INTERCEPT) if INTERCEPT in self.names else None

    def _append(self, name: str, array: Array) -> int:
        self.names.append(name)
        self.arrays.append(array)
        return len(self.arrays) - 1


def random_columns(
    terms: Sequence[Sequence[RandomTerm]], table: Table, pool: Pool
) -> tuple[tuple[Level, ...], tuple[Effects, ...]]:
    """Make the columns of every level's random effects, as the user wrote them."""
    levels, effects = [], []
    for of_level in terms:
        names: list[str] = []
        sizes: list[int] = []
        built = []
        for term in of_level:
            columns = build(term.part, table)
            for name, array in columns.named_arrays():
                if name in names:
                    raise DesignError(
                        f"The random effect '{name}' stands twice for '{term.label}'; write it "
                        "once."
                    )
                names.append(name)
                pool.place(name, array)
            size = len(columns.names)
            sizes += [size] if term.correlated else [1] * size
            built.append(columns)
        levels.append(Level(tuple(pool.names.index(name) for name in names), tuple(sizes)))
        effects.append(Effects(tuple(names), tuple(built), np.eye(len(names))))
    return tuple(levels), tuple(effects)


def centre(
    levels: Sequence[Level], effects: Sequence[Effects], fixed: Sequence[int], pool: Pool
) -> tuple[tuple[Level, ...], tuple[Effects, ...], list[int], Array]:
    """Centre the slopes of blocks that have an intercept, and the same columns of X.

    Returns levels, effects and places of X with the new columns, and U where X is ``columns U``.
    """
    moved: dict[int, tuple[float, int]] = {}
    centred, bases = [], []
    for level, of_level in zip(levels, effects, strict=True):
        places, basis = list(level.columns), of_level.basis.copy()
        for intercept, i in _beside_intercept(level, pool.ones):
            old = level.columns[i]
            if old not in moved and (mean := pool.centre_of(pool.arrays[old])):
                moved[old] = mean, pool.add(pool.less(pool.arrays[old], mean), old)
            if old in moved:
                basis[intercept, i], places[i] = moved[old]
        centred.append(places)
        bases.append(basis)
    of_fixed, matrix = list(fixed), np.eye(len(fixed))
    if pool.ones in fixed:
        for i, old in enumerate(fixed):
            if old in moved:
                matrix[fixed.index(pool.ones), i], of_fixed[i] = moved[old]
    now = pool.keep([*of_fixed, *(place for places in centred for place in places)])
    return (
        tuple(
            replace(level, columns=tuple(now[place] for place in places))
            for level, places in zip(levels, centred, strict=True)
        ),
        tuple(replace(of, basis=basis) for of, basis in zip(effects, bases, strict=True)),
        [now[place] for place in of_fixed],
        matrix,
    )


def _beside_intercept(level: Level, ones: int | None) -> Iterator[tuple[int, int]]:
    """Go through the slopes correlated with an intercept: its place and theirs."""
    for span in level.spans:
        intercept = next((i for i in span if level.columns[i] == ones), None)
        if intercept is not None:
            yield from ((intercept, i) for i in span if i != intercept)


def orthogonalise(
    levels: Sequence[Level], effects: Sequence[Effects], totals: Array, pool: Pool
) -> tuple[tuple[Level, ...], tuple[Effects, ...]]:
    """Replace nearly dependent slopes of a block by what the others leave of them.

    `totals` are the cross-products of all columns.
    """
    new_levels, new_effects = [], []
    for level, of_level in zip(levels, effects, strict=True):
        replaced, matrix = _nearly_dependent(level, totals, pool)
        places = [pool.add(replaced.get(i), place) for i, place in enumerate(level.columns)]
        new_levels.append(replace(level, columns=tuple(places)))
        new_effects.append(replace(of_level, basis=matrix @ of_level.basis))
    return tuple(new_levels), tuple(new_effects)


def _nearly_dependent(level: Level, totals: Array, pool: Pool) -> tuple[dict[int, Array], Array]:
    """Return what is left of each nearly dependent slope, and the matrix back to the slopes."""
    replaced: dict[int, Array] = {}
    matrix = np.eye(len(level.columns))
    own = totals[np.ix_(level.columns, level.columns)]
    size = np.sqrt(np.diag(own))
    scaled = own / np.outer(size, size) if size.all() else own
    for span in level.spans:
        kept: list[int] = []
        for i in span:
            share = share_left(scaled, kept, i)
            if kept and DEPENDENT < share < NEARLY:
                before = [replaced.get(k, pool.arrays[level.columns[k]]) for k in kept]
                column = pool.arrays[level.columns[i]]
                replaced[i], matrix[kept, i], _ = pool.remainder(column, before)
            if share > DEPENDENT:
                kept.append(i)
    return replaced, matrix
