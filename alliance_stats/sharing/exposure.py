"""What a reader of a curve could compute of single people: the worst case, in linear algebra.

A curve is a set of weighted sums over clients, one for each value of the variance ratios:
``sum of w_i(d) n_i m_i`` with ``m_i`` the client's mean and weights that follow from the numbers
of sessions alone. Whoever knows how many sessions everybody had knows the weights, and can try to
solve for the ``m_i``; what stops him is that the weights are smooth in d, so that few of the sums
are different to the digits that the file has. `Exposure` counts them, as he would: by the singular
values of the weights against the rounding.

The share of a mean that could be computed is the R-squared of the best linear reconstruction, for
a reader who knows the numbers of sessions, who treats whom, and the variances. The information in
bits is that of a Gaussian channel, an upper bound for numbers of any kind (Cover & Thomas 2006,
Elements of information theory, chapter 9); whole numbers, which a reader may search for by lattice
methods, are safe where the bits told are fewer than what there is to know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from ..core.disclosure import FEW_VALUES
from ..multilevel.engine.batches import Array, sum_children
from ..multilevel.engine.elimination import State, eliminate
from ..multilevel.engine.likelihood import Partition
from .columns import ClinicColumns
from .curve import Axis
from .recovery import EXACT, few_valued

POINTS = (32, 14)
"""Values of the ratios at which sums are counted, for one ratio and a side of two."""
FINEST = 40
"""The smallest step of a score that is looked for is one of so many to a point (mean of items)."""
USUAL_RATIO = 0.6
"""A client's variance over the residual one, where no more is known (an ICC of .38)."""
USUAL_ABOVE = 0.1
FEWEST_PAIRS = 10  # clients beyond one a class, below which a spread within classes is not known
FLAT = 1e-9
FOLLOWS = 0.5  # share of a class's sum from which it is taken to follow from the curve


Digits = Mapping[str, int]
"""To how many decimals each column is rounded, by its name."""


