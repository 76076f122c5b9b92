"""From findings to problems: each cell once, in its file, and no more sentences than one reads.

A few cells of a column are told one by one. Where the same thing holds for more of them than
`MOST_SINGLE`, or the very same words for more than `MOST_ALIKE`, they become one problem that lists
all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ....errors import plural
from ...origin import Layout, Origin, Problem, SourceFile, table_of
from .places import MEMORY, Places, locate
from .registry import Finding
from .view import StudyView
from .words import at_its_time, counted, shown

MOST_SINGLE = 20
MOST_ALIKE = 3
Cell = tuple[str, str, str]  # file, sheet, column
Group = tuple[str, str, str, str, str, str, str]  # level, rule, table, file, sheet, column, topic


@dataclass
class _Cells:
    """Cells of one column that break one rule, from one finding."""

    finding: Finding
    layout: Layout
    rows: np.ndarray
    values: np.ndarray


@dataclass
class Teller:
    """Collects findings and turns them into problems at the end."""

    origins: dict[str, Origin]
    files: tuple[SourceFile, ...] = ()
    cells: dict[Group, list[_Cells]] = field(default_factory=dict)
    problems: dict[Group, list[Problem]] = field(default_factory=dict)
    _told: dict[tuple[str, Cell], set[int]] = field(default_factory=dict)
    _spoken: dict[Cell, set[int]] = field(default_factory=dict)
    _columns: set[tuple[str, Cell]] = field(default_factory=set)

    def add_problem(self, problem: Problem) -> None:
        """Take over a problem met while reading or mapping."""
        cell = (problem.file, problem.sheet, problem.column)
        rows = [] if problem.row is None else [problem.row, *problem.also_rows]
        if problem.column and problem.row is None:
            self._columns.add((problem.rule, cell))
        self._told.setdefault((problem.rule, cell), set()).update(rows)
        self._spoken.setdefault(cell, set()).update(rows)
        self._file(problem)

    def add(self, rule: str, level: str, finding: Finding, view: StudyView) -> None:
        """Take a finding of a rule; the view says where its rows stood."""
        if finding.topic == "silent":
            return
        if not len(finding.rows):
            self._file(self._of_table(rule, level, finding))
            return
        values = _values(finding, view)
        positions = view.positions(finding.table, finding.rows)
        places = locate(self.origins.get(finding.table), positions, finding.column)
        if finding.together:
            self._add_together(rule, level, finding, places, values)
        elif finding.topic == "column":
            layout = places.layouts[places.layout[0]]
            self._file(_problem(rule, level, finding, layout, None, None))
        else:
            self._add_cells(rule, level, finding, places, values)

    def _file(self, problem: Problem, topic: str = "") -> None:
        self.problems.setdefault(_group(problem, topic), []).append(problem)

    def _of_table(self, rule: str, level: str, finding: Finding) -> Problem:
        origin = self.origins.get(finding.table)
        source = origin.files[0] if origin is not None and len(origin.files) == 1 else MEMORY
        return _problem(rule, level, finding, Layout(source, {}), None, None)

    def _add_together(
        self,
        rule: str,
        level: str,
        finding: Finding,
        places: Places,
        values: np.ndarray,
    ) -> None:
        first = int(places.order[0])
        layout = places.layouts[places.layout[first]]
        source = layout.source
        here = places.file == places.file[first]
        rows = np.unique(places.row[here])
        cell = (_home(finding, source), source.sheet, _column(finding, layout))
        told = self._told.setdefault((rule, cell), set())
        numbers = rows.tolist()
        by_column = finding.topic != "rows"
        if by_column and (told.issuperset(numbers) or (rule, cell) in self._columns):
            return
        told.update(numbers)
        self._spoken.setdefault(cell, set()).update(numbers)
        problem = _problem(rule, level, finding, layout, int(rows[0]), values[first])
        self._file(replace(problem, also_rows=tuple(numbers[1:])), finding.topic or finding.many)

    def _add_cells(
        self, rule: str, level: str, finding: Finding, places: Places, values: np.ndarray
    ) -> None:
        for number in np.unique(places.layout):
            layout = places.layouts[number]
            source, column = layout.source, _column(finding, layout)
            chosen = np.flatnonzero(places.layout == number)
            rows, once = np.unique(places.row[chosen], return_index=True)
            fresh = self._fresh(rule, (_home(finding, source), source.sheet, column), rows)
            if fresh.any():
                part = _Cells(finding, layout, rows[fresh], values[chosen[once][fresh]])
                key = (level, rule, finding.table, source.file, source.sheet, column)
                self.cells.setdefault((*key, finding.topic), []).append(part)

    def _fresh(self, rule: str, cell: Cell, rows: np.ndarray) -> np.ndarray:
        """Mark the rows of a column that this rule has not told yet, and note them."""
        if (rule, cell) in self._columns:
            return np.zeros(len(rows), dtype=bool)
        told = self._told.setdefault((rule, cell), set())
        spoken = self._spoken.setdefault(cell, set())
        before = spoken if rule == "missing_value" else told
        fresh = np.array([row not in before for row in rows.tolist()], dtype=bool)
        told.update(rows.tolist())
        spoken.update(rows.tolist())
        return fresh

    def told(self) -> list[Problem]:
        """Return all problems, the gravest first, then by file and row."""
        found: list[Problem] = []
        for group, parts in self.cells.items():
            found.extend(_of_cells(group, parts))
        for problems in self.problems.values():
            found.extend(_folded(problems) if len(problems) > MOST_SINGLE else problems)
        places = {
            (source.file, source.sheet, column): number
            for source in self.files
            for number, column in enumerate(source.columns)
        }
        return sorted(found, key=lambda p: _reading_order(p, places))


def _column(finding: Finding, layout: Layout) -> str:
    return "" if finding.topic == "rows" else layout.columns.get(finding.column, finding.column)


def _home(finding: Finding, source: SourceFile) -> str:
    """Return the file; for a study from memory the table, whose rows are nobody else's."""
    return source.file or f"table {finding.table}"


