"""Excel workbooks: one sheet, its stored values, and formulas that were never calculated."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import ReadError, did_you_mean, listing
from ..origin import Problem, SourceFile
from .cells import ColumnNotes, convert_columns, words_of
from .headers import MOST_TITLES, Header, read_header, rows_above, titles_of
from .loaded import Conventions, Loaded, empty_notes
from .notes import note_column, note_header
from .workbooks import (
    MOST_CELLS,
    check_archive,
    has_formula,
    merged_cells,
    rows_of,
    too_large,
    workbook,
)


def read_sheet(
    path: Path, sheet: str | int | None, conventions: Conventions, missing: frozenset[str]
) -> Loaded:
    """Read one sheet; without a name, the first one that holds something."""
    check_archive(path)
    name, names, hidden, grid, merged, calculates = _grid(path, sheet)
    while grid and all(_blank(cell) for cell in grid[-1]):
        grid.pop()
    first = next((n for n, record in enumerate(grid) if any(not _blank(c) for c in record)), None)
    if first is None:
        raise ReadError(
            f"The sheet '{name}' of '{path.name}' is empty.",
            rule="empty_sheet",
            hint=f"Its sheets are {listing(names)}." if len(names) > 1 else "",
            sheet=name,
        )
    width = max(n for record in grid for n, cell in enumerate(record, 1) if not _blank(cell))
    if len(grid) * width > MOST_CELLS:
        raise too_large(name, path)
    texts = [
        ["" if c is None else str(c) for c in _padded(r, width)]
        for r in grid[first : first + MOST_TITLES + 4]
    ]
    above = rows_above(texts)
    first += above
    header = read_header(texts[above : above + 4])
    start = first + header.n_rows
    notes = empty_notes() | {"sheets": names, "header_rows": header.n_rows, "first_row": start + 1}
    notes |= {"hidden_sheets": hidden, "titles": titles_of(texts[:above])}
    source = SourceFile(path.name, name, "xlsx", tuple(header.names))
    faults = _fill_merged(grid, merged, start, header, source)
    if calculates:
        faults += _uncalculated(path, name, grid, start, header, source)
    frame = _frame(grid[start:], header, conventions, missing, notes)
    rows = np.arange(start + 1, start + 1 + len(frame), dtype=np.int32)
    note_header(notes, header)
    return Loaded(
        frame, rows, "xlsx", tuple(header.names), sheet=name, notes=notes, faults=tuple(faults)
    )


def _grid(
    path: Path, sheet: str | int | None
) -> tuple[str, list[str], list[str], list[list[Any]], list[str], bool]:
    """Return the sheet's name, all names, the hidden ones, its cells as rows, the merged ones.

    Last stands whether it holds a formula.
    """
    with workbook(path) as book:
        names = [each.title for each in book.worksheets]
        hidden = [each.title for each in book.worksheets if each.sheet_state != "visible"]
        if isinstance(sheet, int) and not isinstance(sheet, bool) and 0 <= sheet < len(names):
            sheet = names[sheet]
        if sheet is not None and str(sheet) not in names:
            raise ReadError(
                f"The workbook '{path.name}' has no sheet '{sheet}'; its sheets are "
                f"{listing(names)}.{did_you_mean(sheet, names)}",
                rule="unknown_sheet",
                sheet=str(sheet),
            )
        if not names:
            raise ReadError(f"The workbook '{path.name}' has no sheet.", rule="empty_sheet")
        # a hidden sheet holds lists and helper columns: it is read where it is named, or alone
        shown = [name for name in names if name not in hidden] or names
        wanted = [str(sheet)] if sheet is not None else shown
        for name in wanted:
            grid = _cells(book[name], path)
            if grid:
                merged, calculates = merged_cells(book[name], path), has_formula(book[name], path)
                return name, names, hidden, grid, merged, calculates
    return wanted[0], names, hidden, [], [], False


def _cells(sheet: Any, path: Path) -> list[list[Any]]:
    rows = rows_of(sheet, path)
    return rows if any(not _blank(cell) for record in rows for cell in record) else []


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _padded(record: list[Any], width: int) -> list[Any]:
    return (record + [None] * width)[:width]


# -- merged cells -----------------------------------------------------------------------------


def _fill_merged(
    grid: list[list[Any]], merged: list[str], start: int, header: Header, source: SourceFile
) -> list[Problem]:
    """Put the value of cells merged over rows into each of the rows, and tell of it.

    Excel shows one value for all of them but stores it in the first. Cells merged over columns
    stay as stored: which columns the value is meant for is not known.
    """
    from openpyxl.utils import range_boundaries

    filled: dict[tuple[str, bool], list[int]] = {}
    left = MOST_CELLS
    for ref in merged:
        column, top, last_column, bottom = range_boundaries(ref)
        rows = range(max(top, start + 1), min(bottom, len(grid)) + 1)
        if not rows or column > len(header.names):
            continue
        down = column == last_column
        value = grid[top - 1][column - 1] if column <= len(grid[top - 1]) else None
        for row in rows if down and top > start else ():
            record = grid[row - 1]
            record += [None] * (column - len(record))
            record[column - 1] = value
        left -= len(rows)
        if left < 0:
            raise too_large(source.sheet, Path(source.file))
        filled.setdefault((header.names[column - 1], down), []).extend(rows)
    return [
        Problem(
            "warning",
            "merged_cells",
            f"Cells of column '{name}' are merged "
            + (
                "over rows; the value is read in each of the rows."
                if down
                else "with cells beside them; the value is read in the first only."
            ),
            "If that is not what is meant, part the cells in Excel and fill each of them in.",
            row=rows[0],
            column=name,
            cell=source.cell(rows[0], name),
            also_rows=tuple(rows[1:]),
        )
        for (name, down), rows in ((place, sorted(set(rows))) for place, rows in filled.items())
    ]


# -- formulas ---------------------------------------------------------------------------------


def _uncalculated(
    path: Path, sheet: str, grid: list[list[Any]], start: int, header: Header, source: SourceFile
) -> list[Problem]:
    """Name the cells whose formula was never calculated, so that no value is stored."""
    with workbook(path, formulas=True) as book:
        formulas = rows_of(book[sheet], path)
    faults = []
    for number, record in enumerate(formulas[start : len(grid)], start=start):
        for column, cell in enumerate(record[: len(header.names)]):
            stored = grid[number][column] if column < len(grid[number]) else None
            formula = _formula(cell)
            if stored in (None, "") and formula:
                faults.append(_formula_problem(header.names[column], number + 1, formula, source))
    return faults


def _formula(cell: Any) -> str:
    """Return the formula of a cell (of an array and of a data table too), else nothing."""
    if isinstance(cell, str):
        return cell if cell.startswith("=") else ""
    return str(getattr(cell, "text", None) or getattr(cell, "ref", None) or "")


def _formula_problem(column: str, row: int, formula: str, source: SourceFile) -> Problem:
    return Problem(
        level="error",
        rule="formula_without_value",
        message=f"Row {row}, column '{column}' holds a formula whose result was never stored, so "
        "there is no value to read.",
        hint="Open the workbook in its program, let it calculate, and save it.",
        row=row,
        column=column,
        cell=source.cell(row, column),
        value=formula[:100],
    )


# -- columns ----------------------------------------------------------------------------------


def _frame(
    records: list[list[Any]],
    header: Header,
    conventions: Conventions,
    missing: frozenset[str],
    notes: dict[str, Any],
) -> pd.DataFrame:
    width = len(header.names)
    columns = list(zip(*(_padded(record, width) for record in records), strict=True))
    columns = columns or [()] * width
    data: dict[str, Any] = {}
    for name, cells in zip(header.names, columns, strict=True):
        as_text = name in conventions.text_columns
        data[name], changed = convert_cells(list(cells), missing, conventions.decimal, as_text)
        note_column(notes, name, changed)
        mixed = sum(isinstance(cell, str) and not _blank(cell) for cell in cells)
        if mixed and getattr(data[name], "dtype", None) in (np.dtype("int64"), np.dtype("float64")):
            stored = mixed - sum(changed.missing_words.values())
            if stored:
                notes["numbers_stored_as_text"][name] = stored
    return pd.DataFrame(data, index=pd.RangeIndex(len(records)))


def convert_cells(
    cells: list[Any], missing: frozenset[str], decimal: str | None, as_text: bool
) -> tuple[Any, ColumnNotes]:
    """Turn the cells of one column (numbers, text, dates, blanks) into one kind of value."""
    kinds = {type(cell) for cell in cells if not _blank(cell)}
    if kinds <= {str} or as_text:
        return _text(cells, missing, decimal, as_text)
    notes = ColumnNotes()
    if str in kinds:
        cells, kinds, notes = _without_words(cells, missing, decimal, kinds)
    if kinds and kinds <= {dt.datetime, dt.date}:
        return pd.Series(np.array([_stamp(c) for c in cells], dtype="datetime64[us]")), notes
    if kinds == {bool}:
        blank = np.array([_blank(cell) for cell in cells], dtype=bool)
        truth = np.array([cell is True for cell in cells], dtype=bool)
        return (pd.arrays.BooleanArray(truth, blank) if blank.any() else truth), notes
    if kinds <= {int, float}:
        values = np.array([np.nan if _blank(c) else float(c) for c in cells], dtype=float)
        whole = kinds == {int} and not np.isnan(values).any() and np.abs(values).max() < 2**53
        return (values.astype("int64") if whole else values), notes
    return pd.Series([None if _blank(cell) else cell for cell in cells], dtype=object), notes


def _text(
    cells: list[Any], missing: frozenset[str], decimal: str | None, as_text: bool
) -> tuple[Any, ColumnNotes]:
    column = words_of([None if cell is None else str(cell) for cell in cells])
    kept = {0} if as_text else set()
    return next(convert_columns([column], missing_words=missing, decimal=decimal, as_text=kept))


def _without_words(
    cells: list[Any], missing: frozenset[str], decimal: str | None, kinds: set[type]
) -> tuple[list[Any], set[type], ColumnNotes]:
    """Read the words among other cells: missing words, and numbers stored as text."""
    words = [cell if isinstance(cell, str) else None for cell in cells]
    values, notes = _text(words, missing, decimal, as_text=False)
    if isinstance(values, np.ndarray) and kinds <= {int, float, str}:
        numbers = values.astype(float)
        cells = [
            _or_none(number) if isinstance(cell, str) else cell
            for cell, number in zip(cells, numbers, strict=True)
        ]
    elif isinstance(values, pd.Categorical):
        gone = values.isna()
        cells = [
            None if isinstance(cell, str) and lost else cell
            for cell, lost in zip(cells, gone, strict=True)
        ]
    elif np.isnan(np.asarray(values, dtype=float)).all():
        cells = [None if isinstance(cell, str) else cell for cell in cells]
    return cells, {type(cell) for cell in cells if not _blank(cell)}, notes


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _stamp(cell: Any) -> Any:
    if _blank(cell):
        return np.datetime64("NaT", "us")
    return np.datetime64(cell if isinstance(cell, dt.datetime) else cell.isoformat(), "us")
