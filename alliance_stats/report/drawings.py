"""The report's own pictures: each draws a table that somebody else computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from ..core.arguments import finite, numbers
from ..core.display.formatting import count
from ..core.drawing import (
    GREY,
    INK,
    PALE,
    SERIES,
    house_style,
    in_percent,
    legend_above,
    look,
    looks,
    new_axes,
)
from ..core.people import SESSION
from ..errors import DesignError, require_columns
from ..study.times import OCCASION

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_course(
    course: pd.DataFrame,
    ax: Axes | None = None,
    *,
    label: str = "Mean score (points)",
    smallest_n: float = 5,
) -> Axes:
    """Draw mean scores by session and rater with their intervals, and n below the axis.

    Parameters
    ----------
    course
        What `mean_course` gives.
    ax
        Where to draw; new axes in the house style unless given.
    label
        The score with its unit, for the axis.
    smallest_n
        Points of fewer clients are left out; those whose `n` is missing are drawn.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    >>> scores = study.scores.query("measure == 'wai-sr' and scale == 'total'")
    >>> ax = al.plot_course(al.mean_course(scores), label="WAI-SR total (points, 1-5)")
    >>> ax.get_ylabel()
    'WAI-SR total (points, 1-5)'
    """
    if ax is None:
        with house_style():
            return plot_course(course, new_axes(), label=label, smallest_n=smallest_n)
    drawn = ["mean", "conf_low", "conf_high"]
    time = _time_in(course)
    if time != SESSION and not is_numeric_dtype(course[time]):
        kept = course[~(course["n"] < smallest_n)].assign(group=course["rater"].astype(str))
        order = list(pd.unique(course[time]))
        kept = kept.rename(columns={time: OCCASION})
        return plot_occasions(kept, ax, order=order, label=label, groups=kept["group"])
    course = course.rename(columns={time: SESSION})
    require_columns(course.columns, ["rater", "session", "n", *drawn], what="the course")
    smallest_n = finite(smallest_n, "smallest_n")
    drawn += ["session", "n"]
    course = course.assign(**{name: numbers(course, name, "the course") for name in drawn})
    course = course[~(course["n"] < smallest_n)].dropna(subset=["rater", "session"])
    if course.empty:
        raise DesignError(f"No session of the course has {smallest_n} clients or more to draw.")
    if course.duplicated(["rater", "session"]).any():
        raise DesignError("The course must have one row a rater and session; some are there twice.")
    raters = list(dict.fromkeys(course["rater"].astype(str)))
    for position, rater in enumerate(raters):
        part, style = course[course["rater"] == rater], look(rater, position)
        ax.fill_between(
            part["session"],
            part["conf_low"],
            part["conf_high"],
            color=style.color,
            alpha=0.16,
            lw=0,
        )
        ax.plot(
            part["session"],
            part["mean"],
            color=style.color,
            linestyle=style.linestyle,
            marker=style.marker,
            label=rater.capitalize(),
        )
    sure = course[~(course["n"] < 5)]  # an interval of few may run far beyond the scale
    ends = pd.concat([course["mean"], sure["conf_low"], sure["conf_high"]]).dropna()
    margin = 0.08 * max(float(np.ptp(ends)), 0.1)
    ax.set_ylim(ends.min() - margin, ends.max() + margin)
    ax.set_ylabel(label)
    ax.legend(title="Rater", loc="best")
    session_axis(ax, course["session"])
    ax.set_xlabel(time.replace("_", " ").capitalize())
    counts = {rater: course[course["rater"] == rater].set_index("session")["n"] for rater in raters}
    told = {f"n {rater}": series for rater, series in counts.items() if series.notna().any()}
    write_counts(ax, told)
    return ax


def _time_in(course: pd.DataFrame) -> str:
    """Return the column of time in what `mean_course` gave: that behind the rater."""
    names = list(map(str, course.columns))
    if SESSION in names or "rater" not in names[:-1]:
        return SESSION
    return names[names.index("rater") + 1]


def plot_occasions(
    course: pd.DataFrame, ax: Axes, *, order: Sequence[str], label: str, groups: Iterable[Any]
) -> Axes:
    """Draw means with intervals at each occasion, a line a group.

    Parameters
    ----------
    course
        ``group, occasion, mean, conf_low, conf_high``.
    order
        The occasions from left to right, the same distance apart whatever the time between them.
    groups
        All groups of the study, drawn or not: each has the look that it has in other figures.
    """
    styles, drawn = looks(map(str, groups)), list(dict.fromkeys(course["group"]))
    for position, group in enumerate(drawn):
        part, style = course[course["group"] == group], styles[str(group)]
        # beside one another, or the intervals of one hide those of another
        x = part["occasion"].map(list(order).index) + 0.08 * (position - (len(drawn) - 1) / 2)
        reach = [part["mean"] - part["conf_low"], part["conf_high"] - part["mean"]]
        ax.errorbar(
            x, part["mean"], yerr=reach, color=style.color, linestyle=style.linestyle,
            marker=style.marker, capsize=2, label=str(group),
        )  # fmt: skip
    ax.set_xticks(range(len(order)), list(order))
    ax.set_xlabel("Occasion")
    ax.set_ylabel(label)
    legend_above(ax)
    return ax


def session_axis(ax: Axes, sessions: pd.Series) -> None:
    """Let the horizontal axis show whole sessions, from the first (0: an intake): 1, 5, 10 ..."""
    first, last = min(1, int(sessions.min())), int(sessions.max())
    step = 1 if last <= 12 else 2 if last <= 16 else 5 if last <= 40 else 10
    ticks = sorted({first, *range(step, last + 1, step)})
    ax.set_xticks(ticks)
    ax.set_xlim(first - 0.6, last + 0.6)
    ax.set_xlabel("Session")


def write_counts(ax: Axes, counts: dict[str, pd.Series]) -> None:
    """Write a line of numbers for each series under the axis, at its ticks."""
    ax.set_xlabel(ax.get_xlabel() + "\n" * (len(counts) + 1), linespacing=1.25)
    for line, (name, series) in enumerate(counts.items()):
        below = -39 - 11 * line  # points under the axis: tick labels and the axis label come first
        ax.annotate(
            name, (0, 0), xytext=(-8, below), xycoords="axes fraction",
            textcoords="offset points", ha="right", va="center", fontsize=7, color=GREY,
        )  # fmt: skip
        for tick in ax.get_xticks():
            if tick in series.index and series[tick] == series[tick]:
                ax.annotate(
                    count(series[tick]), (tick, 0), xytext=(0, below),
                    xycoords=ax.get_xaxis_transform(), textcoords="offset points",
                    ha="center", va="center", fontsize=7, color=GREY,
                )  # fmt: skip


def plot_attendance(drawn: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how many of those still in therapy came to each session, missed it, or are unknown.

    Parameters
    ----------
    drawn
        ``session, in_therapy, attended, missed, not_recorded``; a bar without parts (NaN) is one.
    """
    kinds = (
        ("attended", "came", SERIES[0].color, ""),
        ("missed", "missed (recorded)", "#e6a06b", "///"),
        ("not_recorded", "no record of the session", "#ffffff", "..."),
        ("undivided", "not divided", PALE, ""),
    )
    whole = drawn["in_therapy"].where(drawn["attended"].isna(), 0)
    drawn = drawn.assign(undivided=whole).fillna(0)
    floor = np.zeros(len(drawn))
    for column, name, colour, hatch in kinds:
        height = drawn[column].to_numpy(dtype=float)
        if height.sum():
            ax.bar(
                drawn["session"], height, 0.78, bottom=floor, label=name, color=colour,
                hatch=hatch, edgecolor=GREY if hatch else colour, linewidth=0.3,
            )  # fmt: skip
        floor += height
    ax.set_ylabel("Clients still in therapy")
    if len(drawn) > np.sum(drawn["undivided"] > 0):  # one kind of bar needs no legend
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    session_axis(ax, drawn["session"])
    return ax


