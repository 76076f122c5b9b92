"""Clients and therapists as they occur in files that are about sessions or measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .source import Part, Source
from .tables_of import settled
from .vocabulary import fields_of


def client_rows(source: Source, client: pd.Categorical, at: np.ndarray) -> None:
    """Add a row a client with the first value of what is one for a client."""
    names = [name for name in fields_of("clients")[1:] if source.has(name)]
    data: dict[str, Any] = {"client_id": client}
    for name in names:
        data[name], _ = source.typed("clients", name)
    one_row = not source.has("session") and not source.has("occasion")
    further = source.further("clients") if one_row else {}
    data |= {name: source.frame[column] for name, column in further.items()}
    frame = settled(pd.DataFrame(data, index=source.frame.index).iloc[at], "clients")
    first = _first_of(frame, "client_id")
    for name in names:
        if name != "therapist_id":
            _name_changing(source, frame, name)
    columns = {n: source.columns[n] for n in data if n in source.columns} | further
    source.gathered.parts.append(
        Part("clients", first, source.file, _file_rows(source, first), columns, given=False)
    )


def therapist_rows(source: Source, at: np.ndarray) -> None:
    """Add a row a therapist where the file names them."""
    if not source.has("therapist_id"):
        return
    names = [name for name in fields_of("therapists") if source.has(name)]
    data = {name: source.typed("therapists", name)[0] for name in names}
    frame = settled(pd.DataFrame(data, index=source.frame.index).iloc[at], "therapists")
    first = _first_of(frame.dropna(subset=["therapist_id"]), "therapist_id")
    columns = {n: source.columns[n] for n in names if n in source.columns}
    source.gathered.parts.append(
        Part("therapists", first, source.file, _file_rows(source, first), columns, given=False)
    )


def _first_of(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return a row a key with the first value that is there in each column."""
    once = ~frame[key].duplicated().to_numpy()
    if len(frame.columns) == 1:
        return frame[once]
    filled = frame.groupby(key, sort=False, dropna=False).first()
    result = frame[once].copy(deep=False)
    for name in frame.columns.drop(key):
        result[name] = filled[name].to_numpy()
    return result


def _file_rows(source: Source, frame: pd.DataFrame) -> np.ndarray:
    return source.rows[frame.index.to_numpy()]


def _name_changing(source: Source, frame: pd.DataFrame, name: str) -> None:
    """Name clients for whom something that is one for a client has two values."""
    kinds = frame.groupby("client_id", sort=False)[name].nunique()
    odd = kinds.index[kinds.to_numpy() > 1]
    if not len(odd):
        return
    at = np.flatnonzero(frame["client_id"].isin(odd).to_numpy())
    shown = ", ".join(str(client) for client in odd[:5])
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
