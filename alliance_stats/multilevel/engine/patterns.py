"""Sums over units whose residuals have one covariance: by which places are there, and by group.

Units that have the same places share an inverse, so that their products of columns are added up
first: an evaluation costs what the number of patterns costs, not that of clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import DesignError, listing
from .batches import Array, Indices, Packing
from .elimination import State
from .likelihood import Level

ENOUGH = 5  # units beyond the places whose dependence is no accident
EXACT = 1e-7  # a singular value that is none beside one
SINGULAR = 1e-5  # an eigenvalue of correlations below which the search ran towards none


@dataclass(frozen=True)
class Places:
    """Where each row stands in the covariance of residuals.

    Attributes
    ----------
    place
        Each row's place in C.
    unit
        Each row's unit: residuals of different units are independent.
    labels
        What the places are called.
    level
        Which elements of C are free.
    whole_units
        Whether units are those of the lowest grouping, which then has no effects of its own.
    """

    place: Indices
    unit: Indices
    labels: tuple[str, ...]
    level: Level
    whole_units: bool

    @cached_property
    def apart(self) -> frozenset[tuple[int, int]]:
        """Free elements of C whose two places no unit has both of: no data are about them."""
        seen = np.zeros((int(self.unit.max()) + 1, len(self.labels)), dtype=int)
        seen[self.unit, self.place] = 1
        both = seen.T @ seen
        return frozenset((a, b) for a, b in self.level.pairs if a != b and not both[a, b])

    def refuse_dependent(self, rest: Array, known: Array) -> None:
        """Refuse places of which one's residuals are a combination of the others': C is singular.

        `rest` are least squares' residuals, a row a unit, and `known` which there are.
        """
        spans = [list(span) for span in self.level.spans if len(span) > 1]
        pairs = [sorted(pair) for pair in self.level.pairs if pair[0] != pair[1]]
        for places in (*pairs, *spans):
            R = rest[(known[:, places] > 0).all(axis=1)][:, places]
            if len(R) < len(places) + ENOUGH:
                continue
            _, values, axes = np.linalg.svd(R / np.maximum(np.linalg.norm(R, axis=0), 1e-300))
            if values[-1] < EXACT:
                raise _dependent([self.labels[p] for p in places], axes[-1])

    def refuse_singular(self, C: Array) -> None:
        """Refuse an estimate that ran towards a singular C: the likelihood has no bound there."""
        for span in self.level.spans:
            places = list(span)
            refuse_singular(C[np.ix_(places, places)], [self.labels[p] for p in places])


def refuse_singular(C: Array, labels: Sequence[object]) -> None:
    """Refuse a covariance of residuals of which one is a combination of the others."""
    sd = np.sqrt(np.diag(C))
    values, axes = np.linalg.eigh(C / np.outer(sd, sd))
    if len(C) > 1 and values[0] < SINGULAR:
        raise _dependent(labels, axes[:, 0])


def _dependent(labels: Sequence[object], weights: Array) -> DesignError:
    which = [label for label, weight in zip(labels, weights, strict=True) if abs(weight) > 0.1]
    return DesignError(
        f"What the predictors leave at {listing(which)} is linearly dependent: was a value carried "
        "forward or computed from another, or are those measured too few for so many covariances? "
        "Leave such rows out, or take a model with fewer covariances: residual='ar1', "
        "(1 | client_id), or of arms method='growth'."
    )


@dataclass(frozen=True)
class Moments:
    """Sums over the units of one pattern: products of its rows' columns, by place and group.

    Products of two columns at two places stand once, added up over both orders, since what they
    are weighted with is symmetric.
    """

    places: Indices
    units: int
    groups: Indices
    """Those that have such units."""
    products: Array  # pairs of places, pairs of columns, groups


def _patterns(where: Places) -> list[tuple[Indices, Indices]]:
    """Return each pattern's places, and the rows of its units, (units, places)."""
    order = np.lexsort((where.place, where.unit))
    unit, place = where.unit[order], where.place[order]
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    held = np.zeros((len(starts), len(where.labels)), dtype=bool)
    held[np.repeat(np.arange(len(starts)), np.diff(starts, append=len(unit))), place] = True
    patterns, of_unit = np.unique(held, axis=0, return_inverse=True)
    found = []
    for number, pattern in enumerate(patterns):
        first = starts[np.flatnonzero(of_unit.ravel() == number)]
        found.append((np.flatnonzero(pattern), order[first[:, None] + np.arange(pattern.sum())]))
    return found


