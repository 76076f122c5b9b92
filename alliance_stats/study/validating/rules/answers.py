"""Rules about what is answered: is the measure known, has the rater a form, the form the item?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....errors import did_you_mean, listing
from ...origin import BESIDE, table_of
from .registry import Finding, rule
from .view import StudyView

ANSWERS = ("ratings", "scores", "assessments", *BESIDE)
SCORES = tuple(table for table in ANSWERS if table_of(table) != "ratings")
"""The tables of answers, and those of them that hold scores."""


def cards_of(view: StudyView, table: str) -> list[Any]:
    """Return the card of each measure code of the table, None where there is none."""
    return [view.registry.get(name) for name in view.codes(table, "measure").values]


@rule(
    "unknown_measure",
    level="error",
    stage="rows",
    looks_for="a measure that no card describes",
)
def unknown_measure(view: StudyView) -> Iterator[Finding]:
    """Find measures without a card: their answers cannot be scored."""
    for table in ANSWERS:
        if not view.has(table, "measure"):
            continue
        codes = view.codes(table, "measure")
        for code, card in enumerate(cards_of(view, table)):
            rows = np.flatnonzero(codes.codes == code) if card is None else ()
            if len(rows):
                yield _unknown_measure(view, table, str(codes.values[code]), np.asarray(rows))


def _unknown_measure(view: StudyView, table: str, name: str, rows: np.ndarray) -> Finding:
    answers = table_of(table) == "ratings"
    done = "its answers cannot be scored and are left out" if answers else "its scores are kept "
    done += "" if answers else "as they are, unchecked"
    told = any(rule == "unknown_measure" for rule, _, _ in view.named)
    return Finding(
        table,
        f"The measure '{name}' is not known; {done}.",
        rows,
        column="measure",
        many="{n} rows name a measure that is not known: {values}.",
        hint="Correct the name, or put a card for the measure into the study's folder 'measures'."
        f"{did_you_mean(name, view.registry)}",
        values=np.full(len(rows), name, dtype=object),
        together=True,
        level="" if answers else "warning",
        topic="silent" if told else "",
        set_aside=answers,
    )


@rule(
    "rater_without_form",
    level="error",
    stage="rows",
    looks_for="a rater for whom the measure has no form",
)
def rater_without_form(view: StudyView) -> Iterator[Finding]:
    """Find raters for whom the measure's card knows no form."""
    for table in ANSWERS:
        if not view.has(table, "measure", "rater"):
            continue
        measure, rater = view.codes(table, "measure"), view.codes(table, "rater")
        for code, card in enumerate(cards_of(view, table)):
            if card is None:
                continue
            known = {*card.raters, *(view.options.get("raters") or ())}
            wrong = np.array([name not in known for name in rater.values], dtype=bool)
            if not wrong.any():
                continue
            rows = np.flatnonzero((measure.codes == code) & rater.where(wrong))
            for value in np.unique(rater.codes[rows]):
                chosen = rows[rater.codes[rows] == value]
                yield _no_form(table, card, str(rater.values[value]), chosen)


def _no_form(table: str, card: Any, rater: str, rows: np.ndarray) -> Finding:
    return Finding(
        table,
        f"The measure '{card.name}' has no form for the rater '{rater}', only for "
        f"{listing(card.raters)}; the rows are left out.",
        rows,
        column="rater",
        many="{n} rows name a rater for whom the measure has no form: {values}.",
        hint="Correct the rater, or the measure.",
        values=np.full(len(rows), rater, dtype=object),
        together=True,
        set_aside=True,
    )


@rule(
    "item_not_on_form",
    level="error",
    stage="rows",
    looks_for="an item number the measure does not have",
)
def item_not_on_form(view: StudyView) -> Iterator[Finding]:
    """Find item numbers beyond the measure's own."""
    if not view.has("ratings", "measure", "item"):
        return
    measure, item = view.codes("ratings", "measure"), view.numbers("ratings", "item")
    cards = cards_of(view, "ratings")
    most = np.array([np.inf if card is None else len(card.items) for card in cards] + [np.inf])
    if item.max(initial=0) <= most.min():
        return
    rows = np.flatnonzero(item > most[measure.codes])
    for code in np.unique(measure.codes[rows]):
        chosen, card = rows[measure.codes[rows] == code], cards[code]
        yield Finding(
            "ratings",
            f"The measure '{card.name}' has no item {{value}}; its items are 1 to "
            f"{len(card.items)}.",
            chosen,
            column="item",
            many=f"{{n}} answers are to items '{card.name}' does not have (its items are 1 to "
            f"{len(card.items)}): {{values}}.",
            hint="Correct the item number, or the measure; until then the answers are left out.",
            topic=card.name,
            set_aside=True,
        )


@rule(
    "scale_not_on_form",
    level="warning",
    stage="rows",
    looks_for="a score of a scale the measure does not have",
)
def scale_not_on_form(view: StudyView) -> Iterator[Finding]:
    """Find scales the measure's card does not know: their range and direction are not known."""
    for table in SCORES:
        if not view.has(table, "measure", "scale"):
            continue
        measure, scale = view.codes(table, "measure"), view.codes(table, "scale")
        for code, card in enumerate(cards_of(view, table)):
            known = {*card.scales, *card.scales_without_key} if card is not None else None
            for which, name in enumerate(scale.values):
                if known is None or not known or name in known:
                    continue
                rows = np.flatnonzero((measure.codes == code) & (scale.codes == which))
                if len(rows):
                    yield _scale_not_on_form(table, card, str(name), rows)


def _scale_not_on_form(table: str, card: Any, scale: str, rows: np.ndarray) -> Finding:
    scales = [*card.scales, *card.scales_without_key]
    return Finding(
        table,
        f"The measure '{card.name}' has no scale '{scale}'; its scales are {listing(scales, 12)}."
        f"{did_you_mean(scale, scales)} The scores are kept, but what they may be is not checked.",
        rows,
        column="scale",
        hint="Correct the name of the scale, in the file or under 'score:' in study.yaml.",
        together=True,
    )
