"""SPSS and Stata files: values, labels of values and variables, missing codes, dates and times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import ReadError
from ..origin import Problem
from .kinds import KIND_WORDS
from .loaded import Conventions, Loaded, empty_notes

_EPOCH = {"sav": np.datetime64("1582-10-14", "us"), "dta": np.datetime64("1960-01-01", "us")}
_DATES = ("DATE", "ADATE", "EDATE", "JDATE", "SDATE", "DATETIME", "YMDHMS")
_TIMES = ("TIME", "DTIME", "MTIME")
_STATA_DATES = {"td": ("DATE", 86_400.0), "d": ("DATE", 86_400.0), "tc": ("DATETIME", 0.001)}
"""Stata's letters for a date: SPSS's word, and the seconds of one unit. Its other dates (with leap
seconds, by week, month or quarter) stay the numbers that they are."""
_LAST_SECOND = 1e12
"""Thirty thousand years; beyond it a number of seconds is no time."""

PROGRAMS = {"sav": "SPSS", "dta": "Stata"}
_OPEN_END = 1e300
"""SPSS writes LOWEST and HIGHEST of a range as the ends of the floating-point numbers."""


def read_labelled(path: Path, kind: str, conventions: Conventions) -> Loaded:
    """Read a file of SPSS or Stata; user-missing values become missing and are counted."""
    raw, meta = _read(path, kind, conventions.encoding)
    names = [str(name) for name in raw.columns]
    notes = empty_notes() | {
        "encoding": str(getattr(meta, "file_encoding", "") or ""),
        "header_rows": 0,
        "first_row": 1,
        "variable_labels": _labels(meta),
        "value_labels": {
            name: {_plain(code): str(label) for code, label in labels.items()}
            for name, labels in meta.variable_value_labels.items()
        },
    }
    if kind == "dta":
        raw, formats = _as_spss_has_it(raw, meta, notes)
    else:
        formats = meta.original_variable_types
        raw = pd.DataFrame({n: _without_user_missing(raw[n], n, meta, notes) for n in names})
    columns = {name: _column(raw[name], formats.get(name) or "", _EPOCH[kind]) for name in names}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(raw)))
    rows = np.arange(1, len(raw) + 1, dtype=np.int32)
    faults = tuple(fault for name in names for fault in _lost_times(raw[name], frame[name], name))
    return Loaded(frame, rows, kind, tuple(names), notes=notes, faults=faults)


def _lost_times(raw: pd.Series, read: pd.Series, name: str) -> Iterator[Problem]:
    """Name the cells whose seconds lie outside any calendar, so that no time is there to read."""
    if read.dtype.kind not in "mM":
        return
    seconds = raw.to_numpy(dtype="float64", na_value=np.nan)
    for row in np.flatnonzero(~np.isnan(seconds) & ~(np.abs(seconds) < _LAST_SECOND)):
        yield Problem(
            level="error",
            rule="impossible_date",
            message=f"Case {row + 1}, column '{name}' holds {seconds[row]:g} seconds as a date or "
            "time, which lies in no calendar; it is read as missing.",
            hint="Correct it in the file.",
            row=int(row) + 1,
            column=name,
            value=f"{seconds[row]:g}",
        )


def _as_spss_has_it(
    raw: pd.DataFrame, meta: Any, notes: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return Stata's columns with dates in seconds and ``.a`` to ``.z`` missing; and formats."""
    formats = {}
    columns = {}
    for name, column in raw.items():
        if meta.readstat_variable_types[name].startswith("string"):
            columns[name] = column
            continue
        numbers = pd.to_numeric(column, errors="coerce")
        letters = column[numbers.isna() & column.notna()].map(".{}".format)
        if len(letters):
            notes["user_missing"][name] = sorted(set(letters))
            notes["user_missing_counts"][name] = letters.value_counts().sort_index().to_dict()
        words = notes["value_labels"].get(name, {})
        if words:
            notes["value_labels"][name] = {
                f".{code}" if isinstance(code, str) else code: word for code, word in words.items()
            }
        letter = re.match(r"%-?(t[cd]|d)", meta.original_variable_types[name])
        formats[str(name)], unit = _STATA_DATES[letter[1]] if letter else ("", 1)
        columns[name] = numbers * unit
    return pd.DataFrame(columns, index=raw.index), formats


