"""What may be asked of a prediction, checked once and said in one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsError, ColumnError, DesignError, listing

if TYPE_CHECKING:
    from os import PathLike


def whole(name: str, value: Any, least: int, what: str = "") -> int:
    """Return `value` as a whole number of `least` or more; True, 2.5 and None are none."""
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if not (is_number and math.isfinite(value) and float(value).is_integer() and value >= least):
        said = what or f"a whole number of {least} or more"
        raise DesignError(f"{name} must be {said}, not {value!r}.")
    return int(value)


def within(name: str, value: Any, low: float = 0.0, high: float = 1.0) -> float:
    """Return `value` as a number strictly between two others."""
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if not (is_number and low < float(value) < high):
        raise DesignError(f"{name} must be a number between {low:g} and {high:g}, not {value!r}.")
    return float(value)


def yes_or_no(name: str, value: Any) -> bool:
    """Return `value` as True or False, and nothing that merely looks like it."""
    if not isinstance(value, (bool, np.bool_)):
        raise DesignError(f"{name} must be True or False, not {value!r}.")
    return bool(value)


def several(name: str, value: Any) -> tuple[Any, ...]:
    """Return a list as a tuple; one string is a list of one, never of its letters."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (Real, Integral)) and not isinstance(value, bool):
        return (value,)
    if value is None or not isinstance(value, Iterable):
        raise DesignError(f"{name} must be a list, not {value!r}.")
    return tuple(value)


def strings(name: str, value: Any) -> tuple[str, ...]:
    """Return a list of names."""
    found = several(name, value)
    wrong = [one for one in found if not isinstance(one, str)]
    if wrong:
        raise DesignError(f"{name} must be a list of names; it holds {wrong[0]!r}.")
    return tuple(map(str, found))


def rows(table: pd.DataFrame) -> Iterable[Any]:
    """Return the rows of a table, to be read by the names of its columns."""
    return table.itertuples(index=False)


def one_row_each(table: pd.DataFrame, key: str, what: str) -> pd.DataFrame:
    """Refuse a table with several rows for one key: whose values would count is not known."""
    twice = table.loc[table[key].duplicated(keep=False), key].unique()
    if len(twice):
        raise ColumnError(
            f"The table {what} must have one row for each '{key}', but {len(twice)} have several: "
            f"{listing(twice)}. Keep one row each."
        )
    return table


def flags(column: pd.Series, what: str) -> pd.Series:
    """Return a column of yes and no as booleans; text such as "False" is refused, not True."""
    known = column.dropna()
    wrong = [value for value in pd.unique(known) if not _is_flag(value)]
    if wrong:
        raise ColumnError(
            f"{what} must hold True and False (or 1 and 0); it holds {wrong[0]!r} in "
            f"{int((known == wrong[0]).sum())} rows."
        )
    return column.astype(object).map(lambda value: value if value != value else bool(value))


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_, Real)) and value in (0, 1)


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
