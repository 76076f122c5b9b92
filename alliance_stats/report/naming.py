"""No client or therapist is named on a page that may travel: ids stay in ``run.json``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .content import Block, Caution, Paragraph, Section, Table

_ID = r"[\w\-.]*[\w\-]"
_WORD = re.compile(_ID)
# What `errors.listing` writes: ids after a colon or in brackets, and how many there are in all.
_LIST = re.compile(rf"(?<=[:(])\s?({_ID}(?:, {_ID})*?)((?:, \.\.\. \(\d+ in all\))?)(?=[).;]|$)")
HIDDEN = "…"


def without_ids(section: Section, study: Any) -> Section:
    """Return the section as it may be shown: ids masked, messages that hold one left out."""
    ids = _ids(study)
    kept = tuple(m for m in section.messages if not ids & set(_WORD.findall(m)))
    hidden = len(section.messages) - len(kept)
    if hidden:
        kept += (f"{hidden} more, which may name clients, stand in run.json.",)
    return replace(
        section,
        blocks=tuple(_masked(block, ids) for block in section.blocks),
        headline=mask(section.headline, ids),
        reason=mask(section.reason, ids),
        messages=kept,
    )


def _ids(study: Any) -> set[str]:
    found: set[str] = set()
    for table in study.tables.values():
        for column in ("client_id", "therapist_id"):
            if column in table.columns:
                found.update(map(str, table[column].dropna().unique()))
    return found


def _masked(block: Block, ids: set[str]) -> Block:
    if isinstance(block, Caution | Paragraph):
        return replace(block, text=mask(block.text, ids))
    if isinstance(block, Table):
        return replace(block, note=mask(block.note, ids))
    return block


def mask(text: str, ids: set[str]) -> str:
    """Return the text with every id replaced by an ellipsis.

    A plain number may be a count as well as an id, so it is masked only where it stands in a
    list of ids, as errors write them.
    """
    named = {word for word in ids if not word.replace(".", "").isdigit()}
    text = _WORD.sub(lambda m: HIDDEN if m.group() in named else m.group(), text)
    return _LIST.sub(lambda m: _listed(m, ids), text)


def _listed(match: re.Match[str], ids: set[str]) -> str:
    names = match.group(1).split(", ")
    whole = match.group(0)
    if not all(name in ids for name in names):
        return whole
    return whole.replace(match.group(1), HIDDEN, 1)
