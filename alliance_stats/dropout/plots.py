"""Pictures of dropout. Each draws data that a function of its own gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.drawing import GREY, in_percent, looks, new_axes
from .endings import DROPOUT
from .time_scale import CLOCKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .incidence.incidence import DropoutIncidence

FEWEST_DRAWN = 5
"""A curve ends where fewer are at risk: its last steps would be those of a few people."""


def incidence_curves(result: DropoutIncidence, event: str = DROPOUT) -> pd.DataFrame:
    """Return the steps to draw: each group's curve of `event`, from session 0 and incidence 0."""
    chosen = result.table[result.table["event"] == event]
    start = chosen.drop_duplicates("by").assign(
        time=0, incidence=0.0, conf_low=0.0, conf_high=0.0, one_minus_km=0.0
    )
    return pd.concat([start, chosen], ignore_index=True).sort_values(
        ["by", "time"], kind="stable", ignore_index=True
    )


def plot_incidence(result: DropoutIncidence, ax: Axes | None = None) -> Axes:
    """Draw the cumulative incidence of dropout with its interval and the numbers at risk."""
    if ax is None:
        ax = new_axes(6.5, 4.2)
    curves = incidence_curves(result)
    enough = curves["n_at_risk"] >= FEWEST_DRAWN
    curves = curves[enough | (curves["time"] == 0)].reset_index(drop=True)
    groups = list(dict.fromkeys(curves["by"]))
    for name in groups:
        part, style = curves[curves["by"] == name], looks(map(str, groups))[str(name)]
        label = "Dropout" if len(groups) == 1 else str(name)
        ax.step(
            part["time"],
            part["incidence"],
            where="post",
            color=style.color,
            ls=style.linestyle,
            label=label,
        )
        ax.fill_between(
            part["time"],
            part["conf_low"],
            part["conf_high"],
            step="post",
            color=style.color,
            alpha=0.15,
        )
    if len(groups) == 1:
        ax.step(
            curves["time"], curves["one_minus_km"], where="post", color=GREY, ls=":", lw=1.2,
            label="1 − Kaplan-Meier (ignores completion)",
        )  # fmt: skip
    top = max(0.1, float(np.nanmax(curves[["conf_high", "one_minus_km"]].to_numpy())))
    ax.set(xlim=(0, None), ylim=(0, min(1.0, top * 1.15)))
    ax.set_xlabel(CLOCKS[result.clock])
    ax.locator_params(axis="x", integer=True)  # there is no half session
    ax.set_ylabel("Cumulative share of clients")
    in_percent(ax.yaxis)
    # Above the axes: inside, the dotted line may run beneath it.
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    ax.spines[["top", "right"]].set_visible(False)
    _write_numbers_at_risk(ax, curves, groups)
    return ax


def numbers_at_risk(curves: pd.DataFrame, times: np.ndarray) -> pd.DataFrame:
    """Return how many clients of each group were still in therapy before each time."""
    rows = []
    for name, part in curves.groupby("by", sort=False):
        position = np.searchsorted(part["time"].to_numpy()[1:], times, side="left")
        at_risk = np.append(part["n_at_risk"].to_numpy()[1:], 0)
        rows.append(pd.DataFrame({"by": name, "time": times, "n_at_risk": at_risk[position]}))
    return pd.concat(rows, ignore_index=True)


def _write_numbers_at_risk(ax: Axes, curves: pd.DataFrame, groups: list) -> None:
    ticks = np.array([t for t in ax.get_xticks() if 0 <= t <= curves["time"].max()])
    table = numbers_at_risk(curves, ticks)
    for line, name in enumerate(groups):
        part = table[table["by"] == name]
        y = -0.2 - 0.06 * line
        label = "At risk" if len(groups) == 1 else str(name)
        ax.text(-0.05, y, label, transform=ax.transAxes, ha="right", va="top", fontsize=8)
        for time, n in zip(part["time"], part["n_at_risk"], strict=True):
            ax.text(time, y, str(int(n)), transform=ax.get_xaxis_transform(), ha="center",
                    va="top", fontsize=8)  # fmt: skip
