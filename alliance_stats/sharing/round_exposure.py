"""What a reader of all rounds of a search could compute of single people.

As of a curve (`exposure`): the numbers are weighted sums over clients, and with correlated slopes
the sums of a client's rows are two, plain and times the slope's column. Each round tells values and
derivatives at one more point, and all rounds that were sent are taken together. The reader is taken
to know everybody's slope columns (session numbers, say). Of outcomes that are no measurements the
weights are those of the model of measurements with the same variance in a row, near the point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np

from ..multilevel.engine.batches import Array
from .columns import ClinicColumns
from .expansion import own_units
from .exposure import FOLLOWS, USUAL_ABOVE, USUAL_RATIO, Digits, Exposure, _summed

USUAL_SLOPE = 0.1  # variance that slopes give a row, over the residual one
STEP = 1e-3  # of the differences by which derivatives are taken


@dataclass(frozen=True)
class RoundExposure(Exposure):
    """The weights of all rounds' sums.

    Attributes
    ----------
    latent
        (sums, clients x effects + therapists): what each sum of the outcome is made of, in
        independent standard deviations of clients' sums and of therapists.
    mine
        (clients, effects): each client's mean in the client's part of these.
    earlier
        For each sum the digits it went out with, by column; None of the round that is asked about.
    """

    latent: Array
    mine: Array
    earlier: tuple[Mapping[str, int] | None, ...]
    row_sd: float | None = None

    @classmethod
    def at_points(
        cls,
        columns: ClinicColumns,
        points: Sequence[Sequence[Array]],
        digits: Sequence[Mapping[str, int] | None],
        row_sd: float | None = None,
    ) -> RoundExposure:
        """Return the weights at relative covariances of several rounds."""
        seen = _Seen.of(columns)
        sums, means = zip(*(seen.weights(point) for point in points), strict=True)
        each = [of for of, these in zip(digits, sums, strict=True) for _ in these]
        sizes = np.bincount(columns.grouping.units).astype(float)
        weights = np.concatenate(means)
        fewest = max(len(one) for one in sums)
        return cls(
            columns, weights, sizes, seen.above, fewest,
            np.concatenate(sums), seen.of_means(sizes), tuple(each), row_sd,
        )  # fmt: skip

    def noise(self, digits: int) -> float:
        """Return how far rounding moves each number."""
        return float(10.0**-digits / np.sqrt(12.0))

    def rows_of(self, column: Array, name: str, digits: int) -> Array:
        """Return the weights of a column's sums in all rounds over their rounding."""
        return np.asarray(self.weights * self._heavier(name, digits)[:, None] / self.noise(digits))

    def classes_told(self, name: str, digits: Digits) -> Array:
        """Say whether classes' sums of squares follow: where as many are told as there are.

        A client has a sum for each effect. Of other outcomes than measurements there are none.
        """
        count = int(self.classes.max()) + 1
        heavier = self._heavier(name, digits[name])[:, None]
        told = self._told(self.latent * heavier, self.noise(digits[name]))[0].sum()
        measured = self.columns.answers is None or name != self.columns.outcome
        return np.full(count, measured and told > FOLLOWS * count * self.mine.shape[1])

    @property
    def _own_sd(self) -> float:
        return self.residual_sd if self.row_sd is None else self.row_sd

    def _heavier(self, name: str, digits: int) -> Array:
        """Return how much more exact than now each sum of a column went out in its round."""
        return np.array(
            [1.0 if of is None else 10.0 ** (of.get(name, digits) - digits) for of in self.earlier]
        )

    @cached_property
    def classes(self) -> Array:
        """Each client's class: clients with the same sums of the slopes' columns."""
        keys = np.round(_Seen.of(self.columns).squares.reshape(len(self.sizes), -1), 6)
        if self.above is not None:
            keys = np.column_stack([keys, self.above])
        return np.unique(keys, axis=0, return_inverse=True)[1].ravel()

    def shares(self, digits: Digits) -> dict[str, Array]:
        """Return by level the share of each person's mean outcome that could be computed."""
        outcome, names = self.columns.outcome, self.columns.groups
        heavier = self._heavier(outcome, digits[outcome])[:, None]
        told, V = self._told(self.latent * heavier, self.noise(digits[outcome]) / self._own_sd)
        n, q = self.mine.shape
        parts = (V[:, : n * q].reshape(-1, n, q) * self.mine).sum(axis=2)
        own = (self.mine**2).sum(axis=1)
        if self.above is None:
            found = {names[0]: told @ parts**2 / own}
        else:
            sd, starts = USUAL_ABOVE**0.5, np.flatnonzero(np.diff(self.above, prepend=-1))
            share = self.sizes / _summed(self.sizes, self.above)[self.above]
            theirs = np.add.reduceat(parts * share, starts, axis=1) + sd * V[:, n * q :]
            of_own = told @ (parts + sd * V[:, n * q :][:, self.above]) ** 2 / (own + sd**2)
            total = np.add.reduceat(own * share**2, starts) + sd**2
            found = {names[0]: of_own, names[1]: told @ theirs**2 / total}
        for name, spread in self._between().items():
            heavier = self._heavier(name, digits[name])[:, None]
            told, V = self._told(self.weights * heavier, self.noise(digits[name]) / spread)
            found[name] = told @ V**2
        return found

    @staticmethod
    def _told(weights: Array, noise: float) -> tuple[Array, Array]:
        """Return how much of each direction is told, and the directions."""
        size, V = np.linalg.svd(weights, full_matrices=False)[1:]
        return size**2 / (size**2 + noise**2), V


