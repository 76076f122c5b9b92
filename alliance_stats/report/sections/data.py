"""The data: who is in them, what was set aside, what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...core.display import columns as col
from ...core.display.formatting import count, number
from ...core.drawing import house_style, new_axes
from ...core.people import SESSION
from ...core.precision import rounded
from ...description import first_and_last, missing_by_session, missing_ratings, study_flow
from ...description.flow import Stage, attended_sessions
from ...errors import AllianceStatsError, listing
from ...study import Study
from ...study.times import OCCASION
from ..content import Block, Caution, Paragraph, Section
from ..context import Context
from ..drawings import plot_attendance
from ..flow_drawing import plot_flow
from ..wording import figure, labels, table
from .draft import Draft
from .planned import planned_blocks
from .sample import sample_block

LEVEL_WORDS, PURPOSES = labels("levels"), labels("purposes")
NEED_SESSIONS = ("series",)
NO_SESSIONS = {
    SESSION: "The study has no table of sessions, so missed sessions are not known.",
    OCCASION: "The study was measured at occasions and holds no sessions: attendance, ruptures and "
    "what follows from one session to the next need sessions.",
}
FEW_IN_ARM = (
    "The clients are in arms. By arm nothing is told in a report that may travel: it would be "
    "about few people, or tell of few beside the rest."
)
ACCOUNT = (
    "How many rows were read and set aside, why, and what validation found stands in the private "
    "account, which stays with the study."
)
FEWEST_BARS = 4
PARTS = ("attended", "missed", "not_recorded")


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    if context.arms is None:  # else the trial's section begins with it
        draft.attempt("The sample", lambda: [sample_block(context, draft)])
        draft.add(Caution(FEW_IN_ARM) if len(set(context.arms_held)) > 1 else None)
    draft.attempt("The registered design", lambda: planned_blocks(context))
    draft.attempt("The flow of clients", lambda: flow_blocks(context, draft))
    if context.disclosure.everything:
        draft.attempt("The account of rows", lambda: account_blocks(context))
        draft.attempt("The problems in the data", lambda: problem_blocks(context))
    else:  # whose the rows were is not always known: each may be somebody else's
        draft.add(Paragraph(ACCOUNT))
    draft.attempt("Attendance", lambda: attendance_blocks(context))
    draft.attempt("Missing ratings", lambda: missing_blocks(context))
    return draft.finish()


def flow_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return the flow of clients as a figure."""
    stages = all_stages(context)
    boxes = flow_boxes(context, stages)
    with house_style():
        ax = plot_flow(boxes)
    draft.headline = _headline(context, stages[0])
    flow = figure(
        "flow",
        ax,
        withheld=boxes["text"].str.contains("withheld").any(),
        alt="; ".join(str(text).replace("\n", " ") for text in boxes["text"]),
        data=boxes,
    )
    spread = _spread(context.study) if context.disclosure.everything else ""
    said = " ".join(filter(None, (draft.headline, spread, _one_each(context))))
    return [Paragraph(said), flow]


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
    both = frozenset(pairs.loc[pairs[["pre", "post"]].notna().all(axis=1), "client_id"])
    return [*stages, Stage("change", "two outcome scores", both, "attended")]


def _headline(context: Context, everybody: Stage) -> str:
    tables, disclosure = context.study.tables, context.disclosure
    words = f"The study holds {disclosure.people(everybody.people, 'client')}"
    therapists = tables.get("therapists", pd.DataFrame({"therapist_id": []}))["therapist_id"]
    if len(therapists) and disclosure.shows(therapists, of="therapist"):
        words += f" of {disclosure.people(therapists, 'therapist')}"
    told = disclosure.rows(tables["sessions"]) if "sessions" in tables else "withheld"
    return f"{words}." if told == "withheld" else f"{words} and {told} sessions."


def _one_each(context: Context) -> str:
    """Say what follows where each therapist has one client, and as many are told of both."""
    clients = context.study.tables.get("clients", pd.DataFrame())
    if not {"client_id", "therapist_id"} <= set(clients.columns):
        return ""
    pairs = clients[["client_id", "therapist_id"]].dropna()
    alone = len(pairs) and pairs["therapist_id"].is_unique
    if not (alone and context.disclosure.shows(pairs["client_id"])):
        return ""
    if not context.disclosure.shows(pairs["therapist_id"], of="therapist"):
        return ""
    return (
        "Each therapist has one client: differences between therapists are among those between "
        "clients, and no model here tells them apart."
    )


