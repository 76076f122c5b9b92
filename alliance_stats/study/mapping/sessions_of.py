"""Sources without ``table:``: a row a session, client or occasion, with measures or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .occasions import read_occasions
from .people import client_rows, therapist_rows
from .source import Part, Source
from .tables_of import settled, table_part, with_further
from .vocabulary import fields_of
from .wide import Block, blank_rows, block_part, blocks_of, long_frame, matrix, no_session

_EXACT = 2.0**53
"""From here on a float does not hold each whole number."""

_HINT = "Add client_id: with the name of the column of clients to the source in study.yaml."


def read_open_source(source: Source) -> None:
    """Turn a source into parts of the tables it feeds."""
    if not source.has("client_id"):
        _without_client(source)
        return
    blocks = blocks_of(source)
    by_occasion = [b for b in blocks if b.slot[0] is None and b.slot[1] is not None]
    others = [block for block in blocks if block not in by_occasion]
    if source.has("session") or any(block.slot[0] is not None for block in others):
        _sessions(source, others)
        read_occasions(source, by_occasion)
    elif blocks:
        read_occasions(source, blocks)
    elif not source.spec.measures:
        source.gathered.parts.append(table_part(source, "clients"))
    source.name_repeated()


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
    tables = _tables(blocks)
    _count_lost(source, blocks, tables, blank, usable)
    held: list[tuple[np.ndarray, Any]] = []
    for block, table in zip(blocks, tables, strict=True):
        cells = matrix(source, block)
        own = block.slot[0]
        if own is None and session is None:
            no_session(source, block)
            continue
        at = np.flatnonzero(usable if own is None else usable & ~np.isnan(cells).all(axis=1))
        keys = {"client_id": client, "session": session if own is None else np.int64(own)}
        _add_long(source, table, block, keys, cells, at)
        if own is not None:
            held.append((at, own))
    at = np.flatnonzero(usable)
    if session is not None:
        _session_rows(source, client, session, at, given=not blocks)
    elif held:
        _sessions_in_names(source, client, held)
    client_rows(source, client, at)
    therapist_rows(source, at)


def _tables(blocks: list[Block]) -> list[str]:
    """Return the table of each block; totals beside their items are kept apart, to compare."""
    with_items = {(block.spec.measure, block.spec.rater) for block in blocks if block.is_items}
    tables = []
    for block in blocks:
        beside = (block.spec.measure, block.spec.rater) in with_items
        tables.append("ratings" if block.is_items else "given_scores" if beside else "scores")
    return tables


def _count_lost(
    source: Source, blocks: list[Block], tables: list[str], blank: np.ndarray, usable: np.ndarray
) -> None:
    """Count what blank rows and rows without a readable session would have given."""
    lost = {"a blank row": int(blank.sum())}
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
    frame, positions = long_frame(keys, block, cells, at)
    frame = settled(frame, table)
    source.gathered.parts.append(block_part(source, table, block, frame, positions))


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
    columns: dict[str, str] = {
        n: source.columns[n] for n in ("client_id", "session") if n in source.columns
    }
    for name in fields_of("sessions")[2:]:
        if source.has(name):
            data[name], _ = source.typed("sessions", name)
            if name in source.columns:
                columns[name] = source.columns[name]
    further = source.further("sessions")
    frame = with_further(source, data, further)
    if not given:
        keys = pd.DataFrame({"client": client.codes[at], "session": session[at]})
        at = at[~keys.duplicated().to_numpy()]
    frame = settled(frame.iloc[at].reset_index(drop=True), "sessions")
    part = Part("sessions", frame, source.file, source.rows[at], columns | further, given=given)
    source.gathered.parts.append(part)


def _sessions_in_names(
    source: Source, client: pd.Categorical, held: list[tuple[np.ndarray, Any]]
) -> None:
    """Add the sessions that stand in the names of columns, where something was answered."""
    positions = np.concatenate([at for at, _ in held])
    session = np.concatenate([np.full(len(at), own, dtype="int64") for at, own in held])
    keys = pd.DataFrame({"at": positions, "session": session}).drop_duplicates()
    keys = keys.sort_values(["at", "session"], kind="stable")
    at = keys["at"].to_numpy()
    frame = pd.DataFrame(
        {
            "client_id": pd.Categorical.from_codes(client.codes[at], dtype=client.dtype),
            "session": keys["session"].to_numpy(),
        }
    )
    columns = {"client_id": source.columns["client_id"]} if "client_id" in source.columns else {}
    source.gathered.parts.append(
        Part(
            "sessions",
            settled(frame, "sessions"),
            source.file,
            source.rows[at],
            columns,
            given=False,
        )
    )
