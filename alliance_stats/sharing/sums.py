"""A clinic's likelihood as sums by number of sessions: exact for every variance ratio.

A client with n sessions, whose columns add up to s, leaves ``A - f s s'`` of its cross-products A
when its random intercept is eliminated, with ``f = d / (1 + n d)``. Clients with equally many
sessions have the same f; so all that is needed is the sum of A over everybody and, for each number
of sessions, the number of clients and the sum of ``s s'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..multilevel.engine.batches import Array
from ..multilevel.engine.grouping import Grouping
from ..multilevel.engine.likelihood import Contribution


@dataclass(frozen=True)
class Sums:
    """Sums over the clients of a clinic.

    Attributes
    ----------
    total
        (k, k): cross-products of [X | y] over all rows.
    sessions, clients
        The numbers of sessions there are, and how many clients have each.
    outer
        (classes, k, k): the sum of the outer products of these clients' column sums.
    noise
        The SD of the noise in each sum, of columns scaled by their bounds; zero where there is
        none.
    """

    total: Array
    sessions: Array
    clients: Array
    outer: Array
    noise: float = 0.0

    ratios = 1

    def variances(self, ratios: Sequence[float] | Array) -> Array:
        """Return how uncertain noise makes each cross-product left: variances, (size, size).

        Sums of a number n of sessions hold noise of n times its SD, those with the intercept (the
        total has the same) are weighed ``1/n - d/(1 + n d)``; numbers of clients hold the SD over
        the most sessions.
        """
        n = self.sessions
        left = 1.0 / (1.0 + n * float(ratios[0]))
        found = np.full((self.size, self.size), 1.0 + ((1.0 - left) ** 2).sum())
        found[0] = found[:, 0] = (left**2).sum()
        found[0, 0] = ((left * n / n.max()) ** 2).sum()
        return np.asarray(self.noise**2 * found)

    @property
    def size(self) -> int:
        """Number of columns of [X | y]."""
        return len(self.total)

    def holds(self, ratios: Sequence[float] | Array) -> bool:
        """Say whether the likelihood is known at these ratios: it is at all."""
        return True

    def contribution(self, ratios: Sequence[float] | Array, order: int) -> Contribution:
        """Return the clinic's contribution at a variance ratio."""
        d, n, m = float(ratios[0]), self.sessions, self.clients
        grown = 1.0 + n * d
        weights = np.stack([d / grown, 1.0 / grown**2, -2.0 * n / grown**3])
        left = np.tensordot(weights, self.outer, 1)
        slope, bend = float(m @ (n / grown)), float(-m @ (n / grown) ** 2)
        k, one = self.size, min(order, 1)
        two = 1 if order > 1 else 0
        return Contribution(
            float(m @ np.log(grown)),
            self.total - left[0],
            np.array([slope])[:one],
            -left[1][None][:one],
            np.array([[bend]])[:two, :two],
            -left[2].reshape(1, 1, k, k)[:two, :two],
        )


def sums_of(columns: Sequence[Array], grouping: Grouping) -> Sums:
    """Return the sums of a two-level model whose columns are X and the outcome."""
    units = grouping.units
    size = np.bincount(units)
    each = np.stack([np.bincount(units, column) for column in columns])
    numbers = np.unique(size)
    outer = [each[:, size == n] @ each[:, size == n].T for n in numbers]
    whole = np.stack(columns)
    return Sums(
        whole @ whole.T,
        numbers.astype(float),
        np.array([float((size == n).sum()) for n in numbers]),
        np.array(outer),
    )
