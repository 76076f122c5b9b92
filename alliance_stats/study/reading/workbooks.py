"""Opening Excel workbooks: what is no workbook, or is made to harm, is refused in words."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ...errors import ReadError

LARGEST_WORKBOOK = 2_000_000_000
"""Bytes a workbook may unpack to; more is refused before anything is unpacked."""

LARGEST_RATIO = 300
"""Unpacked to packed size; a real sheet stays far below, a crafted archive far above."""

MOST_ROWS = 1_048_576
"""Rows of a sheet in Excel; a file may claim any number and so ask for any memory."""

MOST_CELLS = 100_000_000
"""Cells of the rectangle that a sheet's content spans, blank ones with them."""

_SMALL = 50_000_000


def check_archive(path: Path) -> None:
    """Refuse what is not a workbook, or would unpack to far more than it seems."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            parts = {entry.filename for entry in entries}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise ReadError(
            f"The workbook '{path.name}' cannot be opened: it is damaged or cut off.",
            rule="unreadable_file",
            hint="Open it in its program and save it again as .xlsx.",
        ) from None
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(path.stat().st_size, 1)
    if unpacked > LARGEST_WORKBOOK or (unpacked > _SMALL and unpacked / packed > LARGEST_RATIO):
        raise ReadError(
            f"The workbook '{path.name}' would unpack from {packed:,} to {unpacked:,} bytes, "
            "which no sheet of data does; it is not opened.",
            rule="unreadable_file",
            hint="Save the sheet as CSV.",
        )
    if "xl/workbook.xml" not in parts:
        raise ReadError(
            f"The file '{path.name}' is an archive, but not an Excel workbook.",
            rule="wrong_kind",
            hint="Save the sheet as .xlsx or as CSV.",
        )


_open: ContextVar[tuple[ExitStack, dict[Any, Any]] | None] = ContextVar("open", default=None)


@contextmanager
def opening_once() -> Iterator[None]:
    """Keep workbooks open for so long: to open one is to look into each of its sheets."""
    with ExitStack() as stack:
        token = _open.set((stack, {}))
        try:
            yield
        finally:
            _open.reset(token)


@contextmanager
def workbook(path: Path, *, formulas: bool = False) -> Iterator[Any]:
    """Open a workbook for reading; whatever fails in its parts says that it is damaged.

    The library's own remarks (a style it does not know, say) are no news for the user.
    """
    try:
        with ExitStack() as alone, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stack, books = _open.get() or (alone, {})
            if (path, formulas) not in books:
                books[path, formulas] = stack.enter_context(_opened(path, formulas))
            yield books[path, formulas]
    except (ReadError, MemoryError, RecursionError):
        raise
    except Exception:  # a damaged part shows itself as almost any kind of error
        raise damaged(path) from None


@contextmanager
def _opened(path: Path, formulas: bool) -> Iterator[Any]:
    import openpyxl

    with path.open("rb") as stream:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=not formulas)
        try:
            yield book
        finally:
            book.close()


_kept: ContextVar[dict[Any, list[list[Any]]] | None] = ContextVar("kept", default=None)


@contextmanager
def keeping_sheets(kept: dict[Any, list[list[Any]]]) -> Iterator[None]:
    """Unpack each sheet once: what is read stays in `kept`, until its file changes.

    A sheet of 50,000 rows takes ten seconds, and a page reads it again at each choice.
    """
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)


def rows_of(sheet: Any, path: Path) -> list[list[Any]]:
    """Return the stored cells of a sheet, each row up to its last cell that holds something."""
    kept = _kept.get()
    if kept is None:
        return _rows_of(sheet, path)
    state = path.stat()
    key = (path, state.st_size, state.st_mtime_ns, sheet.title, sheet.parent.data_only)
    if key not in kept:
        kept[key] = _rows_of(sheet, path)
    return [list(row) for row in kept[key]]  # merged cells are filled in the rows themselves


def _rows_of(sheet: Any, path: Path) -> list[list[Any]]:
    _check_order(sheet, path)
    sheet.reset_dimensions()  # what a file says of its size need not be true
    rows: list[list[Any]] = []
    held = 0
    for record in sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1):
        width = len(record)
        while width and record[width - 1] is None:
            width -= 1
        rows.append(list(record[:width]))
        held += width
        if len(rows) > MOST_ROWS or held > MOST_CELLS:
            raise too_large(sheet.title, path)
    return rows


_PLACED = re.compile(rb"<(?:\w+:)?(row|c)\b(?:[^>]*?\sr\s*=\s*[\"']([^\"']*)[\"'])?")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\sref=[\"']([A-Z]+\d+:[A-Z]+\d+)[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_CHUNK = 1 << 22


def _check_order(sheet: Any, path: Path) -> None:
    """Refuse a sheet whose rows, or cells of a row, are numbered twice, or rows out of order.

    The reader keeps the last of them, or drops the row.
    """
    last, taken = 0, set[bytes]()
    for text in _texts(sheet, path):
        if b"\0" in text:  # two bytes a sign, in which no row would be found
            raise damaged(path)
        for kind, told in _PLACED.findall(text):
            if kind == b"c":
                # A cell without a name is the next one of its row.
                if not told:
                    continue
                column = told.rstrip(b"0123456789")
                if told in taken or not column.isalpha() or told[len(column) :] != b"%d" % last:
                    cell = f"the cell {told.decode('latin-1')} stands in row {last}, or twice"
                    raise _misplaced(sheet, path, last, cell)
                taken.add(told)
                continue
            if told and not told.isdigit():
                raise damaged(path)
            number = int(told) if told else last + 1  # a row without a number is the next one
            if number > MOST_ROWS:
                raise too_large(sheet.title, path)
            if number <= last:
                raise _misplaced(sheet, path, number, f"row {number} stands after row {last}")
            last, taken = number, set()


def _misplaced(sheet: Any, path: Path, row: int, what: str) -> ReadError:
    return ReadError(
        f"In the sheet '{sheet.title}' of '{path.name}' {what}: rows or cells are numbered "
        "twice or out of order, so that it is not sure which is which.",
        rule="unreadable_file",
        sheet=sheet.title,
        row=row,
        hint="Open it in its program and save it again as .xlsx, or as CSV.",
    )


def merged_cells(sheet: Any, path: Path) -> list[str]:
    """Return the ranges of merged cells of a sheet (``A2:A3``), which the reader does not know."""
    return [ref.decode() for text in _texts(sheet, path) for ref in _MERGED.findall(text)]


def has_formula(sheet: Any, path: Path) -> bool:
    """Return whether a sheet holds a formula, whose result may never have been stored."""
    return any(map(_FORMULA.search, _texts(sheet, path)))


def _texts(sheet: Any, path: Path) -> Iterator[bytes]:
    """Yield a sheet as it is stored, piece by piece, cut between its elements."""
    rest = b""
    with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path) as stream:
        while chunk := stream.read(_CHUNK):
            text = rest + chunk
            end = text.rfind(b">") + 1
            rest = text[end:]
            yield text[:end]


def too_large(sheet: str, path: Path) -> ReadError:
    """Return the refusal of a sheet that spans more cells than a sheet of data does."""
    return ReadError(
        f"The sheet '{sheet}' of '{path.name}' spans more than {MOST_ROWS:,} rows or "
        f"{MOST_CELLS:,} cells, which no sheet of data does; it is not read.",
        rule="sheet_too_large",
        sheet=sheet,
        hint="Delete what stands far below or far to the right of the data, or save the sheet as "
        "CSV.",
    )


def damaged(path: Path) -> ReadError:
    """Return the refusal of a workbook of which a part cannot be read."""
    return ReadError(
        f"The workbook '{path.name}' cannot be read: it is damaged.",
        rule="unreadable_file",
        hint="Open it in its program and save it again as .xlsx, or as CSV.",
    )
