"""Where every cell of a canonical table came from, so that a problem can be shown in its file.

Reading and mapping build these values; validation reads them. Neither knows how the other works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

BESIDE = {"given_scores": "scores", "given_assessments": "assessments", "given_items": "ratings"}
"""What stands beside our tables to be checked with them: totals whose items are there too, and
items at occasions, of which ``assessments`` holds the scores. And the tables that they are like."""


def table_of(name: str) -> str:
    """Return the canonical table of a name that may be one of `BESIDE`."""
    return BESIDE.get(name, name)


LEVELS = ("error", "warning", "info")
"""``error``: the row cannot be used or changes a result; ``warning``: used, but look."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in a sentence, with its place and what to do.

    The fields are the columns of ``ValidationReport.issues``. `column` is the name in the file
    where a file was read (``wai5``), else the canonical name; `row` is counted as the file's own
    program shows it (the header of a CSV or sheet is row 1; the first case of an SPSS file is
    row 1). `cell` is a spreadsheet address (``C17``) where the file is a sheet. `also_rows` are
    the other rows of the same problem (duplicates, an order conflict).
    """

    level: str
    rule: str
    message: str
    hint: str = ""
    table: str = ""
    file: str = ""
    sheet: str = ""
    row: int | None = None
    column: str = ""
    cell: str = ""
    value: Any = None
    also_rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """One file (or one sheet of a workbook) of a study, and where its columns stand.

    Attributes
    ----------
    file
        Path relative to the study folder, with forward slashes.
    sheet
        The sheet's name; empty for other files.
    kind
        ``csv``, ``tsv``, ``sav``, ``dta``, ``xlsx`` or ``parquet``.
    columns
        The file's own column names, in file order (the position gives the spreadsheet letter).
    encoding
        Of a text, SPSS or Stata file, as it was read; empty where there is none.
    sha256
        Of the bytes that were read; empty for what was never a file.
    """

    file: str
    sheet: str
    kind: str
    columns: tuple[str, ...]
    encoding: str = ""
    sha256: str = ""

    def cell(self, row: int | None, column: str) -> str:
        """Return the spreadsheet address of a row and column, empty where there is none."""
        if self.kind != "xlsx" or row is None or column not in self.columns:
            return ""
        number, letters = self.columns.index(column) + 1, ""
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(65 + rest) + letters
        return f"{letters}{row}"


@dataclass(frozen=True)
class Written:
    """What stands in columns of a file whose values were recoded or converted.

    Attributes
    ----------
    rows
        The row of each value in the file, rising.
    columns
        The file's column → its values as read.
    """

    rows: np.ndarray
    columns: dict[str, pd.Series]

    def at(self, row: int, column: str) -> Any:
        """Return what stands in a cell, None for a column that is as the file has it."""
        if column not in self.columns:
            return None
        return self.columns[column].iloc[int(np.searchsorted(self.rows, row))]


@dataclass(frozen=True)
class Layout:
    """How rows of a table stand in a file: all rows of one layout take from the same columns.

    A file with an item a column has a layout an item (and session), for what a row of ours
    holds stands in another column each time. So a value's place needs two integers a row.

    Attributes
    ----------
    source
        The file.
    columns
        Canonical column → the file's column (``{"session": "sess", "value": "wai5"}``).
    when
        The session or occasion that stands in a column's name, in words (``session 3``).
    written
        What stands in the file where our values are others.
    """

    source: SourceFile
    columns: dict[str, str]
    when: str = ""
    written: Written | None = None


@dataclass(frozen=True)
class Stepped:
    """Whole numbers for long rows, kept a form at a time: ``first[form] + part[item]``.

    Each piece is an array with a number a form and one with a number an item; rows follow each
    other form by form. A million answers so cost what their forms do. Read by positions.
    """

    pieces: tuple[tuple[np.ndarray, np.ndarray], ...]

    def __len__(self) -> int:
        return sum(len(first) * len(part) for first, part in self.pieces)

    def __getitem__(self, positions: Any) -> Any:
        if np.ndim(positions) == 0 or np.asarray(positions).dtype == bool:
            at = np.arange(len(self), dtype=np.int64)[positions]
            return self[at] if np.ndim(at) else self[np.array([at])][0]
        at = np.asarray(positions, dtype=np.int64)
        found = np.empty(len(at), dtype=np.int32)
        start = 0
        for first, part in self.pieces:
            stop = start + len(first) * len(part)
            here = (at >= start) & (at < stop)
            form, item = np.divmod(at[here] - start, len(part))
            found[here] = first[form] + part[item]
            start = stop
        return found

    @staticmethod
    def of(first: np.ndarray, part: np.ndarray) -> np.ndarray | Stepped:
        """Return the numbers of rows that have one part a form as an array, else kept by forms."""
        first, part = first.astype(np.int32, copy=False), part.astype(np.int32, copy=False)
        return first + part if len(part) == 1 else Stepped(((first, part),))

    def __add__(self, number: int) -> Stepped:
        return Stepped(tuple((first, part + np.int32(number)) for first, part in self.pieces))

    @staticmethod
    def joined(parts: list[np.ndarray | Stepped]) -> np.ndarray | Stepped:
        """Return numbers one after the other; as an array where none are kept by forms."""
        if not any(isinstance(part, Stepped) for part in parts):
            return np.concatenate([np.asarray(part, dtype=np.int32) for part in parts])
        none = np.zeros(1, dtype=np.int32)
        pieces = [part.pieces if isinstance(part, Stepped) else ((part, none),) for part in parts]
        return Stepped(tuple(piece for own in pieces for piece in own))


@dataclass(frozen=True)
class Origin:
    """Where the rows of one canonical table came from; parallel to the table's rows.

    Attributes
    ----------
    layouts
        How rows stand in their files.
    layout
        For each row of the table, the position in `layouts` (int32).
    row
        For each row of the table, the row in its file as the file's own program counts it
        (int32). Both are read by positions; those of answers are kept a form at a time.
    filled
        Columns whose values came from other rows or files than the rest of their row (a client's
        sex that only the second session has): their own `row` and `layout`.
    """

    layouts: tuple[Layout, ...]
    layout: np.ndarray | Stepped
    row: np.ndarray | Stepped
    filled: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @cached_property
    def files(self) -> tuple[SourceFile, ...]:
        """The files the table was made from."""
        return tuple(
            {(each.source.file, each.source.sheet): each.source for each in self.layouts}.values()
        )

    def file_of(self, layout: np.ndarray) -> np.ndarray:
        """Return the position in `files` of each layout in an array of them."""
        at = {(source.file, source.sheet): number for number, source in enumerate(self.files)}
        files = [at[each.source.file, each.source.sheet] for each in self.layouts]
        return np.array(files, dtype=np.int64)[layout]


@dataclass(frozen=True)
class SetAside:
    """Rows that were read and not kept, with the reason."""

    table: str
    reason: str
    rows: int
    file: str = ""


@dataclass
class RawStudy:
    """A study as read and mapped, before validation.

    `tables` maps a canonical table's name to its frame; a key column that could not be read
    is still there, as read. `problems` are those met while reading and mapping. `rows_in`
    counts, per table, the rows that came in, before anything was set aside.
    """

    name: str
    folder: Path
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    rows_in: dict[str, int] = field(default_factory=dict)
    files: list[SourceFile] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
