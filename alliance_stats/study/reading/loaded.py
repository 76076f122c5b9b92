"""A file as read: the frame, the row numbers, what was changed and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..origin import Problem, SourceFile

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Conventions:
    """How cells are to be understood.

    Attributes
    ----------
    missing_words
        Words that stand for a missing value, compared without case and outer blanks; None for
        the usual ones (`cells.MISSING_WORDS`).
    decimal
        ``"."`` or ``","``; None to tell from the column.
    text_columns
        Columns that stay text whatever they look like.
    encoding, delimiter
        Of a text file; None to tell from its content.
    """

    missing_words: frozenset[str] | None = None
    decimal: str | None = None
    text_columns: frozenset[str] = frozenset()
    encoding: str | None = None
    delimiter: str | None = None


def is_delimiter(text: object) -> bool:
    """Return whether a text can part the cells of a file: one plain character, no line end."""
    return isinstance(text, str) and len(text) == 1 and text.isascii() and text not in '"\r\n\0'


@dataclass(frozen=True)
class Loaded:
    """One file or sheet as read.

    Attributes
    ----------
    frame
        The table; text columns are categorical, so that a million rows stay small.
    rows
        For each row of the frame, its row in the file as the file's own program counts it.
    kind
        ``csv``, ``tsv``, ``sav``, ``dta``, ``xlsx`` or ``parquet``.
    columns
        The file's columns in file order, a repeated name made unique (``"wai5 (2)"``).
    notes
        What was read and changed; becomes ``frame.attrs`` for users of `read_table`.
    faults
        Problems that did not stop the reading, without their file.
    lost_rows
        Rows of the file that are not in the frame because of a fault.
    sha256
        Of the file's bytes, which did not change while they were read.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    kind: str
    columns: tuple[str, ...]
    sheet: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Problem, ...] = ()
    lost_rows: int = 0
    sha256: str = ""

    def source(self, file: str) -> SourceFile:
        """Return the file as `Origin` wants it."""
        encoding = str(self.notes.get("encoding") or "")
        return SourceFile(file, self.sheet, self.kind, self.columns, encoding, self.sha256)

    def problems(self, file: str) -> list[Problem]:
        """Return the faults with the file's name put in."""
        return [replace(fault, file=file, sheet=self.sheet) for fault in self.faults]


def empty_notes() -> dict[str, Any]:
    """Return the notes of a file in which nothing needed changing; every key is always there."""
    return {
        "file": "",
        "kind": "",
        "sheet": "",
        "sheets": [],
        "hidden_sheets": [],
        "encoding": "",
        "encoding_guessed": False,
        "delimiter": "",
        "export": "",
        "header_rows": 1,
        "titles": [],
        "first_row": 2,
        "n_rows": 0,
        "variable_labels": {},
        "value_labels": {},
        "user_missing": {},
        "user_missing_ranges": {},
        "user_missing_counts": {},
        "missing_words": {},
        "decimal_commas": {},
        "numbers_stored_as_text": {},
        "kept_as_text": {},
        "checkboxes": {},
        "duplicate_columns": {},
        "unnamed_columns": [],
        "blank_rows": [],
        "changes": [],
    }
