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

    A table made from it (by ``.set_index``, say) is a plain one.
    """

    def _as_table(self) -> Table:
        said = self.attrs
        return journal_table(
            pd.DataFrame(self), title=said.get("title", ""), labels=said.get("labels")
        )

    def _laid_out(self) -> tuple[str, list[Table]]:
        table = self._as_table()
        return table.title, [replace(table, title="")]

    def __str__(self) -> str:
        return as_text(*self._laid_out(), ())

    def _repr_html_(self) -> str:
        return as_html(*self._laid_out(), ())

    def to_latex(self, *given: Any, **options: Any) -> Any:
        """Return the table as LaTeX, as results have it; with arguments as pandas writes it."""
        if given or options:
            return super().to_latex(*given, **options)
        return as_latex(*self._laid_out(), ())

    def to_word(self, path: str | PathLike[str]) -> Path:
        """Write the table as a Word document in APA style."""
        return write_whole(path, result_document(*self._laid_out(), ()), what="the Word document")


def shown(frame: pd.DataFrame, title: str, **labels: str) -> ShownTable:
    """Return a table that shows itself under a title, with words for its columns and terms."""
    made = ShownTable(frame)
    made.attrs.update(title=title, labels=labels)
    return made
