"""Bringing the columns of a table to their types, and naming each cell that cannot be read.

Mapping does most of this while it reads. What arrives here may also be a study built by hand,
so each type is brought about again; for columns that have it already this costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ...frames import are_plain_words
from ...tables import Field, TableSchema
from .registry import Finding

YES = frozenset({"true", "yes", "y", "t", "1", "1.0"})
NO = frozenset({"false", "no", "n", "f", "0", "0.0"})

FIRST_YEAR, LAST_YEAR = 1900, 2100
IN_A_LIFE = f"a date between {FIRST_YEAR} and {LAST_YEAR}"

Typed = tuple[pd.Series, list[Finding]]


def typed_table(frame: pd.DataFrame, schema: TableSchema) -> tuple[pd.DataFrame, dict]:
    """Return the frame with typed columns, and the findings by the rule they belong to."""
    found: dict[str, list[Finding]] = {}
    columns = {}
    for field in schema.fields:
        if field.name not in frame.columns:
            continue
        series, rule, findings = _typed(frame[field.name], field, schema.name)
        columns[field.name] = series
        found.setdefault(rule, []).extend(findings)
    return frame.assign(**columns), found


def _typed(series: pd.Series, field: Field, table: str) -> tuple[pd.Series, str, list[Finding]]:
    readers: dict[str, tuple[str, Callable[[pd.Series, Field, str], Typed]]] = {
        "string": ("not_text", _text),
        "number": ("not_a_number", _number),
        "integer": ("not_a_number", _number),
        "date": ("not_a_date", _date),
        "boolean": ("not_yes_or_no", _boolean),
    }
    rule, read = readers[field.type]
    series, findings = read(series, field, table)
    return series, rule, findings


def whole_numbers(frame: pd.DataFrame, schema: TableSchema) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the frame without the fractions found in columns of whole numbers."""
    found, columns = [], {}
    for field in schema.fields:
        if field.type != "integer" or field.name not in frame.columns:
            continue
        series = frame[field.name]
        if series.dtype.kind in "iub":
            continue
        values = series.to_numpy(dtype=float, na_value=np.nan)
        rows = np.flatnonzero(np.isfinite(values) & (values != np.rint(values)))
        if len(rows):
            found.append(_unreadable(field, schema.name, rows, "a whole number"))
            columns[field.name] = series.mask(_mask(series, rows))
    return frame.assign(**columns) if columns else frame, found


def _text(series: pd.Series, field: Field, table: str) -> Typed:
    """Turn numbers into text (7.0 is '7') and blank text into missing; keep outer blanks."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = series.cat.categories.tolist()
        if are_plain_words(categories) or all(
            isinstance(value, str) and value.strip() for value in categories
        ):
            return series, []
        series = series.astype(object)
    if isinstance(series.dtype, pd.StringDtype) and not (series.str.strip() == "").any():
        return series, []
    codes, values = pd.factorize(series)
    texts = [_as_text(value) for value in values]
    if series.dtype != object and all(
        text is not None and text is value for text, value in zip(texts, values, strict=True)
    ):
        return series, []
    table_of = np.array([*texts, None], dtype=object)
    return pd.Series(table_of[codes], index=series.index, dtype=object, name=series.name), []


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _number(series: pd.Series, field: Field, table: str) -> Typed:
    if series.dtype.kind in "iuf":
        return _finite(series, field, table)
    given = series.astype(object)
    text = given.map(lambda v: str(v) if isinstance(v, bool | np.bool_) else _stripped(v))
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    rows = np.flatnonzero((numbers.isna() & text.notna()).to_numpy())
    series, found = _finite(numbers, field, table)
    if len(rows):
        found = [_unreadable(field, table, rows, "a number"), *found]
    return series, found


def _finite(series: pd.Series, field: Field, table: str) -> Typed:
    if series.dtype.kind != "f" or np.isfinite(series.sum(skipna=True)):
        return series, []
    values = series.to_numpy(dtype=float, na_value=np.nan)
    rows = np.flatnonzero(np.isinf(values))
    if not len(rows):
        return series, []
    found = _unreadable(field, table, rows, "a number")
    return series.mask(_mask(series, rows)), [found]


def _date(series: pd.Series, field: Field, table: str) -> Typed:
    given, dates, found = series, series, []
    if series.dtype.kind != "M":
        given = series.astype(object)
        text = given.map(_stripped)
        dates = _dates(text)
        rows = np.flatnonzero((dates.isna() & text.notna()).to_numpy())
        if len(rows):
            found.append(_unreadable(field, table, rows, "a date"))
    years = dates.dt.year
    rows = np.flatnonzero(((years < FIRST_YEAR) | (years > LAST_YEAR)).to_numpy(dtype=bool))
    if len(rows):
        values = given.iloc[rows].astype(str).to_numpy(dtype=object)
        found.append(_unreadable(field, table, rows, IN_A_LIFE, values))
        dates = dates.mask(_mask(dates, rows))
    return dates, found


def _dates(text: pd.Series) -> pd.Series:
    words = text.map(lambda value: None if pd.isna(value) else str(value))
    dates = pd.to_datetime(words, errors="coerce", format="ISO8601", utc=True)
    return dates.dt.tz_localize(None)


def _boolean(series: pd.Series, field: Field, table: str) -> Typed:
    if series.dtype.kind == "b":
        return series, []
    codes, values = pd.factorize(series.astype(object))
    words = [value.strip().casefold() if isinstance(value, str) else str(value) for value in values]
    words = [word.casefold() for word in words]
    answers = [True if w in YES else False if w in NO else None for w in words]
    bad = np.array([a is None and w != "" for a, w in zip(answers, words, strict=True)], dtype=bool)
    table_of = pd.array([*answers, None], dtype="boolean")
    rows = np.flatnonzero(np.append(bad, False)[codes])
    result = pd.Series(table_of[codes], index=series.index, name=series.name)
    if not len(rows):
        return result, []
    return result, [_unreadable(field, table, rows, "yes or no")]


def _stripped(value: object) -> object:
    """Return text without outer blanks; text that is nothing else is missing."""
    return (value.strip() or None) if isinstance(value, str) else value


def _mask(series: pd.Series, rows: np.ndarray) -> np.ndarray:
    mask = np.zeros(len(series), dtype=bool)
    mask[rows] = True
    return mask


REMEDY = {
    "a number": "Write a number or leave the cell empty; list codes for missing under 'missing:' "
    "in study.yaml.",
    "a whole number": "Correct the number in the file, or leave the cell empty.",
    IN_A_LIFE: "Correct the year in the file, or leave the cell empty.",
    "a date": "Write dates as year-month-day, such as 2024-03-31.",
    "yes or no": "Write yes or no (or 1 or 0), or leave the cell empty.",
}


def _unreadable(
    field: Field, table: str, rows: np.ndarray, wanted: str, values: np.ndarray | None = None
) -> Finding:
    return Finding(
        table,
        f"'{{value}}' is not {wanted}, as the column for {field.title.lower()} needs.",
        rows,
        column=field.name,
        many=f"{{n}} cells are not {wanted}, as the column for {field.title.lower()} needs: "
        "{values}.",
        hint=REMEDY[wanted],
        values=values,
        topic=wanted,
        set_aside=field.required,
        blank=True,
    )
