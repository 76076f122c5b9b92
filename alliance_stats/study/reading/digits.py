"""Files of short whole numbers (answers, totals): cut by NumPy, many times as fast as a parser.

What is read here is exactly what stands in the file: a cell is taken only if it is blank or one to
three digits without a zero in front. Any other cell, and any line of another length, and the file
is left to the parsers, which can say what is the matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .cells import NO_CELLS, Cells, words_of

MOST_DIGITS = 3
_SHORT = re.compile(r"(?:[1-9]\d{0,2}|0)?")
_CHUNK = 1 << 22
_ONE_OTHER_IN = 20
"""So many columns of digits to each other one: texts are cut out one by one."""
_ZERO, _NEWLINE, _RETURN = (ord(each) for each in "0\n\r")


def read_digits(
    data: bytes,
    width: int,
    delimiter: str,
    n_header: int,
    *,
    sample: list[list[str]],
    as_words: set[int],
) -> list[Cells] | None:
    """Return the columns of a file that holds little else than digits, None for other files.

    `sample` are the first records after the header, from which the columns of digits are guessed;
    columns in `as_words` are never taken for numbers.
    """
    numeric = [n for n in _columns_of_digits(sample, width) if n not in as_words]
    others = sorted(set(range(width)) - set(numeric))
    if not numeric or len(others) * _ONE_OTHER_IN > width or b'"' in data:
        return None
    start = 0
    for _ in range(n_header):
        start = data.find(b"\n", start) + 1
        if not start:
            return None
    values: list[np.ndarray] = []
    texts: list[list[str]] = [[] for _ in others]
    for body in _chunks(data, start):
        cut = _cut(body, width, delimiter)
        grid = None if cut is None else _numbers(np.frombuffer(body, np.uint8), *cut, numeric)
        if cut is None or grid is None:
            return None
        values.append(np.ascontiguousarray(grid.T))
        for column, position in zip(texts, others, strict=True):
            begins, ends = (each[:, position].tolist() for each in cut)
            try:
                column += [body[a:b].decode() for a, b in zip(begins, ends, strict=True)]
            except UnicodeDecodeError:
                return None
    cells: list[Cells] = [NO_CELLS] * width
    for position, column in zip(others, texts, strict=True):
        cells[position] = words_of(column)
    for n, position in enumerate(numeric):
        cells[position] = _column([grid[n] for grid in values])
    return cells


def _columns_of_digits(sample: list[list[str]], width: int) -> list[int]:
    columns = list(zip(*(record for record in sample if len(record) == width), strict=True))
    distinct = [set(column) for column in columns]
    return [n for n, words in enumerate(distinct) if words != {""} and all(map(_short, words))]


def _short(word: str) -> bool:
    return _SHORT.fullmatch(word) is not None


def _chunks(data: bytes, start: int) -> Iterator[bytes]:
    """Yield whole lines, some megabytes at a time, so that what is made of them stays near."""
    while start < len(data):
        stop = data.rfind(b"\n", start, start + _CHUNK) + 1
        stop = stop or data.find(b"\n", start) + 1 or len(data)
        body = data[start:stop]
        yield body if body.endswith(b"\n") else body + b"\n"
        start = stop


def _cut(body: bytes, width: int, delimiter: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where each cell begins and ends, a row a line; None if lines differ in length."""
    letters = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero((letters == ord(delimiter)) | (letters == _NEWLINE)).astype(np.int32)
    lines = body.count(b"\n")
    if len(ends) != lines * width or (letters[ends[width - 1 :: width]] != _NEWLINE).any():
        return None
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1] + 1
    firsts, lasts = begins.reshape(lines, width), ends.reshape(lines, width)
    returns = body.count(b"\r")
    if returns:  # each line must end with one, and no cell hold one
        if returns != lines or (letters[lasts[:, -1] - 1] != _RETURN).any():
            return None
        lasts[:, -1] -= 1
    return firsts, lasts


def _numbers(
    letters: np.ndarray, begins: np.ndarray, ends: np.ndarray, numeric: list[int]
) -> np.ndarray | None:
    """Return the numbers in columns of digits (-1: blank), None where a cell is something else."""
    span = slice(numeric[0], numeric[-1] + 1)
    columns = span if span.stop - span.start == len(numeric) else np.array(numeric)
    ends = ends[:, columns]
    length = ends - begins[:, columns]
    longest = int(length.max(initial=0))
    if longest > MOST_DIGITS:
        return None
    units = letters.take(ends - 1, mode="clip") - np.uint8(_ZERO)
    if longest == 1 and length.min() == 1:
        return None if units.max() > 9 else units
    blank = length == 0
    units[blank] = 0
    if units.max(initial=0) > 9:
        return None
    found = units.astype(np.int16)
    for digit in range(2, longest + 1):
        at = np.nonzero(length >= digit)
        figures = letters[ends[at] - digit] - np.uint8(_ZERO)
        leads = length[at] == digit
        if (figures > 9).any() or (figures[leads] == 0).any():
            return None
        found[at] += figures.astype(np.int16) * 10 ** (digit - 1)
    found[blank] = -1
    return found


def _column(parts: list[np.ndarray]) -> Cells:
    """Return one column as whole numbers, as floats where cells are blank."""
    whole = np.concatenate(parts)
    blank = whole < 0 if whole.dtype.kind == "i" else None
    if blank is None or not blank.any():
        return Cells(NO_CELLS.codes, NO_CELLS.words, whole.astype(np.int64))
    values = np.where(blank, np.nan, whole)
    return Cells(NO_CELLS.codes, NO_CELLS.words, values)
