"""The report of the data doctor: a value that can be read, shown, written and asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataValidationError
from .origin import LEVELS, Problem, SourceFile

if TYPE_CHECKING:
    import pandas as pd

ISSUE_COLUMNS: dict[str, str] = {
    "level": "error: cannot be used, or changes a result; warning: used, but look; info: good to "
    "know",
    "table": "the table of the study",
    "file": "the file, as named in the study's folder",
    "sheet": "the sheet, where the file has sheets",
    "row": "the row as the file's own program counts it (a header is row 1; SPSS's first case is "
    "row 1); the first where there are more",
    "column": "the column as the file names it",
    "cell": "the cell of a sheet, such as C17",
    "rule": "the rule that is broken",
    "value": "what stands there",
    "message": "what is wrong, in a sentence",
    "hint": "what to do",
    "rows": "all rows the problem concerns",
}
"""The columns of ``ValidationReport.issues``."""

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
        """Write the report as one page that needs no network; return its path."""
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


def all_rows(problem: Problem) -> tuple[int, ...]:
    """Return all rows of a problem, empty where it concerns a column, a file or the study."""
    return () if problem.row is None else (problem.row, *problem.also_rows)


def place_in_words(problem: Problem) -> str:
    """Return where a problem is: ``sessions.xlsx, sheet 'a', cell C17``."""
    where = problem.file or (f"table '{problem.table}'" if problem.table else "")
    parts = [where, f"sheet '{problem.sheet}'" if problem.sheet else ""]
    if problem.cell and not problem.also_rows:
        parts.append(f"cell {problem.cell}")
    elif problem.row is not None:
        parts.append(rows_in_words(all_rows(problem)))
    if problem.column:
        parts.append(f"column '{problem.column}'")
    return ", ".join(part for part in parts if part)


def rows_in_words(rows: tuple[int, ...], limit: int = 12) -> str:
    """Return ``row 3``, ``rows 3, 4 and 9`` or ``rows 3, 4, ... (198 rows)``."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    shown = ", ".join(str(row) for row in rows[:limit])
    if len(rows) > limit:
        return f"rows {shown}, ... ({len(rows):,} rows)"
    return f"rows {', '.join(str(row) for row in rows[:-1])} and {rows[-1]}"


def in_one_line(problem: Problem) -> str:
    """Return a problem in one line: place, sentence, what to do."""
    place = place_in_words(problem)
    return " ".join(part for part in (f"{place}:" if place else "", problem.message) if part)


def in_counts(counts: Mapping[str, int]) -> str:
    """Return ``2 errors, 1 warning``; ``no problems`` where there is none."""
    words = {"error": ("error", "errors"), "warning": ("warning", "warnings")}
    words["info"] = ("note", "notes")
    parts = [f"{n:,} {words[level][n != 1]}" for level, n in counts.items() if n]
    return ", ".join(parts) or "no problems"
