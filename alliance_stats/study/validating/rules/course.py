"""Rules about the course of therapy: dates and numbers, missed sessions, the end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ....errors import plural
from ...tables import OCCASIONS
from .groups import split_rows
from .places import locate
from .registry import Finding, rule
from .view import StudyView
from .words import series_of

HELD = ("ratings", "scores", "given_scores", "events", "observer_codes", "principle_codes")
"""Tables whose rows speak of a session that took place."""

TIMES = ("time", "week")
UNSEEN = 5
"""So many sessions between the last one on record and the end are more than a form forgotten."""


@rule(
    "sessions_out_of_order",
    level="warning",
    stage="meaning",
    looks_for="session numbers that rise while the dates fall, or times",
)
def sessions_out_of_order(view: StudyView) -> Iterator[Finding]:
    """Find clients whose dates or times contradict their session numbers."""
    for when in ("date", "time"):
        if view.has("sessions", "client_id", "session", when):
            number = view.numbers("sessions", "session").astype(float)
            yield from _out_of_order(view, "sessions", "session", number, when)


@rule(
    "occasions_out_of_order",
    level="warning",
    stage="meaning",
    looks_for="occasions that come later (post after pre) with an earlier time",
)
def occasions_out_of_order(view: StudyView) -> Iterator[Finding]:
    """Find clients whose times contradict the order of intake, pre, mid, post and followup."""
    for when in TIMES:
        if view.has("assessments", "client_id", "occasion", when):
            occasion = view.codes("assessments", "occasion")
            places = [OCCASIONS.index(o) if o in OCCASIONS else np.nan for o in occasion.values]
            place = np.append(places, np.nan)[occasion.codes]
            yield from _out_of_order(view, "assessments", "occasion", place, when)


def _out_of_order(
    view: StudyView, table: str, step: str, number: np.ndarray, when: str
) -> Iterator[Finding]:
    """Yield clients for whom a time falls while the number of the step rises."""
    frame = view.frames[table]
    dated = np.flatnonzero(frame[when].notna().to_numpy() & ~np.isnan(number))
    client = view.codes(table, "client_id").codes[dated]
    number, at = number[dated], _as_numbers(frame[when])[dated]
    order = np.lexsort((number, client))
    client, number, at, rows = client[order], number[order], at[order], dated[order]
    same = np.diff(client) == 0
    falls = (np.diff(at) < 0) & same & (np.diff(number) > 0)
    for code in np.unique(client[1:][falls]):
        mine = client == code
        odd = ~_in_order(at[mine])
        yield _disorder(view, table, rows[mine][odd], step, when)


def _as_numbers(times: pd.Series) -> np.ndarray:
    if times.dtype.kind == "M":
        return times.to_numpy(dtype="datetime64[s]").astype(np.int64)
    return times.to_numpy(dtype=float, na_value=np.nan)


@rule(
    "occasion_with_two_times",
    level="warning",
    stage="meaning",
    looks_for="a client's occasion that has two times",
)
def occasion_with_two_times(view: StudyView) -> Iterator[Finding]:
    """Find occasions of a client of which the rows say different times."""
    for when in TIMES:
        if not view.has("assessments", "client_id", "occasion", when):
            continue
        frame = view.frames["assessments"]
        timed = frame[["client_id", "occasion", when]].dropna()
        kinds = timed.groupby(["client_id", "occasion"], observed=True)[when].transform("nunique")
        for (client, occasion), rows in timed[kinds > 1].groupby(
            ["client_id", "occasion"], observed=True, sort=False
        ):
            said = series_of(f"{value:g}" for value in rows[when].drop_duplicates())
            yield Finding(
                "assessments",
                f"Occasion '{occasion}' of client {client} has different times: {said}.",
                rows.index.to_numpy(),
                column=when,
                many="{n} rows give an occasion of a client another time than other rows.",
                hint=f"Correct the {when}, or give the occasions different names.",
                together=True,
            )


def _in_order(days: np.ndarray) -> np.ndarray:
    """Mark a longest run of days that never falls; what is left out is what looks wrong.

    Where two runs are equally long, the one that spans less time is believed: a year typed
    wrongly stretches the span.
    """
    forward = _longest_rise(days)
    backward = _longest_rise(-days[::-1])[::-1]
    return min((forward, backward), key=lambda kept: float(np.ptp(days[kept])))


def _longest_rise(values: np.ndarray) -> np.ndarray:
    tails: list[int] = []
    ends: list[int] = []
    before = np.full(len(values), -1)
    for i, value in enumerate(values.tolist()):
        place = bisect_right(tails, value)
        before[i] = ends[place - 1] if place else -1
        tails[place : place + 1] = [value]
        ends[place : place + 1] = [i]
    kept = np.zeros(len(values), dtype=bool)
    i = ends[-1]
    while i >= 0:
        kept[i] = True
        i = int(before[i])
    return kept


def _disorder(view: StudyView, table: str, rows: np.ndarray, step: str, when: str) -> Finding:
    frame = view.frames[table]
    times = frame[when]
    times = times.dt.strftime("%Y-%m-%d") if when == "date" else times.map("{:g}".format)
    client, word = frame["client_id"].iloc[rows[0]], "on" if when == "date" else "at"
    named = series_of(
        dict.fromkeys(
            f"{step} {_shown(frame[step].iloc[row])} {word} {times.iloc[row]}" for row in rows
        )
    )
    follow = "the session numbers" if step == "session" else "their occasions"
    return Finding(
        table,
        f"The {when}s of client {client} do not follow {follow}: {named} does not fit "
        "between its neighbours.",
        rows,
        column=when,
        many=f"{{n}} {step}s have a {when} that does not fit between those of their neighbours.",
        hint=f"Correct the {when} or the {step}{' number' if step == 'session' else ''}. Until "
        f"then analyses go by the {step}{' number' if step == 'session' else ''}.",
        values=times.iloc[rows].to_numpy(dtype=object),
        together=True,
    )


def _shown(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else f"{value:g}"


@rule(
    "rating_of_missed_session",
    level="error",
    stage="rows",
    looks_for="answers or events of a session that did not take place",
)
def rating_of_missed_session(view: StudyView) -> Iterator[Finding]:
    """Find answers about sessions that are marked as not attended."""
    if not view.has("sessions", "client_id", "session", "attended"):
        return
    attended = view.frames["sessions"]["attended"]
    missed = (attended == False).fillna(False).to_numpy(dtype=bool)  # noqa: E712
    if not missed.any():
        return
    lookup = view.session_lookup(missed)
    told: set[tuple[tuple[str, str, int], str]] = set()
    for table in HELD:
        if not view.has(table, "client_id", "session"):
            continue
        client = view.client_codes(table, "sessions")
        session = view.numbers(table, "session")
        rows = np.flatnonzero(lookup.contains(client, session) & view.answered(table))
        if not len(rows):
            continue
        groups = split_rows(rows, client[rows] * np.int64(20_000) + session[rows].astype(np.int64))
        for group in [rows] if groups is None else groups:
            records = locate(view.origins.get(table), view.positions(table, group)).records()
            yield _missed(view, table, group, silent=bool(told) and told.issuperset(records))
            told.update(records)


def _missed(view: StudyView, table: str, rows: np.ndarray, *, silent: bool) -> Finding:
    first = view.frames[table].iloc[rows[0]]
    return Finding(
        table,
        f"Session {first['session']:g} of client {first['client_id']} did not take place, "
        f"but '{table}' holds {plural(len(rows), 'entry', 'entries')} for it; left out.",
        rows,
        column="session",
        many=f"{{n}} rows of '{table}' belong to sessions that did not take place; left out.",
        hint="Correct 'attended' if the session took place; otherwise correct the session number "
        "or delete the entries.",
        together=True,
        topic="silent" if silent else "",
        set_aside=True,
    )


@rule(
    "rating_after_end",
    level="error",
    stage="meaning",
    looks_for="answers of a session after the last session of the therapy",
)
def rating_after_end(view: StudyView) -> Iterator[Finding]:
    """Find clients with one session more than their therapy had: the rating looks wrong."""
    told: set[tuple[tuple[str, str, int], str]] = set()
    for table, rows, end in _beyond(view):
        if len(np.unique(view.numbers(table, "session")[rows])) > 1:
            continue
        records = locate(view.origins.get(table), view.positions(table, rows)).records()
        if told.isdisjoint(records):
            yield _after_end(view, table, rows, end)
        told.update(records)


@rule(
    "end_before_last_rating",
    level="error",
    stage="meaning",
    looks_for="an end of therapy before several sessions that were rated",
)
def end_before_last_rating(view: StudyView) -> Iterator[Finding]:
    """Find clients with several sessions beyond the end: the ending looks wrong."""
    told: set[int] = set()
    for table, rows, end in _beyond(view):
        sessions = view.frames[table]["session"].iloc[rows]
        if end in told or len(sessions.unique()) < 2:
            continue
        told.add(end)
        yield _end_before(view, end, sessions)


@rule(
    "end_long_after_last_session",
    level="warning",
    stage="meaning",
    looks_for="an end of therapy after the last session on record",
)
def end_long_after_last_session(view: StudyView) -> Iterator[Finding]:
    """Find endings after the client's last row in sessions; few sessions are told as an info."""
    if not (
        view.has("terminations", "client_id", "last_session")
        and view.has("sessions", "client_id", "session")
    ):
        return
    clients = view.codes("terminations", "client_id")
    seen = np.full(len(clients.values) + 1, -np.inf)
    np.maximum.at(
        seen,
        view.client_codes("sessions", "terminations"),
        view.numbers("sessions", "session").astype(float),
    )
    last = view.numbers("terminations", "last_session").astype(float)
    least = 1 if view.is_whole("sessions") else 2  # one may be a row set aside for another error
    known = np.where(clients.codes >= 0, seen[clients.codes], np.nan)
    for row in np.flatnonzero(np.isfinite(known) & (last - known >= least)):
        client = view.frames["terminations"]["client_id"].iloc[row]
        yield Finding(
            "terminations",
            f"The therapy of client {client} is said to have ended with session {last[row]:g}, but "
            f"the last session on record is {known[row]:g}.",
            np.array([row]),
            column="last_session",
            many="{n} therapies are said to have ended after the last session on record.",
            level="" if last[row] - known[row] >= UNSEEN else "info",
            hint="Correct the last session, or add the sessions that are not in the file. Until "
            "then the client counts as in therapy up to the later session.",
        )


