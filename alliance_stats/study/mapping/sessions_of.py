"""Sources without ``table:``: a row a session, client or occasion, with measures or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...errors import plural
from ..frames import counted_anew
from .assembling import stacked
from .gathering import Part
from .long_rows import block_part, courses_of, long_frame
from .occasions import read_occasions, repeated_keys
from .people import client_rows, first_of, therapist_rows
from .source import Source
from .tables_of import blank_rows, no_session, settled, table_part, tables_for, with_further
from .vocabulary import fields_of
from .wide import Block, blocks_of, filled, matrix

_EXACT = 2.0**53
"""From here on a float does not hold each whole number."""

_HINT = (
    "Add client_id: with the name of the column of clients to the source in study.yaml, or "
    'client_id: "{row}" where each row is another client.'
)


def read_open_source(source: Source) -> None:
    """Turn a source into parts of the tables it feeds."""
    if not source.has("client_id"):
        _without_client(source)
        return
    blocks = blocks_of(source)
    by_occasion = [b for b in blocks if b.slot[0] is None and b.slot[1] is not None]
    others = [block for block in blocks if block not in by_occasion]
    slots = [block.slot for block in others] + [s for each in source.spread.values() for s in each]
    if source.has("session") or any(session is not None for session, _ in slots):
        _sessions(source, others)
        read_occasions(source, by_occasion)
    elif blocks:
        read_occasions(source, blocks)
    elif not source.spec.measures and not _without_scores(source):
        source.gathered.parts.append(table_part(source, "clients"))
    source.name_repeated()


def _without_scores(source: Source) -> bool:
    """Take from rows an occasion without a score what they say of the clients, and tell it.

    Returns whether the rows are such: a client in several of them is no client listed twice.
    """
    when = next((name for name in ("occasion", "time", "week") if source.has(name)), "")
    client = source.ids("client_id")
    usable = ~blank_rows(source, client)
    if (
        not when
        or not repeated_keys(client, np.zeros(len(client)), usable & (client.codes >= 0)).any()
    ):
        return False
    source.notes.add(
        "no_scores",
        f"No column of scores was recognised: '{source.columns.get(when, when)}' says that the "
        "rows are measurements of clients, and nothing says what was measured.",
        hint="Name the columns that hold scores or answers under measures: of the file in "
        "study.yaml, as in - {measure: phq-9, rater: client, score: <column>}. An instrument that "
        "is not known needs a card in the folder 'measures'.",
        table="assessments",
        column=source.columns.get(when, when),
    )
    client_rows(source, client, np.flatnonzero(usable))
    therapist_rows(source, np.flatnonzero(usable))
    return True


def _without_client(source: Source) -> None:
    if source.has("therapist_id") and not source.spec.measures:
        source.gathered.parts.append(table_part(source, "therapists"))
    elif "client_id" not in source.told:
        source.notes.add(
            "missing_column",
            "The source does not say which column holds the client.",
            hint=_HINT,
            column="client_id",
        )


# -- sessions ---------------------------------------------------------------------------------


def _sessions(source: Source, blocks: list[Block]) -> None:
    client = source.ids("client_id")
    blank = blank_rows(source, client)
    usable = ~blank
    session: Any = None
    if source.has("session"):
        session, bad = source.typed("sessions", "session", needed=True)
        usable[bad] = False
    client_only = _rows_on_clients(source, blocks, session, usable)
    again = repeated_keys(client, session, usable & ~client_only)
    tables = tables_for(blocks, "ratings", "given_scores", "scores")
    _count_lost(source, blocks, tables, blank, usable, client_only)
    usable &= ~client_only
    held: dict[int, tuple[np.ndarray, str]] = {}
    courses = courses_of(source, blocks, tables)
    for block, table in zip(blocks, tables, strict=True):
        own = block.slot[0]
        mine = usable if block.rows is None else usable & block.rows
        if own is not None:
            course = courses[table, id(block.spec), block.parts]
            here = mine & filled(matrix(source, block, course.place(block)))
            course.hold(block, here)
            _hold(held, own, here, block.columns[0])
            continue
        cells = matrix(source, block)
        if session is None:
            no_session(source, block)
            continue
        here = mine & (filled(cells) | ~again)
        empty = int(np.count_nonzero(mine & ~here))
        reason = "an empty form beside another row of the session"
        source.gathered.leave_out(table, reason, empty * len(block.parts), source.file.file)
        keys = {"client_id": client, "session": session}
        _add_long(source, table, block, keys, cells, np.flatnonzero(here))
    source.gathered.parts += [course.part(source, client) for course in courses.values()]
    for name, columns in source.spread.items():
        for (number, _), column in columns.items():
            if number is not None:
                here = usable & source.raw(name, column).notna().to_numpy()
                _hold(held, number, here, column)
    at = np.flatnonzero(usable)
    if session is not None:
        _session_rows(source, client, session, at, given=not blocks)
    elif held:
        _sessions_in_names(source, client, held)
    client_rows(source, client, np.flatnonzero(usable | client_only))
    therapist_rows(source, at)


def _hold(
    held: dict[int, tuple[np.ndarray, str]], session: int, here: np.ndarray, column: str
) -> None:
    """Note the rows that hold something of a session, and the first column that does."""
    before, first = held.get(session, (np.zeros_like(here), column))
    held[session] = (before | here, first)


def _rows_on_clients(
    source: Source, blocks: list[Block], session: Any, usable: np.ndarray
) -> np.ndarray:
    """Return the rows without a session and without an answer: what is asked once, of a client."""
    if session is None or not blocks or session.dtype.kind != "f":
        return np.zeros(len(usable), dtype=bool)
    rows = usable & np.isnan(session)
    names = list(dict.fromkeys(name for block in blocks for name in block.columns))
    at = np.flatnonzero(rows)
    rows[at] = source.frame[names].iloc[at].isna().all(axis=1).to_numpy()
    if rows.any():
        source.notes.add(
            "row_without_session",
            f"{plural(int(rows.sum()), 'row')} without a session and without an answer: what "
            "stands there is taken as said of the client.",
            hint="If a session belongs there, fill it in.",
            level="info",
            table="clients",
            column=source.columns.get("session", ""),
            at=np.flatnonzero(rows),
        )
    source.own_of_clients = [
        name
        for name in source.further("sessions")
        if rows.any() and source.frame[source.columns.get(name, name)][~rows].isna().all()
    ]
    return rows


def _count_lost(
    source: Source,
    blocks: list[Block],
    tables: list[str],
    blank: np.ndarray,
    usable: np.ndarray,
    client_only: np.ndarray,
) -> None:
    """Count what blank rows and rows without a readable session would have given."""
    lost = {"a blank row": int(blank.sum())}
    lost["a row without a session and an answer"] = int(client_only.sum())
    lost["a session that cannot be read"] = int((~usable & ~blank).sum())
    for reason, rows in lost.items():
        source.gathered.leave_out("sessions", reason, rows, source.file.file)
        if reason != "a blank row":
            for block, table in zip(blocks, tables, strict=True):
                many = rows * len(block.parts)
                source.gathered.leave_out(table, reason, many, source.file.file)


def _add_long(
    source: Source,
    table: str,
    block: Block,
    keys: dict[str, Any],
    cells: np.ndarray,
    at: np.ndarray,
) -> None:
    keys = {name: _whole(values, at) for name, values in keys.items()}
    frame = settled(long_frame(keys, block, cells, at), table)
    source.gathered.parts.append(block_part(source, table, block, frame, at))


def _whole(values: Any, at: np.ndarray) -> Any:
    """Return session numbers as whole numbers where all the used ones are there."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        return values
    exact = np.abs(values) < _EXACT  # False for missing
    if not exact[at].all():
        return values
    return np.where(exact, values, 0).astype("int64")


