"""CSV and TSV files: encoding, delimiter, header, cells, and the row each record stands in.

A regular file goes through Arrow's parser, which is fast. Whatever is irregular (blank lines,
rows too long or too short, an open quotation mark) goes through the standard library's reader,
which is slow and can say where the trouble is.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ...errors import ReadError
from ..origin import Problem
from .encodings import as_utf8
from .headers import Header, read_header
from .loaded import Conventions
from .records import all_records, long_cells, reader, too_long, too_short

LONGEST_CELL = 100_000
"""More characters than this in one cell point to a quotation mark that is never closed."""

_DELIMITERS = (",", ";", "\t", "|")
_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass
class Words:
    """The cells of a text file as codes into distinct words, a column at a time."""

    header: Header
    codes: list[np.ndarray]
    words: list[pa.Array]
    rows: np.ndarray
    encoding: str
    encoding_guessed: bool
    delimiter: str
    blank_rows: list[int] = field(default_factory=list)
    faults: list[Problem] = field(default_factory=list)
    lost_rows: int = 0


def read_text(path: Path, conventions: Conventions) -> Words:
    """Read a CSV or TSV file into words; see `Words`."""
    data = path.read_bytes()
    text_bytes, encoding, guessed = as_utf8(data, conventions.encoding, path.name)
    del data
    text_bytes, declared = _cut_separator_line(text_bytes)
    sample = _first_records_text(text_bytes)
    delimiter = conventions.delimiter or declared or _sniff(sample, path.suffix.lower())
    with long_cells():
        records = _first_records(text_bytes, delimiter, path.name)
    header = read_header(records)
    _check_header(header, path.name)
    result = Words(
        header,
        [],
        [],
        np.array([], dtype=np.int32),
        encoding,
        guessed,
        _WORDS.get(delimiter, delimiter),
    )
    if not _read_fast(result, text_bytes, delimiter):
        _read_slowly(result, text_bytes, delimiter, path.name)
    _check_cell_lengths(result, path.name)
    return result


# -- delimiter and header ---------------------------------------------------------------------


def _cut_separator_line(data: bytes) -> tuple[bytes, str]:
    """Cut Excel's ``sep=;`` line, which Excel does not show as a row."""
    match = re.match(rb'"?sep=([,;\t|])"?\r?\n', data[:16])
    return (data[match.end() :], match[1].decode()) if match else (data, "")


def _first_records_text(data: bytes) -> str:
    """Return the beginning of the file, cut at the end of a line."""
    head = data[:65536]
    if len(data) > len(head):
        head = head[: max(head.rfind(b"\n"), 0)] or head
    return head.decode("utf-8", "replace")


def _sniff(sample: str, suffix: str) -> str:
    """Return the delimiter that cuts the first records into most cells, evenly."""
    best, best_score = ("\t" if suffix == ".tsv" else ","), (0.0, 0)
    with long_cells():
        for delimiter in _DELIMITERS:
            records = _some_records(sample, delimiter)
            if not records or len(records[0]) < 2:
                continue
            width = len(records[0])
            even = sum(len(record) == width for record in records) / len(records)
            score = (round(even, 1), width)
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _some_records(sample: str, delimiter: str, limit: int = 50) -> list[list[str]]:
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if record:
                records.append(record)
            if len(records) >= limit:
                break
    except csv.Error:
        pass
    return records


def _first_records(data: bytes, delimiter: str, name: str) -> list[list[str]]:
    """Return the first four records; the first is the header and must be there."""
    records: list[list[str]] = []
    for record in reader(data, delimiter):
        if record or records:
            records.append(record)
        if len(records) == 4:
            break
    if not records or not any(cell.strip() for cell in records[0]):
        what = "is empty" if not data.strip() else "does not begin with a row of column names"
        raise ReadError(
            f"The file '{name}' {what}.",
            rule="empty_file",
            hint="Expected a first row of column names and a row for each case.",
        )
    return records


