"""Files whose rows are of several kinds: REDCap's repeating instruments and its events.

Each kind of rows becomes a source of its own in a draft, with the ``where:`` that takes it and the
columns that are filled in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..stages import stage_of
from .names import WORDS
from .values import as_word

INSTRUMENT, INSTANCE, EVENT = (
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_event_name",
)
MOST_KINDS = 40
_ARM = re.compile(r"_arm_(\d+[a-z]?)$")


@dataclass(frozen=True)
class Kind:
    """Rows of one kind: what takes them, and what they are when read."""

    frame: pd.DataFrame
    where: dict[str, Any] = field(default_factory=dict)
    recode: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_event: str = ""
    """``session`` or ``occasion`` where the names of events say it."""


def kinds_of_rows(frame: pd.DataFrame) -> list[Kind]:
    """Return the kinds of rows of a REDCap export; one kind without ``where`` for other files."""
    by = [
        name for name in (INSTRUMENT, EVENT) if name in frame.columns and frame[name].notna().any()
    ]
    if not by:
        return [Kind(frame)]
    keys = frame[by].astype(object).where(frame[by].notna(), None)
    events = _events(frame[EVENT]) if EVENT in by else {}
    groups: dict[tuple[Any, ...], list[int]] = {}
    for at, row in enumerate(keys.itertuples(index=False, name=None)):
        held = dict(zip(by, row, strict=True))
        told = events.get(as_word(held[EVENT])) if held.get(EVENT) is not None else None
        repeats = INSTANCE in frame and pd.notna(frame[INSTANCE].iloc[at])
        groups.setdefault((held.get(INSTRUMENT), _time_of(told), bool(repeats)), []).append(at)
    if len(groups) > MOST_KINDS:
        return [Kind(frame)]
    return [_kind(frame.iloc[at], by, key, events) for key, at in groups.items()]


def _kind(frame: pd.DataFrame, by: list[str], key: tuple[Any, ...], events: dict[str, Any]) -> Kind:
    instrument, time, repeats = key
    where: dict[str, Any] = {INSTRUMENT: instrument} if INSTRUMENT in by else {}
    recode: dict[str, dict[str, Any]] = {}
    by_event = time if EVENT in by and not repeats else ""
    if EVENT in by:
        here = list(dict.fromkeys(as_word(word) for word in frame[EVENT].dropna()))
        where |= {EVENT: here if len(here) > 1 else here[0] if here else None}
        if by_event:
            recode[time] = {word: events[word] for word in here if events[word] != word}
    filled = [str(name) for name in frame.columns if frame[name].notna().any()]
    own = EVENT if by_event else INSTANCE
    kept = [name for name in filled if name not in (*by, INSTANCE) or name == own]
    recode = {name: words for name, words in recode.items() if words}
    return Kind(frame[kept].reset_index(drop=True), where, recode, by_event)


def _events(column: pd.Series) -> dict[str, Any]:
    """Return what each event is: a session's number, or an occasion."""
    words = [as_word(word) for word in column.dropna().unique()]
    stages = {_ARM.sub("", word): _stage(_ARM.sub("", word)) for word in words}
    once = [stage for stage in stages.values() if [*stages.values()].count(stage) == 1]
    return {
        word: stage if (stage := stages[_ARM.sub("", word)]) in once else _ARM.sub("", word)
        for word in words
    }


def _stage(name: str) -> Any:
    """Return what an event's name says: a session's number, a stage of treatment, or itself."""
    session = re.fullmatch(r"([a-z]+)_?(\d+)", name.casefold())
    if session and "session" in WORDS.get(session[1], {}):
        return int(session[2])
    known = stage_of(name)
    number = re.search(r"\d+", name)
    return f"{known}{number[0] if number else ''}" if known else name


def arms_of(where: dict[str, Any]) -> dict[str, str]:
    """Return the arm of each event that rows are taken by: REDCap ends an event's name with it."""
    held = where.get(EVENT)
    arms = {word: _ARM.search(word) for word in (held if isinstance(held, list) else [held or ""])}
    return {word: f"arm {arm[1]}" for word, arm in arms.items() if arm}


def _time_of(event: Any) -> str:
    return "session" if isinstance(event, int) else "occasion"
