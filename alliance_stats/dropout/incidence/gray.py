"""Gray's test: do cumulative incidence curves of one kind of end differ between groups?

Gray (1988, doi 10.1214/aos/1176350951) with rho = 0. A log-rank test would compare cause-specific
hazards, which is another question: a group can have the higher hazard of dropout and still the
lower share of dropouts, where its clients also complete sooner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2


@dataclass
class _State:
    """What runs through time: curves just before now, the score, and sums for its variance."""

    survival: np.ndarray
    incidence: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    total: np.ndarray
    cross: np.ndarray
    square: np.ndarray
    pooled: float = 0.0

    def add(self, part: np.ndarray, slope: np.ndarray, share: np.ndarray) -> None:
        """Add the martingale variance `share` of each group, seen through `part` and `slope`."""
        self.total += (part * share) @ part.T
        self.cross += part * slope * share
        self.square += slope**2 * share

    def variance(self) -> np.ndarray:
        """Return the covariance matrix of the score."""
        mixed = self.weight @ self.cross.T
        return self.total + (self.weight * self.square) @ self.weight.T + mixed + mixed.T


def gray_test(
    time: np.ndarray, own: np.ndarray, other: np.ndarray, group: np.ndarray
) -> tuple[float, int, float]:
    """Return the statistic, its degrees of freedom and the p value.

    Parameters
    ----------
    time
        When each client's observation ended.
    own, other
        Whether it ended in the way asked for, or in a competing one (neither: censored).
    group
        Codes 0, 1, ... of the groups.
    """
    k = int(group.max()) + 1
    state = _State(
        np.ones(k), np.zeros(k), np.zeros(k), np.zeros((k, k)), np.zeros((k, k)),
        np.zeros((k, k)), np.zeros(k),
    )  # fmt: skip
    for moment in np.unique(time[own | other]):
        here = time == moment
        _advance(
            state,
            np.bincount(group[time >= moment], minlength=k).astype(float),
            np.bincount(group[here & own], minlength=k).astype(float),
            np.bincount(group[here & other], minlength=k).astype(float),
        )
    variance = state.variance()[: k - 1, : k - 1]
    rank = int(np.linalg.matrix_rank(variance))
    if rank == 0:
        return float("nan"), 0, float("nan")
    score = state.score[: k - 1]
    statistic = float(score @ np.linalg.pinv(variance) @ score)
    return statistic, rank, float(chi2.sf(statistic, rank))


def _advance(state: _State, at_risk: np.ndarray, own: np.ndarray, other: np.ndarray) -> None:
    """Take one time: add to the score and its variance, then move the curves."""
    there = at_risk > 0
    n = np.where(there, at_risk, 1.0)
    before = state.survival
    after = np.where(there, before * (n - own - other) / n, before)
    size = np.divide(
        at_risk, before, out=np.zeros_like(before), where=there & (before > 0)
    )  # "at risk" for the subdistribution
    everybody, events = size.sum(), own.sum()
    pooled = state.pooled + events / everybody
    spread = np.diag(size) - np.outer(size, size) / everybody
    state.weight += spread * events / (everybody * (1 - state.pooled))
    sharing = size * (1 - state.incidence)
    state.score += np.where(there, own - events * sharing / sharing.sum(), 0.0)
    # Where a group's curve has come to its end, nothing more can be learnt from it.
    left = np.divide(1 - pooled, after, out=np.zeros_like(after), where=after > 0)
    if events > 0:
        size_here = np.maximum(everybody * before - 1, 1e-300)
        ties = 1 - (events - 1) / size_here if events > 1 else np.ones_like(before)
        share = np.where(there, ties * before * events, 0.0)
        state.add(spread - (1 - left) * state.weight, 1 - left, share / (everybody * n))
    if other.sum() > 0:
        ties = np.where(other > 1, 1 - (other - 1) / np.maximum(n - 1, 1), 1.0)
        share = np.where(after > 0, ties * before**2 * other / n**2, 0.0)
        state.add(-left * state.weight, left, share)
    state.incidence = np.where(there, state.incidence + before * own / n, state.incidence)
    state.survival, state.pooled = after, pooled
