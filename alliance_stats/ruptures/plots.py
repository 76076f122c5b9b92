"""Pictures of ruptures: each takes a result and returns the Axes it drew on.

What is drawn comes from the functions that end in ``_data``. Ruptures, nadirs and repairs differ
in shape, not only in colour, so that a grey print can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.display import formatting as fmt
from ..core.drawing import GREY, INK, PALE, new_axes
from ..errors import DesignError, did_you_mean, listing
from .rules import find_rule, short_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .chance.table import ChanceTable
    from .observers.agreement import RuleAgreement
    from .observers.recognition import ReportAgreement
    from .result import Ruptures

RUPTURE, REPAIR = "#B5402B", "#1F6FA8"
MARKERS = "vDsPX*"


def course_data(result: Ruptures, client_id: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one client's sessions and episodes, with unobserved sessions as missing scores.

    Sessions without a row are added, so that a line through the scores breaks where they are.
    """
    sessions = result.sessions[result.sessions["client_id"] == client_id]
    if sessions.empty:
        known = result.clients["client_id"]
        raise DesignError(
            f"There is no client {client_id!r}; the clients are {listing(known, 4)}."
            f"{did_you_mean(client_id, known)}"
        )
    episodes = result.episodes[result.episodes["client_id"] == client_id]
    numbers = sessions["session"]
    every = pd.RangeIndex(numbers.min(), numbers.max() + 1, name="session")
    missing = every.difference(pd.Index(numbers))
    filled = sessions
    if len(missing):
        gaps = pd.DataFrame({"session": missing, "client_id": client_id, "flag": False})
        filled = pd.concat([sessions, gaps], ignore_index=True).sort_values("session")
    return filled.reset_index(drop=True), episodes.reset_index(drop=True)


def plot_course(
    result: Ruptures, client_id: Any, *others: Ruptures, ax: Axes | None = None
) -> Axes:
    """Draw one client's course; ruptures of other rules stand as marks below it."""
    ax = new_axes() if ax is None else ax
    sessions, episodes = course_data(result, client_id)
    _draw_course(ax, result, sessions, episodes)
    for row, other in enumerate(others):
        found = course_data(other, client_id)[1]["rupture_session"]
        level = np.full(len(found), 0.04 + 0.06 * row)
        ax.plot(
            found,
            level,
            MARKERS[(row + 1) % len(MARKERS)],
            transform=ax.get_xaxis_transform(),
            color=INK,
            markerfacecolor="none",
            label=f"rupture by {find_rule(other.rule).short}",
        )
    if others:
        ax.margins(y=0.25)
    n = int(sessions["score"].notna().sum()) or len(sessions)
    ax.set_title(
        f"Client {client_id}, n = {n} sessions; rupture: {find_rule(result.rule).short}",
        fontsize=10,
    )
    ax.set_xlabel("Session")
    ax.set_ylabel(_score_label(result, sessions))
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _score_label(result: Ruptures, sessions: pd.DataFrame) -> str:
    if sessions["score"].isna().all():
        return f"Distance ({result.unit})"
    return f"Score ({str(result.parameters['direction']).replace('_', ' ')})"


def _draw_course(
    ax: Axes, result: Ruptures, sessions: pd.DataFrame, episodes: pd.DataFrame
) -> None:
    from matplotlib.ticker import MaxNLocator

    column = "distance" if sessions["score"].isna().all() else "score"
    label = "episode"
    for first, last in zip(episodes["rupture_session"], episodes["last_session"], strict=True):
        ax.axvspan(first - 0.35, last + 0.35, color=PALE, zorder=0, label=label, linewidth=0)
        label = "_one legend entry is enough"
    x, y = sessions["session"], sessions[column]
    ax.plot(x, y, "-o", color=INK, markersize=3.5, linewidth=1.2, label=column)
    at = sessions.set_index("session")[column]
    marks = (
        ("rupture_session", "v", RUPTURE, RUPTURE, "rupture"),
        ("nadir_session", "o", "none", RUPTURE, "nadir"),
        ("repair_session", "^", REPAIR, REPAIR, "repair"),
    )
    for name, marker, face, edge, label in marks:
        when = episodes[name].dropna().astype(int)
        if len(when):
            ax.plot(
                when,
                at.loc[when],
                marker,
                markersize=9,
                markerfacecolor=face,
                markeredgecolor=edge,
                linestyle="none",
                label=label,
            )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)


