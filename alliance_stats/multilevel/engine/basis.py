"""Columns of X that others determine, and columns that need help to keep their digits.

Cross-products square the condition of X. Where a column is all but determined by those before
it (two nearly equal predictors, or a date far from zero beside an intercept), the column is
replaced by what the others leave of it, and coefficients are carried back at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...errors import listing
from ..formula.terms import Columns
from .batches import Array

DEPENDENT = 1e-7  # R's tolerance: the share of a column's length that those before it leave
NEARLY = 4e-4  # the same, squared, below which three digits or more would be lost


@dataclass(frozen=True)
class Basis:
    """Which columns of X stay, and what they are replaced by.

    ``X[:, kept] = used @ matrix`` with `matrix` upper triangular and ones on its diagonal.
    """

    kept: tuple[int, ...]
    left_out: tuple[int, ...]
    replaced: dict[int, Array]
    matrix: Array


class Columned(Protocol):
    """A model's columns, and how to take some of them out of another."""

    arrays: list[Array]

    def remainder(self, column: Array, before: Sequence[Array]) -> tuple[Array, Array, float]:
        """Return what is left, the weights of the columns before, and the share left."""


def find_basis(totals: Array, fixed: Sequence[int], pool: Columned) -> Basis:
    """Judge each column of X by those before it, as R does.

    The cross-products `totals` point at suspicious columns; the columns themselves decide.
    """
    norms = np.sqrt(np.diag(totals)[list(fixed)])
    lengths = np.where(norms > 0, norms, 1.0)
    scaled = totals[np.ix_(fixed, fixed)] / np.outer(lengths, lengths)
    kept: list[int] = []
    left_out: list[int] = []
    replaced: dict[int, Array] = {}
    coefficients: dict[int, Array] = {}
    for i, place in enumerate(fixed):
        if share_left(scaled, kept, i) < NEARLY:
            used = [replaced.get(k, pool.arrays[fixed[k]]) for k in kept]
            rest, weights, share = pool.remainder(pool.arrays[place], used)
            if share < DEPENDENT:
                left_out.append(i)
                continue
            replaced[i], coefficients[i] = rest, weights
        kept.append(i)
    matrix = np.eye(len(kept))
    for i, weights in coefficients.items():
        matrix[: len(weights), kept.index(i)] = weights
    return Basis(tuple(kept), tuple(left_out), replaced, matrix)


def share_left(scaled: Array, kept: Sequence[int], i: int) -> float:
    """Return the share of a column's squared length that the kept ones leave."""
    if not kept:
        return float(scaled[i, i])
    block, side = scaled[np.ix_(kept, kept)], scaled[list(kept), i]
    return float(scaled[i, i] - side @ np.linalg.lstsq(block, side, rcond=None)[0])


def remainder(column: Array, before: Sequence[Array]) -> tuple[Array, Array, float]:
    """Return what columns leave of another, their weights, and the share of its length left."""
    length = float(np.linalg.norm(column))
    if length == 0.0 or not before:
        return column, np.zeros(0), float(length > 0)
    lengths = np.array([np.linalg.norm(array) for array in before])
    Q, R = np.linalg.qr(np.stack(before, axis=1) / lengths)
    rest, weights = column, np.zeros(len(before))
    for _ in range(2):  # twice is enough to be orthogonal to the last digit
        along = Q.T @ rest
        rest, weights = rest - Q @ along, weights + np.linalg.solve(R, along)
    return rest, weights / lengths, float(np.linalg.norm(rest)) / length


def why_left_out(
    basis: Basis, terms: Columns, constant: Callable[[Array], float | None]
) -> list[str]:
    """Name each column that was left out, and why; `constant` is the value a column has alone."""
    notes = []
    for i in basis.left_out:
        name, value = terms.names[i], constant(terms.arrays[i])
        before = listing(terms.names[k] for k in basis.kept if k < i)
        if value is not None:
            notes.append(f"The predictor '{name}' is constant ({value:g}) and was left out.")
        else:
            notes.append(
                f"The predictor '{name}' is a linear combination of {before} and was left out "
                "(the design is rank deficient)."
            )
    return notes
