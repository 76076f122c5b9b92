"""The validation report as a workbook: the problems, and the files' cells with them marked.

Text of the data is written as text, and text that a spreadsheet would read as a formula gets an
apostrophe before it.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.outputs import keep_inputs, write_whole
from ..origin import Problem, SourceFile
from ..reading.kinds import WITHOUT_HEADER
from ..reading.table import fingerprint
from .problem_words import ISSUE_COLUMNS, all_rows, in_counts, rows_in_words
from .source_cells import records

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

    from .report import ValidationReport

FOR_THE_OWNER = (
    "For the owner of the data only: this workbook shows the files, with the ids of people."
)
LARGE = 50_000  # rows of a file; of a larger one only rows with problems are copied
MOST_COMMENTS = 2_000  # a sheet; beyond it cells are coloured only
LONGEST_TEXT = 32_000  # a cell of Excel holds 32,767 characters
LAST_COLUMN = 16_383
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "|")
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": True,
}
WIDTHS = {"message": 70, "hint": 50, "rows": 24, "file": 22, "rule": 22, "value": 18, "column": 14}
FILLS = {"error": "#F4B6B6", "warning": "#FBE3A6", "info": "#CFE2F3"}
GRAVEST = {"info": 0, "warning": 1, "error": 2}


@dataclass
class _Marks:
    """What is to be marked on the copy of one file: by (row, column) and by column."""

    cells: dict[tuple[int, str], list[Problem]] = field(default_factory=lambda: defaultdict(list))
    columns: dict[str, list[Problem]] = field(default_factory=lambda: defaultdict(list))

    rows: set[int] = field(default_factory=set)


def write_xlsx(report: ValidationReport, path: Path) -> Path:
    """Write the workbook for the owner alone, never over a file of the study."""
    keep_inputs(path, report.folder)
    return write_whole(path, _workbook(report), what="the workbook", private=True)


def _workbook(report: ValidationReport) -> bytes:
    import xlsxwriter

    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, OPTIONS)
    book.set_properties({"comments": "Made by alliance_stats"})
    formats = _formats(book)
    problems = book.add_worksheet("problems")
    rows = book.add_worksheet("rows")
    marks = _marks(report)
    notes = [
        _copy(book, formats, report.folder, source, marks[source.file, source.sheet])
        for source in _each_once(report.files)
    ]
    _write_problems(problems, formats, report, notes)
    _write_rows(rows, formats, report)
    book.close()
    return content.getvalue()


def guarded(text: str) -> str:
    """Return text that no spreadsheet reads as a formula, cut to what a cell can hold."""
    text = text.encode("utf-8", "replace").decode()
    text = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _formats(book: Workbook) -> dict[str, Format]:
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        "title": book.add_format({"bold": True, "font_size": 14}),
    }
    for level, colour in FILLS.items():
        shape = {"bg_color": colour, "border": 1, "bold": level == "error", "valign": "top"}
        formats[level] = book.add_format(shape)
    return formats


def _each_once(files: tuple[SourceFile, ...]) -> list[SourceFile]:
    return list({(source.file, source.sheet): source for source in files}.values())


def _marks(report: ValidationReport) -> dict[tuple[str, str], _Marks]:
    marks: dict[tuple[str, str], _Marks] = defaultdict(_Marks)
    known = {(source.file, source.sheet): source.columns for source in report.files}
    for problem in report.problems:
        here = marks[problem.file, problem.sheet]
        columns = known.get((problem.file, problem.sheet), ())
        rows = all_rows(problem)
        for row in rows:
            here.cells[row, _column(problem, columns)].append(problem)
            here.rows.add(row)
        if not rows and problem.column:
            here.columns[problem.column].append(problem)
    return marks


def _column(problem: Problem, columns: tuple[str, ...]) -> str:
    """Return the problem's column; empty (the row as a whole) where the file has no such one."""
    return problem.column if problem.column in columns else ""


# -- the lists ------------------------------------------------------------------------------


def _write_problems(
    sheet: Worksheet, formats: dict[str, Format], report: ValidationReport, notes: list[str]
) -> None:
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    for number, name in enumerate(ISSUE_COLUMNS):
        sheet.set_column(number, number, WIDTHS.get(name, 10))
    title = f"Validation of {report.name}: {in_counts(report.counts())}"
    _put(sheet, 0, 0, title, formats["title"])
    line = 1
    for note in (FOR_THE_OWNER, *(n for n in notes if n), *_apostrophe_note()):
        _put(sheet, line, 0, note)
        line += 1
    line += 1
    for number, name in enumerate(ISSUE_COLUMNS):
        _put(sheet, line, number, name, formats["head"])
    sheet.freeze_panes(line + 1, 0)
    for row, problem in enumerate(report.problems, start=line + 1):
        for number, name in enumerate(ISSUE_COLUMNS):
            look = formats[problem.level] if name == "level" else formats["wrap"]
            _put(sheet, row, number, _listed(problem, name), look)
    if report.problems:
        sheet.autofilter(line, 0, line + len(report.problems), len(ISSUE_COLUMNS) - 1)


