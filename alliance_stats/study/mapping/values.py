"""From the cells of a column to ids, whole numbers, numbers and dates; nothing is guessed.

Each function returns the values and the positions of the cells it could not understand, which
are missing in the values. The work is done on distinct values, never row by row.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd

from ..frames import are_plain_words
from ..reading.cells import text_dtype, to_numbers

_LARGEST = 2**53
"""Up to here a float holds each whole number."""

Bad = np.ndarray
"""Positions of the cells that could not be understood."""


def none_bad() -> Bad:
    """Return no positions."""
    return np.empty(0, dtype=np.int64)


def codes_of(series: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return a column as codes (-1 where missing) and its distinct values."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.codes.to_numpy(), series.cat.categories.tolist()
    codes, values = pd.factorize(series)
    return codes, list(values)


def as_word(value: Any) -> str:
    """Return a cell's value as a person writes it: 101, not 101.0."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime | np.datetime64):
        return str(pd.Timestamp(value).date())
    return str(value)


def ids(series: pd.Series) -> pd.Categorical:
    """Return a column of ids as text categories; 101.0 is '101' (blanks: `trimmed`)."""
    if isinstance(series.dtype, pd.CategoricalDtype) and _are_texts(series.cat.categories):
        return series.array  # type: ignore[return-value]
    codes, values = codes_of(series)
    words = [as_word(value) for value in values]
    distinct = list(dict.fromkeys(words))
    if len(distinct) < len(words):
        where = {word: position for position, word in enumerate(distinct)}
        table = np.array([where[word] for word in words] + [-1])
        codes = table[codes]
    return pd.Categorical.from_codes(codes, pd.Index(distinct, dtype=text_dtype()))


def _are_texts(words: pd.Index) -> bool:
    return isinstance(words.dtype, pd.StringDtype) or all(isinstance(w, str) for w in words)