def _check_header(header: Header, name: str) -> None:
    longest = max(header.names, key=len)
    if len(longest) > 1000:
        raise ReadError(
            f"The first row of '{name}' holds a cell of {len(longest):,} characters where a "
            "column name was expected.",
            rule="huge_cell",
            row=1,
            hint="Look for a quotation mark that is opened and never closed.",
        )


# -- cells ------------------------------------------------------------------------------------


def _read_fast(result: Words, data: bytes, delimiter: str) -> bool:
    """Parse with Arrow; return False where the file needs the slow, exact reader."""
    quotes = data.count(b'"')
    if quotes % 2 or data[:1] in (b"\r", b"\n"):
        return False
    width = len(result.header.names)
    names = [str(position) for position in range(width)]
    kinds = dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string()))
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(
                column_names=names, skip_rows_after_names=result.header.n_rows
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=quotes > 0, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError):
        return False
    columns = [_encoded(column) for column in table.unify_dictionaries().columns]
    codes = [column.indices.to_numpy(zero_copy_only=False) for column in columns]
    words = [column.dictionary for column in columns]
    if _has_blank_line(codes, words):
        return False
    result.codes, result.words = codes, words
    first = result.header.n_rows + 1
    result.rows = np.arange(first, first + table.num_rows, dtype=np.int32)
    return True


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.combine_chunks()
    if not isinstance(whole, pa.ChunkedArray):
        return whole
    return whole.chunk(0) if whole.num_chunks else pa.array([], pa.string()).dictionary_encode()


def _has_blank_line(codes: list[np.ndarray], words: list[pa.Array]) -> bool:
    """Whether some row is blank in every column: perhaps a line with nothing on it."""
    blank: np.ndarray | None = None
    for each, distinct in zip(codes, words, strict=True):
        position = pc.index(distinct, "").as_py()
        if position < 0:
            return False
        here = each == position
        blank = here if blank is None else blank & here
        if not blank.any():
            return False
    return blank is not None and bool(blank.any())


def _read_slowly(result: Words, data: bytes, delimiter: str, name: str) -> None:
    """Parse record by record, naming the rows that are blank, too long or too short."""
    with long_cells():
        records = all_records(data, delimiter, name)
    width, kept, rows = len(result.header.names), [], []
    while records and not records[-1]:
        records.pop()
    header_left = result.header.n_rows
    short: list[int] = []
    long: list[int] = []
    for row, record in enumerate(records, start=1):
        if not record:
            result.blank_rows.append(row)
        elif header_left:
            header_left -= 1
        elif len(record) > width and any(cell.strip() for cell in record[width:]):
            long.append(row)
        else:
            if len(record) < width:
                short.append(row)
            kept.append((record + [""] * width)[:width])
            rows.append(row)
    if short:
        result.faults.append(too_short(short, width))
    if long:
        result.faults.append(too_long(long, width))
        result.lost_rows = len(long)
    result.rows = np.array(rows, dtype=np.int32)
    for column in zip(*kept, strict=True) if kept else [()] * width:
        encoded = pa.array(column, pa.string()).dictionary_encode()
        result.codes.append(encoded.indices.to_numpy(zero_copy_only=False))
        result.words.append(encoded.dictionary)


def _check_cell_lengths(result: Words, file: str) -> None:
    """Refuse a cell so long that the file cannot be what it seems."""
    for name, codes, words in zip(result.header.names, result.codes, result.words, strict=True):
        if words.nbytes <= LONGEST_CELL:
            continue
        lengths = pc.utf8_length(words).to_numpy(zero_copy_only=False)
        longest = int(np.argmax(lengths))
        length = int(lengths[longest])
        if length > LONGEST_CELL:
            row = int(result.rows[int(np.argmax(codes == longest))])
            raise ReadError(
                f"The cell in row {row}, column '{name}' of '{file}' holds {length:,} characters; "
                f"the most a cell may hold is {LONGEST_CELL:,}.",
                rule="huge_cell",
                row=row,
                column=name,
                hint="Look for a quotation mark that is opened and never closed.",
            )
