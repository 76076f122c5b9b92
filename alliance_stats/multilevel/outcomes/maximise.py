"""Finding the maximum: Newton's steps, and more nodes until all stands still.

A problem is a list of pieces (`Problem`); what is asked of it adds up over them. Nodes stand where
the modes are, so every step looks for the modes first. `climb` finds the maximum at a number of
nodes, `ladder` raises that number until deviance and estimates stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import add

import numpy as np
import pandas as pd

from ..engine.batches import Array
from .families import Family
from .integral import Evaluation, Shape, evaluate, moments
from .modes import CLOSE as CLOSEST
from .modes import NEAR, Modes, find_modes
from .nodes import Nodes, Points
from .pieces import Piece

NODES = {1: (7, 11, 17, 25, 37, 55, 81, 121), 2: (5, 7, 9, 13, 19, 27, 39), 3: (5, 7, 9, 13, 17)}
"""Nodes of each of a client's effects on the steps of the ladder, by how many effects it has."""
EVEN = (49, 97, 193, 385)
"""Evenly spaced nodes, which follow after `LAST_HERMITE` of Gauss-Hermite's that do not suffice."""
LAST_HERMITE = 37
FAR = 0.1  # standard errors that estimates still move, which speaks for wide random effects
STEPS = 60
LONGEST = 2.0  # step of an own parameter that has a farthest place, which a jump would not leave
ROUGH, ROUGH_NODES = 15, 25  # steps with few nodes, whose maximum is a start only,
ROUGHLY = 0.3  # and so are looked for to a third of a standard error
BEND = 0.03  # standard errors between which second derivatives are taken
ROUNDS = 3  # of a search by differences
MANY = 8  # pieces from which on some of them give a start for all
CLOSE = 3e-4  # distance to the maximum, in standard errors, from which one step ends the search
NEARLY = 2e-3  # the same where more nodes follow, since the estimates moved by more than `STILL`
STILL = 1e-4  # change of an estimate, in its standard errors, between steps of the ladder
STILL_DEVIANCE = 1e-4
FLAT = (
    1e-13  # curvature of a direction, of the largest, below which it is rounding: dates have some
)
SMALLEST = 1e-4  # standard deviation, in units of the linear predictor, that stands for zero
ZERO = 1e-3
FOLLOWS = 0.6  # nodes move with the top's where those shift a unit's by more than this, in its SDs


@dataclass
class Problem:
    """The pieces of a model and the parameters they are asked at."""

    family: Family
    shape: Shape
    pieces: Sequence[Piece]
    found: list[Nodes] | None = field(default=None, repr=False)
    """Where the modes were last, from which the next search starts."""
    means: list[Nodes] | None = field(default=None, repr=False)
    """Where even nodes stand."""

    def modes(self, at: Array, close: float = CLOSEST) -> tuple[list[Nodes], float]:
        """Return the nodes' places and Laplace's log-likelihood."""
        starts = self.found if self.found is not None else [None] * len(self.pieces)
        modes: list[Modes] = [
            find_modes(piece, self.family, self.shape, at, start, close)
            for piece, start in zip(self.pieces, starts, strict=True)
        ]
        self.found = [one.nodes for one in modes]
        return self.found, sum(one.laplace for one in modes)

    def evaluate(self, at: Array, points: Points, close: float = NEAR) -> Evaluation:
        """Return log-likelihood and derivatives at nodes around the modes, even ones the means."""
        if points.even:
            nodes = self._means(at)
            moving = False
        else:
            nodes, _ = self.modes(at, close)
            moving = self.moves(nodes)
        return reduce(
            add,
            [
                evaluate(piece, self.family, self.shape, at, replace(one, moving=moving), points)
                for piece, one in zip(self.pieces, nodes, strict=True)
            ],
        )

    def moves(self, nodes: Sequence[Nodes]) -> bool:
        """Tell whether the nodes of units must move with those of the top."""
        return self.shape.top and max(map(self._shift, self.pieces, nodes)) > FOLLOWS

    def _means(self, at: Array) -> list[Nodes]:
        """Return the nodes around the posterior means, which stay where they are until asked anew.

        A search then climbs one surface, whose derivatives are exact.
        """
        if self.means is None:
            points = Points(LAST_HERMITE, top_nodes(LAST_HERMITE))
            self.means = [
                moments(piece, self.family, self.shape, at, nodes, points)
                for piece, nodes in zip(self.pieces, self.modes(at)[0], strict=True)
            ]
        return self.means

    @staticmethod
    def _shift(piece: Piece, nodes: Nodes) -> float:
        """Return how far a unit's nodes would follow one SD of the top's, in its own SDs.

        In all directions: correlated effects can leave a narrow one, far from which the top moves.
        """
        own = np.linalg.solve(nodes.root, nodes.slope[:, :, None])[:, :, 0]
        along = np.linalg.norm(own, axis=1)
        return float((along * np.repeat(nodes.top_spread, piece.children)).max(initial=0.0))


