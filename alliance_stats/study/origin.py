"""Where every cell of a canonical table came from, so that a problem can be shown in its file.

Reading and mapping build these values; validation reads them. Neither knows how the other works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

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
        ``csv``, ``tsv``, ``sav``, ``xlsx`` or ``parquet``.
    columns
        The file's own column names, in file order (the position gives the spreadsheet letter).
    encoding
        Of a text or SPSS file, as it was read; empty where there is none.
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
class Origin:
    """Where the rows of one canonical table came from; parallel to the table's rows.

    Attributes
    ----------
    files
        The files the table was made from.
    file
        For each row of the table, the position in `files` (int16).
    row
        For each row of the table, the row in that file as its own program counts it (int32).
    columns
        For each file, canonical column → the file's column (``{"session": "sess"}``).
    items
        For each file, ``(measure, rater, item)`` → the file's column, for ratings that were
        made from item columns (``{("wai-sr", "client", 5): "wai5"}``); empty elsewhere. A score
        taken from a total column is keyed ``(measure, rater, scale)``.
    """

    files: tuple[SourceFile, ...]
    file: np.ndarray
    row: np.ndarray
    columns: tuple[dict[str, str], ...]
    items: tuple[dict[tuple[str, str, Any], str], ...] = ()


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
