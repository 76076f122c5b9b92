"""What every preparation asks of a table, and the record of what was done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import refuse_truth, shown
from ..core.people import THERAPIST, reused_ids
from ..errors import ColumnError, listing, require_columns

WHAT = "the data"
SCORE = "score"


def names(columns: str | Iterable[str], *, argument: str) -> list[str]:
    """Return the names as a list, whether one name or several were given."""
    wanted = [columns] if isinstance(columns, str) else list(columns)
    if not wanted or not all(isinstance(name, str) for name in wanted):
        raise ColumnError(
            f"`{argument}` must be the name of a column or a list of names; it is {shown(columns)}."
        )
    twice = sorted(name for name, n in Counter(wanted).items() if n > 1)
    if twice:
        raise ColumnError(f"`{argument}` names {listing(twice)} more than once; name it once.")
    return wanted


def check_table(data: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise `ColumnError` unless `data` is a table that has each wanted column once.

    A yes or no can be split and carried over as any other column; one named score is a mistake.
    """
    if not isinstance(data, pd.DataFrame):
        raise ColumnError(
            f"The data must be a pandas DataFrame with one row a session; it is a "
            f"{type(data).__name__}."
        )
    require_columns(data.columns, wanted, what=WHAT)
    several = set(data.columns[data.columns.duplicated()])
    twice = [name for name in wanted if name in several]
    if twice:
        raise ColumnError(
            f"The data have more than one column named {listing(twice)}; rename or drop the others."
        )
    if SCORE in wanted:
        refuse_truth(data[SCORE], WHAT)


def numbers(data: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as floats (missing as NaN); raise `ColumnError` where it holds no numbers."""
    series = data[column]
    if not (pd.api.types.is_numeric_dtype(series) or series.isna().all()):
        texts = [repr(value) for value in series.dropna().unique()[:3]]
        first = f" (first: {', '.join(texts)})" if texts else ""
        raise ColumnError(
            f"The column '{column}' must hold numbers; it holds {series.dtype}{first}. Turn it "
            "into numbers first, for example with pandas.to_numeric."
        )
    if pd.api.types.is_complex_dtype(series):
        raise ColumnError(f"The column '{column}' must hold real numbers; it holds {series.dtype}.")
    values = series.to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        rows = listing(data.index[infinite])
        raise ColumnError(
            f"The column '{column}' holds infinite values in {infinite.sum()} rows (index {rows}); "
            "set them to missing or correct them."
        )
    return values


def many_numbers(data: pd.DataFrame, columns: list[str]) -> dict[str, np.ndarray]:
    """Return columns as `numbers` does, taken as a block where all of them are plain."""
    block = data[columns]
    if all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in block.dtypes):
        values = np.ascontiguousarray(block.to_numpy(dtype=float).T)
        if not np.isinf(values).any():
            return dict(zip(columns, values, strict=True))
    return {column: numbers(data, column) for column in columns}


def group_codes(data: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the number of each row's group (-1 where an id is missing) and one row a group."""
    ids = data[list(by)]
    complete = ids.notna().all(axis=1).to_numpy()
    if len(by) == 1:
        codes = np.asarray(pd.factorize(ids[by[0]])[0], dtype=np.int64)
    else:
        grouped = ids.groupby(list(by), sort=False, observed=True, dropna=False).ngroup()
        codes = np.where(complete, grouped.to_numpy(), -1).astype(np.int64)
        codes[complete] = pd.factorize(codes[complete])[0]
    first = pd.Series(np.arange(len(codes))[complete]).groupby(codes[complete]).first()
    return codes, ids.iloc[first.to_numpy()].reset_index(drop=True)


def client_codes(
    data: pd.DataFrame, by: Sequence[str], time: str = "session", therapist: str = THERAPIST
) -> tuple[np.ndarray, pd.DataFrame, str]:
    """Return what `group_codes` does, and what is to be said of ids that several people have.

    Where the therapists' clients have the same numbers (`reused_ids`), each such client is told
    apart by the therapist too.
    """
    found = None if therapist in by else reused_ids(data, by[0], therapist, time=time)
    if found is None:
        return *group_codes(data, by), ""
    whose = data[therapist].astype(object).where(found.rows, "")
    codes, ids = group_codes(data[list(by)].assign(**{therapist: whose}), [*by, therapist])
    said = (
        f"{found.fact}, and each of them was taken as a client of its own. For models write "
        f"(1 | {found.therapist}/{found.client}). {found.advice}"
    )
    return codes, ids, said


def check_new(data: pd.DataFrame, new: Iterable[str], *, replace: bool) -> list[str]:
    """Return the new columns that replace others; raise `ColumnError` unless that was asked for."""
    there = [name for name in new if name in data.columns]
    if there and not replace:
        raise ColumnError(
            f"The data already have the column{'s' * (len(there) > 1)} {listing(there)}; drop or "
            "rename them first, or pass replace=True to compute them anew."
        )
    return there


def recorded(data: pd.DataFrame, **record: Any) -> pd.DataFrame:
    """Return `data` with one more record in ``.attrs["preparation"]``.

    A record is a plain dict (it survives copying and writing to JSON) with at least ``step`` and
    ``message``: sentences for a reader, which the summary of a fit repeats.
    """
    data.attrs["preparation"] = [*data.attrs.get("preparation", []), record]
    return data


def in_words(items: Iterable[str]) -> str:
    """Return names as ``'a, b and c'``."""
    *head, last = list(items)
    return f"{', '.join(head)} and {last}" if head else last
