"""Which forms the answers in columns can belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...errors import listing
from ..frames import is_plain_number, stacked_texts
from .values import as_word, codes_of, numbers

SUSPECTS = (-9, -99, -999, -1, -8, -7, 9, 99, 999, 88, 77, 98, 97)
"""Numbers that labs write for "no answer"."""

TYPING_ERRORS = 0.01
"""Share of answers that may lie outside a form's range and still be typing errors."""

FEW = 0.05
"""Share of totals that may lie outside a scale's range where the name says which scale it is."""

ENOUGH = 0.8
"""Share of a form's items that must have a column."""


MOST_ANSWERS = 12
"""A column with more different words holds no answers."""


@dataclass(frozen=True)
class Answers:
    """The different answers in columns: most of them, and the rarest, which may be slips.

    One 7 among five hundred answers of 1 to 5 does not make another form of it.
    """

    values: np.ndarray
    slips: np.ndarray
    labels: dict[Any, str] = field(default_factory=dict)
    """Code → label, where all of the columns share them."""
    cells: np.ndarray = field(default_factory=lambda: np.empty(0))
    """The answers themselves, each as often as it was given."""

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Iterable[str]) -> Answers:
        """Return the answers in columns, those that are one in a hundred together set apart."""
        frame = frame[list(columns)]
        texts, stack = stacked_texts(frame)
        plain = np.array([is_plain_number(kind) for kind in frame.dtypes], dtype=bool)
        block = frame.loc[:, plain].to_numpy(dtype=float).ravel()
        others = (series for _, series in frame.loc[:, ~plain].drop(columns=texts).items())
        found = np.concatenate([block, *(numbers(one)[0] for one in (stack, *others))])
        cells = found[~np.isnan(found)]
        values, counts = np.unique(cells, return_counts=True)
        rarest = np.argsort(counts, kind="stable")
        rare = np.zeros(len(values), dtype=bool)
        rare[rarest[np.cumsum(counts[rarest]) <= TYPING_ERRORS * counts.sum()]] = True
        slip = rare & ~np.isin(values, SUSPECTS)
        return cls(values[~slip], values[slip], cells=cells)

    @property
    def span(self) -> str:
        """The lowest and highest answer in words."""
        if not len(self.values):
            return "nothing"
        return f"{self.values.min():g} to {self.values.max():g}"

    def within(self, limits: Any) -> bool:
        """Return whether the answers, but for codes that mean missing, lie within limits."""
        low, high = limits
        inside = (self.values >= low) & (self.values <= high)
        return bool(inside.any()) and all(v in SUSPECTS for v in self.values[~inside])

    def outside(self, limits: Any) -> np.ndarray:
        """Return the answers beyond the limits that are no codes for missing."""
        low, high = limits
        odd = (self.cells < low) | (self.cells > high)
        return self.cells[odd & ~np.isin(self.cells, SUSPECTS)]

    def nearly_within(self, limits: Any) -> bool:
        """Return whether all answers but a few lie within limits."""
        return len(self.outside(limits)) <= FEW * len(self.cells)

    def codes(self, limits: Any) -> tuple[int, ...]:
        """Return the answers beyond the limits, which must be codes for missing."""
        low, high = limits
        return tuple(int(v) for v in self.values if not low <= v <= high and v in SUSPECTS)

    def slips_beyond(self, limits: Any) -> str:
        """Return in words which rare answers lie beyond the limits."""
        low, high = limits
        odd = [f"{value:g}" for value in self.slips if not low <= value <= high]
        return f"{listing(odd)} among the answers must be typing errors" if odd else ""


def fitting_cards(cards: Iterable[Any], items: set[int], answers: Answers) -> list[Any]:
    """Return the cards whose items are (nearly) these and whose range holds the answers."""
    return [
        card
        for card in cards
        if card.items
        and items <= set(card.items)
        and len(items) >= ENOUGH * card.n_items
        and card.n_items > 1
        and answers.within((min(card.item_range(i).low for i in card.items), card.range.high))
    ]


def sums_of(able: list[tuple[Any, str]], answers: Answers) -> str:
    """Return what to do where values are sums of items, and the cards that may be meant average."""
    forms = [
        card.name
        for card, scale in able
        if (key := card.scales[scale]).method == "mean"
        and answers.nearly_within(tuple(end * len(key) for end in card.range))
    ]
    if not forms:
        return ""
    which = forms[0] if len(forms) == 1 else f"the one it is of {listing(forms)}"
    return f"; these are sums: write the measure ({which}) with scored: sum"


def number_columns(frame: pd.DataFrame) -> set[str]:
    """Return the columns that hold numbers, but for one cell in twenty."""
    plain = np.array([is_plain_number(kind) for kind in frame.dtypes], dtype=bool)
    filled = frame.loc[:, plain].notna().any().to_numpy()
    found = set(frame.columns[plain][filled])
    texts, stack = stacked_texts(frame)
    others = frame.loc[:, ~plain & ~frame.columns.isin(texts)]
    asked = {str(name): series for name, series in others.items() if series.dtype.kind not in "Mm"}
    return found | {
        *_mostly_numbers(texts, stack, len(frame)),
        *(n for n, series in asked.items() if _mostly_numbers([str(n)], series, len(series))),
    }


def _mostly_numbers(names: list[str], stack: pd.Series, n_rows: int) -> list[str]:
    """Return those of the columns, one below the other in `stack`, that hold numbers."""
    values, bad = numbers(stack)
    there = (~np.isnan(values)).reshape(len(names), n_rows).sum(axis=1)
    n_bad = np.bincount(bad // max(n_rows, 1), minlength=len(names))
    mostly = (there > 0) & (n_bad <= 0.05 * (there + n_bad))
    return [name for name, each in zip(names, mostly, strict=True) if each]


def holds_words(measure: str, series: pd.Series) -> str:
    """Return what to do with a column of a measure that holds no numbers."""
    words = sorted(repr(as_word(value)) for value in codes_of(series)[1])
    if not 1 < len(words) <= MOST_ANSWERS:
        return "its name is that of a measure, but it holds no numbers"
    return (
        f"names {measure}, and holds words: write the measure with answers: and the number that "
        f"each stands for ({listing(words)})"
    )
