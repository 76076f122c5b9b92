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
import pyarrow.compute as pc

from ...errors import ReadError
from ..origin import Problem
from .cells import Cells, words_of
from .digits import read_digits
from .encodings import as_utf8
from .fast import cells_of, read_fast
from .headers import MOST_TITLES, Header, read_header, rows_above, titles_of
from .loaded import Conventions
from .records import all_records, long_cells, reader, too_long, too_short

LONGEST_CELL = 100_000
"""More characters than this in one cell point to a quotation mark that is never closed."""

_DELIMITERS = (",", ";", "\t", "|")
_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass
class Words:
    """The cells of a text file, a column at a time."""

    header: Header
    columns: list[Cells]
    rows: np.ndarray
    encoding: str
    encoding_guessed: bool
    delimiter: str
    above: int = 0
    titles: list[str] = field(default_factory=list)
    blank_rows: list[int] = field(default_factory=list)
    faults: list[Problem] = field(default_factory=list)
    lost_rows: int = 0


def read_text(path: Path, conventions: Conventions) -> Words:
    """Read a CSV or TSV file; a column of whole numbers may come as such, others as words."""
    data = path.read_bytes()
    text_bytes, encoding, guessed = as_utf8(data, conventions.encoding, path.name)
    del data
    text_bytes, declared = _cut_separator_line(text_bytes)
    sample = _first_records_text(text_bytes)
    delimiter = conventions.delimiter or declared or _sniff(sample, path.suffix.lower())
    with long_cells():
        records = _first_records(text_bytes, delimiter, path.name)
    above = rows_above(records)
    header = read_header(records[above : above + 4])
    _check_header(header, path.name)
    result = Words(
        header,
        [],
        np.array([], dtype=np.int32),
        encoding,
        guessed,
        _WORDS.get(delimiter, delimiter),
        above,
        titles_of(records[:above]),
    )
    if above or not _read_regular(result, text_bytes, delimiter, sample, conventions):
        _read_slowly(result, text_bytes, delimiter, path.name)
    _check_cell_lengths(result, path.name)
    return result


def _read_regular(
    result: Words, data: bytes, delimiter: str, sample: str, conventions: Conventions
) -> bool:
    """Read a file in which each line is a record of as many cells; False for any other."""
    header = result.header
    given = (data, len(header.names), delimiter, header.n_rows)
    records = _some_records(sample, delimiter, 200)[header.n_rows :]
    as_words = _words_only(header.names, conventions)
    columns = read_digits(*given, sample=records, as_words=as_words)
    if columns is None:
        table = read_fast(*given, sample=records, as_words=as_words)
        if table is None:
            return False
        n_rows, arrays = table.num_rows, table.columns
        del table
        columns = cells_of(arrays)
    else:
        n_rows = max(
            len(each) for each in (columns[0].codes, columns[0].numbers) if each is not None
        )
    first = header.n_rows + 1
    result.columns = columns
    result.rows = np.arange(first, first + n_rows, dtype=np.int32)
    return True


SAMPLE, SAMPLE_LINES, LARGEST_SAMPLE = 1 << 16, 5, 1 << 23
"""So many letters or lines, whichever are more, tell how a file is written; endless lines less."""

# -- delimiter and header ---------------------------------------------------------------------


def _cut_separator_line(data: bytes) -> tuple[bytes, str]:
    """Cut Excel's ``sep=;`` line, which Excel does not show as a row."""
    match = re.match(rb'"?sep=([,;\t|])"?\r?\n', data[:16])
    return (data[match.end() :], match[1].decode()) if match else (data, "")


def _first_records_text(data: bytes) -> str:
    """Return the beginning of the file, cut at the end of a line: some records, however wide."""
    stop = 0
    for _ in range(SAMPLE_LINES):
        stop = data.find(b"\n", stop) + 1 or len(data)
    head = data[: max(SAMPLE, stop if stop <= LARGEST_SAMPLE else 0)]
    if len(data) > len(head):
        head = head[: max(head.rfind(b"\n"), 0)] or head
    return head.decode("utf-8", "replace")


def _sniff(sample: str, suffix: str) -> str:
    """Return the delimiter that cuts the first records into most cells, evenly."""
    best, best_score = ("\t" if suffix == ".tsv" else ","), (0.0, -MOST_TITLES, 0)
    with long_cells():
        for delimiter in _DELIMITERS:
            records = _some_records(sample, delimiter)
            at = next((n for n, one in enumerate(records[:MOST_TITLES]) if len(one) > 1), None)
            if at is None:
                continue
            width = len(records[at])
            even = sum(len(record) == width for record in records[at:]) / len(records[at:])
            score = (round(even, 1), -at, width)
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
    """Return the first records; one of them is the header and must be there."""
    records: list[list[str]] = []
    for record in reader(data, delimiter):
        if record or records:
            records.append(record)
        if len(records) == MOST_TITLES + 4:
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


def _read_slowly(result: Words, data: bytes, delimiter: str, name: str) -> None:
    """Parse record by record, naming the rows that are blank, too long or too short."""
    with long_cells():
        records = all_records(data, delimiter, name)
    width, kept, rows = len(result.header.names), [], []
    while records and not records[-1]:
        records.pop()
    header_left = result.header.n_rows
    lead = next((n for n, record in enumerate(records) if record), 0)
    short: list[int] = []
    long: list[int] = []
    for row, record in enumerate(records, start=1):
        if lead < row <= lead + result.above:
            continue
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
    columns = zip(*kept, strict=True) if kept else [()] * width
    result.columns = [words_of(column) for column in columns]


def _words_only(names: list[str], conventions: Conventions) -> set[int]:
    """Return the columns in which a whole number may be text, or a word for missing."""
    digits = any(any(c.isdigit() for c in word) for word in conventions.missing_words or ())
    return {n for n, name in enumerate(names) if digits or name in conventions.text_columns}


def _check_cell_lengths(result: Words, file: str) -> None:
    """Refuse a cell so long that the file cannot be what it seems."""
    for name, cells in zip(result.header.names, result.columns, strict=True):
        codes, words = cells.codes, cells.words
        if cells.numbers is not None or words.nbytes <= LONGEST_CELL:
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
