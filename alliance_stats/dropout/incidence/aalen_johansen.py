"""The Aalen-Johansen estimator of cumulative incidence, its variance and its interval."""

from __future__ import annotations

import numpy as np

from ...inference.distributions import half_width
from ...inference.shares import wilson


def aalen_johansen(
    at_risk: np.ndarray, counts: np.ndarray, kind: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cumulative incidence of one kind of end and its variance.

    Parameters
    ----------
    at_risk
        Clients still in therapy before each time, shape (times,); where nobody is, nobody ends
        and the curve stays.
    counts
        Ends of each kind at each time, shape (kinds, times).
    kind
        The row of `counts` that is asked for.
    """
    n = np.maximum(at_risk, 1).astype(float)
    every, own = counts.sum(axis=0).astype(float), counts[kind].astype(float)
    survival = np.cumprod(1 - every / n)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * own / n)
    return incidence, _delta_variance(n, every, own, before, incidence)


def _delta_variance(
    n: np.ndarray, every: np.ndarray, own: np.ndarray, before: np.ndarray, incidence: np.ndarray
) -> np.ndarray:
    """Return the delta-method variance at each time, from sums over the times before it."""
    # Where everybody at risk ends, the first sum's weight is infinite but its factor is zero.
    last = n == every
    greenwood = np.where(last, 0.0, every / np.where(last, 1.0, n * (n - every)))
    share = own * (n - own) / n**3
    covariance = before * own / n**2
    sums = [np.cumsum(w) for w in (greenwood, incidence * greenwood, incidence**2 * greenwood)]
    first = incidence**2 * sums[0] - 2 * incidence * sums[1] + sums[2]
    second = np.cumsum(before**2 * share)
    third = incidence * np.cumsum(covariance) - np.cumsum(incidence * covariance)
    return np.maximum(first + second - 2 * third, 0.0)


def log_log_interval(
    incidence: np.ndarray, variance: np.ndarray, known: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return pointwise limits on the log(-log) scale, Wilson's of a share of none or all.

    There the variance is zero, which says nothing: `known` is of how many clients it is known, at
    each time, whether they have ended.
    """
    inside = (incidence > 0) & (incidence < 1)
    safe = np.where(inside, incidence, 0.5)
    spread = half_width(np.sqrt(variance), confidence=confidence) / np.abs(safe * np.log(safe))
    with np.errstate(over="ignore"):  # where nearly everybody has ended, the limit is 0
        low = np.where(inside, safe ** np.exp(spread), incidence)
    high = np.where(inside, safe ** np.exp(-spread), incidence)
    for at in np.flatnonzero(~inside):
        low[at], high[at] = wilson(incidence[at] * known[at], known[at], confidence)
    return low, high
