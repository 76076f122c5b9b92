"""A clinic's likelihood near one point: small numbers, with first and second derivatives.

Where no sums and no curve hold the likelihood for every value of its parameters (correlated slopes,
more than two variance ratios, outcomes that are no measurements), a search goes from point to point
by mail. What a clinic answers at a point is the same whatever the model: some numbers that add up
over clinics, and how they change. Of a measurement they are the log-determinant and the
cross-products of [X | y] that are left when random effects are eliminated, by the elements of their
relative covariances; of other outcomes the log-likelihood, by all parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DesignError
from ..multilevel.engine.batches import Array
from ..multilevel.engine.likelihood import Contribution, Level, contribute
from ..multilevel.outcomes.families import Family, Outcome
from ..multilevel.outcomes.integral import Evaluation, Shape
from ..multilevel.outcomes.maximise import NODES, Problem, top_nodes
from ..multilevel.outcomes.nodes import Points
from ..multilevel.outcomes.pieces import pieces_of
from .columns import ClinicColumns
from .rounds import Point

LEAST_SD = 0.05  # SD that an effect gives a row, over the residual one, that counts as that SD
STILL = 1e-7
"""Change of a log-likelihood, and of its slope in standard errors, from which nodes suffice."""


@dataclass(frozen=True)
class Expansion:
    """Numbers and their derivatives at a point.

    Attributes
    ----------
    point
        Which round of the search it is, and where that looks.
    centre, steps
        The parameters that derivatives are in, at the point, and the units of each.
    numbers
        ``(m, 1 + k + pairs)``: each number's value, first derivatives and second ones (upper
        triangle).
    size
        Number of columns of [X | y]; one where the only number is a log-likelihood.
    digits
        To how many decimals each column is rounded; empty where nothing is.
    """

    point: Point
    centre: Array
    steps: Array
    numbers: Array
    size: int
    digits: tuple[int, ...] = ()
    nodes: int = 0
    """Of the integrals of a log-likelihood, by effect."""

    @property
    def ratios(self) -> int:
        """Number of parameters that derivatives are in."""
        return len(self.centre)

    def near(self, place: Sequence[float] | Array) -> tuple[Array, Array, Array]:
        """Return the numbers near the point: values (m), slopes (k, m), curvatures (k, k, m)."""
        k, away = self.ratios, (np.asarray(place) - self.centre) / self.steps
        value, first, packed = np.split(self.numbers.T, [1, 1 + k])
        second = np.zeros((k, k, len(self.numbers)))
        rows, columns = np.triu_indices(k)
        second[rows, columns] = second[columns, rows] = packed
        bent = np.tensordot(away, second, 1)
        by = self.steps[:, None]
        return (
            value[0] + away @ (first + 0.5 * bent),
            (first + bent) / by,
            second / (self.steps[:, None, None] * by),
        )

    def holds(self, place: Sequence[float] | Array) -> bool:
        """Say whether the likelihood is known there: near the point, which the search sees to."""
        return True

    def contribution(self, elements: Sequence[float] | Array, order: int) -> Contribution:
        """Return the clinic's contribution at relative covariances near those of the point."""
        value, first, second = self.near(elements)
        k = self.ratios
        m, n = (k if order > 0 else 0), (k if order > 1 else 0)
        return Contribution(
            float(value[0]),
            self._full(value[1:]),
            first[:m, 0],
            self._full(first[:m, 1:]),
            second[:n, :n, 0],
            self._full(second[:n, :n, 1:]),
        )

    def evaluation(self, turn: Array, away: Array) -> Evaluation:
        """Return the log-likelihood `away` from the point, in parameters that `turn` makes these.

        They are ``turn @ joint``.
        """
        value, first, second = self.near(self.centre + turn @ away)
        return Evaluation(float(value[0]), turn.T @ first[:, 0], turn.T @ second[..., 0] @ turn)

    def _full(self, packed: Array) -> Array:
        rows, columns = np.triu_indices(self.size)
        full = np.zeros((*packed.shape[:-1], self.size, self.size))
        full[..., rows, columns] = full[..., columns, rows] = packed
        return full

    @property
    def _of_numbers(self) -> Array:
        """To how many decimals each number is rounded."""
        fewer = np.minimum.outer(self.digits, self.digits)[np.triu_indices(self.size)]
        return np.append(max(self.digits), fewer)[-len(self.numbers) :]

    def rounded(self, digits: Sequence[int]) -> Expansion:
        """Return the numbers rounded."""
        found = replace(self, digits=tuple(digits))
        power = 10.0 ** found._of_numbers[:, None]
        return replace(found, numbers=np.round(self.numbers * power) / power + 0.0)

    def redrawn(self, rng: np.random.Generator) -> Expansion:
        """Return what rounding may have been made of: moved within the last digits."""
        if not self.digits:
            return self
        last = 10.0 ** -self._of_numbers[:, None]
        return replace(
            self, numbers=self.numbers + rng.uniform(-0.5, 0.5, self.numbers.shape) * last
        )

    def variances(self, place: Sequence[float] | Array) -> Array:
        """Return how uncertain rounding makes each cross-product: variances, (size, size)."""
        if not self.digits:
            return np.zeros((self.size, self.size))
        fewer = np.minimum.outer(self.digits, self.digits).astype(float)
        return np.asarray(10.0 ** (-2.0 * fewer) / 12.0)

    @property
    def cost(self) -> dict[str, float]:
        """How far rounding moves the maximum of a log-likelihood, and twice the log-likelihood."""
        spread = 10.0 ** -min(self.digits) / np.sqrt(12.0)
        _, _, second = self.near(self.centre)
        values = np.linalg.eigvalsh(-second[..., 0])
        least = max(float(values.min()), 1e-12)
        return {"deviance": 2.0 * spread, "standard_errors": float(spread / np.sqrt(least))}


