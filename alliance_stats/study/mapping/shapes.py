"""Families of columns: names of one shape, which differ in their numbers alone.

``wai_c_s03_07`` has the shape ``wai_c_s#_#``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .names import NUMBERED, WORDS, Known, Named, folded, measures_in


@dataclass(frozen=True)
class Family:
    """Columns of one shape; `rows` holds their numbers, a row a column."""

    names: tuple[str, ...]
    rows: np.ndarray

    @property
    def varying(self) -> tuple[int, ...]:
        """The places of the numbers that are not the same in all names."""
        return tuple(p for p in range(self.rows.shape[1]) if len(set(self.rows[:, p])) > 1)

    def pattern(self, placeholders: dict[int, str]) -> str:
        """Return the shape with placeholders in place of some of its numbers."""
        pieces = re.split(r"(\d+)", self.names[0])
        for position, word in placeholders.items():
            texts = [re.split(r"(\d+)", name)[2 * position + 1] for name in self.names]
            padded = any(text.startswith("0") and len(text) > 1 for text in texts)
            width = f":0{min(map(len, texts))}d" if padded else ""
            pieces[2 * position + 1] = f"{{{word}{width}}}"
        return "".join(pieces)


def families_of(names: list[str], aliases: Any) -> Iterator[Family]:
    """Yield columns by their shape; numbers that are part of a word keep them apart."""
    shapes: dict[str, list[str]] = {}
    for name in names:
        shapes.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    for alike in shapes.values():
        apart: dict[tuple[str, ...], list[str]] = {}
        for name in alike:
            apart.setdefault(_numbers_of_words(name, aliases), []).append(name)
        whole = [alike] if any(not key for key in apart) else apart.values()
        for group in whole:
            rows = [numbers_in(name) for name in group]
            if max((run for row in rows for run in row), default=0) < 10_000:
                yield Family(tuple(group), np.array(rows).reshape(len(group), -1))


def numbers_in(text: str) -> list[int]:
    """Return the numbers that stand in a name."""
    return [int(run) for run in re.findall(r"\d+", text)]


def _numbers_of_words(name: str, aliases: Any) -> tuple[str, ...]:
    """Return the words of which a number is part: ``phq9`` in ``phq9_4``, or ``fu1``."""
    found = re.findall(r"([^\W\d_]+)([\W_]?)(\d+)", name)
    pairs = [(folded(word), int(number), glue == "") for word, glue, number in found]
    return tuple(
        f"{word}{number}"
        for word, number, glued in pairs
        if f"{word}{number}" in aliases
        or (glued and WORDS.get(word, {}).get("occasion") == NUMBERED)
    )


def read_titles(family: Family, titles: Mapping[str, Any], known: Known) -> list[Named]:
    """Return what the labels of columns say, where their names say nothing.

    The numbers in labels are those in the names: ``Q5_3`` is labelled ``WAI-SR - item 3``.
    """
    texts = [str(titles.get(name) or "") for name in family.names]
    if not texts[0] or len({re.sub(r"\d+", "#", text) for text in texts}) > 1:
        return []
    said = np.array([numbers_in(text) for text in texts]).reshape(len(texts), -1)
    fixed = {at for at in range(said.shape[1]) if len(set(said[:, at])) == 1}
    places = {
        at: place
        for place in family.varying
        for at in range(said.shape[1])
        if np.array_equal(said[:, at], family.rows[:, place])
    }
    if set(places.values()) != set(family.varying):
        return []
    return [
        replace(
            named, numbers=tuple(replace(n, position=places[n.position]) for n in named.numbers)
        )
        for named in measures_in(texts[0], fixed, known)
        or measures_in(texts[0], fixed, known, passing=True)
        if all(number.position in places for number in named.numbers)
    ]
