"""Who was measured when, by whom and with what: the units that get a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import MeasureError, listing
from .answers import Answers, Codes


@dataclass(frozen=True)
class Units:
    """The distinct combinations of the identifying columns, and the unit of each answer.

    Attributes
    ----------
    labels
        Column → the labels that its codes stand for.
    codes
        Column → the code of each unit. Units are ordered by client, session, rater, measure.
    unit
        For each answer the position of its unit.
    run
        For each answer but the first, whether the one before is of the same unit.
    """

    labels: dict[str, pd.Index]
    codes: dict[str, Codes]
    unit: Codes
    run: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.codes["measure"])

    def of_measure(self, code: int) -> tuple[Codes, Codes, Codes | slice]:
        """Return a measure's units, its answers' units (renumbered) and where they stand."""
        mine = self.codes["measure"] == code
        members = np.flatnonzero(mine)
        if mine.all():
            return members, self.unit, slice(None)
        renumbered = np.cumsum(mine) - 1
        rows = np.flatnonzero(mine[self.unit])
        return members, renumbered[self.unit[rows]], rows

    def in_words(self, positions: Codes) -> list[str]:
        """Return units as ``client_id 12, session 3, rater client``."""
        names = [name for name in self.codes if name != "measure"]
        return [
            ", ".join(f"{name} {self.labels[name][self.codes[name][p]]}" for name in names)
            for p in positions
        ]


def group_units(answers: Answers) -> Units:
    """Return the units of the answers."""
    n = len(answers.item)
    sizes = {name: max(len(key.labels), 1) for name, key in answers.keys.items()}
    _refuse_overflow(sizes)
    # answers of a form stand together as a rule: only the first of each has to be looked up
    run = np.ones(max(n - 1, 0), dtype=bool)
    for key in answers.keys.values():
        if len(key.labels) > 1:
            run &= key.codes[1:] == key.codes[:-1]
    first = np.flatnonzero(np.concatenate([[True], ~run])[:n])
    combined = np.zeros(len(first), dtype=np.int64)
    for name, key in answers.keys.items():
        combined = combined * sizes[name] + key.codes[first]
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
    unit = np.repeat(rank[found], np.diff(first, append=n))
    return Units(labels, ordered, unit, run)


def refuse_twice(units: Units, item: Codes) -> None:
    """Refuse an item that is answered twice in a unit."""
    n_runs = len(item) - np.count_nonzero(units.run)
    if n_runs == len(units) and (~units.run | (item[1:] > item[:-1])).all():
        return
    pair = units.unit * (int(item.max(initial=0)) + 1) + item
    twice = pd.Series(pair).duplicated().to_numpy()
    if twice.any():
        rows = np.flatnonzero(twice)
        first = rows[:3]
        where = units.in_words(units.unit[first])
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
