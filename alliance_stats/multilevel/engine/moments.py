"""Variances by analysis of variance: a place to start from that costs almost nothing.

With one intercept a level, the squares of groups around the group above have expectations that are
linear in the variances (Searle, Casella & McCulloch 1992, Variance Components, chapter 5). Where
groups are of equal size the solution is the REML estimate itself, else nearly, so that refits to
many outcomes (a power study, a bootstrap) take few steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .batches import Array, sum_children
from .likelihood import Level, Partition

ALMOST = 1e-9
"""A column varies between groups if this part of its squares does."""


def by_moments(partition: Partition, levels: Sequence[Level], fixed: Sequence[int]) -> Array | None:
    """Return theta by the mean squares; None where the effects are not one intercept a level."""
    columns = {level.columns for level in levels}
    if type(partition) is not Partition or len(columns) != 1 or len(levels[0].columns) != 1:
        return None
    z, taken = levels[0].columns[0], [*fixed, -1]
    whole = partition.totals
    rows, total = float(whole[z, z]), whole[np.ix_(taken, taken)]
    if not np.isfinite(total).all() or np.linalg.matrix_rank(total[:-1, :-1]) < len(fixed):
        return None
    left = np.append(-np.linalg.solve(total[:-1, :-1], total[:-1, -1]), 1.0)
    # of each level: its number of groups, the squares of their sums, and what a variance adds there
    size, sums = partition.cross[z, z], partition.cross[z, taken]
    if not (size > 0).all():
        return None
    layers = [(rows, total, np.full(len(levels), rows))]
    squares: list[Array] = []
    for level in range(len(levels)):
        squares.append(size**2)
        adds = np.full(len(levels), rows)
        adds[: level + 1] = [(one / size).sum() for one in squares]
        layers.append((len(size), sums / size @ sums.T, adds))
        if level < len(partition.starts):
            starts = partition.starts[level]
            size, sums = sum_children(size, starts), sum_children(sums, starts)
            squares = [sum_children(one, starts) for one in squares]
    layers.append((0, np.zeros_like(total), np.zeros(len(levels))))
    variances: list[float] = []  # the residual's, then each level's
    for (n, inside, adds), (above, outside, more) in pairwise(layers):
        here, count = inside - outside, n - above
        free = count - np.linalg.matrix_rank(here[:-1, :-1], tol=ALMOST * rows)
        if free <= 0:
            return None
        found = float(left @ here @ left) * count / free
        if not variances:
            variances.append(found / count)
            continue
        own = len(variances) - 1
        found -= count * variances[0] + float((adds - more)[:own] @ variances[1:])
        variances.append(max(found / float((adds - more)[own]), 0.0))
    if not variances[0] > 0:
        return None
    return np.sqrt(np.array(variances[1:]) / variances[0])
