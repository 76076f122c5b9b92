"""What reading a study collects, source by source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..labels import Labels
from ..origin import Layout, Problem, SetAside, Stepped
from .taking import Takings
from .vocabulary import enum_of
from .who import Who


@dataclass
class Part:
    """Rows of one canonical table that one file gives.

    `given` is False for rows that were only derived (the sessions named in a file of ratings):
    a table that is given goes before one that is derived.
    """

    table: str
    frame: pd.DataFrame
    rows: np.ndarray | Stepped
    layouts: tuple[Layout, ...]
    layout: np.ndarray | Stepped  # for each row, the position in `layouts`
    given: bool = True
    filled: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def place(self, column: str) -> tuple[np.ndarray | Stepped, np.ndarray | Stepped]:
        """Return the row and layout of each value of a column."""
        return self.filled.get(column, (self.rows, self.layout))


@dataclass
class Gathered:
    """What reading a whole study collects."""

    registry: Any
    parts: list[Part] = field(default_factory=list)
    dated: list[Part] = field(default_factory=list)
    """Those of `parts` whose sessions are days yet."""
    problems: list[Problem] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    rows_in: dict[str, int] = field(default_factory=dict)
    already_reversed: set[tuple[str, str]] = field(default_factory=set)
    raters: tuple[str, ...] = enum_of("ratings", "rater")
    time_unit: str | None = None
    takings: Takings = field(default_factory=Takings)
    who: Who = field(default_factory=Who)
    labels: list[dict[str, Labels]] = field(default_factory=list)

    def leave_out(self, table: str, reason: str, rows: int, file: str) -> None:
        """Count rows that came in and are not kept."""
        if rows:
            self.rows_in[table] = self.rows_in.get(table, 0) + rows
            self.set_aside.append(SetAside(table, reason, rows, file))
