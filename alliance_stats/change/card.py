"""What a measure's card says of change: reliability, cut-off, direction, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..errors import AllianceStatsError, DesignError, listing

ORDER = {"retest": 0, "icc": 1, "alpha": 2, "omega": 3}
"""Retest first, as Jacobson and Truax ask (but a number read in its source before one not)."""

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

    def reliability(self) -> tuple[float, str]:
        """Return the card's reliability, and in words which it is and where it is from."""
        known = [fact for fact in self.measure.reliabilities if fact.scale == self.scale]
        if not known:
            raise DesignError(
                f"The card of {self.name} gives no reliability; pass reliability=, of a population "
                "like this one."
            )
        best = min(known, key=lambda fact: (not fact.verified, ORDER.get(fact.kind, 9)))
        others = [f"{fact.kind} {fact.value:g}" for fact in known if fact is not best]
        also = f" The card also has {listing(others)}." if others else ""
        return float(
            best.value
        ), f"Reliability {best.value:g}: {best.kind}, {self._source(best)}.{also}"

    def cutoff(self) -> tuple[float, str]:
        """Return the one cut-off of the card that parts ill from well, and its source in words."""
        cuts = [fact for fact in self.measure.cutoffs if fact.scale == self.scale]
        parting = [f for f in cuts if any(word in f.meaning.lower() for word in CLINICAL)]
        if len(parting) != 1:
            have = (
                f"several cut-offs ({listing(f'{fact.value:g}' for fact in cuts)}) and not one that"
                if cuts
                else "no cut-off that"
            )
            raise DesignError(
                f"The card of {self.name} gives {have} parts a clinical from a functional range; "
                "pass cutoff_value=, or clinical= and functional=."
            )
        cut = parting[0]
        return float(cut.value), f"Cut-off {cut.value:g}: {cut.meaning} ({self._source(cut)}.)"

    def _source(self, fact: Any) -> str:
        known = self.measure.sources
        source = str(known[fact.source]) if fact.source in known else str(fact.source)
        mark = "read in the source named" if fact.verified else "NOT checked against its source"
        where = f", {fact.population}" if fact.population else ""
        return f"{source.rstrip('.')}{where}; {mark}"


def card_of(measure: Any, scale: str) -> Card:
    """Return the card of a measure by its name (or of a `Measure`), and check the scale."""
    from ..errors import did_you_mean
    from ..measures import measure as by_name

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
