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


class Chain:
    """Patterns of which each holds all variables of the one before.

    In `order` each has the first of its `sizes`, new ones from its `starts` on; moments are zero
    beyond (`seen` of a variable, `both` of two). `products` is None where everyone is alone.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.order = np.array(list(dict.fromkeys(np.concatenate([p.observed for p in patterns]))))
        place = np.argsort(self.order)
        self.rows = [one.rows for one in patterns]
        self.n = np.array([float(len(rows)) for rows in self.rows])
        self.sizes = np.array([len(one.observed) for one in patterns])
        self.starts = np.concatenate([[0], self.sizes[:-1]])
        K = len(self.order)
        self.seen = (np.arange(K) < self.sizes[:, None]).astype(float)
        self.both = self.seen[:, :, None] * self.seen[:, None, :]
        self.means = np.zeros((len(patterns), K))
        self.products = np.zeros((len(patterns), K, K)) if self.n.max() > 1 else None
        rank = np.empty(int(self.order.max()) + 1, dtype=int)
        rank[self.order[place]] = place
        for k, one in enumerate(patterns):
            at = rank[one.observed]
            self.means[k, at] = one.mean
            if self.products is not None:
                self.products[k][np.ix_(at, at)] = one.products


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

    @classmethod
    def of_moments(cls, mu: Array, sigma: Array, n: int) -> Sample:
        """Return a sample of people with all variables and these moments, without their values."""
        everybody = Pattern(np.arange(len(mu)), np.arange(n), mu, sigma)
        return cls(np.zeros((n, len(mu))), [everybody])

    @cached_property
    def chains(self) -> list[Chain]:
        """The patterns in chains, as few as taking the nearest that holds the last one finds."""
        order = sorted(self.patterns, key=lambda one: -len(one.observed))
        seen = np.zeros((len(order), self.p))
        for k, one in enumerate(order):
            seen[k, one.observed] = 1.0
        holds = (1.0 - seen) @ seen.T == 0
        chains: list[list[int]] = []
        for k in range(len(order)):
            fitting = [chain for chain in chains if holds[chain[-1], k]]
            if fitting:
                max(fitting, key=lambda chain: chain[-1]).append(k)
            else:
                chains.append([k])
        return [Chain([order[k] for k in reversed(chain)]) for chain in chains]

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
