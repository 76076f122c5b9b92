"""Sums with noise: a stated privacy budget, and what it costs.

The Gaussian mechanism of differential privacy (Dwork & Roth 2014, doi 10.1561/0400000042), its
noise calibrated exactly as by Balle & Wang (2018, arXiv 1805.06530): whatever else a reader knows,
a file with one client more or less is nearly as probable. Nothing in the file may then follow from
the rows but the noisy sums, so columns are scaled by bounds that were known before, and every
number of sessions up to the most there can be has its sums, held by somebody or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from ..core.arguments import is_number
from ..errors import DesignError, listing
from ..multilevel.engine.batches import Array
from .columns import ClinicColumns
from .sums import Sums


@dataclass(frozen=True)
class Budget:
    """How much a file may tell of one client, and what is known beforehand.

    Attributes
    ----------
    epsilon, delta
        The budget: a file with the client is at most ``exp(epsilon)`` times as probable as one
        without, but for a probability of `delta`.
    most_sessions
        The most sessions a client can have.
    """

    epsilon: float
    delta: float
    most_sessions: int

    @classmethod
    def of(cls, given: object) -> Budget:
        """Read a budget from ``(epsilon, delta, most_sessions)``."""
        numbers = list(given) if isinstance(given, list | tuple) else []
        if len(numbers) != 3 or not all(map(is_number, numbers)):
            raise DesignError(
                "noise= is (epsilon, delta, most sessions of a client), such as (1, 1e-6, 20)."
            )
        epsilon, delta, most = numbers
        if not epsilon > 0 or not 0 < delta < 0.5 or not (most >= 1 and most == int(most)):
            raise DesignError(
                "noise= needs epsilon above 0, delta between 0 and .5 and a whole number of "
                "sessions."
            )
        return cls(float(epsilon), float(delta), int(most))

    def sd(self, columns: int) -> float:
        """Return the SD of the noise for so many columns besides the intercept, each in [-1, 1].

        One client moves the products of all rows, the sums by number of sessions (over that
        number) and the count (times the most sessions) by at most `most_sessions` each.
        """
        moved = columns * (columns + 1) + columns + 1
        reach = self.most_sessions * float(np.sqrt(moved))

        def excess(size: float) -> float:
            half, rest = reach / (2.0 * size), self.epsilon * size / reach
            told = norm.logcdf(-half - rest) + self.epsilon
            return float(norm.cdf(half - rest) - np.exp(told) - self.delta)

        return float(
            brentq(excess, 1e-4 * reach / self.epsilon, 1e4 * reach / min(self.epsilon, 1))
        )


def bounded(columns: ClinicColumns, bounds: Mapping[str, Sequence[float]]) -> ClinicColumns:
    """Return the columns scaled by their bounds to [-1, 1], which nobody's rows decide.

    Raises
    ------
    DesignError
        Where a column has no bounds, or leaves them.
    """
    names = [*columns.names[1:], columns.outcome]
    missing = [name for name in names if name not in bounds]
    if missing:
        raise DesignError(
            f"With noise= each column needs the ends of its scale: bounds={{'{missing[0]}': "
            f"(lowest, highest)}}; {listing(missing)} have none."
        )
    shift, unit = columns.shift.copy(), columns.unit.copy()
    for i, (name, column) in enumerate(
        zip(names, (*columns.arrays[1:], columns.values), strict=True), start=1
    ):
        ends = list(bounds[name])
        if len(ends) != 2 or not all(map(is_number, ends)) or not ends[0] < ends[1]:
            raise DesignError(f"bounds of '{name}' are two numbers, the lowest and the highest.")
        low, high = map(float, ends)
        outside = int(((column < low) | (column > high)).sum())
        if outside:
            raise DesignError(f"'{name}' leaves its bounds {low:g} to {high:g} in {outside} rows.")
        shift[i], unit[i] = (low + high) / 2.0, (high - low) / 2.0
    return replace(columns, shift=shift, unit=unit)


def noisy(sums: Sums, budget: Budget) -> Sums:
    """Return sums with noise, for every number of sessions there can be.

    Raises
    ------
    DesignError
        Where a client has more sessions than there can be.
    """
    most, k = budget.most_sessions, sums.size
    if sums.sessions.max() > most:
        raise DesignError(
            f"A client has {sums.sessions.max():.0f} sessions, more than the {most} that noise= "
            "allows for: leave later sessions out, or allow for more."
        )
    sd, rng = budget.sd(k - 1), np.random.default_rng()  # from the system: nobody draws it again
    numbers = np.arange(1.0, most + 1.0)
    place = (sums.sessions - 1).astype(int)
    clients, outer = np.zeros(most), np.zeros((most, k, k))
    clients[place], outer[place] = sums.clients, sums.outer
    clients = np.maximum(clients + rng.normal(0.0, sd / most, most), 0.0)
    outer = outer + _symmetric(rng, sd, (most, k, k)) * numbers[:, None, None]
    outer[:, 0, 0] = clients * numbers**2
    total = sums.total + _symmetric(rng, sd, (k, k))
    total[0] = total[:, 0] = (outer[:, 0] / numbers[:, None]).sum(axis=0)
    return Sums(total, numbers, clients, outer, sd)


def _symmetric(rng: np.random.Generator, sd: float, shape: tuple[int, ...]) -> Array:
    drawn = np.triu(rng.normal(0.0, sd, shape))
    return drawn + np.swapaxes(np.triu(drawn, 1), -1, -2)


def about_noise(budget: Budget, spent: float, cost: Mapping[str, float]) -> dict[str, Any]:
    """Return what is told with noise: nothing but the budget, all that was spent, and the cost."""
    moved = cost["standard_errors"]
    said = [
        f"The sums hold noise of a privacy budget of epsilon {budget.epsilon:g}, delta "
        f"{budget.delta:g}, for one client more or less with at most {budget.most_sessions} "
        f"sessions; files before spent {spent:g}, which adds up to {spent + budget.epsilon:g}. "
        "Numbers of rows and clients are those of the noisy sums.",
        "In this clinic's own fit the noise moves coefficients by "
        + (
            f"up to {moved:.2g} of their standard errors."
            if np.isfinite(moved)
            else "more than there is: nothing can be estimated from it alone."
        ),
    ]
    known = {"epsilon": budget.epsilon, "delta": budget.delta, "epsilon spent before": spent}
    return {"in words": said, "clients behind each term": {}, "privacy budget": known}
