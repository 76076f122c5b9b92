"""People with the same variables observed: one mean and one cross-product stands for them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DesignError, listing, plural

Array = npt.NDArray[np.float64]
PER_VARIABLE = 2
"""The fewest people a variable (of those that go together) that carry covariances."""
FEWEST_CLUSTERS = 10
"""Fewer clusters say too little of how clusters differ for errors that allow for them."""
FEWEST_PAIRS = 10
"""Of fewer people with both, two columns go exactly together by chance (of two people, always)."""
SAME = 1e-9
"""Two columns whose squared correlation is nearer to one say the same."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """One pattern: which variables, which rows, and the rows' moments (divided by n)."""

    observed: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    mean: Array
    products: Array

    @property
    def n(self) -> int:
        """How many people."""
        return len(self.rows)


def copies(values: Array) -> tuple[int, int] | None:
    """Return two columns that move exactly together, or None."""
    seen = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(seen, values - np.nanmean(values, axis=0), 0.0)
        products = (z**2).T @ seen
        r = (z.T @ z) ** 2 / (products * products.T)
    r[seen.T.astype(float) @ seen < FEWEST_PAIRS] = 0.0
    found = np.argwhere(np.tril(r > 1 - SAME, -1))
    return (int(found[0][1]), int(found[0][0])) if len(found) else None


def coarse(values: Array, most: int) -> list[int]:
    """Return the columns with no more than so many different values."""
    return [i for i, own in enumerate(values.T) if len(np.unique(own[np.isfinite(own)])) <= most]


def cluster_codes(column: pd.Series, name: str) -> npt.NDArray[np.int64]:
    """Return the number of each client's cluster; enough of them, and none without."""
    lacking = column.index[column.isna()]
    if len(lacking):
        raise DesignError(
            f"{plural(len(lacking), 'client')} without a value of '{name}' "
            f"({listing(lacking)}): each client belongs to one cluster."
        )
    codes = pd.factorize(column)[0]
    n = int(codes.max(initial=0)) + 1
    if n < FEWEST_CLUSTERS:
        raise DesignError(
            f"'{name}' has {plural(n, 'value')}, and errors that allow for clusters need "
            f"{FEWEST_CLUSTERS} or more; leave out cluster=, and say that clients of one {name} "
            "count as if they were independent."
        )
    return codes


@dataclass(frozen=True, eq=False)
class Sample:
    """A table of values, a row a person, by pattern of what is missing (NaN)."""

    values: Array
    patterns: Sequence[Pattern]

    @classmethod
    def of(cls, values: Array) -> Sample:
        """Return the sample; rows without any value must have been taken out."""
        seen = np.isfinite(values)
        kinds, which = np.unique(seen, axis=0, return_inverse=True)
        which = which.reshape(-1)
        order = np.argsort(which, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(which))[:-1])
        patterns = []
        for kind, rows in zip(kinds, groups, strict=True):
            observed = np.flatnonzero(kind)
            own = values[np.ix_(rows, observed)]
            mean = own.mean(axis=0)
            deviation = own - mean
            patterns.append(Pattern(observed, rows, mean, deviation.T @ deviation / len(rows)))
        return cls(values, patterns)

    @property
    def n(self) -> int:
        """How many people."""
        return len(self.values)

    @property
    def p(self) -> int:
        """How many variables."""
        return self.values.shape[1]

    @cached_property
    def counts(self) -> Array:
        """How many values each variable has."""
        return np.isfinite(self.values).sum(axis=0).astype(float)