@dataclass(frozen=True)
class Known:
    """A file about these clients that was sent before.

    Attributes
    ----------
    means
        Clients' means of its predictors in its units, (columns, clients).
    digits
        To how many decimals each went out; empty where sums went out as they are.
    """

    file: str
    means: Array
    digits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Exposure:
    """The weights of a curve's sums.

    Attributes
    ----------
    weights
        (points, clients): of each client's mean in the sums of the outcome.
    sizes
        Each client's number of sessions.
    above
        Each client's therapist, where there is a second level; else None.
    gone
        Numbers of sessions and weights of clients of whom no more is known, if there are any.
    """

    columns: ClinicColumns
    weights: Array
    sizes: Array
    above: Array | None
    per_axis: int
    gone: tuple[Array, Array] | None = field(default=None, kw_only=True)

    @classmethod
    def of(
        cls, columns: ClinicColumns, axes: tuple[Axis, ...], gone: Sequence[int] = ()
    ) -> Exposure:
        """Return the weights over all values of the variance ratios."""
        per_axis = POINTS[len(axes) - 1]
        grouping, partition = columns.grouping, columns.partition()
        sizes = np.bincount(grouping.units).astype(float)
        lowest = len(columns.levels[0].columns)
        parents = grouping.parents[0] if len(grouping.names) > 1 else None
        points = [axis.points(per_axis) for axis in axes]
        found = []
        for first in points[0]:
            for second in points[1] if lowest > 1 else [None]:
                ratios = [first] if second is None else [first, second]
                own = _of_units(columns, partition, ratios)
                tops = points[1] if parents is not None else [0.0]
                found += [_with_parents(own, parents, float(d)) for d in tops]
        known = None
        if gone and len(axes) == 1 and 0 in columns.levels[0].columns:
            n = np.array(gone, dtype=float)
            known = n, n / (1.0 + np.multiply.outer(points[0], n))
        return cls(columns, np.array(found), sizes, parents, per_axis, gone=known)

    def noise(self, digits: int) -> float:
        """Return how far rounding moves the sum at each point."""
        spread = 10.0**-digits / np.sqrt(12.0)
        dimensions = round(np.log(len(self.weights)) / np.log(self.per_axis))
        return float(spread * (self.per_axis / 2.0) ** (dimensions / 2.0))

    @cached_property
    def _spreads(self) -> tuple[Array, Array | None]:
        """SDs of client means around their therapist, and of therapists, in residual SDs."""
        own = np.sqrt(USUAL_RATIO + 1.0 / self.sizes)
        return own, None if self.above is None else np.full(self.above.max() + 1, USUAL_ABOVE**0.5)

    @cached_property
    def _outcome(self) -> tuple[Array, Array]:
        """Singular values and right vectors of the sums of the outcome."""
        own, above = self._spreads
        W = self.weights * own
        if above is not None:
            W = np.hstack([W, _summed(self.weights, self.above) * above])
        if self.gone is not None:
            W = np.hstack([W, self.gone[1] * np.sqrt(USUAL_RATIO + 1.0 / self.gone[0])])
        return np.linalg.svd(W, full_matrices=False)[1:]

    @cached_property
    def _predictor(self) -> tuple[Array, Array]:
        return np.linalg.svd(self.weights, full_matrices=False)[1:]

    @cached_property
    def residual_sd(self) -> float:
        """The SD of the outcome within units, in the file's units."""
        y, units = self.columns.scaled()[-1], self.columns.grouping.units
        mean = np.bincount(units, y) / self.sizes
        inside = float(((y - mean[units]) ** 2).sum()) / max(len(y) - len(mean), 1)
        return float(np.sqrt(inside)) or 1.0

    def shares(self, digits: Digits) -> dict[str, Array]:
        """Return by level the share of each person's mean outcome that could be computed."""
        own, above = self._spreads
        size, V = self._outcome
        outcome = self.noise(digits[self.columns.outcome])
        told = size**2 / (size**2 + (outcome / self.residual_sd) ** 2)
        n, names = len(own), self.columns.groups
        mine = V[:, :n] * own
        total = own**2
        if above is not None:
            mine = mine + (V[:, n:] * above)[:, self.above]
            total = total + above[self.above] ** 2
        found = {names[0]: told @ mine**2 / total}
        if self.gone is not None:
            found[names[0]] = np.append(found[names[0]], told @ V[:, -len(self.gone[0]) :] ** 2)
        if above is not None:
            part = self.sizes / _summed(self.sizes, self.above)[self.above]
            theirs = _summed(V[:, :n] * own * part, self.above) + V[:, n:] * above
            found[names[1]] = told @ theirs**2 / (_summed((own * part) ** 2, self.above) + above**2)
        for name, spread in self._between().items():
            size, V = self._predictor
            told = size**2 / (size**2 + (self.noise(digits[name]) / spread) ** 2)
            found[name] = told @ V**2
        return found

    @cached_property
    def classes(self) -> Array:
        """Each client's class: clients whom the weights do not tell apart have one number."""
        keys = self.sizes
        if self.above is not None:
            keys = self.above * (self.sizes.max() + 1.0) + self.sizes
        return np.unique(keys, return_inverse=True)[1]

    def spread(self, column: Array) -> float:
        """Return how far clients' means of a column lie apart that nobody knows from their classes.

        A session number, say, is known from how many sessions there were.
        """
        mean = np.bincount(self.columns.grouping.units, column) / self.sizes
        count = np.bincount(self.classes)
        within = mean - (np.bincount(self.classes, mean) / count)[self.classes]
        free = len(mean) - len(count)
        if free < FEWEST_PAIRS:
            return float(mean.std())
        return float(np.sqrt((within**2).sum() / free))

    def _between(self) -> dict[str, float]:
        """Return how far clients' means of each predictor spread, in the file's units."""
        named = zip(self.columns.names[1:], self.columns.scaled()[1:-1], strict=True)
        found = {name: self.spread(column) for name, column in named}
        return {name: spread for name, spread in found.items() if spread > FLAT}

    def rows_of(self, column: Array, name: str, digits: int) -> Array:
        """Return the weights of a column's sums over rounding, those left out that say nothing."""
        size, V = self._alone[self._varies(column)]
        kept = size > FLAT * size[0]
        return np.asarray(size[kept, None] * V[kept] / self.noise(digits))

    @cached_property
    def _alone(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Weights as they are; and as they differ between points, for a column that varies within.

        What such a column's products add up to within clients is the same at every point.
        """
        between = self.weights - self.weights.mean(axis=0)
        return self._predictor, np.linalg.svd(between, full_matrices=False)[1:]

    def _varies(self, column: Array) -> bool:
        units = self.columns.grouping.units
        mean = np.bincount(units, column) / self.sizes
        return bool(np.abs(column - mean[units]).max() > FLAT)

    def rows(self, digits: Digits, beside: Sequence[Known] = (), few: bool = False) -> Array:
        """Return the weights of clients' means in all sums of the outcome, over their noise.

        These are the sums with each predictor, whose values the reader is taken to know, and those
        of files that were sent before; with `few` those alone with predictors of few values.
        """
        units, outcome = self.columns.grouping.units, digits[self.columns.outcome]
        own, parts = self._spreads[0] * self.residual_sd, []

        def put(weights: Array, mean: Array) -> None:
            if not few or len(few_valued(mean[None])):
                parts.append(weights * mean)

        for name, column in zip(self.columns.names, self.columns.scaled()[:-1], strict=True):
            mean = np.bincount(units, column) / self.sizes
            put(self.rows_of(column, name, min(digits[name], outcome)), mean)
        for known in beside:
            alone = np.equal.outer(np.unique(self.sizes), self.sizes) / EXACT
            for place, mean in enumerate(known.means):
                of = (mean[units], "", known.digits[place]) if known.digits else None
                put(alone if of is None else self.rows_of(*of), mean)
        return np.vstack(parts) * own

    def knowing_predictors(self, digits: Digits) -> Array:
        """Return the shares of clients' means for a reader who knows every predictor exactly."""
        _, size, V = np.linalg.svd(self.rows(digits), full_matrices=False)
        return np.asarray((size**2 / (size**2 + 1.0)) @ V**2)

    def classes_told(self, name: str, digits: Digits) -> Array:
        """Say of each class whether sums of a column's squares over it follow from the sums."""
        column = dict(zip(self._names, self.columns.scaled()[1:], strict=True))[name]
        size, V = self._alone[self._varies(column)]
        spread = self.spread(column) or 1.0
        told = size**2 / (size**2 + (self.noise(digits[name]) / spread) ** 2)
        along = np.stack([np.bincount(self.classes, row) for row in V])
        return np.asarray(told @ along**2 / np.bincount(self.classes) > FOLLOWS)

    @property
    def _names(self) -> list[str]:
        return [*self.columns.names[1:], self.columns.outcome]

    def bits(self, digits: Digits, least: int) -> list[tuple[tuple[str, ...], float, float]]:
        """Return columns of whole steps, the bits that are told of their sums, and those there are.

        What there is to know are a column's sums in each class, and those of the product of two
        predictors of few values, which count cells. Columns whose sums may be known, since each
        class and each value in it are held by `least` clients, are not asked.
        """
        columns, units = self.columns, self.columns.grouping.units
        raw = [
            *zip(self._names, (*columns.arrays[1:], columns.values), columns.unit[1:], strict=True)
        ]
        of_one = [((name,), (column,), float(unit)) for name, column, unit in raw]
        few = [
            ((name,), (column,), unit)
            for (name,), (column,), unit in of_one[:-1]
            if 1 < len(np.unique(column)) <= FEW_VALUES
        ]
        of_two = [
            (one[0] + two[0], one[1] + two[1], one[2] * two[2]) for one, two in combinations(few, 2)
        ]
        found = []
        for names, of, unit in [*of_one, *of_two]:
            means = np.stack([np.bincount(units, column) / self.sizes for column in of])
            whole = all(np.abs(c - m[units]).max() < FLAT for c, m in zip(of, means, strict=True))
            if len(of) > 1 and not whole:
                continue
            column = np.prod(of, axis=0)
            step, spread = _step(column), self.spread(column)
            if step is None or not spread > FLAT * unit or _many(means, self.classes, least):
                continue
            steps = np.ones(len(self.sizes)) if whole else self.sizes
            variance = np.bincount(self.classes, (steps * spread / step) ** 2)
            there = 0.5 * np.log2(2.0 * np.pi * math.e * (variance + 1.0 / 12.0))
            noise = self.noise(min(digits[name] for name in names))
            told = 0.5 * np.log2(1.0 + (self._predictor[0] * spread / unit / noise) ** 2)
            found.append((names, float(told.sum()), float(np.maximum(there, 0.0).sum())))
        return found


def _many(means: Array, classes: Array, least: int) -> bool:
    """Say whether each class holds enough clients, and each cell in it where values are few."""
    keys = [np.unique(mean, return_inverse=True)[1] for mean in means]
    keys = [key for key in keys if key.max() < FEW_VALUES]
    counts = np.unique(np.stack([classes, *keys]), axis=1, return_counts=True)[1]
    return bool(counts.min() >= least)


def _of_units(columns: ClinicColumns, partition: Partition, ratios: list[float]) -> Array:
    """Return what each lowest unit leaves of its number of rows, its own effects eliminated."""
    level = columns.levels[0]
    D = np.diag(ratios[: len(level.columns)])
    alone = np.arange(partition.cross.shape[-1])
    state = State.begin(partition.cross)
    return eliminate(state, level.columns, level.pairs, D, alone).cross[0, 0]


def _with_parents(own: Array, parents: Array | None, ratio: float) -> Array:
    if parents is None:
        return own
    return own / (1.0 + ratio * np.bincount(parents, own))[parents]


def _summed(values: Array, groups: Array | None) -> Array:
    """Add up the last axis by group; groups' members are neighbours."""
    starts = np.flatnonzero(np.diff(np.asarray(groups), prepend=-1))
    return sum_children(values, starts)


def _step(column: Array) -> float | None:
    """Return the step of a column that goes in whole steps: points, halves, means of items."""
    for per_point in range(1, FINEST + 1):
        scaled = column * per_point
        if np.abs(scaled - np.round(scaled)).max() < 1e-6:
            return 1.0 / per_point
    return None
