"""The card of an instrument: what is needed to score it and to judge its scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import MeasureError, did_you_mean, listing
from .facts import (
    Coding,
    Cutoff,
    Licence,
    MissingRule,
    Range,
    Reliability,
    ReliableChange,
    Scale,
    Source,
    Verification,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Measure:
    """The card of one instrument.

    A card holds numbers, keys, rules and sources, never the wording of an item. ``verified``
    says for each fact whether somebody read it in a named source; what is not known is left out
    and named in ``unknown``.

    Attributes
    ----------
    name, title, form, version, construct, timing
        The id that the column ``measure`` holds, and the form in words.
    aliases
        Other spellings under which `name` is found.
    raters
        Who rates → the name of that rater's form. Parallel forms share one card.
    items
        The item numbers, 1 to the number of items.
    range, step, item_ranges
        Lowest and highest answer; the step between answers (1: whole numbers, None: any
        number); and the items whose range differs.
    reversed_items
        Items scored ``low + high - answer``.
    scales, scales_without_key
        The scales that can be scored; and those that cannot, with the reason.
    missing_rule, missing_codes, not_applicable_items
        What happens to missing items; answers that mean "no answer"; items a person may leave
        out because they do not apply.
    direction
        ``higher_is_better`` or ``lower_is_better`` (a scale may differ).
    cutoffs, reliable_change, reliabilities
        Published numbers, each with its population, source and mark.
    licence, sources, verified, unknown, origin
        Terms of use; sources by key; marks by fact; what is left out; the card's file.

    Examples
    --------
    >>> import alliance_stats as al
    >>> card = al.measure("WAI-SR")
    >>> list(card.scales["bond"])
    [3, 5, 7, 9]
    >>> card.range
    Range(low=1, high=5)
    """

    name: str
    title: str
    construct: str
    form: str
    raters: dict[str, str]
    items: tuple[int, ...]
    range: Range
    step: float | None
    reversed_items: tuple[int, ...]
    scales: dict[str, Scale]
    missing_rule: MissingRule
    direction: str
    licence: Licence
    sources: dict[str, Source]
    verified: dict[str, Verification]
    aliases: tuple[str, ...] = ()
    version: str = ""
    timing: str = ""
    item_ranges: dict[int, Range] = field(default_factory=dict)
    missing_codes: tuple[float, ...] = ()
    not_applicable_items: tuple[int, ...] = ()
    scales_without_key: dict[str, str] = field(default_factory=dict)
    scoring_note: str = ""
    cutoffs: tuple[Cutoff, ...] = ()
    reliable_change: tuple[ReliableChange, ...] = ()
    reliabilities: tuple[Reliability, ...] = ()
    coding: Coding | None = None
    unknown: tuple[str, ...] = ()
    origin: str = ""

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def n_items(self) -> int:
        """The number of items of the form."""
        return len(self.items)

    def item_range(self, item: int) -> Range:
        """Return the lowest and highest answer of one item."""
        return self.item_ranges.get(item, self.range)

    def scale(self, name: str) -> Scale:
        """Return one scale; an unknown name, or one without a key, is refused in words."""
        if name in self.scales:
            return self.scales[name]
        if name in self.scales_without_key:
            raise MeasureError(
                f"The scale '{name}' of '{self.name}' cannot be scored: "
                f"{self.scales_without_key[name].rstrip('.')}."
            )
        raise MeasureError(
            f"The measure '{self.name}' has no scale '{name}'; its scales are "
            f"{listing(self.scales, 12) or 'none that can be scored'}."
            f"{did_you_mean(name, self.scales)}"
        )

    def scale_range(self, name: str) -> Range:
        """Return the lowest and highest score a complete form can give on one scale."""
        scale = self.scale(name)
        if scale.parts:
            ends = [self.scale_range(part) for part in scale.parts]
            low, high = sum(end.low for end in ends), sum(end.high for end in ends)
        else:
            groups = scale.domains or tuple(((item,),) for item in scale.items)
            low = sum(max(self.item_range(i).low for s in group for i in s) for group in groups)
            high = sum(max(self.item_range(i).high for s in group for i in s) for group in groups)
            if scale.method == "mean":
                low, high = low / len(scale), high / len(scale)
        return Range(low * scale.multiply, high * scale.multiply)

    def key(self) -> pd.DataFrame:
        """Return the scoring key: one row a scale and item, with ``reversed, low, high``."""
        import pandas as pd

        rows = [
            (scale.name, item, item in self.reversed_items, *self.item_range(item))
            for scale in self.scales.values()
            for item in scale.items
        ]
        return pd.DataFrame(rows, columns=["scale", "item", "reversed", "low", "high"])

    def why_not_scored(self) -> str:
        """Return why nothing of this instrument can be scored, empty where something can."""
        if self.scales:
            return ""
        if self.coding is not None:
            return "it is a coding system: its codes go into the table observer_codes"
        reasons = dict.fromkeys(self.scales_without_key.values())
        return listing(reasons) or listing(self.unknown) or "its card names no scales"

    def __repr__(self) -> str:
        raters = ", ".join(self.raters)
        scales = ", ".join(self.scales) or "none that can be scored"
        return f"<Measure {self.name}: {self.title}; {raters}; scales: {scales}>"

    def _repr_html_(self) -> str:
        from .card_html import card_html

        return card_html(self)
