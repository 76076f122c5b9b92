"""Pictures of the gap. Each draws data that the result holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.arguments import numbers
from ...core.drawing import GREY, INK, house_style, look, new_axes
from ...errors import DesignError, did_you_mean, require_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..outcome.outcome_gap import OutcomeGap
    from ..truth_bias.fit import TruthAndBias
    from .feedback import GapFeedback
    from .rating_gap import RatingGap

SMALLEST_CELL = 5
"""A session with fewer dyads than this is not drawn: its mean would point at persons."""


def plot_gap_by_session(result: RatingGap, ax: Axes | None = None) -> Axes:
    """Draw both raters' mean by session; the distance between the lines is the gap.

    A session whose ``n`` is missing is drawn: who set it so withholds the number, not the means.
    """
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        ax = new_axes(6.5, 4.0)
    course = result.by_session[~(result.by_session["n"] < SMALLEST_CELL)]
    for rater, name in zip(("client", "therapist"), result.raters, strict=True):
        style = look(rater)
        ax.plot(
            course["session"], course[rater], color=style.color, ls=style.linestyle,
            marker=style.marker, ms=4, label=name.capitalize(),
        )  # fmt: skip
    ax.fill_between(
        course["session"], course["client"], course["therapist"], color=GREY, alpha=0.2, lw=0,
        label="Gap",
    )  # fmt: skip
    name = " ".join(part for part in (result.measure, result.scale) if part) or "Score"
    most, least = course["n"].max(), course["n"].min()
    if course["n"].notna().any():
        ax.set_title(
            f"n = {most:.0f} dyads at most, {least:.0f} at least; sessions of fewer than "
            f"{SMALLEST_CELL} left out",
            loc="left",
            fontsize=8,
        )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("Session")
    ax.set_ylabel(f"{name}, mean over dyads (points)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="best", frameon=False)
    return ax


def plot_truth_and_bias(result: TruthAndBias, ax: Axes | None = None) -> Axes:
    """Draw each dyad's truth force against its directional bias, with the averages."""
    dyads = result.dyads
    if dyads is None:
        raise DesignError(
            "Without `by` there is one bias and one truth force, and no dyads to draw."
        )
    if ax is None:
        with house_style():
            return plot_truth_and_bias(result, new_axes(5.4, 3.8))
    if _tied(result):
        raise DesignError(
            "The variances lie on their edge (zero, or a correlation of one), so each dyad's bias "
            "and force are the average, or one follows from the other: a scatter would show a line "
            "that the model made, not the dyads."
        )
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


def _tied(result: TruthAndBias) -> bool:
    """Return whether bias and force of the dyads are tied to each other by the model."""
    table = result.table[(result.table["group"] == result.levels[0])].set_index("term")["estimate"]
    name = "cor directional_bias truth_force"
    return name in table.index and bool(table.isna()[name])


def plot_calibration(result: OutcomeGap, target: str, ax: Axes | None = None) -> Axes:
    """Draw observed shares against forecasts; groups of fewer than five clients are left out."""
    there = list(dict.fromkeys(result.calibration["target"]))
    if target not in there:
        raise DesignError(
            f"There are no forecasts of '{target}' with a known outcome, only of "
            f"{', '.join(there)}.{did_you_mean(target, there)}"
        )
    if ax is None:
        with house_style():
            return plot_calibration(result, target, new_axes(4.8, 4.2))
    part = result.calibration[
        (result.calibration["target"] == target) & (result.calibration["n"] >= SMALLEST_CELL)
    ]
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="forecast = observed")
    style = look("therapist")
    below = (part["observed"] - part["conf_low"]).clip(lower=0)  # of rounding, where it is 0 or 1
    above = (part["conf_high"] - part["observed"]).clip(lower=0)
    ax.errorbar(
        part["forecast"], part["observed"], [below, above], fmt=style.marker, color=style.color,
        capsize=2, label="clients, 95% interval",
    )  # fmt: skip
    for place, n in zip(part["forecast"], part["n"], strict=True):
        ax.text(place, 0.015, f"{n}", fontsize=7, ha="center")
    ax.set_title("numbers at the foot: clients in each group", loc="left", fontsize=8)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"Therapist's forecast of '{target}' (probability)")
    ax.set_ylabel(f"Share of clients '{target}'")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", frameon=False)
    return ax


def bland_altman(result: RatingGap) -> pd.DataFrame:
    """Return each session's gap and mean of both ratings: what `plot_bland_altman` draws."""
    pairs = result.pairs
    return pairs[["client_id", "session", "gap"]].assign(
        level=(pairs["client"] + pairs["therapist"]) / 2
    )


