"""Numbers between bounds, said in one sentence where they are not."""

from __future__ import annotations

from typing import Any

from ..core.arguments import is_number
from ..errors import DesignError


def within(value: Any, name: str, low: float = 0.0, high: float = 1.0, why: str = "") -> float:
    """Return `value` as a number strictly between two others."""
    if not is_number(value) or not low < float(value) < high:
        words = f"a number between {low:g} and {high:.3g}{why}"
        raise DesignError(f"{name} must be {words}, not {value!r}.")
    return float(value)
