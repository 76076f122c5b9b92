"""What the page shows of a desk, as plain values: files, columns, problems, a sheet's picture."""

from __future__ import annotations

from itertools import islice
from typing import Any

from ..core.arguments import is_number
from ..errors import AllianceStatsError
from ..instruments import load_registry
from ..study.mapping.vocabulary import OPEN_TABLES
from ..study.origin import Problem
from ..study.reading.workbooks import keeping_sheets
from ..study.validating.problem_words import all_rows, place_in_words
from ..study.validating.report import ValidationReport
from ..study.validating.source_cells import records
from .columns import ENDINGS, ITEMS, REASONS, ROLES, SCORE, Use, uses
from .desk import Desk

MOST_PROBLEMS = 300
SHEET_ROWS = 40
ABOVE = 8
"""Rows shown above the one that is looked at."""
SHEET_COLUMNS = 25
"""Columns shown at once besides the first: hundreds would take a browser seconds to lay out."""
MOST_WORDS = 40
LONGEST_CELL = 60
RATERS = ("client", "therapist", "observer")


def view(desk: Desk) -> dict[str, Any]:
    """Return all that the page shows, but for the pictures of sheets."""
    with desk.lock:
        report = desk.check()
        problems = report.problems if report is not None else ()
        registry = load_registry(desk.study / "measures")
        return {
            "name": str(desk.mapping.get("name", desk.study.name)),
            "home": str(desk.home) if desk.home else "",
            "files": [_file(desk, *key) for key in sorted(desk.tables)],
            "broken": [{"file": file, "why": why} for file, why in sorted(desk.broken.items())],
            "doubts": [one for each in desk.doubts.values() for one in each],
            "counts": report.counts() if report is not None else None,
            "usable": report is not None and report.ok and _has_answers(report),
            "rows": [] if report is None else report.rows.to_dict("records"),
            "problems": [_problem(desk, one) for one in problems[:MOST_PROBLEMS]],
            "more_problems": max(0, len(problems) - MOST_PROBLEMS),
            "yaml": desk.text if desk.mapping["sources"] else "",
            "roles": ROLES,
            "reasons": REASONS,
            "measures": [{"name": one, "title": registry[one].title} for one in sorted(registry)],
            "raters": [*RATERS, *(desk.mapping.get("raters") or {})],
        }


def _has_answers(report: ValidationReport) -> bool:
    """Return whether anything was measured or told: ids and sessions alone give no report."""
    rows = report.rows.set_index("table")["rows_kept"].drop(list(OPEN_TABLES), errors="ignore")
    return bool(rows.sum())


def _file(desk: Desk, file: str, sheet: str) -> dict[str, Any]:
    """Return a file's columns; those of one entry of ``measures`` stand together."""
    table = desk.tables[file, sheet]
    labels = table.attrs.get("variable_labels") or {}
    groups: dict[Any, dict[str, Any]] = {}
    for name, use in uses(desk.mapping, file, sheet, desk.columns(file, sheet)).items():
        key = (use.source, use.entry) if use.role in (ITEMS, SCORE) else name
        if key in groups:
            groups[key]["names"].append(name)
            continue
        groups[key] = group = {
            "names": [name],
            "role": use.role,
            "source": use.source,
            "entry": use.entry,
            "why": _why(desk, file, sheet, name, use),
            "label": str(labels.get(name, "")),
            "examples": _examples(table[name]),
        }
        if use.role in (ITEMS, SCORE):
            entry = _entry(desk, use)
            group |= {part: str(entry.get(part, "")) for part in ("measure", "rater", "occasion")}
        if use.role == "reason":
            words = _words(desk, file, sheet, name)
            group |= {"words": words[:MOST_WORDS], "more_words": max(0, len(words) - MOST_WORDS)}
    return {"file": file, "sheet": sheet, "rows": len(table), "groups": list(groups.values())}


def _entry(desk: Desk, use: Use) -> dict[str, Any]:
    return desk.mapping["sources"][use.source]["measures"][use.entry]


def _why(desk: Desk, file: str, sheet: str, name: str, use: Use) -> str:
    """Return why a column is taken for what it is."""
    drafted = desk.why.get((file, sheet, name))
    if drafted is None or bool(drafted) != (use.role in ("", "out")):
        return "you chose it, or study.yaml says so"
    if use.role == ITEMS:
        items = _entry(desk, use)["items"]
        named = items if isinstance(items, str) else "one by one"
        return f"names of the questions ({named}), and answers that fit the questionnaire"
    return drafted or (
        "its name, and values that fit" if use.role == SCORE else "its name or label"
    )


