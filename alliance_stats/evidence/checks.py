"""What every function of change and synthesis asks of its arguments, in one place and in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing


def is_number(value: object) -> bool:
    """Tell whether a value is one finite number (no text, no truth value, no list)."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return False
    return bool(np.isfinite(value))


def checked_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` where it is one of the words allowed, or name the nearest."""
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        raise DesignError(f"{name} must be one of {', '.join(words)}, not {value!r}.{hint}")
    return value


def checked_confidence(value: Any) -> float:
    """Return the level of the intervals, which lies between 0 and 1."""
    if not is_number(value) or not 0 < value < 1:
        hint = f" Write {value / 100:g}." if is_number(value) and 1 < value < 100 else ""
        raise DesignError(
            f"confidence must lie between 0 and 1, such as 0.95, not {value!r}.{hint}"
        )
    return float(value)


def checked_table(data: Any, what: str) -> pd.DataFrame:
    """Return a DataFrame whose columns are named once, or say what came instead."""
    if not isinstance(data, pd.DataFrame):
        whose = what[0].upper() + what[1:]
        raise DesignError(f"{whose} must be a DataFrame, not {type(data).__name__}.")
    twice = data.columns[data.columns.duplicated()]
    if len(twice):
        raise ColumnError(
            f"Each column of {what} must be named once; {listing(twice.unique())} come more than "
            "once. Rename or drop one."
        )
    return data


def numbers(data: pd.DataFrame, column: Any, what: str) -> np.ndarray:
    """Return a column as floats; missing stays missing, all else that is no number is refused."""
    cells = data[column]
    values = pd.to_numeric(cells, errors="coerce") if _may_be_numbers(cells) else None
    bad = cells.notna() if values is None else values.isna() & cells.notna()
    if values is not None:
        bad |= np.isinf(values.to_numpy(dtype=float, na_value=np.nan))
        bad |= cells.map(lambda cell: isinstance(cell, (bool, np.bool_))).to_numpy(dtype=bool)
    if bad.any():
        raise ColumnError(
            f"Column '{column}' of {what} must hold finite numbers; {int(bad.sum())} rows do not "
            f"(first value {cells[bad].iloc[0]!r}; rows {listing(data.index[bad])}). Correct them "
            "or set them missing."
        )
    if values is None:
        return np.full(len(cells), np.nan)
    return values.to_numpy(dtype=float, na_value=np.nan)


def _may_be_numbers(cells: pd.Series) -> bool:
    """Dates and truth values turn into numbers without complaint, and mean something else."""
    kind = cells.dtype
    return not (
        pd.api.types.is_bool_dtype(kind)
        or pd.api.types.is_datetime64_any_dtype(kind)
        or pd.api.types.is_timedelta64_dtype(kind)
    )
