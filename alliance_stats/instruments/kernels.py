"""Scores from arrays of answers: NumPy only, no names of instruments.

Each answer is a row: the unit it belongs to (0 to n_units - 1), its item number and its value,
already reversed. A missing answer is not among the rows. Every function returns one number a
unit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]

_PIECE = 1 << 16
STEP_TOLERANCE = 1e-9
"""Rounding of a decimal step (0.1) in binary; far below any answer a form allows."""


def count_and_sum(unit: Ints, value: Floats, n_units: int) -> tuple[Ints, Floats]:
    """Return how many answers each unit has, and their sum."""
    counts = np.bincount(unit, minlength=n_units)
    sums = np.bincount(unit, weights=value, minlength=n_units)
    return counts.astype(np.int64), sums.astype(np.float64)


def complete_sum(
    counts: Ints, sums: Floats, expected: Ints, limit: int, *, round_half_up: bool
) -> Floats:
    """Return the sum over all expected items, missing ones put in; NaN past the limit.

    A missing item gets the mean of the unit's answered items, rounded to a whole number (halves
    upwards) where asked. Without any answer there is no score.
    """
    missing = expected - counts
    with np.errstate(invalid="ignore", divide="ignore"):
        fill = sums / counts
    if round_half_up:
        fill = np.floor(fill + 0.5)
    full = np.where(missing > 0, sums + missing * fill, sums)
    return np.where((missing <= limit) & (counts > 0), full, np.nan)


def highest_answer(
    unit: Ints, item: Ints, value: Floats, slot: tuple[int, ...], n_units: int
) -> Floats:
    """Return each unit's highest answer among the items of a slot; NaN without an answer."""
    highest = np.full(n_units, np.nan)
    for number in slot:
        mine = item == number
        answers = np.full(n_units, np.nan)
        answers[unit[mine]] = value[mine]
        highest = np.fmax(highest, answers)
    return highest


def off_the_grid(value: Floats, low: Floats, step: Floats | float) -> NDArray[np.bool_]:
    """Return which values are not ``low`` plus a whole number of steps; no step, no grid."""
    if np.ndim(step) == 0 and np.isnan(step):
        return np.zeros(np.shape(value), dtype=bool)
    whole = np.ndim(low) == 0 and np.ndim(step) == 0 and step == 1 and float(low).is_integer()
    found = np.empty(np.shape(value), dtype=bool)
    least = np.broadcast_to(low, found.shape)
    rows = max(_PIECE // max(found[:1].size, 1), 1)
    for at in range(0, len(found), rows):  # piece by piece: a piece stays in the cache
        piece = slice(at, at + rows)
        steps = value[piece] if whole else (value[piece] - least[piece]) / step
        with np.errstate(invalid="ignore"):
            found[piece] = np.abs(steps - np.rint(steps)) > STEP_TOLERANCE
    return found
