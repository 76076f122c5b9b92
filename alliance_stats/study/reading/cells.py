"""From words to values: missing words, numbers, decimal commas, yes and no.

A column is worked out on its distinct words, not on its rows, so that a million rows cost
little; columns with few words are worked out together, so that a hundred thousand columns do
too. A column becomes numbers only if every word of it is one; otherwise it stays text, as it
is, and whoever expects numbers can name the cells that are none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

WRITTEN_MISSING = frozenset(
    {"n.a.", "n. a.", "k.a.", "k. a.", "keine angabe", "fehlt", "fehlend", "-", "–", "—"}
)
"""Words by which people say that nothing was given; a column where they are read so is told."""
MISSING_WORDS: frozenset[str] = WRITTEN_MISSING.union(
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

MOST_WORDS = 1 << 16
"""Distinct words of columns that are worked out together; a column with more stands alone."""

_MOST_BYTES = 1 << 24

# what a word is, a bit each; the first four are asked of all words of a column that are present
_NUMBER_LIKE, _WHOLE, _UNCLEAR, _YES_NO = 1, 2, 4, 8
_MISSING, _PRESENT, _COMMA, _ZERO, _DIGITS, _SAID = 16, 32, 64, 128, 256, 512
_EVERY = _NUMBER_LIKE | _WHOLE | _UNCLEAR | _YES_NO


@dataclass(frozen=True)
class Cells:
    """One column: codes into distinct words, or whole numbers (floats where some are missing)."""

    codes: np.ndarray
    words: pa.Array
    numbers: np.ndarray | None = None


def words_of(column: Any) -> Cells:
    """Return texts as codes into distinct words, -1 where a cell is missing."""
    encoded = pa.array(column, pa.string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
    return Cells(codes.to_numpy(zero_copy_only=False), encoded.dictionary)


NO_CELLS = words_of([])


@dataclass
class ColumnNotes:
    """What converting one column changed."""

    missing_words: dict[str, int] = field(default_factory=dict)
    decimal_commas: int = 0
    kept_as_text: str = ""


class _Words(NamedTuple):
    """Words as understood: without outer blanks, what each is (bits), and its number."""

    trimmed: pa.Array
    bits: np.ndarray
    numbers: np.ndarray


def convert_columns(
    columns: Sequence[Cells],
    *,
    missing_words: frozenset[str],
    decimal: str | None = None,
    as_text: Collection[int] = (),
    plain_text: bool = False,
) -> Iterator[tuple[Any, ColumnNotes]]:
    """Turn columns, given as codes into their distinct words, into values.

    Parameters
    ----------
    columns
        For each row the position in the column's distinct words, or -1 for a missing cell.
        Columns that came as numbers stay so.
    missing_words
        Words read as missing, in lower case.
    decimal
        ``"."``, ``","`` or None to tell from the words.
    as_text
        Positions of the columns that keep their words even where all are numbers.
    plain_text
        Give text as pandas' own text columns instead of categories: cheaper where rows are few.

    Yields
    ------
    array, ColumnNotes
        ``int64``, ``float64``, boolean, or text (a pandas Categorical of words).
    """
    start = 0
    for stop in _ends(columns):
        batch = columns[start:stop]
        kept = {n - start for n in range(start, stop) if n in as_text}
        yield from _converted(batch, missing_words, decimal, kept, plain_text=plain_text)
        start = stop


def _ends(columns: Sequence[Cells]) -> Iterator[int]:
    """Yield where to cut, so that columns worked out together hold few words, or are one."""
    n_words = n_bytes = 0
    for position, cells in enumerate(columns):
        if cells.numbers is not None:
            continue  # has no words
        n_words, n_bytes = n_words + len(cells.words), n_bytes + cells.words.nbytes
        if position and (n_words > MOST_WORDS or n_bytes > _MOST_BYTES):
            yield position
            n_words, n_bytes = len(cells.words), cells.words.nbytes
    if columns:
        yield len(columns)


def to_numbers(words: list[str]) -> np.ndarray:
    """Return each word as a number, NaN where it is none; a decimal comma is understood."""
    read = _understood(pa.array(words, pa.string()), frozenset(), None)
    return np.where((read.bits & _COMMA > 0) & (read.bits & _UNCLEAR > 0), np.nan, read.numbers)


def _converted(
    columns: Sequence[Cells],
    missing_words: frozenset[str],
    decimal: str | None,
    as_text: set[int],
    *,
    plain_text: bool,
) -> Iterator[tuple[Any, ColumnNotes]]:
    """Convert columns by asking of all their words at once what they are."""
    words = pa.concat_arrays([cells.words for cells in columns])
    read = _understood_once(words, missing_words, decimal, once=len(columns) == 1)
    stops = np.cumsum([len(cells.words) for cells in columns])
    spans = [slice(a, b) for a, b in zip([0, *stops[:-1].tolist()], stops.tolist(), strict=True)]
    every, some = _over_columns(read.bits, spans)
    made: list[Any] = []
    notes: list[ColumnNotes] = []
    texts: list[int] = []
    for n, cells in enumerate(columns):
        own = read.bits[spans[n]]
        note = ColumnNotes()
        if some[n] & _SAID:
            note.missing_words = _said_missing(cells.codes, read.trimmed[spans[n]], own)
        value = cells.numbers
        if value is None and n not in as_text:
            value = _values(cells.codes, read, spans[n], every[n], some[n], decimal, note)
        if value is None:
            texts.append(n)
        made.append(value)
        notes.append(note)
    if plain_text and texts:
        given = _plain_texts(words, read.bits, [(columns[n].codes, spans[n]) for n in texts])
    else:
        given = (_as_categories(columns[n], read.bits[spans[n]]) for n in texts)
    for n, value in zip(texts, given, strict=True):
        made[n] = value
    return zip(made, notes, strict=True)


def _understood_once(
    words: pa.Array, missing_words: frozenset[str], decimal: str | None, *, once: bool
) -> _Words:
    """Understand words, each distinct one once; `once`: no word is there twice."""
    if once:
        return _understood(words, missing_words, decimal)
    encoded = words.dictionary_encode()
    codes = encoded.indices.to_numpy()
    read = _understood(encoded.dictionary, missing_words, decimal)
    return _Words(read.trimmed.take(encoded.indices), read.bits[codes], read.numbers[codes])


def _understood(words: pa.Array, missing_words: frozenset[str], decimal: str | None) -> _Words:
    trimmed = pc.utf8_trim_whitespace(words)
    lowered = pc.utf8_lower(trimmed)
    missing = _bools(pc.is_in(lowered, value_set=pa.array(sorted(missing_words), pa.string())))
    plain, comma = _matches(trimmed, _NUMBER), _matches(trimmed, _COMMA_NUMBER)
    if decimal == ".":
        comma[:] = False
    number = plain | comma
    bits = np.where(missing, _MISSING, _PRESENT).astype(np.uint16)
    bits[number] |= _NUMBER_LIKE
    bits[_bools(pc.is_in(lowered, value_set=pa.array(["true", "false"])))] |= _YES_NO
    bits[comma & ~missing] |= _COMMA
    bits[~comma] |= _UNCLEAR
    bits[missing & _bools(pc.not_equal(trimmed, ""))] |= _SAID
    # of other words nothing more needs to be known: their columns are text
    at = np.flatnonzero(number | missing)
    numeric = trimmed.take(pa.array(at))
    for pattern, bit in (
        (_INTEGER, _WHOLE),
        (_LEADING_ZERO, _ZERO),
        (_LONG, _DIGITS),
        (_THOUSANDS, _UNCLEAR),
    ):
        bits[at[_matches(numeric, pattern)]] |= bit
    numbers = np.full(len(words), np.nan)
    at = np.flatnonzero(number & ~missing)
    numbers[at] = _cast(trimmed.take(pa.array(at)))
    return _Words(trimmed, bits, numbers)


def _over_columns(bits: np.ndarray, spans: list[slice]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each column the bits of every word that is present, and of some word."""
    every = np.full(len(spans), _EVERY, dtype=np.uint16)
    some = np.zeros(len(spans), dtype=np.uint16)
    filled = np.array([span.stop > span.start for span in spans], dtype=bool)
    if filled.any():
        starts = np.array([span.start for span in spans])[filled]
        present = np.where(bits & _MISSING, np.uint16(_EVERY), bits)
        every[filled] = np.bitwise_and.reduceat(present, starts)
        some[filled] = np.bitwise_or.reduceat(bits, starts)
    return every, some