@dataclass(frozen=True)
class Maximum:
    """Where a search ended."""

    point: Array
    value: float
    hessian: Array
    held: tuple[int, ...]
    """Places of standard deviations that are zero, and of own parameters at their farthest."""
    distances: tuple[float, ...]
    """Before each step, how far the maximum was, in standard errors (Newton's decrement)."""
    arrived: float
    """The value before the first step."""

    @property
    def converged(self) -> bool:
        """Whether slope and curvature are those of a maximum."""
        return bool(np.isfinite(self.value) and self.distances[-1] < CLOSE)

    def free(self) -> Array:
        """Return the places of the parameters that are not held at zero."""
        return np.setdiff1d(np.arange(len(self.point)), self.held)

    def covariance(self) -> Array:
        """Return the inverse of the negative Hessian; zero where a parameter is held."""
        free, found = self.free(), np.zeros_like(self.hessian)
        bends = -self.hessian[np.ix_(free, free)]
        size = np.outer(*[np.sqrt(np.maximum(np.abs(np.diag(bends)), 1e-300))] * 2)
        found[np.ix_(free, free)] = np.linalg.pinv(bends / size, rcond=FLAT) / size
        return found


def climb(
    problem: Problem,
    start: Array,
    points: Points,
    most: int = STEPS,
    close: float = CLOSE,
    *,
    fixed: tuple[int, ...] = (),
) -> Maximum:
    """Climb to the maximum at a number of nodes, in at most `most` steps.

    Parameters at the places `fixed` stay as they are.

    The last step is taken without looking again: from `close` standard errors away Newton's method
    ends at about the square of that, and the value there is known.
    """
    shape = problem.shape
    bounded = np.setdiff1d(_standard_deviations(shape), fixed)
    at = start.copy()
    at[bounded] = np.maximum(at[bounded], SMALLEST)
    farthest = np.full(shape.total, np.inf)
    farthest[shape.of_own] = problem.family.farthest
    found = problem.evaluate(at, points)
    arrived = found.value
    allowed = 1.0 + 1e-4 * abs(found.value)  # values at other nodes differ by their error
    distances: list[float] = []
    rise = 0.0
    for _ in range(most):
        held = [i for i in bounded if at[i] < ZERO and found.gradient[i] <= 1e-2 * at[i]]
        held += [i for i in np.flatnonzero(np.abs(at) > farthest - 1.0) if i not in fixed]
        free = np.setdiff1d(np.arange(shape.total), [*held, *fixed])
        step = np.zeros_like(at)
        step[free], distance, is_maximum = _newton(
            found.gradient[free], found.hessian[np.ix_(free, free)]
        )
        distances.append(distance if is_maximum else np.inf)
        if distances[-1] < close:
            at, rise = at + step, 0.5 * distance**2
            at[bounded] = np.maximum(at[bounded], SMALLEST)
            break
        step *= min(1.0, 10.0 * np.sqrt(len(at)) / distance)
        jump = float(np.abs(step[np.isfinite(farthest)]).max(initial=0.0))
        step *= min(1.0, LONGEST / max(jump, LONGEST))
        for halvings in range(12):
            beside = at + 0.5**halvings * step
            beside[bounded] = np.maximum(beside[bounded], np.maximum(at[bounded] / 5.0, SMALLEST))
            beside[bounded] = np.minimum(beside[bounded], 2.0 * at[bounded] + 0.5)
            beside = np.clip(beside, -farthest, farthest)
            new = problem.evaluate(beside, points)
            if new.value > found.value - allowed * 0.5**halvings:
                break
        at, found = beside, new
    held += [i for i in bounded if at[i] < ZERO and i not in held]
    return Maximum(at, found.value + rise, found.hessian, tuple(held), tuple(distances), arrived)


