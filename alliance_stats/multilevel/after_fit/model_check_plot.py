"""The picture of a model check: six small ones on one sheet."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from ...core.display.journal import in_places
from ...core.display.labels import label_of
from ...core.drawing import GREY, INK, PALE, look, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .model_check import ModelCheck

NAMED = 3
"""So many groups are named in the picture of influence: those that move most."""


def plot_check(check: ModelCheck, ax: Axes | None) -> Axes:
    """Draw the sheet and return its first axes; with `ax` only the residuals, there."""
    if ax is not None:
        return _residuals(check, ax)
    first = new_axes(9.6, 6.2)
    sheet = first.figure
    first.remove()
    axes = sheet.subplots(2, 3)  # type: ignore[union-attr]
    _residuals(check, axes[0, 0])
    _quantiles(check.residuals["residual"], "Residuals", axes[0, 1])
    _effects(check, axes[0, 2])
    _influence(check, axes[1, 0])
    _inflation(check, axes[1, 1])
    _spread(check, axes[1, 2])
    return axes[0, 0]  # type: ignore[no-any-return]


def _residuals(check: ModelCheck, ax: Axes) -> Axes:
    data = check.residuals
    ax.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.plot(data["fitted"], data["residual"], ".", color=PALE, markersize=3, rasterized=True)
    tenths = data.groupby(pd.qcut(data["fitted"], 10, duplicates="drop"), observed=True).median()
    ax.plot(tenths["fitted"], tenths["residual"], "o-", color=INK, markersize=3, linewidth=1.0)
    ax.set_title("Residuals; medians of tenths", loc="left")
    ax.set_xlabel("Fitted value")
    ax.set_ylabel("Residual (SD)")
    return ax


def _quantiles(values: pd.Series, title: str, ax: Axes) -> None:
    ordered = np.sort(values.to_numpy())
    normal = special.ndtri((np.arange(len(ordered)) + 0.5) / len(ordered))
    ax.plot(normal[[0, -1]], normal[[0, -1]], color=GREY, linewidth=0.9, linestyle="--")
    ax.plot(normal, ordered, ".", color=INK, markersize=3, rasterized=True)
    ax.set_title(f"{title} and a normal distribution", loc="left")
    ax.set_xlabel("Normal quantile")
    ax.set_ylabel("Quantile (SD)")


def _effects(check: ModelCheck, ax: Axes) -> None:
    for place, ((level, term), part) in enumerate(check.effects.groupby(["level", "term"])):
        own, style = np.sort(part["value"].to_numpy()), look("", place)
        normal = special.ndtri((np.arange(len(own)) + 0.5) / len(own))
        label = in_places(f"{level}, {term}")
        ax.plot(normal, own, style.marker, color=style.color, markersize=3, label=label)
    ax.axline((0, 0), slope=1, color=GREY, linewidth=0.9, linestyle="--")
    ax.set_title("Random effects (shrunken)", loc="left")
    ax.set_xlabel("Normal quantile")
    ax.set_ylabel("Effect (SD)")
    if len(check.effects):
        ax.legend(loc="upper left", fontsize=7, handletextpad=0.2)


def _influence(check: ModelCheck, ax: Axes) -> None:
    ax.set_title("Influence of each group", loc="left")
    if check.influence.empty:
        ax.text(0.5, 0.5, "groups cross", ha="center", transform=ax.transAxes, color=GREY)
        return
    for place, (level, part) in enumerate(check.influence.groupby("level", sort=False)):
        style = look("", place)
        ordered = part.sort_values("cooks_distance", ascending=False)
        share = (np.arange(len(ordered)) + 0.5) / len(ordered)
        ax.plot(share, ordered["cooks_distance"], style.marker, color=style.color, markersize=3,
                label=in_places(str(level)))  # fmt: skip
        if level == check.level:
            for x, row in zip(share[:NAMED], ordered.head(NAMED).itertuples(), strict=False):
                ax.annotate(str(row.group), (x, row.cooks_distance), xytext=(4, 0),
                            textcoords="offset points", fontsize=7)  # fmt: skip
    ax.set_xlabel("Share of groups, most influential first")
    ax.set_ylabel("Cook's distance")
    ax.legend(loc="best")


def _inflation(check: ModelCheck, ax: Axes) -> None:
    words = [label_of(str(name)) for name in check.inflation.index]
    names = ["\n".join(wrap(word, 22)) for word in words]
    places = np.arange(len(names))[::-1]
    ax.hlines(places, 1.0, check.inflation, color=GREY, linewidth=1.2)
    ax.plot(check.inflation, places, "o", color=INK, markersize=4)
    ax.set_yticks(places, names, fontsize=7)
    ax.set_xlim(0.9, max(2.0, 1.1 * check.inflation.max()) if len(names) else 2.0)
    ax.set_title("Collinearity", loc="left")
    ax.set_xlabel("Variance inflation (1: none)")


def _spread(check: ModelCheck, ax: Axes) -> None:
    ax.set_title(f"Spread by {in_places(check.level)}", loc="left")
    if len(check.spread):
        ordered = check.spread.sort_values("sd", ignore_index=True)
        ax.axhline(1.0, color=GREY, linewidth=0.8, linestyle=":")
        ax.plot(ordered.index, ordered["sd"], "o", color=INK, markersize=3)
    ax.set_xticks([])
    ax.set_xlabel("Groups, sorted")
    ax.set_ylabel("SD (of all residuals)")
