"""No client, therapist, coder or site is named in a file that may travel.

Messages of functions may hold values, ids and dates, so of these only sentences without a number
and a quotation are shown; all of them stand in the private account, and in the owner's report
(``--show-persons``). As a second wall, the ids themselves are replaced in every text that is
written, the longest first: an id with a blank, a comma, an @ or a slash is one string like any
other. Those that `Names` cannot tell from other text stand in no sentence of ours, and messages
with one are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from typing import Any

from ..core.display.table import Column
from ..core.id_masking import Names
from ..core.precision import without_rows
from ..study.tables import TABLES, table_schema
from .content import Block, Caution, Figure, Paragraph, Section


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
