"""Everything a fit needs of the data: columns, levels and each lowest unit's cross-products.

The rows are read once. What is asked of them afterwards (fitted values, residuals) uses the
columns kept here; the likelihood uses only the cross-products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...core.arguments import of_rows
from ...core.people import refuse_ids
from ...errors import ColumnError, DesignError, listing
from ..checks import (
    about_few_values,
    about_reused_ids,
    about_saturation,
    check_categories_left,
    check_effects,
    check_frame,
    check_numbers,
    check_rows_left,
    check_sizes,
    missing_note,
)
from ..formula.model_formula import Formula, RandomTerm
from ..formula.terms import INTERCEPT, Columns, Table, build, complete_rows, response
from .basis import find_basis, why_left_out
from .batches import Array
from .blocks import Effects, Pool, centre, orthogonalise, random_columns
from .crossproducts import cross_products, outcome_products
from .grouping import CrossedGrouping, Grouping, arrange, factorise
from .likelihood import Level, Partition
from .membership import Memberships, about_shares, factor_of, optional_groups, rows_without_group


@dataclass(frozen=True)
class Design:
    """A model's columns, levels and cross-products.

    Attributes
    ----------
    columns
        All distinct columns the fit works with, unweighted; the outcome (less `outcome_shift`)
        is the last.
    fixed
        Positions of the columns of X, without those left out as linearly dependent.
    fixed_basis
        U where the user's X is ``columns U``; the identity unless columns of X are centred for
        their random slopes (see `blocks`), or were so nearly dependent, or so far from zero, that
        they had to be made orthogonal to keep their digits.
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
    terms: tuple[tuple[RandomTerm, ...], ...]
    weights: Array | None
    scale: Array
    partition: Partition
    frame: pd.DataFrame
    missing: dict[str, int]
    rows_dropped: int
    notes: tuple[str, ...]
    saturated: bool = False

    @property
    def n(self) -> int:
        """Number of rows used."""
        return len(self.columns[-1])

    @property
    def has_rows(self) -> bool:
        """Whether the rows are here, and not only sums of them."""
        return True

    def mean_square(self, number: int, root: Array) -> float:
        """Return the mean over rows of ``|root z|^2``, z being a level's scaled columns."""
        places = list(self.levels[number].columns)
        columns = [self.columns[place] / self.scale[place] for place in places]
        Z = np.reshape(columns, (len(places), self.n))
        return float(((root @ Z) ** 2 @ self.grouping.squared(number)).sum() / self.n)

    def mean_of(self, place: int) -> float:
        """Return the mean of a column."""
        return float(self.columns[place].mean())

    def less(self, place: int, value: float) -> Design:
        """Return the design with a multiple of a scaled column taken off the scaled outcome."""
        turn: Array = np.eye(len(self.columns))
        turn[place, -1] = -value
        weight = value * self.scale[-1] / self.scale[place]
        columns = (*self.columns[:-1], self.columns[-1] - weight * self.columns[place])
        return replace(self, columns=columns, partition=self.partition.turned(turn))

    def to_user(self, number: int) -> Array:
        """Return the matrix that takes a level's effects of the scaled columns to the user's."""
        size = self.scale[-1] / self.scale[list(self.levels[number].columns)]
        return np.linalg.inv(self.effects[number].basis) * size

    def extended(self, combinations: Array) -> Design:
        """Return the design with combinations (columns) of its scaled columns before the outcome.

        No effect stands on the new columns yet; their scale is one.
        """
        k, more = len(self.columns), combinations.shape[1]
        turn = np.zeros((k, k + more))
        turn[: k - 1, : k - 1], turn[-1, -1] = np.eye(k - 1), 1.0
        turn[:, k - 1 : -1] = combinations
        return replace(
            self,
            columns=self.with_combinations(combinations),
            scale=np.insert(self.scale, k - 1, np.ones(more)),
            partition=self.partition.turned(turn),
        )

    def with_combinations(self, combinations: Array) -> tuple[Array, ...]:
        """Return the columns with combinations of the scaled ones before the outcome."""
        scaled = [column / size for column, size in zip(self.columns, self.scale, strict=True)]
        new = [
            sum(weight * column for weight, column in zip(weights, scaled, strict=True))
            for weights in combinations.T
        ]
        return (*self.columns[:-1], *new, self.columns[-1])

    def with_outcome(self, values: Array) -> Design:
        """Return the same design with another outcome, redoing only what depends on it."""
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
            partition=self.partition.with_outcome(cross, self._weighted(columns[-1] / scale[-1])),
        )

    def _weighted(self, values: Array) -> Array:
        return values if self.weights is None else values * np.sqrt(self.weights)


