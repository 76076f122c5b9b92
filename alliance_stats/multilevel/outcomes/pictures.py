"""Pictures of a fit of yes/no, counts or ordered answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice
from ...core.drawing import new_axes
from ...errors import DesignError, listing, plural
from ..after_fit.plots import BLUE, GREY, INK, PALE, WIDTH, plot_caterpillar, plot_estimates
from ..engine.batches import Array
from . import rows
from .averages import levels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import OutcomeFit

POINTS = 60
DRAWN = 39  # outcomes; a residual of the model lies beyond all of them in 2 of 40 cases
MOST_GROUPS = 20  # of rows in the picture of a yes or no


def plot(
    fit: OutcomeFit, kind: str = "estimates", *, ax: Axes | None = None, **options: Any
) -> Axes:
    """Draw the fit: ``estimates``, ``caterpillar``, ``residuals`` or ``curve``.

    ``residuals`` draws the quantile residuals against normal ones, of a yes or no those of groups
    of rows, beside the range the model itself would give; ``curve`` (with ``variable=``) what is
    expected along a predictor, for a typical client and for the average of all.
    """
    known: dict[str, Callable[..., Axes]] = {
        "estimates": plot_estimates,
        "caterpillar": plot_caterpillar,
        "residuals": plot_residuals,
        "curve": plot_curve,
    }
    checked_choice("kind", kind, known)
    return known[kind](fit, ax=ax, **options)


def plot_residuals(fit: OutcomeFit, *, ax: Axes | None = None, seed: int = 0) -> Axes:
    """Draw residuals beside those of 39 outcomes drawn from the fit, groups and all.

    Quantile residuals against normal ones; they would lie on the line for a yes or no almost
    whatever the fit, so of these the mean of what was observed minus what was expected over all
    clients, in groups of rows by what was expected.
    """
    yes_no = fit.family == "binomial" and bool((fit.model.outcome.trials == 1).all())
    x, values, low, high = (_binned if yes_no else _quantiles)(fit, seed)
    ax = new_axes(WIDTH, 4.2) if ax is None else ax
    ax.fill_between(x, low, high, color=PALE, linewidth=0, alpha=0.6)
    ends = [min(x[0], values[0]), max(x[-1], values[-1])]
    line = (x[[0, -1]], [0.0, 0.0]) if yes_no else (ends, ends)
    ax.plot(*line, color=GREY, linewidth=0.8, linestyle=":")
    ax.plot(x, values, "o", color=INK, markersize=4 if yes_no else 2)
    what = ("mean expected probability", "observed minus expected")
    ax.set_xlabel(what[0] if yes_no else "normal quantile")
    ax.set_ylabel(what[1] if yes_no else "quantile residual")
    cut = f" in {plural(len(x), 'group')}" if yes_no else ""
    said = f"n = {fit.nobs:,} rows{cut}; grey: the range of {DRAWN} outcomes drawn from the fit"
    ax.set_title(said, fontsize="small", color=GREY, loc="left")
    return ax


def _quantiles(fit: OutcomeFit, seed: int) -> tuple[Array, Array, Array, Array]:
    """Return normal quantiles, the sorted residuals, and the range of those of drawn outcomes."""
    from scipy import special

    rng, first = np.random.default_rng(seed), float(fit.family == "ordinal")
    normal = special.ndtri((np.arange(fit.nobs) + 0.5) / fit.nobs)
    low, high = np.full(fit.nobs, np.inf), np.full(fit.nobs, -np.inf)
    for _ in range(DRAWN):
        y = rows.simulate(fit, rng).to_numpy() - first
        drawn = np.sort(rows.quantile_residuals(fit, y, rng))
        low, high = np.minimum(low, drawn), np.maximum(high, drawn)
    return normal, np.sort(fit.residuals(kind="quantile", seed=seed)), low, high


def _binned(fit: OutcomeFit, seed: int) -> tuple[Array, Array, Array, Array]:
    """Return expected means of groups of rows, and by how much those observed and drawn differ."""
    rng, expected = np.random.default_rng(seed), rows.averages(fit)
    groups = max(2, min(MOST_GROUPS, int(np.sqrt(fit.nobs))))
    # equal but for rounding are the same, or a predictor of two values would make many groups
    by = pd.qcut(expected.round(9), groups, labels=False, duplicates="drop").fillna(0)
    mean = expected.groupby(by).mean().to_numpy()
    off = [y.groupby(by).mean().to_numpy() - mean for y in (
        rows.observed(fit), *(rows.simulate(fit, rng) for _ in range(DRAWN)))]  # fmt: skip
    return mean, off[0], np.min(off[1:], axis=0), np.max(off[1:], axis=0)


def curve_data(fit: OutcomeFit, variable: str | None) -> pd.DataFrame:
    """Return what is expected along a predictor: ``value, typical, average``.

    Other numbers, those of an offset among them, are at their means, categories at the first; along
    a predictor that is one of categories, as by ``C(session)``, the values are these. An ordered
    outcome is shown by its mean category, counted from 1.
    """
    frame = fit.design.frame
    known = list(fit.design.formula.fixed.columns) if fit.design.formula.fixed else []
    numbers = [name for name in known if pd.api.types.is_numeric_dtype(frame[name].dtype)]
    if variable not in numbers:
        asked = "variable= must say which" if variable is None else f"not '{variable}'"
        raise DesignError(
            f"A curve goes along a predictor that is a number, {asked}; there are "
            f"{listing(numbers) or 'none'}."
        )
    values = np.linspace(frame[variable].min(), frame[variable].max(), POINTS)
    if levels_of(fit, variable) is not None:
        values = np.unique(frame[variable])
    new = pd.DataFrame({variable: values})
    wanted = [*known, *(c for term in fit.design.formula.random for c in term.part.columns)]
    for name in dict.fromkeys(wanted):
        if name == variable:
            continue
        column, levels = frame[name], levels_of(fit, name)
        kind = column.dtype if isinstance(column.dtype, pd.CategoricalDtype) else None
        level = column.mean() if levels is None else levels[0]
        new[name] = pd.Series([level] * len(values), dtype=kind)
    for name, value in _exposure(fit).items():
        if name not in new:
            new[name] = value
    found = {}
    for name, average in (("typical", False), ("average", True)):
        expected = fit.predict(new, random_effects=False, average=average)
        if isinstance(expected, pd.DataFrame):
            expected = expected @ np.arange(1.0, expected.shape[1] + 1.0)
        found[name] = expected.to_numpy()
    return pd.DataFrame({"value": values, **found})


def _exposure(fit: OutcomeFit) -> dict[str, float]:
    """Return the columns of the offset, each at its mean."""
    frame = fit.design.frame
    return {name: float(frame[name].mean()) for name in rows.offset_columns(fit, frame)}


def plot_curve(fit: OutcomeFit, *, variable: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw `curve_data`: the typical client as a line, the average of all broken."""
    data = curve_data(fit, variable)
    ax = new_axes(WIDTH, 4.0) if ax is None else ax
    ax.plot(data["value"], data["typical"], color=INK, label="typical client (effects of zero)")
    ax.plot(data["value"], data["average"], color=BLUE, linestyle="--", label="average of all")
    ax.set_xlabel(str(variable))
    ax.set_ylabel(_expected(fit))
    ax.legend(loc="best", frameon=False, fontsize="small")
    return ax


def _expected(fit: OutcomeFit) -> str:
    """Return what a prediction is, with its unit."""
    name = fit.design.outcome
    if fit.family == "binomial":
        trials = fit.model.asked.trials
        return f"probability of {name}" if trials is None else f"{name} per trial of {trials}"
    if fit.family == "ordinal":
        return f"mean category of {name}, from 1"
    at = ", ".join(f"{column} = {value:.3g}" for column, value in _exposure(fit).items())
    return f"expected {name}" + (f" at {at}" if at else "")
