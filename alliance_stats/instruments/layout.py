"""Finding the item columns of a table with one row a client's session."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ColumnError, listing, require_columns
from .card import Measure
from .registry import Registry, folded

_NUMBERED = re.compile(r"^(?P<stem>.*?)(?P<item>\d+)$", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{item(?::0?(\d+)d)?\}")
_PLAIN_STEMS = ("", "item", "i", "q", "v", "x")

Items = str | Sequence[Any] | Mapping[Any, int] | Mapping[int, Any]


def named_columns(columns: Sequence[Any], card: Measure, items: Items) -> dict[int, Any]:
    """Return item number → column for what the caller said of the item columns.

    `items` is a pattern (``"wai{item}"``, ``"wai{item:02d}"``), a list of columns in the order of
    the items, or a mapping of item numbers to columns.
    """
    if isinstance(items, str):
        found: dict[int, Any] = {number: _filled(items, number) for number in card.items}
    elif isinstance(items, Mapping):
        if not items or not all(isinstance(number, int) for number in items):
            raise ColumnError(
                f"items must name a column for each item number, got {listing(items) or 'none'} "
                "for numbers."
            )
        found = dict(items)
    elif isinstance(items, Sequence):
        found = dict(zip(card.items, items, strict=False))
        if len(items) != card.n_items:
            raise ColumnError(
                f"'{card.name}' has {card.n_items} items; {len(items)} columns were named. Give "
                "a column for each item in the order of the form, or a mapping of item numbers "
                "to columns."
            )
    else:
        raise ColumnError(
            "items must be a pattern, a list of columns or a mapping of item numbers to columns; "
            f"a {type(items).__name__} came."
        )
    require_columns(columns, [str(c) for c in found.values()], what="the ratings")
    by_text = {str(column): column for column in columns}
    return {number: by_text[str(column)] for number, column in found.items()}


def _filled(pattern: str, number: int) -> str:
    """Return the column a pattern names for an item."""
    try:
        if _PLACEHOLDER.search(pattern):
            return pattern.format(item=number)
    except (LookupError, ValueError, AttributeError):
        pass
    raise ColumnError(
        f"The pattern '{pattern}' for item columns must hold {{item}} and nothing else in braces, "
        "as in 'wai{item}' or 'wai{item:02d}'."
    )


def found_columns(columns: Sequence[Any], card: Measure) -> dict[int, Any]:
    """Return item number → column, found by the columns' names (``wai_sr_1``, ``item1``, ``1``).

    A family of columns that is named like the measure wins; then a similar name; then plain
    names; then the only family that holds every item. Two that fit equally well are refused.
    """
    families = _families(columns)
    own = _own_families(columns, card)
    families |= {stem: named for stem, named in own.items() if named not in families.values()}
    ranks = {stem: _rank(stem, members, card) for stem, members in families.items()}
    best = min(ranks.values(), default=_NO_FIT)
    if best >= _NO_FIT:
        raise ColumnError(
            f"No item columns of '{card.name}' were found (looked for names such as "
            f"{card.name.replace('-', '_')}_1 or item1, to {card.n_items}); the columns are "
            f"{listing(columns, 12)}. Say items='name{{item}}'."
        )
    fitting = [stem for stem, rank in ranks.items() if rank == best]
    if len(fitting) > 1:
        stems = listing(f"'{stem}{{item}}'" for stem in fitting)
        raise ColumnError(
            f"The items of '{card.name}' could be in several families of columns ({stems}); say "
            "which with items='name{item}'."
        )
    return _whole(families[fitting[0]], fitting[0], card)


def found_measures(columns: Sequence[Any], registry: Registry) -> dict[str, dict[int, Any]]:
    """Return measure → item columns for every family that is named like a known measure."""
    found: dict[str, dict[int, Any]] = {}
    for stem, members in _families(columns).items():
        card = registry.get(stem)
        if card is not None and card.scales:
            found[card.name] = _whole(members, stem, card)
    if not found:
        raise ColumnError(
            "No columns named like a known measure were found (looked for names such as phq9_1); "
            f"the columns are {listing(columns, 12)}. Say measure='wai-sr' and, where the names "
            "differ, items='name{item}'."
        )
    return found


_NO_FIT = 9


def _rank(stem: str, members: Mapping[int, Any], card: Measure) -> int:
    """Return how well a family of columns fits a measure; the lowest is best."""
    name = folded(stem)
    own_names = {folded(alias) for alias in (card.name, *card.aliases)}
    if name in own_names and set(card.items) & set(members):
        return 0
    if not set(card.items) <= set(members):
        return _NO_FIT
    if name and any(own.startswith(name) or name.startswith(own) for own in own_names):
        return 1
    return 2 if name in _PLAIN_STEMS else 3


def _whole(members: Mapping[int, Any], stem: str, card: Measure) -> dict[int, Any]:
    missing = [item for item in card.items if item not in members]
    if missing:
        raise ColumnError(
            f"The columns '{stem}{{item}}' lack item {listing(missing)} of '{card.name}', which "
            f"has {card.n_items}. Where an item was not asked, say which columns there are with "
            "items={1: 'column', ...}."
        )
    return {item: members[item] for item in card.items}


def _own_families(columns: Sequence[Any], card: Measure) -> dict[str, dict[int, Any]]:
    """Find names that run into the number (``oq451``), which `_families` reads as one number."""
    own: dict[str, dict[int, Any]] = {}
    for name in (card.name, *card.aliases):
        if not name[-1].isdigit():
            continue
        for column in columns:
            text = folded(column)
            rest = text.removeprefix(folded(name))
            if rest != text and rest.isdigit() and int(rest) in card.items:
                own.setdefault(folded(name), {})[int(rest)] = column
    return {name: members for name, members in own.items() if set(card.items) <= set(members)}


def _families(columns: Sequence[Any]) -> dict[str, dict[int, Any]]:
    families: dict[str, dict[int, Any]] = {}
    for column in columns:
        hit = _NUMBERED.match(str(column))
        if hit is not None and len(hit["item"]) <= 3 and int(hit["item"]) >= 1:
            families.setdefault(hit["stem"], {})[int(hit["item"])] = column
    return families