@dataclass(frozen=True)
class _Seen:
    """What weights follow from: each client's cross-products of the slopes' columns."""

    squares: Array  # (clients, q, q), in units of the file
    pairs: tuple[tuple[int, int], ...]
    above: Array | None
    sizes: Array
    usual: Array

    @classmethod
    def of(cls, columns: ClinicColumns) -> _Seen:
        """Read the cross-products."""
        partition, level = columns.partition(), columns.levels[0]
        places = np.array(level.columns)
        sizes = columns.sizes[0]
        cross = partition.cross[places[:, None], places] / np.outer(sizes, sizes)[..., None]
        above = columns.grouping.parents[0] if len(columns.groups) > 1 else None
        usual = [USUAL_RATIO if c == 0 else USUAL_SLOPE for c in level.columns]
        return cls(np.moveaxis(cross, -1, 0), level.pairs, above, sizes, np.diag(usual))

    def weights(self, covariances: Sequence[Array]) -> tuple[Array, Array]:
        """Return the sums of the outcome at a point, and what they make of clients' means.

        Values and derivatives in each free element of the relative covariances.
        """
        own, rest = covariances[0] * np.outer(self.sizes, self.sizes), covariances[1:]
        top = float(rest[0][0, 0]) if rest else 0.0
        unit, *above = own_units([own, *rest], [np.ones(len(own)), np.ones(1)][: 1 + len(rest)])
        moves: list[tuple[str, tuple[int, int], float]] = [
            ("own", (a, b), float(unit[a] * unit[b])) for a, b in self.pairs
        ]
        moves += [("top", (0, 0), float(above[0][0] ** 2))] if rest else []

        def at(*steps: tuple[str, tuple[int, int], float]) -> tuple[Array, Array]:
            D, d = own.copy(), top
            for which, (a, b), size in steps:
                if which == "top":
                    d += STEP * size
                else:
                    D[a, b] += STEP * size
                    D[b, a] += STEP * size * (a != b)
            return self._plain(D, d)

        plain, first = at(), [at(move) for move in moves]
        pairs = list(combinations_with_replacement(range(len(moves)), 2))
        second = [at(moves[i], moves[j]) for i, j in pairs]
        found = []
        for which in (0, 1):  # differences of sums, and of means
            p, f = plain[which], [one[which] for one in first]
            found.append(
                np.concatenate(
                    [p]
                    + [(one - p) / STEP for one in f]
                    + [
                        (both[which] - f[i] - f[j] + p) / STEP**2
                        for both, (i, j) in zip(second, pairs, strict=True)
                    ]
                )
            )
        return found[0], found[1]

    def _plain(self, D: Array, d: float) -> tuple[Array, Array]:
        """Return the sums of z'V^-1 y in standard deviations of what y is made of, for each z."""
        n, q = len(self.squares), len(D)
        U = np.linalg.inv(np.eye(q) + D @ self.squares)  # clients, q, q: t'U e_c
        left = self.squares @ U
        means = left[:, 0].T  # (q, n): weights of clients' means
        if self.above is not None:
            total = 1.0 + d * np.bincount(self.above, left[:, 0, 0])
            theirs = np.stack([np.bincount(self.above, left[:, 0, c]) for c in range(q)])
            pull = d * (theirs / total)[:, self.above]
            means = means - pull * left[:, 0, 0]
            U = U - pull.T[:, None, :] * U[:, :, :1]
        spread = np.moveaxis(U, 2, 0)[:, :, None, :] @ self._roots  # (c, n, 1, q)
        found = [spread.reshape(q, n * q)]
        if self.above is not None:
            found.append(
                np.stack([np.bincount(self.above, row) for row in means]) * USUAL_ABOVE**0.5
            )
        return np.hstack(found), means

    @cached_property
    def _roots(self) -> Array:
        """Roots of the covariances of clients' sums, of the usual variances."""
        spread = self.squares @ self.usual @ self.squares + self.squares
        values, vectors = np.linalg.eigh(spread)
        return vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]

    def of_means(self, sizes: Array) -> Array:
        """Return clients' means in the standard deviations of what they are made of."""
        return np.asarray(self._roots[:, 0] / sizes[:, None])
