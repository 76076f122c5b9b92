"""The ids of a study are replaced in texts that may travel, whoever writes them.

Ids that are plain numbers, or of one or two letters, cannot be told from other text.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import PurePosixPath
from typing import Any

from .people import ID_COLUMNS, ids_in

HIDDEN = "…"
_PLAIN = re.compile(r"[\d.]*|\w{1,2}")
_BETWEEN = re.compile(r"[\W_]+")


class Names:
    """The ids of a study, to be kept out of texts.

    An id of several words (``Anton Huber``) is known in names of files too: ``T1_anton-huber``.

    Examples
    --------
    >>> Names(["Ann B", "Ann", "12"]).mask("Ann B and Ann are 2 of 12.")
    '… and … are 2 of 12.'
    """

    def __init__(self, ids: Any) -> None:
        self.ids = {str(one) for one in ids if str(one).strip()}
        told = sorted((i for i in self.ids if not _PLAIN.fullmatch(i)), key=len, reverse=True)
        self._told = _any_of([*told, *(escape(one) for one in told if escape(one) != one)])
        self._every = _any_of(sorted(self.ids, key=len, reverse=True))

    @classmethod
    def of(cls, study: Any) -> Names:
        """Return the ids in the tables of a study, and the names of sheets and files with one."""
        ids = [one for column in ID_COLUMNS for one in ids_in(study.tables, column)]
        own = cls(ids)
        files = getattr(study.report, "files", ())
        places = {
            place
            for each in files
            for place in (each.file, PurePosixPath(each.file).stem, each.sheet)
            if own.mask(place) != place
        }
        return cls([*ids, *places]) if places else own

    def mask(self, text: str) -> str:
        """Return the text with every id replaced by an ellipsis."""
        return self._told.sub(HIDDEN, text)

    def names(self, text: str) -> bool:
        """Return whether an id stands in the text, also one that is a plain number."""
        return bool(self._every.search(text))


def _any_of(ids: list[str]) -> re.Pattern[str]:
    """Return a pattern of any of the ids, longest first; those of several words in any case."""
    # No id of one word holds one of several, so these may come first whatever their length.
    several, exact = _in_words(ids), "|".join(map(re.escape, ids))
    found = [rf"(?<![^\W_])(?i:{several})(?![^\W_])"] * bool(several)
    return re.compile("|".join([*found, rf"(?<!\w)(?:{exact})(?!\w)"] if exact else [r"(?!)"]))


def _in_words(ids: list[str]) -> str:
    """Return a pattern of the ids of several words, joined by anything; by their first words."""
    rests: dict[str, list[str]] = {}
    for one in ids:
        first, *others = [word for word in _BETWEEN.split(one) if word] or [""]
        if others and any(word.isalpha() and len(word) > 1 for word in (first, *others)):
            ends = re.escape(one.rpartition(others[-1])[2])
            rest = r"[\W_]+".join(map(re.escape, others)) + (f"(?:{ends})?" if ends else "")
            rests.setdefault(re.escape(first), []).append(rest)
    return "|".join(rf"{first}[\W_]+(?:{'|'.join(each)})" for first, each in rests.items())
