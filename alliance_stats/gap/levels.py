"""What every model of the gap does first: check levels and ratings, count what is left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, listing, require_columns
from .ranges import beyond_the_other

MUCH_WIDER = 3.0
"""Two raters of one scale do not differ in spread or reach by more; more tells of two scales."""
ENOUGH_TO_JUDGE = 10
"""Fewer rows say little about the range of a scale."""


def grouping(by: str | Sequence[str] | None) -> list[str]:
    """Return the grouping columns, the lowest level (the dyad) first."""
    if by is None:
        return []
    levels = [by] if isinstance(by, str) else list(by)
    if not 1 <= len(levels) <= 2 or len(set(levels)) < len(levels):
        raise DesignError(
            "by must name the dyad (client_id), or the dyad and the therapist "
            f"(['client_id', 'therapist_id']), or be None; it is {by!r}."
        )
    return levels


def table_of(data: object) -> pd.DataFrame:
    """Return the data, or say that they are no table."""
    if isinstance(data, pd.DataFrame):
        return data
    raise ColumnError(
        f"The data must be a pandas DataFrame with a row a session, not {type(data).__name__}; "
        "for a study take rating_gap(study, ...).pairs, which holds both ratings side by side."
    )


def numeric(data: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as numbers, or say what in it is none."""
    values = pd.to_numeric(data[column], errors="coerce").astype(float)
    bad = (values.isna() & data[column].notna()) | np.isinf(values)
    if bad.any():
        raise ColumnError(
            f"The column '{column}' must hold finite numbers; {int(bad.sum())} rows do not (first "
            f"value {data[column][bad].iloc[0]!r}, rows {listing(data.index[bad])}). Correct them, "
            "or set them missing; categories must be coded as numbers first."
        )
    return values


def complete_rows(
    data: pd.DataFrame, wanted: dict[str, str], levels: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return numbers under new names (`wanted`: new name to column) and levels, complete rows only.

    The rows' index is their position in the data. The messages count what is left out, by what was
    missing.
    """
    require_columns(data.columns, [*wanted.values(), *levels], what="the data")
    frame = pd.DataFrame({n: numeric(data, column).to_numpy() for n, column in wanted.items()})
    for position, level in enumerate(levels):
        frame[f"level{position + 1}"] = data[level].to_numpy()
    lacking = frame.isna()
    incomplete = lacking.any(axis=1)
    messages = []
    if incomplete.any():
        names = {**wanted, **{f"level{i + 1}": level for i, level in enumerate(levels)}}
        each = [
            f"'{names[name]}' {int(n)}"
            for name, n in zip(map(str, lacking), lacking.sum(), strict=True)
            if n
        ]
        messages.append(
            f"{int(incomplete.sum())} of {len(frame)} rows are incomplete and left out (missing: "
            f"{listing(each)})."
        )
    kept = frame[~incomplete]
    if len(kept) < 3:
        raise DesignError(f"Only {len(kept)} complete rows are left; a model needs more.")
    if len(levels) == 2:
        _refuse_two_therapists(kept, levels)
    return kept, messages


def _refuse_two_therapists(frame: pd.DataFrame, levels: Sequence[str]) -> None:
    pairs = frame[["level1", "level2"]].drop_duplicates()
    several = pairs.loc[pairs["level1"].duplicated(keep=False), "level1"].unique()
    if len(several):
        raise DesignError(
            f"{len(several)} units of '{levels[0]}' lie in more than one of '{levels[1]}': "
            f"{listing(several)}. A dyad is one client with one therapist; give a client who "
            "changed therapist an id of its own with each, or leave those sessions out."
        )


def require_one_scale(first: pd.Series, second: pd.Series, names: tuple[str, str]) -> None:
    """Refuse two ratings that cannot be on one scale, by how far they reach and how they spread."""
    ends = [(float(one.min()), float(one.max())) for one in (first, second)]
    reach = sorted(max(abs(low), abs(high)) for low, high in ends)
    spread = sorted(high - low for low, high in ends)
    enough = len(first) >= ENOUGH_TO_JUDGE and spread[0] > 0
    much = reach[1] > MUCH_WIDER * reach[0] or (enough and spread[1] > MUCH_WIDER * spread[0])
    ends_at = beyond_the_other(first, second)
    if not much and ends_at is None:
        return
    heap = ""
    if ends_at is not None:
        position, end, word = ends_at
        heap = (
            f" (several of '{names[position]}' are exactly {end:g}, the {word}, where "
            f"'{names[1 - position]}' goes on)"
        )
    ranges = [f"'{n}' runs from {a:g} to {b:g}" for n, (a, b) in zip(names, ends, strict=True)]
    raise DesignError(
        f"Both ratings must be on one scale, but {ranges[0]} and {ranges[1]}{heap}. Put them on a "
        "common scale first (the same range of points; not z scores, which remove the gap), or "
        "pass same_scale=True where they are on one."
    )


def require_variance(values: pd.Series, name: str, why: str) -> None:
    """Refuse a variable that does not vary."""
    if not float(values.max() - values.min()) > 0:
        raise DesignError(f"'{name}' has the same value in all {len(values)} rows; {why}")
