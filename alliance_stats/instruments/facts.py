"""The parts of a card: ranges, scales, rules for missing items, sources and published numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Range(NamedTuple):
    """The lowest and highest answer an item allows."""

    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """A scale: its items and how its score is made. Iterating it gives the item numbers.

    Attributes
    ----------
    name, title
        As the column ``scale`` has it, and in words.
    items
        The numbers of its items, in the order of the form.
    method
        ``sum``, ``mean``, ``single`` (one item), ``domain_max`` (sum over domains of the highest
        answer in each) or ``sum_of`` (sum of other scales' scores).
    multiply
        A factor applied to the finished score.
    direction
        ``higher_is_better`` or ``lower_is_better``.
    domains
        For ``domain_max``: domains → slots → items; a slot of several items is one question of
        which one version is to be answered.
    parts
        For ``sum_of``: the scales that are added.
    """

    name: str
    title: str
    items: tuple[int, ...]
    method: str
    multiply: float
    direction: str
    domains: tuple[tuple[tuple[int, ...], ...], ...] = ()
    parts: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: object) -> bool:
        return item in self.items

    def __getitem__(self, position: int) -> int:
        return self.items[position]

    @property
    def n_expected(self) -> int:
        """How many answers a complete form has: a pair of which one is asked counts once."""
        if self.domains:
            return sum(len(domain) for domain in self.domains)
        return len(self.items)


@dataclass(frozen=True)
class MissingRule:
    """When a scale is scored although items are missing, and how.

    Attributes
    ----------
    kind
        ``none_published`` (no rule is known: every item is needed), ``all_items`` (the source
        asks for every item), ``prorate`` (a missing item gets the mean of the answered items of
        its scale) or ``given`` (the caller's own).
    max_missing
        For each scale the largest number of missing items; None where the source sets no limit.
        A scale that is not named needs all its items.
    round_half_up
        Whether the value put in for a missing item is rounded to a whole number.
    text
        The rule in words.
    """

    kind: str
    max_missing: dict[str, int | None] = field(default_factory=dict)
    round_half_up: bool = False
    text: str = ""

    def limit(self, scale: Scale) -> int:
        """Return how many items of `scale` may be missing; one answer is always needed."""
        allowed = self.max_missing.get(scale.name, 0)
        most = max(scale.n_expected - 1, 0)
        return most if allowed is None else min(allowed, most)

    def __str__(self) -> str:
        if self.text:
            return self.text
        if self.kind == "none_published":
            return "No rule for missing items is published: a score needs all its items."
        return "A score needs all its items."


@dataclass(frozen=True)
class Source:
    """Where a fact comes from."""

    key: str
    citation: str
    doi: str = ""
    url: str = ""
    pmid: int | None = None
    isbn: str = ""

    def __str__(self) -> str:
        places = (
            f"https://doi.org/{self.doi}" if self.doi else "",
            self.url,
            f"PMID {self.pmid}" if self.pmid else "",
            f"ISBN {self.isbn}" if self.isbn else "",
        )
        return " ".join([self.citation, *(place for place in places if place)])


@dataclass(frozen=True)
class Verification:
    """Whether a fact was read in a named source; true in a condition where it was."""

    status: bool
    source: str = ""
    read: str = ""

    def __bool__(self) -> bool:
        return self.status


@dataclass(frozen=True)
class Cutoff:
    """A score that separates two groups."""

    scale: str
    value: float
    meaning: str
    source: str
    verified: bool
    population: str = ""
    read: str = ""


@dataclass(frozen=True)
class ReliableChange:
    """The change of a scale that measurement error alone would rarely give."""

    scale: str
    value: float
    method: str
    source: str
    verified: bool
    population: str = ""
    read: str = ""


@dataclass(frozen=True)
class Reliability:
    """A published reliability of a scale, and where it holds."""

    scale: str
    kind: str
    value: float
    source: str
    verified: bool
    population: str = ""
    read: str = ""


@dataclass(frozen=True)
class Licence:
    """The terms of use of the instrument itself, not of this package."""

    kind: str
    note: str = ""
    verified: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.note}" if self.note else self.kind


@dataclass(frozen=True)
class Coding:
    """A coding system: its unit, its families of categories and its rating scales."""

    unit: str
    families: dict[str, tuple[str, ...]]
    ratings: dict[str, Range]
    segment_minutes: float | None = None