def _beyond(view: StudyView) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield, by client and table, the rows beyond the end and the row of the ending."""
    if not view.has("terminations", "client_id", "last_session"):
        return
    last = view.numbers("terminations", "last_session").astype(float)
    owner = view.codes("terminations", "client_id").codes
    limit = np.full(len(view.codes("terminations", "client_id").values), np.inf)
    ending = np.zeros(len(limit), dtype=np.int64)
    limit[owner[::-1]], ending[owner[::-1]] = last[::-1], np.arange(len(last))[::-1]
    limit[np.isnan(limit)] = np.inf
    for table in HELD:
        if not view.has(table, "client_id", "session"):
            continue
        client = view.client_codes(table, "terminations")
        late = view.numbers(table, "session") > np.append(limit, np.inf)[client]
        rows = np.flatnonzero(late)
        rows = rows[view.answered(table)[rows]]
        for group in split_rows(rows, client[rows]) or []:
            yield table, group, int(ending[client[group[0]]])


def _after_end(view: StudyView, table: str, rows: np.ndarray, end: int) -> Finding:
    first, ending = view.frames[table].iloc[rows[0]], view.frames["terminations"].iloc[end]
    return Finding(
        table,
        f"Client {first['client_id']} has entries in '{table}' for session "
        f"{first['session']:g}, but the therapy ended with session {ending['last_session']:g} "
        f"({_ending_place(view, end)}).",
        rows,
        column="session",
        many="{n} rows belong to sessions after the end of their therapy.",
        hint="Correct the session number here, or the last session there.",
        values=np.full(len(rows), first["session"], dtype=object),
        together=True,
    )


def _end_before(view: StudyView, end: int, sessions: pd.Series) -> Finding:
    ending = view.frames["terminations"].iloc[end]
    numbers = series_of(f"{number:g}" for number in sorted(sessions.unique()))
    return Finding(
        "terminations",
        f"The therapy of client {ending['client_id']} is said to have ended with session "
        f"{ending['last_session']:g}, but the later sessions {numbers} have entries.",
        np.array([end]),
        column="last_session",
        many="{n} therapies are said to have ended before sessions that have entries.",
        hint="Correct the last session, or the session numbers of the later entries.",
        together=True,
    )


def _ending_place(view: StudyView, end: int) -> str:
    return locate(
        view.origins.get("terminations"), view.positions("terminations", np.array([end]))
    ).in_words()
