"""Pictures of a cross-lagged model: paths from wave to wave, and courses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core.drawing import GREY, INK, SERIES, house_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import CrossLagged

PLACES = {"x": 1.0, "y": 0.0}


def plot_paths(result: CrossLagged, ax: Axes | None = None) -> Axes:
    """Draw x above y at two neighbouring waves, an arrow an effect, mean over waves, in SDs.

    An arrow is as wide as its effect is large; dashed where its interval holds zero.
    """
    if ax is None:
        with house_style():
            return plot_paths(result, new_axes(5.6, 3.0))
    table = result.standardised()
    table = table[table["wave"].isna()].set_index("term")
    names = {"x": result.x, "y": result.y}
    for v, height in PLACES.items():
        for at, when in ((0.0, "wave before"), (1.0, "wave")):
            box = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": INK, "lw": 0.9}
            words = f"{names[v]}\n{when}"
            ax.text(at, height, words, ha="center", va="center", fontsize=8, bbox=box, zorder=3)
    for term, row in table.iterrows():
        to, before = str(term)[0], str(term)[-1]
        sure = row["conf_low"] > 0 or row["conf_high"] < 0
        arrow = {
            "arrowstyle": "-|>",
            "lw": 0.8 + 4.0 * min(abs(row["estimate"]), 1.0),
            "ls": "-" if sure else (0, (4, 2)),
            "color": SERIES[0 if to == before else 1].color,
            "shrinkA": 34,
            "shrinkB": 34,
        }
        ax.annotate("", (1.0, PLACES[to]), (0.0, PLACES[before]), arrowprops=arrow)
        along = 0.5 if to == before else 0.34
        height = PLACES[before] + along * (PLACES[to] - PLACES[before])
        words = f"{row['estimate']:.2f} [{row['conf_low']:.2f}, {row['conf_high']:.2f}]"
        patch = {"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.0}
        ax.text(along, height, words, ha="center", va="center", fontsize=8, bbox=patch, zorder=4)
    ax.set_xlim(-0.35, 1.35)
    ax.set_ylim(-0.35, 1.35)
    ax.axis("off")
    ax.set_title("Standardised effects, mean over waves; dashed: interval holds 0", loc="left")
    return ax


def plot_course(result: CrossLagged, ax: Axes | None = None) -> Axes:
    """Draw means by wave: points of those who were there, lines as implied for everybody.

    Where they part, those who left differ from those who stayed.
    """
    if ax is None:
        with house_style():
            return plot_course(result, new_axes())
    course = result.course()
    for k, (name, own) in enumerate(course.groupby("score", sort=False)):
        middle, sd = own["observed"].mean(), own["sd_observed"].mean()
        look = SERIES[k]
        ax.plot(own["wave"], (own["implied"] - middle) / sd, color=look.color, ls=look.linestyle)
        ax.plot(
            own["wave"], (own["observed"] - middle) / sd, look.marker, color=look.color, label=name
        )
    ax.axhline(0, color=GREY, lw=0.6)
    ax.set_xlabel("wave")
    ax.set_ylabel("mean, in SDs of a wave")
    ax.set_xticks(np.asarray(result.waves)[:: max(len(result.waves) // 10, 1)])
    ax.legend()
    ax.set_title("Points: observed; lines: implied for all clients", loc="left")
    return ax
