"""Pictures of a fit of yes/no, counts or ordered answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice
from ...core.drawing import new_axes
from ...errors import DesignError, listing
from ..after_fit.plots import BLUE, GREY, INK, WIDTH, plot_caterpillar, plot_estimates
from . import rows
from .averages import levels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import OutcomeFit

POINTS = 60


def plot(
    fit: OutcomeFit, kind: str = "estimates", *, ax: Axes | None = None, **options: Any
) -> Axes:
    """Draw the fit: ``estimates``, ``caterpillar``, ``residuals`` or ``curve``.

    ``residuals`` draws the quantile residuals against normal ones; ``curve`` (with ``variable=``)
    what is expected along a predictor, for a typical client and for the average of all.
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
    """Draw the quantile residuals against normal quantiles; on the line where the model holds."""
    from scipy import special

    ax = new_axes(WIDTH, 4.2) if ax is None else ax
    values = np.sort(fit.residuals(kind="quantile", seed=seed).to_numpy())
    normal = special.ndtri((np.arange(len(values)) + 0.5) / len(values))
    ends = [min(normal[0], values[0]), max(normal[-1], values[-1])]
    ax.plot(ends, ends, color=GREY, linewidth=0.8, linestyle=":")
    ax.plot(normal, values, "o", color=INK, markersize=2)
    ax.set_xlabel("normal quantile")
    ax.set_ylabel("quantile residual")
    said = f"n = {len(values):,} rows; on the line where the model holds"
    ax.set_title(said, fontsize="small", color=GREY, loc="left")
    return ax


def curve_data(fit: OutcomeFit, variable: str) -> pd.DataFrame:
    """Return what is expected along a predictor: ``value, typical, average``.

    Other numbers, those of an offset among them, are at their means, categories at the first; along
    a predictor that is one of categories, as by ``C(session)``, the values are these. An ordered
    outcome is shown by its mean category, counted from 1.
    """
    frame = fit.design.frame
    known = list(fit.design.formula.fixed.columns) if fit.design.formula.fixed else []
    if variable not in known or not pd.api.types.is_numeric_dtype(frame[variable].dtype):
        raise DesignError(
            f"A curve goes along a predictor that is a number, not '{variable}'; there are "
            f"{listing([name for name in known if pd.api.types.is_numeric_dtype(frame[name])])}."
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


def plot_curve(fit: OutcomeFit, *, variable: str, ax: Axes | None = None) -> Axes:
    """Draw `curve_data`: the typical client as a line, the average of all broken."""
    data = curve_data(fit, variable)
    ax = new_axes(WIDTH, 4.0) if ax is None else ax
    ax.plot(data["value"], data["typical"], color=INK, label="typical client (effects of zero)")
    ax.plot(data["value"], data["average"], color=BLUE, linestyle="--", label="average of all")
    ax.set_xlabel(variable)
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
