"""Sources that are one of our tables already (``table: terminations``), whatever their columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..tables import table_schema
from .gathering import Part
from .source import Source
from .values import plain_text

CATEGORICAL = {("ratings", name) for name in ("client_id", "rater", "measure")}
"""Columns that stay categorical, because the table may have a million rows."""


def table_part(source: Source, table: str) -> Part:
    """Return the rows of a source that is a table: typed, blank and unusable rows left out."""
    schema = table_schema(table)
    data: dict[str, Any] = {}
    keep = np.ones(len(source), dtype=bool)
    for field in schema.fields:
        if not source.has(field.name):
            continue
        needed = field.required and field.type in ("integer", "number")
        values, bad = source.typed(table, field.name, needed=needed)
        data[field.name] = values
        if needed:
            keep[bad] = False
    further = source.further(table)
    frame = settled(with_further(source, data, further), table)
    blank = _blank(frame)
    gathered, file = source.gathered, source.file.file
    gathered.leave_out(table, "a blank row", int(blank.sum()), file)
    gathered.leave_out(table, "a number that cannot be read", int((~keep & ~blank).sum()), file)
    keep &= ~blank
    if not keep.all():
        frame = frame[keep].reset_index(drop=True)
        frame = frame.assign(**{n: _whole_again(frame[n]) for n in _integers(frame, table)})
    return source.part(table, frame, np.flatnonzero(keep), source.found(data) | further)


def with_further(source: Source, data: dict[str, Any], further: dict[str, str]) -> pd.DataFrame:
    """Return a table of our own columns, and of further ones taken from the file as a block."""
    frame = source.frame
    own = pd.DataFrame(
        {n: values for n, values in data.items() if n not in further}, index=frame.index, copy=False
    )
    if not further:
        return own
    block = frame[list(further.values())]
    block.columns = pd.Index(list(further))  # set_axis would copy the many once more
    return pd.concat([own, block], axis=1)


def settled(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame with plain text columns, except where a table may be very long."""
    plain = {
        str(name): plain_text(frame[name]).set_axis(frame.index)
        for name, kind in frame.dtypes.items()
        if isinstance(kind, pd.CategoricalDtype) and (table, name) not in CATEGORICAL
    }
    return frame.assign(**plain) if plain else frame


def _integers(frame: pd.DataFrame, table: str) -> list[str]:
    fields = {field.name: field.type for field in table_schema(table).fields}
    return [str(name) for name in frame.columns if fields.get(str(name)) == "integer"]


def _whole_again(series: pd.Series) -> pd.Series:
    """Return whole numbers as such once the rows without one are gone."""
    return series if series.isna().any() else series.astype("int64")


def _blank(frame: pd.DataFrame) -> np.ndarray:
    """Return which rows hold nothing at all."""
    blank = np.ones(len(frame), dtype=bool)
    for name in frame.columns:
        blank &= frame[name].isna().to_numpy()
        if not blank.any():
            break
    return blank


def tables_for(blocks: list[Any], items: str, given: str, scores: str) -> list[str]:
    """Return the table of each block; totals beside their items are kept apart, to compare."""
    forms = [(block.spec.measure, block.spec.rater, block.slot) for block in blocks]
    with_items = {form for form, block in zip(forms, blocks, strict=True) if block.is_items}
    return [
        items if block.is_items else given if form in with_items else scores
        for form, block in zip(forms, blocks, strict=True)
    ]


def no_session(source: Source, block: Any) -> None:
    """Name a measure of which it is not said when it was given."""
    told = ("not said when", block.columns[0])
    if {"session", "occasion", told} & source.told:
        return
    source.told.add(told)
    source.notes.add(
        "missing_column",
        f"It is not said which session or occasion the values of '{block.spec.measure}' in "
        f"'{block.columns[0]}' belong to.",
        hint="Add session: or occasion: to the source or to the measure in study.yaml.",
        column=block.columns[0],
        table="ratings",
    )


def blank_rows(source: Source, client: pd.Categorical) -> np.ndarray:
    """Return which rows hold nothing in any column."""
    blank = np.asarray(client.isna()).copy()
    for name in source.frame.columns:
        if not blank.any():
            break
        blank &= source.frame[name].isna().to_numpy()
    return blank
