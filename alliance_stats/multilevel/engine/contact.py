"""How two groupings of the same rows meet: which lies in the other, or whether ids start anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.people import GROUP, THERAPIST, refuse_groups_that_start_anew, reused_ids
from ...errors import DesignError, listing

if TYPE_CHECKING:
    from .grouping import Factor

REUSED = 0.5  # share of ids in several groups above which ids that start anew are the likely reason
HELD = 0.9  # share of ids under one group above that speaks for the same, where no time is known
LEVELS = (
    ("client", "klient", "patient", "person", "participant", "subject", "dyad", "couple"),
    ("therapist", "therapeut", "counsel", "clinician", "provider", "practitioner"),
    ("site", "centre", "center", "hospital", "team", "ward", "klinik"),
)
"""Words in the names of columns by level, the lowest first."""


class Contact:
    """How two groupings meet.

    `one` has more groups, which mostly makes it the lower level; but ids that start anew (client
    1 of every therapist) are few, so what the columns' names say goes before.
    """

    def __init__(self, one: Factor, other: Factor) -> None:
        self.named = _lies_lower(one, other) or _lies_lower(other, one)
        lower, upper = (other, one) if _lies_lower(other, one) else (one, other)
        self.lower, self.upper = lower, upper
        both = (lower.codes >= 0) & (upper.codes >= 0)
        group = np.full(len(lower.labels), -1, dtype=np.intp)
        group[lower.codes[both]] = upper.codes[both]
        differ = both & (group[lower.codes] != upper.codes)
        self.several = np.sort(pd.unique(lower.codes[differ]))
        """The groups of the lower level that meet several of the upper."""

    @property
    def fact(self) -> str:
        """How many groups meet several, and the first of them."""
        several, lower, upper = self.several, self.lower, self.upper
        rows = (lower.codes == several[0]) & (upper.codes >= 0)
        first = upper.labels[pd.unique(upper.codes[rows])]
        return (
            f"{len(several)} of {len(lower.labels)} groups of '{lower.name}' belong to several of "
            f"'{upper.name}' (first: {listing(lower.labels[several])}; "
            f"{listing(lower.labels[several[:1]])} to {listing(first)})"
        )

    @property
    def note(self) -> str:
        """What a result says of groups that cross."""
        return (
            f"{self.fact}: the two are crossed. Each row counts for the '{self.upper.name}' that "
            "stands in it."
        )

    def refuse_ids_that_start_anew(self, data: pd.DataFrame) -> None:
        """Raise where most of what seems to cross is several people with one number."""
        if len(self.lower.columns) + len(self.upper.columns) == 2:
            names = {self.lower.name: self.upper.name, self.upper.name: self.lower.name}
            if names.get(GROUP) == THERAPIST:
                remedy = f"write (1 | {THERAPIST}/{GROUP}), or make the ids unique."
                refuse_groups_that_start_anew(data, remedy)
        if not self.named or len(self.lower.columns) + len(self.upper.columns) > 2:
            return
        lower, upper = self.lower, self.upper
        found = reused_ids(data, lower.name, upper.name)
        if found is None or len(found.ids) <= REUSED * len(lower.labels):
            return
        if not found.timed and not self._held_by_one():
            return
        raise DesignError(
            f"{self.fact}, so the ids of '{lower.name}' seem to start anew under each "
            f"'{upper.name}' and to stand for different people: write (1 | {upper.name}/"
            f"{lower.name}), or make the ids unique. If they are the same people, a column "
            "'session' that numbers the sessions of each shows it."
        )

    def _held_by_one(self) -> bool:
        """Say whether one of the upper groups holds nearly all ids of the lower."""
        pairs = np.unique(self.upper.codes * len(self.lower.labels) + self.lower.codes)
        held = np.bincount(pairs // len(self.lower.labels))
        return bool(held.max() > HELD * len(self.lower.labels))


def _lies_lower(one: Factor, other: Factor) -> bool:
    """Say whether `one` is the lower of two groupings that cross, though it has fewer groups."""
    ranks = [level_of_column(factor.columns[0]) for factor in (one, other)]
    if None not in ranks and ranks[0] != ranks[1]:
        return bool(ranks[0] < ranks[1])  # type: ignore[operator]
    return False


def level_of_column(column: str) -> int | None:
    """Return how high a level stands by its column's name, None where the name does not say."""
    found = [rank for rank, words in enumerate(LEVELS) if any(w in column.lower() for w in words)]
    return found[0] if len(found) == 1 else None
