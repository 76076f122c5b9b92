"""Pictures of the models: what is drawn comes from the results' tables or from ``*_data``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.display.formatting import p_sentence
from ..plots import GREY, INK, REPAIR, RUPTURE, new_axes
from ..rules import find_rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {"rupture": ("rupture", RUPTURE, "o"), "pseudo": ("pseudo-event", GREY, "s")}


def tidy_up(ax: Axes) -> Axes:
    """Take away the frame's upper and right side."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def forest(ax: Axes, table: pd.DataFrame, labels: list[str], marker: str = "o") -> None:
    """Draw estimates with intervals, the first on top."""
    y = np.arange(len(table))[::-1]
    ax.axvline(0, color=GREY, linewidth=1)
    ax.hlines(y, table["conf_low"], table["conf_high"], color=INK, linewidth=1.4)
    ax.plot(table["estimate"], y, marker, color=INK, markersize=5)
    ax.set_yticks(y, labels, fontsize=8)
    ax.set_ylim(-0.6, len(table) - 0.4)


def coefficient_data(result: Any) -> pd.DataFrame:
    """Return the forward models' within-client (or raw) coefficients of rupture and repair."""
    table = result.table
    suffix = "" if result.choices.centring == "none" else "_within"
    names = [f"{name}_lag{result.choices.lag}{suffix}" for name in result.choices.predictors]
    kept = (table["direction"] == "forward") & table["term"].isin(names)
    return table[kept].reset_index(drop=True)


def plot_coefficients(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw rupture and repair coefficients of the outcome's models."""
    table = coefficient_data(result)
    table = table[table["response"] == "outcome"]
    ax = new_axes(7.0, 1.2 + 0.35 * len(table)) if ax is None else ax
    words = table["term"].str.replace("_within", "").str.replace(r"_lag(\d+)", "", regex=True)
    labels = [
        f"{term.replace('_', ' ')} ({levels} levels)"
        for term, levels in zip(words, table["levels"], strict=True)
    ]
    forest(ax, table, labels)
    first = next(iter(result.fits.values()))
    ax.set_xlabel("Next session's outcome (points), 95 % interval")
    ax.set_title(
        f"Rupture: {find_rule(result.ruptures.rule).short}; n = {first.nobs} sessions, "
        f"{first.n_groups['client_id']} clients",
        fontsize=10,
        loc="left",
    )
    return tidy_up(ax)


def plot_event_study(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the mean course around ruptures and pseudo-events with intervals over clients."""
    ax = new_axes(6.4, 3.6) if ax is None else ax
    counts = {"rupture": result.counts["used"], "pseudo": result.counts["pseudo"]}
    for number, (kind, (label, colour, marker)) in enumerate(KINDS.items()):
        own = result.course[result.course["kind"] == kind]
        if own.empty:
            continue
        x = own["clock"].to_numpy() + 0.08 * (number - 0.5)
        ax.vlines(x, own["conf_low"], own["conf_high"], color=colour, linewidth=1.2)
        style = "-" if kind == "rupture" else "--"
        words = f"{label} (n = {counts[kind]})"
        ax.plot(x, own["mean"], style, marker=marker, color=colour, markersize=5, label=words)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.axvline(-0.5, color=GREY, linewidth=0.8, linestyle=":")
    series, lag = result.settings["series"], result.settings["lag"]
    zero = "the rupture" if lag == 0 else f"{lag} session(s) after the rupture"
    ax.set_xlabel(f"Sessions from {zero}")
    ax.set_ylabel(f"{series.capitalize()} (points from\nthe event's mean before)")
    ax.set_title(
        f"Rupture: {find_rule(result.ruptures.rule).short}; n = {result.n_clients} clients",
        fontsize=10,
        loc="left",
    )
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return tidy_up(ax)


def asymmetric_data(result: Any) -> pd.DataFrame:
    """Return the change of the outcome for a rise and for a fall of one point."""
    return result.table[result.table["term"].isin(["rise", "fall"])].reset_index(drop=True)


def plot_asymmetric(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw both slopes; the fall is mirrored (hollow) to show where equality would put the rise."""
    table = asymmetric_data(result)
    ax = new_axes(6.4, 2.2) if ax is None else ax
    counts = {"rise": result.n_rises, "fall": result.n_falls}
    labels = [f"{term} of 1 point (n = {counts[term]})" for term in table["term"]]
    forest(ax, table, labels)
    mirrored = -float(table.loc[table["term"] == "fall", "estimate"].iloc[0])
    ax.plot(
        mirrored, 1, "o", markersize=8, color=REPAIR, markerfacecolor="none", label="fall, mirrored"
    )
    ax.set_xlabel("Change of the outcome (points), 95 % interval")
    ax.set_title(
        f"n = {result.n_clients} clients; equality {p_sentence(result.equality['p_value'])}",
        fontsize=10,
        loc="left",
    )
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return tidy_up(ax)


def plot_classes(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how the classes of clients differ from those without a rupture."""
    table = result.table[result.table["term"].str.startswith("class: ")]
    ax = new_axes(6.4, 1.4 + 0.4 * len(table)) if ax is None else ax
    counts = result.counts.set_index("class")["n"]
    names = table["term"].str.removeprefix("class: ")
    labels = [f"{name} (n = {counts.get(name, 0)})" for name in names]
    forest(ax, table, labels)
    ax.set_xlabel(f"Later outcome against no rupture (n = {counts.get('none', 0)}), points")
    ax.set_title(f"Class known by session {result.landmark}", fontsize=10, loc="left")
    return tidy_up(ax)


def plot_rates(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw rate ratios with intervals, on a log scale."""
    from matplotlib.ticker import FormatStrFormatter, MaxNLocator, NullLocator

    table = result.table[result.table["term"] != "Intercept"]
    ax = new_axes(6.4, 1.4 + 0.4 * len(table)) if ax is None else ax
    columns = ["estimate", "conf_low", "conf_high"]
    forest(ax, np.exp(table[columns]), list(table["term"]))
    ax.lines[0].set_visible(False)
    ax.axvline(1, color=GREY, linewidth=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("Rate ratio of ruptures a judged session, 95 % interval")
    ax.set_title(f"n = {result.n_clients} clients", fontsize=10, loc="left")
    return tidy_up(ax)