def packed(value: Array, first: Array, second: Array) -> Array:
    """Return numbers (m) and derivatives (k, m), (k, k, m) as rows of `Expansion.numbers`."""
    rows, columns = np.triu_indices(len(first))
    return np.vstack([value[None], first, second[rows, columns]]).T


def expand_measurement(columns: ClinicColumns, covariances: Sequence[Array]) -> tuple[Array, ...]:
    """Return centre, steps and numbers of a clinic's likelihood at relative covariances."""
    levels = columns.levels
    found = contribute(columns.partition(), levels, covariances, 2)
    at = np.triu_indices(len(columns.used))
    pick = np.array(columns.used)[at[0]], np.array(columns.used)[at[1]]
    numbers = [
        np.concatenate([np.asarray(one)[..., None], cross[..., pick[0], pick[1]]], axis=-1)
        for one, cross in (
            (found.logdet, found.cross),
            (found.logdet1, found.cross1),
            (found.logdet2, found.cross2),
        )
    ]
    own = own_units(covariances, columns.sizes)
    steps = np.array([of[a] * of[b] for lv, of in zip(levels, own, strict=True)
                      for a, b in lv.pairs])  # fmt: skip
    centre = elements(levels, covariances)
    value, first, second = numbers
    first, second = first * steps[:, None], second * (steps[:, None] * steps)[..., None]
    return centre, steps, packed(value, first, second)


def own_units(covariances: Sequence[Array], sizes: Sequence[Array]) -> list[Array]:
    """Return in what unit each effect moves: its SD, if that is not nearly nothing.

    In these units derivatives are as large as the numbers themselves, and rounded alike.
    """
    return [
        np.maximum(np.sqrt(np.diag(D)), LEAST_SD / size)
        for D, size in zip(covariances, sizes, strict=True)
    ]


def free_pairs(levels: Sequence[Level]) -> list[tuple[int, int, int]]:
    """Return level, row and column of each free element of relative covariances."""
    return [(number, a, b) for number, level in enumerate(levels) for a, b in level.pairs]


def elements(levels: Sequence[Level], covariances: Sequence[Array]) -> Array:
    """Return the free elements of relative covariances, the lowest level first."""
    return np.array(
        [D[pair] for level, D in zip(levels, covariances, strict=True) for pair in level.pairs]
    )


def problem_of(columns: ClinicColumns, family: Family, shape: Shape) -> Problem:
    """Return the integrals of a clinic's rows; columns are in the file's units."""
    *X, y = columns.scaled()
    first = 1 if shape.coefficients < len(X) else 0  # thresholds stand for the intercept
    arrays = [np.ones(columns.n), *columns.further]
    places = [0 if c == 0 else c - len(columns.names) + 1 for c in columns.levels[0].columns]
    Z = np.stack([arrays[i] for i in places], axis=1)
    outcome = Outcome(y - (family.name == "ordinal"), np.ones(columns.n))
    offset, above = np.zeros(columns.n), places.index(0) if 0 in places else 0
    stacked = np.stack(X, axis=1)[:, first:]
    pieces = pieces_of(columns.grouping, None, family, outcome, offset, stacked, Z, above)
    return Problem(family, shape, pieces)


def expand_outcome(problem: Problem, at: Array, steps: Array) -> tuple[Array, int]:
    """Return the log-likelihood and its derivatives at a point, and how many nodes it needs.

    Derivatives are in units of `steps`.

    Raises
    ------
    DesignError
        Where the log-likelihood is no number there, or no number of nodes suffices.
    """
    last: Evaluation | None = None
    for inner in NODES[problem.shape.size]:
        found = problem.evaluate(at, Points(inner, top_nodes(inner)))
        if not np.isfinite(found.value):
            break
        if last is not None:
            error = np.sqrt(np.maximum(np.abs(np.diag(found.hessian)), 1e-12))
            moved = np.abs((found.gradient - last.gradient) / error).max()
            if abs(found.value - last.value) < STILL * abs(found.value) and moved < 10 * STILL:
                break
        last = found
    if not np.isfinite(found.value):
        raise DesignError(
            "At the point that the coordinator asks about, the likelihood of these rows is no "
            "number: the search went too far. Let the coordinator begin nearer, by at: in the plan."
        )
    gradient = (found.gradient * steps)[:, None]
    hessian = (found.hessian * np.outer(steps, steps))[..., None]
    return packed(np.array([found.value]), gradient, hessian), inner


def weights_of_units(problem: Problem, at: Array) -> Array:
    """Return how much each unit's rows tell of their linear predictors where effects are zero."""
    shape, found = problem.shape, []
    for piece in problem.pieces:
        eta = piece.X @ at[: shape.coefficients] + piece.offset
        second = problem.family.density(piece.outcome, eta, at[shape.of_own]).second
        found.append(np.maximum(piece.adding @ -second, 0.0))
    return np.concatenate(found)
