"""The scores of one instrument, scale by scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .card import Measure
from .cleaning import Cleaned
from .facts import MissingRule, Scale
from .kernels import complete_sum, count_and_sum, highest_answer

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


DENSE = 4
"""A table of units by items may be so many times as large as the answers in it."""


@dataclass(frozen=True)
class MeasureAnswers:
    """The answers to one instrument; `of_run` numbers the unit of each run of them from 0."""

    card: Measure
    rule: MissingRule
    cleaned: Cleaned
    of_run: Ints
    n_units: int

    @cached_property
    def _rows(self) -> tuple[Ints, Ints, Floats]:
        """The unit, item and value of each answer that is there."""
        own = self.cleaned
        value = own.keyed.ravel()
        unit = np.repeat(self.of_run, own.length)
        item = np.tile(own.item, len(own.run)) if own.value.ndim == 2 else own.item
        there = ~np.isnan(value)
        unit, item, value = unit[there], item[there], value[there]
        if self.card.step != 1:  # decimals: add up in the order of items, whatever that of rows
            order = np.lexsort((item, unit))
            unit, item, value = unit[order], item[order], value[order]
        return unit, item, value

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
    def _forms(self) -> Cleaned | None:
        """The answers, a row a unit and a column an item of the card, NaN where there is none.

        None where decimals make the order of adding matter, or most of the table were empty.
        """
        n, own = self.card.n_items, self.cleaned
        if self.card.step != 1 or self.n_units * n > DENSE * own.value.size:
            return None
        if own.value.ndim == 2 and len(own.run) == self.n_units:
            in_order = (self.of_run == np.arange(self.n_units)).all()
            if in_order and np.array_equal(own.item, np.arange(1, n + 1)):
                return own
            forms = np.full((self.n_units, n), np.nan)
            forms[self.of_run[:, None], own.item - 1] = own.keyed
            return replace(own, value=forms, sign=None, offset=None)
        unit, item, value = self._rows
        table = np.full(self.n_units * n, np.nan)
        table[unit * n + (item - 1)] = value
        return replace(own, value=table.reshape(self.n_units, n), sign=None, offset=None)

    @cached_property
    def _answered(self) -> Floats | None:
        """1 where an item of a unit is answered, else 0; None where all are."""
        there = ~np.isnan(self._table)
        return None if there.all() else there.astype(float)

    @cached_property
    def _filled(self) -> Floats:
        """The answers as they came, 0 where there is none."""
        return self._table if self._answered is None else np.nan_to_num(self._table)

    @property
    def _table(self) -> Floats:
        return np.empty((0, 0)) if self._forms is None else self._forms.value

    def _count_and_sum(self, scale: Scale) -> tuple[Ints, Floats]:
        """Return how many items of a scale each unit has answered, and their sum."""
        forms = self._forms
        if forms is not None:
            in_scale = np.zeros(self.card.n_items)
            in_scale[np.array(scale.items) - 1] = 1.0
            turned = in_scale if forms.sign is None else in_scale * forms.sign
            sums = self._filled @ turned  # which reads the table once, whatever items are asked
            added = None if forms.offset is None else in_scale * forms.offset
            if self._answered is None:
                total = sums if added is None else sums + added.sum()
                return np.full(self.n_units, len(scale.items)), total
            counts = (self._answered @ in_scale).astype(np.int64)
            return counts, sums if added is None else sums + self._answered @ added
        unit, item, value = self._rows
        if len(scale) < self.card.n_items:
            mine = self._has(item, scale.items)
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
        unit, item, _ = self._rows
        answered = np.bincount(unit[self._has(item, optional)], minlength=self.n_units)
        return len(optional) - answered

    def _domains(self, scale: Scale) -> tuple[Floats, Ints]:
        """Add up each domain's highest answer; every domain must be answered in full."""
        unit, item, value = self._rows
        total = np.zeros(self.n_units)
        answered = np.zeros(self.n_units, dtype=np.int64)
        for domain in scale.domains:
            slots = np.vstack(
                [highest_answer(unit, item, value, slot, self.n_units) for slot in domain]
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

    def _has(self, item: Ints, items: object) -> NDArray[np.bool_]:
        """Return which answers are to one of the items."""
        table = np.zeros(self.card.n_items + 1, dtype=bool)
        table[list(items)] = True  # type: ignore[call-overload]
        return table[item]
