"""From the parts that files give to the tables of a study, each row with its origin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..frames import counted_anew
from ..origin import BESIDE, Origin, Stepped
from ..tables import TABLES
from .gathering import Gathered, Part
from .people import first_of
from .values import plain_text
from .who import COURSE

_KEYS = {"sessions": ["client_id", "session"], "clients": ["client_id"]}
_KEYS["therapists"] = ["therapist_id"]
_NAMED_IN: dict[str, tuple[str, ...]] = {
    "sessions": ("ratings", "scores"),
    "clients": ("sessions", "assessments", "terminations"),
    "therapists": ("clients", "sessions", "forecasts"),
}
_OF_A_TREATMENT = ("therapist_id", "condition")
"""What is said of a client's treatment, not of the person."""


@dataclass
class Assembled:
    """Tables and where their rows came from."""

    tables: dict[str, pd.DataFrame]
    origins: dict[str, Origin]


def assemble(gathered: Gathered) -> Assembled:
    """Return the canonical tables; what no file gives is derived from the ids in the others."""
    result = Assembled({}, {})
    for name in (*TABLES, *BESIDE):
        parts = [part for part in gathered.parts if part.table == name]
        if name in _KEYS:
            courses = gathered.who.courses if name == "clients" else {}
            parts = _given_before_derived(parts, _KEYS[name], courses)
        if parts:
            _put(result, parts)
    _derive_missing(result)
    _name_courses(result, gathered)
    for name, frame in result.tables.items():
        if name not in BESIDE:
            gathered.rows_in[name] = gathered.rows_in.get(name, 0) + len(frame)
    return result


def _put(result: Assembled, parts: list[Part]) -> None:
    """Add a table made of parts."""
    whole = _joined(parts)
    origin = Origin(whole.layouts, whole.layout, whole.rows, whole.filled)
    result.tables[whole.table], result.origins[whole.table] = whole.frame, origin


