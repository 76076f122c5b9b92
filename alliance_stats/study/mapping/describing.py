"""From the YAML tree to `StudySpec`: every key checked, every mistake named with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import ReadError, did_you_mean, listing
from ..origin import Problem
from ..tables import TABLES
from .patterns import Pattern, PatternError, parse_pattern
from .spec import MeasureSpec, SourceSpec, StudySpec
from .vocabulary import MEASURE_KEYS, SOURCE_KEYS, STUDY_KEYS, columns_for, enum_of
from .yaml_tree import Place, Tree, parse_yaml

_TYPO = 0.8
"""Likeness from which an unknown column name is a slip of one of ours, not a further column."""


def read_description(path: Path) -> tuple[StudySpec, list[Problem]]:
    """Return what ``study.yaml`` says, and what is wrong with it."""
    reader = _Reader(path.name)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tree = parse_yaml(text, path.name)
    except UnicodeDecodeError:
        reader.add("The file is not text in UTF-8.", (), hint="Save it as UTF-8.")
        return StudySpec(path.parent.name), reader.problems
    except (ReadError, OSError) as error:
        reader.add(getattr(error, "message", str(error)), (), getattr(error, "hint", ""), error)
        return StudySpec(path.parent.name), reader.problems
    reader.tree = tree
    return reader.study(tree.value, path.parent.resolve().name), reader.problems


def describe(mapping: dict[str, Any], name: str = "study.yaml") -> tuple[StudySpec, list[Problem]]:
    """Return the specification a mapping of plain values stands for (used for drafts)."""
    reader = _Reader(name)
    return reader.study(mapping, "study"), reader.problems


class _Reader:
    """Reads one description and collects what is wrong with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tree = Tree()
        self.problems: list[Problem] = []

    # -- problems ---------------------------------------------------------------------------

    def add(
        self, message: str, place: Place, hint: str = "", error: BaseException | None = None
    ) -> None:
        """Note a mistake with its line."""
        line = getattr(error, "row", None) or self.tree.line(place)
        self.problems.append(
            Problem("error", "study_yaml", message, hint, file=self.name, row=line)
        )

    def check_keys(self, given: dict[Any, Any], allowed: Iterable[str], place: Place) -> None:
        """Name each key that is not known, with the nearest that is."""
        known = tuple(allowed)
        for key in given:
            if key not in known:
                self.add(
                    f"The key '{key}' is not known here.{did_you_mean(key, known)}",
                    (*place, key),
                    f"Known keys are {listing(known, 40)}.",
                )

    # -- the study --------------------------------------------------------------------------

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
        if not isinstance(given, dict):
            what = "is empty" if given is None else "does not begin with keys such as name:"
            self.add(f"The study's description {what}.", (), "It needs name: and sources:.")
            return StudySpec(fallback)
        self.check_keys(given, STUDY_KEYS, ())
        sources = given.get("sources")
        if not isinstance(sources, list) or not sources:
            self.add(
                "The study names no files: 'sources' must be a list of them.",
                ("sources",),
                "Write sources: and below it a line '- file: ...' for each file.",
            )
            sources = []
        made = [self.source(each, ("sources", n)) for n, each in enumerate(sources)]
        return StudySpec(
            name=str(given.get("name") or given.get("title") or fallback),
            sources=tuple(each for each in made if each is not None),
            description=str(given.get("description") or ""),
            synthetic=self.flag(given, "synthetic", ()),
            extra={k: given[k] for k in ("licence", "citation", "title") if k in given},
        )

    def flag(self, given: dict[str, Any], key: str, place: Place) -> bool:
        """Return a yes-or-no key; anything else is noted."""
        value = given.get(key, False)
        if isinstance(value, bool):
            return value
        self.add(f"'{key}' must be true or false, got {value!r}.", (*place, key))
        return False

    # -- a source ---------------------------------------------------------------------------

    def source(self, given: Any, place: Place) -> SourceSpec | None:
        """Return one source, or None where it has no file or table to speak of."""
        if not isinstance(given, dict):
            self.add(f"A source must have keys such as file:, got {given!r}.", place)
            return None
        table = given.get("table")
        if table is not None and table not in TABLES:
            self.add(
                f"There is no table '{table}'.{did_you_mean(table, TABLES)}",
                (*place, "table"),
                f"The tables are {listing(TABLES, 20)}.",
            )
            return None
        if not isinstance(given.get("file"), str) or not given["file"].strip():
            self.add("A source must name its file (file: sessions.csv).", place)
            return None
        columns, constants = self.columns(given, table, place)
        known = (*SOURCE_KEYS, *columns_for(table))
        self.check_keys(given, known, place)
        sheet = given.get("sheet")
        return SourceSpec(
            file=given["file"].strip(),
            sheet=sheet if sheet is None or isinstance(sheet, str) else str(sheet),
            table=table,
            columns=columns,
            constants=constants,
            recode=self.recode(given.get("recode"), (*place, "recode")),
            missing=self.codes(given.get("missing"), (*place, "missing")) or (),
            measures=self.measures(given, place),
            carry=self.carry(given.get("carry", True), (*place, "carry")),
            encoding=self.text(given, "encoding", place),
            delimiter=self.text(given, "delimiter", place),
            decimal=self.text(given, "decimal", place),
            date_format=self.text(given, "date_format", place),
            line=self.tree.line(place),
        )

    def text(self, given: dict[str, Any], key: str, place: Place) -> str | None:
        """Return a key that must be text where it is given."""
        value = given.get(key)
        if value is None or isinstance(value, str):
            return value
        self.add(f"'{key}' must be text, got {value!r}.", (*place, key))
        return None

    def columns(
        self, given: dict[str, Any], table: str | None, place: Place
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return which column of the file each of ours is, and which ours are one value."""
        allowed = columns_for(table)
        block = self.mapping(given.get("columns"), (*place, "columns"), "our column: file's column")
        constants = self.mapping(given.get("constants"), (*place, "constants"), "our column: value")
        for key in block:
            near = difflib.get_close_matches(key, allowed, n=1, cutoff=_TYPO)
            if key not in allowed and near:
                self.check_keys({key: None}, allowed, (*place, "columns"))
        self.check_keys(constants, allowed, (*place, "constants"))
        written = block | {key: given[key] for key in allowed if key in given}
        columns: dict[str, str] = {}
        for key, value in written.items():
            if value is None:
                continue
            if isinstance(value, list | dict | bool):
                where = key if key in given else "columns"
                self.add(f"'{key}' must name one column, got {value!r}.", (*place, where))
            elif key == "session" and isinstance(value, int):
                constants[key] = value
            else:
                columns[key] = str(value)
        return columns, {key: value for key, value in constants.items() if key in allowed}

    def mapping(self, given: Any, place: Place, shape: str) -> dict[str, Any]:
        """Return a block of keys, empty where it is not one."""
        if given is None:
            return {}
        if isinstance(given, dict):
            return {str(key): value for key, value in given.items()}
        self.add(f"'{place[-1]}' must be a block of '{shape}', got {given!r}.", place)
        return {}

    def recode(self, given: Any, place: Place) -> dict[str, dict[Any, Any]]:
        """Return what to recode: column → old value → new value."""
        result: dict[str, dict[Any, Any]] = {}
        for column, values in self.mapping(given, place, "column: {old: new}").items():
            if isinstance(values, dict):
                result[column] = values
            else:
                self.add(
                    f"'recode' of '{column}' must be a block of 'old: new', got {values!r}.",
                    (*place, column),
                )
        return result

    def codes(self, given: Any, place: Place) -> tuple[Any, ...] | None:
        """Return codes for missing: numbers or words."""
        if given is None:
            return None
        listed = given if isinstance(given, list) else [given]
        good = tuple(c for c in listed if isinstance(c, int | float | str) and c is not True)
        if len(good) < len(listed):
            self.add(f"'missing' must be a list of codes such as [-9, 99], got {given!r}.", place)
        return good

    def carry(self, given: Any, place: Place) -> bool | tuple[str, ...]:
        """Return which further columns come along."""
        if isinstance(given, bool):
            return given
        if isinstance(given, list):
            return tuple(str(column) for column in given)
        self.add(f"'carry' must be true, false or a list of columns, got {given!r}.", place)
        return True

    # -- a measure --------------------------------------------------------------------------

    def measures(self, source: dict[str, Any], place: Place) -> tuple[MeasureSpec, ...]:
        """Return the measures of a source."""
        given, here = source.get("measures"), (*place, "measures")
        if given is None:
            return ()
        if not isinstance(given, list):
            self.add("'measures' must be a list of measures.", here)
            return ()
        if source.get("table") is not None:
            self.add(
                f"A source of the table '{source['table']}' cannot also list measures.",
                here,
                "Leave out table:, or give the columns under columns:.",
            )
            return ()
        made = [self.measure(each, (*here, n)) for n, each in enumerate(given)]
        return tuple(each for each in made if each is not None)

    def measure(self, given: Any, place: Place) -> MeasureSpec | None:
        """Return one measure, or None where a needed key is wrong."""
        if not isinstance(given, dict):
            self.add(f"A measure must have keys such as measure:, got {given!r}.", place)
            return None
        before = len(self.problems)
        self.check_keys(given, MEASURE_KEYS, place)
        raters = enum_of("ratings", "rater")
        if not isinstance(given.get("measure"), str):
            self.add("A measure must say which it is (measure: wai-sr).", place)
        rater = given.get("rater")
        if rater is not None and rater not in raters:
            self.add(
                f"The rater must be one of {listing(raters)}, got {rater!r}."
                f"{did_you_mean(rater, raters)}",
                (*place, "rater"),
            )
        if given.get("items") is None and given.get("score") is None:
            self.add(
                f"The measure '{given.get('measure')}' has neither items: nor score:.",
                place,
                'Write items: "wai{item}" for item columns, or score: for a column of totals.',
            )
        session = given.get("session")
        if session is not None and (not isinstance(session, int) or session < 1):
            self.add(f"'session' must be a number from 1 on, got {session!r}.", (*place, "session"))
        items = self.items(given.get("items"), (*place, "items"))
        scores = self.scores(given, place)
        if len(self.problems) > before:
            return None
        return MeasureSpec(
            measure=given["measure"],
            rater=str(rater) if rater is not None else "",
            items=items,
            scores=scores,
            reversed=self.flag(given, "reversed", place),
            missing=self.codes(given.get("missing"), (*place, "missing")),
            session=session,
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
        if isinstance(given, list):
            return {number: str(column) for number, column in enumerate(given, start=1)}
        if isinstance(given, dict) and all(isinstance(key, int) for key in given):
            return {key: str(column) for key, column in given.items()}
        self.add(
            f"'items' must be a pattern, a list of columns or 'number: column', got {given!r}.",
            place,
        )
        return None

    def scores(self, given: dict[str, Any], place: Place) -> dict[str, Pattern | str]:
        """Return the columns of totals by scale."""
        score, here = given.get("score"), (*place, "score")
        if score is None:
            return {}
        if isinstance(score, dict):
            pairs = {str(scale): column for scale, column in score.items()}
        else:
            pairs = {str(given.get("scale") or "total"): score}
        result: dict[str, Pattern | str] = {}
        for scale, column in pairs.items():
            if isinstance(column, list | dict | bool) or column is None:
                self.add(f"The total of '{scale}' must name one column, got {column!r}.", here)
                continue
            text = str(column)
            made = self.pattern(text, here) if "{" in text else text
            if made is not None:
                result[scale] = made
        return result
