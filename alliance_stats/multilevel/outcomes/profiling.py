"""Profile-likelihood intervals: each parameter is held, the others climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import share
from ...inference.distributions import half_width
from ..after_fit.profiling import Deviance, Parameter, chosen, profile_row
from ..engine.batches import Array
from ..engine.variances import variance_rows
from .families import MOST_SIZE
from .integral import Evaluation
from .maximise import SMALLEST, Problem, climb
from .modes import NEAR
from .nodes import Points

NOTHING = 1e-3  # a standard deviation on the scale of a link that is none
NEARLY_ONE = 1.0 - 1e-6

if TYPE_CHECKING:
    from .result import OutcomeFit


def profile_ci(
    fit: OutcomeFit, parameters: Sequence[str] | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Return intervals by the profile likelihood: where is the likelihood ratio acceptable?

    They need no standard error, respect bounds and may be lopsided, which is what standard
    deviations ask for, and coefficients where an outcome is rare.

    Parameters
    ----------
    parameters
        Terms as ``tidy()`` names them, or ``"random"`` or ``"fixed"``; all if left out.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        ``effect, group, term, estimate, conf_low, conf_high, note``. A standard deviation whose
        interval reaches zero has ``conf_low`` 0. A correlation on its boundary has none (NaN, and
        the reason in ``note``). The ``size`` of a negative binomial has ``conf_high`` infinite
        where the counts may be a Poisson's.
    """
    critical = float(half_width(1.0, confidence=share(confidence)))
    size = _size(fit)
    found = chosen([*_of_random_effects(fit), *_coefficients(fit), *size], parameters)
    rows = [profile_row(one, -2.0 * fit.llf, critical) for one in found]
    for one, row in zip(found, rows, strict=True):
        if one.lowest > 0.0 and float(row["conf_low"]) < NOTHING:  # type: ignore[arg-type]
            row["conf_low"] = 0.0  # of a standard deviation
        if one in size:  # profiled by its logarithm
            ends = np.array([row["estimate"], row["conf_low"], row["conf_high"]], dtype=float)
            values = np.where(ends >= one.highest, np.inf, np.exp(ends))
            row |= dict(zip(("estimate", "conf_low", "conf_high"), values.tolist(), strict=True))
    return pd.DataFrame(rows)


def _size(fit: OutcomeFit) -> list[Parameter]:
    """Return the log of a negative binomial's size; at `highest` and beyond it is a Poisson."""
    place = fit.size_place
    if place is None:
        return []
    highest = MOST_SIZE - 1.0  # from where the search holds it
    log_size = min(float(fit.best.point[place]), highest)
    error = float(np.sqrt(fit.best.covariance()[place, place])) or 1.0
    held = _held(fit, fit.model.problem, fit.best.point, place, 1.0)
    return [Parameter("fixed", "", "size", log_size, error, held, highest=highest)]


def _coefficients(fit: OutcomeFit) -> list[Parameter]:
    errors = fit.bse.to_numpy()
    return [
        Parameter(
            "fixed",
            "",
            name,
            float(fit.params.iloc[i]),
            float(errors[i]),
            _held(fit, fit.model.problem, fit.best.point, int(place), float(fit.to_user[i]))
            if np.isfinite(errors[i])
            else None,
            note="" if np.isfinite(errors[i]) else "It grows without end.",
        )
        for i, (name, place) in enumerate(zip(fit.names, fit.places, strict=True))
    ]


def _of_random_effects(fit: OutcomeFit) -> list[Parameter]:
    """Return standard deviations and correlations, in the order of `tidy`."""
    found, shape = [], fit.model.shape
    rows = variance_rows(fit.varcomp).to_dict("records")
    for row, of in zip(rows, fit.varcomp.to_dict("records"), strict=True):
        group, term, estimate = str(row["group"]), str(row["term"]), float(row["estimate"])
        number = list(fit.n_groups).index(group)
        effects = list(fit.design.effects[number].names)
        if isinstance(of["term2"], str):
            pair = (effects.index(of["term1"]), effects.index(of["term2"]))
            found.append(_correlation(fit, pair, group, term, estimate))
            continue
        if number == 1:
            problem, at, place, size = fit.model.problem, fit.best.point, shape.total - 1, 1.0
        else:
            effect = effects.index(of["term1"])
            problem, at, first = _in_front(fit, (effect,))
            place = _place(fit, first, first)
            size = 1.0 / float(fit.model.effect_scale[effect])
        step = max(0.25 * estimate, 0.1 * size)
        held = _held(fit, problem, at, place, size, SMALLEST)
        found.append(Parameter("random", group, term, estimate, step, held, lowest=SMALLEST * size))
    return found