def _apostrophe_note() -> tuple[str, ...]:
    return (
        "Text of the data that begins with =, +, - or @ has an apostrophe before it, so that no "
        "program takes it for a formula.",
    )


def _listed(problem: Problem, name: str) -> Any:
    if name != "rows":
        return getattr(problem, name)
    rows = all_rows(problem)
    return rows_in_words(rows, 200) if len(rows) > 1 else ""


def _write_rows(sheet: Worksheet, formats: dict[str, Format], report: ValidationReport) -> None:
    for number, name in enumerate(report.rows.columns):
        sheet.set_column(number, number, 80 if name == "reasons" else 16)
        _put(sheet, 0, number, str(name).replace("_", " "), formats["head"])
    for row, record in enumerate(report.rows.itertuples(index=False, name=None), start=1):
        for number, value in enumerate(record):
            _put(sheet, row, number, value, formats["wrap"])


# -- the copies -----------------------------------------------------------------------------


def _copy(
    book: Workbook, formats: dict[str, Format], folder: Path, source: SourceFile, marks: _Marks
) -> str:
    """Copy one file with its marks; return what the reader must know about the copy."""
    label = f"'{source.file}'" + (f", sheet '{source.sheet}'" if source.sheet else "")
    try:
        if source.sha256 and fingerprint(folder / source.file) != source.sha256:
            return (
                f"There is no marked-up copy of {label}: the file was changed after it was read, "
                "and a mark could stand in another row. Validate it again."
            )
        size = sum(1 for _ in records(folder, source))
    except Exception:  # the reading itself is reported as a problem; the list is still of use
        return f"There is no marked-up copy of {label}: the file could not be read again."
    name = _sheet_name(book, source)
    sheet = book.add_worksheet(name)
    large = size > LARGE
    comments = _Comments(sheet)
    line = -1
    for number, cells in records(folder, source):
        header = number <= (0 if source.kind in WITHOUT_HEADER else 1)
        if large and not header and number not in marks.rows:
            continue
        line = line + 1 if large else number - (source.kind not in WITHOUT_HEADER)
        _copy_row(sheet, formats, source, marks, comments, (line, number, header, large), cells)
    sheet.freeze_panes(1, 1 if large else 0)
    if large:
        return f"{label} has {size:,} rows: the sheet '{name}' shows only those with problems."
    moved = " (case 1 is in row 2)" if source.kind in WITHOUT_HEADER else ""
    return f"The sheet '{name}' is a copy of {label} with the problems marked{moved}."


@dataclass
class _Comments:
    """Comments of one sheet, up to what a spreadsheet opens without trouble."""

    sheet: Worksheet
    written: int = 0

    def add(self, row: int, column: int, problems: list[Problem]) -> None:
        if self.written < MOST_COMMENTS:
            text = "\n\n".join(f"{p.message}\n{p.hint}".strip() for p in problems)
            self.sheet.write_comment(row, column, text[:LONGEST_TEXT], {"x_scale": 2.2})
        self.written += 1


def _copy_row(
    sheet: Worksheet,
    formats: dict[str, Format],
    source: SourceFile,
    marks: _Marks,
    comments: _Comments,
    place: tuple[int, int, bool, bool],
    cells: list[Any],
) -> None:
    line, number, header, large = place
    if large:
        _put(sheet, line, 0, "row in the file" if header else number, formats["head"])
    width = max(len(cells), 1)
    for position in range(min(width, LAST_COLUMN)):
        column = source.columns[position] if position < len(source.columns) else ""
        problems = [] if header else marks.cells.get((number, column), [])
        if header and column:
            problems = marks.columns.get(column, [])
        if position == 0 and not header:
            problems = problems + marks.cells.get((number, ""), [])
        look = formats["head"] if header else None
        if problems:
            look = formats[max((p.level for p in problems), key=lambda level: GRAVEST[level])]
            comments.add(line, position + large, problems)
        value = cells[position] if position < len(cells) else None
        _put(sheet, line, position + large, value, look)


def _sheet_name(book: Workbook, source: SourceFile) -> str:
    stem = source.sheet or source.file.rsplit("/", 1)[-1]
    name = re.sub(r"[\[\]:*?/\\']", " ", stem).strip()[:28] or "file"
    taken = {sheet.get_name().casefold() for sheet in book.worksheets()} | {"history"}
    number = 2
    wanted = name
    while wanted.casefold() in taken:
        wanted = f"{name[:25]} {number}"
        number += 1
    return wanted


def _put(sheet: Worksheet, row: int, column: int, value: Any, look: Format | None = None) -> None:
    """Write one cell by its kind: numbers as numbers, all else as guarded text."""
    if value is None or value != value:
        sheet.write_blank(row, column, None, look)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, look)
    elif isinstance(value, int | float) or type(value).__module__ == "numpy":
        _put_number(sheet, row, column, value, look)
    else:
        text = value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)
        sheet.write_string(row, column, guarded(text), look)


def _put_number(sheet: Worksheet, row: int, column: int, value: Any, look: Format | None) -> None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        sheet.write_string(row, column, guarded(str(value)), look)
        return
    if abs(number) < 1e300:
        sheet.write_number(row, column, number, look)
    else:
        sheet.write_string(row, column, guarded(str(value)), look)
