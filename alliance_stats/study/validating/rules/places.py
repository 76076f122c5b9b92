"""Where a position in our tables lies in the user's files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...origin import Layout, Origin, SourceFile
from .words import rows_of, series_of


@dataclass(frozen=True)
class Places:
    """The places of some rows: their files, row numbers and layouts.

    Attributes
    ----------
    files
        The files of the table; one nameless file where the study came from memory.
    file
        For each row, the position in `files`.
    row
        For each row, its number in that file.
    layouts, layout
        For each row, how it stands in its file, as a position in `layouts`.
    """

    files: tuple[SourceFile, ...]
    file: np.ndarray
    row: np.ndarray
    layouts: tuple[Layout, ...]
    layout: np.ndarray

    @cached_property
    def order(self) -> np.ndarray:
        """The order of rows as a reader meets them: file by file, from the top."""
        return np.lexsort((self.row, self.file))

    def lines(self) -> tuple[tuple[str, str, int], ...]:
        """Return the distinct (file, sheet, row), in order."""
        return tuple(sorted({line for line, _ in self.records()}))

    def records(self) -> set[tuple[tuple[str, str, int], str]]:
        """Return the distinct lines, each with the session or occasion named by its columns."""
        pairs = zip(self.file.tolist(), self.row.tolist(), self.layout.tolist(), strict=True)
        return {
            ((self.files[f].file, self.files[f].sheet, r), self.layouts[n].when)
            for f, r, n in pairs
        }

    def in_words(self) -> str:
        """Return ``rows 3 and 9 of sessions.csv``, file by file."""
        parts = []
        for number in np.unique(self.file):
            name = named(self.files[number])
            rows = rows_of(self.row[self.file == number])
            parts.append(f"{rows} of {name}" if name else rows)
        return series_of(parts)


def named(source: SourceFile) -> str:
    """Return a file as a reader names it, with its sheet."""
    return f"{source.file}, sheet '{source.sheet}'" if source.sheet else source.file


MEMORY = SourceFile(file="", sheet="", kind="", columns=())
NOWHERE = Layout(MEMORY, {})


def locate(origin: Origin | None, positions: np.ndarray, column: str = "") -> Places:
    """Return the places of rows of a table, or of one column's values in them.

    Without an origin, rows count from 1.
    """
    if origin is None or not len(origin.layouts):
        zeros = np.zeros(len(positions), dtype=np.int64)
        return Places((MEMORY,), zeros, positions + 1, (NOWHERE,), zeros)
    rows, layouts = origin.filled.get(column, (origin.row, origin.layout))
    layout, row = layouts[positions], rows[positions].astype(np.int64)
    return Places(origin.files, origin.file_of(layout), row, origin.layouts, layout)
