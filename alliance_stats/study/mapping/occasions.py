"""Measures given at occasions (intake, pre, post): they become assessments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsError
from .long_rows import block_part, long_frame
from .patterns import when_of
from .people import client_rows, therapist_rows, with_the_client
from .source import Source
from .tables_of import blank_rows, no_session, settled, table_part, tables_for
from .values import categories_of
from .vocabulary import fields_of
from .wide import Block, filled, matrix

KEYS = ("client_id", "occasion", "rater", "measure", "scale", "score")


def read_occasions(source: Source, blocks: list[Block]) -> None:
    """Turn measures at occasions (pre, post) into assessments, with the items beside them."""
    if not blocks:
        return
    client = source.ids("client_id")
    blank = blank_rows(source, client)
    source.gathered.leave_out("assessments", "a blank row", int(blank.sum()), source.file.file)
    usable = ~blank
    occasion = source.typed("assessments", "occasion")[0] if source.has("occasion") else None
    if occasion is None and source.has("time"):
        occasion = _named_by_time(source)
    carried, columns = _carried(source)
    along = {name: values for name, values in carried.items() if name in columns}
    tables = tables_for(blocks, "given_items", "given_assessments", "assessments")
    again = repeated_keys(client, None if occasion is None else occasion.codes, usable)
    for block, table in zip(blocks, tables, strict=True):
        own = block.slot[1]
        if own is None and occasion is None:
            no_session(source, block)
            continue
        cells = matrix(source, block)
        mine = usable if block.rows is None else usable & block.rows
        here = mine & (filled(cells) | (False if own is not None else ~again))
        at = np.flatnonzero(here)
        if own is None:
            empty = int(np.count_nonzero(mine & ~here)) * len(block.parts)
            reason = "an empty form beside another row of the occasion"
            source.gathered.leave_out("assessments", reason, empty, source.file.file)
        which = occasion if own is None else categories_of(own, len(source))
        keys: dict[str, Any] = {"client_id": client, "occasion": which}
        keys |= carried if own is None else along | _spread(source, block)
        frame = long_frame(keys, block, cells, at)
        part = block_part(source, table, block, settled(frame, table), at)
        source.gathered.parts.append(part)
        if block.is_items:
            n_forms = len(frame) // len(block.parts)
            form = np.repeat(np.arange(n_forms), len(block.parts))
            pair = {(block.spec.measure, block.spec.rater)} if block.spec.reversed else False
            frame, positions = _scored(source, frame, form, at, pair, block.columns[0])
            places = source.found(keys) | columns
            places |= {"occasion": block.columns[0]} if own is not None else {}
            source.gathered.parts.append(
                source.part(
                    "assessments",
                    settled(frame, "assessments"),
                    positions,
                    places,
                    when=when_of(block.slot),
                )
            )
    client_rows(source, client, np.flatnonzero(usable))
    therapist_rows(source, np.flatnonzero(usable))


def repeated_keys(client: pd.Categorical, when: Any, usable: np.ndarray) -> np.ndarray:
    """Return the rows whose client and session (or occasion) have another row.

    Where rows are of several kinds (a row a form or a rater), each holds its own measures and
    leaves those of the others empty: there, an empty form was not given.
    """
    if when is None:
        return np.zeros(len(usable), dtype=bool)
    keys = pd.DataFrame({"client": client.codes, "when": when})
    again = keys.duplicated().to_numpy() & usable
    return keys.duplicated(keep=False).to_numpy() if again.any() else again


def _named_by_time(source: Source) -> pd.Categorical:
    """Return occasions where only a time is given: ``month 1.5``."""
    time = source.typed("assessments", "time")[0]
    unit = source.gathered.time_unit or "time"
    return pd.Categorical([None if np.isnan(at) else f"{unit} {at:g}" for at in time])


def _carried(source: Source) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what else rows at occasions hold, and the columns it stands in.

    What is one for a client goes with the client; the rest stays with the scores: a therapist too
    where a client changed.
    """
    columns = source.further("assessments")
    with_client = with_the_client(source, columns)
    columns = {name: column for name, column in columns.items() if name not in with_client}
    values = {name: source.frame[column].array for name, column in columns.items()}
    own = fields_of("assessments")
    changing = source.columns.keys() & {"therapist_id"}
    changing -= with_the_client(source, {name: source.columns[name] for name in changing}).keys()
    for name in (*own, *fields_of("sessions")):
        elsewhere = name in KEYS or name in {*fields_of("clients")} - changing
        if not elsewhere and name not in values and source.has(name):
            table = "assessments" if name in own else "sessions"
            values[name] = source.typed(table, name)[0]
    return values, columns


def _spread(source: Source, block: Block) -> dict[str, Any]:
    """Return what stands in a column an occasion (``week_{occasion}``), for one occasion."""
    own = fields_of("assessments")
    columns = {name: slots.get(block.slot, "") for name, slots in source.spread.items()}
    return {
        name: source.typed("assessments" if name in own else "sessions", name, column=column)[0]
        for name, column in columns.items()
        if column
    }


def _scored(
    source: Source,
    frame: pd.DataFrame,
    form: np.ndarray,
    at: np.ndarray,
    reversed_already: set[tuple[str, str]] | bool,
    column: str,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Score items given at an occasion: ``assessments`` holds scores.

    `form` numbers the forms from 0 on, for each row of `frame`; `at` is the row of the file of each
    form.
    """
    from ...instruments import score

    forms = frame[~pd.Series(form).duplicated().to_numpy()].reset_index(drop=True)
    long = frame[["rater", "measure", "item", "value"]].assign(client_id=form, session=np.int64(1))
    try:
        scores = score(long, already_reversed=reversed_already, registry=source.gathered.registry)
    except AllianceStatsError as error:
        source.notes.add("not_scored", str(error), table="assessments", column=column)
        return forms.iloc[:0].assign(scale="", score=np.nan), at[:0]
    which = scores["client_id"].astype("int64").to_numpy()
    result = forms.iloc[which].drop(columns=["item", "value"]).reset_index(drop=True)
    result = result.assign(scale=scores["scale"].to_numpy(), score=scores["score"].to_numpy())
    return result, at[which]


def read_long_items(source: Source) -> None:
    """Turn a file with a row an answer at an occasion into assessments, with the items beside."""
    part = table_part(source, "ratings")
    at = np.flatnonzero(np.isin(source.rows, np.asarray(part.rows)))
    keys = ["client_id", "occasion", "rater", "measure"]
    data: dict[str, Any] = {}
    for name in ("occasion", "time"):
        if source.has(name):
            data[name] = source.typed("assessments", name)[0][at]
    data.setdefault("occasion", _named_by_time(source)[at] if "time" in data else None)
    frame = settled(part.frame.assign(**data), "given_items")
    columns = source.found(frame.columns)
    source.gathered.parts.append(source.part("given_items", frame, at, columns))
    form = frame.groupby(keys, sort=False, observed=True, dropna=False).ngroup().to_numpy()
    first = np.flatnonzero(~pd.Series(form).duplicated().to_numpy())
    scored, positions = _scored(
        source, frame, form, at[first], False, source.columns.get("value", "value")
    )
    scored = settled(scored, "assessments")
    source.gathered.parts.append(source.part("assessments", scored, positions, columns))