def _read(path: Path, kind: str, encoding: str | None) -> tuple[pd.DataFrame, Any]:
    import pyreadstat

    read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}[kind]
    attempts = [encoding] if encoding else [None, "cp1252", "latin1"]
    for attempt in attempts:
        try:
            frame, meta = read(
                str(path), encoding=attempt, user_missing=True, disable_datetime_conversion=True
            )
        except Exception as error:
            reason = str(error)
            if "encoding" not in reason and "unicode" not in reason.lower():
                break
        else:
            return _checked(frame, meta, path, PROGRAMS[kind])
    raise ReadError(
        f"The {PROGRAMS[kind]} file '{path.name}' cannot be read: "
        f"{_in_words(reason, KIND_WORDS[kind])}",
        rule="unreadable_file",
        hint=f"Open it in {PROGRAMS[kind]} (or jamovi) and save it again, or copy it again from "
        "where it came.",
    )


def _checked(frame: pd.DataFrame, meta: Any, path: Path, program: str) -> tuple[pd.DataFrame, Any]:
    """Refuse a file that holds fewer cases than its own header says, or a nameless variable."""
    nameless = [n for n, name in enumerate(frame.columns, start=1) if not isinstance(name, str)]
    if nameless:
        raise ReadError(
            f"Variable {nameless[0]} of the {program} file '{path.name}' has no name that can be "
            "read: the file is damaged.",
            rule="unreadable_file",
            hint="Copy it again from where it came.",
        )
    expected = getattr(meta, "number_rows", None)
    if expected is not None and expected >= 0 and expected != len(frame):
        raise ReadError(
            f"The {program} file '{path.name}' says it has {expected} cases, but only {len(frame)} "
            "could be read: it is cut off.",
            rule="truncated_file",
            hint="Copy it again from where it came.",
        )
    return frame, meta


def _in_words(reason: str, file: str) -> str:
    known = {
        "file": "it ends before all its cases are there, or is damaged.",
        "parse": f"it is damaged, or not {file}.",
        "allocate": "it is damaged (it asks for more memory than there is).",
    }
    lowered = reason.lower()
    if "encoding" in lowered or "unicode" in lowered:
        return "its text is in an encoding that could not be told; give encoding=."
    for word in ("allocate", "parse", "file"):
        if word in lowered:
            return known[word]
    return f"it is damaged, or not {file}."


def _labels(meta: Any) -> dict[str, str]:
    pairs = meta.column_names_to_labels.items()
    return {name: str(label) for name, label in pairs if label}


def _column(values: pd.Series, format: str, epoch: np.datetime64) -> pd.Series:
    """Return a date, a time, numbers, or text."""
    kind = format.rstrip("0123456789.")
    if kind in _DATES:
        return pd.Series(epoch + _seconds(values), name=values.name)
    if kind in _TIMES:
        return pd.Series(_seconds(values), name=values.name)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("float64")
    blank = values.isna() | (values.astype(object).astype(str).str.strip() == "")
    return values.mask(blank).astype("category")


def _seconds(values: pd.Series) -> np.ndarray:
    """Return seconds as differences of time, to the microsecond."""
    seconds = values.to_numpy(dtype="float64", na_value=np.nan)
    known = np.isfinite(seconds) & (np.abs(seconds) < _LAST_SECOND)
    micro = np.where(known, np.round(np.where(known, seconds, 0) * 1e6), 0).astype("int64")
    result = micro.astype("timedelta64[us]")
    result[~known] = np.timedelta64("NaT", "us")
    return result


def _without_user_missing(
    series: pd.Series, name: str, meta: Any, notes: dict[str, Any]
) -> pd.Series:
    """Set user-missing codes and ranges to missing, and note which and how many."""
    codes: list[Any] = []
    ranges: list[list[float | None]] = []
    hit = np.zeros(len(series), dtype=bool)
    for declared in meta.missing_ranges.get(name, ()):
        low, high = (
            (declared["lo"], declared["hi"]) if isinstance(declared, dict) else (declared,) * 2
        )
        if low == high:
            codes.append(_plain(low))
            hit |= np.asarray(series == low, dtype=bool)
        else:
            ranges.append([_end(low), _end(high)])
            hit |= np.asarray((series >= low) & (series <= high), dtype=bool)
    if codes:
        notes["user_missing"][name] = codes
    if ranges:
        notes["user_missing_ranges"][name] = ranges
    if not hit.any():
        return series
    counts = series[hit].value_counts(sort=False)
    notes["user_missing_counts"][name] = {
        _plain(code): int(count) for code, count in counts.sort_index().items()
    }
    return series.mask(hit)


def _end(value: Any) -> float | None:
    if isinstance(value, str):
        return None
    return None if not math.isfinite(value) or abs(value) > _OPEN_END else float(value)


def _plain(value: Any) -> Any:
    """Return a code as a whole number where it is one."""
    if isinstance(value, float | np.floating):
        return int(value) if float(value).is_integer() else float(value)
    return value
