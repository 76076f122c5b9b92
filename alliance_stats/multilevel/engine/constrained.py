"""The least deviance with one variance parameter held at a value.

Effects of the block in question are put in an order in which the constraint is one on elements of
Lambda: a standard deviation is ``sigma Lambda_11`` of the first effect, a correlation the ratio of
``Lambda_21`` and ``Lambda_22`` of the first two. The rest is smooth, so Newton's steps with exact
derivatives find the minimum. With a correlation r held, the sds of its two effects must stay at or
above zero: with one of them below zero the same elements are a covariance of correlation -r.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .autocorrelated import Autocorrelation, chain_beside, profile_with_correlation
from .batches import Array
from .design import Design
from .deviance import Profile, chain, factors, jacobian_of_covariances, lifted, profile_at
from .likelihood import Level
from .optimise import free_elements, lower_factor, newton_step
from .residual import HIGHEST

MAX_STEPS = 60
NEAR_ZERO = 0.1  # share of an sd that starts a search on the side of its boundary
SMALL = 1e-10  # predicted fall of the deviance at which the search ends


@dataclass(frozen=True)
class Map:
    """How free parameters make theta: ``theta = matrix @ free + held / sigma``.

    Those at the places `sds` are standard deviations, which may be zero and not less.
    """

    matrix: Array
    held: Array
    sds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Point:
    """Where a search starts: log sigma, logit of the correlation, the free theta."""

    log_sigma: float
    logit: float
    free: Array


class Surface:
    """The ML deviance in sigma, the AR(1) correlation (where there is one) and theta."""

    def __init__(self, design: Design, ar1: Autocorrelation | None) -> None:
        self.design = design
        self.ar1 = None if ar1 is None or ar1.on_boundary else ar1
        self.held_rho, self.logdet = None, 0.0
        if ar1 is not None and ar1.on_boundary:
            self.held_rho = ar1.rho
            self.logdet = float(ar1.neighbours.weights(ar1.rho)[2][0])

    def at(self, theta: Array, rho: float) -> tuple[Profile, Array, Array, Array, Array]:
        """Return the profile and first and second derivatives of its two parts in (rho, theta)."""
        levels = self.design.levels
        if self.ar1 is None:
            p = profile_at(self.design, theta, reml=False)
            first = jacobian_of_covariances(levels, theta).T @ p.sum_of_squares1
            logdet = chain(levels, theta, p.logdet1, p.logdet2)
            squares = chain(levels, theta, p.sum_of_squares1, p.sum_of_squares2)
            return p, logdet[0], logdet[1], first, squares[1]
        p = profile_with_correlation(self.design, self.ar1.neighbours, rho, theta, reml=False)
        logdet = chain_beside(levels, theta, p.logdet1, p.logdet2)
        squares = chain_beside(levels, theta, p.sum_of_squares1, p.sum_of_squares2)
        return p, logdet[0], logdet[1], squares[0], squares[1]


def least(
    surface: Surface,
    made_of: Map,
    begin: Point,
    *,
    sigma: float | None = None,
    rho: float | None = None,
) -> float:
    """Return the least deviance, with sigma or the correlation held where they are given."""
    evaluate = _Deviance(surface, made_of, sigma, rho)
    x = evaluate.pack(begin)
    floor = np.full(len(x), -np.inf)
    floor[len(x) - len(begin.free) + np.array(made_of.sds, dtype=int)] = 0.0
    value, gradient, hessian = evaluate(x)
    for _ in range(MAX_STEPS):
        step, fall = _step_above(floor, x, gradient, hessian)
        if fall < SMALL:
            break
        step *= min(1.0, 1.5 / max(float(np.linalg.norm(step)), 1e-300))
        step *= _share_above(floor, x, step)
        for _halving in range(30):
            trial = evaluate(x + step)
            if trial[0] <= value + 1e-9:
                break
            step /= 2.0
        else:
            break
        x = np.maximum(x + step, floor)
        value, gradient, hessian = trial
    return value


def _step_above(floor: Array, x: Array, gradient: Array, hessian: Array) -> tuple[Array, float]:
    """Return Newton's step and the fall it predicts; what would go below its floor rests."""
    at_floor = x <= floor
    moving = ~(at_floor & (gradient > 0))
    while True:
        step = np.zeros(len(x))
        step[moving], fall = newton_step(gradient[moving], hessian[np.ix_(moving, moving)])
        blocked = at_floor & (step < 0)
        if not blocked.any():
            return step, fall
        moving &= ~blocked


