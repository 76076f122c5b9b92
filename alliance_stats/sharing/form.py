"""In which form a clinic's likelihood may go: exact sums, a curve of so many digits, or rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from ..core.arguments import is_number, shown
from ..errors import DesignError
from ..multilevel.engine.batches import WHOLE, Array
from ..multilevel.engine.deviance import covariances
from ..multilevel.engine.elimination import State, eliminate
from . import audit
from .audit import SEARCHED, USUAL, Standard
from .beside import Changed
from .closed_design import wider
from .columns import ClinicColumns
from .curve import Axis, Curve, Evaluate, fit_curve
from .expansion import (
    Expansion,
    expand_measurement,
    expand_outcome,
    own_units,
    problem_of,
    weights_of_units,
)
from .exposure import Exposure, Known
from .noise import Budget, noisy
from .round_exposure import RoundExposure
from .rounding import solved
from .rounds import Point, begin, levels_of, parameters, shape_of, theta_at, to_file
from .sums import Sums, sums_of

Kind = Literal["auto", "sums", "curve", "round"]
Body = Sums | Curve | Expansion
SATURATED = 1e-3  # weight of a row at a point where it tells nothing
PLANNED = 8  # rounds that a search by mail takes, mostly
FIRST_DIGITS = 2
"""One digit more a round: first steps are rough, and nothing is gained by exact answers."""
ENDS = 12  # values of a ratio at which a clinic's own likelihood is looked at
RATIOS = ((0.1, 3.0), (0.0, 1.0))
"""From where to where a curve knows the variance of the lowest groups over that of residuals (an
ICC of .09 to .75), and that of groups above them."""


@dataclass(frozen=True)
class Form:
    """A likelihood in the form in which it may go.

    Attributes
    ----------
    exposure, digits
        What it tells, and to how many decimals each column goes; None of sums.
    against
        What speaks against it.
    beyond
        What would speak against it by the default standard.
    """

    body: Body
    exposure: Exposure | None
    digits: dict[str, int] | None
    against: list[str]
    beyond: list[str]


@dataclass(frozen=True)
class _Beside:
    """What is told beside files that were sent before."""

    known: Sequence[Known]
    changed: Sequence[Changed]
    exposures: Sequence[Exposure | None]

    @classmethod
    def of(
        cls,
        known: Sequence[Known],
        changed: Sequence[Changed],
        exposure: Callable[[ClinicColumns, Sequence[int]], Exposure],
    ) -> _Beside:
        each = [
            None if one.part is None else exposure(one.part, [*Counter(one.before).elements()])
            for one in changed
        ]
        return cls(known, changed, each)

    def sums(self, columns: ClinicColumns, sums: Sums, standard: Standard) -> list[str]:
        found = audit.about_sums(columns, sums, standard, self.known)
        return found + _flat(self._differences(None, standard))

    def curve(
        self, exposure: Exposure, digits: Mapping[str, int], standard: Standard
    ) -> dict[str, list[str]]:
        found = audit.about_curve(exposure, digits, standard, self.known)
        for name, said in self._differences(digits, standard).items():
            found.setdefault(name, []).extend(said)
        return found

    def _differences(
        self, digits: Mapping[str, int] | None, standard: Standard
    ) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one, exposure in zip(self.changed, self.exposures, strict=True):
            for name, said in one.about(digits, exposure, standard).items():
                found.setdefault(name, []).extend(said)
        return found


def _flat(said: Mapping[str, list[str]]) -> list[str]:
    return list(dict.fromkeys(one for of in said.values() for one in of))


def choose_form(
    columns: ClinicColumns,
    axes: tuple[Axis, ...],
    kind: Kind,
    digits: int | None,
    standard: Standard,
    budget: Budget | None = None,
    known: Sequence[Known] = (),
    changed: Sequence[Changed] = (),
) -> Form:
    """Return the likelihood in the most exact form that may go, and what speaks against it."""
    two_levels = len(axes) == 1
    if kind == "sums" and not two_levels:
        raise DesignError("Sums by number of sessions are for (1 | client_id) alone: kind='curve'.")
    if budget is not None and (not two_levels or kind == "curve"):
        raise DesignError("noise= is for sums of two levels: (1 | client_id) alone, kind='auto'.")
    beside = _Beside.of(known, changed, lambda part, gone: Exposure.of(part, axes, gone))
    if two_levels and kind != "curve":
        sums = sums_of(columns.scaled(), columns.grouping)
        if budget is not None:  # the noise hides what few clients in a class would tell
            return Form(noisy(sums, budget), None, None, [], [])
        few = beside.sums(columns, sums, standard)
        if not few or kind == "sums":
            beyond = [] if standard.usual else beside.sums(columns, sums, USUAL)
            return Form(sums, None, None, few, beyond)
    exposure = Exposure.of(columns, axes)
    names = (*columns.names, columns.outcome)
    chosen, why = _digits(exposure, names, digits, standard, beside)
    curve = fit_curve(_likelihood(columns), axes, max(chosen.values()))
    curve = curve.rounded([chosen[name] for name in names])
    told = {} if standard.usual else beside.curve(exposure, chosen, USUAL)
    return Form(curve, exposure, chosen, why, _flat(told))


def _digits(
    exposure: Exposure,
    names: Sequence[str],
    digits: int | None,
    standard: Standard,
    beside: _Beside,
    most: int = SEARCHED[0],
    alike: bool = False,
) -> tuple[dict[str, int], list[str]]:
    """Return to how many decimals each column may go, at most `most`, and what is against it."""
    chosen = dict.fromkeys(names, most if digits is None else digits)
    against = beside.curve(exposure, chosen, standard)
    for fewer in range(most - 1, -1, -1) if digits is None else ():
        if not against:
            break
        chosen |= dict.fromkeys(chosen if alike else against, fewer)
        against = beside.curve(exposure, chosen, standard)
    return chosen, _flat(against)


def answer(
    columns: ClinicColumns,
    model: Mapping[str, Any],
    point: Point,
    clinic: str,
    digits: int | None,
    standard: Standard,
    earlier: Sequence[tuple[Mapping[str, float], Mapping[str, int]]] = (),
    known: Sequence[Known] = (),
    changed: Sequence[Changed] = (),
) -> Form:
    """Return what a clinic answers at a point of a search, audited with all it answered before.

    Parameters
    ----------
    earlier
        The points and digits of the answers before.
    """
    answers = columns.answers
    usual = begin(model, answers)
    at = point.complete(model, usual)
    point = replace(point, at=at)
    names, levels = (*columns.names, columns.outcome), levels_of(model)
    shown = [covariances(levels, theta_at(model, {**usual, **old})) for old, _ in earlier]
    shown.append(covariances(levels, theta_at(model, at)))
    row_sd, against = None, []
    if answers is None:
        size = len(names)
        centre, steps, numbers = expand_measurement(columns, shown[-1])
        found = Expansion(point, centre, steps, numbers, size)
    else:
        own = answers.family.own_names
        joint = parameters(model, own, at)
        place = np.array([at[name] for name in joint])
        centre = to_file(model, own, columns.shift, columns.unit, joint, clinic) @ place
        shape, steps = shape_of(model, len(own)), np.ones(len(centre))
        own_sds = own_units(shown[-1], columns.sizes)
        steps[shape.of_factor] = [own_sds[0][a] for a, _ in shape.pairs]
        if shape.top:
            steps[-1] = own_sds[1][0]
        problem = problem_of(columns, answers.family, shape)
        numbers, nodes = expand_outcome(problem, centre, steps)
        found = Expansion(point, centre, steps, numbers, 1, nodes=nodes)
        each = weights_of_units(problem, centre)
        against = audit.about_point(each)
        weight = max(float(each.sum()) / columns.n, SATURATED)
        row_sd, shown = weight**0.5, [[D * weight for D in of] for of in shown]
    # so that something is left to tell in the rounds that will follow, near this point
    following = max(PLANNED - point.number, 1)
    imagined = [[D * 0.8 ** (1 + i // 2 * (-1) ** i) for D in shown[-1]] for i in range(following)]
    history = [*(of for _, of in earlier), *[None] * (1 + following)]
    shown += imagined

    def exposed(part: ClinicColumns, gone: Sequence[int] = ()) -> RoundExposure:
        return RoundExposure.at_points(part, shown, history, row_sd)

    exposure, beside = exposed(columns), _Beside.of(known, changed, exposed)
    most = min(FIRST_DIGITS + point.number, SEARCHED[0])
    alike = answers is not None
    chosen, why = _digits(exposure, names, digits, standard, beside, most, alike)
    rounded = [min(chosen.values())] if answers else [chosen[name] for name in names]
    beyond = {} if standard.usual else beside.curve(exposure, chosen, USUAL)
    return Form(found.rounded(rounded), exposure, chosen, [*against, *why], _flat(beyond))


def _likelihood(columns: ClinicColumns) -> Evaluate:
    """Return the likelihood of a clinic's rows at values of the variance ratios."""
    cross, levels = columns.partition().cross, columns.levels
    used = columns.used
    starts = (*columns.grouping.starts, WHOLE)
    lowest = len(levels[0].columns)

    @lru_cache(maxsize=1)  # the second ratio moves fastest, and the lowest groups are the most
    def below(*ratios: float) -> State:
        level = levels[0]
        begin = State.begin(cross)
        return eliminate(begin, level.columns, level.pairs, np.diag(ratios), starts[0])

    def evaluate(at: Sequence[float]) -> tuple[float, Array]:
        state = below(*map(float, at[:lowest]))
        for level, first in zip(levels[1:], starts[1:], strict=True):
            state = eliminate(state, level.columns, level.pairs, np.diag(at[lowest:]), first)
        return state.logdet, state.cross[np.ix_(used, used)][..., 0]

    return evaluate


