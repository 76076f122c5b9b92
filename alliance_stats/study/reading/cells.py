"""From words to values: missing words, numbers, decimal commas, yes and no.

A column is worked out on its distinct words, not on its rows, so that a million rows cost
little. A column becomes numbers only if every word of it is one; otherwise it stays text, as it
is, and whoever expects numbers can name the cells that are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MISSING_WORDS: frozenset[str] = frozenset(
    {"", ".", "na", "n/a", "nan", "<na>", "null"}
    | {"#n/a", "#null!", "#value!", "#div/0!", "#ref!", "#name?", "#num!"}
)
"""Words that stand for a missing value, in lower case; the empty word is a blank cell."""

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]\d+)?$"
_COMMA_NUMBER = r"^[+-]?(\d+,\d*|,\d+)([eE][+-]\d+)?$"
_INTEGER = r"^[+-]?\d+$"
_LEADING_ZERO = r"^[+-]?0\d"
_THOUSANDS = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_LONG = r"^[+-]?\d{16,}$"
_YES_NO = {"true": True, "false": False}


@dataclass
class ColumnNotes:
    """What converting one column changed."""

    missing_words: dict[str, int] = field(default_factory=dict)
    decimal_commas: int = 0
    kept_as_text: str = ""


def convert_words(
    codes: np.ndarray,
    words: pa.Array,
    *,
    missing_words: frozenset[str],
    decimal: str | None = None,
    as_text: bool = False,
) -> tuple[Any, ColumnNotes]:
    """Turn a column, given as codes into its distinct words, into values.

    Parameters
    ----------
    codes
        For each row the position in `words`, or -1 for a missing cell.
    words
        The distinct words (an Arrow string array).
    missing_words
        Words read as missing, in lower case.
    decimal
        ``"."``, ``","`` or None to tell from the words.
    as_text
        Keep the words even where all are numbers.

    Returns
    -------
    array, ColumnNotes
        ``int64``, ``float64``, boolean or a pandas Categorical of words.
    """
    notes = ColumnNotes()
    trimmed = pc.utf8_trim_whitespace(words)
    lowered = pc.utf8_lower(trimmed)
    missing = _bools(pc.is_in(lowered, value_set=pa.array(sorted(missing_words))))
    _count_missing_words(notes, codes, trimmed, missing)
    if as_text:
        return _as_categories(codes, words, missing), notes
    present = ~missing
    some_missing = bool(missing.any()) or bool((codes < 0).any())
    values = _numbers(codes, trimmed, present, decimal, notes)
    if values is not None:
        whole = _all(trimmed, present, _INTEGER) and present.any() and not some_missing
        return _take(values.astype("int64") if whole else values, codes), notes
    if (
        present.any()
        and _bools(pc.is_in(lowered, value_set=pa.array(list(_YES_NO))))[present].all()
    ):
        return _as_booleans(codes, lowered, missing, some_missing), notes
    return _as_categories(codes, words, missing), notes


def to_numbers(words: list[str]) -> np.ndarray:
    """Return each word as a number, NaN where it is none; a decimal comma is understood."""
    trimmed = pc.utf8_trim_whitespace(pa.array(words, pa.string()))
    plain = _bools(pc.match_substring_regex(trimmed, _NUMBER))
    comma = _bools(pc.match_substring_regex(trimmed, _COMMA_NUMBER))
    comma &= ~_bools(pc.match_substring_regex(trimmed, _THOUSANDS))
    values = np.full(len(words), np.nan)
    for which in (plain, comma):
        if which.any():
            values[which] = _cast(trimmed.filter(pa.array(which)))
    return values


def _numbers(
    codes: np.ndarray,
    trimmed: pa.Array,
    present: np.ndarray,
    decimal: str | None,
    notes: ColumnNotes,
) -> np.ndarray | None:
    """Return the words as floats, or None where the column is not one of numbers."""
    plain = _bools(pc.match_substring_regex(trimmed, _NUMBER))
    comma = _bools(pc.match_substring_regex(trimmed, _COMMA_NUMBER))
    if decimal == ".":
        comma[:] = False
    if not (plain | comma)[present].all():
        return None
    reason = _reason_for_text(trimmed, comma & present, decimal)
    if reason:
        notes.kept_as_text = reason
        return None
    values = np.full(len(trimmed), np.nan)
    if present.any():
        values[present] = _cast(trimmed.filter(pa.array(present)))
    if (comma & present).any():
        notes.decimal_commas = int((comma & present)[codes[codes >= 0]].sum())
    return values


def _reason_for_text(trimmed: pa.Array, comma: np.ndarray, decimal: str | None) -> str:
    if _any(trimmed, _LEADING_ZERO):
        return "numbers with leading zeros are ids"
    if _any(trimmed, _LONG):
        return "numbers of more than 15 digits are ids"
    if comma.any() and decimal is None:
        thousands = _bools(pc.match_substring_regex(trimmed, _THOUSANDS))
        if thousands[comma].all():
            return "the comma could mark thousands or decimals; say decimal=',' or decimal='.'"
    return ""


def _cast(words: pa.Array) -> np.ndarray:
    bare = pc.replace_substring_regex(words, r"^\+", "")
    bare = pc.replace_substring(bare, ",", ".")
    try:
        return pc.cast(bare, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return np.array([float(word) for word in bare.to_pylist()], dtype=float)


def _as_booleans(
    codes: np.ndarray, lowered: pa.Array, missing: np.ndarray, some_missing: bool
) -> Any:
    truth = np.array([_YES_NO.get(word, False) for word in lowered.to_pylist()], dtype=bool)
    values = _take(truth, codes)
    if not some_missing:
        return values
    blank = _take(missing, codes) | (codes < 0)
    return pd.arrays.BooleanArray(values, blank)


def _as_categories(codes: np.ndarray, words: pa.Array, missing: np.ndarray) -> pd.Categorical:
    if missing.any():
        new = np.where(missing, -1, np.cumsum(~missing) - 1)
        codes = np.where(codes < 0, -1, new[codes]) if len(new) else codes
        words = words.filter(pa.array(~missing))
    return categories(codes, words.to_pylist())


def categories(codes: np.ndarray, words: list[str]) -> pd.Categorical:
    """Return a Categorical of text; its categories have pandas' own text dtype."""
    index = pd.Index(words, dtype=text_dtype()) if words else pd.Index([], dtype=text_dtype())
    return pd.Categorical.from_codes(codes, index)