def make_design(
    formula: Formula,
    data: pd.DataFrame,
    weights: str | Sequence[float] | None = None,
    membership: Memberships | None = None,
    *,
    measured: bool = True,
    further: Sequence[str] = (),
    units: str | None = None,
    saturated: bool = False,
    fill: bool = False,
) -> Design:
    """Read the data into a design.

    Where the outcome is not `measured` (a yes or no, a count), there is no residual that groups
    of one row could be mistaken for. `further` columns must be complete too. `fill` is `arrange`'s.

    Raises
    ------
    FormulaError, ColumnError, DesignError
        Where the formula names no column, a column holds the wrong thing, groups cross, or the
        data cannot carry the model.
    """
    rows = _complete_rows(formula, data, weights, membership or {}, further, units)
    table = rows.table
    refuse_ids(data, formula.fixed.bare_columns() if formula.fixed else ())
    outcome, y = response(formula, table, measured=measured)
    check_numbers((outcome,), (y,), table.frame.index)
    fixed_terms = build(formula.fixed, table)
    grouping, terms = _levels(formula, table, membership or {}, units, fill=fill)
    pool = Pool(len(table))
    levels, effects = random_columns(terms, table, pool)
    fixed = [pool.place(*column) for column in fixed_terms.named_arrays()]
    check_numbers((*pool.names, outcome), (*pool.arrays, y), table.frame.index)
    check_sizes(
        len(fixed),
        len(y),
        (y.min(), y.max()),
        outcome,
        grouping,
        levels,
        measured=measured and not saturated,
        saturated=saturated,
    )
    crowded = about_saturation(len(y), grouping, levels) if saturated else []
    grouping.check_block([len(level.columns) for level in levels])
    levels, effects, fixed, centring = centre(levels, effects, fixed, pool)
    shift = float(y.mean()) if INTERCEPT in fixed_terms.names else 0.0
    columns = (*pool.arrays, y - shift)
    cross = cross_products(columns, rows.weights, grouping, pool.ones)
    totals = cross.sum(axis=-1)
    basis = find_basis(totals, fixed, pool)
    notes = [
        *missing_note(rows.missing, rows.dropped, len(data)),
        *crowded,
        *grouping.notes,
        *about_shares(grouping),
        *why_left_out(basis, fixed_terms, pool.constant),
        *check_effects(
            _partition(grouping, cross, columns, rows.weights), levels, effects, grouping
        ),
        *about_reused_ids(data, grouping),
        *(about_few_values(formula.text, outcome, *_counts(y)) if measured else ()),
    ]
    levels, effects = orthogonalise(levels, effects, totals, pool)
    fixed = [pool.add(basis.replaced.get(i), place) for i, place in enumerate(fixed)]
    if len(pool.arrays) + 1 > len(columns):
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
        fixed_basis=basis.matrix @ centring[np.ix_(basis.kept, basis.kept)],
        outcome_shift=shift,
        dropped=tuple(fixed_terms.names[i] for i in basis.left_out),
        levels=levels,
        effects=effects,
        grouping=grouping,
        terms=tuple(map(tuple, terms)),
        weights=rows.weights,
        scale=scale,
        partition=_partition(grouping, cross, columns, rows.weights, scale),
        frame=table.frame,
        missing=rows.missing,
        rows_dropped=rows.dropped,
        notes=tuple(notes),
        saturated=bool(crowded),
    )