def beyond_ends(columns: ClinicColumns, curve: Curve) -> list[str]:
    """Say where a clinic's own rows ask for variance ratios that its curve does not know.

    The joint estimate need not lie there; but where it does, every clinic has to send again.
    """
    sides = [axis.ratio(np.linspace(-1.0, 1.0, ENDS)) for axis in curve.axes]
    deviance = np.full([ENDS] * len(sides), np.inf)
    for place in np.ndindex(*deviance.shape):
        found = curve.contribution([side[i] for side, i in zip(sides, place, strict=True)], 0)
        variance = solved(found.cross, columns.n)[2]
        if variance > 0.0:
            deviance[place] = found.logdet + columns.n * np.log(variance)
    best = np.unravel_index(int(deviance.argmin()), deviance.shape)
    groups = [
        g for g, level in zip(columns.groups, columns.levels, strict=True) for _ in level.columns
    ]
    return [
        f"In this clinic's own rows a variance of '{group}' over that of the residuals lies "
        f"{'above' if at else 'below'} {axis.high if at else axis.low:.3g}, where the file ends. "
        "Should that be so in all clinics, no joint model follows from the files: tell the "
        "coordinator before one is sent. "
        + wider(group, axis.low / (1.0 if at else 10.0), axis.high * (10.0 if at else 1.0))
        for group, axis, at in zip(groups, curve.axes, best, strict=True)
        if at == ENDS - 1 or (at == 0 and axis.low > 0.0)
    ]


