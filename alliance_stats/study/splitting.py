"""A study in parts: one for each group of its clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.people import CLIENT, THERAPIST, same_ids
from ..errors import DesignError, require_columns
from .labels import labelled

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


def groups_of(study: Study, by: str) -> pd.Series:
    """Return each client's group in words, of those who have one, by id."""
    clients = study.table("clients").drop_duplicates(CLIENT).set_index(CLIENT)
    require_columns(clients.columns, [by], what="the clients' table")
    group = labelled(study, clients[by]).astype(object).dropna()
    if group.empty:
        raise DesignError(f"No client has a value of '{by}'.")
    return group.map(str)


def with_group(table: pd.DataFrame, study: Study, by: str) -> pd.DataFrame:
    """Return a table with the group of each row's client, and what it says of itself."""
    groups = groups_of(study, by)
    known = pd.DataFrame({CLIENT: groups.index, by: groups.to_numpy()})
    group_of = same_ids(known, table[CLIENT]).set_index(CLIENT)[by]
    out = table.assign(**{by: table[CLIENT].map(group_of)})
    out.attrs.update(table.attrs)
    return out


def each_group(make: Callable[[Study], pd.DataFrame], study: Study, by: str) -> pd.DataFrame:
    """Return the tables of the groups below one another, the group in front."""
    parts = [made.assign(**{by: name}) for name, made in
             ((name, make(part)) for name, part in split(study, by).items())]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table[[by, *(name for name in table.columns if name != by)]]
