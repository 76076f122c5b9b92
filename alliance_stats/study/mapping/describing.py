"""From ``study.yaml`` to `StudySpec`: checked by its schema, every mistake named with its line."""

from __future__ import annotations

import datetime as dt
import difflib
from collections import Counter
from pathlib import Path
from typing import Any

from ...core.resources import json_schema
from ...core.yaml_reading import Place, read_yaml
from ...errors import ReadError, did_you_mean, listing
from ..origin import Problem
from ..tables import TABLES
from .checking import WRONG, Checker, Schema
from .patterns import Pattern, PatternError, parse_pattern
from .spec import MeasureSpec, SourceSpec, StudySpec
from .vocabulary import STUDY_SCHEMA, columns_for, enum_of, source_keys

_TYPO = 0.8
"""Likeness from which an unknown column name is a slip of one of ours, not a further column."""

_LAST_ITEM = 1_000
"""No form has so many items."""


def read_description(path: Path) -> tuple[StudySpec, list[Problem]]:
    """Return what ``study.yaml`` says, and what is wrong with it."""
    reader = _Reader(path.name)
    try:
        reader.tree = read_yaml(path, aliases=True)
    except ReadError as error:
        reader.add(error.message, (), error.hint, error)
        return StudySpec(path.parent.name), reader.problems
    return reader.study(reader.tree.value, path.parent.resolve().name), reader.problems


def describe(mapping: dict[str, Any], name: str = "study.yaml") -> tuple[StudySpec, list[Problem]]:
    """Return the specification a mapping of plain values stands for (used for drafts)."""
    reader = _Reader(name)
    return reader.study(mapping, "study"), reader.problems


