"""Pictures of a multilevel fit: each takes a fit and returns the Axes it drew on.

What is drawn comes from the functions that end in ``_data``. Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.display.labels import label_of
from ...core.drawing import new_axes
from ...core.results import Z95
from ...errors import DesignError, did_you_mean, listing
from ..formula.terms import INTERCEPT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..result import MultilevelFit

INK, GREY, PALE, BLUE = "#222222", "#777777", "#CCCCCC", "#1F6FA8"
WIDTH = 6.4
ROW = 0.34  # inches a row of a picture with names beside it
LABELLED = 30  # groups up to which each is named
COURSES = 6  # clients drawn where none are named


def plot(
    fit: MultilevelFit, kind: str = "estimates", *, ax: Axes | None = None, **options: Any
) -> Axes:
    """Draw the fit: ``estimates``, ``caterpillar``, ``courses``, ``residuals`` or ``qq``.

    See the functions of `alliance_stats.multilevel.after_fit.plots` for their options.
    """
    known: dict[str, Callable[..., Axes]] = {
        "estimates": plot_estimates,
        "caterpillar": plot_caterpillar,
        "courses": plot_courses,
        "residuals": plot_residuals,
        "qq": plot_qq,
    }
    if kind not in known:
        raise DesignError(
            f"There is no plot of kind {kind!r}.{did_you_mean(kind, known)} The kinds are "
            f"{listing(known)}."
        )
    return known[kind](fit, ax=ax, **options)


def estimates_data(fit: MultilevelFit, intercept: bool = False) -> pd.DataFrame:
    """Return the coefficients' rows of ``tidy()``, in the model's order.

    Thresholds and extra zeros of other outcomes are intercepts, too; a size is no coefficient.
    """
    tidy = fit.tidy()
    aside = () if intercept else fit.intercepts
    wanted = [term for term in fit.params.index if term not in aside]
    return tidy[(tidy["effect"] == "fixed") & tidy["term"].isin(wanted)].reset_index(drop=True)


def plot_estimates(
    fit: MultilevelFit,
    *,
    ax: Axes | None = None,
    intercept: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Axes:
    """Draw every coefficient with its 95 % interval; the intercept only on request.

    Terms stand in words, as in the display; `labels` gives others, as in `summary`.
    """
    data = estimates_data(fit, intercept)
    ax = new_axes(WIDTH, 1.3 + ROW * len(data)) if ax is None else ax
    places = np.arange(len(data))[::-1]
    ax.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.hlines(places, data["conf_low"], data["conf_high"], color=INK, linewidth=1.4)
    ax.plot(data["estimate"], places, "o", color=INK, markersize=5)
    words = {**fit.term_labels(), **(labels or {})}
    ax.set_yticks(places, [label_of(term, words) for term in data["term"]])
    ax.set_ylim(-0.7, len(data) - 0.3)
    ax.set_xlabel(f"coefficient ({fit.unit}) and 95 % interval")
    ax.set_title(_counts(fit), fontsize="small", color=GREY, loc="left")
    return ax


def caterpillar_data(
    fit: MultilevelFit, group: str | None = None, term: str | None = None
) -> pd.DataFrame:
    """Return a level's predicted effects, sorted, with their 95 % intervals.

    Columns ``group`` (the id), ``effect, std_error, conf_low, conf_high``. The standard error is
    the conditional one, given coefficients and variances.
    """
    group = _known(group or fit.design.grouping.names[-1], fit.random_effects, "group")
    effects, errors = fit.random_effects[group], fit.random_effects_sd[group]
    term = _known(term or effects.columns[0], effects.columns, "random effect")
    found = pd.DataFrame(
        {
            "group": _labels(effects.index),
            "effect": effects[term].to_numpy(),
            "std_error": errors[term].to_numpy(),
        }
    )
    found["conf_low"] = found["effect"] - Z95 * found["std_error"]
    found["conf_high"] = found["effect"] + Z95 * found["std_error"]
    return found.sort_values("effect", ignore_index=True)


def plot_caterpillar(
    fit: MultilevelFit,
    *,
    group: str | None = None,
    term: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the predicted effects of a level's groups (the top level's if none is named)."""
    data = caterpillar_data(fit, group, term)
    name = group or fit.design.grouping.names[-1]
    shown = term or fit.random_effects[name].columns[0]
    named = len(data) <= LABELLED
    height = 1.2 + (0.2 * len(data) if named else 4.0)
    ax = new_axes(WIDTH, height) if ax is None else ax
    places = np.arange(len(data))
    ax.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.hlines(places, data["conf_low"], data["conf_high"], color=GREY, linewidth=1.0)
    ax.plot(data["effect"], places, "o", color=INK, markersize=3.5 if named else 2)
    if named:
        ax.set_yticks(places, data["group"], fontsize="small")
    else:
        ax.set_yticks([])
        ax.set_ylabel(f"{name}, sorted")
    kind = "level" if shown == INTERCEPT else f"effect of {shown}"
    ax.set_xlabel(f"deviation of the {kind} ({fit.unit}), 95 % interval")
    ax.set_title(f"{len(data)} groups of {name}", fontsize="small", color=GREY, loc="left")
    return ax


