"""A study to fill in: a mapping with comments, empty tables, notebooks."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .. import resources
from ..errors import AllianceStatsError, listing
from .notebooks import template_files

TEMPLATES = Path(__file__).with_name("templates")


def new_study(folder: str | os.PathLike[str]) -> list[str]:
    """Make a folder with everything a study needs, to be filled in.

    Parameters
    ----------
    folder
        Must not exist, or be empty.

    Returns
    -------
    list of str
        The files that were written, relative to the folder. Either all are written or none.

    Examples
    --------
    >>> import tempfile, pathlib, alliance_stats as al
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "my-study"
    >>> "study.yaml" in al.new_study(folder)
    True
    """
    target = Path(folder)
    _check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".alliance-", dir=target.parent) as name:
        scratch = Path(name) / "study"
        _fill(scratch, target.name)
        if target.exists():
            target.rmdir()
        scratch.rename(target)
    return sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())


def _check(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise AllianceStatsError(f"'{target}' is a file; name a folder for the new study.")
    if target.is_symlink():
        raise AllianceStatsError(f"'{target}' is a link; name a folder for the new study.")
    if target.is_dir() and any(target.iterdir()):
        there = listing(sorted(p.name for p in target.iterdir()), 3)
        raise AllianceStatsError(
            f"The folder '{target}' is not empty (it holds {there}); nothing was written. Name a "
            "new folder."
        )


def _fill(scratch: Path, name: str) -> None:
    shutil.copytree(TEMPLATES / "study", scratch)
    mapping = scratch / "study.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("NAME-OF-THE-STUDY", _yaml_text(name)), encoding="utf-8")
    (scratch / "notebooks").mkdir()
    for path in template_files().values():
        shutil.copy(path, scratch / "notebooks" / path.name)
    licence = resources.folder("notebooks") / "LICENSE"
    if licence.is_file():
        shutil.copy(licence, scratch / "notebooks" / "LICENSE")


def _yaml_text(name: str) -> str:
    """Return a folder's name as a quoted YAML text."""
    import json

    return json.dumps(name, ensure_ascii=False)