def plot_client_course(
    sessions: pd.DataFrame, episodes: pd.DataFrame, ax: Axes, *, label: str
) -> Axes:
    """Draw one client's scores with the ruptures and repairs found in them.

    A dotted line spans sessions without a score: nothing is known of what happened there.

    Parameters
    ----------
    sessions
        ``session, score`` of one client, in order.
    episodes
        ``rupture_session, nadir_session, repair_session, outcome`` of the same client.
    """
    style = SERIES[0]
    score = sessions.set_index("session")["score"]
    every = score.reindex(range(int(score.index.min()), int(score.index.max()) + 1))
    ax.plot(score.index, score, color=style.color, lw=0.9, ls=":", zorder=2)  # over what is missing
    ax.plot(every.index, every, color=style.color, marker=style.marker, zorder=3)
    repairs = episodes["repair_session"].to_numpy(dtype=float, na_value=np.nan)
    for n, start in enumerate(episodes["rupture_session"].to_numpy(dtype=float)):
        repair = float(repairs[n])
        ended = not np.isnan(repair)
        end = repair if ended else sessions["session"].max()
        ax.axvspan(start - 0.5, end + (0 if ended else 0.4), color=PALE, alpha=0.6, lw=0, zorder=1,
                   label="episode" if n == 0 else None)  # fmt: skip
        _mark(ax, start, score, "v", "#c8510a", "rupture" if n == 0 else None)
        if ended:
            first = bool(np.isnan(repairs[:n]).all())
            _mark(ax, repair, score, "^", "#3a9d6e", "repair" if first else None)
    ax.set_ylabel(label)
    session_axis(ax, sessions["session"])
    if len(episodes):
        ax.legend(loc="best")
    return ax