def _values(
    codes: np.ndarray,
    read: _Words,
    span: slice,
    every: int,
    some: int,
    decimal: str | None,
    note: ColumnNotes,
) -> Any | None:
    """Return numbers or truth values, None where the column is text."""
    some_missing = bool(some & _MISSING) or bool((codes < 0).any())
    if every & _NUMBER_LIKE:
        note.kept_as_text = _reason_for_text(every, some, decimal)
        if note.kept_as_text:
            return None
        own = read.bits[span]
        if some & _COMMA:
            note.decimal_commas = int(np.count_nonzero(own[codes[codes >= 0]] & _COMMA))
        whole = every & _WHOLE and some & _PRESENT and not some_missing
        numbers = read.numbers[span]
        return _take(numbers.astype("int64") if whole else numbers, codes)
    if every & _YES_NO:
        truth = np.array(pc.equal(pc.utf8_lower(read.trimmed[span]), "true"), dtype=bool)
        values = _take(truth, codes)
        if not some_missing:
            return values
        blank = _take(read.bits[span] & _MISSING > 0, codes) | (codes < 0)
        return pd.arrays.BooleanArray(values, blank)
    return None


def _reason_for_text(every: int, some: int, decimal: str | None) -> str:
    if some & _ZERO:
        return "numbers with leading zeros are ids"
    if some & _DIGITS:
        return "numbers of more than 15 digits are ids"
    if some & _COMMA and every & _UNCLEAR and decimal is None:
        return "the comma could mark thousands or decimals; say decimal=',' or decimal='.'"
    return ""


