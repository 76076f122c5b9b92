"""Categories as columns: in full, or by contrasts with R's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import DesignError, listing
from ..engine.batches import Array
from .splines import poly

KINDS = {
    "contr.treatment": "T", "Treatment": "T", "contr.sum": "S", "Sum": "S", "contr.helmert": "H",
    "Helmert": "H", "contr.poly": "P", "Poly": "P", "contr.sdif": "D", "contr.diff": "D",
    "Diff": "D", "contr.SAS": "T",
}  # fmt: skip
POLYNOMIALS = (".L", ".Q", ".C")


@dataclass(frozen=True)
class Contrast:
    """A coding of categories: ``contr.treatment``, ``contr.sum``, ``contr.helmert``, ...

    `base` is the reference category of ``contr.treatment``; None for the first.
    """

    name: str = "contr.treatment"
    base: object = None

    def matrix(self, levels: Sequence[object]) -> tuple[list[str], Array]:
        """Return the columns' names and a row a level."""
        k, kind = len(levels), KINDS[self.name]
        labels = [str(level) for level in levels]
        if kind == "T":
            base = self._base(levels)
            kept = [i for i in range(k) if i != base]
            return [f"[T.{labels[i]}]" for i in kept], np.eye(k)[:, kept]
        if kind == "S":
            rows = np.vstack([np.eye(k - 1), -np.ones(k - 1)])
            return [f"[S.{label}]" for label in labels[:-1]], rows
        if kind == "H":
            rows = np.triu(-np.ones((k, k)))[:, 1:]
            rows[np.arange(1, k), np.arange(k - 1)] = np.arange(1, k)
            return [f"[H.{label}]" for label in labels[1:]], rows
        if kind == "D":
            steps = np.arange(1, k) / k
            rows = np.where(np.arange(k)[:, None] > np.arange(k - 1), steps, steps - 1)
            return [f"[D.{label}]" for label in labels[1:]], rows
        names = [*POLYNOMIALS, *(f"^{power}" for power in range(4, k))][: k - 1]
        scores = np.arange(1.0, k + 1)
        return [f"[{name}]" for name in names], poly(scores, k - 1)(scores)

    def _base(self, levels: Sequence[object]) -> int:
        if self.name == "contr.SAS":
            return len(levels) - 1
        if self.base is None:
            return 0
        return position(levels, self.base, "The reference")


def position(levels: Sequence[object], wanted: object, what: str) -> int:
    """Return where a level stands, told by itself or as text."""
    for number, level in enumerate(levels):
        if level == wanted or str(level) == str(wanted):
            return number
    raise DesignError(f"{what} {wanted!r} is none of the categories {listing(levels, 12)}.")
