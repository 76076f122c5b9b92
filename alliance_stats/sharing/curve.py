"""A clinic's likelihood as a curve: polynomials in the logarithms of its variance ratios.

With independent random effects the log-determinant and each cross-product left when they are
eliminated are functions of one or two variance ratios d. All their singularities lie on negative
d, the nearest at ``-1/a`` with a the largest sum of squares of a group; so in ``log(d + 1/(2a))``
they are analytic in a strip of half-width pi, and Chebyshev polynomials come near them by a factor
of about 1.7 to 1.9 a degree (Trefethen 2013, Approximation theory and approximation practice,
chapter 8), a ratio of zero included. The coefficients are rounded, and those that come to nothing
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from ..errors import DesignError
from ..multilevel.engine.batches import Array
from ..multilevel.engine.likelihood import Contribution

LADDER = (20, 28, 36, 44, 56, 68)
"""Numbers of nodes a side that are tried."""
BETWEEN = 12
"""Points between the nodes, by axis, at which a curve is held against the likelihood itself."""
ROUNDING = 0.3
"""A curve's error before rounding, in units of its last digit, that is small enough."""
EDGE = 1e-9


@dataclass(frozen=True)
class Axis:
    """One variance ratio: from where to where, and what is added to it under the logarithm."""

    low: float
    high: float
    offset: float

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The ends in the logarithm."""
        return float(np.log(self.low + self.offset)), float(np.log(self.high + self.offset))

    def points(self, count: int) -> Array:
        """Return Chebyshev's points, as ratios."""
        at = np.cos(np.pi * (np.arange(count) + 0.5) / count)
        return self.ratio(at)

    def ratio(self, at: Array) -> Array:
        """Return the ratios at places between -1 and 1."""
        first, last = self.ends
        return np.maximum(np.exp(first + (at + 1.0) / 2.0 * (last - first)) - self.offset, 0.0)

    def values(self, ratio: float, count: int) -> Array:
        """Return the polynomials at a ratio, with first and second derivatives in it: (3, count).

        A ratio outside is taken to the nearer end; who asks must know that it was outside.
        """
        first, last = self.ends
        ratio = min(max(ratio, self.low), self.high)
        per_log, shifted = 2.0 / (last - first), ratio + self.offset
        x = np.clip((np.log(shifted) - first) * per_log - 1.0, -1.0, 1.0)
        basis = np.eye(count)
        plain, slope, bend = (
            chebyshev.chebval(x, chebyshev.chebder(basis, m) if m < count else 0.0 * basis)
            for m in range(3)
        )
        slope, bend = slope * per_log, bend * per_log**2
        return np.stack([plain, slope / shifted, (bend - slope) / shifted**2])


@dataclass(frozen=True)
class Curve:
    """The log-determinant and the packed cross-products of [X | y] over one or two ratios.

    Attributes
    ----------
    axes
        The ratios, the lowest level's first.
    coefficients
        ``(1 + pairs, degrees, degrees)`` of Chebyshev polynomials; the second side has one degree
        where there is one ratio. The log-determinant stands first.
    size
        Number of columns of [X | y].
    digits
        To how many decimals each column is rounded; a product to the fewer of its two. Empty where
        nothing is.
    """

    axes: tuple[Axis, ...]
    coefficients: Array
    size: int
    digits: tuple[int, ...] = ()

    @property
    def ratios(self) -> int:
        """Number of variance ratios."""
        return len(self.axes)

    def holds(self, ratios: Sequence[float] | Array) -> bool:
        """Say whether the curve was made for these ratios."""
        return all(
            a.low * (1.0 - EDGE) - 1e-15 <= d <= a.high * (1.0 + EDGE)
            for a, d in zip(self.axes, ratios, strict=True)
        )

    def contribution(self, ratios: Sequence[float] | Array, order: int) -> Contribution:
        """Return the clinic's contribution; beyond the curve its log-determinant is infinite."""
        sides = [
            axis.values(float(d), count)
            for axis, d, count in zip(self.axes, ratios, self.coefficients.shape[1:], strict=False)
        ]
        if len(sides) == 1:
            sides.append(np.array([[1.0], [0.0], [0.0]]))
        table = np.einsum("ai,pij,bj->abp", sides[0], self.coefficients, sides[1])
        value, first, second = table[0, 0], _first(table, self.ratios), _second(table, self.ratios)
        m = self.ratios if order > 0 else 0
        k = self.ratios if order > 1 else 0
        return Contribution(
            float(value[0]) if self.holds(ratios) else float("inf"),
            self._full(value[1:]),
            first[:m, 0],
            self._full(first[:m, 1:]),
            second[:k, :k, 0],
            self._full(second[:k, :k, 1:]),
        )

    def _full(self, packed: Array) -> Array:
        rows, columns = np.triu_indices(self.size)
        full = np.zeros((*packed.shape[:-1], self.size, self.size))
        full[..., rows, columns] = packed
        full[..., columns, rows] = packed
        return full

    def rounded(self, digits: Sequence[int]) -> Curve:
        """Return the curve with its coefficients rounded, empty degrees left out."""
        of_pairs = np.minimum.outer(digits, digits)[np.triu_indices(self.size)]
        power = 10.0 ** np.append(max(digits), of_pairs)[:, None, None]
        found = np.round(self.coefficients * power) / power + 0.0
        used = [np.flatnonzero(found.any(axis=axis)) for axis in ((0, 2), (0, 1))]
        ends = [int(at[-1]) + 1 if len(at) else 1 for at in used]
        return Curve(self.axes, found[:, : ends[0], : ends[1]], self.size, tuple(digits))

    def redrawn(self, rng: np.random.Generator) -> Curve:
        """Return another curve that rounding may have been made of: moved within its last digits.

        A curve that was not rounded is returned as it is.
        """
        if not self.digits:
            return self
        fewer = np.minimum.outer(self.digits, self.digits)[np.triu_indices(self.size)]
        last = 10.0 ** -np.append(max(self.digits), fewer)[:, None, None]
        moved = rng.uniform(-0.5, 0.5, self.coefficients.shape) * last
        return replace(self, coefficients=self.coefficients + moved)

    def variances(self, ratios: Sequence[float] | Array) -> Array:
        """Return how uncertain rounding makes each cross-product: variances, (size, size)."""
        degrees = np.maximum(np.array(self.coefficients.shape[1:]) / 2.0, 1.0)
        fewer = np.minimum.outer(self.digits, self.digits).astype(float)
        return np.asarray(float(np.prod(degrees)) / 12.0 * 10.0 ** (-2.0 * fewer))


