"""The data doctor: every problem of a study at once, each once, and the rows that can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsError, listing
from ..finding import find_study
from ..mapping import read_study
from ..origin import BESIDE, Problem, RawStudy, SetAside, table_of
from ..reading.kinds import files_in
from ..tables import TABLES, table_schema
from .report import ValidationReport
from .rules import RULES, SHAPE_RULES, STAGES, Finding, Rule, rules_of
from .rules.issue_collector import Teller
from .rules.shape import missing_columns, table_rules
from .rules.values import typed_table, whole_numbers
from .rules.view import StudyView

if TYPE_CHECKING:
    from ..study import Study


def validate(
    path_or_study: str | os.PathLike[str] | Study | RawStudy,
) -> ValidationReport:
    """Look for everything that is wrong in a study, and say it in words.

    Nothing that is wrong in the data or in the files raises an error: a folder that is not
    there is a finding too. Nothing is changed; rows that cannot be used are counted, with the
    reason.

    Parameters
    ----------
    path_or_study
        A study's folder, its ``study.yaml`` or ``datapackage.json``, the name of a dataset that
        ships, or a `Study`.

    Returns
    -------
    ValidationReport
        ``.ok``, ``.issues`` (one row a problem), ``.rows`` (what came in, was kept, was set
        aside), ``.to_html(path)``, ``.to_xlsx(path)``, ``.raise_if_invalid()``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> report = al.validate("no/such/folder")
    >>> report.ok
    False
    """
    return check(_raw(path_or_study))[0]


def check(raw: RawStudy) -> tuple[ValidationReport, dict[str, pd.DataFrame]]:
    """Return the report on a study as read, and its tables with the rows that can be used."""
    examination = _Examination(raw)
    examination.run()
    return examination.report(), examination.kept()


def validation_rules() -> pd.DataFrame:
    """Return the rules in a table: ``rule, level, looks_for``."""
    shape = [(name, level, looks_for) for name, (level, looks_for) in SHAPE_RULES.items()]
    study = [(r.name, r.level, r.looks_for) for r in RULES.values() if r.name not in SHAPE_RULES]
    return pd.DataFrame([*shape, *study], columns=["rule", "level", "looks_for"])


def _raw(given: Any) -> RawStudy:
    if isinstance(given, RawStudy):
        return given
    if isinstance(given, str | os.PathLike):
        return read_study(find_study(given))
    tables = getattr(given, "tables", None)
    if isinstance(tables, dict):
        options = {
            "registry": getattr(given, "measures", None),
            "already_reversed": getattr(given, "already_reversed", ()),
            "raters": getattr(given, "raters", {}),
        }
        name = str(getattr(given, "name", "study"))
        return RawStudy(name=name, folder=Path(), tables=dict(tables), options=options)
    raise AllianceStatsError(
        f"validate takes the path of a study or a Study, but got a {type(given).__name__}: give "
        "the folder with study.yaml, or what open_study returned."
    )


@dataclass
class _Examination:
    """One run of all rules over one study; used once."""

    raw: RawStudy
    teller: Teller = field(init=False)
    view: StudyView = field(init=False)
    aside: dict[str, dict[str, int]] = field(default_factory=dict)
    _pending: dict[str, list[tuple[str, np.ndarray]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.teller = Teller(dict(self.raw.origins), tuple(self.raw.files))
        for problem in self.raw.problems:
            self.teller.add_problem(problem)
        registry = self._registry()
        self.view = StudyView(
            self._tables(),
            self.raw.origins,
            registry,
            self.raw.options,
            frozenset((p.rule, p.file, p.column) for p in self.raw.problems),
            frozenset(
                (p.file, p.sheet, row)
                for p in self.raw.problems
                if p.rule == "rows_taken_twice" and p.row is not None
                for row in (p.row, *p.also_rows)
            ),
        )

    def run(self) -> None:
        for table in list(self.view.frames):
            self._shape(table)
        for stage in STAGES:
            for entry in rules_of(stage):
                self._apply(entry)
            self._leave_out()

    def report(self) -> ValidationReport:
        told = tuple(self.teller.told())
        if not any(problem.level == "error" for problem in told):
            told += tuple(self._nothing_measured())
        return ValidationReport(
            name=self.raw.name,
            folder=self.raw.folder,
            problems=told,
            rows=self._rows(),
            files=tuple(self.raw.files),
        )

    def kept(self) -> dict[str, pd.DataFrame]:
        """Return the canonical tables with whole numbers as integers; a saved study as it was."""
        frames = {name: self.view.frames[name] for name in self.view.frames if name in TABLES}
        clients = self.raw.tables.get("clients")
        if self.raw.options.get("saved") and clients is not None and "therapist_id" not in clients:
            frames["clients"] = frames["clients"].drop(columns="therapist_id")
        return {name: _settled(frame, name) for name, frame in frames.items()}

    # -- before the rules -------------------------------------------------------------------

    def _registry(self) -> Any:
        from ...errors import MeasureError
        from ...instruments.registry import load_registry

        given = self.raw.options.get("registry")
        if given is not None:
            return given
        try:
            return load_registry(self.raw.folder / "measures")
        except MeasureError as error:
            if not any(p.rule == "faulty_card" for p in self.raw.problems):
                hint = "Correct the card in the study's folder 'measures'."
                self.teller.add_problem(Problem("error", "faulty_card", str(error), hint))
            return load_registry()

    def _tables(self) -> dict[str, pd.DataFrame]:
        tables = {name: self.raw.tables[name] for name in TABLES if name in self.raw.tables}
        given = {name: self.raw.options.get(name) for name in BESIDE}
        tables |= {name: frame for name, frame in given.items() if frame is not None and len(frame)}
        clients = tables.get("clients")
        if clients is not None and "therapist_id" not in clients.columns and len(clients.columns):
            tables["clients"] = clients.assign(
                therapist_id=pd.Series([None] * len(clients), dtype=object, index=clients.index)
            )
        return tables

    def _shape(self, table: str) -> None:
        """Bring one table to its types and check it by its schema."""
        if (
            table == "given_items"
        ):  # typed by the mapping; at an occasion, where ratings has sessions
            return
        raters = tuple(self.raw.options.get("raters") or ())
        schema = table_schema(table_of(table), raters)
        frame = self.view.frames[table]
        lacking = missing_columns(frame, schema)
        if lacking:
            self._take(lacking, table)
            self._count(table, "missing_column", len(frame))
            self.view.frames[table] = frame.reindex(columns=_all_columns(frame, schema)).iloc[:0]
            return
        typed, found = typed_table(frame, schema)
        self._take([(rule, f) for rule, findings in found.items() for f in findings], table)
        self.view.frames[table] = typed
        typed, fractions = whole_numbers(typed, schema)
        self._take([("not_a_whole_number", f) for f in fractions], table)
        self.view.frames[table] = typed
        self._take(table_rules(typed, schema), table)
        self._leave_out()

    def _take(self, found: list[tuple[str, Finding]], table: str) -> None:
        for rule, finding in found:
            if finding.table != table:
                finding = replace(finding, table=table)
            self._act(rule, SHAPE_RULES[rule][0], finding)

    # -- the rules --------------------------------------------------------------------------

    def _apply(self, entry: Rule) -> None:
        try:
            for finding in entry.look(self.view):
                self._act(entry.name, entry.level, finding)
        except Exception as error:  # a rule that fails must not hide what the others found
            self.teller.add_problem(
                Problem(
                    "error",
                    "check_failed",
                    f"The check '{entry.name}' ({entry.looks_for}) could not be made: "
                    f"{type(error).__name__}: {error}.",
                    "This is a fault of alliance_stats: please report it with this sentence.",
                )
            )

    def _act(self, rule: str, level: str, finding: Finding) -> None:
        self.teller.add(rule, level, finding, self.view)
        if not len(finding.rows):
            return
        if finding.set_aside:
            self._pending.setdefault(finding.table, []).append((rule, finding.rows))
        elif finding.blank:
            self._blank(finding)

    def _blank(self, finding: Finding) -> None:
        series = self.view.frames[finding.table][finding.column]
        mask = np.zeros(len(series), dtype=bool)
        mask[finding.rows] = True
        self.view.replace(finding.table, finding.column, series.mask(mask))

    def _leave_out(self) -> None:
        """Set aside the rows that rules have asked to, each for the first reason given."""
        for table, asked in self._pending.items():
            keep = np.ones(len(self.view.frames[table]), dtype=bool)
            for rule, rows in asked:
                self._count(table, rule, int(keep[rows].sum()))
                keep[rows] = False
            self.view.keep(table, keep)
        self._pending = {}

    def _count(self, table: str, rule: str, rows: int) -> None:
        reasons = self.aside.setdefault(table, {})
        reasons[rule] = reasons.get(rule, 0) + rows

    def _nothing_measured(self) -> Iterator[Problem]:
        """Tell of a study that has nobody or nothing in it, where no error says why."""
        filled = {table for table, frame in self.view.frames.items() if len(frame)}
        if not filled:
            yield Problem(
                "warning",
                "nothing_measured",
                "The study holds no row of any table: there is nothing to analyse yet.",
                "Fill its files, or name those that are filled under sources: in study.yaml."
                + self._not_named(),
            )
        elif filled <= {"therapists", "clients", "sessions", "terminations"}:
            yield Problem(
                "info",
                "nothing_measured",
                "The study holds no answer and no score: who took part, and for how long, can be "
                "described, and nothing else.",
                "If a column holds one, name it under measures: of its source in study.yaml; an "
                "instrument that is not known needs a card in the study's folder 'measures'.",
            )

    def _not_named(self) -> str:
        """Return which files of the study's folder no source names, and who drafts a source."""
        if not self.raw.files:
            return ""
        named = {file.file for file in self.raw.files}
        there = [file.relative_to(self.raw.folder).as_posix() for file in files_in(self.raw.folder)]
        others = [file for file in there if file not in named]
        draft = "suggest_mapping of the study's folder drafts what to write"
        return f" No source names {listing(others)}; {draft}." if others else ""

    # -- the account of rows ----------------------------------------------------------------

    def _rows(self) -> pd.DataFrame:
        names = [t for t in TABLES if t in self.view.frames or t in self.raw.rows_in]
        names += sorted({s.table for s in self.raw.set_aside if s.table in TABLES} - set(names))
        columns = ["table", "rows_in", "rows_kept", "rows_set_aside", "reasons"]
        return pd.DataFrame([self._account(name) for name in names], columns=columns)

    def _account(self, table: str) -> tuple[str, int, int, int, str]:
        here = self.raw.tables.get(table)
        arrived = 0 if here is None else len(here)
        kept = len(self.view.frames[table]) if table in self.view.frames else 0
        before = [s for s in self.raw.set_aside if s.table == table]
        came_in = max(self.raw.rows_in.get(table, 0), arrived + sum(entry.rows for entry in before))
        reasons = {**_reasons(before), **self._reasons(table)}
        unnamed = came_in - kept - sum(reasons.values())
        if unnamed:
            reasons["set aside while reading"] = unnamed
        words = "; ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
        return table, came_in, kept, came_in - kept, words

    def _reasons(self, table: str) -> dict[str, int]:
        return {
            f"with {_looks_for(rule)} ({rule})": count
            for rule, count in self.aside.get(table, {}).items()
        }


def _reasons(before: list[SetAside]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for entry in before:
        reasons[entry.reason] = reasons.get(entry.reason, 0) + entry.rows
    return reasons


def _looks_for(rule: str) -> str:
    return SHAPE_RULES[rule][1] if rule in SHAPE_RULES else RULES[rule].looks_for


def _all_columns(frame: pd.DataFrame, schema: Any) -> list[str]:
    ours = [field.name for field in schema.fields if not field.optional]
    return [*ours, *(column for column in frame.columns if column not in ours)]


def _settled(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame with required whole numbers as integers and full answers as booleans."""
    columns: dict[str, pd.Series] = {}
    for entry in table_schema(table).fields:
        if entry.name not in frame.columns:
            continue
        series = frame[entry.name]
        whole = entry.type == "integer" and entry.required and series.dtype.kind != "i"
        if whole:
            columns[entry.name] = series.astype("int64")
        elif entry.type == "boolean" and series.dtype == "boolean" and not series.hasnans:
            columns[entry.name] = series.astype(bool)
    return frame.assign(**columns) if columns else frame
