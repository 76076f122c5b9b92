"""Coefficients that change over time: by which function, and what the change is called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import is_number
from ...errors import DesignError, did_you_mean, listing
from ...multilevel.engine.batches import Array

Function = Callable[[Array], Array]
"""Of time: what a coefficient that changes is multiplied by."""


@dataclass(frozen=True)
class Change:
    """A term whose coefficient changes, what that is called, and the function of time.

    The term's own coefficient is that of the times named in `start`, where the function is zero.
    """

    term: str
    name: str
    function: Function
    spread: float
    start: str


def changes_over_time(
    varying: Mapping[str, Any] | None,
    x: pd.DataFrame,
    main: Collection[str],
    clock: str,
    times: Array,
) -> list[Change]:
    """Return the coefficients that change over time, with the spread of their function.

    A variable stands for its `main` effects, of which a factor has several; an interaction changes
    where it is itself named, so that the order of its factors does not matter.
    """
    changes = []
    for variable, how in (varying or {}).items():
        own = [
            c for c in x.columns if c == variable or (c in main and c.startswith(f"{variable}["))
        ]
        if not own:
            raise DesignError(
                f"varying= names '{variable}', which is no term of the formula; the terms are "
                f"{listing(x.columns)}.{did_you_mean(variable, x.columns)}"
            )
        function, name, start = _function(how, clock)
        values = np.asarray(function(times), dtype=float)
        spread = float(values.std())
        if values.shape != times.shape or not np.isfinite(values).all() or not spread > 0:
            raise DesignError(
                f"The function of time for '{variable}' must be finite at the times of events "
                f"({times[0]:g} to {times[-1]:g}), and not the same at all of them."
            )
        changes += [Change(c, f"{c}:{name}", function, spread, start) for c in own]
    return changes


def value_at(time: float, term: str, function: Function) -> float:
    """Return what a coefficient that changes is multiplied by at one time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.asarray(function(np.array([time])), dtype=float)[0])
    if not np.isfinite(value):
        raise DesignError(
            f"The function of time by which '{term}' changes is {value:g} at time {time:g}, so "
            "there is no hazard ratio; ask for times at which it is finite."
        )
    return value


def _function(how: Any, clock: str) -> tuple[Function, str, str]:
    if how == "linear":
        return np.asarray, clock, f"at {clock} = 0"
    if how == "log":
        return np.log, f"log({clock})", f"at {clock} = 1"
    if is_number(how):
        after = f"({clock} > {how:g})"
        return (lambda times: (np.asarray(times) > how).astype(float)), after, f"until {how:g}"
    if callable(how):
        name = f"{getattr(how, '__name__', 'f').replace('<lambda>', 'f')}({clock})"
        return how, name, f"where {name} = 0"
    raise DesignError(
        f"varying= takes 'linear', 'log', a number or a function of time, not {how!r}."
    )
