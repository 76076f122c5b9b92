"""The profiled deviance of a nested mixed model, and its derivatives.

The random effects' relative covariances are ``D = Lambda Lambda'`` with the lower-triangular
``Lambda(theta)`` of lme4. Given the `Contribution` of all data, the coefficients and the residual
variance have closed forms, and the deviance is a function of theta alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .batches import Array
from .likelihood import Contribution, Level

if TYPE_CHECKING:
    from .design import Design


@dataclass(frozen=True)
class Profile:
    """Coefficients, residual variance and deviance at one theta.

    The derivatives are in the free elements of D (see `Contribution`); where the contribution
    has none, they have no elements.
    """

    contribution: Contribution
    fixed: tuple[int, ...]  # columns of X
    n: int
    reml: bool

    @cached_property
    def denominator(self) -> int:
        """The number the residual sum of squares is divided by: n - p under REML, else n."""
        return self.n - len(self.fixed) if self.reml else self.n

    @cached_property
    def precision(self) -> Array:
        """``X' V^-1 X`` with V relative to the residual variance."""
        return self._cross[:-1, :-1]

    @cached_property
    def unscaled(self) -> Array:
        """The inverse of `precision`: Cov(beta) over the residual variance."""
        return np.linalg.inv(self.precision)

    @cached_property
    def beta(self) -> Array:
        """The coefficients."""
        return np.linalg.solve(self.precision, self._cross[:-1, -1])

    @cached_property
    def direction(self) -> Array:
        """``(-beta, 1)``: the columns of ``[X | y]`` combine to the residual with these."""
        return np.append(-self.beta, 1.0)

    @cached_property
    def sum_of_squares(self) -> float:
        """Generalised residual sum of squares."""
        return float(self._cross[-1, -1] - self._cross[-1, :-1] @ self.beta)

    @cached_property
    def variance(self) -> float:
        """The residual variance."""
        return self.sum_of_squares / self.denominator

    @cached_property
    def deviance(self) -> float:
        """Minus twice the (restricted) log-likelihood."""
        try:
            reproduced = not self.variance > 0.0
        except np.linalg.LinAlgError:  # so far out that X'V^-1X drowned in rounding
            reproduced = True
        if reproduced:
            return float("inf")
        total = self.contribution.logdet + self.denominator * (
            1.0 + np.log(2.0 * np.pi * self.variance)
        )
        if self.reml:
            total += np.linalg.slogdet(self.precision)[1]
        return float(total)

    @cached_property
    def sum_of_squares1(self) -> Array:
        """Gradient of `sum_of_squares`."""
        return self._cross1_direction @ self.direction

    @cached_property
    def sum_of_squares2(self) -> Array:
        """Hessian of `sum_of_squares`."""
        within = self._cross2 @ self.direction @ self.direction
        side = self._cross1_direction[:, :-1]
        return within - 2.0 * side @ self.unscaled @ side.T

    @cached_property
    def logdet1(self) -> Array:
        """Gradient of the log-determinants (of V, and under REML of `precision`)."""
        total = self.contribution.logdet1
        if self.reml:
            total = total + np.einsum("ab,iba->i", self.unscaled, self.precision1)
        return total

    @cached_property
    def logdet2(self) -> Array:
        """Hessian of the log-determinants."""
        total = self.contribution.logdet2
        if self.reml:
            half = self.unscaled @ self.precision1
            second = np.einsum("ab,ijba->ij", self.unscaled, self.precision2)
            total = total + second - np.einsum("iab,jba->ij", half, half)
        return total

    @property
    def precision1(self) -> Array:
        """Gradient of `precision`."""
        return self._cross1[..., :-1, :-1]

    @property
    def precision2(self) -> Array:
        """Hessian of `precision`."""
        return self._cross2[..., :-1, :-1]

    @cached_property
    def gradient(self) -> Array:
        """Gradient of the profiled deviance."""
        return self.logdet1 + self.sum_of_squares1 / self.variance

    @cached_property
    def hessian(self) -> Array:
        """Hessian of the profiled deviance."""
        slope = self.sum_of_squares1 / self.variance
        return (
            self.logdet2
            + self.sum_of_squares2 / self.variance
            - np.outer(slope, slope) / self.denominator
        )

    @cached_property
    def _cross1_direction(self) -> Array:
        return self._cross1 @ self.direction

    @cached_property
    def _cross(self) -> Array:
        return self._block(self.contribution.cross)

    @cached_property
    def _cross1(self) -> Array:
        return self._block(self.contribution.cross1)

    @cached_property
    def _cross2(self) -> Array:
        return self._block(self.contribution.cross2)

    def _block(self, cross: Array) -> Array:
        """Take the rows and columns of ``[X | y]``."""
        columns = np.array([*self.fixed, cross.shape[-1] - 1])
        return cross[..., columns[:, None], columns]


