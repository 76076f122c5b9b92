"""Who was measured when, by whom and with what: the units that get a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import MeasureError, listing
from .answers import Answers, Codes


@dataclass(frozen=True)
class Units:
    """The distinct combinations of the identifying columns, and the unit of each run of answers.

    Attributes
    ----------
    labels
        Column → the labels that its codes stand for.
    codes
        Column → the code of each unit. Units are ordered by client, session, rater, measure.
    unit
        For each run the position of its unit.
    """

    labels: dict[str, pd.Index]
    codes: dict[str, Codes]
    unit: Codes

    def __len__(self) -> int:
        return len(self.codes["measure"])

    def renumbered(self, code: int) -> tuple[Codes, Codes]:
        """Return the units of a measure, and for each unit its number among them."""
        mine = self.codes["measure"] == code
        return np.flatnonzero(mine), np.cumsum(mine) - 1

    def in_words(self, positions: Codes) -> list[str]:
        """Return units as ``client_id 12, session 3, rater client``."""
        names = [name for name in self.codes if name != "measure"]
        return [
            ", ".join(f"{name} {self.labels[name][self.codes[name][p]]}" for name in names)
            for p in positions
        ]


def group_units(answers: Answers) -> Units:
    """Return the units of the answers."""
    sizes = {name: max(len(key.labels), 1) for name, key in answers.keys.items()}
    _refuse_overflow(sizes)
    combined = np.zeros(len(answers.start), dtype=np.int64)
    for name, key in answers.keys.items():
        combined = combined * sizes[name] + key.codes
    found, distinct = pd.factorize(combined, sort=False)
    order = np.argsort(distinct, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    codes: dict[str, Codes] = {}
    rest = distinct[order]
    for name in reversed(sizes):
        rest, codes[name] = np.divmod(rest, sizes[name])
    ordered = {name: codes[name] for name in sizes}
    labels = {name: key.labels for name, key in answers.keys.items()}
    return Units(labels, ordered, rank[found])


def refuse_twice(units: Units, answers: Answers) -> None:
    """Refuse an item that is answered twice in a unit."""
    item = answers.item
    if len(units.unit) == len(units):
        rises = item[1:] > item[:-1]
        rises[answers.start[1:] - 1] = True
        if rises.all():
            return
    unit = np.repeat(units.unit, answers.length)
    pair = unit * (int(item.max(initial=0)) + 1) + item
    twice = pd.Series(pair).duplicated().to_numpy()
    if twice.any():
        rows = np.flatnonzero(twice)
        first = rows[:3]
        where = units.in_words(unit[first])
        shown = [f"{place}, item {item[row]}" for row, place in zip(first, where, strict=True)]
        raise MeasureError(
            f"The ratings hold {len(rows)} answers to an item that was already answered in the "
            f"same session ({listing(shown)}). Keep one answer an item, or name the columns that "
            "tell the rows apart with by=[...]."
        )


def _refuse_overflow(sizes: dict[str, int]) -> None:
    product = 1
    for size in sizes.values():
        product *= size
    if product >= 2**62:
        raise MeasureError(
            "The identifying columns have too many distinct values to combine "
            f"({', '.join(f'{name}: {size:,}' for name, size in sizes.items())}); name fewer with "
            "by=[...]."
        )