def chart_data(result: Ruptures, client_id: Any) -> pd.DataFrame:
    """Return session, score, centre, limit, flag of one client's control chart."""
    if result.limits is None:
        raise DesignError(
            f"The rule '{result.rule}' has no control limits; control_chart, ewma and cusum have."
        )
    sessions = course_data(result, client_id)[0]
    limits = result.limits.set_index("client_id").loc[client_id]
    trend = np.nan_to_num(limits["intercept"] + limits["slope"] * sessions["session"])
    columns = {name: trend + limits[name] for name in ("lower", "upper")}
    chart = sessions[["session", "score", "flag", "distance", "reference", "threshold"]]
    return chart.assign(centre=trend + limits["centre"], **columns)


def plot_control_chart(result: Ruptures, client_id: Any, *, ax: Axes | None = None) -> Axes:
    """Draw a control chart: the scores with their limits, or what EWMA and CUSUM watch."""
    chart = chart_data(result, client_id)
    ax = new_axes() if ax is None else ax
    by_score = result.rule == "control_chart"
    if by_score:
        ax.plot(chart["session"], chart["centre"], color=GREY, linewidth=1, label="centre")
        for name, label in (("lower", "limits"), ("upper", None)):
            ax.plot(chart["session"], chart[name], "--", color=INK, linewidth=1, label=label)
        y, ylabel = chart["score"], _score_label(result, chart)
    else:
        k = result.parameters["k"]
        ax.axhline(k, color=INK, linestyle="--", linewidth=1, label=f"limit ({k:g})")
        ax.axhline(0, color=GREY, linewidth=1)
        y, ylabel = chart["distance"], f"Fall ({result.unit})"
    ax.plot(chart["session"], y, "-o", color=INK, markersize=3.5, linewidth=1.2)
    flagged = chart["flag"].astype(bool)
    ax.plot(
        chart["session"][flagged],
        y[flagged],
        "v",
        color=RUPTURE,
        markersize=9,
        label="beyond the limit",
    )
    auto = result.limits.set_index("client_id").loc[client_id, "autocorrelation"]  # type: ignore[union-attr]
    n = int(chart["score"].notna().sum())
    ax.set_title(
        f"Client {client_id}, n = {n} sessions; {find_rule(result.rule).short}, "
        f"lag-1 autocorrelation {fmt.number(auto, bounded=True)}",
        fontsize=10,
    )
    ax.set(xlabel="Session", ylabel=ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def plot_small_multiples(
    result: Ruptures, client_ids: Sequence[Any] | None = None, *, columns: int = 4
) -> NDArray:
    """Draw the courses of several clients side by side, on the same axes; return the Axes."""
    from matplotlib.figure import Figure

    if client_ids is None:
        without = (result.clients["n_ruptures"].fillna(0) == 0).to_numpy(dtype=bool)
        order = without.argsort(kind="stable")
        client_ids = result.clients["client_id"].iloc[order[:12]].tolist()
    rows = -(-len(client_ids) // columns)
    figure = Figure(figsize=(2.4 * columns, 1.7 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, client_id in zip(axes.flat, client_ids, strict=False):
        sessions, episodes = course_data(result, client_id)
        _draw_course(ax, result, sessions, episodes)
        ax.set_title(f"{client_id} (n = {int(sessions['score'].notna().sum())})", fontsize=8)
    for ax in axes.flat[len(client_ids) :]:
        ax.set_visible(False)
    figure.supxlabel("Session", fontsize=9)
    figure.supylabel(_score_label(result, result.sessions), fontsize=9)
    total = len(result.clients)
    figure.suptitle(
        f"{len(client_ids)} of {total} clients; rupture: {find_rule(result.rule).short}  "
        "(▼ rupture, ○ nadir, ▲ repair, grey: episode)",
        fontsize=9,
    )
    return axes


def heatmap_data(result: Ruptures) -> pd.DataFrame:
    """Return distance, a row a client and a column a session; missing where not judged.

    Clients with the earliest rupture come first, those without one last.
    """
    table = result.sessions.set_index(["client_id", "session"])["distance"].unstack()  # noqa: PD010
    first = result.clients.set_index("client_id")["first_rupture"].astype("Float64")
    return table.loc[first.sort_values(na_position="last", kind="stable").index]


def _cells_at_sessions(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return edges and cells, one session wide each; sessions nobody had stay empty."""
    values = table.to_numpy(dtype=float)
    sessions = [int(session) for session in table.columns]
    edges, cells = [sessions[0] - 0.5], []
    for session, column in zip(sessions, values.T, strict=True):
        if session - 0.5 > edges[-1]:
            edges.append(session - 0.5)
            cells.append(np.full(len(table), np.nan))
        edges.append(session + 0.5)
        cells.append(column)
    return np.array(edges, dtype=float), np.column_stack(cells)


def plot_heatmap(result: Ruptures, *, ax: Axes | None = None) -> Axes:
    """Draw all clients: how far each session has fallen, with ruptures and repairs marked."""
    from matplotlib.ticker import MaxNLocator

    table = heatmap_data(result)
    ax = new_axes(7.5, min(12.0, 2.0 + 0.09 * len(table))) if ax is None else ax
    edges, cells = _cells_at_sessions(table)
    values = np.ma.masked_invalid(cells)
    top = float(np.quantile(values.compressed(), 0.98)) if values.count() else 1.0
    mesh = ax.pcolormesh(
        edges, np.arange(len(table) + 1), values, cmap="Greys", vmin=0, vmax=max(top, 1e-9)
    )
    row = pd.Series(np.arange(len(table)) + 0.5, index=table.index)
    marks = (
        ("rupture_session", "v", RUPTURE, "rupture"),
        ("repair_session", "^", REPAIR, "repair"),
    )
    for name, marker, colour, label in marks:
        found = result.episodes.dropna(subset=[name])
        where = row.loc[found["client_id"]].to_numpy()
        ax.scatter(
            found[name].astype(int), where, s=14, c=colour, marker=marker, label=label, linewidths=0
        )
    ax.invert_yaxis()
    ax.patch.set(hatch="//////", edgecolor="#BBBBBB", facecolor="white")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(
        xlabel="Session (hatched: not judged)",
        ylabel=f"Clients (n = {len(table)}), earliest rupture first",
    )
    ax.set_yticks([])
    ax.figure.colorbar(mesh, ax=ax, label=f"Fall ({result.unit})", shrink=0.8, extend="both")
    ax.legend(fontsize=8, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    ax.set_title(f"Rupture: {find_rule(result.rule).short}", fontsize=10, loc="left")
    return ax


def plot_agreement(
    agreement: RuleAgreement, *, ax: Axes | None = None, column: str = "kappa"
) -> Axes:
    """Draw the matrix of agreement between rules, with its numbers."""
    table = agreement.matrix(column)
    size = 2.6 + 0.75 * len(table)
    ax = new_axes(size + 1.2, size) if ax is None else ax
    values = np.ma.masked_invalid(table.to_numpy(dtype=float))
    low = min(0.0, float(values.min()))
    high = 1.0 if column == "kappa" else float(values.max())
    ax.imshow(values, cmap="Greys", vmin=low, vmax=high + 1e-9)
    for (i, j), value in np.ndenumerate(table.to_numpy(dtype=float)):
        shown = "–" if np.isnan(value) else f"{value:.2f}" if column == "kappa" else f"{value:g}"
        dark = not np.isnan(value) and (value - low) / (high - low + 1e-9) > 0.55
        ax.text(j, i, shown, ha="center", va="center", color="white" if dark else INK, fontsize=8)
    names = [short_of(name) for name in table.columns]
    ax.set_xticks(range(len(table)), names, rotation=40, ha="right", fontsize=8)
    ax.set_yticks(range(len(table)), names, fontsize=8)
    n = len(agreement.classes)
    ax.set_title(f"{column.capitalize()} between rules, n = {n} clients", fontsize=10)
    return ax


def plot_chance(table: ChanceTable, *, ax: Axes | None = None) -> Axes:
    """Draw ruptures and repairs found, on the counts of courses without ruptures."""
    if table["null_low"].isna().any():
        raise DesignError("No session could be judged, so there is nothing to draw against chance.")
    ax = new_axes(height=2.0) if ax is None else ax
    rows = np.arange(len(table))[::-1]
    ax.barh(
        rows, table["null_high"] - table["null_low"], left=table["null_low"], height=0.45,
        color=PALE, label="Without ruptures: middle 95 %",
    )  # fmt: skip
    ax.vlines(table["expected"], rows - 0.225, rows + 0.225, color=GREY, label="Expected")
    for row, event, found in zip(rows, table["event"], table["observed"], strict=True):
        color, marker = (RUPTURE, "v") if event == "rupture" else (REPAIR, "^")
        ax.plot(found, row, marker, color=color, ms=8, label=f"{event.capitalize()}s found")
    ax.set_yticks(rows, [f"{event.capitalize()}s" for event in table["event"]])
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlim(left=0)
    ax.set_xlabel("Number in all clients")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return ax


def plot_reports(reports: ReportAgreement, *, ax: Axes | None = None) -> Axes:
    """Draw how many sessions had a rupture reported by both, one, or neither."""
    ax = new_axes(6.0, 2.4) if ax is None else ax
    cells = reports.cells.dropna(subset=["n_sessions"])
    labels = cells["cell"].str.replace("_", " ")
    counts = cells["n_sessions"].astype(int)
    bars = ax.barh(labels, counts, color=[INK, RUPTURE, REPAIR, PALE][: len(cells)])
    ax.bar_label(bars, labels=[str(count) for count in counts], padding=3, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel(f"Sessions (n = {int(counts.sum())})")
    ax.set_title("Who reported a rupture", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
