"""Ids as a study holds them: without blanks, with a prefix, and one for each treatment of a client.

Every analysis goes by ``client_id``, so that what counts as one course is said here alone: the
second treatment of client ``a`` has the id ``a_e2``, and ``clients`` says whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...errors import listing, plural
from ..origin import Problem, SourceFile
from ..reading import Loaded
from .names import WORDS, folded
from .values import as_word, ids, text_index, trimmed
from .vocabulary import IDS

PEOPLE = ("client_id", "therapist_id")
OWN_WORDS = (
    "If such a word is a value of its own, say in study.yaml which words mean that nothing was "
    "given, without it, as in missing_words: [n/a]."
)
COURSE = ("person_id", "episode")
"""Columns of ``clients`` where treatments are counted: whose course it is, and which."""


@dataclass(frozen=True)
class _Named:
    """The ids of one kind in one source, as its prefix made them."""

    kind: str
    source: Any
    ids: frozenset[str]


@dataclass
class Who:
    """The ids that prefixes and counted treatments made, over all sources of a study."""

    named: list[_Named] = field(default_factory=list)
    courses: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Id of each course in sources that count treatments → whose it is, and which."""
    clashes: dict[str, SourceFile] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What a reader has to know of clients with several treatments, empty where nobody has."""
        people = {person for person, episode in self.courses.values() if episode > 1}
        if not people:
            return ""
        came = f"{plural(len(people), 'client')} {'has' if len(people) == 1 else 'have'}"
        return (
            f"{came} more than one treatment. Each treatment is a course of its own and counts as "
            "a client (the second of client x is x_e2); 'person_id' and 'episode' of the clients "
            "say whose it is and which. A model joins them with (1 | person_id/client_id)."
        )

    def problems(self) -> Iterator[Problem]:
        """Yield ids that two prefixes make the same, and courses with the id of another client."""
        for n, one in enumerate(self.named):
            for other in self.named[:n]:
                same = sorted(one.ids & other.ids) if one.kind == other.kind else []
                if same and one.source.spec.id_prefix != other.source.spec.id_prefix:
                    yield _same_id(one, other, same)
        for course, file in self.clashes.items():
            person, _, number = course.rpartition("_e")
            yield Problem(
                "error",
                "colliding_ids",
                f"'{course}' is the id of treatment {number} of client {person}, and of another "
                "client.",
                "Give that client another id.",
                table="clients",
                file=file.file,
                sheet=file.sheet,
            )


def _same_id(one: _Named, other: _Named, same: list[str]) -> Problem:
    """Return the sentence on ids that are the same in two sources with different prefixes."""
    prefixes = [each.source.spec.id_prefix for each in (one, other)]
    who, many = one.kind.removesuffix("_id"), len(same) > 1
    start = f"{plural(len(same), f'{who} id')} ({listing(same)}) {'are' if many else 'is'} "
    mine = one.source if prefixes[0] else other.source
    if all(prefixes):
        level, does = "error", f"made by both prefixes, '{prefixes[1]}' and '{prefixes[0]}', so "
        does += f"two {who}s would count as one."
        hint = "Choose prefixes that no id can begin with, such as A- and B-."
    else:
        without = other.source if prefixes[0] else one.source
        level, does = "info", f"made by the prefix '{mine.spec.id_prefix}', and also "
        does += f"in {without.file.file} without it; they are taken for the same {who}s."
        hint = f"If these are other {who}s, choose another prefix."
    column = mine.columns.get(one.kind, "")
    return Problem(
        level,
        "colliding_ids",
        start + does,
        hint,
        table=f"{who}s",
        file=mine.file.file,
        sheet=mine.file.sheet,
        column=column,
    )


def leave_out_sums(source: Any) -> None:
    """Leave out rows at the foot of a sheet that hold sums or means over the clients above."""
    column = source.spec.columns.get("client_id", "")
    if source.spec.as_is or column not in source.frame.columns:
        return
    series = source.frame[column]
    words, at = [], []
    for row in range(len(series) - 1, -1, -1):
        if pd.isna(series.iloc[row]):
            continue
        word = as_word(series.iloc[row])
        if "scale" not in WORDS.get(folded(word), {}):
            break
        words.append(repr(word))
        at.append(row)
    if not at or len(at) == len(series):
        return
    source.notes.add(
        "row_of_sums",
        f"Under the clients {listing(words)} stands in column '{column}': a row of sums or means, "
        "which is no client and is left out.",
        hint="If it is the id of a client, give that client another.",
        level="info",
        column=column,
        at=np.array(at[::-1]),
    )
    table = source.spec.table or "sessions"
    source.gathered.leave_out(table, "a row of sums", len(at), source.file.file)
    taken = np.ones(len(series), dtype=bool)
    taken[at] = False
    source.keep(taken)


def settle_ids(source: Any) -> None:
    """Trim the ids of a source, put its prefix before them, and count treatments in them."""
    _tell_words(source)
    _trim(source)
    _prefix(source)
    if source.spec.episode is not None and source.has("client_id"):
        _count_treatments(source)


def words_for_ids(columns: Iterable[str], loaded: Loaded) -> dict[str, list[str]]:
    """Return column → words that mean missing, where no cell of it is simply empty."""
    found = loaded.notes.get("missing_words", {})
    return {
        column: list(found[column])
        for column in columns
        if column in found and sum(found[column].values()) == loaded.frame[column].isna().sum()
    }


def _tell_words(source: Any) -> None:
    """Tell of ids that are words for a missing value: the cells look filled in."""
    for name in PEOPLE:
        column = source.columns.get(name, "")
        words = source.words_for_ids.get(column)
        at = np.flatnonzero(source.frame[column].isna()) if words else ()
        if not len(at):
            continue
        client = name == "client_id"
        rows = plural(len(at), "row")
        source.notes.add(
            "missing_value" if client else "missing_words",
            f"{rows} of column '{column}' {'has' if len(at) == 1 else 'have'} "
            f"{listing(map(repr, words))} for an id, which is read as missing"
            + (f"; the {'row is' if len(at) == 1 else 'rows are'} left out." if client else "."),
            hint=OWN_WORDS,
            level="error" if client else "info",
            table=f"{name.removesuffix('_id')}s",
            column=column,
            at=at,
        )


def _columns_of(source: Any, name: str) -> list[str]:
    own = [source.columns[name]] if name in source.columns else []
    return [*own, *source.spread.get(name, {}).values()]


def _trim(source: Any) -> None:
    """Take blanks off ids: nobody means them, and a merge outside would lose the person."""
    if source.spec.as_is:
        return
    for name in sorted(IDS):
        for column in _columns_of(source, name):
            whole = source.uses.get((name, column), source.frame[column])
            series, at = trimmed(whole)
            if len(at):
                first = whole.iloc[at[0]]
                source.uses[name, column] = series
                source.notes.add(
                    "blanks_around_id",
                    f"{len(at):,} {'id' if len(at) == 1 else 'ids'} in column '{column}' with "
                    f"blanks before or behind (first {first!r}) are read without them.",
                    hint="Take them off in the file too, where other programs read it.",
                    level="info",
                    column=column,
                    at=at,
                )


def _prefix(source: Any) -> None:
    """Put ``id_prefix:`` before the ids of clients and therapists."""
    prefix = source.spec.id_prefix
    for name in PEOPLE:
        if name in source.constants and prefix:
            source.constants[name] = prefix + as_word(source.constants[name])
        for column in _columns_of(source, name) if prefix else ():
            _rename(source, name, column, lambda old, _: prefix + old)


def _rename(source: Any, name: str, column: str, made: Any, by: Any = None) -> pd.DataFrame:
    """Give ids other names, made of the old ones and of a number beside each (`by`)."""
    old = ids(source.raw(name, column))
    beside = np.broadcast_to(1 if by is None else by, len(old))
    pairs = pd.DataFrame({"old": old.codes, "by": beside})
    once = pairs[pairs["old"] >= 0].drop_duplicates().reset_index(drop=True)
    once["word"] = [
        made(str(old.categories[code]), int(number))
        for code, number in once.itertuples(index=False, name=None)
    ]
    words = text_index(list(dict.fromkeys(once["word"])))
    place = pairs.merge(once.assign(at=words.get_indexer(pd.Index(once["word"]))), how="left")["at"]
    codes = pd.Categorical.from_codes(place.fillna(-1).astype("int64"), words)
    source.uses[name, column] = pd.Series(codes, index=source.frame.index)
    return once.assign(old=old.categories.take(once["old"].to_numpy()))


def _count_treatments(source: Any) -> None:
    """Give each treatment of a client an id of its own; the first keeps the client's."""
    found = _rename(
        source,
        "client_id",
        source.columns.get("client_id", ""),
        lambda old, number: old if number == 1 else f"{old}_e{number}",
        source.episode,
    )
    who = source.gathered.who
    pairs = zip(found["old"].astype(str), found["by"].astype(int), strict=True)
    for course, whose in zip(found["word"], pairs, strict=True):
        if who.courses.setdefault(course, whose) != whose:
            who.clashes[course] = source.file


def note_ids(source: Any) -> None:
    """Remember the ids of a source, to be held against those of the others."""
    for name in PEOPLE:
        if source.has(name):
            held = ids(source.raw(name))
            used = held.categories.take(np.unique(held.codes[held.codes >= 0]))
            source.gathered.who.named.append(_Named(name, source, frozenset(map(str, used))))
