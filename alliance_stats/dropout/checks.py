"""Checks that every question about dropout asks of its arguments and its tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import ColumnError, DesignError, listing, plural
from ..people import reuse_hint


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


def table_only(given: Any, what: str) -> pd.DataFrame:
    """Return `given` where it is a DataFrame whose columns have names of their own."""
    if not isinstance(given, pd.DataFrame):
        raise DesignError(f"{what} must be a DataFrame, not {type(given).__name__}.")
    twice = given.columns[given.columns.duplicated()].unique()
    if len(twice):
        raise ColumnError(f"{what} has several columns named {listing(map(repr, twice))}.")
    return given


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


def refuse_repeats(table: pd.DataFrame, keys: list[str], what: str) -> None:
    """Refuse a table in which a client's session (or whatever `keys` are) stands twice."""
    if not set(keys) <= set(table.columns):
        return
    twice = table.duplicated(keys, keep=False)
    if twice.any():
        first = table.loc[twice, keys].drop_duplicates()
        words = [" ".join(map(str, row)) for row in first.itertuples(index=False)]
        raise DesignError(
            f"{what} must have one row for each {' and '.join(keys)}, but {len(words)} stand more "
            f"than once: {listing(words)}."
            + reuse_hint(table, time="session" if "session" in keys else None)
        )


def same_ids(table: pd.DataFrame, like: pd.Series) -> pd.DataFrame:
    """Return `table` with its client_id in the type of `like`, so that the two can be merged."""
    own = table["client_id"]
    if own.dtype == like.dtype:
        return table
    if types.is_numeric_dtype(like.dtype) and not types.is_bool_dtype(like.dtype):
        as_number = pd.to_numeric(own.astype(object), errors="coerce")
        if as_number.notna().all():
            return table.assign(client_id=as_number.astype(like.dtype))
    text = own.astype(object)
    if not types.is_numeric_dtype(like.dtype):
        text = text.map(_as_text)
    return table.assign(client_id=text)


def _as_text(value: Any) -> Any:
    """Return a number as the text a person would type for it; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return value
    return str(int(value)) if float(value).is_integer() else str(value)
