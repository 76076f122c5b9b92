"""From the YAML tree to `StudySpec`: every key checked, every mistake named with its line."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from ...core.yaml_reading import Place, read_yaml
from ...errors import ReadError, did_you_mean, listing
from ..origin import Problem
from ..tables import TABLES
from .describing_measures import MeasureReader
from .spec import SourceSpec, StudySpec
from .vocabulary import SOURCE_KEYS, STUDY_KEYS, columns_for

_TYPO = 0.8
"""Likeness from which an unknown column name is a slip of one of ours, not a further column."""


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


class _Reader(MeasureReader):
    """Reads one description and collects what is wrong with it."""

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
        meant = self.check_keys(given, STUDY_KEYS, ())
        sources = given.get("sources")
        if "sources" in meant and sources is None:
            sources = []
        elif not isinstance(sources, list) or not sources:
            self.add(
                "The study names no files: 'sources' must be a list of them.",
                ("sources",),
                "Write sources: and below it a line '- file: ...' for each file.",
            )
            sources = []
        made = [self.source(each, ("sources", n)) for n, each in enumerate(sources)]
        return StudySpec(
            name=self.title(given) or fallback,
            sources=tuple(each for each in made if each is not None),
            description=self.text(given, "description", ()) or "",
            synthetic=self.flag(given, "synthetic", ()),
            extra={k: given[k] for k in ("licence", "citation", "title") if k in given},
        )

    def title(self, given: dict[str, Any]) -> str:
        """Return the study's name; a number will do."""
        for key in ("name", "title"):
            if given.get(key) and self.plain(given[key], f"'{key}'", (key,)):
                return str(given[key])
        return ""

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
        columns, constants, told = self.columns(given, table, place)
        known = (*SOURCE_KEYS, *columns_for(table))
        told |= self.check_keys(given, known, place)
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
            delimiter=self.delimiter(given, place),
            decimal=self.one_of(given, "decimal", (".", ","), place),
            date_format=self.date_format(given, place),
            told=frozenset(told),
            line=self.tree.line(place),
        )

    def columns(
        self, given: dict[str, Any], table: str | None, place: Place
    ) -> tuple[dict[str, str], dict[str, Any], set[str]]:
        """Return which column of the file each of ours is, and which ours are one value.

        The third part names those of ours of which a mistake has been told.
        """
        allowed = columns_for(table)
        block = self.mapping(given.get("columns"), (*place, "columns"), "our column: file's column")
        told: set[str] = set()
        for key in block:
            near = difflib.get_close_matches(key, allowed, n=1, cutoff=_TYPO)
            if key not in allowed and near:
                told |= self.check_keys({key: None}, allowed, (*place, "columns"))
        constants, misspelt = self.constants(given, allowed, place)
        told |= misspelt
        written = block | {key: given[key] for key in allowed if key in given}
        columns: dict[str, str] = {}
        for key, value in written.items():
            if value is None:
                continue
            where = (*place, key) if key in given else (*place, "columns")
            if isinstance(value, list | dict | bool):
                self.add(f"'{key}' must name one column, got {value!r}.", where)
                told.add(key)
            elif key in constants:
                self.add(f"'{key}' is given both as a column and under 'constants'.", where)
                columns[key] = str(value)
                del constants[key]
            elif key == "session" and isinstance(value, int):
                good = self.session_number(value, where)
                constants |= {key: value} if good else {}
                told |= set() if good else {key}
            else:
                columns[key] = str(value)
        return columns, constants, told

    def constants(
        self, given: dict[str, Any], allowed: tuple[str, ...], place: Place
    ) -> tuple[dict[str, Any], set[str]]:
        """Return which of our columns are one value for the whole file."""
        here = (*place, "constants")
        block = self.mapping(given.get("constants"), here, "our column: value")
        meant = self.check_keys(block, allowed, here)
        good = {
            key: value
            for key, value in block.items()
            if key in allowed and self.plain(value, f"'{key}'", (*here, key))
        }
        if "session" in good and not self.session_number(good["session"], (*here, "session")):
            meant.add("session")
            del good["session"]
        return good, meant
