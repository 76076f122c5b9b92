"""What every model of the gap checks of its arguments and its rows, once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..core.arguments import checked_choice
from ..core.people import reuse_hint
from ..errors import ColumnError, DesignError, listing
from .levels import table_of


def table_with(data: object, columns: Sequence[str | None]) -> pd.DataFrame:
    """Return the data where they are a table with single names and no dates among `columns`."""
    table = table_of(data)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ColumnError(
            f"Column names must be single; {listing(twice.unique())} stands there more than once. "
            "Rename or drop one."
        )
    for name in columns:
        if name in table.columns and (
            pd.api.types.is_datetime64_any_dtype(table[name])
            or pd.api.types.is_timedelta64_dtype(table[name])
        ):
            raise ColumnError(
                f"The column '{name}' holds dates, not numbers; turn it into a number first (days "
                "or sessions since the start)."
            )
    return table


def names_of(given: object, argument: str) -> list[str]:
    """Return names of columns, given as one, as several, or None."""
    if given is None:
        return []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise DesignError(f"{argument} must name columns (one, or a list), not {given!r}.")
    out = list(names)
    if len(set(out)) < len(out):
        raise DesignError(f"{argument} names a column twice: {listing(out)}.")
    return out


def random_part(slopes: str, random: str | None, allowed: Sequence[str]) -> str:
    """Return which effects vary, from `slopes` or from its older name `random` where given.

    The first of `allowed` lets slopes vary, ``"intercepts"`` holds them the same for all.
    """
    checked_choice("slopes", slopes, ("all", "none"))
    if random is None:
        return allowed[0] if slopes == "all" else "intercepts"
    checked_choice("random", random, allowed)
    return random


def distinct(columns: Sequence[str | None]) -> None:
    """Refuse a model in which one column plays two parts: its fit would be exact, or empty."""
    there = [name for name in columns if name is not None]
    twice = sorted({name for name in there if there.count(name) > 1})
    if twice:
        raise DesignError(
            f"The column '{twice[0]}' is named for two parts of the model; each part (ratings, "
            "outcome, covariates, groups) needs a column of its own."
        )


def refuse_repeats(data: pd.DataFrame, levels: Sequence[str]) -> None:
    """Refuse two rows of one client and session, which would count the session twice."""
    unit = levels[0] if levels else "client_id"
    if unit not in data.columns or "session" not in data.columns:
        return
    keys = data[[unit, "session"]]
    twice = keys.duplicated(keep=False) & keys.notna().all(axis=1)
    if twice.any():
        first = keys[twice].drop_duplicates().head(3)
        where = [f"{a} session {b}" for a, b in first.itertuples(index=False)]
        raise DesignError(
            f"{int(twice.sum())} rows share '{unit}' and session (first: {listing(where)}); keep "
            f"one row a session.{reuse_hint(data, unit)}"
        )


def note_clusters(data: pd.DataFrame, levels: Sequence[str], messages: list[str]) -> None:
    """Say where rows of one client or therapist are taken as independent of each other."""
    if not levels and "client_id" in data.columns and data["client_id"].duplicated().any():
        messages.append(
            "by=None treats rows as independent, but clients have several rows: intervals are "
            "too narrow. Use by='client_id', or one row a dyad."
        )
    elif (
        "therapist_id" in data.columns
        and "therapist_id" not in levels
        and 1 < data["therapist_id"].nunique() < len(data)
    ):
        how = f"by=['{levels[0]}', 'therapist_id']" if levels else "a model with therapists"
        messages.append(
            f"The data name {data['therapist_id'].nunique()} therapists, but the model does not "
            "use them. Where therapists differ, clients of one therapist are alike and these "
            f"intervals are too narrow: use {how}."
        )


def levels_in(rows: pd.DataFrame, levels: list[str], messages: list[str]) -> list[str]:
    """Return the levels that can be told apart; one row a dyad leaves none within dyads.

    Couples or single sessions: with one row a unit of `by` the model is that of by=None.
    """
    if len(levels) != 1 or rows["level1"].duplicated().any():
        return levels
    messages.append(
        f"Every unit of '{levels[0]}' has one row, so nothing can vary within dyads: this is the "
        "model of by=None, which compares dyads and centres on the mean of all."
    )
    return []


def pairwise(rows: pd.DataFrame, first: str, second: str, levels: Sequence[str]) -> bool:
    """Tell whether each dyad stands in two rows, once from each person's side."""
    if len(levels) != 1 or not (rows.groupby("level1").size() == 2).mean() > 0.9:
        return False
    groups = rows.groupby("level1")
    swapped = groups[first].first().eq(groups[second].last())
    swapped &= groups[second].first().eq(groups[first].last())
    differs = groups[first].first().ne(groups[second].first())
    return bool(swapped[differs].mean() > 0.9)


def refuse_pairwise(
    rows: pd.DataFrame, first: str, second: str, levels: Sequence[str], names: tuple[str, str]
) -> None:
    """Refuse the pairwise form where it would count every dyad twice."""
    if pairwise(rows, first, second, levels):
        raise DesignError(
            f"The data are in pairwise form: each '{levels[0]}' stands in two rows in which "
            f"'{names[0]}' and '{names[1]}' change places, so every dyad would count twice. Keep "
            "one row a dyad, with the same person first in each (the wives' rows, say), and fit "
            "that."
        )
