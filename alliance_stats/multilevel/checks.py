"""Whether the data can carry the model: each check is an error or a sentence for the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api import types

from ..core.people import CLIENT, ID_COLUMNS, SESSION, THERAPIST, reused_ids
from ..errors import ColumnError, DesignError, listing, plural
from .engine.batches import Array
from .engine.grouping import Grouping
from .engine.likelihood import Level, Partition
from .formula.model_formula import Formula
from .formula.terms import INTERCEPT

if TYPE_CHECKING:
    from .engine.blocks import Effects

FEW_VALUES = 5  # with more whole numbers, the steps of a scale are finer than its noise
MANY_ZEROS = 0.2  # share of zeros among whole numbers that speaks for a count or a floor
FLAT = 1e-10  # share of variance within groups below which a column does not vary there


def check_rows_left(missing: Mapping[str, int], left: int, rows: int) -> None:
    """Refuse data in which every row lacks something."""
    if not left or (left == 1 < rows and missing):
        who = "Only one row has" if left else "No row has"
        raise DesignError(
            f"{who} a value in every variable of the model ({_counts(missing)} missing of "
            f"{rows} rows)."
        )


def check_categories_left(
    formula: Formula, data: pd.DataFrame, used: pd.DataFrame, missing: Mapping[str, int]
) -> None:
    """Refuse a predictor of whose categories incomplete rows took all but one away."""
    if len(used) == len(data) or formula.fixed is None:
        return
    groups = [name for term in formula.random for name in term.group if name in missing]
    for name in formula.fixed.columns:
        if name not in data or types.is_numeric_dtype(data[name].dtype):
            continue
        left, held = (pd.unique(cells[name].dropna()) for cells in (used, data))
        if len(left) == 1 < len(held):
            remedy = "Fill those in, or leave the variable out."
            if groups:
                remedy = (
                    f"Where those have no '{groups[0]}' by design, write (0 + given | {groups[0]}) "
                    f"with given=data['{groups[0]}'].notna().astype(int): they then stay."
                )
            raise DesignError(
                f"Of the categories of '{name}' ({listing(held)}) only {left[0]} is left: the rows "
                f"of the others lack a value ({_counts(missing)} of {len(data)} rows). {remedy}"
            )


def missing_note(missing: Mapping[str, int], dropped: int, rows: int) -> list[str]:
    """Say how many rows were set aside for missing values, by variable."""
    if not missing:
        return []
    share = 100 * dropped / rows
    return [
        f"{dropped} of {rows} rows ({share:.1f} %) were left out because of missing values: "
        f"{_counts(missing)}."
    ]


def _counts(missing: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in missing.items())


def check_frame(formula: Formula, frame: pd.DataFrame) -> None:
    """Refuse an empty frame and names that stand for several columns."""
    if not len(frame):
        raise DesignError("The data have no rows.")
    names = list(frame.columns)
    twice = [name for name in formula.columns if names.count(name) > 1]
    if twice:
        raise ColumnError(f"The data have several columns called '{twice[0]}'; rename them.")


def check_numbers(names: Sequence[str], columns: Sequence[Array], index: pd.Index) -> None:
    """Refuse infinite values, NaN that a transformation made, and what cannot be squared."""
    for name, column in zip(names, columns, strict=True):
        with np.errstate(invalid="ignore", over="ignore"):
            if np.isfinite(column @ column):
                continue
        rows = np.flatnonzero(~np.isfinite(column))
        if len(rows):
            raise DesignError(
                f"'{name}' is infinite or undefined in {plural(len(rows), 'row')} (index "
                f"{listing(index[rows])}). Set such values to missing or correct them."
            )
        raise DesignError(
            f"'{name}' holds values as large as {np.abs(column).max():.3g}, whose squares no "
            "number can hold. Correct them, or measure in a larger unit."
        )


def check_sizes(
    p: int,
    n: int,
    ends: tuple[float, float],
    outcome: str,
    grouping: Grouping,
    levels: Sequence[Level],
    *,
    measured: bool,
    saturated: bool = False,
) -> None:
    """Refuse models that have as many effects as rows, as lme4 does.

    A count may have an effect of its own in every row: its residual variance is not free. `ends`
    are the outcome's lowest and highest value in the `n` rows.
    """
    if ends[0] == ends[1]:
        raise DesignError(
            f"The outcome '{outcome}' has the same value, {ends[0]:g}, in all {n} rows."
        )
    if n <= p:
        raise DesignError(f"The model has {p} coefficients but only {n} complete rows.")
    for name, size, level in zip(grouping.names, grouping.sizes, levels, strict=True):
        if size < 2:
            raise DesignError(
                f"The grouping '{name}' has one group only ({grouping_label(grouping, name)}), so "
                f"no variance between groups can be estimated. Leave (… | {name}) out."
            )
        for block in level.blocks:
            if block * size >= n and (measured or (block > 1 and not saturated)):
                raise DesignError(
                    f"'{name}' has {size} groups with {block} random effect"
                    f"{'s' * (block > 1)} each, {block * size} in all, for {n} rows: they cannot "
                    "be told apart from the residual. Use fewer random effects for "
                    f"'{name}', or check that it really groups the rows."
                )


def about_saturation(n: int, grouping: Grouping, levels: Sequence[Level]) -> list[str]:
    """Say which groups have as many effects as there are rows, where that was allowed."""
    return [
        f"'{name}' has {block * size} random effects for {n} rows, which was allowed: how variance "
        "is split between them and the residual hangs on little or nothing; coefficients may still "
        "be right."
        for name, size, level in zip(grouping.names, grouping.sizes, levels, strict=True)
        for block in level.blocks
        if block * size >= n
    ]


def grouping_label(grouping: Grouping, name: str) -> str:
    """Return the first group of a level, as text."""
    return str(grouping.labels[grouping.names.index(name)][0])


def check_effects(
    partition: Partition, levels: Sequence[Level], effects: Sequence[Effects], grouping: Grouping
) -> list[str]:
    """Say where groups have fewer rows than random effects, or an effect does not vary."""
    notes = []
    ones = _ones_position(levels, effects)
    for number, level in enumerate(levels):
        name, q = grouping.names[number], len(level.columns)
        sizes = grouping.rows_in(number)
        smaller = int((sizes < q).sum())
        if smaller:
            notes.append(
                f"{smaller} of {len(sizes)} groups of '{name}' have fewer rows than the {q} "
                f"random effects of '{name}'; they inform the estimates only through the others."
            )
        if sizes.max() == 1:
            notes.append(f"Every group of '{name}' has one row.")
        if ones is not None and ones in level.columns:
            notes += [
                f"'{effects[number].names[i]}' does not vary within any group of '{name}': its "
                "random effect cannot be told apart from the random intercept."
                for i, column in enumerate(level.columns)
                if column != ones and share_within(partition, number, ones, column) <= FLAT
            ]
        if _is_split(partition.totals[np.ix_(level.columns, level.columns)], level.pairs):
            notes.append(
                f"The random effects of '{name}' ({listing(effects[number].names)}) are linearly "
                "dependent: how their variance is split between them is arbitrary. Leave one out."
            )
    return notes


def about_reused_ids(data: pd.DataFrame, grouping: Grouping) -> list[str]:
    """Say where a group of clients is several people with one number, one of each therapist."""
    found = (reused_ids(data, one) for one in _clients_in(data, grouping))
    return [
        f"{each.fact}, and the model takes each id as one person: write "
        f"(1 | {each.therapist}/{each.client}), or make the ids unique."
        for each in found
        if each is not None
    ]


def _clients_in(data: pd.DataFrame, grouping: Grouping) -> list[str]:
    """Return the groups that may be clients: also by another name, where sessions show it.

    Each has one row a session with each therapist; sites have more, and items, which every client
    answers.
    """
    alone = [columns[0] for columns in grouping.columns if len(columns) == 1]
    if THERAPIST in alone and grouping.kind == "nested":
        return []
    if CLIENT in alone:
        return [CLIENT]
    keys = {THERAPIST, SESSION}
    if CLIENT in data.columns or not keys <= set(map(str, data.columns)):
        return []
    others = [name for name in alone if name not in ID_COLUMNS and name not in keys]
    return [name for name in others if not data.duplicated([name, *sorted(keys)]).any()]


def about_few_values(formula: str, outcome: str, values: Array, n: Array) -> list[str]:
    """Say that the model is for measurements where the outcome is a yes or no, or a count.

    `values` are the outcome's values, sorted, and `n` in how many rows each stands.
    """
    if (values != np.round(values)).any():
        return []
    call = f'fit_multilevel("{formula}", data, family='
    if set(values) <= {0.0, 1.0}:
        return [
            f"The model is for measurements; '{outcome}' holds only 0 and 1, so this is a linear "
            "model of a probability: its residuals are no normal ones, their variance changes with "
            f'the mean, and predictions can leave 0 to 1. Use {call}"binomial"); for leaving by '
            "session fit_dropout_hazard."
        ]
    zeros = float(n[values == 0].sum() / n.sum())
    if len(values) > FEW_VALUES and (values[0] < 0 or zeros < MANY_ZEROS):
        return []
    if len(values) <= FEW_VALUES:
        told = listing((f"{value:g}" for value in values), FEW_VALUES)
        held, use = f"only the {len(values)} values {told}", "ordinal"
        if len(values) == 2:
            return [
                f"The model is for measurements; '{outcome}' holds {held}, as a yes or no does. "
                "Intervals and p of a linear model are approximate then, and predictions can leave "
                f'both. Make it 0 and 1 and use {call}"binomial").'
            ]
    else:
        held, use = f"whole numbers from 0 on, {zeros:.0%} of them 0", "negative_binomial"
    return [
        f"The model is for measurements; '{outcome}' holds {held}. In a count or a rating of few "
        "steps the variance changes with the mean: intervals and p are approximate. Compare "
        f'{call}"{use}").'
    ]


def _is_split(products: Array, pairs: Sequence[tuple[int, int]]) -> bool:
    """Say whether other variances and covariances would give the rows the same covariance.

    That can be where columns with these cross-products are linearly dependent, and then depends
    on which of them are correlated: with an intercept, the columns of all categories can each
    have a variance of their own, but not also covariances.
    """
    size = np.sqrt(np.diag(products))
    if len(size) < 2 or not size.all():
        return False
    values, vectors = np.linalg.eigh(products / np.outer(size, size))
    kept = values > FLAT
    if kept.all():
        return False
    z = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    parts = [np.outer(z[:, a], z[:, b]) + np.outer(z[:, b], z[:, a]) for a, b in pairs]
    return bool(np.linalg.matrix_rank(np.stack([p.ravel() for p in parts]), tol=FLAT) < len(parts))


def _ones_position(levels: Sequence[Level], effects: Sequence[Effects]) -> int | None:
    for level, effect in zip(levels, effects, strict=True):
        if INTERCEPT in effect.names:
            return level.columns[effect.names.index(INTERCEPT)]
    return None


def share_within(partition: Partition, level: int, ones: int, column: int) -> float:
    """Return the share of a column's sum of squares that lies within the groups of a level.

    `ones` is the place of the column of ones.
    """
    squares = partition.of_level(level, column, column)
    sums, sizes = (partition.of_level(level, ones, other) for other in (column, ones))
    within, total = squares - sums**2 / sizes, squares.sum()
    return float(within.sum() / total) if total > 0 else 0.0
