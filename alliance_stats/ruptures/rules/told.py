"""What results that rest on one rule have in common: their sentences say it in words."""

from __future__ import annotations

from typing import Any

from ...core.results import Result
from . import in_words


class ByRule(Result):
    """A result whose ruptures are those of one rule, which its glance names."""

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the rule in words, with its name."""
        known = super().facts()
        return known | {"rule": in_words(known["rule"])}
