"""Everything a fit needs of the data: columns, levels and each lowest unit's cross-products.

The rows are read once. What is asked of them afterwards (fitted values, residuals) uses the
columns kept here; the likelihood uses only the cross-products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, listing
from .basis import find_basis, why_left_out
from .batches import Array
from .checks import (
    about_few_values,
    about_reused_ids,
    check_effects,
    check_frame,
    check_numbers,
    check_rows_left,
    check_sizes,
    missing_note,
)
from .crossproducts import cross_products, outcome_products
from .formula import Formula, RandomTerm
from .grouping import Factor, Grouping, factorise, nest
from .likelihood import Level, Partition
from .terms import INTERCEPT, Columns, Table, build, complete_rows, response


@dataclass(frozen=True)
class Effects:
    """The random effects of one level: their names and how to make their columns."""

    names: tuple[str, ...]
    terms: tuple[Columns, ...]


@dataclass(frozen=True)
class Design:
    """A model's columns, levels and cross-products.

    Attributes
    ----------
    columns
        All distinct columns, unweighted; the outcome (less `outcome_shift`) is the last.
    fixed
        Positions of the columns of X, without those left out as linearly dependent.
    fixed_basis
        U where the user's X is ``columns U``; the identity unless columns of X were so nearly
        dependent, or so far from zero, that they had to be made orthogonal to keep their digits.
    scale
        What each column was divided by in `partition`.
    """

    formula: Formula
    outcome: str
    columns: tuple[Array, ...]
    fixed: tuple[int, ...]
    fixed_names: tuple[str, ...]
    fixed_terms: Columns
    fixed_basis: Array
    outcome_shift: float
    dropped: tuple[str, ...]
    levels: tuple[Level, ...]
    effects: tuple[Effects, ...]
    grouping: Grouping
    weights: Array | None
    scale: Array
    partition: Partition
    frame: pd.DataFrame
    missing: dict[str, int]
    rows_dropped: int
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of rows used."""
        return len(self.columns[-1])

    def with_outcome(self, values: Array) -> Design:
        """Return the same design with another outcome, redoing only what depends on it."""
        if len(values) != self.n or not np.isfinite(values).all():
            raise DesignError(
                f"The new outcome must be {self.n} finite numbers, one for each row the model "
                f"uses; it has {len(values)} values, {int(np.isfinite(values).sum())} of them "
                "finite."
            )
        shift = float(values.mean()) if self.outcome_shift or INTERCEPT in self.fixed_names else 0.0
        columns = (*self.columns[:-1], values - shift)
        last = outcome_products(columns, self.weights, self.grouping)
        scale = self.scale.copy()
        scale[-1] = _spread(float(last[-1].sum()), self.n)
        cross = self.partition.cross.copy()
        cross[-1] = last / (scale * scale[-1])[:, None]
        cross[:, -1] = cross[-1]
        return replace(
            self,
            columns=columns,
            outcome_shift=shift,
            scale=scale,
            partition=Partition(cross, self.partition.starts),
        )


