"""The answers of one rater to the items of a measure, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..core.arguments import numbers
from ..core.people import reuse_hint
from ..errors import ColumnError, DesignError, did_you_mean, listing

if TYPE_CHECKING:
    from ..instruments import Measure
    from .study import Study


def items_card(study: Study, measure: str) -> Measure:
    """Return the card of a measure of the study, without which its items are not known."""
    card = study.measures.get(measure)
    if card is None:
        raise DesignError(
            f"There is no card for the measure '{measure}', so its items are not known."
            f"{did_you_mean(measure, study.measures)}"
        )
    return card


def item_table(study: Study, measure: str, rater: str, items: list[int]) -> pd.DataFrame:
    """Return a rater's answers, a row a client and session and a column an item.

    Reversed items are turned unless the file holds them turned; impossible answers are missing, and
    ``.attrs["impossible"]`` tells how many there were.
    """
    card, ratings = items_card(study, measure), study.tables.get("ratings")
    if ratings is None or ratings.empty:
        raise DesignError("The study holds no items (table `ratings`), only scores.")
    part = ratings[(ratings["measure"] == measure) & (ratings["rater"] == rater)]
    part = part[part["item"].isin(items)]
    if part.empty:
        there = pd.unique(ratings.loc[ratings["rater"] == rater, "measure"])
        raise DesignError(
            f"Rater '{rater}' has no items of {measure} in this study"
            f"{f', only of {listing(there)}' if len(there) else ', nor of any other measure'}."
            f"{did_you_mean(measure, there)}"
        )
    key = ["client_id", "session", "item"]
    part = part[part[key].notna().all(axis=1)]  # an answer of nobody belongs to no dyad
    twice = part.duplicated(key, keep=False)
    if twice.any():
        first = part[twice].iloc[0]
        raise ColumnError(
            f"{int(twice.sum())} of the {rater}s' answers to {measure} share client, session and "
            f"item (first: client {first['client_id']}, session {first['session']}, item "
            f"{first['item']}). Keep one answer each.{reuse_hint(part)}"
        )
    answers = pd.Series(numbers(part, "value", f"the {rater}s' answers"), index=part.index)
    answers = answers.set_axis(pd.MultiIndex.from_frame(part[key]))
    wide = answers.unstack("item").reindex(columns=items)  # noqa: PD010 - keys are unique
    turned = (measure, rater) in study.already_reversed
    given = int(wide.notna().sum().sum())
    for item in items:
        low, high = card.item_range(item)
        values = wide[item].where(wide[item].between(low, high))
        wide[item] = low + high - values if item in card.reversed_items and not turned else values
    wide.attrs["impossible"] = given - int(wide.notna().sum().sum())
    return wide
