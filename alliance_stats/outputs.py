"""Writing a file that others will read: all of it or nothing, and never over a study's own data."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .errors import AllianceStatsError

DESCRIPTIONS = ("study.yaml", "study.yml", "datapackage.json")


def write_whole(
    path: str | os.PathLike[str], content: bytes, *, what: str, make_folder: bool = False
) -> Path:
    """Write a file in one step: a reader finds the old one or the new one, never a half.

    Parameters
    ----------
    path
        Where.
    content
        All of the file.
    what
        The file in words, as in ``"the report"``; it opens the message where writing fails.
    make_folder
        Make the folder where it is not there; else that is an error.

    Raises
    ------
    AllianceStatsError
        Where nothing can be written there.
    """
    given = Path(path)
    try:
        target = given.resolve()  # a link stays a link, and what it names is written
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(content)  # a device or a pipe, such as /dev/stdout
            return given
        if target.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if make_folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name[:100]}.{os.getpid()}")
        try:
            scratch.write_bytes(content)
            if target.exists():
                scratch.chmod(target.stat().st_mode & 0o777)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise AllianceStatsError(
            f"{what[0].upper()}{what[1:]} could not be written to '{given}' ({why}): name a file "
            "in a folder that exists and that you may write to, and close it elsewhere first."
        ) from None
    return given


def keep_inputs(path: str | os.PathLike[str], folder: Path | None, names: Iterable[str]) -> None:
    """Refuse to write over a file that the study is read from.

    Parameters
    ----------
    path
        What is to be written.
    folder, names
        The study's folder, and its files in it; None for a study from memory.
    """
    if folder is None:
        return
    given = Path(path)
    for name in (*DESCRIPTIONS, *names):
        own = folder / name
        try:
            same = own.is_file() and given.exists() and own.samefile(given)
        except (OSError, ValueError):
            continue
        if same:
            raise AllianceStatsError(
                f"'{given}' is a file of the study itself and would be lost; nothing was written. "
                "Name another file."
            )
