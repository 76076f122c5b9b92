"""What functions ask of their arguments: the value in the type they need, or one sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing, plural, warn

LARGEST = 1e100
"""No measurement is larger; beyond it squares and cubes are no numbers any more."""
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*$")


def is_number(value: object) -> bool:
    """Tell whether a value is one finite number (no text, no truth value, no list)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def shown(value: object) -> str:
    """Return a value as it stands in a message: short, and nobody's address in memory."""
    if value is None or isinstance(value, str | bytes | bool | int | float | complex | np.generic):
        text = repr(value.item() if isinstance(value, np.generic) else value)
    elif isinstance(value, type) or callable(value):
        kind = "class" if isinstance(value, type) else "function"
        return f"the {kind} {getattr(value, '__name__', '')}".strip()
    elif isinstance(value, list | tuple | dict | set) and " at 0x" not in repr(value):
        text = repr(value)
    else:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def checked_choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Return `value` where it is one of the words (or None, numbers, truths) allowed.

    The message names the nearest word. True is not 1, and no number is a truth.
    """
    known = list(allowed)
    if not any(
        (is_number(value) if is_number(one) else type(value) is type(one)) and value == one
        for one in known
    ):
        words = [str(one) for one in known]
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        raise DesignError(f"{name} must be one of {', '.join(words)}, not {shown(value)}.{hint}")
    return value


def share(value: Any, name: str = "confidence") -> float:
    """Return a number strictly between 0 and 1, such as a level of confidence."""
    if not is_number(value) or not 0 < value < 1:
        hint = f" Write {value / 100:g}." if is_number(value) and 1 < value < 100 else ""
        such = {"alpha": 0.05, "mc_error": 0.01, "dropout": 0.25, "power": 0.8}.get(name, 0.95)
        raise DesignError(
            f"{name} must be a number between 0 and 1, such as {such}, not {shown(value)}.{hint}"
        )
    return float(value)


def level_of(confidence: float, *, alpha: float | None = None, level: float | None = None) -> float:
    """Return the level of an interval; where it came by an old name, say what replaced that."""
    for name, value in (("alpha", alpha), ("level", level)):
        if value is None:
            continue
        confidence = 1 - share(value, name) if name == "alpha" else share(value, name)
        text = f"{name}={value:g} is an old name; write confidence={confidence:.10g}."
        warn(text, DeprecationWarning)
    return share(confidence)


def within(value: Any, name: str, low: float = 0.0, high: float = 1.0, why: str = "") -> float:
    """Return a number strictly between two others; `why` says where the bounds are from."""
    if not is_number(value) or not low < float(value) < high:
        words = f"a number between {low:g} and {high:.3g}{why}"
        raise DesignError(f"{name} must be {words}, not {shown(value)}.")
    return float(value)


def whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Return a whole number of `least` or more (and at most `most`)."""
    fits = is_number(value) and float(value).is_integer() and value >= least
    if fits and (most is None or value <= most):
        return int(value)
    upto = f" to {most}" if most is not None else " or more"
    raise DesignError(f"{name} must be a whole number of {least}{upto}, not {shown(value)}.")


def finite(value: Any, name: str, least: float = -np.inf) -> float:
    """Return a finite number above `least`."""
    if not is_number(value) or not value > least:
        above = f" above {least:g}" if np.isfinite(least) else ""
        raise DesignError(f"{name} must be a finite number{above}, not {shown(value)}.")
    return float(value)


def flag(value: Any, name: str) -> bool:
    """Return True or False, and nothing that merely looks like it."""
    if not isinstance(value, bool | np.bool_):
        raise DesignError(f"{name} must be True or False, not {shown(value)}.")
    return bool(value)