def plot_bland_altman(result: RatingGap, ax: Axes | None = None) -> Axes:
    """Draw every session's gap against the mean of both ratings, with limits of agreement.

    The limits are those for repeated measures; their intervals are drawn as bands.
    """
    if ax is None:
        with house_style():
            return plot_bland_altman(result, new_axes(6.3, 4.0))
    data = bland_altman(result)
    style = look("client")
    ax.scatter(data["level"], data["gap"], 6, style.color, alpha=0.3, lw=0)
    table = result.table.set_index("term")
    for term, line, label in (
        ("mean_gap", "-", "mean gap"),
        ("loa_low", "--", "95% limits of agreement"),
        ("loa_high", "--", None),
    ):
        estimate, low, high = (float(table[c][term]) for c in ("estimate", "conf_low", "conf_high"))
        ax.axhline(estimate, color=look("therapist").color, lw=1.5, ls=line, label=label)
        if low == low:
            ax.axhspan(low, high, color=GREY, alpha=0.2, lw=0)
    ax.axhline(0, color=INK, lw=0.8)
    ax.set_xlabel("Mean of both ratings (points)")
    first, second = result.raters
    ax.set_ylabel(f"{second.capitalize()} minus {first} (points)")
    ax.set_title(f"n = {len(data):,} sessions of {result.n_dyads} dyads", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="lower left", frameon=False)
    return ax


def plot_gap_by_therapist(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw `gap_by_therapist` as a caterpillar, without names; few clients: an open mark."""
    if ax is None:
        with house_style():
            return plot_gap_by_therapist(table, new_axes(6.3, 3.6))
    needed = ["conf_low", "conf_high", "n_dyads", "shrunken"]
    require_columns(table.columns, needed, what="the table of therapists")
    if "average" not in table.attrs:
        raise DesignError("table must be what al.gap_by_therapist returns; it has no average.")
    table = table.assign(**{name: numbers(table, name, "the table") for name in needed})
    place = range(1, len(table) + 1)
    style = look("therapist")
    if "note" in table.attrs:  # equal marks in a row would look like a finding
        import textwrap

        ax.axhline(table.attrs["average"], color=GREY, ls="--", lw=1)
        words = "\n".join(textwrap.wrap(table.attrs["note"], 60))
        ax.text(0.5, 0.6, words, transform=ax.transAxes, ha="center")
        ax.set_xticks([])
        ax.set_ylabel("Therapist minus client (points)")
        ax.set_title(f"n = {len(table)} therapists; dashed: average", loc="left")
        return ax
    ax.vlines(place, table["conf_low"], table["conf_high"], color=GREY, lw=1)
    fill = ["white" if n < SMALLEST_CELL else style.color for n in table["n_dyads"]]
    ax.scatter(place, table["shrunken"], 22, fill, edgecolors=style.color, zorder=3)
    ax.axhline(table.attrs["average"], color=GREY, ls="--", lw=1)
    ax.axhline(0, color=INK, lw=0.8)
    ax.set_xlabel("Therapists, by their gap (open: fewer than 5 clients)")
    ax.set_ylabel("Therapist minus client (points)")
    level = 100 * table.attrs.get("confidence", 0.95)
    ax.set_title(f"n = {len(table)} therapists; shrunken, {level:g}% intervals", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_feedback(result: GapFeedback, ax: Axes | None = None) -> Axes:
    """Draw a therapist's own gap by stage beside the clinic's; suppressed cells leave a hole."""
    if ax is None:
        with house_style():
            return plot_feedback(result, new_axes(6.3, 3.8))
    stages = list(dict.fromkeys(result.table["stage"]))
    looks = {"clinic": (GREY, "s", "--", 0.07), "own": (look("therapist").color, "o", "-", -0.07)}
    for who, (color, marker, line, shift) in looks.items():
        part = result.table[result.table["who"] == who].set_index("stage").loc[stages]
        place = [i + shift for i in range(len(stages))]
        label = {"own": "you", "clinic": "the clinic's others"}[who]
        ax.plot(place, part["estimate"], color=color, marker=marker, ls=line, label=label)
        ax.vlines(place, part["conf_low"], part["conf_high"], color=color, lw=1)
    own = result.table[result.table["who"] == "own"].set_index("stage").loc[stages, "n_dyads"]
    labels = [
        f"{stage}\n{'fewer than 5' if n != n else f'{n:.0f} clients'}"
        for stage, n in zip(stages, own, strict=True)
    ]
    ax.set_xticks(range(len(stages)), labels, fontsize=7)
    ax.axhline(0, color=INK, lw=0.8)
    ax.set_title(f"Therapist {result.therapist}", loc="right", fontsize=8)
    ax.set_ylabel("Your rating minus your client's (points)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return ax
