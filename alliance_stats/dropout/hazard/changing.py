"""Coefficients that change over time: by which function, and what the change is called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ...core.arguments import is_number
from ...errors import DesignError, did_you_mean, listing
from ...inference.rows import coefficient_rows
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


def with_changes(
    x: pd.DataFrame, changes: Sequence[Change], rows: pd.DataFrame, clock: str
) -> pd.DataFrame:
    """Return the columns with those of the changes behind them, each times its function of time."""
    twice = [change.name for change in changes if change.name in x.columns]
    if twice:
        raise DesignError(f"The formula has {listing(twice)} already: leave it out of varying=.")
    return x.assign(
        **{
            c.name: x[c.term].to_numpy() * c.function(rows[clock].to_numpy(dtype=float))
            for c in changes
        }
    )


class Changing(Protocol):
    """A fit whose coefficients may change over time."""

    @property
    def params(self) -> pd.Series:
        """The coefficients."""

    @property
    def cov(self) -> pd.DataFrame:
        """Their covariance."""

    @property
    def confidence(self) -> float:
        """The level of intervals."""

    @property
    def varying(self) -> Mapping[str, tuple[str, Function]]:
        """Term → the term that its coefficient changes by, and the function of time."""


def ratios_at(fit: Changing, times: Sequence[float]) -> pd.DataFrame:
    """Return the hazard ratios of the terms that change over time, at some times.

    Times at which the function of time is not finite (0 with a logarithm) are refused.

    Returns
    -------
    pandas.DataFrame
        ``term, time, estimate, std_error`` (of its log), ``conf_low, conf_high, p_value``; with
        an interaction also ``where``: what the ratio is of, such as ``age = 0``.
    """
    rows = []
    for term, (product, function) in fit.varying.items():
        changes = {name for name, _ in fit.varying.values()}
        beside = [
            other
            for name in fit.params.index
            if term in name.split(":") and name not in changes
            for other in name.split(":")
            if other != term
        ]
        where = ", ".join(f"{other} = 0" for other in dict.fromkeys(beside))
        for time in times:
            weight = np.array([1.0, value_at(float(time), term, function)])
            own = [term, product]
            error = np.sqrt(weight @ fit.cov.loc[own, own].to_numpy() @ weight)
            row = coefficient_rows(
                [term], [weight @ fit.params[own]], [error], confidence=fit.confidence
            )
            rows.append(row.assign(time=time, where=where))
    if not rows:
        raise DesignError("No term changes over time; name one with varying=.")
    found = pd.concat(rows, ignore_index=True)
    ends = ["estimate", "conf_low", "conf_high"]
    found[ends] = np.exp(found[ends])
    shown = ["term", "time", "estimate", "std_error", "conf_low", "conf_high", "p_value"]
    return found[[*shown, *(["where"] if found["where"].any() else [])]]


def told_of_changes(varying: Mapping[str, tuple[str, Function]]) -> str:
    """Return what a methods section says of coefficients that change; else nothing."""
    if not varying:
        return ""
    names = ", ".join(name for name, _ in varying.values())
    return f", with coefficients that change over time ({names})"


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
