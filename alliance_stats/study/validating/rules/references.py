"""The rule about references: ids and sessions that the table they belong to does not know."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ....errors import did_you_mean
from ...origin import BESIDE, table_of
from ...tables import TABLES, ForeignKey, table_schema
from .groups import split_rows
from .ids import ID_WORDS, spellings
from .registry import Finding, rule
from .view import StudyView


@rule(
    "unknown_reference",
    level="error",
    stage="rows",
    looks_for="a client, session or therapist that the table it belongs to does not know",
)
def unknown_reference(view: StudyView) -> Iterator[Finding]:
    """Find ids that point to nothing."""
    for table in (*TABLES, *BESIDE):
        if table not in view.frames or not len(view.frames[table]):
            continue
        schema = table_schema(table_of(table))
        for key in schema.foreign_keys:
            if key.table in view.frames and view.has(table, *key.fields):
                yield from _unmet(view, table, key)


def _unmet(view: StudyView, table: str, key: ForeignKey) -> Iterator[Finding]:
    if key.fields == ("client_id", "session"):
        yield from _unmet_sessions(view, table)
        return
    column = key.fields[0]
    own = view.codes(table, column)
    known = view.codes(key.table, column).used() if view.has(key.table, column) else set()
    unmet = np.array([value not in known for value in own.values], dtype=bool)
    if not unmet.any():
        return
    odd = {text for texts in spellings(view, column).values() for text in texts}
    rows = np.flatnonzero(own.where(unmet))
    groups = split_rows(rows, own.codes[rows])
    for group in [rows] if groups is None else groups:
        values = own.values[own.codes[group]]
        silent = groups is not None and values[0] in odd
        yield _unknown_id(table, key, values, group, known, silent=silent)


def _unknown_id(
    table: str,
    key: ForeignKey,
    values: np.ndarray,
    rows: np.ndarray,
    known: set[str],
    *,
    silent: bool,
) -> Finding:
    column, what = key.fields[0], ID_WORDS[key.fields[0]]
    is_key = column in table_schema(table_of(table)).primary_key
    done = "the rows are left out" if is_key else f"the {what} is treated as not known"
    return Finding(
        table,
        f"The {what} '{{value}}' is not in the table '{key.table}'; {done}.",
        rows,
        column=column,
        many=f"{{n}} cells name a {what} who is not in the table '{key.table}': {{values}}; "
        f"{done}.",
        hint=f"Correct the id, or add the {what} to '{key.table}'.{did_you_mean(values[0], known)}",
        values=values,
        together=True,
        topic="silent" if silent else key.table,
        set_aside=is_key,
        blank=not is_key,
    )


def _unmet_sessions(view: StudyView, table: str) -> Iterator[Finding]:
    if not view.has("sessions", "client_id", "session") or not view.has("clients"):
        return
    session = view.numbers(table, "session")
    lost = _without_session(view, table)
    if not lost.any():
        return
    known = view.codes(table, "client_id")
    clients = view.codes("clients", "client_id").used()
    in_clients = np.array([client in clients for client in known.values], dtype=bool)
    rows = np.flatnonzero(lost & known.where(in_clients))
    joint = view.codes(table, "client_id").codes.astype(np.int64) * MAX_SESSION + session
    groups = split_rows(rows, joint[rows].astype(np.int64))
    for group in [rows] if groups is None else groups:
        yield _unmet_session(view, table, group)


def _without_session(view: StudyView, table: str) -> np.ndarray:
    """Mark rows whose (client, session) is not in ``sessions``; answers are asked run by run."""
    known = view.session_lookup()
    client, session = view.client_codes(table, "sessions"), view.numbers(table, "session")
    if table != "ratings":
        return ~known.contains(client, session)
    runs = view.runs(table)
    lost = ~known.contains(client[runs.start], runs.session)
    return np.repeat(lost, runs.length)


def _unmet_session(view: StudyView, table: str, rows: np.ndarray) -> Finding:
    first = view.frames[table].iloc[rows[0]]
    return Finding(
        table,
        f"Client {first['client_id']} has {_TABLE_WORDS.get(table, table)} for session "
        f"{first['session']:g}, but the table 'sessions' has no such session; the rows are left "
        "out.",
        rows,
        column="session",
        many=f"{{n}} rows of '{table}' belong to sessions that the table 'sessions' does not "
        "have; they are left out.",
        hint="Correct the session number, or add the session to 'sessions'.",
        together=True,
        set_aside=True,
    )


MAX_SESSION = 20_000  # above any session number the schemas allow
_TABLE_WORDS = {
    "ratings": "answers",
    "scores": "scores",
    "given_scores": "scores",
    "events": "events",
    "observer_codes": "observers' codes",
    "principle_codes": "principle codes",
}
