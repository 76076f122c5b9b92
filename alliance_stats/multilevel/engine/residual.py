"""Residuals that resemble their neighbours: continuous-time AR(1) within the lowest groups.

Two residuals of one client that lie a time ``d`` apart have the correlation ``phi ** d``
(Jones 1993; nlme's ``corCAR1``), so sessions that were missed or lie unevenly need no care. The
inverse of that correlation matrix is tridiagonal: in order of time, with ``r = phi ** gap`` and
``q = 1 / (1 - r^2)``, its diagonal is ``1 + (q - 1)`` for the gap before a row ``+ (q - 1)`` for
the gap after it, and beside the diagonal stands ``-r q``. Cross-products through it cost one pass
over the rows, and so do their derivatives in phi.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from pandas.api import types

from ...core.arguments import of_rows
from ...errors import ColumnError, DesignError, did_you_mean, listing
from ..formula.model_formula import Formula
from .batches import Array, Indices
from .design import Design, make_design
from .elimination import State
from .grouping import CrossedGrouping
from .likelihood import Partition

HIGHEST = 0.999
"""Largest phi considered; above it residuals cannot be told from a random intercept."""


@dataclass(frozen=True)
class Neighbours:
    """The rows of every lowest unit in order of time.

    Attributes
    ----------
    time
        The column that gives the time.
    order
        The rows, sorted by lowest unit (in nested order) and time.
    starts
        Where each unit begins in `order`.
    gaps
        Time since the row before, in multiples of `step`; zero for a unit's first row.
    step
        The median gap; the search uses the correlation at that gap.
    """

    time: str
    order: Indices
    starts: Indices
    gaps: Array
    step: float

    @cached_property
    def later(self) -> Indices:
        """Places (in `order`) of rows that have a row before them."""
        has_previous = np.ones(len(self.order), dtype=bool)
        has_previous[self.starts] = False
        return np.flatnonzero(has_previous)

    def times(self) -> Array:
        """Return each row's time in its unit, in steps, in the data's order."""
        found = np.empty(len(self.order))
        total = np.cumsum(self.gaps)
        found[self.order] = total - np.repeat(
            total[self.starts], np.diff(self.starts, append=len(self.order))
        )
        return found

    def per_unit_of_time(self, at_step: float) -> float:
        """Return phi, the correlation one unit of time apart, from that at the median gap."""
        return float(at_step ** (1.0 / self.step))

    def at_step(self, phi: float) -> float:
        """Return the correlation at the median gap."""
        return float(phi**self.step)

    def weights(self, rho: float) -> tuple[Array, Array, Array]:
        """Return diagonal, neighbour's and log-determinant's terms, each with two derivatives.

        The first axis is the order of the derivative in `rho`, the correlation at the median
        gap.
        """
        gap = self.gaps[self.later]
        power = [rho**gap, gap * _power(rho, gap - 1.0), _second_power(rho, gap)]
        r = power[0]
        q = 1.0 / (1.0 - r**2)
        excess = _chain(q - 1.0, 2.0 * r * q**2, 2.0 * q**2 + 8.0 * r**2 * q**3, power)
        beside = _chain(-r * q, -q - 2.0 * r**2 * q**2, -6.0 * r * q**2 - 8.0 * r**3 * q**3, power)
        logdet = _chain(-np.log(q), -2.0 * r * q, -2.0 * q - 4.0 * r**2 * q**2, power)
        diagonal = np.zeros((3, len(self.order)))
        diagonal[0] = 1.0
        diagonal[:, self.later] += excess
        diagonal[:, self.later - 1] += excess  # the row before is the neighbour in `order`
        off = np.zeros_like(diagonal)
        off[:, self.later] = beside
        return diagonal, off, logdet.sum(axis=1)

    def draw(self, rho: float, rng: np.random.Generator) -> Array:
        """Draw standard residuals for every row, in the data's order."""
        drawn = rng.standard_normal(len(self.order))
        r = np.zeros(len(self.order))
        r[self.later] = rho ** self.gaps[self.later]
        place = np.arange(len(self.order)) - np.repeat(
            self.starts, np.diff(self.starts, append=len(self.order))
        )
        by_place = np.argsort(place, kind="stable")
        ends = np.cumsum(np.bincount(place))
        for first, last in pairwise(ends):
            rows = by_place[first:last]
            drawn[rows] = r[rows] * drawn[rows - 1] + np.sqrt(1.0 - r[rows] ** 2) * drawn[rows]
        found = np.empty_like(drawn)
        found[self.order] = drawn
        return found


def _second_power(rho: float, gap: Array) -> Array:
    """Second derivative of ``rho ** gap``; zero for a gap of one, also at rho = 0."""
    bends = gap != 1.0
    found = np.zeros_like(gap)
    found[bends] = gap[bends] * (gap[bends] - 1.0) * _power(rho, gap[bends] - 2.0)
    return found


def _power(rho: float, exponent: Array) -> Array:
    """Return ``rho ** exponent``; at rho = 0 negative powers have no bound, and get a large one."""
    return np.where(exponent < 0.0, max(rho, 1e-6), rho) ** exponent


