"""Where a report may be written, and how it gets there in one step."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..core import resources
from ..core.outputs import exchange, sweep
from ..errors import AllianceStatsError, listing
from .manifest import TOOL

ACCOUNTS = ".alliance-stats"
"""Where private accounts lie in a study's own folder."""


def account_place(
    study: Path | None, report: Path, wanted: str | os.PathLike[str] | None
) -> Path | None:
    """Return the file of the private account; None where a study has no folder of its own."""
    if wanted is not None:
        place = Path(wanted)
        if place.resolve().is_relative_to(report.resolve()):
            raise AllianceStatsError(
                f"The private account '{place}' must not lie in the report's folder, which may "
                "be shared; name a file beside the study."
            )
        return place
    if study is None or not study.is_dir() or not os.access(study, os.W_OK):
        return None
    if study.resolve().is_relative_to(resources.folder("datasets").resolve()):
        return None
    return study / ACCOUNTS / f"{report.absolute().name or 'report'}.json"


def check_place(folder: Path) -> None:
    """Raise in words where a report must not be written: over a file, over anything foreign."""
    sweep(folder.parent)
    if folder.is_symlink():
        raise AllianceStatsError(
            f"'{folder}' is a link to another place; name a folder for the report."
        )
    if folder.exists() and not folder.is_dir():
        raise AllianceStatsError(f"'{folder}' is a file; name a folder for the report.")
    if not folder.exists():
        _check_parent(folder)
        return
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    if not there:
        return
    foreign = sorted(there - _earlier_outputs(folder))
    if foreign:
        raise AllianceStatsError(
            f"The folder '{folder}' is not empty and holds what no report wrote "
            f"({listing(foreign, 3)}); nothing was written. Name another folder with --out, or "
            "move those files away."
        )


def _check_parent(folder: Path) -> None:
    parent = next((p for p in folder.absolute().parents if p.exists()), Path("/"))
    if not parent.is_dir():
        raise AllianceStatsError(f"'{parent}' is a file, so '{folder}' cannot be made in it.")
    if not os.access(parent, os.W_OK):
        raise AllianceStatsError(f"'{folder}' cannot be made: '{parent}' may not be written to.")


def _earlier_outputs(folder: Path) -> set[str]:
    """Return the files an earlier report says it wrote into this folder."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return set(map(str, run["outputs"])) if run["tool"] == TOOL else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def move_into_place(scratch: Path, folder: Path) -> None:
    """Put a finished folder in its place; an earlier report goes only when the new one stands."""
    fresh = scratch / "new"
    if not folder.exists():
        fresh.rename(folder)
        return
    check_place(folder)  # it may have changed while the report was made
    new = sorted(p.relative_to(fresh).as_posix() for p in fresh.rglob("*") if p.is_file())
    exchange(scratch, folder, new, _earlier_outputs(folder) - set(new))
    for empty in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        if not any(empty.iterdir()):
            empty.rmdir()
