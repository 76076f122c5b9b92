"""Columns that stay open and are named like placed ones, but for the word that says when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..stages import place_of
from .guess import Guess

_WORD = re.compile(r"([^\W\d_]+)")


def like_placed(names: Iterable[str], guesses: list[Guess]) -> dict[str, tuple[str, str]]:
    """Return for columns named like those of an occasion but for a word: that word, and why open.

    ``bdi_kat`` beside ``bdi_pre`` may be a follow-up, or the category of the score.
    """
    placed = [name for one in guesses if "occasion" in one.entry for name in one.columns]
    words = (pair for name in placed for pair in _without_a_word(name))
    known = {rest: word for word, rest in words if place_of(word) is not None}
    found = {}
    for name in names if known else ():
        for word, rest in _without_a_word(name):
            if rest in known and len(word) > 1:
                found[name] = (
                    word,
                    f"is named like a column of '{known[rest]}', with '{word}' in its place: if "
                    f"that is an occasion, write the measure once more with occasion: {word}",
                )
    return found


def _without_a_word(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each word of a name, and what stands around it."""
    parts = _WORD.split(name)
    for at in range(1, len(parts), 2):
        rest = [part.casefold() for part in parts]
        rest[at] = ""
        yield parts[at], tuple(rest)
