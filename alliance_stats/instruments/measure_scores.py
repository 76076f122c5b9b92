"""The scores of one instrument, scale by scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .card import Measure
from .facts import MissingRule, Scale
from .kernels import complete_sum, count_and_sum, highest_answer

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


DENSE = 4
"""A table of units by items may be so many times as large as the answers in it."""


@dataclass(frozen=True)
class MeasureAnswers:
    """The usable answers to one instrument: one row an answer, units numbered from 0."""

    card: Measure
    rule: MissingRule
    unit: Ints
    item: Ints
    value: Floats
    n_units: int

    def score(self, scale: Scale, method: str | None = None) -> tuple[Floats, Ints]:
        """Return each unit's score (NaN where too few items are answered) and its answers."""
        if scale.parts:
            result = self._sum_of(scale, method)
        elif scale.domains:
            result = self._domains(scale)
        else:
            result = self._items(scale, method)
        return result[0] * scale.multiply, result[1]

    @cached_property
    def _forms(self) -> Floats | None:
        """The answers, a row a unit and a column an item, NaN where there is none.

        None where decimals make the order of adding matter, or most of the table were empty.
        """
        n = self.card.n_items
        if self.card.step != 1 or self.n_units * n > DENSE * len(self.value):
            return None
        if len(self.value) == self.n_units * n:
            item = self.item.reshape(-1, n)
            in_order = (self.unit[::n] == np.arange(self.n_units)).all()
            if in_order and (item == np.arange(1, n + 1)).all():  # then units follow each other
                return self.value.reshape(-1, n)
        forms = np.full(self.n_units * n, np.nan)
        forms[self.unit * n + (self.item - 1)] = self.value
        return forms.reshape(self.n_units, n)

    def _count_and_sum(self, scale: Scale) -> tuple[Ints, Floats]:
        """Return how many items of a scale each unit has answered, and their sum."""
        if self._forms is not None:
            whole = len(scale) == self.card.n_items
            own = self._forms if whole else self._forms[:, np.array(scale.items) - 1]
            if len(self.value) == self._forms.size:
                return np.full(self.n_units, len(scale.items)), own.sum(axis=1)
            return (~np.isnan(own)).sum(axis=1), np.nansum(own, axis=1)
        unit, value = self.unit, self.value
        if len(scale) < self.card.n_items:
            mine = self._has(scale.items)
            unit, value = unit[mine], value[mine]
        return count_and_sum(unit, value, self.n_units)

    def _items(self, scale: Scale, method: str | None) -> tuple[Floats, Ints]:
        counts, sums = self._count_and_sum(scale)
        expected = len(scale) - self._left_out(scale)
        full = complete_sum(
            counts,
            sums,
            expected,
            self.rule.limit(scale),
            round_half_up=self.rule.round_half_up,
        )
        used = method if method is not None and scale.method in ("sum", "mean") else scale.method
        return (full / expected if used == "mean" else full), counts

    def _left_out(self, scale: Scale) -> Ints:
        """Return how many items that need not apply each unit left unanswered."""
        optional = [item for item in self.card.not_applicable_items if item in scale]
        if not optional:
            return np.zeros(self.n_units, dtype=np.int64)
        answered = np.bincount(self.unit[self._has(optional)], minlength=self.n_units)
        return len(optional) - answered

    def _domains(self, scale: Scale) -> tuple[Floats, Ints]:
        """Add up each domain's highest answer; every domain must be answered in full."""
        total = np.zeros(self.n_units)
        answered = np.zeros(self.n_units, dtype=np.int64)
        for domain in scale.domains:
            slots = np.vstack(
                [
                    highest_answer(self.unit, self.item, self.value, slot, self.n_units)
                    for slot in domain
                ]
            )
            total = total + slots.max(axis=0)
            answered = answered + (~np.isnan(slots)).sum(axis=0)
        return total, answered

    def _sum_of(self, scale: Scale, method: str | None) -> tuple[Floats, Ints]:
        parts = [self.score(self.card.scales[part], method) for part in scale.parts]
        total = np.sum([part[0] for part in parts], axis=0)
        answered = np.sum([part[1] for part in parts], axis=0)
        if scale.name in self.rule.max_missing:
            enough = len(scale) - answered <= self.rule.limit(scale)
            total = np.where(enough, total, np.nan)
        return total, answered

    def _has(self, items: object) -> NDArray[np.bool_]:
        """Return which answers are to one of the items."""
        table = np.zeros(self.card.n_items + 1, dtype=bool)
        table[list(items)] = True  # type: ignore[call-overload]
        return table[self.item]