def _chain(value: Array, first: Array, second: Array, power: list[Array]) -> Array:
    """Carry derivatives in r over to rho."""
    return np.stack([value, first * power[1], second * power[1] ** 2 + first * power[2]])


def whitened_state(design: Design, near: Neighbours, rho: float, order: int = 0) -> State:
    """Return the cross-products through the inverse correlation, with derivatives in `rho`."""
    U, V = _sorted_columns(design, near)
    diagonal, off, logdet = near.weights(rho)
    k, units = len(U), len(near.starts)
    found = np.empty((order + 1, k, k, units))
    for i in range(k):
        for j in range(i + 1):
            own, beside = U[i] * U[j], U[i] * V[j] + U[j] * V[i]
            for d in range(order + 1):
                values = diagonal[d] * own + off[d] * beside
                found[d, i, j] = found[d, j, i] = np.add.reduceat(values, near.starts)
    state = replace(State.begin(found[0]), logdet=float(logdet[0]))
    if order == 0:
        return state
    first, second = found[1:2], found[2:3, None] if order > 1 else state.cross2
    return replace(
        state,
        cross1=first,
        logdet1=logdet[1:2],
        cross2=second,
        logdet2=logdet[2:3, None] if order > 1 else state.logdet2,
    )


def _sorted_columns(design: Design, near: Neighbours) -> tuple[Array, Array]:
    """Return the scaled columns in order of time, and each row's predecessor's (zero if none)."""
    scaled = np.stack(design.columns) / design.scale[:, None]
    if design.weights is not None:
        scaled *= np.sqrt(design.weights)
    U = scaled[:, near.order]
    V = np.zeros_like(U)
    V[:, near.later] = U[:, near.later - 1]
    return U, V


def whiten(design: Design, near: Neighbours, rho: float) -> Design:
    """Return the design whose cross-products are those through the inverse correlation."""
    state = whitened_state(design, near, rho)
    return replace(design, partition=Partition(state.cross, design.partition.starts))


def design_in_time(
    formula: Formula, data: pd.DataFrame, weights: str | Sequence[float] | None, time: str
) -> tuple[Design, Neighbours]:
    """Make a design and sort its rows by time; rows without a time are set aside and counted."""
    _check_times(data, time)
    known = data[time].notna().to_numpy()
    kept, notes = data, []
    if not known.all():
        kept = data.loc[known]
        if weights is not None and not isinstance(weights, str):
            weights = list(of_rows(weights, data, "weights")[known])
        notes = [
            f"{int((~known).sum())} of {len(data)} rows were left out because '{time}' is missing."
        ]
    design = make_design(formula, kept, weights, further=[time], fill=True)
    near = find_neighbours(design, time, design.frame[time].to_numpy(dtype=float))
    if notes:
        lacking = int((~known).sum())
        design = replace(
            design,
            notes=(*notes, *design.notes),
            rows_dropped=design.rows_dropped + lacking,
            missing={time: lacking, **design.missing},
        )
    return design, near


def _check_times(data: pd.DataFrame, time: str) -> None:
    if time not in data.columns:
        raise ColumnError(
            f"residual='ar1' needs the session numbers or times: the data have no column '{time}' "
            f"(time='{time}').{did_you_mean(time, data.columns)}"
        )
    column = data[time]
    if not types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
        raise ColumnError(
            f"The times in '{time}' must be numbers, such as session numbers or days since the "
            f"first session, but they are of type {column.dtype}."
        )
    if np.isinf(column.dropna().to_numpy(dtype=float)).any():
        raise ColumnError(f"The times in '{time}' must be finite.")


def find_neighbours(design: Design, time: str, values: Array) -> Neighbours:
    """Sort the rows of every lowest unit by time.

    Raises
    ------
    DesignError
        Where a unit has two rows at the same time, or no unit has two rows.
    """
    if isinstance(design.grouping, CrossedGrouping):
        raise DesignError(
            "residual='ar1' needs groups that are nested: neighbouring "
            "sessions are told in sums over each client's rows, and groups that cross "
            f"({listing(design.grouping.names)}) need the rows themselves. Let clients differ in "
            "their course instead, (1 + session | client_id) with residual='independent', or take "
            "one therapist for each client."
        )
    units = design.grouping.units
    order = np.lexsort((values, units))
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    gaps = np.diff(values[order], prepend=values[order[0]])
    gaps[starts] = 0.0
    near = Neighbours(time, order, starts, gaps, 1.0)
    if not len(near.later):
        raise DesignError(
            f"residual='ar1' needs groups of '{design.grouping.names[0]}' with several rows, but "
            "every group has one."
        )
    second = near.later[gaps[near.later] == 0.0]
    if len(second):
        same = np.union1d(second, second - 1)
        name, labels = design.grouping.names[0], design.grouping.labels[0]
        who = pd.unique(labels[units[order[same]]])
        raise DesignError(
            f"residual='ar1' needs one row for each '{name}' and '{time}', but {len(same)} rows "
            f"share theirs with another, in {len(who)} groups (first: {listing(who)}). Keep one "
            "row a session, or give a time that tells the rows apart."
        )
    step = float(np.median(gaps[near.later]))
    return replace(near, gaps=gaps / step, step=step)
