"""The flow of people through a study, drawn: boxes in rows, and arrows from each to its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.drawing import GREY, INK, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, PADDING, BETWEEN = 0.145, 0.13, 0.24
"""Heights in inches: of a line in a box, around its lines, and between rows of boxes."""


def plot_flow(boxes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a flow: `boxes` has ``text, x, row, width, parent`` (a box's number or -1), ``side``."""
    lines = boxes["text"].str.count("\n") + 1
    tall = lines.groupby(boxes["row"]).max() * LINE + PADDING  # inches, by row
    tops = (tall + BETWEEN).cumsum().shift(1, fill_value=0.0)
    whole = float(tall.sum() + BETWEEN * (len(tall) - 1)) + 0.05
    ax = new_axes(6.6, whole) if ax is None else ax
    ax.set_axis_off()
    places = []
    for box in boxes.to_dict("records"):
        y = 1 - (tops[box["row"]] + tall[box["row"]] / 2) / whole
        places.append(_Place(box, y, float(tall[box["row"]]) / whole))
    for place in places:
        place.draw(ax)
        if place.box["parent"] >= 0:
            _arrow(ax, places[place.box["parent"]], place)
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.01, 1.01)  # or the outermost lines are cut in half
    return ax


class _Place:
    """A box of the flow and where it stands."""

    def __init__(self, box: Mapping[Any, Any], y: float, height: float) -> None:
        self.box, self.x, self.y = box, float(box["x"]), y
        self.width, self.height = float(box["width"]), height

    def draw(self, ax: Axes) -> None:
        from matplotlib.patches import Rectangle

        side = self.box["side"]
        corner = (self.x - self.width / 2, self.y - self.height / 2)
        ax.add_patch(
            Rectangle(corner, self.width, self.height, facecolor="white", linewidth=0.8,
                      edgecolor=GREY if side else INK, linestyle="--" if side else "-")
        )  # fmt: skip
        ax.text(self.x, self.y, str(self.box["text"]), ha="center", va="center", fontsize=7.5,
                color=GREY if side else INK, linespacing=1.25)  # fmt: skip


def _arrow(ax: Axes, start: _Place, end: _Place) -> None:
    style: dict[str, Any] = {
        "arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0,
    }  # fmt: skip
    if end.box["side"]:
        tail = (start.x + start.width / 2, start.y)
        head = (end.x - end.width / 2, end.y)
    else:
        tail = (start.x, start.y - start.height / 2)
        head = (end.x, end.y + end.height / 2)
        if abs(start.x - end.x) > 1e-9:
            bend = (tail[1] + head[1]) / 2
            ax.plot([tail[0], tail[0], end.x], [tail[1], bend, bend], color=GREY, lw=0.8)
            tail = (end.x, bend)
    ax.annotate("", xy=head, xytext=tail, arrowprops=style)