def _cast(words: pa.Array) -> np.ndarray:
    bare = pc.replace_substring_regex(words, r"^\+", "")
    bare = pc.replace_substring(bare, ",", ".")
    try:
        return pc.cast(bare, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return np.array([float(word) for word in bare.to_pylist()], dtype=float)


def _as_categories(cells: Cells, bits: np.ndarray) -> pd.Categorical:
    codes, words, missing = cells.codes, cells.words, bits & _MISSING > 0
    if missing.any():
        new = np.where(missing, -1, np.cumsum(~missing) - 1)
        codes = np.where(codes < 0, -1, new[codes])
        words = words.filter(pa.array(~missing))
    return pd.Categorical.from_codes(codes, pd.Index(words.to_pylist(), dtype=text_dtype()))


def _plain_texts(
    words: pa.Array, bits: np.ndarray, columns: list[tuple[np.ndarray, slice]]
) -> Iterator[Any]:
    """Yield columns as pandas' own text, taken from the words of all of them at once."""
    at = np.concatenate([np.where(c < 0, -1, c + span.start) for c, span in columns])
    gone = (at < 0) | (np.append(bits, _MISSING)[at] & _MISSING > 0)
    taken = words.cast(pa.large_string()).take(pa.array(at, mask=gone))
    dtype: Any = text_dtype()
    length = len(columns[0][0])
    if not isinstance(dtype, pd.StringDtype):
        objects = taken.to_numpy(zero_copy_only=False)
        objects[gone] = np.nan
        yield from objects.reshape(len(columns), length)
        return
    for n in range(len(columns)):
        yield dtype.__from_arrow__(taken.slice(n * length, length))  # type: ignore[attr-defined]


@cache
def text_dtype() -> Any:
    """Return pandas' dtype for text: ``str`` from pandas 3 on, else ``object``."""
    return pd.Series(["a"]).dtype


def _take(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    if len(values) == 0:
        return np.full(len(codes), np.nan)
    if values.dtype.kind == "f" and len(codes) and codes.min() < 0:
        return np.where(codes < 0, np.nan, values[codes])
    return values[codes]


def _said_missing(codes: np.ndarray, trimmed: pa.Array, bits: np.ndarray) -> dict[str, int]:
    """Return the words for missing that stand in a column, and how often."""
    found: dict[str, int] = {}
    counts = np.bincount(codes[codes >= 0], minlength=len(trimmed))
    for position in np.flatnonzero(bits & _SAID):
        word = trimmed[int(position)].as_py()
        found[word] = found.get(word, 0) + int(counts[position])
    return found


def _bools(array: pa.Array) -> np.ndarray:
    return np.array(array.to_numpy(zero_copy_only=False), dtype=bool)


def _matches(words: pa.Array, pattern: str) -> np.ndarray:
    return _bools(pc.match_substring_regex(words, pattern))
