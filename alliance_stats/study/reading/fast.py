"""Arrow's parser for regular files: columns as codes into distinct words, or as whole numbers.

A column whose first cells are whole numbers is parsed as such. That is safe only if no cell was
written in another way (``007``, ``+5``, `` 5``): such an id must stay as it is. The shortest way
to write each number is the plain one, so the lengths of all cells, counted from the numbers, add
up to the length of the file exactly if every cell is plain. If not, the words are kept.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .cells import NO_CELLS, Cells

_PLAIN = re.compile(r"-?(?:[1-9]\d{0,14})|0")
_MOST_DIGITS = 15
FEW_LINES = 1000
"""Of fewer the words cost less than asking each column whether all its numbers are plain."""
_BLOCK, _BLOCK_OF_A_COLUMN, _LARGEST_BLOCK = 1 << 20, 1 << 13, 1 << 28
_WORDS = pa.dictionary(pa.int32(), pa.string())


def read_fast(
    data: bytes,
    width: int,
    delimiter: str,
    n_header: int,
    *,
    sample: list[list[str]],
    as_words: set[int],
) -> pa.Table | None:
    """Return the columns of a regular file, None where it needs the exact reader.

    `sample` are the first records after the header, from which columns of numbers are guessed;
    columns in `as_words` are never taken for numbers.
    """
    quotes = data.count(b'"') if b'"' in data else 0
    if quotes % 2 or data[:1] in (b"\r", b"\n"):
        return None
    few = data.count(b"\n") < FEW_LINES
    guess = set() if quotes or few else _numeric_columns(sample, width) - as_words
    table = _parse(data, width, delimiter, n_header, guess, quoted=quotes > 0)
    if guess and (table is None or not _all_plain(table, data, n_header, guess)):
        guess = set()
        table = _parse(data, width, delimiter, n_header, guess, quoted=quotes > 0)
    if table is None or _has_blank_line(table):
        return None
    return table


def cells_of(columns: list[pa.ChunkedArray]) -> list[Cells]:
    """Return the cells of columns; empties the list, so that each is let go once it is done."""
    columns.reverse()
    return [_cells(columns.pop()) for _ in range(len(columns))]


def _numeric_columns(sample: list[list[str]], width: int) -> set[int]:
    found = set()
    for position in range(width):
        cells = [record[position] for record in sample if position < len(record)]
        filled = [cell for cell in cells if cell]
        if filled and all(_PLAIN.fullmatch(cell) for cell in filled):
            found.add(position)
    return found


def _parse(
    data: bytes, width: int, delimiter: str, n_header: int, numeric: set[int], *, quoted: bool
) -> pa.Table | None:
    names = [str(position) for position in range(width)]
    kinds = {name: pa.int64() if int(name) in numeric else _WORDS for name in names}
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(
                column_names=names, skip_rows_after_names=n_header, block_size=_block_size(width)
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=quoted, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=kinds, strings_can_be_null=False, null_values=[""]
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError):
        return None
    return table.unify_dictionaries()


def _block_size(width: int) -> int:
    """Return how many bytes are parsed at a time: Arrow pays for each column in each block."""
    return min(max(_BLOCK, width * _BLOCK_OF_A_COLUMN), _LARGEST_BLOCK)


def _all_plain(table: pa.Table, data: bytes, n_header: int, numeric: set[int]) -> bool:
    """Return whether the cells' lengths, numbers counted as plain, add up to the file's."""
    start = 0
    for _ in range(n_header):
        start = data.find(b"\n", start) + 1
        if start == 0:
            return table.num_rows == 0
    ending = 2 if data[start - 2 : start - 1] == b"\r" else 1
    expected = table.num_rows * (table.num_columns - 1 + ending)
    for position, column in enumerate(table.itercolumns()):
        if position in numeric:
            lengths = _plain_length(column)
            if lengths is None:
                return False
            expected += lengths
        else:
            expected += _word_length(column)
    actual = len(data) - start
    return actual in (expected, expected - ending)


def _plain_length(column: pa.ChunkedArray) -> int | None:
    """Return the characters of whole numbers written plainly; None where one is very long."""
    values = column.drop_null().to_numpy()
    if not len(values):
        return 0
    low, high = int(values.min()), int(values.max())
    if max(abs(low), abs(high)) >= 10**_MOST_DIGITS:
        return None
    total = len(values) + (int((values < 0).sum()) if low < 0 else 0)
    sizes = np.abs(values) if low < 0 else values
    top = int(max(abs(low), abs(high)))
    power = 10
    while power <= top:
        total += int(np.count_nonzero(sizes >= power))
        power *= 10
    return total


def _word_length(column: pa.ChunkedArray) -> int:
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary).to_numpy(zero_copy_only=False)
        codes = chunk.indices.to_numpy(zero_copy_only=False)
        total += int(np.bincount(codes, minlength=len(lengths)) @ lengths.astype(np.int64))
    return total


def _cells(column: pa.ChunkedArray) -> Cells:
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        if not whole.num_chunks:
            return NO_CELLS
        whole = whole.chunk(0)
    if isinstance(whole, pa.DictionaryArray):
        return Cells(whole.indices.to_numpy(zero_copy_only=False), whole.dictionary)
    if not len(whole):
        return NO_CELLS
    return Cells(NO_CELLS.codes, NO_CELLS.words, whole.to_numpy(zero_copy_only=False))


def _has_blank_line(table: pa.Table) -> bool:
    """Whether some row is blank in every column: perhaps a line with nothing on it."""
    blank = np.ones(table.num_rows, dtype=bool)
    for column in table.itercolumns():
        if not pa.types.is_dictionary(column.type):
            if not column.null_count:
                return False
            blank &= column.is_null().to_numpy()
            continue
        cells = _cells(column)
        position = pc.index(cells.words, "").as_py()
        if position < 0:
            return False
        blank &= cells.codes == position
        if not blank.any():
            return False
    return bool(blank.any())
