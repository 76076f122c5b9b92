"""What a table of problems is called and says: columns, places, rows and counts in words."""

from __future__ import annotations

from collections.abc import Mapping

from ..origin import Problem

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
