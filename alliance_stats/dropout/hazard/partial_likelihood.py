"""Cox's partial likelihood: rows under observation from a start to a stop, in strata.

A coefficient may change over time: its column is multiplied by a function of the time of each
event, so that nobody has to repeat clients for every event time. Ties by Efron or Breslow.
Therneau & Grambsch (2000, doi 10.1007/978-1-4757-3294-8), chapters 3 and 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import DesignError
from ...multilevel.engine.batches import Array

MOST_STEPS = 40
STEADY = 1e-10
"""Relative change of the log-likelihood below which the search ends (coxph: 1e-9)."""


@dataclass(frozen=True)
class Observed:
    """The rows: who is at risk when, and with which predictors.

    Attributes
    ----------
    start, stop
        A row is at risk at the times above `start` up to `stop`.
    event
        Whether it ends with an event, at `stop`.
    stratum
        Rows are compared within one only.
    x
        Predictors, a column each.
    over_time
        For each column of `x` whether its coefficient is multiplied by a function of time.
    at_events
        That function at each of `times`.
    times
        The different times of events, in order.
    """

    start: Array
    stop: Array
    event: Array
    stratum: Array
    x: Array
    over_time: Array
    at_events: Array
    times: Array
    ties: str

    def sets(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield for each time and stratum with an event who is at risk, who has it, and `x`."""
        happened = self.event == 1
        for time, at_time in zip(self.times, self.at_events, strict=True):
            there = (self.start < time) & (self.stop >= time)
            for stratum in np.unique(self.stratum[happened & (self.stop == time)]):
                risk = np.flatnonzero(there & (self.stratum == stratum))
                x = self.x[risk]
                if self.over_time.any():
                    x = np.where(self.over_time, x * at_time, x)
                yield risk, happened[risk] & (self.stop[risk] == time), x


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is highest: coefficients, their covariance, each row's residuals."""

    params: Array
    covariance: Array
    llf: float
    scores: Array


def fit_partial_likelihood(rows: Observed) -> Maximum:
    """Return the maximum of the partial likelihood, by Newton's method with halved steps.

    Raises
    ------
    DesignError
        Where there is none.
    """
    sets, n = list(rows.sets()), len(rows.stop)
    beta = np.zeros(rows.x.shape[1])
    llf, scores, information = _at(rows, sets, n, beta)
    for _ in range(MOST_STEPS):
        close = STEADY * (1 + abs(llf))
        step = _solved(information, scores.sum(axis=0))
        for half in 0.5 ** np.arange(20):
            found = _at(rows, sets, n, beta + half * step)
            if found[0] >= llf - close:
                break
        else:
            raise DesignError(NO_MAXIMUM)
        gained = found[0] - llf
        beta, (llf, scores, information) = beta + half * step, found
        if gained < close:
            break
    return Maximum(beta, _solved(information, np.eye(len(beta))), llf, scores)


def _solved(information: Array, right: Array) -> Array:
    try:
        return np.linalg.solve(information, right)
    except np.linalg.LinAlgError:
        raise DesignError(NO_MAXIMUM) from None


NO_MAXIMUM = (
    "The partial likelihood has no maximum: some predictor parts those who left from all others at "
    "their times. Merge categories or leave it out."
)


def _at(
    rows: Observed, sets: list[tuple[Array, Array, Array]], n: int, beta: Array
) -> tuple[float, Array, Array]:
    """Return log-likelihood, each row's part of the score, and the information."""
    llf, scores = 0.0, np.zeros((n, len(beta)))
    information = np.zeros((len(beta), len(beta)))
    for risk, event, x in sets:
        eta = x @ beta
        top = eta.max(initial=0.0)
        weight = np.exp(eta - top)
        deaths = int(event.sum())
        llf += float(eta[event].sum())
        # Efron takes a share of the events out of the risk set, one more at each step.
        for taken in np.arange(deaths) / deaths if rows.ties == "efron" else np.zeros(deaths):
            own = weight * np.where(event, 1 - taken, 1.0)
            total = own.sum()
            own /= total
            away = x - own @ x
            llf -= float(np.log(total) + top)
            scores[risk] -= own[:, None] * away
            scores[risk[event]] += away[event] / deaths
            information += (own[:, None] * away).T @ away
    return llf, scores, information