def profile_at(design: Design, theta: Array, reml: bool, order: int = 2) -> Profile:
    """Evaluate the model at one theta."""
    relative = covariances(design.levels, theta)
    contribution = design.partition.contribution(design.levels, relative, order)
    return Profile(contribution, design.fixed, design.n, reml)


def factors(levels: Sequence[Level], theta: Array) -> list[Array]:
    """Return each level's Lambda."""
    found, first = [], 0
    for level in levels:
        factor = np.zeros((len(level.columns), len(level.columns)))
        for pair, value in zip(level.pairs, theta[first : first + len(level.pairs)], strict=True):
            factor[pair] = value
        first += len(level.pairs)
        found.append(factor)
    return found


def covariances(levels: Sequence[Level], theta: Array) -> list[Array]:
    """Return each level's D = Lambda Lambda'."""
    return [factor @ factor.T for factor in factors(levels, theta)]


def start(levels: Sequence[Level]) -> Array:
    """Return lme4's start: every Lambda the identity."""
    return np.array([float(a == b) for level in levels for a, b in level.pairs])


def lifted(levels: Sequence[Level], theta: Array) -> Array:
    """Return a start near `theta` but off the boundary, where every slope in theta is zero."""
    diagonal = start(levels) > 0
    return np.where(diagonal & (theta < 0.1), 0.1, theta)


def alone(levels: Sequence[Level]) -> Array:
    """Return which elements of theta are the SD of an effect that is correlated with nothing."""
    return np.array(
        [size == 1 for lv in levels for size in lv.blocks for _ in range(size * (size + 1) // 2)]
    )


def chain(
    levels: Sequence[Level],
    theta: Array,
    gradient: Array,
    hessian: Array,
    squared: Array | None = None,
) -> tuple[Array, Array]:
    """Carry a gradient and a Hessian in the elements of D over to theta.

    `squared` are elements of theta, each alone in its block, for whose square (the element of D)
    derivatives stay.
    """
    jacobian = jacobian_of_covariances(levels, theta)
    curving = np.ones(len(theta))
    if squared is not None:
        jacobian[squared, squared], curving[squared] = 1.0, 0.0
    curved = jacobian.T @ hessian @ jacobian
    first = 0
    for level in levels:
        here = slice(first, first + len(level.pairs))
        place, weight = level.curvature
        curved[here, here] += weight * gradient[here][place] * curving[here]
        first = here.stop
    return jacobian.T @ gradient, curved


def jacobian_of_covariances(levels: Sequence[Level], theta: Array) -> Array:
    """Return the derivatives of the free elements of D (rows) in theta (columns)."""
    jacobian = np.zeros((len(theta), len(theta)))
    first = 0
    for level, factor in zip(levels, factors(levels, theta), strict=True):
        here = slice(first, first + len(level.pairs))
        rows, columns = np.array(level.pairs, dtype=np.intp).reshape(-1, 2).T
        # D_ab = sum over c of Lambda_ac Lambda_bc
        jacobian[here, here] = np.equal.outer(rows, rows) * factor[columns[:, None], columns]
        jacobian[here, here] += np.equal.outer(columns, rows) * factor[rows[:, None], columns]
        first = here.stop
    return jacobian