def names(given: Any, name: str) -> list[str]:
    """Return a list of names; one name alone is a list of one."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable) or not all(isinstance(one, str) for one in given):
        raise DesignError(f"{name} must be a name or a list of names, not {shown(given)}.")
    return list(dict.fromkeys(given))


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
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "fiu":
        plain = cells.to_numpy(dtype=float, copy=True)
        if not (np.abs(plain) > LARGEST).any():
            return plain
    values = pd.to_numeric(cells, errors="coerce") if _may_be_numbers(cells) else None
    bad = cells.notna() if values is None else values.isna() & cells.notna()
    if values is not None:
        bad |= np.abs(values.to_numpy(dtype=float, na_value=np.nan)) > LARGEST
        bad |= truth_in(cells)
    if n := int(bad.sum()):
        raise ColumnError(
            f"Column '{column}' of {what} must hold finite numbers; {rows_that_do_not(n)} "
            f"(first value {shown(cells[bad].iloc[0])}; rows {listing(data.index[bad])}). "
            f"{_remedy(cells[bad])}"
        )
    if values is None:
        return np.full(len(cells), np.nan)
    return values.to_numpy(dtype=float, na_value=np.nan)


def _remedy(bad: pd.Series) -> str:
    """Return what makes numbers of cells that are none."""
    name = repr(bad.name)
    if truth_in(bad).all():
        return f"Where 1 and 0 are meant: data[{name}].astype(float)."
    if bad.map(lambda cell: isinstance(cell, str) and bool(DECIMAL_COMMA.match(cell))).all():
        dots = f"data[{name}].astype(str).str.replace(',', '.')"
        return f"If the comma is a decimal one: data[{name}] = pd.to_numeric({dots})."
    return "Correct them or set them missing."


def of_rows(given: Any, data: pd.DataFrame, name: str) -> np.ndarray:
    """Return one number a row of the data; a Series goes to its rows by the index."""
    if isinstance(given, pd.Series) and not given.index.equals(data.index):
        unique = given.index.is_unique and data.index.is_unique
        if not unique or not data.index.isin(given.index).all():
            raise DesignError(
                f"{name}= is a Series whose index is not that of the data, so which number "
                f"belongs to which row is not known: make it a column of the data, or give "
                f"{name}=series.to_numpy() if it is in the order of the rows."
            )
        given = given.reindex(data.index)
    if isinstance(given, pd.Series):
        given = given.to_numpy(dtype=float, na_value=np.nan)
    values = np.asarray(given, dtype=float)
    if values.shape != (len(data),):
        raise DesignError(f"The {name} must be one number a row: {len(data)}, not {values.shape}.")
    return values


def rows_that_do_not(n: int) -> str:
    """Return ``1 row does not`` or ``3 rows do not``."""
    return f"{plural(n, 'row')} do{'es' * (n == 1)} not"


def refuse_truth(cells: pd.Series, what: str, remedy: str = "") -> None:
    """Raise `ColumnError` where a score holds True or False, which count as 1 and 0 elsewhere."""
    truth = truth_in(cells)
    if truth.any():
        raise ColumnError(
            f"'{cells.name}' must hold numbers in {what}; {int(truth.sum())} rows hold True or "
            f"False, which is no score. {remedy or 'Is it the column that is meant?'}"
        )


def truth_in(cells: pd.Series) -> np.ndarray:
    """Return which cells are True or False, in a column of them or among others."""
    if pd.api.types.is_bool_dtype(cells.dtype):
        return cells.notna().to_numpy(dtype=bool)
    if cells.dtype.kind in "iufcmM" or isinstance(cells.dtype, pd.StringDtype):
        return np.zeros(len(cells), dtype=bool)
    return np.array([isinstance(cell, bool | np.bool_) for cell in cells], dtype=bool)


def _may_be_numbers(cells: pd.Series) -> bool:
    """Dates and truth values turn into numbers without complaint, and mean something else."""
    kind = cells.dtype
    return not (
        pd.api.types.is_bool_dtype(kind)
        or pd.api.types.is_datetime64_any_dtype(kind)
        or pd.api.types.is_timedelta64_dtype(kind)
    )