def _spread(study: Study) -> str:
    """Return sessions a client and clients a therapist, in words."""
    parts = []
    came = attended_sessions(study)
    if came is not None and len(came):
        per_client = came.groupby("client_id", observed=True).size()
        parts.append(f"came to a median of {number(per_client.median(), 0)} sessions")
    clients = study.tables.get("clients")
    if clients is not None and "therapist_id" in clients.columns:
        per_therapist = clients.groupby("therapist_id", observed=True).size()
        if len(per_therapist):
            parts.append(f"a therapist saw a median of {number(per_therapist.median(), 0)} clients")
    return f"Clients {'; '.join(parts)}." if parts and came is not None else ""


def flow_boxes(context: Context, stages: list[Stage]) -> pd.DataFrame:
    """Return the boxes of the flow: text, place and parent."""
    by_key = {stage.key: stage for stage in stages}
    boxes: list[dict[str, Any]] = []

    def add(text: str, row: int, parent: int = -1, *, side: bool = False) -> int:
        place = {"x": 0.83 if side else 0.5, "width": 0.24 if side else 0.36, "side": side}
        boxes.append({"text": text, "row": row, "parent": parent, **place})
        return len(boxes) - 1

    def shown(who: frozenset[Any]) -> str:
        return f"n = {count(len(who))}" if context.disclosure.shows(who) else "n withheld"

    last, row = _row_boxes(context, add)
    first, came = by_key["clients"], by_key["attended"]
    last = add(f"{first.label}: {shown(first.people)}", row, last)
    never = first.people - came.people
    if never and context.disclosure.shows(never):
        add(f"never came: n = {count(len(never))}", row, last, side=True)
    last = add(f"{came.label}: {shown(came.people)}", row + 1, last)
    ends = [stage for stage in stages if stage.key in PURPOSES]
    if context.time == OCCASION:
        ends = [stage for stage in ends if stage.key not in NEED_SESSIONS]
    for position, stage in enumerate(ends):
        text = f"{PURPOSES[stage.key]}\n{stage.label}\n{shown(stage.people)}"
        add(text, row + 2, last)
        boxes[-1] |= {"x": (position + 0.5) / len(ends), "width": min(0.9 / len(ends), 0.3)}
    return pd.DataFrame(boxes)


def _row_boxes(context: Context, add: Any) -> tuple[int, int]:
    """Add the boxes of rows read and kept; return the last one and the next free row."""
    rows = account(context)
    if rows.empty or not context.disclosure.everything:
        return -1, 0
    total = rows[["rows_in", "rows_kept", "rows_set_aside"]].sum()
    first = add(f"Rows read: {count(total['rows_in'])}", 0)
    if total["rows_set_aside"]:
        add(f"set aside: {count(total['rows_set_aside'])}", 0, first, side=True)
    return add(f"Rows kept: {count(total['rows_kept'])}", 1, first), 2


def account(context: Context) -> pd.DataFrame:
    """Return the rows of each table that were read, kept and set aside."""
    report = getattr(context.study, "report", None)
    if report is None:
        return pd.DataFrame()
    return report.rows.reset_index(drop=True).drop(columns="reasons")


def account_blocks(context: Context) -> list[Block | None]:
    """Return the account of rows of each table."""
    frame = account(context)
    if frame.empty:
        return [Paragraph("The study was not read from files, so no row was set aside.")]
    columns = (
        col.text("table", "Table"),
        col.count("rows_in", "Rows read"),
        col.count("rows_kept", "Kept"),
        col.count("rows_set_aside", "Set aside"),
    )
    return [table("rows", frame, columns)]


def problem_blocks(context: Context) -> list[Block | None]:
    """Return what validation found, by rule."""
    report = getattr(context.study, "report", None)
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
    columns = (
        col.text("level", "Level", words=LEVEL_WORDS),
        col.text("table", "Table"),
        col.text("rule", "Rule"),
        col.count("problems", "Problems"),
    )
    return [table("problems", counted, columns)]


