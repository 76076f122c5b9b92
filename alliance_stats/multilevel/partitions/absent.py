"""What stands where rows would be, in fits that kept sums only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from ...errors import DesignError
from ..engine.batches import Array, Indices
from ..engine.design import Design
from ..engine.grouping import Grouping


class RowsAbsentError(DesignError):
    """What was asked needs the rows of the data, and the fit kept sums of them."""


class AbsentRows(Sequence[Any]):
    """Columns whose rows are elsewhere: how many they are is known, their values are not."""

    def __init__(self, where: str, n: int = 0) -> None:
        self.where, self.n = where, n

    def refuse(self) -> NoReturn:
        """Say that rows would be needed."""
        raise RowsAbsentError(
            f"This needs the rows themselves, and the fit kept only sums of them ({self.where}). "
            "Coefficients, their tests and intervals, variances, random effects and "
            "fit.predict(newdata) are there; for residuals, fitted values, simulated outcomes and "
            "figures fit the model to a part of the rows in memory."
        )

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, place: Any) -> NoReturn:
        self.refuse()

    def __iter__(self) -> Iterator[Any]:
        self.refuse()


class AbsentFrame(AbsentRows):
    """A data frame whose rows are elsewhere; nothing was noted of their preparation."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.attrs: dict[str, Any] = {}

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what copies and pickles ask for
            raise AttributeError(name)
        self.refuse()


@dataclass(frozen=True)
class SummedGrouping(Grouping):
    """Nested groups of rows that are elsewhere."""

    rows: Indices = None  # type: ignore[assignment]
    """The number of rows in each lowest unit."""

    @property
    def units(self) -> Indices:  # type: ignore[override]
        """Each row's lowest unit."""
        self._refuse()

    def of_rows(self, level: int) -> Indices:
        """Return each row's unit at a level."""
        self._refuse()

    def rows_in(self, level: int, among: object = None) -> Indices:  # type: ignore[override]
        """Return the number of rows in each group of a level."""
        rows = self.rows
        for starts in self.starts[:level]:
            rows = np.add.reduceat(rows, starts)
        return rows

    def _refuse(self) -> NoReturn:
        raise self.appearance.refuse()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class SummedDesign(Design):
    """A design of which only cross-products are there."""

    rows: int = 0

    @property
    def n(self) -> int:
        """Number of rows used."""
        return self.rows

    @property
    def has_rows(self) -> bool:
        """Whether the rows are here, and not only sums of them."""
        return False

    def mean_of(self, place: int) -> float:
        """Return the mean of a column (the intercept's column is at hand where this is asked)."""
        ones = self.fixed[0]
        total = self.partition.totals[ones, place] * self.scale[ones] * self.scale[place]
        return float(total / self.rows)

    def mean_square(self, number: int, root: Array) -> float:
        """Return the mean over rows of ``|root z|^2``, z being a level's scaled columns."""
        places = list(self.levels[number].columns)
        total = self.partition.totals[np.ix_(places, places)]
        return float(np.trace(root @ total @ root.T) / self.rows)

    def with_combinations(self, combinations: Array) -> tuple[Array, ...]:
        """Return as many absent columns more as there are combinations."""
        n = len(self.columns) + combinations.shape[1]
        return AbsentRows(self.columns.where, n)  # type: ignore[return-value, attr-defined]

    def less(self, place: int, value: float) -> Design:
        """Return the design with a multiple of a scaled column taken off the scaled outcome."""
        turn: Array = np.eye(len(self.scale))
        turn[place, -1] = -value
        return replace(self, partition=self.partition.turned(turn))