def _first(table: Array, ratios: int) -> Array:
    return np.stack([table[1, 0], table[0, 1]][:ratios])


def _second(table: Array, ratios: int) -> Array:
    whole = np.stack([[table[2, 0], table[1, 1]], [table[1, 1], table[0, 2]]])
    return whole[:ratios, :ratios]


Evaluate = Callable[[Sequence[float]], tuple[float, Array]]
"""From ratios to the log-determinant and the cross-products of [X | y]."""


def fit_curve(evaluate: Evaluate, axes: Sequence[Axis], digits: int) -> Curve:
    """Return polynomials that are as near to a likelihood as `digits` digits ask.

    Raises
    ------
    DesignError
        Where no number of nodes that is tried comes so near.
    """
    check = [axis.ratio(np.linspace(-0.98, 0.97, BETWEEN)) for axis in axes]
    exact = _values(evaluate, check)
    for count in LADDER:
        values = _values(evaluate, [axis.points(count) for axis in axes])
        coefficients = _to_coefficients(values, len(axes))
        sides = [
            np.stack([axis.values(float(d), count)[0] for d in at])
            for axis, at in zip(axes, check, strict=True)
        ]
        if len(sides) == 1:
            sides.append(np.ones((1, 1)))
        again = np.einsum("ai,pij,bj->pab", sides[0], coefficients, sides[1])
        if (
            float(np.abs(again - exact).max())
            <= ROUNDING * 10.0**-digits + 1e-11 * np.abs(exact).max()
        ):
            return Curve(tuple(axes), coefficients, _size_of(len(coefficients) - 1))
    raise DesignError(
        f"{LADDER[-1]} nodes a side do not hold the likelihood to {digits} digits: give a "
        "narrower range of variance ratios by ratios=."
    )


def _values(evaluate: Evaluate, points: Sequence[Array]) -> Array:
    """Return log-determinant and packed cross-products at all points: (1 + pairs, ...)."""
    first, second = points[0], points[1] if len(points) > 1 else [None]
    rows: Any = None
    found = []
    for a in first:
        for b in second:
            logdet, cross = evaluate([a] if b is None else [a, b])
            if rows is None:
                rows = np.triu_indices(len(cross))
            found.append(np.append(logdet, cross[rows]))
    table = np.array(found).reshape(len(first), len(second), -1)
    return np.moveaxis(table, -1, 0)


def _to_coefficients(values: Array, ratios: int) -> Array:
    """Carry values at Chebyshev's points over to coefficients, along each axis."""
    for axis in range(1, 1 + ratios):
        count = values.shape[axis]
        k = np.arange(count)
        waves = np.cos(np.pi * np.outer(k, k + 0.5) / count) * (2.0 / count)
        waves[0] /= 2.0
        values = np.moveaxis(np.tensordot(waves, values, (1, axis)), 0, axis)
    return values


def _size_of(pairs: int) -> int:
    return int((np.sqrt(8 * pairs + 1) - 1) / 2)