def _newton(gradient: Array, hessian: Array) -> tuple[Array, float, bool]:
    """Return Newton's step uphill, its length in standard errors, and whether all bends down."""
    size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-12))
    values, vectors = np.linalg.eigh(-hessian / np.outer(size, size))
    along = vectors.T @ (gradient / size)
    is_maximum = bool(values[0] > FLAT * values[-1])
    bent = np.maximum(np.abs(values), (FLAT if is_maximum else 1e-6) * np.abs(values).max())
    step = (vectors @ (along / bent)) / size
    return step, float(np.sqrt((along**2 / bent).sum())), is_maximum


def _standard_deviations(shape: Shape) -> Array:
    """Return the places of what may not be negative: the factor's diagonal and the top's SD."""
    first = shape.of_factor.start
    places = [first + i for i, (r, c) in enumerate(shape.pairs) if r == c]
    return np.array([*places, *([shape.total - 1] if shape.top else [])])


@dataclass(frozen=True)
class Ladder:
    """The steps of the ladder, and where it ended."""

    best: Maximum
    points: Points
    table: pd.DataFrame
    still: bool
    asked: bool = False
    """Whether the number of nodes was asked for, and no other was tried."""

    @property
    def converged(self) -> bool:
        """Whether the last step is a maximum and nothing moved from the step before."""
        return self.best.converged and self.still


def _value_at(problem: Problem, points: Points, at: Array) -> float:
    return problem.evaluate(at, points, CLOSEST).value


def one_step(best: Maximum, shape: Shape) -> Ladder:
    """Return the ladder of Laplace's approximation: one node."""
    row = {
        "nodes": 1,
        "nodes_top": int(shape.top),
        "rule": "mode",
        "deviance": -2.0 * best.value,
        "change": np.nan,
        "moved_se": np.nan,
        "steps": len(best.distances),
        "distance_se": best.distances[-1],
    }
    return Ladder(best, Points(1, 1), pd.DataFrame([row]), best.converged)


def top_nodes(inner: int, even: bool = False) -> int:
    """Return the nodes of the top level, whose integrals are nearly normal: fewer than below."""
    return inner if inner <= 9 else 9 + (inner - 8) // (6 if even else 3)


