"""What a card says of change on one scale: reliability, cut-off, direction, with sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..core.arguments import checked_choice
from ..errors import AllianceStatsError, DesignError, did_you_mean, listing
from .facts import Reliability
from .registry import measure as by_name

ORDER = {"retest": 0, "icc": 1, "alpha": 2, "omega": 3}
"""Retest first, as Jacobson and Truax ask (but a number read in its source before one not)."""

DIRECTIONS = ("lower_is_better", "higher_is_better")

CLINICAL = ("clinical", "caseness", "significant impairment")
"""Words of a card's cut-off that part ill from well; a degree of severity does not."""


@dataclass(frozen=True)
class Card:
    """The measure's direction and name, and how to look up its numbers for one scale."""

    measure: Any
    scale: str

    @property
    def direction(self) -> str:
        """Which way is better on this scale."""
        return str(self.measure.scales[self.scale].direction)

    @property
    def name(self) -> str:
        """Measure and scale in words."""
        return f"{self.measure.name} ({self.scale})"

    @property
    def reliabilities(self) -> list[Reliability]:
        """The published reliabilities of the scale, the one to use first."""
        known = [fact for fact in self.measure.reliabilities if fact.scale == self.scale]
        return sorted(known, key=lambda fact: (not fact.verified, ORDER.get(fact.kind, 9)))

    def reliability(self) -> tuple[float, str, str]:
        """Return the card's reliability, which kind it is, and where it is from in words."""
        best, *others = self.reliabilities
        have = listing(f"{fact.kind} {fact.value:g}" for fact in others)
        also = f" The card also has {have}." if others else ""
        if best.kind in ("alpha", "omega"):
            also += ONE_DAY + self._points_instead()
        words = f"Reliability {best.value:g}: {best.kind}, {self.source(best)}.{also}"
        return float(best.value), best.kind, words

    def _points_instead(self) -> str:
        """Return which published number of points may be used instead, where there is one."""
        points = [fact.value for fact in self.measure.reliable_change if fact.scale == self.scale]
        if not points:
            return ""
        return (
            f" The card's published {points[0]:g} points do not depend on it "
            '(criterion="published"): report both.'
        )

    def published_change(self) -> tuple[float, str]:
        """Return the points that the card calls a reliable change, and where they are from."""
        for fact in self.measure.reliable_change:
            if fact.scale == self.scale:
                words = f"Reliable change of {fact.value:g} points or more: {fact.method}"
                return float(fact.value), f"{words}, {self.source(fact)}."
        raise DesignError(
            f"The card of {self.name} gives no reliable change in points; leave criterion= out, "
            "or give points=."
        )

    def cutoff(self) -> tuple[float | None, str]:
        """Return the cut-off that parts ill from well and its source; or None, and why."""
        cuts = [fact for fact in self.measure.cutoffs if fact.scale == self.scale]
        parting = [f for f in cuts if any(word in f.meaning.lower() for word in CLINICAL)]
        if len(parting) != 1:
            have = (
                f"several cut-offs ({listing(f'{fact.value:g}' for fact in cuts)}) and not one that"
                if cuts
                else "no cut-off that"
            )
            return None, (
                f"The card of {self.name} gives {have} parts a clinical from a functional range"
            )
        cut = parting[0]
        return float(cut.value), f"Cut-off {cut.value:g}: {cut.meaning} ({self.source(cut)}.)"

    def source(self, fact: Any) -> str:
        """Return where a fact is from, for whom it holds, and whether it was read there."""
        known = self.measure.sources
        source = str(known[fact.source]) if fact.source in known else str(fact.source)
        mark = "read in the source named" if fact.verified else "NOT checked against its source"
        where = f", {fact.population}" if fact.population else ""
        return f"{source.rstrip('.')}{where}; {mark}"


def card_of(measure: Any, scale: str) -> Card:
    """Return the card of a measure by its name (or of a `Measure`), and check the scale."""
    found = by_name(measure) if isinstance(measure, str) else measure
    if not hasattr(found, "reliabilities"):
        raise DesignError(
            f"measure must be the name of a card, such as 'core-10', not {measure!r}."
        )
    if scale not in found.scales:
        raise DesignError(
            f"{found.name} has the scales {listing(found.scales)}, not {scale!r}."
            f"{did_you_mean(scale, found.scales)}"
        )
    return Card(found, scale)


def direction_of(
    direction: str | None, card: Card | None, data: Any = None
) -> tuple[str, tuple[str, ...]]:
    """Return which way is better, and in words where nobody said so.

    One rule for all of change: the card's direction (that of `measure=`, else of the one measure
    that the column ``measure`` of `data` names), else the caller's, else lower is better.
    """
    if direction is not None:
        checked_choice("direction", direction, DIRECTIONS)
    if card is None:
        named = _card_in(data)
        if named is not None and direction not in (None, named.direction):
            return str(direction), (
                f"direction is {direction!r}, but the card of {named.name}, which the rows name, "
                f"says {named.direction!r}: improved and deteriorated may have changed places.",
            )
        card = named if direction is None else None
    if card is None:
        told = () if direction is not None else (NOT_SAID,)
        return "lower_is_better" if direction is None else direction, told
    if direction is not None and direction != card.direction:
        raise DesignError(
            f"direction is {direction!r}, but the card of {card.name} says {card.direction!r}; "
            "leave direction= out, or measure=."
        )
    return card.direction, ()


def sign_of(direction: str) -> float:
    """Return what change is multiplied by, so that positive is improvement."""
    return -1.0 if direction == "lower_is_better" else 1.0


ONE_DAY = (
    " It is of one day and does not see what differs between days, so too many small changes count."
)
NOT_SAID = (
    "Nobody said which way is better, so lower scores were taken as better; say it by direction=, "
    "or by measure= with a card."
)


def _card_in(data: Any) -> Card | None:
    """Return the card of the one measure (and scale) that the rows name, if there is one."""
    if not isinstance(data, pd.DataFrame) or "measure" not in data.columns:
        return None
    names = data["measure"].dropna().unique()
    scales = data["scale"].dropna().unique() if "scale" in data.columns else ["total"]
    if len(names) != 1 or len(scales) != 1:
        return None
    try:
        return card_of(str(names[0]), str(scales[0]))
    except (AllianceStatsError, KeyError):  # a measure of the user's own, without a card
        return None
