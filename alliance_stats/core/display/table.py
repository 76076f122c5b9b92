"""A table as it is shown: the numbers, and how each cell is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column of a shown table: its label and how a row's cell is written."""

    label: str
    write: Callable[[pd.Series], str]
    align: str = "right"
    spanner: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the numbers at full precision, and how to show them.

    Attributes
    ----------
    key
        Its file name (``tables/<key>.csv``) and its anchor in the page.
    title, note
        The italic line above and the note below.
    how
        How the numbers were made: function, formula, options.
    frame
        The numbers; exactly this goes into the CSV.
    columns
        What is shown of it.
    group
        A column of `frame` whose values become row groups; empty for none.
    methods
        The same as `how`, as a paper's methods section says it; empty where another table says it.
    folded
        Whether a page shows it only when asked.
    """

    key: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    how: str
    note: str = ""
    group: str = ""
    methods: str = ""
    folded: bool = False
