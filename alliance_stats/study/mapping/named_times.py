"""What the names of sheets and files say: when (``pre``, ``Sitzung 3``, ``T1``), and who rated."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..stages import stage_of, without_accents, words_in
from .names import NUMBERED, WORDS, roles_of
from .vocabulary import OCCASIONS

_NUMBERED = re.compile(r"([^\W\d_]+)[\s_.-]*(\d+)|(\d+)[\s_.-]*([^\W\d_]+)")


def times_in(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return name → what a source says of its time, where names say it (``{"session": 3}``).

    One name alone may mean anything (``data_final.csv``): at least two must say different times
    of one kind.
    """
    names = list(names)
    for kind, read in (("session", _session), ("occasion", _stage), ("occasion", _point)):
        found = {name: time for name in names if (time := read(name)) is not None}
        if len(set(found.values())) > 1:
            return {name: _as_written(kind, time) for name, time in found.items()}
    return {}


def clients_in(columns: dict[str, list[str]]) -> dict[str, str]:
    """Return name → the client that it names, where each of several tables is one client's.

    `columns`: name → those of its table. Most are alike (a sheet may explain codes), and none of
    their columns names a client.
    """
    heads = Counter(map(tuple, columns.values()))
    head, n = heads.most_common(1)[0]
    named = any("client_id" in roles_of(name, sure=sure) for name in head for sure in (True, False))
    if named or n < 3 or n <= len(columns) / 2:
        return {}
    return {name: name for name, each in columns.items() if tuple(each) == head}


def _as_written(kind: str, time: Any) -> dict[str, Any]:
    own = kind == "session" or time in OCCASIONS
    return {kind: time} if own else {"constants": {kind: time}}


def _words_with_numbers(name: str) -> list[tuple[str, str, str]]:
    """Return the words that have a number beside them, the numbers, and both as they stand."""
    found = _NUMBERED.finditer(name)
    return [(without_accents(m[1] or m[4]), m[2] or m[3], m[0]) for m in found]


def _session(name: str) -> int | None:
    said = [int(n) for word, n, _ in _words_with_numbers(name) if "session" in WORDS.get(word, {})]
    return said[0] if len(said) == 1 else None


def _stage(name: str) -> str | None:
    stage, numbers = stage_of(name), re.findall(r"\d+", name)
    return stage + numbers[0] if stage == NUMBERED and len(numbers) == 1 else stage


def _point(name: str) -> str | None:
    """Return a point of time that is only numbered (``T1``, ``MZP 2``, ``Woche 4``)."""
    said = [
        text
        for word, _, text in _words_with_numbers(name)
        if "time" in WORDS.get(word, {}) or "occasion" in roles_of(word)
    ]
    return said[0] if len(said) == 1 else None


def rater_in(name: str) -> str:
    """Return who rated, where a word of a name says it (``WAI_Therapeut.csv``); empty if none."""
    said = {WORDS.get(word, {}).get("rater", "") for word in words_in(name) if len(word) > 2}
    return "".join(said - {""}) if len(said - {""}) == 1 else ""
