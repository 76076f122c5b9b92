"""House style of figures: one look for every rater and series, in the report and in a notebook.

Figures are made with matplotlib's objects, never with pyplot, so that nothing global changes.
Every series differs in colour, line and marker, so that a grey print is as readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Canvas

INK, GREY, PALE = "#1a1a1a", "#6b6b6b", "#d9d9d9"

STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "alliance_stats",
    "figure.dpi": 100,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Look:
    """How one series is drawn."""

    color: str
    linestyle: Any
    marker: str


LOOKS: dict[str, Look] = {
    "client": Look("#0b4f6c", "-", "o"),
    "therapist": Look("#c8510a", (0, (5, 2)), "s"),
    "observer": Look("#3a9d6e", (0, (1.5, 1.5)), "^"),
}
SERIES = (
    Look("#0b4f6c", "-", "o"),
    Look("#c8510a", (0, (5, 2)), "s"),
    Look("#3a9d6e", (0, (1.5, 1.5)), "^"),
    Look("#7d4e9e", (0, (5, 1.5, 1.5, 1.5)), "D"),
    Look("#8a7500", (0, (3, 1, 1, 1, 1, 1)), "v"),
)


def look(name: str, position: int = 0) -> Look:
    """Return how a rater, or the series at `position`, is drawn."""
    return LOOKS.get(name, SERIES[position % len(SERIES)])


def looks(groups: Iterable[str]) -> dict[str, Look]:
    """Return how each of several groups is drawn: by its name, so that an arm has one look."""
    return {name: look(name, place) for place, name in enumerate(sorted(set(groups)))}


@contextmanager
def house_style() -> Iterator[None]:
    """Hold the house style while drawing; matplotlib's settings are as before afterwards."""
    from matplotlib import rc_context

    with rc_context(STYLE):  # type: ignore[arg-type]
        yield


def new_axes(width: float = 6.3, height: float = 3.4) -> Axes:
    """Return empty axes on a figure of the given size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas.add_subplot()


def figure_of(ax: Axes) -> Canvas:
    """Return the figure the axes stand on."""
    canvas = ax.figure
    while canvas.figure is not canvas:  # a figure within a figure
        canvas = canvas.figure
    return canvas  # type: ignore[return-value]


def legend_above(ax: Axes) -> None:
    """Put the legend over the axes: within, its place is chosen without a look at intervals."""
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3)


def in_percent(axis: Axis) -> None:
    """Label the ticks of shares in per cent, with as many digits as the ticks need."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1))
