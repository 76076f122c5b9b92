"""A study to fill in: a mapping with comments, empty tables, an analysis plan, notebooks."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from ..core import resources
from ..core.outputs import scratch_beside
from ..errors import AllianceStatsError, listing
from .notebooks import TAG, template_files

TEMPLATES = Path(__file__).with_name("templates")
SCHEMA = "study.schema.json"
"""Lies beside ``study.yaml``, whose first line names it to editors: they complete and check."""
IGNORED = ("data", "results")
IGNORE_FILE = """\
# What lies here is of real people, or shows them: git leaves everything in this folder out.
*
!.gitignore
"""
ITSELF = 'study_path = ".."             # the study this notebook belongs to'


def new_study(folder: str | os.PathLike[str], *, messy: bool = False) -> list[str]:
    """Make a folder with everything a study needs, to be filled in.

    Parameters
    ----------
    folder
        Must not exist, or be empty.
    messy
        Put two made-up files with mistakes into ``data`` in place of the empty tables, to try
        everything on as the tutorial does.

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
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_beside(target) as scratch:
            made = scratch / "study"
            _fill(made, target.name)
            if messy:
                shutil.rmtree(made / "data")
                shutil.copytree(resources.folder("datasets") / "messy" / "files", made / "data")
                (made / "data" / ".gitignore").write_text(IGNORE_FILE, encoding="utf-8")
            if target.exists():
                target.rmdir()
            made.rename(target)
    except OSError as error:
        raise AllianceStatsError(
            f"The new study could not be made at '{target}' ({error.strerror or error}); name a "
            "folder that is not there yet, where you may write."
        ) from None
    return sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())


def _check(target: Path) -> None:
    if "\0" in str(target):
        raise AllianceStatsError("A folder's name holds no NUL character; name another folder.")
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
    shutil.copy(resources.folder("schemas") / SCHEMA, scratch / SCHEMA)
    mapping.write_text(text.replace("NAME-OF-THE-STUDY", _yaml_text(name)), encoding="utf-8")
    for place in IGNORED:  # written here: a .gitignore in the package would bind its own files
        (scratch / place).mkdir(exist_ok=True)
        (scratch / place / ".gitignore").write_text(IGNORE_FILE, encoding="utf-8")
    (scratch / "notebooks").mkdir()
    for path in template_files().values():
        (scratch / "notebooks" / path.name).write_text(_on_this_study(path), encoding="utf-8")
    example = resources.folder("datasets") / "demo-trial" / "published-table.yaml"
    shutil.copy(example, scratch / example.name)
    licence = resources.folder("notebooks") / "LICENSE"
    if licence.is_file():
        shutil.copy(licence, scratch / "notebooks" / "LICENSE")


def _on_this_study(template: Path) -> str:
    """Return a template whose parameter cell names the folder above instead of the demo."""
    notebook = json.loads(template.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if TAG in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            changed = re.sub(r"^study_path = .*$", ITSELF, source, count=1, flags=re.MULTILINE)
            cell["source"] = changed.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _yaml_text(name: str) -> str:
    """Return a folder's name as a quoted YAML text."""
    return json.dumps(name, ensure_ascii=False)
