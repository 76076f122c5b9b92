"""Small matrices of many units at once: sums over children, products, inverses.

Units stand on the last axis of every array, so that small matrices of thousands of units are
worked on by a few long loops.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # of floats; the exact kind is NumPy's business
Indices = NDArray[np.intp]
WHOLE: Indices = np.zeros(1, dtype=np.intp)
"""The starts of the one parent that has every unit as a child."""


def sum_products(left: Array, right: Array, starts: Indices) -> Array:
    """Return each parent's sums of all products of values (..., units) with others (..., units)."""
    n = left.shape[-1]
    one, other = left.reshape(-1, n), right.reshape(-1, n)
    found = np.empty((len(starts), len(one), len(other)))
    for parent, (begin, end) in enumerate(pairwise([*starts.tolist(), n])):
        np.matmul(one[:, begin:end], other[:, begin:end].T, out=found[parent])
    return np.moveaxis(found, 0, -1).reshape(*left.shape[:-1], *right.shape[:-1], len(starts))


def sum_children(values: Array, starts: Indices) -> Array:
    """Add up the units of each parent, along the last axis."""
    if len(starts) == 1:
        return values.sum(axis=-1, keepdims=True)
    return np.add.reduceat(values, starts, axis=-1)


class Packing:
    """The upper triangle of symmetric k by k matrices as one axis."""

    def __init__(self, size: int) -> None:
        self.rows, self.columns = np.triu_indices(size)
        self.place = np.zeros((size, size), dtype=np.intp)
        self.place[self.rows, self.columns] = np.arange(len(self.rows))
        self.place[self.columns, self.rows] = np.arange(len(self.rows))

    @staticmethod
    @lru_cache(maxsize=64)
    def of(size: int) -> Packing:
        """Return the packing for matrices of that size."""
        return Packing(size)

    def pack(self, full: Array) -> Array:
        """(k, k, units) to (pairs, units)."""
        return full[self.rows, self.columns]

    def unpack(self, packed: Array) -> Array:
        """(..., pairs, units) to (..., k, k, units)."""
        return packed[..., self.place, :]

    def symmetric_outer(self, left: Array, right: Array) -> Array:
        """Return ``left' right + right' left`` of (..., k, units) as (..., pairs, units)."""
        size = left.shape[-2]
        found = np.empty((*left.shape[:-2], len(self.rows), left.shape[-1]))
        at = 0
        for row in range(size):  # slices: picking pairs by index copies each operand first
            span = found[..., at : at + size - row, :]
            np.multiply(left[..., row, None, :], right[..., row:, :], out=span)
            span += right[..., row, None, :] * left[..., row:, :]
            at += size - row
        return found

    def sum_outer(self, left: Array, right: Array, starts: Indices) -> Array:
        """Return each parent's sum of ``left' right``, known to be symmetric.

        `left` and `right` are (q, k, units).
        """
        if len(starts) == 1:
            total = sum(a @ b.T for a, b in zip(left, right, strict=True))
            return total[self.rows, self.columns, None]  # type: ignore[index]
        total = left[0][self.rows] * right[0][self.columns]
        for a, b in zip(left[1:], right[1:], strict=True):
            total += a[self.rows] * b[self.columns]
        return sum_children(total, starts)


def inverse_of_one_plus(A: Array, D: Array) -> tuple[Array, float]:
    """Return ``(I + A D)^-1`` of every unit and the sum of ``logdet(I + A D)``."""
    if len(D) == 1:
        one_plus = 1.0 + A * D[0, 0]
        return 1.0 / one_plus, float(np.log(one_plus).sum())
    if len(D) == 2:
        return _inverse_two_by_two(A, D)
    one_plus = np.eye(len(D)) + np.moveaxis(A, -1, 0) @ D
    inverse = np.ascontiguousarray(np.moveaxis(np.linalg.inv(one_plus), 0, -1))
    return inverse, float(np.linalg.slogdet(one_plus)[1].sum())


def _inverse_two_by_two(A: Array, D: Array) -> tuple[Array, float]:
    # 1 + trace + product of determinants, a sum of terms >= 0: no digits cancel near singularity.
    a, b, c = A[0, 0], A[0, 1], A[1, 1]
    p = a * D[0, 0] + b * D[1, 0]
    s = b * D[0, 1] + c * D[1, 1]
    determinant = 1.0 + p + s + (a * c - b * b) * (D[0, 0] * D[1, 1] - D[0, 1] * D[1, 0])
    inverse = np.empty_like(A)
    inverse[0, 0] = 1.0 + s
    inverse[1, 1] = 1.0 + p
    inverse[0, 1] = -(a * D[0, 1] + b * D[1, 1])
    inverse[1, 0] = -(b * D[0, 0] + c * D[1, 0])
    inverse /= determinant
    return inverse, float(np.log(determinant).sum())


def times(x: Array, y: Array) -> Array:
    """Multiply matrices (..., a, b, units) and (..., b, c, units) unit by unit."""
    total = x[..., :, 0, None, :] * y[..., None, 0, :, :]
    for inner in range(1, x.shape[-2]):
        total += x[..., :, inner, None, :] * y[..., None, inner, :, :]
    return total


def fixed_times(D: Array, y: Array) -> Array:
    """Multiply one matrix with those of every unit."""
    return (D @ y.reshape(len(D), -1)).reshape(y.shape)


def transpose(x: Array) -> Array:
    """Transpose every unit's matrix."""
    return np.swapaxes(x, -3, -2)
