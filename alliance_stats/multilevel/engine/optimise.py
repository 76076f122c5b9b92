"""Minimising the deviance by Newton steps in a trust region, and checking that it is a minimum.

The deviance depends on theta only through ``D = Lambda Lambda'``, so it is smooth without
bounds: a variance of zero is reached from either side of ``Lambda = 0``. There it may be as flat
as a fourth power, which Newton's steps come down by a third at a time; so a small variance that is
correlated with nothing is moved itself and held at zero, its bound, where the deviance falls
towards it. With exact first and second derivatives a handful of evaluations do. What an optimiser
says is not believed: at the end the Karush-Kuhn-Tucker conditions are checked in ``D`` itself,
where the problem has its boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .batches import Array
from .deviance import Profile, alone, chain, factors, lifted, start
from .likelihood import Level

Evaluate = Callable[[Array], Profile]

DECREMENT = 1e-16  # predicted fall of the deviance that ends the search: 1e-8 standard errors
NOISE = 1e-7  # falls of the deviance smaller than this drown in rounding when n is large
KKT = 1e-4  # largest slope of the deviance accepted as none, in standard errors of the variances
SMALL = 0.3  # a Lambda by itself below this is moved by its square
BOUNDARY = 1e-4  # a diagonal element of Lambda below this is on the boundary, as in lme4
MAX_STEPS = 100
MAX_RESTARTS = 4


@dataclass(frozen=True)
class Optimum:
    """Where the search ended and what is known about that point."""

    theta: Array
    profile: Profile
    converged: bool
    slope: float
    """Largest violation of the Karush-Kuhn-Tucker conditions."""
    evaluations: int
    on_boundary: tuple[tuple[int, int], ...]
    """(level, effect) of every zero on the diagonal of a Lambda."""


def minimise(evaluate: Evaluate, levels: Sequence[Level], near: Array | None = None) -> Optimum:
    """Find the theta with the least deviance.

    `evaluate` returns a `Profile` with second derivatives. The search starts `near` a theta, where
    one is known. From a point that satisfies the
    first-order conditions but is no minimum the search is taken up again beside it.
    """
    counted = _Counter(evaluate)
    theta = start(levels)
    if near is not None:
        theta = np.where(alone(levels), near, lifted(levels, near))
    profile = counted(theta)
    for restart in range(MAX_RESTARTS):
        theta, profile = _newton(counted, levels, theta, profile)
        theta, profile = _settle(counted, levels, theta, profile)
        slope, way_out = _kkt(levels, theta, profile)
        if way_out is None or restart == MAX_RESTARTS - 1:
            break
        theta = _beside(levels, theta, way_out)
        profile = counted(theta)
    return Optimum(theta, profile, slope < KKT, slope, counted.number, tuple(_zeros(levels, theta)))


def one_step(
    levels: Sequence[Level], theta: Array, profile: Profile, longest: Array
) -> tuple[Array, float]:
    """Return where one step of Newton's leads, and how far off the minimum was, in standard errors.

    For searches whose evaluations are not to be had in a row. No element moves by more than
    `longest` says for it.
    """
    way = _Way.down(levels, theta, profile)
    over = float((np.abs(way.theta(way.step) - theta) / longest).max())
    step = way.step / max(over, 1.0)
    lower = [_canonical(factor) for factor in factors(levels, way.theta(step))]
    return free_elements(levels, lower), float(np.sqrt(way.decrement))


def optimum_at(
    levels: Sequence[Level], theta: Array, profile: Profile, evaluations: int, still: bool
) -> Optimum:
    """Return what is known of where a search was left; it is a minimum if it stood still."""
    slope, _ = _kkt(levels, theta, profile)
    return Optimum(theta, profile, still, slope, evaluations, tuple(_zeros(levels, theta)))


class _Counter:
    def __init__(self, evaluate: Evaluate) -> None:
        self.evaluate, self.number = evaluate, 0

    def __call__(self, theta: Array) -> Profile:
        self.number += 1
        return self.evaluate(theta)


@dataclass(frozen=True)
class _Way:
    """The way downhill from a point: theta, but for small variances by themselves (`squared`)."""

    at: Array
    squared: Array
    gradient: Array
    hessian: Array
    step: Array
    decrement: float

    @classmethod
    def down(cls, levels: Sequence[Level], theta: Array, profile: Profile) -> _Way:
        squared = alone(levels) & (np.abs(theta) < SMALL)
        at = np.where(squared, theta**2, theta)
        slopes = chain(levels, theta, profile.gradient, profile.hessian, squared)
        return cls(at, squared, *slopes, *_bounded_step(*slopes, at, squared))

    def theta(self, step: Array) -> Array:
        return np.where(self.squared, np.sqrt(np.maximum(self.at + step, 0.0)), self.at + step)


def _bounded_step(
    gradient: Array, hessian: Array, at: Array, squared: Array
) -> tuple[Array, float]:
    """Return the Newton step that takes no variance below zero, and the fall it promises."""
    held = squared & (at <= 0.0) & (gradient >= 0.0)
    step = np.zeros(len(at))
    while True:
        free = ~held
        slope = gradient + hessian @ np.where(held, step, 0.0)
        step[free], fall = newton_step(slope[free], hessian[np.ix_(free, free)])
        below = free & squared & (at + step < 0.0)
        if not below.any():
            to_zero = np.where(held, step, 0.0)
            return step, fall + abs(float((gradient + 0.5 * hessian @ to_zero) @ to_zero))
        step[below] = -at[below]
        held |= below


def _newton(
    evaluate: Evaluate, levels: Sequence[Level], theta: Array, profile: Profile
) -> tuple[Array, Profile]:
    radius, way = 1.0, _Way.down(levels, theta, profile)
    for _ in range(MAX_STEPS):
        step = way.step
        if way.decrement < DECREMENT:
            break
        length = float(np.linalg.norm(step))
        if length > radius:
            step = step * (radius / length)
        there = way.theta(step)
        trial = evaluate(there)
        expected = -(way.gradient @ step + 0.5 * step @ way.hessian @ step)
        gain = profile.deviance - trial.deviance
        if not np.isfinite(trial.deviance) or gain < -NOISE:
            radius = 0.25 * min(length, radius)
            continue
        if expected > NOISE and gain > 0.75 * expected and length >= radius:
            radius *= 3.0
        elif expected > NOISE and gain < 0.25 * expected:
            radius = 0.5 * min(length, radius)
        onward = _Way.down(levels, there, trial)
        if abs(gain) <= NOISE and onward.decrement >= way.decrement:
            break  # rounding decides from here on
        theta, profile, way = there, trial, onward
    return theta, profile


def newton_step(gradient: Array, hessian: Array) -> tuple[Array, float]:
    """Return the step downhill (curvatures taken as positive) and the fall it promises."""
    if not len(gradient):
        return gradient, 0.0
    curvature, axes = np.linalg.eigh(hessian)
    along = axes.T @ gradient
    steep = np.maximum(np.abs(curvature), 1e-10 * max(float(np.abs(curvature).max()), 1e-10))
    return -axes @ (along / steep), float(along @ (along / steep)) / 2.0


def _settle(
    evaluate: Evaluate, levels: Sequence[Level], theta: Array, profile: Profile
) -> tuple[Array, Profile]:
    """Bring Lambda to lme4's form: no negative diagonal, and zeros that are exactly zero."""
    diagonal = np.array([a == b for level in levels for a, b in level.pairs])
    exact = np.where(diagonal & (np.abs(theta) < BOUNDARY), 0.0, theta)
    if (exact != theta).any():
        snapped = evaluate(exact)
        if snapped.deviance <= profile.deviance + NOISE:
            theta, profile = exact, snapped
    lower = [_canonical(factor) for factor in factors(levels, theta)]
    return free_elements(levels, lower), profile