def courses_data(fit: MultilevelFit, x: str, groups: Sequence[Any] | None = None) -> pd.DataFrame:
    """Return observed and fitted values of some lowest groups along a column.

    Columns ``group, x, observed, fitted, average`` (fitted without random effects), sorted.
    Where no groups are named, some are taken evenly from those sorted by size.
    """
    grouping, frame = fit.design.grouping, fit.design.frame
    if x not in frame.columns:
        raise DesignError(
            f"The rows of the model have no column '{x}'.{did_you_mean(x, frame.columns)}"
        )
    labels = _labels(grouping.labels[0])
    units = grouping.units
    wanted = _spread_out(units, labels) if groups is None else [str(name) for name in groups]
    unknown = [name for name in wanted if name not in set(labels)]
    if unknown:
        raise DesignError(
            f"There is no {grouping.names[0]} {unknown[0]!r} in the model."
            f"{did_you_mean(unknown[0], labels)}"
        )
    fitted = fit.fittedvalues.to_numpy()
    found = pd.DataFrame(
        {
            "group": np.asarray(labels, dtype=object)[units],
            "x": frame[x].to_numpy(),
            "observed": fitted + fit.resid.to_numpy(),
            "fitted": fitted,
            "average": fit.predict(random_effects=False).to_numpy(),
        }
    )
    return found[found["group"].isin(wanted)].sort_values(["group", "x"], ignore_index=True)


def plot_courses(
    fit: MultilevelFit,
    *,
    x: str,
    groups: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw observed points and fitted courses of some clients, each in a strip of its own."""
    data = courses_data(fit, x, groups)
    names = list(dict.fromkeys(data["group"]))
    ax = new_axes(WIDTH, 1.0 + 1.0 * len(names)) if ax is None else ax
    room = float(np.ptp(data[["observed", "fitted", "average"]].to_numpy())) * 1.15 or 1.0
    middle = float(data["average"].mean())
    for place, name in enumerate(reversed(names)):
        rows = data[data["group"] == name]
        up = place * room - middle
        ax.plot(rows["x"], rows["average"] + up, color=GREY, linewidth=0.9, linestyle="--")
        ax.plot(rows["x"], rows["fitted"] + up, color=BLUE, linewidth=1.6)
        ax.plot(rows["x"], rows["observed"] + up, "o", color=INK, markersize=3)
    ax.set_yticks(np.arange(len(names)) * room, names[::-1])
    ax.set_ylabel(fit.design.grouping.names[0])
    ax.set_xlabel(x)
    ax.set_title(
        f"{fit.design.outcome}: observed (points), fitted (line), average client (dashed); "
        f"strips {room:.3g} apart",
        fontsize="small",
        color=GREY,
        loc="left",
    )
    return ax


def residuals_data(fit: MultilevelFit) -> pd.DataFrame:
    """Return ``fitted`` and standardised residuals ``residual`` (in residual sds)."""
    weights = 1.0 if fit.design.weights is None else np.sqrt(fit.design.weights)
    scaled = fit.resid.to_numpy() * weights / np.sqrt(fit.scale)
    return pd.DataFrame({"fitted": fit.fittedvalues.to_numpy(), "residual": scaled})


def plot_residuals(fit: MultilevelFit, *, ax: Axes | None = None) -> Axes:
    """Draw residuals against fitted values, with the median of each tenth of the rows."""
    data = residuals_data(fit)
    ax = new_axes(WIDTH, 3.8) if ax is None else ax
    ax.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.plot(data["fitted"], data["residual"], ".", color=PALE, markersize=3, rasterized=True)
    tenths = data.groupby(pd.qcut(data["fitted"], 10, duplicates="drop"), observed=True)
    middle = tenths.median()
    ax.plot(middle["fitted"], middle["residual"], "o-", color=INK, markersize=4, linewidth=1.0)
    ax.set_xlabel(f"fitted {fit.design.outcome}")
    ax.set_ylabel("residual (residual sds)")
    ax.set_title(
        f"{_counts(fit)}; dots and line: medians of tenths",
        fontsize="small",
        color=GREY,
        loc="left",
    )
    return ax


def qq_data(fit: MultilevelFit) -> pd.DataFrame:
    """Return sorted standardised residuals beside the normal quantiles of their ranks."""
    from scipy import special

    residual = np.sort(residuals_data(fit)["residual"].to_numpy())
    share = (np.arange(len(residual)) + 0.5) / len(residual)
    return pd.DataFrame({"normal": special.ndtri(share), "residual": residual})


def plot_qq(fit: MultilevelFit, *, ax: Axes | None = None) -> Axes:
    """Draw the residuals' quantiles against a normal distribution's."""
    data = qq_data(fit)
    ax = new_axes(4.4, 4.2) if ax is None else ax
    ends = [data["normal"].iloc[0], data["normal"].iloc[-1]]
    ax.plot(ends, ends, color=GREY, linewidth=0.9, linestyle="--")
    ax.plot(data["normal"], data["residual"], ".", color=INK, markersize=3, rasterized=True)
    ax.set_xlabel("normal quantile")
    ax.set_ylabel("residual (residual sds)")
    ax.set_title(_counts(fit), fontsize="small", color=GREY, loc="left")
    return ax


def _counts(fit: MultilevelFit) -> str:
    groups = ", ".join(f"{size:,} {name}" for name, size in fit.n_groups.items())
    return f"n = {fit.nobs:,} rows, {groups}"


def _labels(index: pd.Index) -> list[str]:
    """Return groups' ids as text; a combination's parts are joined by colons."""
    return [":".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in index]


def _known(name: str, present: Any, what: str) -> str:
    if name not in present:
        raise DesignError(
            f"The model has no {what} '{name}'.{did_you_mean(name, present)} It has "
            f"{listing(present)}."
        )
    return name


def _spread_out(units: np.ndarray, labels: Sequence[str]) -> list[str]:
    """Take groups evenly from those sorted by their number of rows."""
    by_size = np.argsort(np.bincount(units), kind="stable")
    chosen = np.unique(np.linspace(0, len(by_size) - 1, COURSES).round().astype(int))
    return [labels[unit] for unit in by_size[chosen]]