def trimmed(series: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Return a column without blanks around its texts, and the positions of the cells that had."""
    codes, values = codes_of(series)
    if are_plain_words(values):
        return series, none_bad()
    blank = [isinstance(value, str) and value != value.strip() for value in values]
    if not any(blank):
        return series, none_bad()
    bare = np.empty(len(values) + 1, dtype=object)
    bare[-1] = None
    for n, value in enumerate(values):
        bare[n] = (value.strip() or None) if blank[n] else value
    at = np.flatnonzero(np.array([*blank, False])[codes])
    return pd.Series(bare[codes], index=series.index, name=series.name), at


def plain_text(values: pd.Categorical | pd.Series) -> pd.Series:
    """Return categories as pandas' own text column."""
    return pd.Series(np.asarray(values, dtype=object), dtype=text_dtype())


def numbers(series: pd.Series) -> tuple[np.ndarray, Bad]:
    """Return a column as floats and the cells that are no numbers."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        return series.to_numpy(dtype="float64", na_value=np.nan), none_bad()
    codes, values = codes_of(series)
    table = np.append(_each_number(values), np.nan)
    result = table[codes]
    return result, np.flatnonzero(np.isnan(result) & (codes >= 0))


def _each_number(values: list[Any]) -> np.ndarray:
    result = np.full(len(values), np.nan)
    texts = [(n, value) for n, value in enumerate(values) if isinstance(value, str)]
    if texts:
        places = [n for n, _ in texts]
        result[places] = to_numbers([value for _, value in texts])
    for n, value in enumerate(values):
        truth = isinstance(value, bool | np.bool_)  # true is no answer 1
        if isinstance(value, int | float | np.integer | np.floating) and not truth:
            result[n] = float(value)
    return result


def whole_numbers(series: pd.Series) -> tuple[np.ndarray, Bad]:
    """Return a column as ``int64`` (floats where cells are missing) and the cells that are none."""
    whole = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iu"
    if whole and (not len(series) or series.max() <= _LARGEST):
        return series.to_numpy(dtype="int64"), none_bad()
    values, bad = numbers(series)
    odd = np.flatnonzero(~np.isnan(values) & (~np.isfinite(values) | (values != np.floor(values))))
    if len(odd):
        values = values.copy()
        values[odd] = np.nan
        bad = np.sort(np.concatenate([bad, odd]))
    whole = (np.abs(values) <= _LARGEST).all()  # False where a cell is missing, too
    return (values.astype("int64") if whole else values), bad


# -- dates ------------------------------------------------------------------------------------

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")


def dates(series: pd.Series, form: str | None = None) -> tuple[pd.Series, Bad, bool]:
    """Return a column as dates, the cells that are none, and whether day and month are unclear.

    Year-month-day and day.month.year are understood as they stand. With slashes the order is
    told from the column where some day is above 12; where it cannot be told nothing is read.
    """
    if series.dtype.kind == "M":
        return series, none_bad(), False
    codes, values = codes_of(series)
    unclear = False
    if form is not None:
        parsed = [_with_form(value, form) for value in values]
    else:
        order = _order(values)
        unclear = order == "unclear"
        parsed = [_date(value, order) for value in values]
    table = np.array([*parsed, None], dtype="datetime64[us]")
    result = pd.Series(table[codes], name=series.name)
    return result, np.flatnonzero(result.isna().to_numpy() & (codes >= 0)), unclear


def _order(values: list[Any]) -> str:
    pairs = [
        (int(hit[1]), int(hit[2]))
        for value in values
        if isinstance(value, str) and (hit := _SLASHES.fullmatch(value.strip()))
    ]
    if not pairs:
        return "none"
    day_first = any(first > 12 for first, _ in pairs)
    month_first = any(second > 12 for _, second in pairs)
    if day_first == month_first:
        return "unclear"
    return "day" if day_first else "month"


def _date(value: Any, order: str) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return None if pd.isna(value) else value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    text = str(value).strip()
    if hit := _ISO.fullmatch(text):
        return _day(hit[1], hit[2], hit[3])
    if hit := _DOTS.fullmatch(text):
        return _day(hit[3], hit[2], hit[1])
    if (hit := _SLASHES.fullmatch(text)) and order in ("day", "month"):
        month, day = (hit[2], hit[1]) if order == "day" else (hit[1], hit[2])
        return _day(hit[3], month, day)
    return None


def _day(year: str, month: str, day: str) -> dt.datetime | None:
    try:
        return dt.datetime(int(year), int(month), int(day))
    except ValueError:
        return None


def _with_form(value: Any, form: str) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return value
    try:
        return dt.datetime.strptime(as_word(value).strip(), form)
    except ValueError:
        return None


# -- codes for missing, and recoding ----------------------------------------------------------


def split_codes(codes: tuple[Any, ...]) -> tuple[list[float], set[str]]:
    """Return declared codes for missing as numbers and as words."""
    found = [float(code) for code in codes if isinstance(code, int | float)]
    words = {str(code).strip().casefold() for code in codes if isinstance(code, str)}
    found += [n for n in to_numbers(sorted(words)) if not np.isnan(n)] if words else []
    return found, words


def without_codes(series: pd.Series, codes: tuple[Any, ...]) -> pd.Series:
    """Return a column in which declared codes are missing."""
    if not codes:
        return series
    found, words = split_codes(codes)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        hit = np.isin(series.to_numpy(), found)
        return series.mask(hit) if hit.any() else series
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "Mm":
        return series
    positions, values = codes_of(series)
    lost = np.array([_is_code(value, found, words) for value in values] + [False], dtype=bool)
    hit = lost[positions]
    return series.mask(hit) if hit.any() else series


def _is_code(value: Any, found: list[float], words: set[str]) -> bool:
    if isinstance(value, str):
        number = to_numbers([value])[0]
        return value.strip().casefold() in words or (not np.isnan(number) and number in found)
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return float(value) in found
    return False


def is_one_of(series: pd.Series, wanted: tuple[Any, ...]) -> np.ndarray:
    """Return which cells hold one of some values; None and an empty text are an empty cell."""
    keys = {_plain_key(value) for value in wanted if value is not None and value != ""}
    codes, values = codes_of(series)
    blank = any(value in (None, "") for value in wanted)
    return np.array([*(_plain_key(value) in keys for value in values), blank])[codes]


def recoded(series: pd.Series, mapping: dict[Any, Any]) -> pd.Series:
    """Return a column with old values replaced; a value that is not named stays."""
    codes, values = codes_of(series)
    new_of = {_plain_key(old): new for old, new in mapping.items()}
    made = [new_of.get(_plain_key(value), value) for value in values]
    table = np.empty(len(made) + 1, dtype=object)
    table[:-1] = made
    table[-1] = None
    result = pd.Series(table[codes], dtype=object, name=series.name)
    return result.infer_objects()


def _plain_key(value: Any) -> Any:
    """Return what makes 1, 1.0 and '1' the same, and words the same without case."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).casefold()
    if isinstance(value, int | float | np.integer | np.floating):
        return float(value)
    text = str(value).strip().casefold()
    number = to_numbers([text])[0]
    return text if np.isnan(number) else float(number)


def categories_of(value: Any, n: int) -> pd.Categorical:
    """Return one value, repeated, as a categorical column."""
    if isinstance(value, str):
        return pd.Categorical.from_codes(np.zeros(n, dtype=np.int8), text_index([value]))
    return pd.Categorical.from_codes(np.zeros(n, dtype=np.int8), pd.Index([value]))


def text_index(words: list[str]) -> pd.Index:
    """Return an index of text with pandas' own text dtype."""
    return pd.Index(words, dtype=text_dtype())