def _session_rows(
    source: Source, client: pd.Categorical, session: np.ndarray, at: np.ndarray, *, given: bool
) -> None:
    """Add a row a session; those derived from a file of measures are each there once."""
    data: dict[str, Any] = {"client_id": client, "session": _whole(session, at)}
    for name in fields_of("sessions")[2:]:
        if source.has(name):
            data[name], _ = source.typed("sessions", name)
    further = {
        name: column
        for name, column in source.further("sessions").items()
        if name not in source.own_of_clients
    }
    frame = with_further(source, data, further)
    if len(at) < len(frame):
        frame = frame.iloc[at]
    filled: dict[str, np.ndarray] = {}
    if not given:
        frame, filled = first_of(frame, ["client_id", "session"])
        at = frame.index.to_numpy()
    frame = settled(counted_anew(frame), "sessions")
    columns = source.found(data) | further
    part = source.part("sessions", frame, at, columns, given=given, filled=filled)
    source.gathered.parts.append(part)


def _sessions_in_names(
    source: Source, client: pd.Categorical, held: dict[int, tuple[np.ndarray, str]]
) -> None:
    """Add the sessions that stand in the names of columns, where something is held of them."""
    numbers = sorted(held)
    names = [name for name in fields_of("sessions")[2:] if name in source.spread]
    layouts, frames, places = [], [], []
    for nth, number in enumerate(numbers):
        columns = {name: source.spread[name].get((number, None)) for name in names}
        own = {name: column for name, column in columns.items() if column}
        at = np.flatnonzero(held[number][0])
        data: dict[str, Any] = {
            "client_id": client,
            "session": np.full(len(client), number, dtype="int64"),
        }
        data |= {n: source.typed("sessions", n, column=column)[0] for n, column in own.items()}
        frames.append(pd.DataFrame(data, index=source.frame.index).iloc[at])
        places.append(np.column_stack([at, np.full(len(at), nth)]))
        own["session"] = held[number][1]
        layouts.append(source.layout(source.found(("client_id",)) | own, f"session {number}"))
    where = np.concatenate(places)
    order = np.lexsort((where[:, 1], where[:, 0]))
    frame = settled(stacked(frames).iloc[order].reset_index(drop=True), "sessions")
    at, nth = where[order].T
    rows, layout = source.rows[at], nth.astype(np.int32)
    part = Part("sessions", frame, rows, tuple(layouts), layout, given=False)
    source.gathered.parts.append(part)