def axes_of(columns: ClinicColumns, ratios: Mapping[str, tuple[float, float]]) -> tuple[Axis, ...]:
    """Return the variance ratios of a model and where a curve of them begins and ends."""
    unknown = [name for name in ratios if name not in columns.groups]
    if unknown:
        raise DesignError(f"ratios= names '{unknown[0]}', which is no group of the model.")
    partition, found = columns.partition(), []
    for number, (group, level) in enumerate(zip(columns.groups, columns.levels, strict=True)):
        low, high = _range(ratios.get(group, RATIOS[min(number, 1)]), group)
        for place in level.columns:
            squares = partition.of_level(number, place, place)
            size = float(squares.max())
            if place == 0:
                found.append(Axis(low, high, 0.5 / size))
            else:  # a slope: its variance in a row is what is compared, and may be none
                square = float(squares.sum()) / columns.n
                found.append(Axis(0.0, high / square, 0.5 / size))
    return tuple(found)


def _range(value: Any, group: str) -> tuple[float, float]:
    ends = list(value) if isinstance(value, list | tuple) else []
    if len(ends) != 2 or not all(map(is_number, ends)) or not 0.0 <= ends[0] < ends[1]:
        raise DesignError(
            f"ratios of '{group}' are two numbers, the least (zero or more) and the largest, not "
            f"{shown(value)}."
        )
    return float(ends[0]), float(ends[1])
