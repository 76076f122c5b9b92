"""Forest and funnel: every study beside the pool. Each draws data a function of its own gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.arguments import numbers
from ..core.drawing import GREY, INK, PALE, SERIES, new_axes
from ..errors import ColumnError, require_columns
from ..inference.distributions import half_width
from ..inference.shares import wilson
from .metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .pooled import PooledEffects


def forest_rows(result: PooledEffects) -> pd.DataFrame:
    """Return what the forest draws: every effect with its interval, on the metric's own scale."""
    back = METRICS[result.metric].back
    half = half_width(np.sqrt(result.effects["vi"]), confidence=result.confidence)
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
    """Draw the forest: squares sized by weight, the pool as a diamond, any new study as a bar."""
    rows = forest_rows(result)
    if ax is None:
        ax = new_axes(7.0, 1.4 + 0.28 * (len(rows) + 2))
    y = np.arange(len(rows), 0, -1)
    ax.hlines(y, rows["conf_low"], rows["conf_high"], color=INK, lw=1)
    sizes = 15 + 160 * rows["weight"] / rows["weight"].max()
    ax.scatter(rows["estimate"], y, s=sizes, marker="s", color=SERIES[0].color, zorder=3)
    predicted = bool(np.isfinite(result.prediction_low))
    if predicted:
        ax.hlines(-0.6, result.prediction_low, result.prediction_high, color=SERIES[1].color, lw=3)
    ax.fill(
        [result.conf_low, result.estimate, result.conf_high, result.estimate],
        [0, 0.3, 0, -0.3],
        color=INK,
    )
    below = [(0.0, "Pooled"), (-0.6, "New study")][: 2 if predicted else 1]
    ax.set_yticks([*y, *(at for at, _ in below)], [*rows["label"], *(name for _, name in below)])
    ax.set_ylim(-1.2, len(rows) + 0.8)  # a twentieth of many rows would be much white
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
    half = half_width(top)
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


def published_points(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what `plot_published` draws: each published number with its interval, if it has one.

    A row's own interval comes first; where a study gives a count (``events`` of ``n``) it is
    Wilson's. A share without its count may be a mean, and gets none. Rows without a number are
    left out.
    """
    needed = ("estimate", "ci_low", "ci_high", "n", "events")
    require_columns(rows.columns, [*needed, "kind", "metric", "label", "verified"], what="the rows")
    held = rows.assign(**{name: numbers(rows, name, "the rows") for name in needed})
    n, events = held["n"], held["events"]
    if (events.lt(0) | events.gt(n)).any():
        raise ColumnError("Column 'events' of the rows must hold counts from 0 to 'n'.")
    estimate = held["estimate"].fillna(events / n)
    low, high = held["ci_low"].copy(), held["ci_high"].copy()
    counted = rows["kind"].isin(["study", "related"]) & rows["metric"].eq("proportion")
    wanted = counted & low.isna() & high.isna() & events.notna() & n.notna()
    if wanted.any():
        pairs = zip(events[wanted], n[wanted], strict=True)
        low[wanted], high[wanted] = zip(*(wilson(x, of) for x, of in pairs), strict=True)
    points = pd.DataFrame(
        {
            "label": rows["label"].astype(str), "estimate": estimate, "conf_low": low,
            "conf_high": high, "verified": rows["verified"].eq(True).fillna(False).astype(bool),
        }
    )  # fmt: skip
    return points[points["estimate"].notna()].reset_index(drop=True)


def plot_published(
    rows: pd.DataFrame, *, xlabel: str, claimed: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw published numbers one below the other; hollow marks were not read in their source.

    Parameters
    ----------
    rows
        Rows of one of the published tables, all of one metric.
    xlabel
        What the numbers are, with their unit.
    claimed
        The number that is repeated, drawn as a dashed line.
    ax
        Axes to draw into; a new figure by default.

    Examples
    --------
    >>> import alliance_stats as al
    >>> rates = al.load_dataset("published/dropout").query("metric == 'proportion'")
    >>> ax = al.plot_published(rates, xlabel="Share who drop out")
    >>> len(ax.get_yticklabels())
    12
    """
    points = published_points(rows)
    if ax is None:
        ax = new_axes(7.5, 1.2 + 0.32 * len(points))
    y = np.arange(len(points), 0, -1)
    ax.hlines(y, points["conf_low"], points["conf_high"], color="#444444", lw=1.2)
    for read, face in ((True, "#0072B2"), (False, "white")):
        mark = (points["verified"] == read).to_numpy()
        words = "read in its source" if read else "not read in its source"
        ax.scatter(points["estimate"][mark], y[mark], s=34, facecolor=face, edgecolor="#0072B2",
                   zorder=3, label=words)  # fmt: skip
    if claimed is not None:
        ax.axvline(claimed, color="#D55E00", lw=1.2, ls="--", label="the claim", zorder=0)
    ax.set_yticks(y, points["label"])
    ax.set_ylim(0.4, len(points) + 0.6)
    ax.set_xlabel(f"{xlabel}; {len(points)} published numbers")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax
