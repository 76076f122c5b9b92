"""A measure guessed from columns, and why one was not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

ASSUMED = "the rater is assumed"
NO_COLUMN = "no column for item"


@dataclass(frozen=True)
class Guess:
    """A measure guessed from columns, as it stands in ``study.yaml``.

    `doubt` says what a person should check; `missing` are codes for missing that stand out.
    """

    entry: dict[str, Any]
    columns: tuple[str, ...]
    doubt: str = ""
    missing: tuple[int, ...] = ()

    def by_row(self) -> Guess:
        """Return the guess without a rater that was only assumed: a column says who rated."""
        doubt = self.doubt_without(ASSUMED)
        if doubt == self.doubt:
            return self
        entry = {key: value for key, value in self.entry.items() if key != "rater"}
        return replace(self, entry=entry, doubt=doubt)

    def doubt_without(self, beginning: str) -> str:
        """Return what is to be checked but for what begins so."""
        parts = self.doubt.split("; ")
        return "; ".join(part for part in parts if not part.startswith(beginning))

    @property
    def when(self) -> bool:
        """Whether the entry says itself to which session or occasion its values belong."""
        texts = [self.entry.get("items"), self.entry.get("score")]
        named = any("{session" in str(text) for text in texts)
        return named or "session" in self.entry or "occasion" in self.entry

    @property
    def slot(self) -> tuple[Any, ...]:
        """What may be there once: measure, rater, scale or items, session and occasion."""
        score = self.entry.get("score")
        part = next(iter(score)) if isinstance(score, dict) else "total" if score else "items"
        when = (
            "{session" in str(self.entry),
            self.entry.get("session"),
            self.entry.get("occasion"),
        )
        return (self.entry["measure"], self.entry["rater"], part, *when)


class UnplacedError(Exception):
    """A family of which the measure is known, and that cannot be placed; says why."""
