"""The rule about keys: rows for what can only be once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from ...origin import BESIDE, table_of
from ...tables import TABLES, table_schema
from .groups import split_rows
from .places import locate
from .registry import Finding, rule
from .view import MAX_LOOKUP, StudyView
from .words import series_of, shown, times


@rule(
    "duplicate_key",
    level="error",
    stage="rows",
    looks_for="two rows for what can only be once: a client, a session, an answer",
)
def duplicate_key(view: StudyView) -> Iterator[Finding]:
    """Find rows with the same key; rows of one file row are one finding over all tables."""
    found: dict[tuple[tuple[str, str, int], ...], list[_Twice]] = {}
    for table in (*TABLES, *BESIDE):
        key = _key_of(view, table)
        joint = _joint(view, table, key) if _may_repeat(view, table, key) else _none()
        rows = _repeated(joint)
        if not len(rows):
            continue
        groups = split_rows(rows, joint[rows])
        hint = TWICE_HINT + _numbers_used_again(view, table, len(rows))
        hint += TREATED_AGAIN if _several_sessions(view, table, rows) else ""
        if groups is None:
            yield _many_twice(table, rows, key, hint)
        elif table == "clients" and _are_rows_of_times(view, groups):
            clients = f"{len(groups)} of {view.frames[table]['client_id'].nunique()} clients"
            yield Finding(table, f"{clients} {OF_TIMES}", rows, column=key[0], hint=OF_TIMES_HINT)
            groups = None
        by_lines: dict[tuple[tuple[str, str, int], ...], list[np.ndarray]] = {}
        for group in groups or []:
            places = locate(view.origins.get(table), view.positions(table, group))
            by_lines.setdefault(places.lines(), []).append(group)
        for lines, same in by_lines.items():
            found.setdefault(lines, []).append(_Twice(table, key, same, hint))
        again = pd.Series(joint[rows]).duplicated().to_numpy()
        yield Finding(table, "", rows[again], set_aside=True, topic="silent")
    for records in found.values():
        if not _told_elsewhere(view, records[0].table, records[0].groups[0]):
            yield _twice(view, records)


@dataclass(frozen=True)
class _Twice:
    """Groups of rows of a table, each with one key, that lie in the same rows of the files."""

    table: str
    key: tuple[str, ...]
    groups: list[np.ndarray]
    hint: str


def _none() -> np.ndarray:
    return np.empty(0, dtype=np.int64)


def _may_repeat(view: StudyView, table: str, key: tuple[str, ...]) -> bool:
    return bool(key) and not (table == "ratings" and _surely_once(view))


def _key_of(view: StudyView, table: str) -> tuple[str, ...]:
    wanted = table_schema(table_of(table)).primary_key
    if table == "given_items":
        wanted = tuple("occasion" if name == "session" else name for name in wanted)
    if table not in view.frames or not len(view.frames[table]):
        return ()
    there = tuple(column for column in wanted if column in view.frames[table].columns)
    optional = {field.name for field in table_schema(table_of(table)).fields if field.optional}
    return there if set(wanted) - set(there) <= optional else ()


def _key_codes(view: StudyView, table: str, column: str) -> np.ndarray:
    series = view.frames[table][column]
    if series.dtype.kind in "iu":
        numbers = series.to_numpy()
        return (numbers - numbers.min()).astype(np.int64)
    return view.codes(table, column).codes.astype(np.int64) + 1


def _joint(view: StudyView, table: str, key: tuple[str, ...]) -> np.ndarray:
    """Return one integer a row for a key of several columns."""

    def combine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        width = int(right.max(initial=0)) + 1
        if (int(left.max(initial=0)) + 1) * width > 2**62:
            left = pd.factorize(left)[0].astype(np.int64)
        return left * width + right

    return reduce(combine, (_key_codes(view, table, column) for column in key))


def _repeated(joint: np.ndarray) -> np.ndarray:
    """Return the positions of all rows whose key occurs more than once."""
    if int(joint.max(initial=0)) < MAX_LOOKUP:
        return np.flatnonzero(np.bincount(joint)[joint] > 1) if len(joint) else _none()
    return np.flatnonzero(pd.Series(joint).duplicated(keep=False).to_numpy())


def _surely_once(view: StudyView) -> bool:
    """Return whether each form is one run of rows with rising item numbers: no row twice."""
    runs = view.runs("ratings")
    item = view.numbers("ratings", "item")
    rises = np.ones(len(item), dtype=bool)
    rises[1:] = item[1:] > item[:-1]
    rises[runs.start] = True
    if not rises.all():
        return False
    forms = pd.DataFrame({"c": runs.client, "s": runs.session, "r": runs.rater, "m": runs.measure})
    return not forms.duplicated().any()


def _told_elsewhere(view: StudyView, table: str, rows: np.ndarray) -> bool:
    """Return whether another rule tells it: an instrument not known, two therapists, two sites.

    A row that two sources take wrongly is told by what takes it, and so is a row beside it.
    """
    frame = view.frames[table]
    if view.twice:
        lines = locate(view.origins.get(table), view.positions(table, rows)).lines()
        if len(lines) <= 2 and len(view.twice.intersection(lines)) == 1:
            return True
    if "measure" in frame and frame["measure"].iloc[rows[0]] not in view.registry:
        return any(rule == "unknown_measure" for rule, *_ in view.named)
    other = {"clients": "therapist_id", "therapists": "site_id"}.get(table)
    if not other or other not in frame:
        return False
    return frame[other].iloc[rows].dropna().drop_duplicates().size > 1


def _twice(view: StudyView, records: list[_Twice]) -> Finding:
    """Return the finding on what lies in the same rows of the files, in whatever tables."""
    table, key, rows = records[0].table, records[0].key, records[0].groups[0]
    first = view.frames[table].iloc[[group[0] for group in records[0].groups]]
    what = _record_in_words(table, {c: first[c].iloc[0] for c in key if _is_one(first[c])})
    places = locate(view.origins.get(table), view.positions(table, rows))
    differs = (_contradiction(view, each.table, each.key, each.groups) for each in records)
    return Finding(
        table,
        f"{what} is there {times(len(rows))} ({places.in_words()}), but can be there "
        "only once; the first is kept, the others are left out." + next(filter(None, differs), ""),
        rows,
        column=_shown_column(key),
        many=TWICE_MANY,
        hint=records[0].hint,
        together=True,
    )


def _contradiction(
    view: StudyView, table: str, key: tuple[str, ...], same: list[np.ndarray]
) -> str:
    """Say where rows under one key differ: they are no copies, and somebody must choose."""
    frame = view.frames[table]
    for group in same:
        for column in frame.columns.difference(list(key), sort=False):
            values = frame[column].iloc[group].drop_duplicates()
            if len(values) > 1:
                return (
                    f" They contradict each other: {column} is "
                    f"{series_of('blank' if pd.isna(v) else shown(v) for v in values)}."
                )
    return ""


def _numbers_used_again(view: StudyView, table: str, n: int) -> str:
    """Return what else to do where a large part of a table's rows comes twice."""
    if "session" not in view.frames[table] or n < MANY_TWICE * len(view.frames[table]):
        return ""
    if not view.has("therapists", "therapist_id") or len(view.frames["therapists"]) < 2:
        return ""
    return (
        " If each therapist numbers the clients anew, these are different people: give each an id "
        "of its own, such as the therapist's id before the client's number."
    )


