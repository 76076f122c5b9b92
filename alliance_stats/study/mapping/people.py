"""Clients and therapists as they occur in files that are about sessions or measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .source import Source
from .tables_of import settled
from .vocabulary import OCCASIONS, fields_of


def client_rows(source: Source, client: pd.Categorical, at: np.ndarray) -> None:
    """Add a row a client with the first value of what is one for a client."""
    names = [name for name in fields_of("clients")[1:] if source.has(name)]
    data: dict[str, Any] = {"client_id": client}
    for name in names:
        data[name], _ = source.typed("clients", name)
    further = source.further("clients")
    if source.has("session"):
        further = {name: further[name] for name in source.own_of_clients if name in further}
    else:
        further = with_the_client(source, further)
    data |= {name: source.frame[column] for name, column in further.items()}
    frame = settled(pd.DataFrame(data, index=source.frame.index).iloc[at], "clients")
    first, filled = first_of(frame, ["client_id"])
    for name in names:
        if name != "therapist_id":
            _name_changing(source, frame, name)
    columns = source.found(data) | further
    source.gathered.parts.append(
        source.part("clients", first, first.index.to_numpy(), columns, given=False, filled=filled)
    )


def with_the_client(source: Source, columns: dict[str, str]) -> dict[str, str]:
    """Return those of some further columns that hold one value for each client."""
    client = source.ids("client_id").codes
    if pd.Index(client[client >= 0]).is_unique:
        return columns
    found = {}
    for name, column in columns.items():
        codes = pd.factorize(source.frame[column])[0]
        pairs = pd.DataFrame({"client": client, "value": codes})[(client >= 0) & (codes >= 0)]
        if not pairs.drop_duplicates()["client"].duplicated().any():
            found[name] = column
    return found


def therapist_rows(source: Source, at: np.ndarray) -> None:
    """Add a row a therapist where the file names them, in a column or in one a session."""
    _therapists_in_turn(source, at)
    if not source.has("therapist_id"):
        return
    names = [name for name in fields_of("therapists") if source.has(name)]
    data = {name: source.typed("therapists", name)[0] for name in names}
    frame = settled(pd.DataFrame(data, index=source.frame.index).iloc[at], "therapists")
    first, filled = first_of(frame.dropna(subset=["therapist_id"]), ["therapist_id"])
    source.gathered.parts.append(
        source.part(
            "therapists",
            first,
            first.index.to_numpy(),
            source.found(names),
            given=False,
            filled=filled,
        )
    )


def _therapists_in_turn(source: Source, at: np.ndarray) -> None:
    """Add whom columns a session or occasion name; a client's own therapist is the first."""
    turns = source.spread.get("therapist_id", {})
    ranks = {name: rank for rank, name in enumerate(OCCASIONS)}
    for slot in sorted(
        turns, key=lambda slot: (slot[0] or 0, ranks.get(slot[1] or "", len(ranks)))
    ):
        named, _ = source.typed("therapists", "therapist_id", column=turns[slot])
        frame = pd.DataFrame({"client_id": source.ids("client_id"), "therapist_id": named})
        frame = frame.iloc[at].dropna()
        for table, key in (("clients", "client_id"), ("therapists", "therapist_id")):
            once = frame.drop_duplicates(key)
            own = settled(once if table == "clients" else once[[key]], table)
            places = source.found(("client_id",)) | {"therapist_id": turns[slot]}
            source.gathered.parts.append(
                source.part(table, own, once.index.to_numpy(), places, given=False)
            )


def first_of(frame: pd.DataFrame, key: list[str]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return a row a key with the first value that is there in each column.

    Returns
    -------
    tuple
        The rows, with the index of the first row of each key; and for the columns that took a
        value from another row the index of each value's row.
    """
    once = np.flatnonzero(~frame[key].duplicated().to_numpy())
    if len(once) == len(frame):
        return frame.copy(deep=False), {}
    result = frame.iloc[once].copy(deep=False)
    others = frame.columns.drop(key)
    if not len(others):
        return result, {}
    group = frame.groupby(key, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    filled = {}
    for name in others:
        there = np.flatnonzero(frame[name].notna().to_numpy())[::-1]
        at = once.copy()
        at[group[there]] = there  # the first row of a key is assigned last
        if (at != once).any():
            result[name] = frame[name].iloc[at].set_axis(result.index)
            filled[str(name)] = frame.index.to_numpy()[at]
    return result, filled


def _name_changing(source: Source, frame: pd.DataFrame, name: str) -> None:
    """Name clients for whom something that is one for a client has two values."""
    kinds = frame.groupby("client_id", sort=False)[name].nunique()
    odd = kinds.index[kinds.to_numpy() > 1]
    if not len(odd):
        return
    at = np.flatnonzero(frame["client_id"].isin(odd).to_numpy())
    shown = ", ".join(
        f"{client} ({', '.join(map(str, values.dropna().unique()))})"
        for client, values in frame[frame["client_id"].isin(odd[:5])]
        .astype({"client_id": object})
        .groupby("client_id", sort=False)[name]
    )
    more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
    source.notes.add(
        "varies_within_client",
        f"'{source.columns.get(name, name)}' should be one for a client, but has several values "
        f"for client{'s' if len(odd) > 1 else ''} {shown}{more}; the first is used.",
        hint="Correct it in the file, or leave the column out of study.yaml.",
        level="warning",
        table="clients",
        column=source.columns.get(name, name),
        at=frame.index.to_numpy()[at][:1000],
    )
