"""Cross-products of the columns within every lowest unit: one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .batches import Array, Indices
from .grouping import Grouping


def cross_products(
    columns: Sequence[Array], weights: Array | None, grouping: Grouping, ones: int | None
) -> Array:
    """Return the cross-products of every lowest unit, (k, k, units), in nested order."""
    add_up = summing(grouping.appearance, grouping.order)
    weighted = [c if weights is None else c * weights for c in columns]
    cross = np.empty((len(columns), len(columns), len(grouping.order)))
    product = np.empty(len(columns[0]))
    for i, left in enumerate(weighted):
        for j in range(i + 1):
            # The column of ones need not be multiplied with.
            values = left if j == ones else np.multiply(left, columns[j], out=product)
            cross[i, j] = cross[j, i] = add_up(values)
    return cross


def outcome_products(columns: Sequence[Array], weights: Array | None, grouping: Grouping) -> Array:
    """Return the products of the last column with each, (k, units): a new outcome's share."""
    add_up = summing(grouping.appearance, grouping.order)
    outcome = columns[-1] if weights is None else columns[-1] * weights
    return np.stack([add_up(column * outcome) for column in columns])


def summing(codes: Indices, order: Indices) -> Callable[[Array], Array]:
    """Return the function that adds up a column's rows in every unit, in nested order.

    `codes` are the rows' units as they appear, `order` where each appears in nested order.
    """
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])) if len(codes) else codes
    in_order = bool((order == np.arange(len(order))).all())
    if len(starts) == len(order):  # every unit's rows are neighbours
        if in_order:
            return lambda values: np.add.reduceat(values, starts)
        return lambda values: np.add.reduceat(values, starts)[order]
    return lambda values: np.bincount(codes, values, len(order))[order]