def _canonical(factor: Array) -> Array:
    """Return the lower-triangular factor of the same covariance with a diagonal >= 0."""
    diagonal = np.diag(factor)
    factor = factor * np.where(diagonal < 0, -1.0, 1.0)
    if any(diagonal[c] == 0 and factor[c:, c].any() for c in range(len(diagonal))):
        return semidefinite_factor(factor @ factor.T)
    return factor


def lower_factor(root: Array) -> Array:
    """Return the lower-triangular factor of ``root root'``, with a diagonal of zero or more."""
    lower: Array = np.transpose(np.asarray(np.linalg.qr(root.T, mode="r")))
    return lower * np.where(np.diag(lower) < 0, -1.0, 1.0)


def semidefinite_factor(covariance: Array) -> Array:
    """Return a lower-triangular factor of a covariance that may be singular."""
    rest, size = covariance.copy(), len(covariance)
    factor = np.zeros_like(covariance)
    for c in range(size):
        if rest[c, c] > 1e-12 * max(covariance[c, c], 1e-300):
            factor[c:, c] = rest[c:, c] / np.sqrt(rest[c, c])
            rest = rest - np.outer(factor[:, c], factor[:, c])
    return factor


def free_elements(levels: Sequence[Level], lower: Sequence[Array]) -> Array:
    """Return the free elements of the levels' factors as one vector."""
    return np.array(
        [factor[pair] for level, factor in zip(levels, lower, strict=True) for pair in level.pairs]
    )


