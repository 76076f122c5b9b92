"""``run.json`` and the private account: what went in, what was done to it, and with what."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ..core.display.formatting import significant
from ..study.reading.table import fingerprint
from .content import Section

TOOL = "alliance_stats"
LIBRARIES = (
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "pingouin",
    "pandera",
    "matplotlib",
    "jinja2",
    "python-docx",
)
MAPPINGS = ("study.yaml", "study.yml", "datapackage.json", "measures/*.yaml", "measures/*.yml")


def file_hashes(folder: Path, read: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return name and SHA-256 of the files a study was read from, and of its mapping.

    Parameters
    ----------
    folder
        The study's folder.
    read
        The data files, relative to it, with the hash taken while each was read.
    """
    said = {path for pattern in MAPPINGS for path in folder.glob(pattern) if path.is_file()}
    now = {path.relative_to(folder).as_posix(): fingerprint(path) for path in said}
    found = {**now, **{name: sha256 for name, sha256 in read.items() if sha256}}
    return [{"file": name, "sha256": sha256} for name, sha256 in sorted(found.items())]


def table_hashes(tables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows, columns and a hash of the contents of every table that was analysed."""
    return [_table_hash(name, table) for name, table in sorted(tables.items())]


def _table_hash(name: str, table: Any) -> dict[str, Any]:
    content = table.to_csv(index=False, lineterminator="\n").encode("utf-8", "surrogatepass")
    return {
        "table": name,
        "rows": len(table),
        "columns": [str(column) for column in table.columns],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, this package and the libraries it counts with."""
    from .. import __version__

    found = {"python": platform.python_version(), TOOL: __version__}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def rows_set_aside(report: Any) -> dict[str, Any]:
    """Return the account of rows of the validation report, and each problem with its place."""
    if report is None:
        return {"account": [], "problems": []}
    shown = ["level", "table", "file", "sheet", "row", "rows", "column", "cell", "rule", "message"]
    issues = report.issues
    columns = [name for name in shown if name in issues.columns]
    return {
        "account": report.rows.to_dict("records"),
        "problems": issues[columns].to_dict("records"),
    }


def section_record(section: Section) -> dict[str, Any]:
    """Return what a section used, said and could not do."""
    return {
        "section": section.key,
        "status": section.status,
        "reason": section.reason,
        "used": section.used,
        "messages": list(section.messages),
    }


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return strict JSON: no NaN, sorted nothing, one indent, UTF-8."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def rounded(value: Any, mask: Callable[[str], str]) -> Any:
    """Return plain values with four significant digits and masked texts."""
    if isinstance(value, dict):
        return {mask(key): rounded(item, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, mask) for item in value]
    if isinstance(value, str):
        return mask(value)
    return significant(value) if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """Return the value in JSON's own types; what is missing becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool) or value is None:
        return value
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    if value != value:
        return None
    return str(value)
