"""Writing a study as a Data Package v2: a JSON description and one CSV a table.

Nothing in a saved study depends on when or where it was saved, so the same study gives the
same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.outputs import sweep, write_files
from ..core.resources import at_home
from ..errors import AllianceStatsError, DesignError, listing
from .labels import to_json
from .tables import descriptor

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study

PACKAGE = "datapackage.json"
PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
FILES = (".csv", ".tsv", ".txt", ".sav", ".zsav", ".por", ".dta", ".xls", ".xlsx", ".ods",
         ".parquet", ".json", ".yaml", ".yml", ".zip", ".rds", ".pkl", ".html")  # fmt: skip
"""Endings of files: who names one does not expect a folder."""
OURS = "alliance_stats"
"""The custom property that marks a package as saved from here and holds what CSV cannot."""


def save(study: Study, folder: str | PathLike[str], *, overwrite: bool = False) -> Path:
    """Write `study` into `folder`; see `Study.save`. All files are written, or none."""
    if not isinstance(folder, str | PathLike) or not str(folder):
        raise AllianceStatsError(
            f"A study is saved into a folder; its path is needed, not {folder!r}."
        )
    target = at_home(folder)
    if target.suffix.lower() in FILES and not target.is_dir():
        raise AllianceStatsError(
            f"A study is saved into a folder, as a description and a CSV file a table; "
            f"'{target.name}' is the name of a file. Name a folder, such as '{target.stem}'."
        )
    files = _contents(study)
    write_files(target, files, _to_be_replaced(target, files, overwrite))
    return target


def _contents(study: Study) -> dict[str, bytes]:
    """Return every file of the package by its path; ``datapackage.json`` comes last."""
    files: dict[str, bytes] = {}
    resources = []
    tables = study.tables
    for name, frame in tables.items():
        content = _csv(name, frame)
        files[f"{name}.csv"] = content
        resources.append(_resource(name, frame, content, set(tables)))
    beside = {f"measures/{card.name}": card.read_bytes() for card in _own_cards(study)}
    if study.truth is not None:
        beside["truth.json"] = study.truth.to_text().encode()
    files |= beside
    package = {
        "$schema": PROFILE,
        "name": slug(study.name),
        "title": study.name,
        "description": _description(study),
        "resources": resources,
        OURS: _own_properties(study)
        | {"files": {name: _hash(content) for name, content in beside.items()}},
    }
    files[PACKAGE] = (json.dumps(package, indent=2, ensure_ascii=False) + "\n").encode()
    return files


def _csv(table: str, frame: pd.DataFrame) -> bytes:
    """Return the table as CSV. Missing is an empty cell; every text is kept as it is."""
    written = frame.copy(deep=False)
    for name in frame.columns:
        column = frame[name]
        _refuse_other_kinds(table, str(name), column)
        if _is_text(column):
            _refuse_what_csv_cannot_hold(table, str(name), column)
        elif _type_of(column) == "boolean":
            words = {True: "true", False: "false"}
            written[name] = column.astype(object).map(words)
        elif _type_of(column) == "date":
            written[name] = column.dt.strftime("%Y-%m-%d")
        elif _type_of(column) == "datetime":
            written[name] = column.dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
    returns = any(_holds_carriage_return(frame[name]) for name in frame.columns)
    quoting: Any = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    return str(written.to_csv(index=False, lineterminator="\n", quoting=quoting)).encode()


def _holds_carriage_return(column: pd.Series) -> bool:
    """Return whether a text has a line end that minimal quoting would leave bare."""
    return _is_text(column) and any("\r" in str(value) for value in column.dropna().unique())


def _refuse_other_kinds(table: str, name: str, column: pd.Series) -> None:
    """Refuse values that would come back as something else, or not at all."""
    import numpy as np
    import pandas as pd
    from pandas.api import types

    what = ""
    if types.is_complex_dtype(column.dtype):
        what = "complex numbers"
    elif types.is_timedelta64_dtype(column.dtype):
        what = "durations"
    elif isinstance(column.dtype, pd.PeriodDtype | pd.IntervalDtype):
        what = "periods or intervals"
    elif isinstance(column.dtype, pd.DatetimeTZDtype):
        what = "times with a time zone"
    elif types.is_float_dtype(column.dtype):
        infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
        what = "infinite numbers" if infinite.any() else ""
    elif types.is_object_dtype(column.dtype):
        several = any(types.is_list_like(value) for value in column)
        what = "several values in one cell" if several else ""
    if what:
        raise DesignError(
            f"The table '{table}' cannot be saved: the column '{name}' holds {what}. Turn them "
            "into plain numbers, dates or text first, or make them missing."
        )


def _refuse_what_csv_cannot_hold(table: str, name: str, column: pd.Series) -> None:
    values = [value for value in column.astype(object).dropna().unique() if _unwritable(value)]
    if not values:
        return
    bad = column.astype(object).isin(values)
    raise DesignError(
        f"The table '{table}' cannot be saved: the column '{name}' must hold text or nothing, and "
        f"{int(bad.sum())} of its cells hold only blanks, a NUL character or half a character "
        f"(the first in row {int(bad.to_numpy().argmax()) + 1}). Make them missing first."
    )


def _unwritable(value: Any) -> bool:
    text = str(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return not text.strip() or "\x00" in text


def _resource(name: str, frame: pd.DataFrame, content: bytes, tables: set[str]) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ","},  # or readers guess at it, from ids that hold others
        "bytes": len(content),
        "hash": _hash(content),
        "schema": resource_schema(name, frame, tables),
    }


def resource_schema(name: str, frame: pd.DataFrame, tables: set[str]) -> dict[str, Any]:
    """Return the Table Schema of a saved table: our fields that it has, and its further columns.

    Only the empty cell stands for missing, so that a text such as ``NA`` stays a text. Keys are
    named where the table keeps them, foreign keys where the other table is in the package.
    """
    schema = json.loads(descriptor(name))
    ours = {field["name"]: field for field in schema["fields"]}
    schema["missingValues"] = [""]
    schema["fields"] = [
        _adapted(ours[str(column)], frame[column])
        if column in ours
        else {"name": str(column), "type": _type_of(frame[column])}
        for column in frame.columns
    ]
    columns = set(frame.columns)
    key = schema.get("primaryKey", [])
    if not key or not set(key) <= columns or frame[key].isna().to_numpy().any():
        schema.pop("primaryKey", None)
    schema["foreignKeys"] = [
        link
        for link in schema.get("foreignKeys", [])
        if link["reference"]["resource"] in tables and set(link["fields"]) <= columns
    ]
    return schema


def _adapted(field: dict[str, Any], column: pd.Series) -> dict[str, Any]:
    """Return our field, as a datetime where the days have a time of day."""
    kind = _type_of(column)
    return {**field, "type": "datetime"} if kind == "datetime" else field


def _type_of(column: pd.Series) -> str:
    """Return the Table Schema type of a column."""
    from pandas.api import types

    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_integer_dtype(column.dtype):
        return "integer"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    if types.is_datetime64_any_dtype(column.dtype):
        days = column.dropna()
        return "date" if (days == days.dt.normalize()).all() else "datetime"
    return "string"


def _is_text(column: pd.Series) -> bool:
    return _type_of(column) == "string"


def _own_cards(study: Study) -> list[Path]:
    """Return the files of the cards in use that did not ship with the package."""
    from ..instruments import load_registry

    shipped = {card.origin for card in load_registry().values()}
    origins = [Path(card.origin) for card in study.measures.values() if card.origin not in shipped]
    return [path for path in origins if path.is_file()]


def _own_properties(study: Study) -> dict[str, Any]:
    further = {"raters": study.raters, "time_unit": study.time_unit}
    further |= {"labels": to_json(study.labels)}
    return {name: value for name, value in further.items() if value} | {
        "synthetic": study.synthetic,
        "already_reversed": sorted(list(pair) for pair in study.already_reversed),
        "notes": list(study.notes),
    }


def _description(study: Study) -> str:
    kind = "Synthetic data: no real person stands behind them. " if study.synthetic else ""
    return f"{kind}Tables of a psychotherapy study, one CSV file each."


def slug(name: str) -> str:
    """Return the name as a Data Package writes names: lower case, digits, hyphens."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "study"


