"""Paths in a study's description: each names a file inside the study's folder, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import ReadError, did_you_mean, listing


def inside(folder: Path, written: object) -> Path:
    """Return the file a study names, after making sure that it lies in the study's folder.

    Raises
    ------
    ReadError
        For an absolute path, one with ``..``, a link that leads out, a web address, or a file
        that is not there (the nearest name is given).
    """
    text = str(written).strip() if isinstance(written, str | int | float) else ""
    if not text or "\0" in text:
        raise ReadError(
            f"Expected the name of a file in the study's folder, got {written!r}.",
            rule="path",
        )
    parts = re.split(r"[/\\]", text)
    if re.match(r"^([A-Za-z]:|[/\\~]|[A-Za-z][A-Za-z0-9+.-]+://)", text) or ".." in parts:
        raise _leaves(text)
    path = folder.joinpath(*parts)
    try:
        real, home = path.resolve(), folder.resolve()
    except (OSError, RuntimeError):
        raise _leaves(text) from None
    if not real.is_relative_to(home):
        raise _leaves(text)
    try:
        there = path.is_file()
    except OSError as error:  # a name too long for any file, or a folder that may not be entered
        raise ReadError(
            f"'{text[:200]}' cannot be opened: {error.strerror or error}.", rule="missing_file"
        ) from None
    if not there:
        raise _missing(folder, path, text)
    return path


def _leaves(text: str) -> ReadError:
    return ReadError(
        f"The path '{text[:200]}' leads out of the study's folder; a study may only name files "
        "in it.",
        rule="path_outside_study",
        hint="Copy the file into the study's folder and give its name.",
    )


def _missing(folder: Path, path: Path, text: str) -> ReadError:
    if path.exists():
        return ReadError(f"'{text[:200]}' is not a file.", rule="missing_file")
    beside = sorted(
        each.relative_to(folder).as_posix()
        for each in (path.parent.iterdir() if path.parent.is_dir() else ())
        if each.is_file()
    )
    there = f" The files there are {listing(beside, 8)}." if beside else ""
    return ReadError(
        f"There is no file '{text[:200]}' in the study's folder."
        f"{did_you_mean(text, beside)}{there}",
        rule="missing_file",
    )
