"""Where a study lies: in a folder, or among the datasets that ship."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ..core.resources import at_home, folder
from ..errors import AllianceStatsError


def find_study(path: str | PathLike[str]) -> Path:
    """Return the path; the name of a dataset that ships stands for its folder."""
    try:
        given = at_home(path)
    except TypeError:
        raise AllianceStatsError(
            f"A study is opened by its path, but a {type(path).__name__} came: give the folder "
            "with study.yaml or datapackage.json."
        ) from None
    try:
        if given.exists() or given.name != str(given):
            return given
        shipped = folder("datasets") / given.name
        return shipped if shipped.is_dir() else given
    except (OSError, ValueError):  # no path at all: too long, or with a zero byte
        return given