def _share_above(floor: Array, x: Array, step: Array) -> float:
    """Return the share of a step, at most 1, at which the first parameter meets its floor."""
    down = x + step < floor
    return float(np.min((floor[down] - x[down]) / step[down], initial=1.0))


class _Deviance:
    """The deviance and its derivatives in the parameters that are free."""

    def __init__(
        self, surface: Surface, made_of: Map, sigma: float | None, rho: float | None
    ) -> None:
        self.surface, self.map, self.sigma, self.rho = surface, made_of, sigma, rho
        self.free_sigma = sigma is None
        self.free_rho = rho is None and surface.ar1 is not None
        self.begin: Point | None = None

    def pack(self, point: Point) -> Array:
        self.begin = point
        head = [point.log_sigma] * self.free_sigma + [point.logit] * self.free_rho
        return np.concatenate([head, point.free])

    def unpack(self, x: Array) -> Point:
        assert self.begin is not None
        values = list(x[: self.free_sigma + self.free_rho])
        log_sigma = values.pop(0) if self.free_sigma else float(np.log(self.sigma))  # type: ignore[arg-type]
        logit = values.pop(0) if self.free_rho else self.begin.logit
        return Point(log_sigma, logit, x[self.free_sigma + self.free_rho :])

    def __call__(self, x: Array) -> tuple[float, Array, Array]:
        point = self.unpack(x)
        inverse = float(np.exp(-point.log_sigma))
        theta = self.map.matrix @ point.free + self.map.held * inverse
        rho = 1.0 / (1.0 + np.exp(-point.logit)) if self.rho is None else self.rho
        rho = min(max(rho, 1e-9), HIGHEST)
        p, log1, log2, ssq1, ssq2 = self.surface.at(theta, rho)
        if not p.sum_of_squares > 0 or not np.isfinite(p.contribution.logdet):
            return np.inf, np.zeros(len(x)), np.eye(len(x))
        scaled = p.sum_of_squares * inverse**2
        value = (
            p.contribution.logdet
            + self.surface.logdet
            + p.n * np.log(2.0 * np.pi)
            + 2.0 * p.n * point.log_sigma
        )
        # in (log sigma, [rho,] theta)
        gradient = np.append(2.0 * p.n - 2.0 * scaled, log1 + ssq1 * inverse**2)
        m = len(gradient)
        hessian = np.empty((m, m))
        hessian[0, 0] = 4.0 * scaled
        hessian[0, 1:] = hessian[1:, 0] = -2.0 * ssq1 * inverse**2
        hessian[1:, 1:] = log2 + ssq2 * inverse**2
        return value + scaled, *self._chained(gradient, hessian, rho, inverse)

    def _chained(
        self, gradient: Array, hessian: Array, rho: float, inverse: float
    ) -> tuple[Array, Array]:
        """Carry derivatives over to the free parameters."""
        has_rho = self.surface.ar1 is not None
        first_theta = 1 + has_rho
        jacobian = np.zeros(
            (len(gradient), self.free_sigma + self.free_rho + self.map.matrix.shape[1])
        )
        bend = np.zeros((jacobian.shape[1],) * 2)
        place = 0
        if self.free_sigma:
            jacobian[0, 0] = 1.0
            jacobian[first_theta:, 0] = -self.map.held * inverse
            bend[0, 0] = gradient[first_theta:] @ self.map.held * inverse
            place = 1
        if self.free_rho:
            jacobian[1, place] = rho * (1.0 - rho)
            bend[place, place] = gradient[1] * rho * (1.0 - rho) * (1.0 - 2.0 * rho)
            place += 1
        jacobian[first_theta:, place:] = self.map.matrix
        return jacobian.T @ gradient, jacobian.T @ hessian @ jacobian + bend


