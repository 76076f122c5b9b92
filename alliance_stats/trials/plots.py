"""The picture of a trial: means of the arms over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..core.drawing import house_style, legend_above, looks, new_axes
from .rows import ARM, TIME

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

APART = 0.06  # of the distance of two times, so that intervals do not hide one another


def plot_means(
    means: pd.DataFrame, score: str, ax: Axes | None = None, *, arms: Iterable[str]
) -> Axes:
    """Draw each arm's means with their intervals; the legend says how many at the last shown.

    Where `n` is missing, it says nothing of it. Of all the study's `arms` each has a look of its
    own, the one it has in the study's other figures.
    """
    with house_style():
        ax = new_axes() if ax is None else ax
        times = list(dict.fromkeys(means[TIME]))
        numeric = all(isinstance(time, int | float | np.number) for time in times)
        places = dict(zip(times, map(float, times) if numeric else range(len(times)), strict=True))
        step = min(np.diff(sorted(places.values())), default=1.0) * APART
        styles = looks(arms)
        drawn = list(dict.fromkeys(means[ARM]))
        for i, arm in enumerate(drawn):
            rows, style = means[means[ARM] == arm], styles[arm]
            n = rows.loc[rows["estimate"].notna(), "n"].iloc[-1:].sum(min_count=1)
            x = np.array([places[time] for time in rows[TIME]]) + (i - (len(drawn) - 1) / 2) * step
            below, above = rows["estimate"] - rows["conf_low"], rows["conf_high"] - rows["estimate"]
            ax.errorbar(
                x,
                rows["estimate"],
                yerr=np.stack([below, above]),
                color=style.color,
                linestyle=style.linestyle,
                marker=style.marker,
                label=str(arm) + ("" if n != n else f" (n = {n:.0f} at the last shown)"),
            )
        if not numeric:
            ax.set_xticks(list(places.values()), [str(time) for time in times])
        ax.set_xlabel("Time")
        ax.set_ylabel(score)
        legend_above(ax)
    return ax
