"""The cells of a source file as they stand in it, for a marked-up copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..origin import SourceFile

Record = tuple[int, list[Any]]
DELIMITERS = (",", ";", "\t", "|")
HEADER_SEARCH = 20  # records in which the header of a text file is looked for


def records(folder: Path, source: SourceFile) -> Iterator[Record]:
    """Yield each record of the file with its number as the file's own program counts it.

    The header of a text file or sheet is record 1 (as in the file); an SPSS, Stata or parquet file
    has none, so its column names come as record 0.
    """
    path = folder / source.file
    if source.kind == "xlsx":
        yield from _sheet(path, source.sheet)
    elif source.kind in ("csv", "tsv"):
        yield from _text(path, source)
    else:
        yield from _frame(path, source)


def _sheet(path: Path, sheet: str) -> Iterator[Record]:
    from ..reading.workbooks import rows_of, workbook

    with workbook(path) as book:
        cells = rows_of(book[sheet] if sheet else book.worksheets[0], path)
    yield from enumerate(cells, start=1)


def _text(path: Path, source: SourceFile) -> Iterator[Record]:
    from ..reading.encodings import as_utf8
    from ..reading.records import long_cells, reader

    data, _, _ = as_utf8(path.read_bytes(), source.encoding or None, source.file)
    with long_cells():
        delimiter = _delimiter(data, source)
        for number, cells in enumerate(reader(data, delimiter), start=1):
            yield number, [_number(cell) for cell in cells]


def _delimiter(data: bytes, source: SourceFile) -> str:
    """Return the delimiter under which a record has as many cells as the file has columns."""
    from ..reading.records import reader

    for delimiter in DELIMITERS:
        for number, cells in enumerate(reader(data, delimiter)):
            if number >= HEADER_SEARCH:
                break
            if len(cells) == len(source.columns):
                return delimiter
    return "\t" if source.kind == "tsv" else ","


def _number(cell: str) -> Any:
    """Return a cell that is plainly a number as one, so that a spreadsheet can calculate."""
    text = cell.strip()
    if not text or len(text) > 15 or not text.lstrip("-").replace(".", "", 1).isdecimal():
        return cell
    digits = text.lstrip("-").split(".")[0]
    if len(digits) > 1 and digits.startswith("0"):
        return cell  # an id such as 007
    return float(text) if "." in text else int(text)


def _frame(path: Path, source: SourceFile) -> Iterator[Record]:
    if source.kind in ("sav", "dta"):
        import pyreadstat

        read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}[source.kind]
        frame, _ = read(str(path), user_missing=True)
    else:
        import pandas as pd

        frame = pd.read_parquet(path)
    yield 0, list(frame.columns)
    for number, cells in enumerate(frame.itertuples(index=False, name=None), start=1):
        yield number, list(cells)
