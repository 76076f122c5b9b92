"""Checks that every question about dropout asks of its arguments and its tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import ColumnError, DesignError, listing, plural

MOST_PERIODS = 5_000_000
"""Rows at risk, a thousand clients' of thirteen years by day; a model of them takes gigabytes."""


def study_or_table(given: Any, what: str = "study") -> None:
    """Refuse what is neither a `Study` nor a DataFrame."""
    if not isinstance(given, pd.DataFrame) and not hasattr(given, "tables"):
        raise DesignError(
            f"{what} must be a Study (al.open_study, al.load_dataset) or a DataFrame, not "
            f"{type(given).__name__}."
        )


def study_only(given: Any, why: str) -> None:
    """Refuse what is no `Study`; `why` says what of it is needed."""
    if not hasattr(given, "tables"):
        raise DesignError(f"study must be a Study, not {type(given).__name__}: {why}.")


def refuse_too_many_periods(times: np.ndarray, what: str, remedy: str) -> None:
    """Refuse to make a row a time at risk where a unit far too small makes gigabytes of them."""
    n = float(np.sum(times, dtype=float))
    if n > MOST_PERIODS:
        raise DesignError(
            f"Counted in the unit of {what} there are {n:,.0f} times at risk (up to "
            f"{float(np.max(times)):,.0f} of one client), each of which is a row; at most "
            f"{MOST_PERIODS:,} are made. {remedy}"
        )


def number_of(n: int, noun: str, verb: str = "") -> str:
    """Return ``"1 client has"`` or ``"3 clients have"``: a count with its noun and verb."""
    plurals = {"has": "have", "is": "are", "was": "were", "counts": "count", "comes": "come",
               "lacks": "lack", "cannot": "cannot", "stands": "stand"}  # fmt: skip
    words = plural(n, noun)
    return f"{words} {verb if n == 1 else plurals.get(verb, verb)}" if verb else words


def flags(series: pd.Series, what: str, ids: pd.Series | None = None) -> pd.Series:
    """Return a column of yes and no as 1.0, 0.0 and NaN.

    Only True and False (or 1 and 0) are taken: every text counts as true in Python, "no" too.
    """
    if types.is_bool_dtype(series.dtype):  # nothing else can stand in it
        return series.astype("Float64").astype(float)
    values = series.astype(object)
    known = values.notna()
    ok = values.map(
        lambda v: isinstance(v, bool | np.bool_ | int | float | np.number) and v in (0, 1)
    ).astype(bool)
    wrong = known & ~ok
    if wrong.any():
        who = f" (clients {listing(pd.unique(ids[wrong]))})" if ids is not None else ""
        raise ColumnError(
            f"{what} must hold True and False (or 1 and 0); it also holds "
            f"{listing(map(repr, pd.unique(values[wrong])))}{who}. Recode it first."
        )
    return pd.to_numeric(values.where(known), errors="coerce").astype(float)


def no_missing_ids(table: pd.DataFrame, what: str) -> None:
    """Refuse rows without a client."""
    empty = table["client_id"].isna()
    if empty.any():
        raise ColumnError(
            f"{what}: {number_of(int(empty.sum()), 'row', 'has')} no client_id (rows "
            f"{listing(np.flatnonzero(empty) + 1)})."
        )