def _words(desk: Desk, file: str, sheet: str, column: str) -> list[dict[str, str]]:
    """Return the words for endings in a column, and what each is taken for."""
    recode: dict[str, str] = {}
    for source in desk.mapping["sources"]:
        if source.get("file") == file and source.get("table") == ENDINGS:
            recode |= (source.get("recode") or {}).get("reason") or {}
    return [
        {"word": word, "meaning": recode.get(word, word if word in REASONS else "")}
        for word in desk.words(file, sheet, column)
    ]


def _problem(desk: Desk, problem: Problem) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "level": problem.level,
        "place": place_in_words(problem),
        "message": problem.message,
        "hint": problem.hint,
        "file": problem.file,
        "sheet": problem.sheet,
        "row": problem.row,
        "column": problem.column,
    }
    table = desk.tables.get((problem.file, problem.sheet)) if problem.level == "error" else None
    if table is not None and problem.column in table and is_number(problem.value):
        use = uses(desk.mapping, problem.file, problem.sheet, [problem.column])[problem.column]
        if use.role in (ITEMS, SCORE):  # the page offers to take it for a missing answer
            value = float(problem.value)
            shown["missing"] = {"source": use.source, "entry": use.entry, "value": value}
    return shown


def picture(desk: Desk, file: str, sheet: str, row: int, column: str = "") -> dict[str, Any]:
    """Return a file's cells around a row and column, as they stand in it, with their problems.

    Of a wide file the first column is shown, which mostly says whose the row is, and those around
    `column`; ``before`` and ``after`` name the columns around which the neighbouring parts are.
    """
    with desk.lock:
        report = desk.check()
        sources = [] if report is None or file not in desk.files() else report.files
        source = next((s for s in sources if s.file == file and sheet in ("", s.sheet)), None)
        if report is None or source is None:
            raise AllianceStatsError(f"There is no file '{file}' on this page.")
        columns = list(source.columns)
        at = columns.index(column) if column in columns else 0
        start = max(1, min(at - SHEET_COLUMNS // 2, len(columns) - SHEET_COLUMNS))
        seen = [0, *range(start, min(start + SHEET_COLUMNS, len(columns)))] if columns else []
        beyond = start + SHEET_COLUMNS
        marks: dict[tuple[int, str], dict[str, str]] = {}
        for problem in reversed(report.problems):  # the gravest is written last
            if (problem.file, problem.sheet) == (source.file, source.sheet):
                named = problem.column if problem.column in columns else ""
                said = {"level": problem.level, "message": problem.message}
                marks |= {(place, named): said for place in all_rows(problem) or (0,)}
        first = max(1, row - ABOVE)
        # an SPSS file has the names of its columns before row 1
        skipped = first - 1 + (source.kind in ("sav", "dta", "parquet"))
        with keeping_sheets(desk.sheets):
            lines = islice(records(desk.study, source), skipped, skipped + SHEET_ROWS)
            found = [(number, list(values)) for number, values in lines]
        cells = [
            {"row": number, "cells": [_cell(line[n]) if n < len(line) else "" for n in seen]}
            for number, line in found
        ]
    shown, held = {one["row"] for one in cells} | {0}, {columns[n] for n in seen} | {""}
    return {
        "file": file,
        "sheet": source.sheet,
        "columns": [columns[n] for n in seen],
        "of": len(columns),
        "before": columns[max(1, start - SHEET_COLUMNS // 2 - 1)] if start > 1 else "",
        "after": columns[min(beyond + SHEET_COLUMNS // 2, len(columns) - 1)]
        if beyond < len(columns)
        else "",
        "rows": cells,
        "marks": [
            {"row": r, "column": c, **m} for (r, c), m in marks.items() if r in shown and c in held
        ],
        "first": first,
        "more": len(cells) == SHEET_ROWS,
    }


def _examples(series: Any) -> str:
    values = [_cell(one).strip()[:24] for one in series.dropna().head(200)]
    return ", ".join(list(dict.fromkeys(values))[:3])


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"
