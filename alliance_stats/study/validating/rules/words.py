"""How rules put values and rows into words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

LONGEST = 60  # characters of a value that a sentence can carry
SHOWN = 5  # distinct values or rows a sentence names


def shown(value: Any) -> str:
    """Return a value as a reader would write it: ``7`` for 7.0, long text cut, on one line."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        number = float(value)
        if np.isnan(number):
            return ""
        whole = number.is_integer() and abs(number) < 1e15
        return str(int(number)) if whole else str(number)
    text = " ".join(str(value).split()) if not str(value).isspace() else str(value)
    outer = str(value)
    if outer != text and outer.strip() == text:
        text = outer.replace("\n", " ")  # outer blanks are what some rules are about
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def counted(values: Any) -> str:
    """Return the commonest values and how often each occurs: ``'a' (3 times), 'b' (once)``."""
    counts: Counter[str] = Counter()
    codes, distinct = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    for value, count in zip(distinct, np.bincount(codes, minlength=len(distinct)), strict=True):
        counts[shown(value)] += int(count)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"'{value}' ({times(count)})" for value, count in ordered[:SHOWN]]
    rest = len(ordered) - SHOWN
    return ", ".join(parts) + (f" and {rest:,} other value{'s' * (rest > 1)}" if rest > 0 else "")


def times(count: int) -> str:
    """Return a count as ``once``, ``twice``, ``7 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def series_of(items: Iterable[Any], limit: int = SHOWN) -> str:
    """Return ``a, b and c``; past the limit ``a, b, c and 7 more``."""
    words = [str(item) for item in items]
    if len(words) > limit:
        return f"{', '.join(words[:limit])} and {len(words) - limit:,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def rows_of(numbers: Iterable[int]) -> str:
    """Return ``row 3`` or ``rows 3, 4 and 9``."""
    distinct = sorted({int(number) for number in numbers})
    return f"row{'s' * (len(distinct) > 1)} {series_of(distinct)}"


def at_its_time(sentence: str, when: str) -> str:
    """Return a sentence with the session or occasion before it, unless it names it itself."""
    known = not when or re.search(rf"\b{re.escape(when.casefold())}(?!\w)", sentence.casefold())
    return sentence if known else f"{when[0].upper()}{when[1:]}: {sentence}"
