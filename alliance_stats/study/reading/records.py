"""Records of a text file one by one, exactly, and what is wrong with single ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import ReadError, listing
from ..origin import Problem


def reader(data: bytes, delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    """Yield the records of a UTF-8 file."""
    stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace", newline="")
    return csv.reader(stream, delimiter=delimiter, strict=strict)


@contextmanager
def long_cells() -> Iterator[None]:
    """Let the csv module read cells longer than its limit, so that they can be named."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def all_records(data: bytes, delimiter: str, name: str) -> list[list[str]]:
    """Return every record, a blank line as an empty one; refuse a quotation mark left open."""
    records: list[list[str]] = []
    try:
        records.extend(reader(data, delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            row = len(records) + 1
            raise ReadError(
                f"In '{name}' a quotation mark is opened in row {row} and never closed, so that "
                "the rest of the file is one cell.",
                rule="open_quote",
                row=row,
                hint=f"Close it, or delete it, in row {row}.",
            ) from None
        return list(reader(data, delimiter))
    return records


def too_long(rows: list[int], width: int) -> Problem:
    """Return the problem of rows with more cells than there are columns."""
    many = len(rows) > 1
    return Problem(
        level="error",
        rule="row_too_long",
        message=f"{'Rows' if many else 'Row'} {listing(rows)} {'have' if many else 'has'} more "
        f"cells than the {width} columns, so it is not clear which value belongs to which "
        f"column. {'They are' if many else 'It is'} left out.",
        hint="Look for an unquoted delimiter in a text or number (a decimal comma in a "
        "comma-separated file).",
        row=rows[0],
        also_rows=tuple(rows[1:]),
    )


def too_short(rows: list[int], width: int) -> Problem:
    """Return the problem of rows with fewer cells than there are columns."""
    many = len(rows) > 1
    return Problem(
        level="warning",
        rule="row_too_short",
        message=f"{'Rows' if many else 'Row'} {listing(rows)} {'have' if many else 'has'} fewer "
        f"than {width} cells; the missing ones are read as blank.",
        hint="Check that the file was not cut off.",
        row=rows[0],
        also_rows=tuple(rows[1:]),
    )
