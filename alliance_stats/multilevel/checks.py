"""Whether the data can carry the model: each check is an error or a sentence for the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DesignError, listing
from .elimination import Array, sum_children
from .grouping import Grouping
from .likelihood import Level
from .terms import INTERCEPT

if TYPE_CHECKING:
    from .design import Effects

DEPENDENT = 1e-7  # R's tolerance: what is left of a column after regression on those before it
SUSPICIOUS = 1e-9  # the same in cross-products (squared), with room for their rounding
FLAT = 1e-10  # share of variance within groups below which a column does not vary there


def missing_note(missing: Mapping[str, int], dropped: int, rows: int) -> list[str]:
    """Say how many rows were set aside for missing values, by variable."""
    if not missing:
        return []
    if dropped == rows:
        raise DesignError(
            f"No row has a value in every variable of the model ({_counts(missing)} missing of "
            f"{rows} rows)."
        )
    share = 100 * dropped / rows
    return [
        f"{dropped} of {rows} rows ({share:.1f} %) were left out because of missing values: "
        f"{_counts(missing)}."
    ]


def _counts(missing: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in missing.items())


def check_numbers(names: Sequence[str], columns: Sequence[Array]) -> None:
    """Refuse infinite values, and NaN that a transformation made."""
    for name, column in zip(names, columns, strict=True):
        if np.isfinite(column.sum()):
            continue
        rows = np.flatnonzero(~np.isfinite(column))
        if len(rows):
            raise DesignError(
                f"'{name}' is infinite or undefined in {len(rows)} rows (first: row positions "
                f"{listing(rows[:3])} of those used). Set such values to missing or correct them."
            )


def check_sizes(
    n: int, p: int, y: Array, outcome: str, grouping: Grouping, levels: Sequence[Level]
) -> None:
    """Refuse models that have as many effects as rows, as lme4 does."""
    if y.min() == y.max():
        raise DesignError(f"The outcome '{outcome}' has the same value, {y[0]:g}, in every row.")
    if n <= p:
        raise DesignError(f"The model has {p} coefficients but only {n} complete rows.")
    for name, size, level in zip(grouping.names, grouping.sizes, levels, strict=True):
        if size < 2:
            raise DesignError(
                f"The grouping '{name}' has one group only ({grouping_label(grouping, name)}), so "
                f"no variance between groups can be estimated. Leave (… | {name}) out."
            )
        for block in level.blocks:
            if block * size >= n:
                raise DesignError(
                    f"'{name}' has {size} groups with {block} random effect"
                    f"{'s' * (block > 1)} each, {block * size} in all, for {n} rows: they cannot "
                    "be told apart from the residual. Use fewer random effects for "
                    f"'{name}', or check that it really groups the rows."
                )


def grouping_label(grouping: Grouping, name: str) -> str:
    """Return the first group of a level, as text."""
    return str(grouping.labels[grouping.names.index(name)][0])


def dependent_columns(
    totals: Array,
    fixed: Sequence[int],
    names: Sequence[str],
    columns: Sequence[Array],
    weights: Array | None,
) -> tuple[list[int], list[str]]:
    """Find the columns of X that those before them determine; they are left out, as R does.

    The cross-products point at suspicious columns; the columns themselves decide.
    """
    norms = np.sqrt(np.diag(totals)[list(fixed)])
    scaled = totals[np.ix_(fixed, fixed)] / np.where(norms > 0, np.outer(norms, norms), 1.0)
    kept: list[int] = []
    out: list[int] = []
    for i in range(len(fixed)):
        left = scaled[i, i]
        if kept:
            block = scaled[np.ix_(kept, kept)]
            left -= scaled[i, kept] @ np.linalg.solve(block, scaled[kept, i])
        if left < SUSPICIOUS and _left_over(i, kept, fixed, columns, weights) < DEPENDENT:
            out.append(i)
        else:
            kept.append(i)
    return out, [_why_dependent(names[i], columns[fixed[i]], names, kept, i) for i in out]


def _left_over(
    i: int,
    kept: Sequence[int],
    fixed: Sequence[int],
    columns: Sequence[Array],
    weights: Array | None,
) -> float:
    root = 1.0 if weights is None else np.sqrt(weights)
    column = columns[fixed[i]] * root
    norm = float(np.linalg.norm(column))
    if norm == 0 or not kept:
        return 0.0 if norm == 0 else 1.0
    before = np.stack([columns[fixed[j]] * root for j in kept], axis=1)
    before = before / np.linalg.norm(before, axis=0)
    basis = np.linalg.qr(before)[0]
    rest = column - basis @ (basis.T @ column)
    rest -= basis @ (basis.T @ rest)
    return float(np.linalg.norm(rest)) / norm


def _why_dependent(
    name: str, column: Array, names: Sequence[str], kept: Sequence[int], i: int
) -> str:
    if column.min() == column.max():
        return f"The predictor '{name}' is constant ({column[0]:g}) and was left out."
    before = [names[j] for j in kept if j < i]
    return (
        f"The predictor '{name}' is a linear combination of {listing(before)} and was left out "
        "(the design is rank deficient)."
    )


def check_effects(
    cross: Array, levels: Sequence[Level], effects: Sequence[Effects], grouping: Grouping
) -> list[str]:
    """Say where groups have fewer rows than random effects, or an effect does not vary."""
    notes = []
    ones = _ones_position(levels, effects)
    sizes = np.bincount(grouping.appearance, minlength=len(grouping.order))[grouping.order]
    for number, level in enumerate(levels):
        name, q = grouping.names[number], len(level.columns)
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
                if column != ones and _is_flat(cross, ones, column)
            ]
        if number < len(grouping.parents):
            starts = grouping.starts[number]
            sizes, cross = np.add.reduceat(sizes, starts), sum_children(cross, starts)
    return notes


def _ones_position(levels: Sequence[Level], effects: Sequence[Effects]) -> int | None:
    for level, effect in zip(levels, effects, strict=True):
        if INTERCEPT in effect.names:
            return level.columns[effect.names.index(INTERCEPT)]
    return None


def _is_flat(cross: Array, ones: int, column: int) -> bool:
    within = cross[column, column] - cross[ones, column] ** 2 / cross[ones, ones]
    return bool(within.sum() <= FLAT * cross[column, column].sum())