def _mark(
    ax: Axes, session: float, score: pd.Series, marker: str, color: str, name: str | None
) -> None:
    if session in score.index:
        ax.plot([session], [score[session]], marker, color=color, ms=10, mec="white", mew=0.8,
                zorder=4, label=name)  # fmt: skip


PRE_POST_MARKS = {
    "recovered": ("o", "#0b4f6c"),
    "improved": ("^", "#3a9d6e"),
    "unchanged": (".", "#8c8c8c"),
    "deteriorated": ("v", "#c8510a"),
}


def plot_pre_post(
    clients: pd.DataFrame, ax: Axes, *, label: str, cutoff: float | None, smallest: float | None
) -> Axes:
    """Draw each client's first against last score, with the lines a category is told by.

    Parameters
    ----------
    clients
        ``pre, post, category``.
    cutoff
        The line between clinical and functional, in points.
    smallest
        The smallest change that counts as reliable, in points.
    """
    low, high = _limits(clients)
    ax.plot([low, high], [low, high], color=INK, lw=0.8, zorder=1)
    if smallest is not None:
        for shift in (-smallest, smallest):
            ax.plot([low, high], [low + shift, high + shift], color=GREY, lw=0.8, ls="--", zorder=1,
                    label="reliable change" if shift > 0 else None)  # fmt: skip
    if cutoff is not None:
        ax.axhline(cutoff, color=GREY, lw=0.8, ls=":", label="cut-off", zorder=1)
        ax.axvline(cutoff, color=GREY, lw=0.8, ls=":", zorder=1)
    for name, (marker, color) in PRE_POST_MARKS.items():
        part = clients[clients["category"] == name]
        if len(part):
            ax.scatter(part["pre"], part["post"], s=18, c=color, marker=marker, alpha=0.75, lw=0,
                       label=name, zorder=3)  # fmt: skip
    ax.set(xlim=(low, high), ylim=(low, high), xlabel=f"First {label}", ylabel=f"Last {label}")
    ax.set_aspect("equal")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def _limits(clients: pd.DataFrame) -> tuple[float, float]:
    values = clients[["pre", "post"]].to_numpy(dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.04 * (high - low or 1.0)
    return low - margin, high + margin


def plot_gap(
    dyads: pd.DataFrame, ax: Axes, *, unit: str, mean: float, limits: Sequence[Any]
) -> Axes:
    """Draw every dyad's mean gap against its mean rating, with mean and limits of agreement.

    Parameters
    ----------
    dyads
        ``level`` (mean of both raters) and ``gap`` (therapist minus client), a row a dyad.
    mean, limits
        The mean gap and the limits of agreement that were computed.
    """
    ax.scatter(dyads["level"], dyads["gap"], 16, SERIES[0].color, alpha=0.6, lw=0, zorder=2)
    ax.axhline(0, color=INK, lw=0.8, zorder=1)
    ax.axhline(mean, color=SERIES[1].color, lw=1.6, zorder=3, label="mean gap")
    for n, limit in enumerate(limits):
        if limit == limit:
            ax.axhline(limit, color=SERIES[1].color, lw=1, ls="--", zorder=3,
                       label="95% limits of agreement" if n == 0 else None)  # fmt: skip
    ax.set_xlabel(f"Mean of both raters ({unit})")
    ax.set_ylabel(f"Therapist minus client ({unit})")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return ax


def plot_incidence(drawn: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share who had dropped out by the sessions at which it may be told.

    Parameters
    ----------
    drawn
        ``time, incidence, conf_low, conf_high, one_minus_km``, a row a session.
    """
    style = SERIES[0]
    time = np.append(0, drawn["time"])
    share = np.append(0, drawn["incidence"])
    ax.fill_between(
        time, np.append(0, drawn["conf_low"]), np.append(0, drawn["conf_high"]),
        color=style.color, alpha=0.15, lw=0,
    )  # fmt: skip
    ax.plot(time, share, color=style.color, marker=style.marker, label="Dropout")
    ax.plot(time, np.append(0, drawn["one_minus_km"]), color=GREY, ls=":", marker=".",
            label="1 − Kaplan-Meier (ignores completion)")  # fmt: skip
    ax.set(xlim=(0, None), ylim=(0, None), xlabel="Session", ylabel="Cumulative share of clients")
    ax.locator_params(axis="x", integer=True)  # there is no half session
    in_percent(ax.yaxis)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
    return ax