@dataclass(frozen=True)
class _Rows:
    """The rows a model uses, and what was set aside."""

    table: Table
    weights: Array | None
    missing: dict[str, int]
    dropped: int


def _complete_rows(
    formula: Formula,
    data: pd.DataFrame,
    weights: str | Sequence[float] | None,
    membership: Memberships,
    further: Sequence[str],
    units: str | None,
) -> _Rows:
    """Refuse what no model can be read from, and leave incomplete rows out."""
    formula.check_columns([*data.columns, *membership])
    if not formula.random and units is None:
        raise DesignError(
            "A multilevel model needs a random term such as (1 | client_id); without one use "
            "ordinary regression, for example statsmodels.formula.api.ols."
        )
    check_frame(formula, data)
    data = formula.with_groups_trimmed(data)
    prior = _prior_weights(data, weights)
    optional = optional_groups(formula, data, membership)
    variables = [name for name in (*formula.columns, *further) if name not in optional]
    table, keep, missing = complete_rows(variables, data)
    lacking = rows_without_group(formula, table, membership)
    for name, rows in lacking.items():
        missing[name] = int(rows.sum())
    if lacking:
        left = ~np.logical_or.reduce(list(lacking.values()))
        table = Table(table.frame.loc[left])
        keep = left if keep is None else np.flatnonzero(keep)[left]
    if prior is not None and keep is not None:
        prior = prior[keep]
    check_rows_left(missing, len(table), len(data))
    check_categories_left(formula, data, table.frame, missing)
    return _Rows(table, prior, missing, len(data) - len(table))


def _prior_weights(data: pd.DataFrame, weights: str | Sequence[float] | None) -> Array | None:
    if weights is None:
        return None
    if isinstance(weights, str):
        if weights not in data.columns:
            raise ColumnError(f"The weights name the column '{weights}', which the data lack.")
        values = of_rows(data[weights], data, "weights")
    else:
        values = of_rows(weights, data, "weights")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        rows = listing(data.index[wrong])
        raise DesignError(
            f"Prior weights must be positive and finite; {len(wrong)} are not (rows {rows})."
        )
    return values


def _levels(
    formula: Formula, table: Table, membership: Memberships, units: str | None, *, fill: bool
) -> tuple[Grouping, list[list[RandomTerm]]]:
    """Return the groups and the random terms of each level, the lowest first.

    The groups of the column `units` are a level too, without random effects of its own.
    """
    terms: dict[str, list[RandomTerm]] = {}
    for term in formula.random:
        terms.setdefault(term.same_groups, []).append(term)
    factors = {name: factor_of(found[0], table, membership) for name, found in terms.items()}
    if units is not None:
        factors[units], terms[units] = factorise(table, (units,)), []
    grouping = arrange(list(factors.values()), table.frame, fill=fill)
    found = {factor.name: terms[name] for name, factor in factors.items()}
    return grouping, [found[name] for name in grouping.names]


def _partition(
    grouping: Grouping,
    cross: Array,
    columns: Sequence[Array],
    weights: Array | None,
    scale: Array | float = 1.0,
) -> Partition:
    """Return what the likelihood needs; nested groups need no rows."""
    if not isinstance(grouping, CrossedGrouping):
        return Partition(cross, grouping.starts)
    rows = np.stack(columns) / np.reshape(scale, (-1, 1))
    return grouping.partition(cross, rows if weights is None else rows * np.sqrt(weights))


def _counts(y: Array) -> tuple[Array, Array]:
    """Return the outcome's values and how often each occurs; two where they are no whole ones."""
    some = y[:1000]
    return np.unique(some if (some != np.round(some)).any() else y, return_counts=True)


def _spread(total: float, n: int) -> float:
    root = float(np.sqrt(total / n))
    return root if root > 0 else 1.0
