"""Profile-likelihood intervals of variances, correlations and coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import level_of
from ...errors import DesignError, did_you_mean, listing
from ...inference.distributions import half_width
from ..engine import constrained as held
from ..engine.variances import RESIDUAL, variance_rows
from ..formula.terms import INTERCEPT

if TYPE_CHECKING:
    from ..result import MultilevelFit

LOWER = 1e-4  # a fall of the deviance below the fit's own by more than this is a better optimum
AT_BOUND = 1e-3  # of a root of the deviance: a bound refused by less is reached (95 % is 94.99 %)
FARTHEST = 40  # steps outwards before an end counts as not found

Deviance = Callable[[float], float]


@dataclass(frozen=True)
class Parameter:
    """A parameter and the least deviance with it held at a value."""

    effect: str
    group: str
    term: str
    estimate: float
    step: float
    deviance: Deviance | None
    lowest: float = -np.inf
    highest: float = np.inf
    note: str = ""


def profile_ci(
    fit: MultilevelFit,
    parameters: Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    alpha: float | None = None,
) -> pd.DataFrame:
    """Return intervals by the profile likelihood: where is the likelihood ratio acceptable?

    They need no standard error, respect bounds and may be lopsided, which is what variances
    and correlations ask for. As in lme4 the profiles are of the likelihood, not of the
    restricted one, also for a REML fit: `estimate` is the maximum-likelihood estimate.

    Parameters
    ----------
    parameters
        Terms as ``tidy()`` names them, or ``"random"`` or ``"fixed"``; all if left out.
    confidence
        Level of the intervals (`alpha`, one minus it, is an old name).

    Returns
    -------
    pandas.DataFrame
        ``effect, group, term, estimate, conf_low, conf_high, note``. A standard deviation
        whose interval reaches zero has ``conf_low`` 0. What cannot be profiled is NaN, with
        the reason in ``note``.
    """
    critical = float(half_width(1.0, confidence=level_of(confidence, alpha=alpha)))
    if fit.prior is not None:
        raise DesignError(
            "Profiles are those of the likelihood, and prior='boundary' adds a penalty to it: use "
            "fit.bootstrap(), or fit without the prior."
        )
    if fit.structured is not None:
        raise DesignError(
            "Profiles are not drawn where residuals have a covariance of their own: use "
            "fit.conf_int() for coefficients and fit.bootstrap() for variances."
        )
    full = fit.by_maximum_likelihood()
    found = [*_variance_parameters(full), *_coefficients(full)]
    least = full.optimum.profile.deviance  # in the scaled units the search works in
    return pd.DataFrame([profile_row(one, least, critical) for one in chosen(found, parameters)])


def chosen(found: list[Parameter], parameters: Sequence[str] | None) -> list[Parameter]:
    """Return the parameters that were asked for: by term, or by 'fixed' and 'random'."""
    if parameters is None:
        return found
    parameters = [parameters] if isinstance(parameters, str) else list(parameters)
    known = {name for one in found for name in (one.term, one.effect)}
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise DesignError(
            f"There is no parameter '{unknown[0]}'.{did_you_mean(unknown[0], known)} There "
            f"are {listing(sorted({one.term for one in found}), 12)}; 'random' and 'fixed' "
            "stand for all of a kind."
        )
    return [one for one in found if one.term in parameters or one.effect in parameters]


def profile_row(one: Parameter, least: float, critical: float) -> dict[str, object]:
    """Return the row of a parameter, its two ends found."""
    low = high = np.nan
    note = one.note
    if one.deviance is not None:
        ends = [_end(one, side, least, critical) for side in (-1.0, 1.0)]
        (low, high), notes = zip(*ends, strict=True)
        note = " ".join(dict.fromkeys(text for text in notes if text))
    return {
        "effect": one.effect,
        "group": one.group,
        "term": one.term,
        "estimate": one.estimate,
        "conf_low": low,
        "conf_high": high,
        "note": note,
    }


def _end(one: Parameter, side: float, least: float, critical: float) -> tuple[float, str]:
    """Walk outwards until the deviance has risen enough, then close in."""
    from scipy import optimize

    assert one.deviance is not None
    deviance = one.deviance
    lower = 0.0
    known = {one.estimate: -critical}  # a search that starts elsewhere may end a little elsewhere

    def excess(value: float) -> float:
        nonlocal lower
        if value not in known:
            rise = deviance(value) - least
            lower = min(lower, rise)
            known[value] = float(np.sqrt(max(rise, 0.0)) - critical)
        return known[value]

    limit = one.lowest if side < 0 else one.highest
    inner, step = one.estimate, one.step * critical
    for _ in range(FARTHEST):
        outer = inner + side * step
        past = (outer - limit) * side >= 0
        outer = limit if past else outer
        if excess(outer) > (AT_BOUND if past else 0.0):
            if inner == outer:
                return outer, ""
            return float(
                optimize.brentq(excess, inner, outer, xtol=1e-6 * one.step, rtol=1e-10)
            ), _lower_note(lower)
        if past:
            return limit, _lower_note(lower)
        inner, step = outer, step * 1.6
    return np.nan, "The likelihood hardly falls in that direction; no end was found."


def _lower_note(lower: float) -> str:
    if lower < -LOWER:
        return (
            f"Along the profile the deviance fell {-lower:.2g} below the fit's: the fit is not "
            "the best one; do not use it."
        )
    return ""


def _variance_parameters(fit: MultilevelFit) -> list[Parameter]:
    rows = variance_rows(fit.varcomp)
    found, place = [], 0
    for number, name in enumerate(fit.design.grouping.names):
        level = fit.design.levels[number]
        size = len(level.columns)
        offdiagonal = [(a, b) for a, b in level.pairs if a != b]
        for effect in range(size):
            found.append(_sd(fit, number, effect, rows.iloc[place]))
            place += 1
        for a, b in offdiagonal:
            found.append(_correlation(fit, number, (b, a), rows.iloc[place]))
            place += 1
        assert rows.iloc[place - 1]["group"] == name
    found.append(_sigma(fit))
    if fit.autocorrelation is not None:
        found.append(_phi(fit))
    return found


def _start(fit: MultilevelFit) -> tuple[float, float]:
    """Return log sigma and the correlation at the median gap."""
    rho = 0.5 if fit.autocorrelation is None else fit.autocorrelation.rho
    return float(np.log(fit.optimum.profile.variance) / 2.0), rho


def _along(
    fit: MultilevelFit, number: int, effects: tuple[int, ...], hold: Callable
) -> tuple[Deviance, float]:
    """Return the least deviance as a function of the parameter held, from the optimum.

    The deviance takes the parameter in units that are returned too: a standard deviation's.
    """
    design, theta, lengths = held.in_front(fit.design, fit.optimum.theta, number, effects)
    span = next(span for span in fit.design.levels[number].spans if effects[0] in span)
    maps = hold(design.levels, number, span.start)
    surface = held.Surface(design, fit.autocorrelation)
    log_sigma, rho = _start(fit)

    def deviance(value: float) -> float:
        made_of = maps(value)
        starts = held.starts_of(made_of, theta, design, log_sigma, rho)
        return min(held.least(surface, made_of, one, rho=surface.held_rho) for one in starts)

    return deviance, float(lengths[0])


def _sd(fit: MultilevelFit, number: int, effect: int, row: pd.Series) -> Parameter:
    along, scale = _along(fit, number, (effect,), held.hold_sd)
    estimate = float(row["estimate"])
    step = max(0.25 * estimate, 0.1 * float(np.sqrt(fit.optimum.profile.variance)) * scale)
    return Parameter(
        "random",
        row["group"],
        row["term"],
        estimate,
        step,
        lambda value: along(value / scale),
        lowest=0.0,
    )


def _correlation(
    fit: MultilevelFit, number: int, effects: tuple[int, int], row: pd.Series
) -> Parameter:
    estimate = float(row["estimate"])
    if not abs(estimate) < 1.0 - 1e-8:
        why = "A correlation on its boundary, or of a variance of zero, has no profile interval."
        return Parameter("random", row["group"], row["term"], estimate, 0.1, None, note=why)
    along, _ = _along(fit, number, effects, held.hold_correlation)
    return Parameter(
        "random", row["group"], row["term"], estimate, 0.15, along, lowest=-1.0, highest=1.0
    )


def _sigma(fit: MultilevelFit) -> Parameter:
    surface = held.Surface(fit.design, fit.autocorrelation)
    made_of = held.free_of(fit.design.levels)
    log_sigma, rho = _start(fit)
    begin = held.start_of(made_of, fit.optimum.theta, fit.design, log_sigma, rho)
    scale = float(fit.design.scale[-1])

    def deviance(value: float) -> float:
        return held.least(surface, made_of, begin, sigma=value / scale, rho=surface.held_rho)

    estimate = float(np.sqrt(fit.scale))
    step = estimate / np.sqrt(2.0 * fit.nobs)
    return Parameter("random", RESIDUAL, "sd", estimate, step, deviance, lowest=0.01 * estimate)


def _phi(fit: MultilevelFit) -> Parameter:
    ar1 = fit.autocorrelation
    assert ar1 is not None
    if ar1.on_boundary:
        why = "phi is on its boundary and has no profile interval."
        return Parameter("random", RESIDUAL, "phi", ar1.phi, 0.1, None, note=why)
    surface = held.Surface(fit.design, ar1)
    made_of = held.free_of(fit.design.levels)
    log_sigma, rho = _start(fit)
    begin = held.start_of(made_of, fit.optimum.theta, fit.design, log_sigma, rho)

    def deviance(value: float) -> float:
        return held.least(surface, made_of, begin, rho=ar1.neighbours.at_step(value))

    top = ar1.neighbours.per_unit_of_time(held.HIGHEST)
    return Parameter("random", RESIDUAL, "phi", ar1.phi, 0.05, deviance, lowest=0.0, highest=top)


def _coefficients(fit: MultilevelFit) -> list[Parameter]:
    return [
        Parameter("fixed", "", str(name), float(estimate), float(step), _held_at(fit, place))
        for place, (name, estimate, step) in enumerate(
            zip(fit.params.index, fit.params, fit.bse, strict=True)
        )
    ]


def _held_at(fit: MultilevelFit, place: int) -> Deviance:
    """Return the least deviance with one coefficient held.

    The user's coefficient is ``t beta``: the beta with the largest weight in it is expressed by
    the others, whose columns change for it, and the rest of its column moves into the outcome.
    """
    design, t = fit.design, fit.to_user_scale[place]
    shift = design.outcome_shift if design.fixed_names[place] == INTERCEPT else 0.0
    pivot = int(np.abs(t).argmax())
    column = design.fixed[pivot]
    rest = {i: at for i, at in enumerate(design.fixed) if i != pivot}
    changed = [i for i in rest if t[i] != 0.0]
    if changed:
        k = len(design.columns)
        new = np.zeros((k, len(changed)))
        new[[rest[i] for i in changed], range(len(changed))] = 1.0
        new[column] = -t[changed] / t[pivot]
        design = design.extended(new)
        rest |= {i: k - 1 + number for number, i in enumerate(changed)}
    design = replace(design, fixed=tuple(rest.values()))
    made_of = held.free_of(design.levels)
    log_sigma, rho = _start(fit)
    begin = held.start_of(made_of, fit.optimum.theta, design, log_sigma, rho)

    def deviance(value: float) -> float:
        moved = design.less(column, (value - shift) / t[pivot])
        surface = held.Surface(moved, fit.autocorrelation)
        return held.least(surface, made_of, begin, rho=surface.held_rho)

    return deviance