def attendance_blocks(context: Context) -> list[Block | None]:
    """Return how many came to each session, at the sessions where that tells of no few people."""
    known = missing_by_session(context.study)
    if known.empty:
        return [Caution(NO_SESSIONS[context.time])]
    drawn = attendance_shown(context, known)
    if len(drawn) < 2:
        return [Caution("How many came to each session is withheld.")]
    if len(drawn) < FEWEST_BARS:
        still = drawn[["session", "in_therapy"]].itertuples(index=False, name=None)
        words = listing([f"{count(n)} at session {count(session)}" for session, n in still], 9)
        return [Paragraph(f"Clients still in therapy: {words}; between these it is withheld.")]
    with house_style():
        ax = plot_attendance(drawn, new_axes(6.3, 3.0))
    divided = drawn["attended"].notna()
    return [
        figure(
            "attendance",
            ax,
            data=drawn,
            private=context.disclosure.everything,
            divided=", and whether the session took place" if divided.any() else "",
            none="" if divided.all() or not divided.any() else " None is told as few are.",
        )
    ]


def attendance_shown(context: Context, table: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions, and the parts of each, whose people may be told.

    Beside a bar that is left out, one as long as that before says that few ended, and not none.
    """
    sessions = context.study.tables["sessions"]
    came = attended_sessions(context.study)
    assert came is not None  # the table is there
    last = sessions.groupby("client_id", observed=True)["session"].max()
    shows = context.disclosure.shows
    rows = []
    for row in table.to_dict("records"):
        session = row["session"]
        still = frozenset(last.index[last >= session])
        there = frozenset(came.loc[came["session"] == session, "client_id"])
        known = frozenset(sessions.loc[sessions["session"] == session, "client_id"])
        if not still or not shows(still):
            continue
        divided = shows(there, known - there, still - known)
        parts = {name: row[name] if divided else float("nan") for name in PARTS}
        rows.append({"session": session, "in_therapy": row["in_therapy"], **parts})
    frame = pd.DataFrame(rows, columns=["session", "in_therapy", *PARTS])
    if len(frame) < len(table):
        frame = frame.drop_duplicates("in_therapy").reset_index(drop=True)
    if frame["attended"].isna().any():
        frame.loc[frame[[*PARTS]].eq(0).any(axis=1), [*PARTS]] = np.nan
    return frame


def missing_blocks(context: Context) -> list[Block | None]:
    """Return how many sessions were rated, by rater."""
    found = missing_ratings(context.study)
    if found.empty:
        return [] if context.time == OCCASION else [Caution("The study holds no session scores.")]
    shown = missing_shown(context, found).reset_index(drop=True)
    columns = (
        col.text("measure", "Measure"),
        col.text("rater", "Rater"),
        col.text("scale", "Scale"),
        col.count("n_sessions", "Sessions"),
        col.count("n_scored", "Scored"),
        col.count("n_incomplete", "Too few items"),
        col.count("n_missing", "Not filled in"),
        col.percent("share_missing", "Without score"),
        col.count("n_clients", "Clients"),
    )
    keys = "the published keys of the measures and their rules for missing items;"
    scored = (
        f"Scores were computed by {keys}"
        if context.study.has("ratings")
        else "Scores were taken as given;"
    )
    hidden = shown.isna().any(axis=None)
    return [table("missing", shown, columns, withheld=hidden, scored=scored)]


def missing_shown(context: Context, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table in tens of sessions, and nothing of what few people filled in.

    Whose the forms are that lack is not told, so their number is that of the sessions less those
    scored, to about ten, where it is told how many clients have some.
    """
    disclosure, numbers = context.disclosure, ["n_sessions", "n_scored"]
    out = table.astype(dict.fromkeys([*numbers, "n_clients"], float))
    if not disclosure.everything:
        keys = ["measure", "rater", "scale"]
        scores = context.study.scores.dropna(subset="score")
        by_key = dict(list(scores.groupby(keys, observed=True)))
        of = [by_key.get(tuple(row), scores[:0]) for row in table[keys].itertuples(index=False)]
        told = np.array([disclosure.shows(one["client_id"]) for one in of])
        out["n_clients"] = out["n_clients"].where(told)
        came = attended_sessions(context.study)
        came = scores if came is None else came
        out["n_sessions"] = disclosure.tens(came.drop_duplicates(["client_id", "session"]))
        out["n_scored"] = [disclosure.tens(one) for one in of]
        out["share_missing"] = (1 - out["n_scored"] / out["n_sessions"]).round(2).where(told)
        out[["n_incomplete", "n_missing"]] = float("nan")
    return rounded(out.assign(measure=out["measure"].astype(str).str.upper()), 3)
