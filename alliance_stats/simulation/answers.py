"""From a latent rating to answers on items that score back to it.

The discretisation, step by step: a person's answers spread around the latent rating (a lasting
leaning of the client on each item plus noise of the moment); the spread is centred, so that the
mean of the items stays the latent rating, and shrunk where an answer would leave the range;
cumulative rounding then gives answers on the measure's steps whose total is the nearest that
whole steps allow. So the item mean differs from the latent rating by at most half a step
divided by the number of items, except where the latent rating lies beyond the range.

So the score carries no error of its items, while the items' errors are negatively correlated:
alpha, which presumes independent errors, then finds too little reliability, and what is corrected
with it overshoots. With `item_error` answers keep independent errors and are rounded one by one,
as in a questionnaire: the item mean then carries their mean error.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MeasureError, listing
from .course import Floats, Ints

ANALOGUE_STEP = 0.1
"""Visual analogue scales are read off to a tenth (millimetres on ten centimetres)."""


@dataclass(frozen=True)
class Instrument:
    """What is needed of a measure's card to answer it."""

    measure: str
    scale: str
    items: tuple[int, ...]
    reversed_items: frozenset[int]
    low: float
    high: float
    step: float
    points_per_step: float
    """Points of the scale's score for one point of the item mean."""

    def item_mean(self, score: Any) -> Any:
        """Return the item mean that gives this score."""
        return np.asarray(score) / self.points_per_step

    def score(self, item_mean: Any) -> Any:
        """Return the score, on the steps that the items allow, for a latent item mean."""
        unit = self.step / len(self.items)
        steps = np.rint((np.clip(item_mean, self.low, self.high) - self.low) / unit)
        return (self.low + steps * unit) * self.points_per_step


def instrument(card: Any, *, raters: Collection[str]) -> Instrument:
    """Read a card; refuse in words a measure whose total is no plain sum or mean of items."""
    absent = [rater for rater in raters if rater not in card.raters]
    if absent:
        raise MeasureError(
            f"The measure '{card.name}' must have a form for {listing(raters)} to be simulated; "
            f"its card knows {listing(card.raters)}."
        )
    scale = _widest_scale(card)
    if card.item_ranges:
        raise MeasureError(
            f"The measure '{card.name}' cannot be simulated: its items differ in their range. "
            "Choose another measure."
        )
    if scale is None or scale.method not in ("sum", "mean", "single", "sum_of"):
        how = scale.method if scale is not None else card.why_not_scored() or "no scale"
        raise MeasureError(
            f"The measure '{card.name}' cannot be simulated: none of its scales is a plain sum "
            f"or mean of items ({how}). Choose another measure."
        )
    averaged = scale.method in ("mean", "single")
    return Instrument(
        measure=card.name,
        scale=scale.name,
        items=tuple(scale.items),
        reversed_items=frozenset(card.reversed_items),
        low=float(card.range.low),
        high=float(card.range.high),
        step=float(card.step or ANALOGUE_STEP),
        points_per_step=float(scale.multiply * (1 if averaged else len(scale.items))),
    )


def _widest_scale(card: Any) -> Any:
    """Return the scale ``total``, else the one with the most items, or None."""
    if "total" in card.scales:
        return card.scales["total"]
    return max(card.scales.values(), key=lambda one: len(one.items), default=None)


def draw_answers(
    form: Instrument,
    level: Floats,
    client: Ints,
    *,
    item_sd: float,
    answer_sd: float,
    item_means: Floats | float = 0.0,
    item_error: bool = False,
    rng: np.random.Generator,
) -> Floats:
    """Return answers as the file holds them (reversed items not turned), rows × items.

    Parameters
    ----------
    level
        The latent item mean of each row, in the direction of the score.
    client
        The position of each row's client; gives the client's lasting leaning on items.
    item_sd, answer_sd
        Spread of the leaning between clients and of single answers.
    item_means
        How far each item's answers lie from the form's mean.
    item_error
        Whether the score keeps the answers' errors, or they cancel out in it.
    """
    k = len(form.items)
    leaning = rng.normal(0.0, item_sd, (int(client.max(initial=-1)) + 1, k))
    spread = item_means + leaning[client] + rng.normal(0.0, answer_sd, (len(level), k))
    top = (form.high - form.low) / form.step
    if item_error:
        steps = np.clip(np.rint((level[:, None] + spread - form.low) / form.step), 0.0, top)
    else:
        steps = discretise((level - form.low) / form.step, spread / form.step, top)
    turned = np.isin(form.items, list(form.reversed_items))
    steps[:, turned] = (form.high - form.low) / form.step - steps[:, turned]
    return np.round(form.low + steps * form.step, 10)


def discretise(level: Floats, spread: Floats, top: float) -> Floats:
    """Return whole steps from 0 to `top` whose row means are `level` as nearly as may be."""
    level = np.clip(level, 0.0, top)[:, None]
    spread = spread - spread.mean(axis=1, keepdims=True)
    room = np.where(spread > 0, top - level, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrink = np.where(spread == 0, 1.0, room / np.abs(spread)).min(axis=1, keepdims=True)
    wanted = level + spread * np.minimum(shrink, 1.0)
    running = np.rint(np.cumsum(wanted, axis=1))
    steps = np.diff(running, axis=1, prepend=0.0)
    return np.clip(steps, 0.0, top)
