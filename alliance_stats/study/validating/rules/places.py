"""Where a position in our tables lies in the user's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...origin import Origin, SourceFile
from .words import rows_of, series_of

ANSWER_TABLES = {"ratings": ("value", "item"), "scores": ("score", "scale")}
ANSWER_TABLES["given_scores"] = ANSWER_TABLES["scores"]


@dataclass(frozen=True)
class Places:
    """The places of some rows: their files, row numbers and (for cells) columns.

    Attributes
    ----------
    files
        The files of the table; one nameless file where the study came from memory.
    file
        For each row, the position in `files`.
    row
        For each row, its number in that file.
    """

    files: tuple[SourceFile, ...]
    file: np.ndarray
    row: np.ndarray

    @cached_property
    def order(self) -> np.ndarray:
        """The order of rows as a reader meets them: file by file, from the top."""
        return np.lexsort((self.row, self.file))

    def lines(self) -> tuple[tuple[str, str, int], ...]:
        """Return the distinct (file, sheet, row), in order."""
        pairs = zip(self.file.tolist(), self.row.tolist(), strict=True)
        return tuple(sorted({(self.files[f].file, self.files[f].sheet, r) for f, r in pairs}))

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


def locate(origin: Origin | None, positions: np.ndarray) -> Places:
    """Return the places of rows of a table; without an origin, rows count from 1."""
    if origin is None or not len(origin.files):
        return Places((MEMORY,), np.zeros(len(positions), dtype=np.int64), positions + 1)
    return Places(
        origin.files,
        np.asarray(origin.file)[positions].astype(np.int64),
        np.asarray(origin.row)[positions].astype(np.int64),
    )


def file_column(
    origin: Origin | None, file: int, table: str, column: str, answer: tuple[Any, Any, Any]
) -> str:
    """Return the file's name of a canonical column (ours where the file has none).

    `answer` is ``(measure, rater, item or scale)`` of the row: an answer in a wide file stands
    in the column of its item.
    """
    if origin is None or not len(origin.files):
        return column
    held = ANSWER_TABLES.get(table)
    if held and column == held[0] and file < len(origin.items):
        found = _answer_column(origin.items[file], answer)
        if found:
            return found
    return origin.columns[file].get(column, column) if file < len(origin.columns) else column


def _answer_column(items: Mapping[tuple[Any, Any, Any], str], answer: tuple[Any, Any, Any]) -> str:
    measure, rater, part = answer
    if isinstance(part, float | np.floating | np.integer) and float(part).is_integer():
        part = int(part)
    return items.get((measure, rater, part), "")
