"""Items whose columns have a mark behind the number: ``phq9_03r`` among ``phq9_01`` and others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...errors import listing
from .guess import NO_COLUMN, Guess
from .patterns import parse_pattern

_MARK = r"[_.]?(?:r|rev|inv|rec|u|umg)"
"""What labs write behind an item that they turned, or that is to be turned."""
_ITEM = re.compile(r"(.*)\{item(?::0(\d)d)?\}(.*)", re.DOTALL)


def with_marked(guess: Guess, names: Iterable[str], registry: Any) -> Guess:
    """Return a form's guess with the items that its pattern lacks, where each has one such column.

    The items of a wide file, whose pattern has the session too, cannot be listed one by one.
    """
    parts = _ITEM.fullmatch(guess.entry.get("items", ""))
    if parts is None or "{session" in parts[0]:
        return guess
    before, width, after = re.escape(parts[1]), int(parts[2] or 1), re.escape(parts[3])
    names = list(names)
    found = {match.item: match.column for match in parse_pattern(parts[0]).find(names)}
    marked: dict[int, str] = {}
    items = registry.find(guess.entry["measure"]).items
    for item in (each for each in items if each not in found):
        seek = re.compile(f"{before}{item:0{width}d}{_MARK}{after}", re.IGNORECASE)
        columns = [name for name in names if seek.fullmatch(name)]
        if len(columns) != 1:
            return guess
        marked[item] = columns[0]
    if not marked:
        return guess
    whole = tuple((found | marked)[item] for item in items)
    said = f"{listing(marked.values())} {'is' if len(marked) == 1 else 'are'} marked: "
    said += "if turned already, write reversed: true"
    doubt = "; ".join(filter(None, [guess.doubt_without(NO_COLUMN), said]))
    entry = guess.entry | {"items": list(whole)}
    return replace(guess, entry=entry, columns=whole, doubt=doubt)
