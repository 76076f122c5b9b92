"""What the procedures of a section reported, ordered for a reader: repeats once, then by kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .wording import note_kinds

_LABELLED = re.compile(r"((?:reverse: )?[^.:]{1,60}): (.+)", re.DOTALL)
"""A note with the name of the model, scale or rule before it that it is about."""
_NUMBERS = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?")


class Notes(NamedTuple):
    """The notes of one kind; those that may change a conclusion are open, others folded."""

    title: str
    open: bool
    texts: tuple[str, ...]


def by_kind(messages: Iterable[str]) -> list[Notes]:
    """Return the notes of every kind that has some, what is said of several models said once."""
    kinds = note_kinds()
    found: list[list[str]] = [[] for _ in kinds]
    for text in said_once(messages):
        of = (
            place
            for place, kind in enumerate(kinds)
            if any(re.search(one, text, re.IGNORECASE | re.DOTALL) for one in kind["patterns"])
        )
        found[next(of, len(kinds) - 1)].append(text)
    return [
        Notes(kind["title"], kind.get("open", False), tuple(texts))
        for kind, texts in zip(kinds, found, strict=True)
        if texts
    ]


def said_once(messages: Iterable[str]) -> list[str]:
    """Return the notes in their order, each that differs in its label or numbers only once.

    Examples
    --------
    >>> said_once(["bond: Only 12 groups.", "goal: Only 12 groups.", "task: Only 9 groups."])
    ['bond; goal: Only 12 groups. (Likewise, with other numbers: task.)']
    """
    alike: dict[str, list[tuple[str, str]]] = {}
    for message in messages:
        label, text = _parts(message)
        alike.setdefault(_NUMBERS.sub("#", text), []).append((label, text))
    return [one for notes in alike.values() for one in _together(notes)]


def _parts(message: str) -> tuple[str, str]:
    labelled = _LABELLED.fullmatch(message)
    return (labelled[1], labelled[2]) if labelled else ("", message)


def _together(notes: list[tuple[str, str]]) -> list[str]:
    """Return notes alike but for label and numbers in one; those without a label as they are."""
    bare = list(dict.fromkeys(text for label, text in notes if not label))
    named = [(label, text) for label, text in notes if label and text not in bare]
    if not named:
        return bare
    first = named[0][1]
    same = "; ".join(dict.fromkeys(label for label, text in named if text == first))
    others = "; ".join(dict.fromkeys(label for label, text in named if text != first))
    more = f" (Likewise, with other numbers: {others}.)" if others else ""
    return [*bare, f"{same}: {first}{more}"]