def text_dtype() -> Any:
    """Return pandas' dtype for text: ``str`` from pandas 3 on, else ``object``."""
    return pd.Series(["a"]).dtype


def _take(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    if len(values) == 0:
        return np.full(len(codes), np.nan)
    if values.dtype.kind == "f" and len(codes) and codes.min() < 0:
        return np.where(codes < 0, np.nan, values[codes])
    return values[codes]


def _count_missing_words(
    notes: ColumnNotes, codes: np.ndarray, trimmed: pa.Array, missing: np.ndarray
) -> None:
    where = np.flatnonzero(missing)
    if not len(where):
        return
    counts = np.bincount(codes[codes >= 0], minlength=len(trimmed))
    for position in where:
        word = trimmed[int(position)].as_py()
        if word:
            notes.missing_words[word] = notes.missing_words.get(word, 0) + int(counts[position])


def _bools(array: pa.Array) -> np.ndarray:
    return np.array(array.to_numpy(zero_copy_only=False), dtype=bool)


def _all(words: pa.Array, which: np.ndarray, pattern: str) -> bool:
    return bool(_bools(pc.match_substring_regex(words, pattern))[which].all())


def _any(words: pa.Array, pattern: str) -> bool:
    return bool(_bools(pc.match_substring_regex(words, pattern)).any())