def _blocks(levels: Sequence[Level], gradient: Array) -> list[tuple[int, slice, Array]]:
    """Return the gradient in D as one symmetric matrix for each block of correlated effects."""
    found, used = [], 0
    for number, level in enumerate(levels):
        slopes = np.zeros((len(level.columns), len(level.columns)))
        for (a, b), value in zip(
            level.pairs, gradient[used : used + len(level.pairs)], strict=True
        ):
            slopes[a, b] = slopes[b, a] = value if a == b else value / 2.0
        used += len(level.pairs)
        for span in level.spans:
            here = slice(span.start, span.stop)
            found.append((number, here, slopes[here, here]))
    return found


def _kkt(
    levels: Sequence[Level], theta: Array, profile: Profile
) -> tuple[float, tuple[int, slice, Array] | None]:
    """Return the largest violation, and the direction that leads out of a point on the boundary.

    A minimum over positive semidefinite D has a gradient G with ``G D = 0`` that is positive
    semidefinite itself on the directions D does not use. Slopes are divided by the square root
    of the largest curvature, so that the measure does not grow with the number of groups.
    """
    curvature = float(np.abs(np.diag(profile.hessian)).max(initial=1.0))
    gradient = profile.gradient / np.sqrt(max(curvature, 1.0))
    if not np.isfinite(gradient).all():
        return np.inf, None
    worst, way_out, lowers = 0.0, None, factors(levels, theta)
    for number, here, slopes in _blocks(levels, gradient):
        lower = lowers[number][here, here]
        worst = max(worst, float(np.abs(lower.T @ slopes @ lower).max()))
        left, sizes, _ = np.linalg.svd(lower)
        unused = left[:, sizes < BOUNDARY]
        if unused.shape[1]:
            values, vectors = np.linalg.eigh(unused.T @ slopes @ unused)
            if -values[0] > KKT:
                worst = max(worst, float(-values[0]))
                way_out = (number, here, unused @ vectors[:, 0])
    return worst, way_out


def _beside(levels: Sequence[Level], theta: Array, way_out: tuple[int, slice, Array]) -> Array:
    number, here, direction = way_out
    lower = factors(levels, theta)
    covariance = lower[number][here, here] @ lower[number][here, here].T
    moved = covariance + 0.05 * np.outer(direction, direction)
    lower[number][here, here] = semidefinite_factor(moved)
    return free_elements(levels, lower)


def _zeros(levels: Sequence[Level], theta: Array) -> list[tuple[int, int]]:
    return [
        (number, a)
        for number, factor in enumerate(factors(levels, theta))
        for a in range(len(factor))
        if factor[a, a] < BOUNDARY
    ]
