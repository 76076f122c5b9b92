"""Sessions that no column numbers: a client's n-th day is session n, over all files of a study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from ..origin import Problem
from .gathering import Part

COUNTED = (
    ": a client's n-th day is session n. A session of which no row tells is not counted, and forms "
    "of one session that were filled in on two days are two sessions."
)
NUMBERED = "If a column numbers the sessions, give it as session: in study.yaml."
CLASH = " here, and numbered in {}: which of them are the same nobody can tell."
SAME_WAY = "Give session: in the same way in all sources of study.yaml."


def days_of(dates: pd.Series) -> pd.Series:
    """Return dates as days since 1970, which stand for sessions until all files are read."""
    return (dates.dt.normalize() - pd.Timestamp(0)) / pd.Timedelta(days=1)


def days_part(part: Part) -> Part:
    """Return the sessions, with their dates, of rows that have no column for a date."""
    once = part.frame[["client_id", "session"]].dropna().drop_duplicates()
    at = once.index.to_numpy()
    dates = pd.Timestamp(0) + pd.to_timedelta(once["session"], unit="D")
    layouts = tuple(
        replace(each, columns=each.columns | {"date": each.columns["session"]})
        for each in part.layouts
    )
    frame = once.assign(date=dates).reset_index(drop=True)
    return Part("sessions", frame, part.rows[at], layouts, part.layout[at], given=False)


def number_sessions(parts: Iterable[Part], dated: list[Part]) -> list[Problem]:
    """Turn days into numbers of sessions where they stand; return what is to be told of it."""
    counted = [part for part in dated if "session" in part.frame]
    if not counted:
        return []
    keys = pd.concat([_keys(part.frame) for part in counted])
    numbers = keys.groupby("client_id", dropna=False)["session"].rank("dense")
    ends = np.cumsum([len(part.frame) for part in counted])
    for part, own in zip(counted, np.split(numbers.to_numpy(), ends[:-1]), strict=True):
        whole = own if np.isnan(own).any() else own.astype("int64")
        part.frame = part.frame.assign(session=whole)
    ours = {id(part) for part in counted}
    others = [p for p in parts if p.given and "session" in p.frame and id(p) not in ours]
    if others:
        numbered = others[0].layouts[0].source.file
        return [_told(counted[0], "error", CLASH.format(numbered), SAME_WAY)]
    return [_told(counted[0], "info", COUNTED, NUMBERED)]


def _keys(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["client_id", "session"]].astype({"client_id": object, "session": float})


def _told(part: Part, level: str, message: str, hint: str) -> Problem:
    """Return what is to be told at the column of dates of a part."""
    file, column = part.layouts[0].source, part.layouts[0].columns["session"]
    return Problem(
        level,
        "counted_sessions",
        f"Sessions are counted by '{column}'{message}",
        hint,
        table="sessions",
        file=file.file,
        sheet=file.sheet,
        column=column,
    )
