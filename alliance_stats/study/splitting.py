"""A study in parts: one for each group of its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.people import CLIENT, THERAPIST, in_words, same_ids
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
    _refuse_clients(by)
    known = pd.DataFrame({CLIENT: rows[CLIENT], by: in_words(labelled(source, rows[by]))}).dropna()
    refuse_two_groups(known, by)
    group = known.drop_duplicates(CLIENT).set_index(CLIENT)[by]
    if group.empty:
        raise DesignError(f"No client has a value of '{by}'.")
    return group


def _refuse_clients(by: str) -> None:
    if by == CLIENT:
        raise DesignError(
            f"'{CLIENT}' makes each client a group of its own: name a column that groups clients, "
            "such as 'condition'."
        )


def refuse_two_groups(rows: pd.DataFrame, by: str) -> None:
    """Raise `DesignError` where a client's rows are of several groups."""
    pairs = rows[[CLIENT, by]].dropna().drop_duplicates()
    several = pairs[CLIENT].duplicated(keep=False)
    if several.any():
        who = pd.unique(pairs.loc[several, CLIENT])
        raise DesignError(
            f"'{by}' groups clients, and {plural(len(who), 'client')} had several values of it "
            f"(first: {listing(who)}). Give each client one."
        )


def with_group(table: pd.DataFrame, source: Study | pd.DataFrame, by: str) -> pd.DataFrame:
    """Return a table with the group of each row's client, and what it says of itself.

    A table that was given with its groups keeps them.
    """
    _refuse_clients(by)
    if not is_study(source) and by in table.columns:
        own = in_words(table[by])
        if own.isna().all():
            raise DesignError(f"No client has a value of '{by}'.")
        table = table.assign(**{by: own})
        if CLIENT in table.columns:
            refuse_two_groups(table, by)
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


def about_groups(
    clients: pd.DataFrame,
    by: str | None,
    groups: Iterable[str],
    *,
    counted: pd.DataFrame | None = None,
) -> list[str]:
    """Say how many of the clients (a row each) are in no group, and which group has none of them.

    `groups` are all that there should be; `counted` those clients who have scores, where not all.
    """
    if by is None:
        return []
    there = clients if counted is None else counted
    lost, absent = int(clients[by].isna().sum()), sorted(set(groups) - set(there[by].dropna()))
    said = [f"{plural(lost, 'client')} without a '{by}' are in no group's numbers."][: lost > 0]
    return said + [f"Nobody of {by} '{name}' has scores to be counted." for name in absent]


def each_group(make: Callable[[Study], pd.DataFrame], study: Study, by: str) -> pd.DataFrame:
    """Return what is made of the study of each group, the group in front."""
    return stacked(((name, make(part)) for name, part in split(study, by).items()), by)