def _by_group(rows: Indices, groups: Indices) -> tuple[Indices, Indices, Indices]:
    """Return units' rows sorted by group, the groups that are there, and where each begins."""
    rows = rows[np.argsort(groups[rows[:, 0]], kind="stable")]
    present, starts = np.unique(groups[rows[:, 0]], return_index=True)
    return rows, present, starts


def moments(columns: Array, where: Places, groups: Indices) -> list[Moments]:
    """Add up products of columns (k, rows) within units, by the units' pattern and group."""
    found = []
    for places, rows in _patterns(where):
        rows, present, starts = _by_group(rows, groups)
        early, late = np.triu_indices(len(places))
        once = np.where(early == late, 0.5, 1.0)
        values, parts = columns[:, rows], []
        for a, left in enumerate(values):
            both = left[:, early] * values[a:][:, :, late]
            both += left[:, late] * values[a:][:, :, early]
            parts.append(np.add.reduceat(both * once, starts, axis=1))
        empty = np.zeros((0, len(present), len(early)))
        products = np.ascontiguousarray(np.moveaxis(np.concatenate([empty, *parts]), 2, 0))
        found.append(Moments(places, len(rows), present, products))
    return found


def whitened(columns: Array, where: Places, C: Array, of_units: Indices) -> Array:
    """Return each lowest unit's cross-products through the inverse of C, (k, k, units)."""
    k = len(columns)
    found = np.zeros((k, k, int(of_units.max()) + 1))
    for places, rows in _patterns(where):
        rows, present, starts = _by_group(rows, of_units)
        values = columns[:, rows]
        turned = values @ np.linalg.inv(C[np.ix_(places, places)])
        for a in range(k):  # a column at a time: products of all would be many
            products = np.einsum("nt,bnt->bn", turned[a], values)
            found[a][:, present] += np.add.reduceat(products, starts, axis=1)
    return found


def state(
    parts: Sequence[Moments], level: Level, C: Array, order: int, size: tuple[int, int]
) -> State:
    """Return the cross-products through the inverse of C, with derivatives in its elements.

    `size` is the number of columns and of groups.
    """
    (k, groups), m = size, len(level.pairs)
    pack, pairs = Packing.of(k), Packing.of(m)
    cross = np.zeros((len(pack.rows), groups))
    cross1 = np.zeros((m if order else 0, *cross.shape))
    cross2 = np.zeros((len(pairs.rows) if order > 1 else 0, *cross.shape))
    logdet, logdet1, logdet2 = 0.0, np.zeros(m), np.zeros((m, m))
    for part in parts:
        own = C[np.ix_(part.places, part.places)]
        sign, size_of_own = np.linalg.slogdet(own)
        if not sign > 0:
            logdet = float("inf")
            break
        logdet += part.units * float(size_of_own)
        inverse, T = np.linalg.inv(own), len(own)
        early, late = np.triu_indices(T)

        def added(weights: Array, part: Moments = part, at: Any = (early, late)) -> Array:
            found = weights[..., at[0], at[1]] @ part.products.reshape(len(at[0]), -1)
            return found.reshape(*weights.shape[:-2], *part.products.shape[1:])

        cross[:, part.groups] += added(inverse)
        if not order:
            continue
        at = {place: i for i, place in enumerate(part.places.tolist())}
        free = np.array(
            [i for i, (a, b) in enumerate(level.pairs) if a in at and b in at], dtype=np.intp
        )
        moves = np.zeros((len(free), T, T))
        for row, i in enumerate(free):
            a, b = (at[place] for place in level.pairs[i])
            moves[row, a, b] = moves[row, b, a] = 1.0
        moved = inverse @ moves  # C^-1 dC
        first = moved @ inverse
        cross1[free[:, None, None], np.arange(len(cross))[:, None], part.groups] -= added(first)
        logdet1[free] += part.units * np.trace(moved, axis1=1, axis2=2)
        if order == 1:
            continue
        one, other = np.triu_indices(len(free))
        second = moved[one] @ first[other]
        second += np.swapaxes(second, 1, 2)
        place = pairs.place[free[one], free[other]]
        cross2[place[:, None, None], np.arange(len(cross))[:, None], part.groups] += added(second)
        traces = np.einsum("iab,jba->ij", moved, moved)
        logdet2[np.ix_(free, free)] -= part.units * traces
    begun = replace(State.begin(pack.unpack(cross)), logdet=logdet)
    if not order:
        return begun
    begun = replace(begun, cross1=pack.unpack(cross1), logdet1=logdet1)
    if order == 1:
        return begun
    return replace(begun, cross2=pack.unpack(cross2)[pairs.place], logdet2=logdet2)