def make_design(
    formula: Formula, data: pd.DataFrame, weights: str | Sequence[float] | None = None
) -> Design:
    """Read the data into a design.

    Raises
    ------
    FormulaError, ColumnError, DesignError
        Where the formula names no column, a column holds the wrong thing, groups cross, or the
        data cannot carry the model.
    """
    rows = _complete_rows(formula, data, weights)
    table = rows.table
    outcome, y = response(formula, table)
    fixed_terms = build(formula.fixed, table)
    grouping, terms = _levels(formula, table)
    pool = _Pool(len(table))
    levels, effects = _random_columns(terms, table, pool)
    fixed = [pool.place(*column) for column in fixed_terms.named_arrays()]
    shift = float(y.mean()) if INTERCEPT in fixed_terms.names else 0.0
    columns = (*pool.arrays, y - shift)
    check_numbers((*pool.names, outcome), columns, table.frame.index)
    check_sizes(len(fixed), y, outcome, grouping, levels)
    cross = cross_products(columns, rows.weights, grouping, pool.ones)
    basis = find_basis(cross.sum(axis=-1), fixed, columns)
    notes = [
        *missing_note(rows.missing, rows.dropped, len(data)),
        *why_left_out(basis, fixed_terms),
        *check_effects(cross, levels, effects, grouping),
        *about_reused_ids(data, grouping),
        *about_few_values(outcome, y),
    ]
    if basis.replaced:
        fixed = [pool.add(basis.replaced.get(i), place) for i, place in enumerate(fixed)]
        columns = (*pool.arrays, y - shift)
        cross = cross_products(columns, rows.weights, grouping, pool.ones)
    scale = np.array([_spread(total, len(y)) for total in np.diag(cross.sum(axis=-1))])
    cross /= (scale[:, None] * scale)[..., None]
    return Design(
        formula=formula,
        outcome=outcome,
        columns=columns,
        fixed=tuple(fixed[i] for i in basis.kept),
        fixed_names=tuple(fixed_terms.names[i] for i in basis.kept),
        fixed_terms=fixed_terms,
        fixed_basis=basis.matrix,
        outcome_shift=shift,
        dropped=tuple(fixed_terms.names[i] for i in basis.left_out),
        levels=levels,
        effects=effects,
        grouping=grouping,
        weights=rows.weights,
        scale=scale,
        partition=Partition(cross, grouping.starts),
        frame=table.frame,
        missing=rows.missing,
        rows_dropped=rows.dropped,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Rows:
    """The rows a model uses, and what was set aside."""

    table: Table
    weights: Array | None
    missing: dict[str, int]
    dropped: int


def _complete_rows(
    formula: Formula, data: pd.DataFrame, weights: str | Sequence[float] | None
) -> _Rows:
    """Refuse what no model can be read from, and leave incomplete rows out."""
    formula.check_columns(data.columns)
    if not formula.random:
        raise DesignError(
            "A multilevel model needs a random term such as (1 | client_id); without one use "
            "ordinary regression, for example statsmodels.formula.api.ols."
        )
    check_frame(formula, data)
    prior = _prior_weights(data, weights)
    table, keep, missing = complete_rows(formula, data)
    if prior is not None and keep is not None:
        prior = prior[keep]
    check_rows_left(missing, len(table), len(data))
    return _Rows(table, prior, missing, len(data) - len(table))


class _Pool:
    """The distinct columns of a model: what stands in X and in a random term is kept once."""

    def __init__(self, rows: int) -> None:
        self.rows, self.names, self.arrays = rows, [], []  # type: ignore[var-annotated]

    def place(self, name: str, array: Array) -> int:
        if name not in self.names:
            self.names.append(name)
            self.arrays.append(array)
        position = self.names.index(name)
        if not np.array_equal(self.arrays[position], array, equal_nan=True):
            raise DesignError(
                f"Two different columns of the model are called '{name}'; rename one."
            )
        return position

    def add(self, array: Array | None, place: int) -> int:
        """Return the place of the array, if any, that stands in for the column at `place`."""
        return place if array is None else self.place(f"{self.names[place]} (rest)", array)

    @property
    def ones(self) -> int | None:
        """Position of the column of ones."""
        return self.names.index(INTERCEPT) if INTERCEPT in self.names else None


def _prior_weights(data: pd.DataFrame, weights: str | Sequence[float] | None) -> Array | None:
    if weights is None:
        return None
    if isinstance(weights, str):
        if weights not in data.columns:
            raise ColumnError(f"The weights name the column '{weights}', which the data lack.")
        values = data[weights].to_numpy(dtype=float)
    else:
        values = np.asarray(weights, dtype=float)
    if values.shape != (len(data),):
        raise DesignError(f"The weights must be one number a row: {len(data)}, not {values.shape}.")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        rows = listing(data.index[wrong])
        raise DesignError(
            f"Prior weights must be positive and finite; {len(wrong)} are not (rows {rows})."
        )
    return values


def _levels(formula: Formula, table: Table) -> tuple[Grouping, list[list[RandomTerm]]]:
    """Return the nested groups and the random terms of each level, the lowest first."""
    terms: dict[frozenset[str], list[RandomTerm]] = {}
    for term in formula.random:
        terms.setdefault(frozenset(term.group), []).append(term)
    factors: list[Factor] = [factorise(table, found[0].group) for found in terms.values()]
    grouping = nest(factors)
    return grouping, [terms[frozenset(columns)] for columns in grouping.columns]


def _random_columns(
    terms: Sequence[Sequence[RandomTerm]], table: Table, pool: _Pool
) -> tuple[tuple[Level, ...], tuple[Effects, ...]]:
    levels, effects = [], []
    for of_level in terms:
        names: list[str] = []
        blocks: list[int] = []
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
            blocks += [size] if term.correlated else [1] * size
            built.append(columns)
        levels.append(Level(tuple(pool.names.index(name) for name in names), tuple(blocks)))
        effects.append(Effects(tuple(names), tuple(built)))
    return tuple(levels), tuple(effects)


def _spread(total: float, n: int) -> float:
    root = float(np.sqrt(total / n))
    return root if root > 0 else 1.0
