"""Tests of the coefficients of a model that has no residual variance: z, or between-within df."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...inference.distributions import t_two_sided
from ..after_fit.inference import FTest, wald
from ..engine.batches import Array
from ..engine.design import Design

METHODS = ("normal", "between-within")


@dataclass(frozen=True)
class Wald:
    """Wald tests on given degrees of freedom (infinite ones: z).

    Attributes
    ----------
    params, covariance, of_each
        Estimates, their covariance and their degrees of freedom.
    """

    params: Array
    covariance: Array
    of_each: Array

    @cached_property
    def bse(self) -> Array:
        """Standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def tvalues(self) -> Array:
        """Estimates over standard errors."""
        return self.params / self.bse

    @cached_property
    def pvalues(self) -> Array:
        """Two-sided p values."""
        return np.asarray(t_two_sided(self.tvalues, self.of_each))

    def df(self, contrasts: Array) -> Array:
        """Return each contrast's degrees of freedom: the fewest of the coefficients in it."""
        return np.array([self.of_each[row != 0].min() for row in contrasts])

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Return the Wald chi-square over its degrees of freedom."""
        statistic, rank = wald(contrasts @ self.covariance @ contrasts.T, contrasts @ beta)
        return FTest(statistic / rank, rank, float(self.df(contrasts).min()))


def between_within(design: Design, columns: Array, own: int, *, thresholds: bool) -> Array:
    """Return between-within degrees of freedom (Schluchter & Elashoff 1990, as SAS's DDFM=BW).

    A coefficient counts at the lowest level within whose units its column changes: what changes
    from row to row has the rows less the units, what changes from client to client the clients
    less the therapists, each less the number of coefficients of that level. The intercept counts
    at the top, and so do thresholds; other parameters of the family (`own`) with the rows.
    """
    sizes = [design.n, *design.grouping.sizes]
    levels = [_level(design, column) for column in columns.T] + [
        len(design.grouping.sizes) if thresholds else 0
    ] * own
    found = np.empty(len(levels))
    for level in set(levels):
        here = np.array(levels) == level
        above = sizes[level + 1] if level + 1 < len(sizes) else 0
        spent = int(here.sum())
        if thresholds and level == len(sizes) - 1:
            spent -= own - 1  # thresholds are one intercept
        found[here] = max(sizes[level] - above - spent, 1)
    return found


def _level(design: Design, column: Array) -> int:
    """Return the lowest level (0: rows) at which a column differs within the units above."""
    for level in range(len(design.grouping.sizes)):
        units = design.grouping.of_rows(level)
        first = np.empty(design.grouping.sizes[level])
        first[units] = column
        if (first[units] != column).any():
            return level
    return len(design.grouping.sizes)
