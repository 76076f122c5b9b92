"""The data: who is in them, what was set aside, what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...description import first_and_last, missing_by_session, missing_ratings, study_flow
from ...description.flow import Stage, attended_sessions
from ...drawing import figure_of, house_style, new_axes
from ...errors import AllianceStatsError
from .. import columns as col
from ..content import Block, Caution, Figure, Paragraph, Section, Table
from ..context import Context
from ..drawings import plot_attendance, plot_flow
from ..formatting import count, number, percent, plural
from ..suppression import SMALLEST_SHOWN, is_small, people, require_people
from .draft import Draft

LEVEL_WORDS = {"error": "error", "warning": "warning", "info": "for information"}
PURPOSES = {
    "rated": "Alliance:",
    "series": "Ruptures:",
    "ended": "Dropout:",
    "dyads": "Rating gap:",
    "change": "Outcome:",
}


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    study = context.study
    draft.attempt("The flow of clients", lambda: flow_blocks(context, draft))
    draft.attempt("The account of rows", lambda: account_blocks(study))
    draft.attempt("The problems in the data", lambda: problem_blocks(study))
    draft.attempt("Attendance", lambda: attendance_blocks(study))
    draft.attempt("Missing ratings", lambda: missing_blocks(study))
    return draft.finish()


def flow_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return the flow of clients as a figure."""
    stages = all_stages(context)
    boxes = flow_boxes(context.study, stages)
    with house_style():
        ax = plot_flow(boxes)
    draft.headline = _headline(context.study, stages[0].clients)
    figure = Figure(
        "flow",
        "From the files to the analyses: rows and clients at each step",
        figure_of(ax),
        how="Counts of rows and of different client_id; no model. Dashed: left out, and why.",
        note="A client can be in several analyses. " + _smallness(stages),
        alt="; ".join(str(text).replace("\n", " ") for text in boxes["text"]),
        data=boxes,
    )
    return [Paragraph(f"{draft.headline} {_spread(context.study)}".strip()), figure]


def all_stages(context: Context) -> list[Stage]:
    """Return the steps from the study to each analysis that its data allow."""
    try:
        score = context.alliance
        stages = study_flow(
            context.study, measure=score.measure, scale=score.scale, rater=score.rater
        )
    except AllianceStatsError:
        stages = study_flow(context.study)
    try:
        outcome = context.outcome
        pairs = first_and_last(
            context.study, measure=outcome.measure, scale=outcome.scale, rater=outcome.rater
        )
    except AllianceStatsError:
        return stages
    both = int(pairs[["pre", "post"]].notna().all(axis=1).sum())
    return [*stages, Stage("change", "two outcome scores", both, "attended")]


def _headline(study: Any, clients: int) -> str:
    tables = study.tables
    therapists = len(tables["therapists"]) if "therapists" in tables else 0
    sessions = len(tables["sessions"]) if "sessions" in tables else 0
    words = f"The study holds {people(clients, 'client')}"
    words += f" of {people(therapists, 'therapist')}" if therapists else ""
    return words + (f" and {plural(sessions, 'session')}." if sessions else ".")


def _spread(study: Any) -> str:
    """Return sessions a client and clients a therapist, in words."""
    parts = []
    came = attended_sessions(study)
    if came is not None:
        per_client = came.groupby("client_id", observed=True).size()
        parts.append(f"came to a median of {number(per_client.median(), 0)} sessions")
    clients = study.tables.get("clients")
    if clients is not None and "therapist_id" in clients.columns:
        per_therapist = clients.groupby("therapist_id", observed=True).size()
        if len(per_therapist):
            parts.append(f"a therapist saw a median of {number(per_therapist.median(), 0)} clients")
    return f"Clients {'; '.join(parts)}." if parts and came is not None else ""


def _smallness(stages: list[Stage]) -> str:
    return "Numbers under five are not shown." if any(is_small(s.clients) for s in stages) else ""


def flow_boxes(study: Any, stages: list[Stage]) -> pd.DataFrame:
    """Return the boxes of the flow: text, place and parent."""
    by_key = {stage.key: stage for stage in stages}
    boxes: list[dict[str, Any]] = []

    def add(text: str, row: int, parent: int = -1, *, side: bool = False) -> int:
        place = {"x": 0.83 if side else 0.5, "width": 0.24 if side else 0.36, "side": side}
        boxes.append({"text": text, "row": row, "parent": parent, **place})
        return len(boxes) - 1

    last, row = _row_boxes(study, add)
    first, came = by_key["clients"], by_key["attended"]
    last = add(f"{first.label}: {shown(first.clients)}", row, last)
    if came.clients < first.clients:
        add(f"never came: {shown(first.clients - came.clients)}", row, last, side=True)
    last = add(f"{came.label}: {shown(came.clients)}", row + 1, last)
    ends = [stage for stage in stages if stage.key in PURPOSES]
    for position, stage in enumerate(ends):
        text = f"{PURPOSES[stage.key]}\n{stage.label}\n{shown(stage.clients)}"
        add(text, row + 2, last)
        boxes[-1] |= {"x": (position + 0.5) / len(ends), "width": min(0.9 / len(ends), 0.3)}
    return pd.DataFrame(boxes)


