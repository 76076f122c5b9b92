"""Pictures of the gap. Each draws data that the result holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..drawing import GREY, look, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .description import RatingGap

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
