"""Pictures of a response surface: contours first; three dimensions only beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core.drawing import GREY, INK, house_style, new_axes
from .model_sequence import surface_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import ResponseSurface


def plot_surface(result: ResponseSurface, ax: Axes | None = None, *, group: str = "") -> Axes:
    """Draw the fitted surface as contours, only where there are data.

    Points: the data; outline: their convex hull (region of support); thin lines: both ratings equal
    (LOC, solid) and parting around the middle (LOIC, dotted); thick line: the principal axis that
    `.congruence()` judges.
    """
    from matplotlib.patches import Polygon
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        with house_style():
            return plot_surface(result, new_axes(5.6, 4.6), group=group)
    grid = surface_grid(result, group)
    inside = grid["z"][grid["inside"]]
    if inside.size and inside.max() > inside.min():
        levels = MaxNLocator(9).tick_values(inside.min(), inside.max())
        drawn = ax.contourf(
            grid["x"], grid["y"], grid["z"], levels=levels, cmap="cividis", alpha=0.75
        )
        lines = ax.contour(
            grid["x"], grid["y"], grid["z"], levels=levels, colors=INK, linewidths=0.5
        )
        ax.clabel(lines, fontsize=7, inline=False, zorder=6)
        edge = Polygon(grid["hull"], transform=ax.transData)
        drawn.set_clip_path(edge)
        lines.set_clip_path(edge)
        for text in lines.labelTexts:
            text.set_visible(bool(edge.get_path().contains_point(text.get_position())))
            text.set_bbox({"facecolor": "white", "alpha": 0.7, "lw": 0, "pad": 0.8})
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.85)
        bar.set_label(f"{result.spec.outcome}, fitted (points)")
    part = result._part(group)
    ax.scatter(part.x, part.y, 5, INK, alpha=min(0.5, 40 / len(part.x) ** 0.5 / 2), lw=0, zorder=3)
    _lines(result, ax, group, grid)
    own = {"within": "from the client's own mean", "": f"minus {result.spec.center:.2f}"}
    how = own.get(group if result.spec.part != "within" else "within", "client's mean, centred")
    ax.set_xlabel(f"{result.spec.x} ({how}, points)")
    ax.set_ylabel(f"{result.spec.y} ({how}, points)")
    rows = result.rows
    of = f" of {rows['level1'].nunique():,} dyads" if result.spec.levels else ""
    ax.set_title(f"n = {len(rows):,} rows{of}", loc="left")
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _lines(result: ResponseSurface, ax: Axes, group: str, grid: dict[str, np.ndarray]) -> None:
    hull = np.vstack([grid["hull"], grid["hull"][:1]])
    ax.plot(hull[:, 0], hull[:, 1], color=GREY, lw=1)
    low, high = float(grid["x"].min()), float(grid["x"].max())
    room = 0.04 * (high - low)  # points at the edge are drawn whole
    ends = np.array([low - room, high + room])
    within = "within" in (result.spec.part, group)
    same = "both deviate alike (LOC)" if within else "both ratings equal (LOC)"
    apart = "they part around the middle (LOIC)"
    ax.plot(ends, ends, color=INK, lw=1, label=same)
    ax.plot(ends, -ends, color=INK, lw=1, ls=":", label=apart)
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    table = result.table[result.table["group"] == group].set_index("term")["estimate"]
    # the axis that .congruence() judges: the ridge, or the valley where lower is better
    lower = result.spec.direction == "lower_is_better"
    number, word = ("2", "second") if lower else ("1", "first")
    if np.isfinite(table[f"p{number}1"]):
        ax.plot(
            ends,
            table[f"p{number}0"] + table[f"p{number}1"] * ends,
            color="#c8510a",
            lw=2,
            ls="--",
            label=f"{word} principal axis (judged)",
        )
        if ends[0] <= table["x0"] <= ends[1] and ends[0] <= table["y0"] <= ends[1]:
            ax.plot(
                table["x0"], table["y0"], "D", color="#c8510a", ms=6, mec="white",
                label="stationary point", zorder=5, ls="none",
            )  # fmt: skip
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.06), ncols=2, frameon=False, borderaxespad=0)


def plot_surface_3d(result: ResponseSurface, *, group: str = "") -> Axes:
    """Draw contours (left) and the surface in three dimensions (right); return the left axes.

    The view in three dimensions shows the shape; heights are read from the contours.
    """
    with house_style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        canvas = Figure(figsize=(10.5, 4.8), layout="constrained")
        FigureCanvasAgg(canvas)
        left = canvas.add_subplot(1, 2, 1)
        plot_surface(result, left, group=group)
        right = canvas.add_subplot(1, 2, 2, projection="3d")
        grid = surface_grid(result, group, 31)
        z = np.where(grid["inside"], grid["z"], np.nan)
        right.plot_wireframe(grid["x"], grid["y"], z, color=INK, lw=0.5)
        right.set_xlabel(result.spec.x)
        right.set_ylabel(result.spec.y)
        right.set_zlabel(result.spec.outcome)
        right.view_init(25, -120)
    return left
