"""Which files are one of our tables already: ends of therapy, events, long ratings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from .values import as_word, codes_of
from .vocabulary import enum_of, fields_of

_NAMES: dict[str, dict[str, str]] = {
    "terminations": {
        "last_session": r"last[ _.\-]?session|n[ _.\-]?sessions?|sessions|n|letzte[ _.\-]?sitzung",
        "reason": r"reason|why|ending|end|termination|outcome|grund|dropout|status",
    },
    "events": {
        "kind": r"kind|event|type|ereignis",
        "subtype": r"subtype|sub[ _.\-]?type",
        "intensity": r"intensity|intensit.*",
        "resolution": r"resolution|resolved",
        "rater": r"rater|who|source|perspective",
    },
    "ratings": {
        "rater": r"rater|who|source|perspective",
        "measure": r"measure|instrument|scale|questionnaire",
        "item": r"item|item[ _.\-]?(?:no|nr|number)|question",
        "value": r"value|answer|response|rating|score",
    },
}
_NEEDED = {
    "terminations": ("reason",),
    "events": ("kind",),
    "ratings": ("item", "value"),
}


@dataclass
class TableGuess:
    """A file that seems to be one of our tables."""

    table: str
    columns: dict[str, str] = field(default_factory=dict)
    recode: dict[str, dict[Any, str]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def guess_table(frame: pd.DataFrame, left: list[str], roles: dict[str, str]) -> TableGuess | None:
    """Return the table a file seems to be, None where it is a file of sessions or clients."""
    if "client_id" not in roles:
        return None
    for table, patterns in _NAMES.items():
        columns: dict[str, str] = {}
        for ours, pattern in patterns.items():
            for name in left:
                fits = re.fullmatch(pattern, name.strip().casefold())
                if fits and name not in columns.values() and ours not in columns:
                    columns[ours] = name
        if all(ours in columns for ours in _NEEDED[table]) and _plausible(frame, table, columns):
            guess = TableGuess(table, columns)
            _recode(frame, guess)
            return guess
    return None


def _plausible(frame: pd.DataFrame, table: str, columns: dict[str, str]) -> bool:
    """Return whether the deciding column holds few different words."""
    if table == "ratings":
        return True
    column = frame[columns[_NEEDED[table][0]]]
    return 1 <= column.nunique() <= 12


def _recode(frame: pd.DataFrame, guess: TableGuess) -> None:
    """Note words that have to be translated into ours."""
    for ours, theirs in guess.columns.items():
        allowed = enum_of(guess.table, ours) if ours in fields_of(guess.table) else ()
        if not allowed:
            continue
        _, values = codes_of(frame[theirs])
        words = [as_word(value) for value in values]
        odd = [word for word in words if word not in allowed]
        same = {word: word.strip().casefold() for word in odd if word.strip().casefold() in allowed}
        if same:
            guess.recode[ours] = dict(same)
        unknown = [word for word in odd if word not in same]
        if unknown:
            guess.doubts.append(
                f"'{theirs}' holds {', '.join(repr(word) for word in unknown[:6])}; say under "
                f"recode: which of {', '.join(allowed)} each is"
            )
