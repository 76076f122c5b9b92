"""One file with its description: which of its columns is which of ours, cell by cell cleaned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...errors import did_you_mean, listing
from ..origin import Layout, Written
from ..reading import Loaded
from .dated_sessions import days_of
from .file_labels import in_one_spelling, in_words
from .gathering import Gathered, Part
from .noting import Notes
from .patterns import Match, PatternError, Slot, parse_pattern, when_of
from .spec import SourceSpec
from .taking import episodes_of, take_where
from .values import (
    as_word,
    categories_of,
    dates,
    ids,
    numbers,
    recoded,
    whole_numbers,
    without_codes,
)
from .vocabulary import DAYS, KEYS, OCCASIONS, columns_for, enum_of, fields_of, type_of
from .who import leave_out_sums, settle_ids, words_for_ids

ROW = "{row}"
"""In place of a column of clients: a row is a client, its id the row's number in the file."""


class Source:
    """A file being mapped."""

    def __init__(self, spec: SourceSpec, loaded: Loaded, gathered: Gathered) -> None:
        self.spec = spec
        self.gathered = gathered
        self.file = loaded.source(spec.file)
        self.frame = loaded.frame
        self.rows = loaded.rows
        self.uses: dict[tuple[str, str], pd.Series] = {}
        """Our column and the file's → the values of that use, where they are not as in the file."""
        self.labels = loaded.notes.get("value_labels", {})
        self.user_missing = loaded.notes.get("user_missing", {})
        self.titles = loaded.notes.get("variable_labels", {})
        self.repeated = loaded.notes.get("duplicate_columns", {})
        self.words_for_ids = words_for_ids(spec.columns.values(), loaded)
        self.notes = Notes(self.file, self.rows, gathered.problems)
        self.constants = dict(spec.constants)
        self.own_of_clients: list[str] = []  # further columns that only rows on clients hold
        self.told: set[Any] = set(spec.told)  # our columns whose lack has been told
        self.spread: dict[str, dict[Slot, str]] = {}
        """Ours whose columns have the session or occasion in their names: slot → column."""
        take_where(self)
        leave_out_sums(self)
        self.episode = episodes_of(self)
        self.written = Written(self.rows, {})
        self.columns = self._resolve()
        self.used: set[str] = {*self.columns.values(), *spec.where}
        self.used.update([spec.episode] if isinstance(spec.episode, str) else [])
        self.used.update(*(columns.values() for columns in self.spread.values()))
        self._recode()
        settle_ids(self)
        if spec.by_date and "session" in self.columns:
            column = self.columns["session"]
            read, _ = self._typed_date(self.raw("session"), spec.table or "sessions", column)
            self.uses |= {("session", column): days_of(read), ("date", column): read}

    def keep(self, taken: np.ndarray) -> None:
        """Go on with some of the rows."""
        if not taken.all():
            self.frame, self.rows = self.frame[taken].reset_index(drop=True), self.rows[taken]
            self.notes.rows = self.rows

    # -- columns ----------------------------------------------------------------------------

    def _resolve(self) -> dict[str, str]:
        """Return our column → the file's, for columns that are there; name those that are not."""
        there: dict[str, str] = {}
        for ours, theirs in self.spec.columns.items():
            if ours == "client_id" and theirs == ROW:
                self.frame = self.frame.assign(**{ROW: self.rows})
            if theirs in self.frame.columns:
                there[ours] = theirs
            elif "{" in theirs:
                self._spread(ours, theirs)
            elif self._is_word(ours, theirs):
                self.constants[ours] = theirs
            else:
                word = f"constants: {{{ours}: {theirs}}} says it of all rows"
                also = f" If '{theirs}' is the occasion itself, {word}."
                why = f"which study.yaml gives as {ours}"
                self.absent(theirs, why, also=also if ours == "occasion" else "")
                self.told.add(ours)
        known = columns_for(self.spec.table)
        for name in self.constants:
            if name in self.frame.columns and name not in self.spec.columns:
                self._name_constant(name)
        only_named = {"time", "rater"} if self.spec.table is None else {"time"}
        said = {*self.spec.columns, *self.constants, *(() if self.spec.as_is else only_named)}
        return there | {n: n for n in known if n not in said and n in self.frame.columns}

    def _name_constant(self, name: str) -> None:
        value = as_word(self.constants[name])
        self.notes.add(
            "constant_and_column",
            f"'{name}' is '{value}' for all rows, as 'constants' in study.yaml says; the file's "
            f"column '{name}' is not read as it.",
            hint="Take it out of constants: if the column is meant.",
            level="info" if name in self.spec.columns.values() else "warning",
            column=name,
        )

    def _spread(self, ours: str, text: str) -> None:
        """Find the columns of ours that have the session or occasion in their names."""
        try:
            pattern = parse_pattern(text)
        except PatternError as error:
            self.notes.add("study_yaml", f"{ours}: {error}", column=text)
            return
        both = [name for name in pattern.names if name in self.spec.columns]
        if both:
            self.notes.add(
                "study_yaml",
                f"The {both[0]} stands in a column of its own, but '{text}' ({ours}) takes it from "
                "the names of columns; it is not read.",
                hint=f"Give {ours} one column, or leave {both[0]}: out.",
                column=text,
            )
            return
        matches = pattern.find(str(name) for name in self.frame.columns)
        self.spread[ours] = {(match.session, match.occasion): match.column for match in matches}
        self.notes.times |= {column: when_of(slot) for slot, column in self.spread[ours].items()}
        if not matches:
            self.absent(pattern.example(), f"nor any other that fits {ours} '{text}'")
        self.name_twins(matches)

    def name_twins(self, matches: list[Match]) -> None:
        """Name columns of which a pattern reads one only, for both fit the same place."""
        for match in matches:
            if match.twins:
                names = listing([match.column, *match.twins])
                self.notes.add(
                    "duplicate_column",
                    f"The columns {names} fit one pattern at the same place; '{match.column}' is "
                    "read.",
                    hint="Rename one of them, or write the columns out one by one in study.yaml.",
                    column=match.twins[0],
                )

    def _is_word(self, ours: str, theirs: str) -> bool:
        """Whether a name that is no column is meant as one value (``rater: client``)."""
        table = self.spec.table or "sessions"
        if ours == "occasion":
            return theirs in OCCASIONS
        if ours == "rater":
            return theirs in self.gathered.raters
        if ours == "measure":
            return theirs in self.gathered.registry
        return theirs in enum_of(table, ours)

    def absent(self, column: str, why: str, *, level: str = "error", also: str = "") -> None:
        """Name a column that the description counts on and the file does not have."""
        there = [str(name) for name in self.frame.columns]
        line = f" (line {self.spec.line})" if self.spec.line else ""
        self.notes.add(
            "unknown_column",
            f"The file has no column '{column}', {why}.{did_you_mean(column, there)}",
            hint=f"Correct the name in study.yaml{line}; the file's columns are "
            f"{listing(there, 12)}.{also}",
            level=level,
            column=column,
            table=self.spec.table or "",
        )

    def name_repeated(self) -> None:
        """Name the columns that are there twice; asked for when it is known which are used."""
        for column, others in self.repeated.items():
            used = column in self.used
            where = listing(
                self.file.cell(1, name).rstrip("1") or self.file.columns.index(name) + 1
                for name in (column, *others)
            )
            self.notes.add(
                "duplicate_column",
                f"{len(others) + 1} columns are named '{column}' (columns {where})"
                + ("; the first is used." if used else "; none of them is used."),
                hint="Give each column a name of its own: one of them may hold something else.",
                level="error" if used else "warning",
                column=column,
            )

    def _recode(self) -> None:
        for name, mapping in self.spec.recode.items():
            column = self.columns.get(name, name)
            if column not in self.frame.columns:
                if name not in self.spec.columns:
                    self.absent(name, "which 'recode' in study.yaml names")
                continue
            self.written.columns.setdefault(column, self.frame[column])
            changed = recoded(self.frame[column], mapping)
            if name in self.columns and name in columns_for(self.spec.table):
                self.uses[name, column] = changed
            else:
                self.frame = self.frame.assign(**{column: changed})

    # -- cells ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.frame)

    def has(self, *names: str) -> bool:
        """Return whether the file (or one value for all of it) gives these columns of ours."""
        return all(name in self.columns or name in self.constants for name in names)

    def raw(self, name: str, column: str = "") -> pd.Series:
        """Return a column of ours as read, without declared codes for missing.

        `column` is the file's, where several hold it (a date a session).
        """
        column = column or self.columns.get(name, "")
        series = self.uses.get((name, column))
        if series is None and not column:
            value = self.constants[name]
            return pd.Series(categories_of(value, len(self)), index=self.frame.index)
        series = self.frame[column] if series is None else series
        return series if name in KEYS else without_codes(series, self.spec.missing)

    def ids(self, name: str) -> pd.Categorical:
        """Return a column of ids as text categories."""
        return ids(self.raw(name))

    def typed(
        self, table: str, name: str, *, needed: bool = False, column: str = ""
    ) -> tuple[Any, np.ndarray]:
        """Return a column of ours with the type it has in `table`, and the cells without sense.

        Cells that are no number, whole number or date become missing and are named.
        """
        series = self.raw(name, column)
        column = column or self.columns.get(name, name)
        kind = type_of(table, name)
        if kind in ("integer", "number"):
            values, bad = self._typed_number(series, table, column, kind, needed=needed)
            return (values * self._time_factor() if name == "time" else values), bad
        if kind == "date":
            return self._typed_date(series, table, column)
        if kind == "string":
            return ids(self._labelled(series, table, name, column)), np.empty(0, dtype=np.int64)
        return series, np.empty(0, dtype=np.int64)

    def _typed_number(
        self, series: pd.Series, table: str, column: str, kind: str, *, needed: bool
    ) -> tuple[Any, np.ndarray]:
        whole = kind == "integer"
        values, bad = whole_numbers(series) if whole else numbers(series)
        fractions = whole and len(bad) and not np.isnan(numbers(series)[0][bad]).all()
        self.notes.bad_cells(
            series,
            bad,
            rule="not_a_whole_number" if fractions else "not_a_number",
            table=table,
            column=column,
            expected="a whole number" if whole else "a number",
            hint="Correct it in the file, or list it under 'missing:' in study.yaml if it means "
            "that nothing was given.",
            consequence="It cannot be used." if needed else "It is read as missing.",
        )
        return values, bad

    def _time_factor(self) -> float:
        """Return what turns the file's unit of time into the study's (the first that is said)."""
        own, study = self.spec.time_unit, self.gathered.time_unit
        if own is None or own == study:
            return 1.0
        if study is None:
            self.gathered.time_unit = own
            return 1.0
        if "time_unit" not in self.told:
            self.told.add("time_unit")
            self.notes.add(
                "converted_time",
                f"Times in {own}s are turned into {study}s, the study's unit (a month is "
                f"{DAYS['month']} days).",
                level="info",
                column=self.columns.get("time", ""),
            )
        return DAYS[own] / DAYS[study]

    def _typed_date(self, series: pd.Series, table: str, column: str) -> tuple[Any, np.ndarray]:
        values, bad, unclear = dates(series, self.spec.date_format)
        self.notes.bad_cells(
            series,
            bad,
            rule="unclear_date" if unclear else "not_a_date",
            table=table,
            column=column,
            expected="a date that can be read in one way only" if unclear else "a date",
            hint="Say the order in study.yaml, as in date_format: '%d/%m/%Y'."
            if unclear
            else "Write dates as 2026-01-31, or give date_format: in study.yaml.",
            consequence="It is read as missing.",
        )
        return values, bad

    def _labelled(self, series: pd.Series, table: str, name: str, column: str) -> pd.Series:
        """Return codes as their labels where these are words we know, or the column holds words."""
        free = name in ("occasion", "condition", "training")
        words = in_words(
            self, series, column, OCCASIONS if free else enum_of(table, name), free=free
        )
        return in_one_spelling(self, words, table, column) if free else words

    def part(
        self,
        table: str,
        frame: pd.DataFrame,
        at: np.ndarray,
        columns: dict[str, str],
        *,
        when: str = "",
        given: bool = True,
        filled: Mapping[str, np.ndarray] | None = None,
    ) -> Part:
        """Return rows of a table that all stand in the same columns, one for each of `at`.

        `filled`: for columns with values from other rows than `at`, which.
        """
        rows, layout = self.rows[at], self.layout(columns, when)
        zeros = np.zeros(len(rows), dtype=np.int32)
        places = {name: (self.rows[other], zeros) for name, other in (filled or {}).items()}
        return Part(table, frame, rows, (layout,), zeros, given, places)

    def layout(self, columns: dict[str, str], when: str = "") -> Layout:
        """Return that rows stand in these columns of the file."""
        return Layout(self.file, columns, when, self.written)

    def found(self, names: Iterable[str]) -> dict[str, str]:
        """Return which column of the file holds each of these of ours, where one does."""
        return {name: self.columns[name] for name in names if name in self.columns}

    # -- what comes along -------------------------------------------------------------------

    def further(self, table: str) -> dict[str, str]:
        """Return the further columns that come along with `table`: name → the file's column."""
        renamed = {
            ours: theirs
            for ours, theirs in self.columns.items()
            if ours not in columns_for(self.spec.table)
        }
        carry = self.spec.carry
        if carry is False:
            return renamed
        held = list(self.frame.columns)
        here = set(held)
        names = [str(name) for name in held] if carry is True else list(carry)
        for name in names:
            if name not in here and name not in self.told:
                self.absent(name, "which 'carry' in study.yaml names")
                self.told.add(name)
        left = {
            name: name
            for name in names
            if name in here and name not in self.used and name not in fields_of(table)
        }
        return left | renamed
