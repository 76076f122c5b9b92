"""The report of the data doctor: a value that can be read, shown, written and asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DataValidationError
from ..origin import LEVELS, Problem, SourceFile
from .problem_words import ISSUE_COLUMNS, all_rows, in_counts, in_one_line

if TYPE_CHECKING:
    import pandas as pd

FIRST = 3  # problems that the message of an error names


@dataclass(frozen=True)
class ValidationReport:
    """Everything that is wrong in a study, in words, and the account of its rows.

    Attributes
    ----------
    name, folder
        The study.
    problems
        Every problem once, the gravest first, then by file and row.
    rows
        DataFrame, one row a table: ``table, rows_in, rows_kept, rows_set_aside`` (which add up)
        and ``reasons``, the rows set aside by reason, in words.
    files
        The files that were read.

    Examples
    --------
    >>> import alliance_stats as al
    >>> report = al.validate("no/such/folder")
    >>> report.counts()["error"]
    1
    """

    name: str
    folder: Path
    problems: tuple[Problem, ...]
    rows: pd.DataFrame
    files: tuple[SourceFile, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no rule of level ``error`` is broken."""
        return not any(problem.level == "error" for problem in self.problems)

    @cached_property
    def issues(self) -> pd.DataFrame:
        """One row a problem, with the columns of `ISSUE_COLUMNS`."""
        import pandas as pd

        columns = {
            name: [getattr(problem, name) for problem in self.problems]
            for name in ISSUE_COLUMNS
            if name != "rows"
        }
        columns["rows"] = [all_rows(problem) for problem in self.problems]
        # kept as objects: a file's name may hold what pandas' own text cannot
        frame = pd.DataFrame(
            {name: pd.Series(values, dtype=object) for name, values in columns.items()}
        )
        return frame.assign(row=frame["row"].astype("Int64"))

    def counts(self) -> dict[str, int]:
        """Return the number of problems by level: ``error``, ``warning``, ``info``."""
        levels = [problem.level for problem in self.problems]
        return {level: levels.count(level) for level in LEVELS}

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one page that needs no network; return its path.

        It may quote ids and values, so nobody but you may read the file, as with `to_xlsx`.
        """
        from .report_html import write_html

        return write_html(self, Path(path))

    def to_xlsx(self, path: str | os.PathLike[str]) -> Path:
        """Write a workbook: the problems, and each file's cells with the problems marked.

        The first sheet lists the problems; each further sheet is a copy of a file or sheet of
        the study, with the cells in question coloured and commented. No text of the data can
        become a formula.
        """
        from .report_xlsx import write_xlsx

        return write_xlsx(self, Path(path))

    def raise_if_invalid(self) -> None:
        """Raise `DataValidationError` where a rule of level ``error`` is broken."""
        if self.ok:
            return
        errors = [problem for problem in self.problems if problem.level == "error"]
        lines = [f"  - {in_one_line(problem)}" for problem in errors[:FIRST]]
        if len(errors) > FIRST:
            lines.append(f"  - ... and {len(errors) - FIRST:,} more")
        raise DataValidationError(
            f"The study '{self.name}' cannot be used as it is: {in_counts(self.counts())}.\n"
            + "\n".join(lines)
            + "\nSee all with alliance_stats.validate(...).issues, or as a page with "
            ".to_html('problems.html'); on the command line: alliance-stats validate STUDY "
            "--html problems.html",
            report=self,
        )

    def summary(self) -> str:
        """Return the report as text, for a console."""
        head = f"Validation of '{self.name}': {in_counts(self.counts())}"
        parts = [head, *(f"[{p.level}] {in_one_line(p)}" for p in self.problems)]
        if len(self.rows):
            parts += ["", self.rows.drop(columns="reasons").to_string(index=False)]
        return "\n".join(parts)

    def __repr__(self) -> str:
        return f"<ValidationReport of '{self.name}': {in_counts(self.counts())}>"

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        from .report_html import report_fragment

        return report_fragment(self)
