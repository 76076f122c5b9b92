"""The profiled deviance of a nested mixed model, and its derivatives.

The random effects' relative covariances are ``D = Lambda Lambda'`` with the lower-triangular
``Lambda(theta)`` of lme4. Given the `Contribution` of all data, the coefficients and the residual
variance have closed forms, and the deviance is a function of theta alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .batches import Array
from .likelihood import Contribution, Level


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
        return self._fixed_block(self.contribution.cross)

    @cached_property
    def unscaled(self) -> Array:
        """The inverse of `precision`: Cov(beta) over the residual variance."""
        return np.linalg.inv(self.precision)

    @cached_property
    def beta(self) -> Array:
        """The coefficients."""
        right = self.contribution.cross[list(self.fixed), -1]
        return np.linalg.solve(self.precision, right) if self.fixed else np.zeros(0)

    @cached_property
    def direction(self) -> Array:
        """``(-beta, 1)``: the columns of ``[X | y]`` combine to the residual with these."""
        return np.append(-self.beta, 1.0)

    @cached_property
    def sum_of_squares(self) -> float:
        """Generalised residual sum of squares."""
        cross = self.contribution.cross
        return float(cross[-1, -1] - cross[-1, list(self.fixed)] @ self.beta)

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
        within = self._block(self.contribution.cross2) @ self.direction @ self.direction
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
        return self._fixed_block(self.contribution.cross1)

    @property
    def precision2(self) -> Array:
        """Hessian of `precision`."""
        return self._fixed_block(self.contribution.cross2)

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
        return self._block(self.contribution.cross1) @ self.direction

    def _block(self, cross: Array) -> Array:
        columns = [*self.fixed, cross.shape[-1] - 1]
        return cross[..., columns, :][..., columns]

    def _fixed_block(self, cross: Array) -> Array:
        columns = list(self.fixed)
        return cross[..., columns, :][..., columns]


def factors(levels: Sequence[Level], theta: Array) -> list[Array]:
    """Return each level's Lambda."""
    found, first = [], 0
    for level in levels:
        factor = np.zeros((len(level.columns), len(level.columns)))
        for offset, pair in enumerate(level.pairs):
            factor[pair] = theta[first + offset]
        first += len(level.pairs)
        found.append(factor)
    return found


def covariances(levels: Sequence[Level], theta: Array) -> list[Array]:
    """Return each level's D = Lambda Lambda'."""
    return [factor @ factor.T for factor in factors(levels, theta)]


def start(levels: Sequence[Level]) -> Array:
    """Return lme4's start: every Lambda the identity."""
    return np.array([float(a == b) for level in levels for a, b in level.pairs])


def chain(
    levels: Sequence[Level], theta: Array, gradient: Array, hessian: Array
) -> tuple[Array, Array]:
    """Carry a gradient and a Hessian in the elements of D over to theta."""
    jacobian = jacobian_of_covariances(levels, theta)
    curved = jacobian.T @ hessian @ jacobian
    first = 0
    for level in levels:
        last = first + len(level.pairs)
        curved[first:last, first:last] += _curvature(level, gradient[first:last])
        first = last
    return jacobian.T @ gradient, curved


def jacobian_of_covariances(levels: Sequence[Level], theta: Array) -> Array:
    """Return the derivatives of the free elements of D (rows) in theta (columns)."""
    jacobian = np.zeros((len(theta), len(theta)))
    first = 0
    for level, factor in zip(levels, factors(levels, theta), strict=True):
        for i, (a, b) in enumerate(level.pairs):
            for j, (row, column) in enumerate(level.pairs):
                jacobian[first + i, first + j] = (a == row) * factor[b, column] + (
                    b == row
                ) * factor[a, column]
        first += len(level.pairs)
    return jacobian


def _curvature(level: Level, gradient: Array) -> Array:
    """Return the part of the Hessian in theta that comes from D being quadratic in theta.

    ``d2 D_ab / d Lambda_rc d Lambda_sc`` is one where {a, b} = {r, s} (two on the diagonal).
    """
    by_pair = dict(zip(level.pairs, gradient, strict=True))
    curvature = np.zeros((len(gradient), len(gradient)))
    for i, (r, column) in enumerate(level.pairs):
        for j, (s, other) in enumerate(level.pairs):
            if column == other:
                curvature[i, j] = by_pair.get((max(r, s), min(r, s)), 0.0) * (2 if r == s else 1)
    return curvature
