"""Before scoring: answers that do not fit the card are set aside, reversed items are turned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.arguments import shown
from ..errors import DesignError, MeasureError, listing
from .answers import Answers, Codes
from .card import Measure
from .kernels import off_the_grid
from .registry import Registry, folded
from .units import Units, refuse_twice

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHOWN = 5
"""How many values and places a report of answers set aside names."""


@dataclass(frozen=True)
class Cleaned:
    """Answers to one measure ready to be added up: reversed where the key says; NaN where none.

    `run` are the positions of the runs of answers, `length` how many answers each has. Where all
    runs are of the same items in the same order, `value` has a row a run and a column an item, and
    `item` is the one row of items; else there is one of each an answer. Items that are still to be
    turned in all runs are so by `sign` and `offset` (a number an item): that spares a copy.
    """

    run: Codes
    length: Codes
    item: Codes
    value: Floats
    sign: Floats | None = None
    offset: Floats | None = None

    @property
    def keyed(self) -> Floats:
        """The answers with reversed items turned."""
        if self.sign is None or self.offset is None:
            return self.value
        return self.offset + self.sign * self.value


def clean(
    answers: Answers,
    units: Units,
    registry: Registry,
    already_reversed: bool | Collection[tuple[str, str]],
) -> tuple[list[Cleaned], list[dict[str, Any]]]:
    """Return the answers to each measure, and what was set aside because it does not fit.

    Reversed items are turned.
    """
    cards = [registry.find(name) for name in answers.keys["measure"].labels]
    pairs = _pairs(already_reversed)
    asked = [_asked(answers, code) for code in range(len(cards))]
    for card, own in zip(cards, asked, strict=True):
        _refuse_unknown_items(card, own)
    refuse_twice(units, answers)
    cleaned, set_aside = [], []
    for card, own in zip(cards, asked, strict=True):
        value, outside, uneven = _fitting(card, own)
        set_aside += _set_aside(answers, units, card, own, outside, uneven)
        turned = _turned(answers, card, own.run, pairs)
        cleaned.append(_reversed(card, own, value, turned))
    return cleaned, set_aside


def _asked(answers: Answers, code: int) -> Cleaned:
    """Return the answers to one measure as they came."""
    mine = answers.keys["measure"].codes == code
    run = np.flatnonzero(mine)
    length = answers.length[run]
    together = len(run) == 0 or int(run[-1] - run[0]) == len(run) - 1
    first = int(answers.start[run[0]]) if len(run) else 0
    rows = slice(first, first + int(length.sum())) if together else np.repeat(mine, answers.length)
    item, value = answers.item[rows], answers.value[rows]
    n = int(length[0]) if len(run) else 0
    if n and (length == n).all() and (item.reshape(-1, n) == item[:n]).all():
        return Cleaned(run, length, item[:n], value.reshape(-1, n))
    return Cleaned(run, length, item, value)


def _refuse_unknown_items(card: Measure, own: Cleaned) -> None:
    known = (own.item >= 1) & (own.item <= card.n_items)
    if known.all() or not card.scales:
        return
    found = np.unique(own.item[~known])
    rows = int((~known).sum()) * (len(own.run) if own.value.ndim == 2 else 1)
    raise MeasureError(
        f"The ratings of '{card.name}' hold item {listing(found)} in {rows} rows; its items are 1 "
        f"to {card.n_items}. Check the item numbers, or whether another form was used."
    )


def _fitting(card: Measure, own: Cleaned) -> tuple[Floats, Flags, Flags]:
    """Return the answers that the form allows, and which lie outside or between its answers."""
    value = own.value
    if card.missing_codes:  # what the form itself defines as no answer
        value = np.where(np.isin(value, card.missing_codes), np.nan, value)
    low, high = _limits(card, own.item)
    outside = (value < low) | (value > high)
    step = np.nan if card.step is None else card.step
    uneven = off_the_grid(value, low, step) & ~outside
    if outside.any() or uneven.any():
        value = np.where(outside | uneven, np.nan, value)
    return value, outside, uneven


def _limits(card: Measure, item: Codes) -> tuple[Any, Any]:
    """Return the lowest and highest answer to each item; one number where it is one for all."""
    ends = np.array([card.item_range(number) for number in card.items], dtype=float)
    if not len(ends) or (ends == ends[:1]).all():
        return tuple(ends[0]) if len(ends) else (np.nan, np.nan)
    table = np.full((card.n_items + 1, 2), np.nan)
    table[1:] = ends
    low, high = table[np.where((item < 1) | (item > card.n_items), 0, item)].T
    return low, high


def _reversed(card: Measure, own: Cleaned, value: Floats, turned: Flags) -> Cleaned:
    """Return the answers with the reversed items of the runs that are `turned` turned."""
    reverse = np.isin(own.item, list(card.reversed_items))
    if not reverse.any() or not turned.any():
        return replace(own, value=value)
    low, high = (np.broadcast_to(end, own.item.shape) for end in _limits(card, own.item))
    if value.ndim == 2 and turned.all():
        sign, offset = np.where(reverse, -1.0, 1.0), np.where(reverse, low + high, 0.0)
        return replace(own, value=value, sign=sign, offset=offset)
    which = turned[:, None] if value.ndim == 2 else np.repeat(turned, own.length)
    return replace(own, value=np.where(reverse & which, low + high - value, value))


def _pairs(already: bool | Collection[tuple[str, str]]) -> bool | set[tuple[str, str]]:
    """Return measure and rater of the answers that the file holds reversed; True or False: all."""
    if isinstance(already, bool):
        return already
    try:
        return {(folded(measure), str(rater)) for measure, rater in already}
    except (TypeError, ValueError):
        raise DesignError(
            "already_reversed must be True, False, or a list of pairs such as "
            f"[('wai-sr', 'client')], not {shown(already)}."
        ) from None


def _turned(
    answers: Answers, card: Measure, run: Codes, pairs: bool | set[tuple[str, str]]
) -> Flags:
    """Return for which runs reversed items are still to be turned."""
    if isinstance(pairs, bool):
        return np.full(len(run), not pairs)
    names = {folded(name) for name in (card.name, *card.aliases)}
    raters = answers.keys["rater"]
    done = [any((name, str(rater)) in pairs for name in names) for rater in raters.labels]
    return ~np.array(done, dtype=bool)[raters.codes[run]]


def _set_aside(
    answers: Answers, units: Units, card: Measure, own: Cleaned, outside: Flags, uneven: Flags
) -> list[dict[str, Any]]:
    """Return what was set aside: one record a rater, item and reason."""
    if not (answers.not_numbers or outside.any() or uneven.any()):
        return []
    every = np.repeat(answers.start[own.run] - _begins(own.length), own.length)
    every += np.arange(len(every))
    odd, outside, uneven = (
        np.isin(every, list(answers.not_numbers)),
        outside.ravel(),
        uneven.ravel(),
    )
    chosen = np.flatnonzero(outside | uneven | odd)
    rows = every[chosen]
    reason = np.select(
        [odd[chosen], outside[chosen], uneven[chosen]],
        ["not a number", "out of range", "not an allowed step"],
        "",
    )
    found = pd.DataFrame(
        {
            "rater": answers.keys["rater"].codes[answers.run_of(rows)],
            "item": answers.item[rows],
            "reason": reason,
            "row": rows,
        }
    )
    groups = found.groupby(["rater", "item", "reason"], sort=True)["row"]
    return [_record(answers, units, card, key, own.to_numpy()) for key, own in groups]


def _begins(length: Codes) -> Codes:
    return np.cumsum(length) - length


def _record(answers: Answers, units: Units, card: Measure, key: Any, rows: Codes) -> dict[str, Any]:
    rater, item, reason = key
    if reason == "not a number":
        values: list[Any] = list(dict.fromkeys(answers.not_numbers[int(row)] for row in rows))
    else:
        values = np.unique(answers.value[rows]).tolist()
    return {
        "measure": card.name,
        "rater": str(answers.keys["rater"].labels[rater]),
        "item": int(item),
        "reason": str(reason),
        "rows": len(rows),
        "values": values[:SHOWN],
        "first": units.in_words(units.unit[answers.run_of(rows[:SHOWN])]),
    }
