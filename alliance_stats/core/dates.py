"""Dates: which columns hold them, also as text, and how many days lie between."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import ColumnError

_DATES = (
    (r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?", "%Y-%m-%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2}/\d{1,2}/\d{4}", "%m/%d/%Y"),
    (r"\d{1,2}/\d{1,2}/\d{4}", "%d/%m/%Y"),
)


def dates_of(column: pd.Series) -> pd.Series | None:
    """Return a column of dates as dates; None where it holds anything else."""
    if types.is_datetime64_any_dtype(column.dtype):
        return column.dt.tz_localize(None) if column.dt.tz is not None else column
    if types.is_numeric_dtype(column.dtype) or column.notna().sum() == 0:
        return None
    text = column.dropna().astype(str).str.strip()
    for pattern, form in _DATES:
        if not text.str.fullmatch(pattern).all():
            continue
        day = text.str.slice(0, 10).str.replace(r"[ T].*", "", regex=True)
        found = pd.to_datetime(day, format=form, errors="coerce")
        if found.notna().all():
            return found.reindex(column.index)
    return None


def refuse_dates(column: pd.Series, what: str, *, dates: str, spans: str) -> None:
    """Refuse dates and spans of time, dates written as text too, where numbers are meant.

    `dates` and `spans` end the sentence that says which of them `what` holds: what makes numbers.
    """
    if types.is_timedelta64_dtype(column.dtype):
        raise ColumnError(f"{what} holds spans of time; {spans}")
    if dates_of(pd.Series(column.dropna().unique())) is not None:
        raise ColumnError(f"{what} holds dates{dates}")


def days(dates: pd.Series) -> np.ndarray:
    """Return dates as numbers of days."""
    return in_days(dates - pd.Timestamp("2000-01-01"))


def in_days(spans: pd.Series) -> np.ndarray:
    """Return spans of time as numbers of days."""
    return (spans.dt.total_seconds() / 86_400).to_numpy(dtype=float, na_value=np.nan)
