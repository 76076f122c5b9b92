"""Pictures of the gap. Each draws data that the result holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..drawing import GREY, INK, house_style, look, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .description import RatingGap
    from .truth_bias import TruthAndBias

SMALLEST_CELL = 5
"""A session with fewer dyads than this is not drawn: its mean would point at persons."""


def plot_gap_by_session(result: RatingGap, ax: Axes | None = None) -> Axes:
    """Draw both raters' mean by session; the distance between the lines is the gap."""
    if ax is None:
        ax = new_axes(6.5, 4.0)
    course = result.by_session[result.by_session["n"] >= SMALLEST_CELL]
    for rater in ("client", "therapist"):
        style = look(rater)
        ax.plot(
            course["session"], course[rater], color=style.color, ls=style.linestyle,
            marker=style.marker, ms=4, label=rater.capitalize(),
        )  # fmt: skip
    ax.fill_between(
        course["session"], course["client"], course["therapist"], color=GREY, alpha=0.2, lw=0,
        label="Gap",
    )  # fmt: skip
    name = " ".join(part for part in (result.measure, result.scale) if part) or "Score"
    ax.set_xlabel("Session")
    ax.set_ylabel(f"{name}, mean over dyads (points)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_truth_and_bias(result: TruthAndBias, ax: Axes | None = None) -> Axes:
    """Draw each dyad's truth force against its directional bias, with the averages."""
    from ..errors import DesignError

    dyads = result.dyads
    if dyads is None:
        raise DesignError(
            "Without `by` there is one bias and one truth force, and no dyads to draw."
        )
    if ax is None:
        with house_style():
            return plot_truth_and_bias(result, new_axes(5.4, 3.8))
    style = look("client")
    ax.scatter(dyads["directional_bias"], dyads["truth_force"], 14, style.color, alpha=0.6, lw=0)
    fixed = result.table.set_index("term")["estimate"]
    ax.axvline(fixed["directional_bias"], color=GREY, lw=1, ls="--")
    ax.axhline(fixed["truth_force"], color=GREY, lw=1, ls="--")
    ax.axvline(0, color=INK, lw=0.8)
    unit = {"pooled": "SD", "dyad": "SD"}.get(result.standardise or "", "points")
    ax.set_xlabel(f"Directional bias of the dyad ({unit}; below 0: judgement lower)")
    ax.set_ylabel("Truth force of the dyad (slope)")
    ax.set_title(f"n = {len(dyads)} dyads, shrunken; dashed: averages", loc="left")
    return ax