def _several_sessions(view: StudyView, table: str, rows: np.ndarray) -> bool:
    """Return whether several sessions of one client are there twice."""
    frame = view.frames[table]
    if not {"client_id", "session"} <= set(frame):
        return False
    sessions = frame[["client_id", "session"]].iloc[rows].drop_duplicates()
    return bool(sessions["client_id"].duplicated().any())


def _are_rows_of_times(view: StudyView, groups: list[np.ndarray]) -> bool:
    """Return whether most clients have several rows: a row is a session, not a client."""
    clients = view.frames["clients"]["client_id"].nunique()
    return len(groups) > FEW_TWICE and len(groups) > MOST_TWICE * clients


def _is_one(series: pd.Series) -> bool:
    return len(series.drop_duplicates()) == 1


MANY_TWICE = 0.25  # share of rows that come twice from which on the ids themselves are in doubt
MOST_TWICE = 0.5  # share of clients with several rows from which on rows are no clients
FEW_TWICE = 2
OF_TIMES = (
    "have several rows: these seem to be sessions or occasions, and nothing says of when each is. "
    "The first row of each client is kept."
)
OF_TIMES_HINT = (
    "Name the column that says when: session:, occasion: or time: in study.yaml, or, where there "
    "are dates alone, session: {date: <column>}."
)
TWICE_MANY = "{n} rows hold a record that can be there only once; the first of each is kept."
TWICE_HINT = "Delete the rows that are wrong, or correct the id or session number in them."
TREATED_AGAIN = (
    " If they are of two treatments of one client, name the column that counts them, as in "
    "episode: treatment_no."
)


def _many_twice(table: str, rows: np.ndarray, key: tuple[str, ...], hint: str) -> Finding:
    message = TWICE_MANY.replace("{n}", f"{len(rows):,}")
    return Finding(table, message, rows, column=_shown_column(key), hint=hint, together=True)


def _shown_column(key: tuple[str, ...]) -> str:
    return "session" if "session" in key else key[0]


def _record_in_words(table: str, key: dict[str, object]) -> str:
    """Return what stands under a key; parts of the key that differ are not in it."""
    who = f"client {shown(key.get('client_id'))}"
    session = f"session {shown(key['session'])}" if "session" in key else "each session"
    if table == "sessions":
        return f"{session[0].upper()}{session[1:]} of {who}"
    if table == "clients":
        return f"Client {shown(key['client_id'])}"
    if table == "therapists":
        return f"Therapist {shown(key['therapist_id'])}"
    if table == "terminations":
        return f"The end of therapy of {who}"
    if table in ("ratings", "scores", "given_scores"):
        return f"{_form_in_words(key)} for {session} of {who}"
    words = ", ".join(f"{column} {shown(value)}" for column, value in key.items())
    return f"The row of '{table}' with {words}"


def _form_in_words(key: dict[str, object]) -> str:
    if "rater" not in key or "measure" not in key:
        return "What was answered"
    part = "".join(f", {name} {shown(key[name])}," for name in ("item", "scale") if name in key)
    return f"The {key['rater']}'s {key['measure']}{part}"
