"""`open_study`: from a folder to a `Study` that can be used."""

from __future__ import annotations

from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.resources import at_home
from .finding import find_study
from .mapping import read_study
from .study import Study
from .truth import Truth, read_truth
from .validating.doctor import check

if TYPE_CHECKING:
    from .origin import RawStudy

TRUTH = "truth.json"


def open_study(path: str | PathLike[str]) -> Study:
    """Open a study: read its files, map them to tables, validate them, keep what can be used.

    Parameters
    ----------
    path
        A folder that holds ``study.yaml`` (a lab's own files and how they map to our tables) or
        ``datapackage.json`` (a saved study), one of these files, or the name of a dataset that
        ships, such as ``"demo-trial"``.

    Returns
    -------
    Study
        ``.report`` says what was found (warnings do not stop a study from opening) and which
        rows were set aside.

    Raises
    ------
    DataValidationError
        Where a rule of level ``error`` is broken. The message counts what was found and shows
        the first errors; ``.report`` holds all of it.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.open_study("demo-trial")
    >>> study.synthetic
    True
    """
    found = find_study(path)
    return _opened(found) if found == at_home(path) else open_shipped(found)


@cache
def open_shipped(folder: Path) -> Study:
    """Open a study that ships, once: its files do not change, and a study is a value."""
    return _opened(folder)


def _opened(path: Path) -> Study:
    raw = read_study(path)
    report, tables = check(raw)
    report.raise_if_invalid()
    return _study(raw, report, tables)


def _study(raw: RawStudy, report: Any, tables: dict[str, Any]) -> Study:
    truth = _truth(raw.folder)
    return Study(
        raw.name,
        tables,
        measures=raw.options.get("registry"),
        synthetic=bool(raw.options.get("synthetic")) or truth is not None,
        already_reversed=frozenset(raw.options.get("already_reversed", ())),
        raters=raw.options.get("raters", {}),
        time_unit=raw.options.get("time_unit"),
        labels=raw.options.get("labels", {}),
        notes=tuple(raw.options.get("notes", ())),
        report=report,
        truth=truth,
        folder=raw.folder,
        files=tuple(dict.fromkeys(one.file for one in raw.files)),
    )


def _truth(folder: Path) -> Truth | None:
    """Return the truth of a simulated study where it lies beside the data."""
    path = folder / TRUTH
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return None
    return read_truth(path)
