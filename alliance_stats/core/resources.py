"""Where the package's data files are: inside an installed wheel, or beside it in a checkout."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return the folder ``schemas``, ``datasets`` or ``notebooks`` that came with the package.

    A wheel holds it as ``alliance_stats/_<name>``; a checkout keeps it beside the package.
    """
    inside = _PACKAGE / f"_{name}"
    beside = _PACKAGE.parent / name
    for candidate in (inside, beside):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"The folder '{name}' of alliance_stats is missing (looked in {inside} and {beside}). "
        "The installation is incomplete: install the package again."
    )


@lru_cache(maxsize=4)
def json_schema(name: str) -> dict[str, Any]:
    """Return a JSON Schema from the folder ``schemas``, as ``measures/measure.schema.json``."""
    return json.loads((folder("schemas") / name).read_text(encoding="utf-8"))


def at_home(path: str | os.PathLike[str]) -> Path:
    """Return the path with a ``~`` in front as the user's own folder, where that is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # a user nobody knows: the sign is part of a name
        return Path(path)
