"""Forest and funnel: every study beside the pool. Each draws data a function of its own gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from ..drawing import GREY, INK, PALE, SERIES, new_axes
from .metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .pooled import PooledEffects


def forest_rows(result: PooledEffects) -> pd.DataFrame:
    """Return what the forest draws: every effect with its interval, on the metric's own scale."""
    back = METRICS[result.metric].back
    half = norm.ppf(0.5 + result.confidence / 2) * np.sqrt(result.effects["vi"])
    yi = result.effects["yi"]
    return pd.DataFrame(
        {
            "label": result.effects["label"].astype(str).to_numpy(),
            "estimate": back(yi.to_numpy()),
            "conf_low": back((yi - half).to_numpy()),
            "conf_high": back((yi + half).to_numpy()),
            "weight": result.effects["weight"].to_numpy(),
        }
    )


def plot_forest(result: PooledEffects, ax: Axes | None = None) -> Axes:
    """Draw the forest: squares sized by weight, the pool as a diamond, new studies as a bar."""
    rows = forest_rows(result)
    if ax is None:
        ax = new_axes(7.0, 1.4 + 0.28 * (len(rows) + 2))
    y = np.arange(len(rows), 0, -1)
    ax.hlines(y, rows["conf_low"], rows["conf_high"], color=INK, lw=1)
    sizes = 15 + 160 * rows["weight"] / rows["weight"].max()
    ax.scatter(rows["estimate"], y, s=sizes, marker="s", color=SERIES[0].color, zorder=3)
    ax.hlines(-0.6, result.prediction_low, result.prediction_high, color=SERIES[1].color, lw=3)
    ax.fill(
        [result.conf_low, result.estimate, result.conf_high, result.estimate],
        [0, 0.3, 0, -0.3],
        color=INK,
    )
    ax.set_yticks([*y, 0, -0.6], [*rows["label"], "Pooled", "New study"])
    ax.axvline(result.estimate, color=GREY, lw=0.8, ls=":", zorder=0)
    if METRICS[result.metric].name != "proportion":
        ax.axvline(0, color=GREY, lw=0.8, zorder=0)
    ax.set_xlabel(f"{METRICS[result.metric].title}; k = {result.k}")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def funnel_points(result: PooledEffects) -> pd.DataFrame:
    """Return what the funnel draws, on the pooling scale."""
    return pd.DataFrame(
        {
            "label": result.effects["label"].to_numpy(),
            "yi": result.effects["yi"].to_numpy(),
            "se": np.sqrt(result.effects["vi"].to_numpy()),
        }
    )


def plot_funnel(result: PooledEffects, ax: Axes | None = None) -> Axes:
    """Draw effects against standard errors, with the region chance alone would fill."""
    points = funnel_points(result)
    if ax is None:
        ax = new_axes(5.5, 4.2)
    top = points["se"].max() * 1.05
    half = norm.ppf(0.975) * top
    ax.fill(
        [result.pooled - half, result.pooled, result.pooled + half], [top, 0, top],
        color=PALE, zorder=0,
    )  # fmt: skip
    ax.axvline(result.pooled, color=INK, lw=0.8)
    ax.scatter(points["yi"], points["se"], s=22, color=SERIES[0].color, edgecolor="white", lw=0.5)
    ax.set(ylim=(top, 0))
    ax.set_xlabel(f"{METRICS[result.metric].title}, pooling scale; k = {result.k}")
    ax.set_ylabel("Standard error")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