def _correlation(
    fit: OutcomeFit, effects: tuple[int, int], group: str, term: str, estimate: float
) -> Parameter:
    """Return a correlation, held as the ratio of two elements of the factor's second row."""
    if not abs(estimate) < NEARLY_ONE or fit.singular:
        why = "A correlation on its boundary, or of a variance of zero, has no profile interval."
        return Parameter("random", group, term, estimate, 0.1, None, note=why)
    problem, last, first = _in_front(fit, effects)
    leader, follower = (_place(fit, first + 1, first + side) for side in (1, 0))

    def deviance(value: float) -> float:
        nonlocal last
        rho = float(np.clip(value, -NEARLY_ONE, NEARLY_ONE))
        tied = _Tied(
            problem.family, problem.shape, problem.pieces,
            leader=leader, follower=follower, ratio=rho / float(np.sqrt(1.0 - rho**2)),
        )  # fmt: skip
        best = climb(tied, last, fit.ladder.points, fixed=(follower,))
        last = best.point
        return -2.0 * best.value

    return Parameter("random", group, term, estimate, 0.15, deviance, lowest=-1.0, highest=1.0)


@dataclass
class _Tied(Problem):
    """A problem in which one parameter is a multiple of another."""

    leader: int = 0
    follower: int = 0
    ratio: float = 0.0

    def evaluate(self, at: Array, points: Points, close: float = NEAR) -> Evaluation:
        """Return log-likelihood and derivatives along with the parameter that follows."""
        whole = at.copy()
        whole[self.follower] = self.ratio * at[self.leader]
        found = super().evaluate(whole, points, close)
        turn = np.eye(len(at))
        turn[self.follower, self.leader] = self.ratio
        return Evaluation(found.value, turn.T @ found.gradient, turn.T @ found.hessian @ turn)


def _held(
    fit: OutcomeFit, problem: Problem, at: Array, place: int, size: float, lowest: float = -np.inf
) -> Deviance:
    """Return the least deviance with a parameter held; each search starts where the last ended."""
    last = at.copy()

    def deviance(value: float) -> float:
        nonlocal last
        start = last.copy()
        start[place] = max(value / size, lowest)
        best = climb(problem, start, fit.ladder.points, fixed=(place,))
        last = best.point
        return -2.0 * best.value

    return deviance


def _place(fit: OutcomeFit, row: int, column: int) -> int:
    """Return the place of an element of the lower-triangular factor."""
    shape = fit.model.shape
    return shape.of_factor.start + shape.pairs.index((row, column))


def _in_front(fit: OutcomeFit, effects: tuple[int, ...]) -> tuple[Problem, Array, int]:
    """Return the problem with effects before those they are correlated with, and the first place.

    The first element of a lower-triangular factor is the SD of the first effect, and the second
    row has the correlation of the first two.
    """
    shape, problem = fit.model.shape, fit.model.problem
    block = {row for pair in shape.pairs if effects[0] in pair for row in pair}
    first = min(block)
    order = [effect for effect in range(shape.size) if effect not in effects]
    order[first:first] = effects
    if order == list(range(shape.size)):
        return problem, fit.best.point, first
    L = shape.factor(fit.best.point)[order]
    turned = np.linalg.cholesky(L @ L.T + 1e-12 * np.eye(len(L)))
    at = fit.best.point.copy()
    at[shape.of_factor] = [turned[pair] for pair in shape.pairs]
    pieces = [
        replace(piece, Z=piece.Z[:, order], above=order.index(piece.above))
        for piece in problem.pieces
    ]
    return Problem(problem.family, shape, pieces), at, first