def in_front(
    design: Design, theta: Array, number: int, effects: Sequence[int]
) -> tuple[Design, Array, Array]:
    """Put effects of the user's first in their block of a level.

    Returns the design and theta in that basis, and what the block's first effects are multiplied
    by to be the user's. Where the user's effects are the fit's own the block is put in another
    order; else it gets columns of its own.
    """
    level = design.levels[number]
    span = next(span for span in level.spans if effects[0] in span)
    here = slice(span.start, span.stop)
    wanted = design.to_user(number)[list(effects), here]
    lengths = np.linalg.norm(wanted, axis=1)
    R = _completed(wanted / lengths[:, None])
    lower = factors(design.levels, theta)
    lower[number][here, here] = lower_factor(R @ lower[number][here, here])
    columns = list(level.columns)
    if ((R != 0).sum(axis=1) == 1).all():
        columns[here] = [columns[span.start + int(i)] for i in np.abs(R).argmax(axis=1)]
    else:
        new = np.zeros((len(design.columns), len(span)))
        new[columns[here]] = np.linalg.inv(R)
        columns[here] = range(len(design.columns) - 1, len(design.columns) - 1 + len(span))
        design = design.extended(new)
    levels = list(design.levels)
    levels[number] = Level(tuple(columns), level.blocks)
    return replace(design, levels=tuple(levels)), free_elements(levels, lower), lengths


def _completed(rows: Array) -> Array:
    """Return a square matrix that begins with these rows; the others are orthogonal to them."""
    alone = (rows != 0).sum(axis=1) == 1
    if alone.all():
        rest = np.delete(np.eye(rows.shape[1]), np.abs(rows).argmax(axis=1), axis=0)
    else:
        rest = np.linalg.svd(rows)[2][len(rows) :]
    return np.concatenate([rows, rest])


def free_of(levels: Sequence[Level]) -> Map:
    """Return the map in which all of theta is free."""
    m = sum(len(level.pairs) for level in levels)
    return Map(np.eye(m), np.zeros(m))


def hold_sd(levels: Sequence[Level], number: int, effect: int) -> Callable[[float], Map]:
    """Return the maps that hold the sd of the (first) effect of a block at a value."""
    place = _place(levels, number, (effect, effect))
    m = sum(len(level.pairs) for level in levels)

    def at(value: float) -> Map:
        return Map(np.delete(np.eye(m), place, axis=1), value * np.eye(m)[place])

    return at


def hold_correlation(levels: Sequence[Level], number: int, effect: int) -> Callable[[float], Map]:
    """Return the maps that hold the correlation of the first two effects of a block."""
    first = _place(levels, number, (effect, effect))
    side = _place(levels, number, (effect + 1, effect))
    own = _place(levels, number, (effect + 1, effect + 1))
    m = sum(len(level.pairs) for level in levels)

    def at(value: float) -> Map:
        matrix = np.eye(m)
        matrix[side, own], matrix[own, own] = value, np.sqrt(max(1.0 - value**2, 0.0))
        sds = tuple(int(place - (place > side)) for place in (first, own))
        return Map(np.delete(matrix, side, axis=1), np.zeros(m), sds)

    return at


def _place(levels: Sequence[Level], number: int, pair: tuple[int, int]) -> int:
    before = sum(len(level.pairs) for level in levels[:number])
    return before + levels[number].pairs.index(pair)


def start_of(made_of: Map, theta: Array, design: Design, log_sigma: float, rho: float) -> Point:
    """Return where a search starts from the unconstrained optimum."""
    held = np.flatnonzero(made_of.held)
    begin = lifted(design.levels, theta)
    begin[held] = 0.0
    free = np.linalg.lstsq(made_of.matrix, begin, rcond=None)[0]
    for sd in made_of.sds:  # the fit's own: its projection may be zero or less
        free[sd] = np.linalg.norm(begin[made_of.matrix[:, sd] != 0])
    inside = min(max(rho, 1e-6), 1.0 - 1e-6)
    return Point(log_sigma, float(np.log(inside / (1.0 - inside))), free)


def starts_of(
    made_of: Map, theta: Array, design: Design, log_sigma: float, rho: float
) -> list[Point]:
    """Return the start of `start_of`, and one with each bounded sd near zero.

    Far from the estimated correlation the deviance may have a minimum at zero of either sd.
    """
    begin = start_of(made_of, theta, design, log_sigma, rho)
    found = [begin]
    for sd in made_of.sds:
        free = begin.free.copy()
        free[sd] *= NEAR_ZERO
        found.append(replace(begin, free=free))
    return found
