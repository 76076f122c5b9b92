"""Before scoring: answers that do not fit the card are set aside, reversed items are turned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
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
    """Answers ready to be added up: `usable` ones have a value, reversed where the key says."""

    item: Codes
    value: Floats
    usable: Flags
    set_aside: list[dict[str, Any]]


@dataclass(frozen=True)
class _ItemFacts:
    """What the cards say of each item, for each answer; one number where it is one for all."""

    low: Floats
    high: Floats
    step: Floats
    reversed: Flags
    on_card: Flags


def clean(
    answers: Answers,
    units: Units,
    registry: Registry,
    already_reversed: bool | Collection[tuple[str, str]],
) -> Cleaned:
    """Return the answers with those that do not fit set aside, and reversed items turned."""
    cards = [registry.find(name) for name in answers.keys["measure"].labels]
    measure = answers.keys["measure"].codes
    facts = _item_facts(cards, measure, answers.item)
    _refuse_unknown_items(answers, cards, facts.on_card)
    refuse_twice(units, answers.item)
    value = _without_codes(answers.value, cards, measure)
    outside = (value < facts.low) | (value > facts.high)
    uneven = off_the_grid(value, facts.low, facts.step) & ~outside
    set_aside = _set_aside(answers, units, outside, uneven, cards)
    if set_aside:
        value = np.where(outside | uneven, np.nan, value)
    turned = facts.reversed & ~_turned_before(answers, cards, already_reversed)
    if turned.any():
        value = np.where(turned, facts.low + facts.high - value, value)
    return Cleaned(answers.item, value, ~np.isnan(value), set_aside)


def _item_facts(cards: list[Measure], measure: Codes, item: Codes) -> _ItemFacts:
    """Look each answer's item up in tables of measure by item number."""
    width = max((card.n_items for card in cards), default=0) + 1
    shape = (max(len(cards), 1), width)
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    step = np.full(shape, np.nan)
    turn, on_card = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for row, card in enumerate(cards):
        for number in card.items:
            low[row, number], high[row, number] = card.item_range(number)
        step[row] = np.nan if card.step is None else card.step
        turn[row, list(card.reversed_items)] = True
        on_card[row, 1 : card.n_items + 1] = True
    inside = len(item) > 0 and item.min() >= 0 and item.max() < width
    place = item if inside else np.where((item >= 0) & (item < width), item, 0)
    place = place if len(cards) < 2 else measure * width + place
    tables = (low, high, step, turn, on_card)
    return _ItemFacts(*(_looked_up(table, place, on_card) for table in tables))


def _looked_up(table: Any, place: Codes, on_card: Flags) -> Any:
    """Return a table's entry for each answer, or the one that all items on the cards have."""
    own = table[on_card]
    same = (own == own[:1]) | (np.isnan(own) & np.isnan(own[:1]))
    if len(own) and same.all() and table is not on_card:
        return own[0]
    return table.reshape(-1).take(place)


def _refuse_unknown_items(answers: Answers, cards: list[Measure], on_card: Flags) -> None:
    if on_card.all():
        return
    codes = answers.keys["measure"].codes
    for code, card in enumerate(cards):
        wrong = ~on_card & (codes == code)
        if wrong.any() and card.scales:
            found = np.unique(answers.item[wrong])
            raise MeasureError(
                f"The ratings of '{card.name}' hold item {listing(found)} in {int(wrong.sum())} "
                f"rows; its items are 1 to {card.n_items}. Check the item numbers, or whether "
                "another form was used."
            )


def _without_codes(value: Floats, cards: list[Measure], measure: Codes) -> Floats:
    """Take out answers that the form itself defines as no answer."""
    for code, card in enumerate(cards):
        if card.missing_codes:
            none = (measure == code) & np.isin(value, card.missing_codes)
            value = np.where(none, np.nan, value)
    return value


def _turned_before(
    answers: Answers, cards: list[Measure], already: bool | Collection[tuple[str, str]]
) -> Flags | np.bool_:
    """Return for which answers the file already holds the reversed value."""
    if isinstance(already, bool):
        return np.bool_(already)
    try:
        pairs = {(folded(measure), str(rater)) for measure, rater in already}
    except (TypeError, ValueError):
        raise DesignError(
            "already_reversed must be True, False, or a list of pairs such as "
            f"[('wai-sr', 'client')], not {shown(already)}."
        ) from None
    raters, measures = answers.keys["rater"], answers.keys["measure"]
    names = [{folded(n) for n in (card.name, *card.aliases)} for card in cards]
    table = np.array(
        [[any((n, str(rater)) in pairs for n in own) for own in names] for rater in raters.labels]
    ).reshape(len(raters.labels), len(cards))
    if not table.any() or table.all():
        return np.bool_(table.any())
    return table[raters.codes, measures.codes]


def _set_aside(
    answers: Answers, units: Units, outside: Flags, uneven: Flags, cards: list[Measure]
) -> list[dict[str, Any]]:
    """Return what was set aside: one record a measure, rater, item and reason."""
    odd = np.zeros(len(outside), dtype=bool)
    odd[list(answers.not_numbers)] = True
    rows = np.flatnonzero(outside | uneven | odd)
    if len(rows) == 0:
        return []
    reason = np.select([outside[rows], uneven[rows]], ["out of range", "not an allowed step"], "")
    found = pd.DataFrame(
        {
            "measure": answers.keys["measure"].codes[rows],
            "rater": answers.keys["rater"].codes[rows],
            "item": answers.item[rows],
            "reason": np.where(odd[rows], "not a number", reason),
            "row": rows,
        }
    )
    groups = found.groupby(["measure", "rater", "item", "reason"], sort=True)["row"]
    return [_record(answers, units, cards, key, rows.to_numpy()) for key, rows in groups]


def _record(
    answers: Answers, units: Units, cards: list[Measure], key: Any, rows: Codes
) -> dict[str, Any]:
    measure, rater, item, reason = key
    if reason == "not a number":
        values: list[Any] = list(dict.fromkeys(answers.not_numbers[int(row)] for row in rows))
    else:
        values = np.unique(answers.value[rows]).tolist()
    return {
        "measure": cards[measure].name,
        "rater": str(answers.keys["rater"].labels[rater]),
        "item": int(item),
        "reason": str(reason),
        "rows": len(rows),
        "values": values[:SHOWN],
        "first": units.in_words(units.unit[rows[:SHOWN]]),
    }
