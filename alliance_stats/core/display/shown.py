"""A DataFrame that shows itself as a journal prints a table, in a notebook as in a terminal."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ..outputs import write_whole
from .journal import journal_table
from .page import as_html, as_latex, as_text
from .table import Table
from .word import result_document


class ShownTable(pd.DataFrame):
    """A DataFrame with a display: all its rows, in words, and nothing empty.

    What its ``attrs`` say as ``note`` or ``messages`` stands beneath. A table made from it (by
    ``.set_index``, say) is a plain one.
    """

    def _as_table(self) -> Table:
        said, plain = self.attrs, pd.DataFrame(self)
        if plain.index.name is not None:
            plain = plain.reset_index()
        return journal_table(
            plain,
            title=said.get("title", ""),
            labels=said.get("labels"),
            shares=said.get("shares", ""),
        )

    def _laid_out(self) -> tuple[str, list[Table], tuple[str, ...]]:
        table = self._as_table()
        note = self.attrs.get("note", "")
        notes = (*self.attrs.get("messages", ()), *([note] if note else []))
        return table.title, [replace(table, title="")], notes

    def __str__(self) -> str:
        return as_text(*self._laid_out())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(*self._laid_out())

    def to_latex(self, *given: Any, **options: Any) -> Any:
        """Return the table as LaTeX, as results have it; with arguments as pandas writes it."""
        if given or options:
            return super().to_latex(*given, **options)
        return as_latex(*self._laid_out())

    def to_word(self, path: str | PathLike[str]) -> Path:
        """Write the table as a Word document in APA style."""
        return write_whole(path, result_document(*self._laid_out()), what="the Word document")


def shown(
    frame: pd.DataFrame, title: str, *, shares: str = "", note: str = "", **labels: str
) -> ShownTable:
    """Return a table that shows itself under a title, with words for its columns and terms.

    `shares` is a pattern of terms that are shares, and `note` stands beneath.
    """
    made = ShownTable(frame)
    made.attrs.update(title=title, labels=labels, shares=shares)
    made.attrs |= {"note": note} if note else {}
    return made