def climb_ladder(problem: Problem, start: Array, nodes: int | None = None) -> Ladder:
    """Raise the number of nodes until deviance and estimates stand still."""
    at, value, still = start, np.nan, False
    rows: list[dict[str, float | str]] = []
    if len(problem.pieces) >= MANY:
        some = Problem(problem.family, problem.shape, problem.pieces[:: MANY // 2])
        at = climb(some, at, Points(7, 7), ROUGH, ROUGHLY).point
    size, even = problem.shape.size, False
    rungs = list(NODES[size]) if nodes is None else [nodes]
    while rungs and not still:
        inner = rungs.pop(0)
        points = Points(inner, inner if nodes is not None else top_nodes(inner, even), even)
        problem.means = None
        rough = nodes is None and inner < ROUGH_NODES
        best = climb(problem, at, points, *((ROUGH, ROUGHLY) if rough else (STEPS, NEARLY)))
        if nodes is not None and np.isfinite(best.value):
            best = by_differences(problem, best, partial(_value_at, problem, points))
        change = -2.0 * (best.arrived - value)
        moved = best.distances[0] if rows else np.nan
        still = moved < STILL and abs(change) < STILL_DEVIANCE
        rows.append(
            {
                "nodes": inner,
                "nodes_top": points.top if problem.shape.top else 0,
                "rule": "even" if even else "hermite",
                "deviance": -2.0 * best.value,
                "change": change,
                "moved_se": moved,
                "steps": len(best.distances),
                "distance_se": best.distances[-1],
            }
        )
        at, value = best.point, best.value
        far = inner == LAST_HERMITE or (inner >= ROUGH_NODES // 2 and moved > FAR)
        may = not still and nodes is None and not even and size == 1
        if far and may and not problem.moves(problem.modes(at)[0]):
            rungs, even = list(EVEN), True
    asked = nodes is not None
    return Ladder(best, points, pd.DataFrame(rows), still or asked, asked)


def laplace(problem: Problem, start: Maximum) -> Maximum:
    """Find the maximum of Laplace's approximation."""
    return by_differences(problem, start, lambda at: problem.modes(at)[1])


def by_differences(problem: Problem, start: Maximum, value: Callable[[Array], float]) -> Maximum:
    """Find the maximum of an approximation whose nodes move with the parameters.

    With few nodes that counts: where the slope at fixed nodes vanishes is another place then. The
    curvature at the quadrature's maximum makes all directions alike, so few steps are needed.
    """
    from scipy import optimize

    free = start.free()
    bends = -start.hessian[np.ix_(free, free)]
    size = np.sqrt(np.maximum(np.abs(np.diag(bends)), 1e-300))
    values, vectors = np.linalg.eigh(bends / np.outer(size, size))
    least = FLAT if values[0] > FLAT * values[-1] else 1e-6
    turn = vectors / size[:, None] / np.sqrt(np.maximum(values, least * values[-1]))
    bounded = _standard_deviations(problem.shape)

    def place(z: Array) -> Array:
        at = start.point.copy()
        at[free] += turn @ z
        at[bounded] = np.maximum(np.abs(at[bounded]), SMALLEST)
        return at

    def deviance(z: Array) -> float:
        return -value(place(z))

    def gradient(z: Array) -> Array:
        h = 1e-3
        steps = h * np.eye(len(z))
        return np.array([(deviance(z + s) - deviance(z - s)) / (2.0 * h) for s in steps])

    z = np.zeros(len(free))
    for _ in range(ROUNDS):  # a line search that differences led astray starts anew
        best = optimize.minimize(deviance, z, jac=gradient, method="BFGS", options={"gtol": CLOSE})
        z = best.x
        if np.abs(best.jac).max(initial=0.0) < CLOSE:
            break
    back = np.linalg.inv(turn)
    hessian = np.zeros_like(start.hessian)
    hessian[np.ix_(free, free)] = -back.T @ _bends(deviance, z) @ back
    slope = float(np.abs(best.jac).max(initial=0.0))
    return Maximum(place(z), -float(best.fun), hessian, start.held, (slope,), -float(best.fun))


def _bends(function: Callable[[Array], float], at: Array) -> Array:
    """Return second derivatives by symmetric differences."""
    steps, here = BEND * np.eye(len(at)), function(at)
    ends = np.array([function(at + s) + function(at - s) - 2.0 * here for s in steps])
    found = np.diag(ends)
    for i in range(len(at)):
        for j in range(i):
            both = steps[i] + steps[j]
            ends_of_both = function(at + both) + function(at - both) - 2.0 * here
            found[i, j] = found[j, i] = 0.5 * (ends_of_both - ends[i] - ends[j])
    return found / BEND**2