def _to_be_replaced(target: Path, files: dict[str, bytes], overwrite: bool) -> list[str]:
    """Return old files to remove; refuse to write over what was not saved from here."""
    if target.exists() and not target.is_dir():
        raise AllianceStatsError(
            f"A study is saved into a folder, and '{target}' is a file. Name another place."
        )
    sweep(target.parent)
    if (target / "measures").is_symlink():
        raise AllianceStatsError(
            f"The folder 'measures' in '{target}' is a link to another place. Name another folder."
        )
    if (target / "study.yaml").exists():
        raise AllianceStatsError(
            f"The folder '{target}' holds a study.yaml with a lab's own files; a saved study "
            "beside it would make two studies of one folder. Name another folder."
        )
    ours = _saved_here(target)
    taken = [
        name
        for name, content in files.items()
        if (target / name).exists() and name not in ours and not _is(target / name, content)
    ]
    if taken and not overwrite:
        raise AllianceStatsError(
            f"The folder '{target}' already holds {listing(taken)}, not saved from here or changed "
            "since. Name another folder, or pass overwrite=True."
        )
    return [name for name in ours if name not in files]


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _saved_here(target: Path) -> list[str]:
    """Return the files of a package saved from here that stand in the folder as they were saved.

    A table or card that was changed since, or a card put beside them by hand, is the user's own.
    """
    try:
        package = json.loads((target / PACKAGE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(package, dict) or not isinstance(package.get(OURS), dict):
        return []
    resources = [one for one in package.get("resources", []) if isinstance(one, dict)]
    saved = {one.get("path"): one.get("hash") for one in resources}
    beside = package[OURS].get("files", {})
    saved |= beside if isinstance(beside, dict) else {}
    found = [
        name
        for name, hashed in saved.items()
        if isinstance(name, str)
        and re.fullmatch(r"\w+\.csv|truth\.json|measures/[\w.-]+\.ya?ml", name)
        and (target / name).is_file()
        and _hash((target / name).read_bytes()) == hashed
    ]
    return [PACKAGE, *found]
