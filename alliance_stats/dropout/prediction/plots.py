"""Pictures of a prediction: calibration and decision curve. Each draws tables of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.drawing import GREY, INK, SERIES, house_style, new_axes
from ...errors import DesignError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import DropoutPrediction

GROUPS = 5


def calibration_points(result: DropoutPrediction, model: str, groups: int = GROUPS) -> pd.DataFrame:
    """Return ``predicted, observed, n`` in groups of equal size by predicted probability."""
    table = result.predictions
    rank = table[model].rank(method="first")
    group = ((rank - 1) * groups // len(table)).clip(upper=groups - 1)
    found = table.groupby(group).agg(
        predicted=(model, "mean"), observed=("event", "mean"), n=("event", "size")
    )
    return found.reset_index(drop=True)


def _model(result: DropoutPrediction, model: str | None) -> str:
    chosen = model or result.main_model
    if chosen not in result.models or chosen == "base_rate":
        real = [name for name in result.models if name != "base_rate"]
        raise DesignError(
            f"There is no curve of '{chosen}'; the models are {', '.join(real)}."
            f"{did_you_mean(chosen, real)}"
        )
    return chosen


def plot_calibration(
    result: DropoutPrediction, ax: Axes | None = None, *, model: str | None = None
) -> Axes:
    """Draw observed against predicted risk in unseen therapists, with the flexible curve."""
    if ax is None:
        with house_style():
            return plot_calibration(result, new_axes(4.6, 4.4), model=model)
    name = _model(result, model)
    curve = result.calibration[result.calibration["model"] == name]
    points = calibration_points(result, name)
    style = SERIES[0]
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.9, ls="--", label="perfect calibration", zorder=1)
    ax.fill_between(
        curve["predicted"], curve["conf_low"], curve["conf_high"], color=style.color, alpha=0.16,
        lw=0,
    )  # fmt: skip
    ax.plot(curve["predicted"], curve["observed"], color=style.color, label="flexible curve")
    ax.plot(points["predicted"], points["observed"], style.marker, color=INK, ls="",
            label=f"{len(points)} groups of about {int(points['n'].median())}")  # fmt: skip
    top = float(np.nanmax([*curve["predicted"], *points["observed"], *points["predicted"]]))
    top = min(1.0, 1.25 * top)
    ax.set(xlim=(0, top), ylim=(0, top), xlabel="Predicted risk of dropout",
           ylabel="Observed share who dropped out")  # fmt: skip
    ax.set_aspect("equal")
    ax.set_title(f"{name}, n = {len(result.predictions)}", loc="left")
    ax.legend(loc="upper left")
    return ax


def plot_decision(
    result: DropoutPrediction, ax: Axes | None = None, *, model: str | None = None
) -> Axes:
    """Draw net benefit over the risk at which one would act."""
    if ax is None:
        with house_style():
            return plot_decision(result, new_axes(6.0, 3.6), model=model)
    name = _model(result, model)
    labels = {name: name, "treat_all": "act on everybody", "treat_none": "act on nobody"}
    for position, (key, label) in enumerate(labels.items()):
        part = result.net_benefit[result.net_benefit["model"] == key]
        style = SERIES[position]
        ax.plot(part["threshold"], part["net_benefit"], color=style.color, ls=style.linestyle,
                marker=style.marker, label=label)  # fmt: skip
        if key == name:
            ax.fill_between(part["threshold"], part["conf_low"], part["conf_high"],
                            color=style.color, alpha=0.16, lw=0,
                            label=f"{result.settings['confidence']:.0%} interval")  # fmt: skip
    own = result.net_benefit.loc[result.net_benefit["model"] == name, "net_benefit"]
    high = result.net_benefit.loc[result.net_benefit["model"] == name, "conf_high"].max()
    room = max(float(own.max()), 0.02)
    # Treating all falls far below zero; what matters lies around it.
    ax.set_ylim(-0.4 * room, max(1.35 * room, 1.05 * float(np.nan_to_num(high))))
    ax.set_xlabel("Risk of dropout at which one would act")
    ax.set_ylabel("Net benefit (per client)")
    ax.set_title(f"n = {len(result.predictions)}", loc="left")
    ax.legend(loc="upper right")
    return ax
