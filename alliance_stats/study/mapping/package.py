"""A folder with ``datapackage.json``: tables by the names of its resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...errors import ReadError, did_you_mean, listing
from ..labels import from_json
from ..origin import Problem
from ..reading.loaded import Conventions, is_delimiter
from ..tables import TABLES
from .spec import SourceSpec

_LARGEST = 20_000_000
OURS = "alliance_stats"


def read_package(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Return the description of a Data Package, empty where it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST:,} bytes")
        package = json.loads(path.read_bytes().decode("utf-8-sig"))
    except RecursionError:
        return {}, [_problem(path, "'datapackage.json' is nested too deeply.")]
    except (OSError, ValueError) as error:
        line = getattr(error, "lineno", None)
        what = str(getattr(error, "msg", error)).rstrip(".")
        where = f" in line {line}" if line else ""
        return {}, [_problem(path, f"It cannot be read as JSON{where}: {what[:200]}.", row=line)]
    if not isinstance(package, dict) or not isinstance(package.get("resources"), list):
        return {}, [_problem(path, "It is no Data Package: it has no list 'resources'.")]
    return package, []


def _problem(path: Path, message: str, *, row: int | None = None, level: str = "error") -> Problem:
    return Problem(level, "datapackage", message, file=path.name, row=row)


def sources_of(
    package: dict[str, Any], path: Path
) -> tuple[list[tuple[SourceSpec, Conventions]], list[Problem]]:
    """Return the tables of a package as sources, and what is wrong with its resources."""
    sources: list[tuple[SourceSpec, Conventions]] = []
    problems: list[Problem] = []
    for number, resource in enumerate(package["resources"], start=1):
        name = resource.get("name") if isinstance(resource, dict) else None
        file = resource.get("path") if isinstance(resource, dict) else None
        if isinstance(file, list) and len(file) == 1:
            file = file[0]
        if not isinstance(name, str) or not isinstance(file, str):
            message = f"Resource {number} must have a name and one path."
            problems.append(_problem(path, message))
        elif name not in TABLES:
            message = f"The resource '{name}' is none of the tables of a study, so it is not read."
            hint = f" The tables are {listing(TABLES, 20)}.{did_you_mean(name, TABLES)}"
            problems.append(_problem(path, message + hint, level="warning"))
        else:
            sources.append((SourceSpec(file=file, table=name, as_is=True), _conventions(resource)))
    if not sources and not problems:
        problems.append(_problem(path, "It lists no resource, so the study has no tables."))
    return sources, problems


def _conventions(resource: dict[str, Any]) -> Conventions:
    """Return how the resource's cells are to be read, as its schema says."""
    schema = resource.get("schema")
    schema = schema if isinstance(schema, dict) else {}
    listed = schema.get("fields")
    fields = (
        [field for field in listed if isinstance(field, dict)] if isinstance(listed, list) else []
    )
    text = {str(field.get("name")) for field in fields if field.get("type") in ("string", "any")}
    missing = schema.get("missingValues")
    texts = missing if isinstance(missing, list) else []
    words = frozenset(word.strip().casefold() for word in texts if isinstance(word, str))
    encoding = resource.get("encoding")
    dialect = resource.get("dialect")
    delimiter = dialect.get("delimiter") if isinstance(dialect, dict) else None
    return Conventions(
        missing_words=words if isinstance(missing, list) else None,
        decimal="." if fields else None,
        text_columns=frozenset(text),
        encoding=encoding if isinstance(encoding, str) else None,
        delimiter=delimiter if is_delimiter(delimiter) else None,
    )


def name_of(package: dict[str, Any], path: Path) -> str:
    """Return the study's name: as saved, else the package's title or name, else the folder's."""
    own = package.get(OURS)
    for given in (package.get("title"), package.get("name")):
        if isinstance(given, str) and given.strip():
            return given.strip()
    return own.get("name", path.parent.name) if isinstance(own, dict) else path.parent.name


def options_of(package: dict[str, Any]) -> dict[str, Any]:
    """Return what the package says about the study besides its tables."""
    own = package.get(OURS)
    own = own if isinstance(own, dict) else {}
    pairs = own.get("already_reversed")
    pairs = pairs if isinstance(pairs, list) else []
    notes, raters, unit = own.get("notes"), own.get("raters"), own.get("time_unit")
    return {
        "synthetic": own.get("synthetic") is True or package.get("synthetic") is True,
        "already_reversed": {
            (str(pair[0]), str(pair[1]))
            for pair in pairs
            if isinstance(pair, list) and len(pair) == 2
        },
        "raters": {str(k): str(v) for k, v in raters.items()} if isinstance(raters, dict) else {},
        "time_unit": unit if isinstance(unit, str) else None,
        "labels": from_json(own.get("labels")),
        "notes": [str(note) for note in notes] if isinstance(notes, list) else [],
        "description": str(package.get("description") or ""),
    }


def not_readable(error: ReadError, file: str, table: str) -> Problem:
    """Return the problem of a file that could not be read."""
    return Problem(
        level="error",
        rule=error.rule,
        message=error.message,
        hint=error.hint,
        table=table,
        file=file,
        sheet=error.sheet,
        row=error.row,
        column=error.column,
        cell=error.cell,
    )