def _joined(parts: list[Part]) -> Part:
    """Return parts of one table as one part."""
    if len(parts) == 1:
        return replace(parts[0], frame=stacked([parts[0].frame]))
    layouts = [layout for part in parts for layout in part.layouts]
    starts = np.cumsum([0, *(len(part.layouts) for part in parts)], dtype=np.int32)

    def joined(places: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        layout = [each + start for (_, each), start in zip(places, starts, strict=False)]
        return Stepped.joined([row for row, _ in places]), Stepped.joined(layout)

    rows, layout = joined([(part.rows, part.layout) for part in parts])
    names = {name for part in parts for name in part.filled}
    filled = {name: joined([part.place(name) for part in parts]) for name in names}
    frame = stacked([part.frame for part in parts])
    return Part(parts[0].table, frame, rows, tuple(layouts), layout, parts[0].given, filled)


def stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames one below the other; categories are united, absent columns are missing."""
    if len(frames) == 1:
        return counted_anew(frames[0])
    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    n = [len(frame) for frame in frames]
    data = {}
    for name in names:
        columns = [frame.get(name) for frame in frames]
        there = [column for column in columns if column is not None]
        if len(there) == len(frames) and all(_is_categorical(column) for column in there):
            united = pd.api.types.union_categoricals(there)  # type: ignore[arg-type]
            data[name] = pd.Series(united)
            continue
        full = [
            _plain(column) if column is not None else pd.Series([None] * count, dtype=object)
            for column, count in zip(columns, n, strict=True)
        ]
        data[name] = _concat(full)
    return pd.DataFrame(data, copy=False)


def _concat(columns: list[pd.Series]) -> pd.Series:
    """Return columns joined; those that hold nothing do not decide the type."""
    holding = [column for column in columns if column.notna().any()]
    kinds = {column.dtype for column in holding}
    if len(kinds) == 1 and len(holding) < len(columns):
        kind = next(iter(kinds))
        kind = np.dtype("float64") if kind.kind in "iu" else kind
        kind = pd.BooleanDtype() if kind.kind == "b" else kind
        columns = [column.astype(kind) for column in columns]
    return pd.concat(columns, ignore_index=True)


def _is_categorical(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _plain(column: pd.Series) -> pd.Series:
    return plain_text(column) if _is_categorical(column) else column


# -- given and derived ------------------------------------------------------------------------


def _given_before_derived(
    parts: list[Part], key: list[str], courses: dict[str, tuple[str, int]]
) -> list[Part]:
    """Return the given parts, filled with what the derived ones know; else the derived, once.

    A later treatment (of `courses`) of a client who is given is taken from the derived rows.
    """
    given = [part for part in parts if part.given]
    derived = [part for part in parts if not part.given]
    if not derived:
        return given
    if not given:
        return [_once(derived, key)]
    known = _once(derived, key)
    filled = [_filled(part, known, key) for part in given]
    return [*filled, *_later_courses(filled, known, courses)] if courses else filled


def _filled(part: Part, known: Part, key: list[str]) -> Part:
    """Return a given part with columns that only the derived rows have."""
    new = [name for name in known.frame.columns if name not in part.frame.columns]
    if not new or any(name not in part.frame.columns for name in key):
        return part
    left = part.frame[key].astype(object)
    right = known.frame[key].astype(object).assign(at=np.arange(len(known.frame)))
    right = right.dropna(subset=key).drop_duplicates(key)
    found = left.merge(right, on=key, how="left")["at"]
    here, at = found.notna().to_numpy(), found.fillna(0).to_numpy(dtype=np.int64)
    frame, filled = part.frame, dict(part.filled)
    for name in new:
        values = known.frame[name].iloc[at].set_axis(frame.index)
        frame = frame.assign(**{name: values.where(here)})
        row, layout = known.place(name)
        filled[name] = (
            np.where(here, row[at], part.rows[:]),
            np.where(here, layout[at] + len(part.layouts), part.layout[:]).astype(np.int32),
        )
    return replace(part, frame=frame, filled=filled, layouts=part.layouts + known.layouts)


def _later_courses(
    given: list[Part], known: Part, courses: dict[str, tuple[str, int]]
) -> list[Part]:
    """Return rows for later treatments of clients of whom a file lists the person alone.

    What is known of the person is the same in each; who treats, and how, is not.
    """
    listed = {one for part in given for one in part.frame["client_id"].dropna()}
    found = []
    for part in given:
        place = {one: at for at, one in enumerate(part.frame["client_id"])}
        rows = [
            (at, place[courses[one][0]], one)
            for at, one in enumerate(known.frame["client_id"].astype(object))
            if one in courses and one not in listed and courses[one][0] in place
        ]
        if not rows:
            continue
        own, whose, names = (list(each) for each in zip(*rows, strict=True))
        frame = part.frame.iloc[whose].reset_index(drop=True).assign(client_id=names)
        treated = known.frame.iloc[own].reset_index(drop=True)
        frame = frame.assign(
            **{name: treated.get(name) for name in _OF_A_TREATMENT if name in frame}
        )
        places = {name: (row[whose], at[whose]) for name, (row, at) in part.filled.items()}
        rows_in, layout = part.rows[whose], part.layout[whose]
        found.append(replace(part, frame=frame, rows=rows_in, layout=layout, filled=places))
    return found


def _name_courses(result: Assembled, gathered: Gathered) -> None:
    """Say in the table of clients whose course each is, and which, where treatments are counted."""
    courses, clients = gathered.who.courses, result.tables.get("clients")
    if not courses or clients is None or "client_id" not in clients:
        return
    pairs = [courses.get(one, (one, 1)) for one in clients["client_id"].astype(object)]
    named = dict(zip(COURSE, map(list, zip(*pairs, strict=True)), strict=True))
    result.tables["clients"] = clients.assign(**named)


def _once(parts: list[Part], key: list[str]) -> Part:
    """Return derived parts in which no key is there twice; later files fill what is missing."""
    whole = _joined(parts)
    if len(parts) == 1:
        return whole
    frame, others = first_of(whole.frame, key)
    at = frame.index.to_numpy()
    filled = {}
    for name in {*whole.filled, *others}:
        row, layout = whole.place(name)
        from_row = others.get(name, at)
        filled[name] = (row[from_row], layout[from_row])
    return replace(
        whole,
        frame=frame.reset_index(drop=True),
        rows=whole.rows[at],
        layout=whole.layout[at],
        filled=filled,
    )


# -- tables no file gives ---------------------------------------------------------------------


def _derive_missing(result: Assembled) -> None:
    """Add sessions, clients and therapists that only occur as ids in other tables."""
    for name, sources in _NAMED_IN.items():
        if name not in result.tables:
            _derive(result, name, _KEYS[name], [s for s in sources if s in result.tables])


def _derive(result: Assembled, name: str, key: list[str], sources: list[str]) -> None:
    parts = []
    for source in sources:
        frame, origin = result.tables[source], result.origins[source]
        if any(column not in frame.columns for column in key):
            continue
        at = _first_positions(frame, key)
        if not len(at):
            continue
        keys = frame[key].iloc[at].reset_index(drop=True)
        keys = keys.assign(**{c: _plain(keys[c]) for c in key if _is_categorical(keys[c])})
        parts.append(
            Part(name, keys, origin.row[at], origin.layouts, origin.layout[at], given=False)
        )
    if parts:
        _put(result, [_once(parts, key)])


def _first_positions(frame: pd.DataFrame, key: list[str]) -> np.ndarray:
    """Return the first row of each key that is wholly there, without sorting a long table."""
    codes = []
    there = np.ones(len(frame), dtype=bool)
    for name in key:
        column = frame[name]
        there &= column.notna().to_numpy()
        codes.append(column.cat.codes.to_numpy() if _is_categorical(column) else column.to_numpy())
    change = there.copy()
    if len(frame) > 1:
        same = np.ones(len(frame) - 1, dtype=bool)
        for each in codes:
            same &= each[1:] == each[:-1]
        change[1:] &= ~same | ~there[:-1]
    at = np.flatnonzero(change)
    return at[~frame[key].iloc[at].duplicated().to_numpy()]
