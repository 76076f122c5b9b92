"""Problems met while mapping, each with its file, row, column and cell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ...errors import listing
from ..origin import Problem, SourceFile
from .values import as_word, codes_of

_MOST_VALUES = 20
"""More different wrong values than this in one column are told in one sentence."""


class Notes:
    """Collects the problems of one file."""

    def __init__(self, file: SourceFile, rows: np.ndarray, problems: list[Problem]) -> None:
        self.file = file
        self.rows = rows
        self.problems = problems
        self.times: dict[str, str] = {}
        """The session or occasion that stands in a column's name, in words."""

    def add(
        self,
        rule: str,
        message: str,
        *,
        hint: str = "",
        level: str = "error",
        table: str = "",
        column: str = "",
        at: Iterable[int] = (),
        value: Any = None,
    ) -> None:
        """Note a problem; `at` are positions in the frame, the first is its place."""
        lines = [int(self.rows[position]) for position in at]
        row = lines[0] if lines else None
        self.problems.append(
            Problem(
                level=level,
                rule=rule,
                message=message,
                hint=hint,
                table=table,
                file=self.file.file,
                sheet=self.file.sheet,
                row=row,
                column=column,
                cell=self.file.cell(row, column),
                value=value,
                also_rows=tuple(lines[1:]),
            )
        )

    def bad_cells(
        self,
        series: pd.Series,
        bad: np.ndarray,
        *,
        rule: str,
        table: str,
        column: str,
        expected: str,
        hint: str,
        consequence: str,
    ) -> None:
        """Note the cells of a column that are not what was expected, one problem a value."""
        if not len(bad):
            return
        codes, values = codes_of(series)
        wrong = codes[bad]
        distinct = list(dict.fromkeys(wrong.tolist()))
        when = self.times.get(column)
        here = f"column '{column}'" + (f" ({when})" if when else "")
        if len(distinct) > _MOST_VALUES:
            words = listing([f"'{as_word(values[code])[:40]}'" for code in distinct])
            self.add(
                rule,
                f"{len(bad):,} cells of {here} are not {expected}: {words}. {consequence}",
                hint=hint,
                table=table,
                column=column,
                at=bad,
            )
            return
        for code in distinct:
            cells = bad[wrong == code]
            word = as_word(values[code])[:80]
            times = f" ({len(cells):,} rows)" if len(cells) > 1 else ""
            self.add(
                rule,
                f"'{word}' in {here} is not {expected}{times}. {consequence}",
                hint=hint,
                table=table,
                column=column,
                at=cells,
                value=word,
            )
