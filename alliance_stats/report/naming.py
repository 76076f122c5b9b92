"""No client, therapist, coder or site is named in a file that may travel.

Messages of functions may hold values, ids and dates, so of these only sentences without a number
and a quotation are shown; all of them stand in the private account, and in the owner's report
(``--show-persons``). As a second wall, the ids themselves are replaced in every text that is
written, the longest first: an id with a blank, a comma, an @ or a slash is one string like any
other. Ids that are plain numbers, or of one or two letters, cannot be told from other text there;
no sentence of ours holds one, and messages with one are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from itertools import takewhile
from typing import Any

from ..core.display.table import Column
from ..core.people import ID_COLUMNS, ids_in
from ..core.precision import without_rows
from ..study import Study
from ..study.tables import TABLES, table_schema
from .content import Block, Caution, Figure, Paragraph, Section

HIDDEN = "…"
_PLAIN = re.compile(r"[\d.]*|\w{1,2}")


class Names:
    """The ids of a study, to be kept out of texts.

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
    def of(cls, study: Study) -> Names:
        """Return the ids in the tables of a study."""
        return cls(one for column in ID_COLUMNS for one in ids_in(study.tables, column))

    def mask(self, text: str) -> str:
        """Return the text with every id replaced by an ellipsis."""
        return self._told.sub(HIDDEN, text)

    def names(self, text: str) -> bool:
        """Return whether an id stands in the text, also one that is a plain number."""
        return bool(self._every.search(text))


def _any_of(texts: list[str]) -> re.Pattern[str]:
    found = "|".join(re.escape(text) for text in texts)
    return re.compile(rf"(?<!\w)(?:{found})(?!\w)" if found else r"(?!)")


def shareable(section: Section, names: Names, *, whole: bool = False) -> Section:
    """Return the section as it may be shown: ids masked, messages without data only.

    With `whole` messages and degrees of freedom keep their numbers; ids are masked all the same.
    """
    if whole:
        kept = tuple(dict.fromkeys(names.mask(message) for message in section.messages))
    else:
        said = [without_data(message) for message in section.messages]
        kept = tuple(dict.fromkeys(text for text in said if text and not names.names(text)))
        if any(text != message for text, message in zip(said, section.messages, strict=True)):
            kept += ("What else was reported is for the owner of the data (--show-persons).",)
    return replace(
        section,
        blocks=tuple(_masked(block, names, whole=whole) for block in section.blocks),
        headline=names.mask(section.headline),
        reason=names.mask(section.reason),
        messages=kept,
    )


def _masked(block: Block, names: Names, *, whole: bool) -> Block:
    mask = names.mask
    if isinstance(block, Caution | Paragraph):
        return replace(block, text=mask(block.text))
    words = ("title", "note", "how", "methods")
    texts: dict[str, Any] = {name: mask(getattr(block, name)) for name in words}
    block = replace(block, **texts)
    if isinstance(block, Figure):
        data = None if block.data is None else _masked_frame(block.data, mask)
        return replace(block, alt=mask(block.alt), data=data)
    columns = tuple(replace(c, write=_masking(c, mask)) for c in block.columns)
    frame = block.frame if whole else without_rows(block.frame)
    return replace(block, frame=_masked_frame(frame, mask), columns=columns)


def _masked_frame(frame: Any, mask: Callable[[str], str]) -> Any:
    return frame.map(lambda value: mask(value) if isinstance(value, str) else value)


def _masking(column: Column, mask: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda row: mask(column.write(row))


_QUOTED = re.compile(r"(?<!\w)(?<!study )['\"“‘]([^'\"”’]*)['\"”’](?!\w)")
_NUMBER = re.compile(r"(?<![\w.-])\d")
_FEW = "(one|two|three|four|five|six|seven|eight|nine)"
_IN_WORDS = re.compile(
    rf"\b(fewer|less) than {_FEW}\b|\bonly {_FEW}\b"
    rf"|\b{_FEW}( of the)? (clients|people|persons|therapists|dyads|patients|others)\b",
    re.IGNORECASE,
)
"""A number of people in words: fewer than five clients differ in these columns."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z'\"])")
_OWN = {"alliance", "outcome", "function"}


def without_data(text: str) -> str:
    """Return the first sentences of a message, as far as they hold no number or value of the data.

    What functions report is written for the owner of the data. Which of its numbers count people
    cannot be told from the text, so a message ends before the first sentence with one. Names of
    tables and columns of the package's own schemas may be quoted, and the study's own.
    """
    own = _OWN | set(TABLES) | {field.name for t in TABLES for field in table_schema(t).fields}

    def tells(sentence: str) -> bool:
        quoted = set(_QUOTED.findall(sentence))
        counts = _NUMBER.search(sentence) or _IN_WORDS.search(sentence)
        return bool(counts) or not quoted <= own

    return " ".join(takewhile(lambda one: not tells(one), _SENTENCE.split(text)))