def _values(finding: Finding, view: StudyView) -> np.ndarray:
    if finding.values is not None:
        return np.asarray(finding.values, dtype=object)
    frame = view.frames[finding.table]
    if finding.column not in frame.columns or (finding.together and not finding.blank):
        return np.full(len(finding.rows), None, dtype=object)
    return frame[finding.column].iloc[finding.rows].to_numpy(dtype=object)


def _problem(
    rule: str,
    level: str,
    finding: Finding,
    layout: Layout,
    row: int | None,
    value: Any,
) -> Problem:
    source, column = layout.source, _column(finding, layout)
    text = shown(value)
    stands = None
    if (
        layout.written is not None
        and row is not None
        and value is not None
        and finding.values is None
    ):
        stands = layout.written.at(row, column)
        if stands is not None and shown(stands) != text:
            text = f"{value:.4g}" if isinstance(value, float) else text
        else:
            stands = None
    message = finding.message.replace("{value}", text)
    if stands is not None:
        message, value = f"{message} In the file it is '{shown(stands)}'.", stands
    whole = finding.together or finding.topic == "column"  # rows of more than one time
    return Problem(
        level=finding.level or level,
        rule=rule,
        message=message if whole else at_its_time(message, layout.when),
        hint=finding.hint,
        table=table_of(finding.table),
        file=source.file,
        sheet=source.sheet,
        row=row,
        column=column,
        cell=source.cell(row, column),
        value=plain(value),
    )


def plain(value: Any) -> Any:
    """Return a value as a plain Python one; a blank is None."""
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _of_cells(group: Group, parts: list[_Cells]) -> Iterable[Problem]:
    level, rule = group[:2]
    count = sum(len(part.rows) for part in parts)
    if count <= MOST_SINGLE:
        yield from _alike(
            _problem(rule, level, part.finding, part.layout, row, value)
            for part in parts
            for row, value in zip(part.rows.tolist(), part.values, strict=True)
        )
        return
    rows = np.unique(np.concatenate([part.rows for part in parts]))
    values = np.concatenate([part.values for part in parts])
    lead = parts[0]
    first = _problem(rule, level, lead.finding, lead.layout, int(rows[0]), lead.values[0])
    sentence = lead.finding.many or lead.finding.message
    sentence = sentence.replace("{n}", f"{count:,}").replace("{values}", counted(values))
    sentence = at_its_time(sentence, lead.layout.when)
    yield replace(first, message=sentence, also_rows=tuple(rows[1:].tolist()))


def _alike(problems: Iterable[Problem]) -> Iterable[Problem]:
    """Yield problems, and those that say the same of many rows (one unknown code) as one."""
    said: dict[str, list[Problem]] = {}
    for problem in problems:
        said.setdefault(problem.message, []).append(problem)
    for same in said.values():
        rows = sorted(problem.row for problem in same if problem.row is not None)
        if len(same) > MOST_ALIKE and len(rows) == len(same):
            first = min(same, key=lambda problem: problem.row or 0)
            yield replace(first, also_rows=tuple(rows[1:]))
        else:
            yield from same


def _folded(problems: list[Problem]) -> list[Problem]:
    """Return one problem for many of the same kind: the first in full, then how many more."""
    first = min(problems, key=lambda p: _reading_order(p, {}))
    rows = sorted({r for p in problems if p.row is not None for r in (p.row, *p.also_rows)})
    more = plural(len(problems) - 1, "more place")
    values = [p.value for p in problems if p.value is not None]
    seen = f"; the values are {counted(values)}" if values else ""
    message = f"{first.message.rstrip('.')}. The same holds in {more}{seen}."
    return [replace(first, message=message, also_rows=tuple(rows[1:]))]


def _group(problem: Problem, topic: str) -> Group:
    p = problem
    return (p.level, p.rule, p.table, p.file, p.sheet, p.column, topic)


LEVEL_ORDER = {"error": 0, "warning": 1, "info": 2}


def _reading_order(p: Problem, columns: Mapping[Cell, int]) -> tuple[Any, ...]:
    row = -1 if p.row is None else p.row
    column = columns.get((p.file, p.sheet, p.column), -1)
    place = (p.file, p.sheet, p.table if not p.file else "", row, column, p.column)
    return (LEVEL_ORDER.get(p.level, 3), *place, p.rule, p.message)
