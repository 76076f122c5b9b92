"""Checks that only a prediction needs; the rest are those of all questions about dropout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsError, DesignError

if TYPE_CHECKING:
    from os import PathLike


def several(value: Any, name: str) -> tuple[Any, ...]:
    """Return numbers as a tuple; one number alone is a list of one."""
    if isinstance(value, int | float | np.number):
        return (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DesignError(f"{name} must be a list of numbers, not {value!r}.")
    return tuple(value)


def rows(table: pd.DataFrame) -> Iterable[Any]:
    """Return the rows of a table, to be read by the names of its columns."""
    return table.itertuples(index=False)


def writable(path: str | PathLike[str], ending: str) -> Path:
    """Return a path one can write to: the right ending, in a folder that is there."""
    target = Path(path)
    if target.suffix.lower() != ending:
        raise AllianceStatsError(f"The checklist is written as {ending}, not '{target.name}'.")
    if not target.parent.is_dir():
        raise AllianceStatsError(
            f"There is no folder '{target.parent}' to write '{target.name}' to; make it first."
        )
    return target