class _Reader(Checker):
    """Reads one description and collects what is wrong with it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, json_schema(STUDY_SCHEMA))
        self.raters = enum_of("ratings", "rater")

    def properties(self, value: dict[Any, Any], schema: Schema) -> dict[str, Schema]:
        """Return the keys that `value` may have: of our columns, those of its table."""
        known = super().properties(value, schema)
        if "table" not in known:
            return known
        table = value.get("table")
        allowed = columns_for(table if isinstance(table, str) and table in TABLES else None)
        return {key: known[key] for key in (*source_keys(), *allowed)}

    def study(self, given: Any, fallback: str) -> StudySpec:
        """Return the study; what is wrong is noted and left out."""
        for _, line in self.tree.repeated:
            self.problems.append(
                Problem(
                    "error",
                    "study_yaml",
                    "The same key is written twice in one place; only the last would count.",
                    "Delete or rename one of them.",
                    file=self.name,
                    row=line,
                )
            )
        if given is None:
            self.add("The study's description is empty.", (), "It needs name: and sources:.")
            return StudySpec(fallback)
        good = self.checked(given, self.schema)
        if good is WRONG:
            return StudySpec(fallback)
        if not good.get("sources") and not self.within(("sources",)):
            self.add(
                "The study names no files: 'sources' must be a list of them.",
                ("sources",),
                "Write sources: and below it a line '- file: ...' for each file.",
            )
        raters = {str(word): name for word, name in (good.get("raters") or {}).items()}
        self.raters = (*self.raters, *raters)
        listed = enumerate(good.get("sources") or ())
        made = [self.source(each, ("sources", n)) for n, each in listed if each is not WRONG]
        return StudySpec(
            name=str(good.get("name") or good.get("title") or fallback),
            sources=tuple(each for each in made if each is not None),
            description=good.get("description") or "",
            synthetic=good.get("synthetic", False),
            raters=raters,
            time_unit=good.get("time_unit"),
            extra={k: good[k] for k in ("licence", "citation", "title") if k in good},
        )

    def within(self, place: Place) -> bool:
        """Return whether a mistake has been told at a place or in it."""
        return any(fault[: len(place)] == place for fault in self.faults)

    def source(self, given: dict[str, Any], place: Place) -> SourceSpec | None:
        """Return one source, or None where its table is none."""
        table = given.get("table")
        if table is not None and table not in TABLES:
            self.add(
                f"There is no table '{table}'.{did_you_mean(table, TABLES)}",
                (*place, "table"),
                f"The tables are {listing(TABLES, 20)}.",
            )
            return None
        recode = {str(column): values for column, values in (given.get("recode") or {}).items()}
        rater = given.get("rater")
        if isinstance(rater, dict):
            recode |= {"rater": rater["recode"]} if "recode" in rater else {}
            given = given | {"rater": rater["column"]}
        session = given.get("session")
        by_date = isinstance(session, dict)
        if isinstance(session, dict):
            own = {"date": session["date"]} if "date" in columns_for(table) else {}
            given = own | given | {"session": session["date"]}
            if "{session" in str(given.get("measures")):
                self.add(
                    "Sessions are counted by dates, but stand in names of columns too.",
                    (*place, "session"),
                    "Leave out session:, or give columns without {session}.",
                )
        columns, constants = self.columns(given, table, place)
        words = given.get("missing_words")
        sheet, prefix = given.get("sheet"), given.get("id_prefix")
        return SourceSpec(
            file=given["file"].strip(),
            sheet=None if sheet is None else str(sheet),
            table=table,
            columns=columns,
            constants=constants,
            where={str(column): _several(v) for column, v in (given.get("where") or {}).items()},
            recode=recode,
            missing=_several(given.get("missing", [])),
            missing_words=None if words is None else _several(words),
            measures=self.measures(given, place),
            by_date=by_date,
            carry=_carried(given.get("carry", True)),
            id_prefix="" if prefix is None else str(prefix),
            episode=given.get("episode"),
            time_unit=given.get("time_unit"),
            encoding=given.get("encoding"),
            delimiter=given.get("delimiter"),
            decimal=given.get("decimal"),
            date_format=self.date_format(given, place),
            told=frozenset(
                str(fault[-1]) for fault in self.faults if fault[:2] == place and len(fault) > 2
            ),
            line=self.tree.line(place),
        )

    def columns(
        self, given: dict[str, Any], table: str | None, place: Place
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return which column of the file each of ours is, and which ours are one value."""
        allowed = columns_for(table)
        block = {str(key): column for key, column in (given.get("columns") or {}).items()}
        for key in block:
            if key not in allowed and difflib.get_close_matches(key, allowed, n=1, cutoff=_TYPO):
                self.unknown(key, allowed, (*place, "columns"))
        constants = {}
        for key, value in (given.get("constants") or {}).items():
            if key in allowed:
                constants[key] = value
            else:
                self.unknown(key, allowed, (*place, "constants"))
        columns: dict[str, str] = {}
        for key, column in (block | {key: given[key] for key in allowed if key in given}).items():
            where = (*place, key) if key in given else (*place, "columns")
            if column is None:
                continue
            if key in constants:
                self.add(f"'{key}' is given both as a column and under 'constants'.", where)
                del constants[key]
            if key == "session" and isinstance(column, int):
                constants[key] = column
            else:
                columns[key] = str(column)
        return columns, constants

    def date_format(self, given: dict[str, Any], place: Place) -> str | None:
        """Return the form of dates where one is given and a day can be read back from it."""
        form = given.get("date_format")
        if form is None or _reads_back(form):
            return form
        self.add(
            f"'date_format' must say where day, month and year stand, got {form!r}.",
            (*place, "date_format"),
            "Write it as in '%d/%m/%Y': %d the day, %m the month, %Y the year of four digits.",
        )
        return None

    # -- measures ---------------------------------------------------------------------------

    def measures(self, source: dict[str, Any], place: Place) -> tuple[MeasureSpec, ...]:
        """Return the measures of a source."""
        given, here = source.get("measures") or [], (*place, "measures")
        if given and source.get("table") is not None:
            self.add(
                f"A source of the table '{source['table']}' cannot also list measures.",
                here,
                "Leave out table:, or give the columns under columns:.",
            )
            return ()
        made = []
        for n, each in enumerate(given):
            if each is WRONG:
                continue
            if each in given[:n]:
                self.add("The same measure is listed twice.", (*here, n), "Delete one of them.")
                continue
            made.append(self.measure(each, (*here, n)))
        return tuple(each for each in made if each is not None)

    def measure(self, given: dict[str, Any], place: Place) -> MeasureSpec | None:
        """Return one measure, or None where a needed key is wrong."""
        before = len(self.problems)
        rater, answers, session = given.get("rater"), given.get("answers"), given.get("session")
        if rater is not None and rater not in self.raters:
            self.add(
                f"The rater must be one of {listing(self.raters)}, got {rater!r}."
                f"{did_you_mean(rater, self.raters)}",
                (*place, "rater"),
                "Others are declared once for the study, as in raters: {parent: Parent}.",
            )
        if given.get("items") is None and given.get("score") is None:
            self.add(
                f"The measure '{given.get('measure')}' has neither items: nor score:.",
                place,
                'Write items: "wai{item}" for item columns, or score: for a column of totals.',
            )
        items = self.items(given.get("items"), (*place, "items"))
        scores = self.scores(given, place)
        if len(self.problems) > before:
            return None
        return MeasureSpec(
            measure=given["measure"],
            rater=rater or "",
            items=items,
            scores=scores,
            scored=given.get("scored"),
            answers=answers or {},
            reversed=given.get("reversed", False),
            missing=None if given.get("missing") is None else _several(given["missing"]),
            session=None if session is None else int(session),
            occasion=None if given.get("occasion") is None else str(given["occasion"]),
            line=self.tree.line(place),
        )

    def pattern(self, text: str, place: Place) -> Pattern | None:
        """Return a pattern, or note why it is none."""
        try:
            return parse_pattern(text)
        except PatternError as error:
            self.add(f"{str(error)[0].upper()}{str(error)[1:]}", place)
            return None

    def items(self, given: Any, place: Place) -> Pattern | dict[int, str] | None:
        """Return the item columns: a pattern, a list in item order, or item: column."""
        if given is None:
            return None
        if isinstance(given, str):
            pattern = self.pattern(given, place)
            if pattern is not None and "item" not in pattern.names:
                self.add(
                    f"The pattern '{given}' has no {{item}}.",
                    place,
                    'Write {item} where the number stands, as in "wai{item}".',
                )
            return pattern
        listed = given if isinstance(given, dict) else dict(enumerate(given, start=1))
        for number in listed:
            if isinstance(number, bool) or not isinstance(number, int):
                self.add(f"An item must be a number, got {number!r}.", (*place, number))
            elif abs(number) > _LAST_ITEM:
                self.add(f"There is no form with an item {number:.3g}.", (*place, number))
        columns = {number: str(column) for number, column in listed.items()}
        for column, times in Counter(columns.values()).items():
            if times > 1:
                items = listing(number for number, name in columns.items() if name == column)
                self.add(f"The column '{column}' is given for the items {items}.", place)
        return columns

    def scores(self, given: dict[str, Any], place: Place) -> dict[str, Pattern | str]:
        """Return the columns of totals by scale."""
        score = given.get("score")
        if score is None:
            return {}
        if not isinstance(score, dict):
            score = {given.get("scale") or "total": score}
        made: dict[str, Any] = {
            str(scale): self.pattern(column, (*place, "score")) if "{" in str(column) else column
            for scale, column in score.items()
        }
        return {
            scale: column if isinstance(column, Pattern) else str(column)
            for scale, column in made.items()
            if column is not None
        }


def _several(given: Any) -> tuple[Any, ...]:
    """Return one value or a list of them as a tuple, without those that are wrong."""
    listed = given if isinstance(given, list) else [given]
    return tuple(each for each in listed if each is not WRONG)


def _carried(given: Any) -> bool | tuple[str, ...]:
    return given if isinstance(given, bool) else tuple(map(str, _several(given)))


def _reads_back(form: str) -> bool:
    """Return whether a day written in a form can be read again as the same day."""
    day = dt.datetime(2019, 11, 23)
    try:
        return dt.datetime.strptime(day.strftime(form), form).date() == day.date()
    except ValueError:
        return False
