"""In which form a clinic's likelihood may go: exact sums, or a curve of so many digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from ..core.arguments import is_number, shown
from ..errors import DesignError
from ..multilevel.engine.batches import WHOLE, Array
from ..multilevel.engine.elimination import State, eliminate
from . import audit
from .audit import SEARCHED, Standard
from .columns import ClinicColumns
from .curve import Axis, Curve, Evaluate, fit_curve
from .exposure import Exposure
from .noise import Budget, noisy
from .sums import Sums, sums_of

Kind = Literal["auto", "sums", "curve"]
RATIOS = ((0.1, 3.0), (0.0, 1.0))
"""From where to where a curve knows the variance of the lowest groups over that of residuals (an
ICC of .09 to .75), and that of groups above them."""


def choose_form(
    columns: ClinicColumns,
    axes: tuple[Axis, ...],
    kind: Kind,
    digits: int | None,
    standard: Standard,
    budget: Budget | None = None,
) -> tuple[Sums | Curve, Exposure | None, dict[str, int] | None, list[str]]:
    """Return the likelihood in the most exact form that may go, and what speaks against it."""
    two_levels = len(axes) == 1
    if kind == "sums" and not two_levels:
        raise DesignError("Sums by number of sessions are for (1 | client_id) alone: kind='curve'.")
    if budget is not None and (not two_levels or kind == "curve"):
        raise DesignError("noise= is for sums of two levels: (1 | client_id) alone, kind='auto'.")
    if two_levels and kind != "curve":
        sums = sums_of(columns.scaled(), columns.grouping)
        if budget is not None:  # the noise hides what few clients in a class would tell
            return noisy(sums, budget), None, None, []
        few = audit.about_sums(columns, sums, standard)
        if not few or kind == "sums":
            return sums, None, None, few
    exposure = Exposure.of(columns, axes)
    names = (*columns.names, columns.outcome)
    chosen = dict.fromkeys(names, SEARCHED[0] if digits is None else digits)
    against = audit.about_curve(exposure, chosen, standard)
    for fewer in SEARCHED[1:] if digits is None else ():
        if not against:
            break
        chosen |= dict.fromkeys(against, fewer)
        against = audit.about_curve(exposure, chosen, standard)
    curve = fit_curve(_likelihood(columns), axes, max(chosen.values()))
    why = [said for of in against.values() for said in of]
    return curve.rounded([chosen[name] for name in names]), exposure, chosen, why


def _likelihood(columns: ClinicColumns) -> Evaluate:
    """Return the likelihood of a clinic's rows at values of the variance ratios."""
    cross, levels = columns.partition().cross, columns.levels
    used = [*range(len(columns.names)), len(columns.names) + len(columns.further)]
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