def _row_boxes(study: Any, add: Any) -> tuple[int, int]:
    """Add the boxes of rows read and kept; return the last one and the next free row."""
    report = getattr(study, "report", None)
    if report is None or report.rows.empty:
        return -1, 0
    rows = report.rows[["rows_in", "rows_kept", "rows_set_aside"]].sum()
    first = add(f"Rows read: {count(rows['rows_in'])}", 0)
    if rows["rows_set_aside"]:
        add(f"set aside: {count(rows['rows_set_aside'])}", 0, first, side=True)
    return add(f"Rows kept: {count(rows['rows_kept'])}", 1, first), 2


def shown(n: int) -> str:
    """Return ``n = 12``, or ``n < 5`` for few people."""
    return f"n < {SMALLEST_SHOWN}" if is_small(n) else f"n = {count(n)}"


def account_blocks(study: Any) -> list[Block | None]:
    """Return the account of rows of each table."""
    report = getattr(study, "report", None)
    if report is None or report.rows.empty:
        return [Paragraph("The study was not read from files, so no row was set aside.")]
    table = Table(
        "rows",
        "Rows read, kept and set aside, by table",
        report.rows.reset_index(drop=True),
        (
            col.text("table", "Table"),
            col.count("rows_in", "Rows read"),
            col.count("rows_kept", "Kept"),
            col.count("rows_set_aside", "Set aside"),
        ),
        how="Counted while reading and validating; read = kept + set aside in every line. "
        "Each row that was set aside stands in run.json with its file, row and reason.",
    )
    return [table]


def problem_blocks(study: Any) -> list[Block | None]:
    """Return what validation found, by rule."""
    report = getattr(study, "report", None)
    if report is None:
        return []
    if report.issues.empty:
        return [Paragraph("Validation found nothing wrong in the data.")]
    counted = (
        report.issues.groupby(["level", "table", "rule"], sort=False, dropna=False)
        .size()
        .rename("problems")
        .reset_index()
    )
    counted["rule"] = counted["rule"].astype(str).str.replace("_", " ")
    table = Table(
        "problems",
        "What validation found",
        counted,
        (
            col.text("level", "Level", words=LEVEL_WORDS),
            col.text("table", "Table"),
            col.text("rule", "Rule"),
            col.count("problems", "Problems"),
        ),
        how="alliance-stats validate STUDY --html problems.html shows each of them at its place.",
    )
    return [table]


def attendance_blocks(study: Any) -> list[Block | None]:
    """Return how many came to each session."""
    table = missing_by_session(study)
    if table.empty:
        return [Caution("The study has no table of sessions, so missed sessions are not known.")]
    require_people(int(table["in_therapy"].max()), "clients came to sessions")
    total = table[["attended", "missed", "not_recorded"]].sum()
    share = 1 - total["attended"] / total.sum()
    with house_style():
        ax = plot_attendance(table, new_axes(6.3, 3.0), smallest_n=SMALLEST_SHOWN)
    late = table.loc[table["in_therapy"] < SMALLEST_SHOWN, "session"]
    cut = f" Sessions from {count(late.min())} on (fewer than five clients) are left out." * bool(
        len(late)
    )
    figure = Figure(
        "attendance",
        "Clients still in therapy at each session, and whether the session took place",
        figure_of(ax),
        how="A client is in therapy up to the last session in the table of sessions. Missed: the "
        "row says attended = false. No record: no row although a later session exists.",
        note=f"Of {count(total.sum())} expected sessions {count(total['attended'])} took place; "
        f"{percent(share)} did not or are not recorded. Where fewer than five clients missed a "
        f"session they are drawn as if they had come.{cut}",
        data=table.loc[table["in_therapy"] >= SMALLEST_SHOWN, ["session", "in_therapy"]],
    )
    return [figure]


def missing_blocks(study: Any) -> list[Block | None]:
    """Return how many sessions were rated, by rater."""
    table = missing_ratings(study)
    if table.empty:
        return [Caution("The study holds no session scores.")]
    table = table[~table["n_clients"].map(is_small)].assign(
        measure=lambda t: t["measure"].astype(str).str.upper()
    )
    shown_table = Table(
        "missing",
        "Sessions that took place, and the scores they have, by measure, rater and scale",
        table.reset_index(drop=True),
        (
            col.text("measure", "Measure"),
            col.text("rater", "Rater"),
            col.text("scale", "Scale"),
            col.count("n_sessions", "Sessions"),
            col.count("n_scored", "Scored"),
            col.count("n_incomplete", "Too few items"),
            col.count("n_missing", "Not filled in"),
            col.percent("share_missing", "Without score"),
            col.count("n_clients", "Clients"),
        ),
        how="Scores by the measures' cards and their rules for missing items. Sessions without a "
        "score are left out of what follows, not filled in.",
    )
    return [shown_table]
