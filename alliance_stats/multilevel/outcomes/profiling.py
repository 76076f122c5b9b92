"""Profile-likelihood intervals: each parameter is held, the others climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import share
from ...inference.distributions import half_width
from ..after_fit.profiling import Deviance, Parameter, chosen, profile_row
from ..engine.batches import Array
from ..engine.variances import variance_rows
from .maximise import SMALLEST, Problem, climb

NOTHING = 1e-3  # a standard deviation on the scale of a link that is none

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
        interval reaches zero has ``conf_low`` 0. Correlations are not profiled (NaN; use
        ``fit.bootstrap()``).
    """
    critical = float(half_width(1.0, confidence=share(confidence)))
    found = chosen([*_standard_deviations(fit), *_coefficients(fit)], parameters)
    rows = [profile_row(one, -2.0 * fit.llf, critical) for one in found]
    for row in rows:
        if row["effect"] == "random" and float(row["conf_low"]) < NOTHING:  # type: ignore[arg-type]
            row["conf_low"] = 0.0
    return pd.DataFrame(rows)


def _coefficients(fit: OutcomeFit) -> list[Parameter]:
    errors = fit.bse.to_numpy()
    return [
        Parameter(
            "fixed",
            "",
            name,
            float(fit.params.iloc[i]),
            float(errors[i]),
            _held(fit, fit.model.problem, fit.best.point, int(place), float(fit.to_user[i])),
        )
        for i, (name, place) in enumerate(zip(fit.names, fit.places, strict=True))
    ]


def _standard_deviations(fit: OutcomeFit) -> list[Parameter]:
    found, shape = [], fit.model.shape
    for row in variance_rows(fit.varcomp).to_dict("records"):
        kind, *rest = str(row["term"]).split(" ", 1)
        group, estimate = str(row["group"]), float(row["estimate"])
        if kind == "cor":
            why = "Correlations are not profiled; use fit.bootstrap()."
            found.append(Parameter("random", group, row["term"], estimate, 0.1, None, note=why))
            continue
        number = list(fit.n_groups).index(group)
        if number == 1:
            problem, at, place, size = fit.model.problem, fit.best.point, shape.total - 1, 1.0
        else:
            effect = list(fit.design.effects[0].names).index(rest[0])
            problem, at, place = _effect_first(fit, effect)
            size = 1.0 / float(fit.model.effect_scale[effect])
        step = max(0.25 * estimate, 0.1 * size)
        held = _held(fit, problem, at, place, size)
        found.append(
            Parameter(
                "random", group, str(row["term"]), estimate, step, held, lowest=SMALLEST * size
            )
        )
    return found


def _held(fit: OutcomeFit, problem: Problem, at: Array, place: int, size: float) -> Deviance:
    """Return the least deviance with a parameter held; each search starts where the last ended."""
    last = at.copy()

    def deviance(value: float) -> float:
        nonlocal last
        start = last.copy()
        start[place] = value / size
        best = climb(problem, start, fit.ladder.points, fixed=(place,))
        last = best.point
        return -2.0 * best.value

    return deviance


def _effect_first(fit: OutcomeFit, effect: int) -> tuple[Problem, Array, int]:
    """Return the problem with an effect before those it is correlated with, and its SD's place.

    The first element of a lower-triangular factor is the SD of the first effect.
    """
    shape, problem = fit.model.shape, fit.model.problem
    block = {row for row, _ in shape.pairs if (row, effect) in shape.pairs} | {
        column for row, column in shape.pairs if row == effect
    }
    first = min(block)
    order = list(range(shape.size))
    order.insert(first, order.pop(effect))
    if effect == first:
        return problem, fit.best.point, shape.of_factor.start + shape.pairs.index((first, first))
    L = shape.factor(fit.best.point)[order]
    turned = np.linalg.cholesky(L @ L.T + 1e-12 * np.eye(len(L)))
    at = fit.best.point.copy()
    at[shape.of_factor] = [turned[pair] for pair in shape.pairs]
    pieces = [
        replace(piece, Z=piece.Z[:, order], above=order.index(piece.above))
        for piece in problem.pieces
    ]
    place = shape.of_factor.start + shape.pairs.index((first, first))
    return Problem(problem.family, shape, pieces), at, place
