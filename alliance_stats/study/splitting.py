"""A study in parts: one for each group of its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.people import CLIENT, THERAPIST, same_ids
from ..errors import DesignError, listing, plural, require_columns
from .labels import labelled
from .select import is_study

if TYPE_CHECKING:
    from .study import Study


def split(study: Study, by: str) -> dict[str, Study]:
    """Return a study for each value of a column of the clients; see `Study.split`."""
    groups = groups_of(study, by)
    found = {}
    for name, own in groups.groupby(groups, sort=True):
        tables: dict[str, Any] = {}
        for key, table in study.tables.items():
            if CLIENT in table.columns:
                ids = same_ids(pd.DataFrame({CLIENT: own.index}), table[CLIENT])[CLIENT]
                tables[key] = table[table[CLIENT].isin(ids)].reset_index(drop=True)
        treated = {one for table in tables.values() for one in table.get(THERAPIST, ())}
        held = study.tables.get("therapists")
        if held is not None:
            tables["therapists"] = held[held[THERAPIST].isin(treated)].reset_index(drop=True)
        # a table without rows is one that the group does not have
        tables = {key: None if table.empty else table for key, table in tables.items()}
        found[str(name)] = study.with_tables(**tables)
    return found


def groups_of(source: Study | pd.DataFrame, by: str) -> pd.Series:
    """Return each client's group in words, of those who have one, by id.

    A study has it in its table of clients; a table of scores or ends in its rows, where a client is
    in one group.
    """
    if is_study(source):
        rows, what = source.table("clients").drop_duplicates(CLIENT), "the clients' table"
    else:
        rows, what = source, "the data"
    require_columns(rows.columns, [CLIENT, by], what=what)
    pairs = rows[[CLIENT, by]].dropna().drop_duplicates()
    several = pairs[CLIENT].duplicated(keep=False)
    if several.any():
        who = pd.unique(pairs.loc[several, CLIENT])
        raise DesignError(
            f"'{by}' groups clients, and {plural(len(who), 'client')} had several values of it "
            f"(first: {listing(who)}). Give each client one."
        )
    group = labelled(source, pairs.set_index(CLIENT)[by]).astype(object)
    if group.empty:
        raise DesignError(f"No client has a value of '{by}'.")
    return group.map(str)


def with_group(table: pd.DataFrame, source: Study | pd.DataFrame, by: str) -> pd.DataFrame:
    """Return a table with the group of each row's client, and what it says of itself.

    A table that was given with its groups keeps them.
    """
    if not is_study(source) and by in table.columns:
        return table
    groups = groups_of(source, by)
    known = pd.DataFrame({CLIENT: groups.index, by: groups.to_numpy()})
    group_of = same_ids(known, table[CLIENT]).set_index(CLIENT)[by]
    out = table.assign(**{by: table[CLIENT].map(group_of)})
    out.attrs.update(table.attrs)
    return out


def parts_of(table: pd.DataFrame, by: str | None) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each group with its name; all rows, named "", without `by`."""
    if by is None:
        return [("", table)]
    return [(str(name), own) for name, own in table.groupby(by, observed=True, sort=True)]


def stacked(parts: Iterable[tuple[str, pd.DataFrame]], by: str | None) -> pd.DataFrame:
    """Return the tables of the groups below one another, the group in front."""
    if by is None:
        return pd.concat([made for _, made in parts], ignore_index=True)
    table = pd.concat([made.assign(**{by: name}) for name, made in parts], ignore_index=True)
    return table[[by, *(name for name in table.columns if name != by)]]


def without_group(clients: pd.DataFrame, by: str | None) -> list[str]:
    """Say how many of the clients (a row each) are in no group; nothing where all are in one."""
    lost = 0 if by is None else int(clients[by].isna().sum())
    return [f"{plural(lost, 'client')} without a '{by}' are in no group's numbers."][: lost > 0]


def each_group(make: Callable[[Study], pd.DataFrame], study: Study, by: str) -> pd.DataFrame:
    """Return what is made of the study of each group, the group in front."""
    return stacked(((name, make(part)) for name, part in split(study, by).items()), by)
