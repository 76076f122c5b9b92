"""Ordered categories: cumulative logit and probit models.

A row of category ``k`` (of 0, 1, ..., C - 1) has the probability ``F(t[k+1] - eta) - F(t[k] -
eta)``, with ``t[0]`` minus and ``t[C]`` plus infinity; the thresholds between are the family's own
parameters, so a positive coefficient moves answers upwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..engine.batches import Array
from .families import Density, Outcome

FAR = 500.0  # stands for infinity: a threshold nobody is beyond
LEAST = 1e-300


@dataclass(frozen=True)
class Ordinal:
    """A cumulative model; `y` holds the number of a row's category."""

    categories: tuple[str, ...]
    link: str = "logit"
    name = "ordinal"

    @property
    def own_names(self) -> tuple[str, ...]:
        """``threshold[1]`` and so on."""
        return tuple(f"threshold[{k}]" for k in range(1, len(self.categories)))

    @property
    def farthest(self) -> tuple[float, ...]:
        """Thresholds have no bounds."""
        return (np.inf,) * len(self.own_names)

    def begin(self, outcome: Outcome) -> Array:
        """Return the thresholds of the outcome without predictors."""
        from scipy import special

        counts = np.bincount(outcome.y.astype(int), minlength=len(self.categories)) + 0.5
        below = np.cumsum(counts)[:-1] / counts.sum()
        return special.logit(below) if self.link == "logit" else special.ndtri(below)

    def _ends(self, y: Array, eta: Array, own: Array) -> tuple[Array, Array]:
        """Return the upper and lower end of each row's category, less eta."""
        edges = np.concatenate([[-FAR], own, [FAR]])
        which = y.astype(int).reshape((-1,) + (1,) * (eta.ndim - 1))
        upper, lower = edges[which + 1], edges[which]
        # the outer ends stay where they are, so that no eta reaches them
        return (
            np.where(upper == FAR, FAR, upper - eta),
            np.where(lower == -FAR, -FAR, lower - eta),
        )

    def density(self, outcome: Outcome, eta: Array, own: Array) -> Density:
        """Return the log density with derivatives."""
        a, b = self._ends(outcome.y, eta, own)
        if (np.diff(own) <= 0.0).any():
            none = np.full(eta.shape, -np.inf)
            zeros = np.zeros((len(own), *eta.shape))
            return Density(none, 0 * eta, 0 * eta, zeros, zeros, np.zeros((len(own), *zeros.shape)))
        value, A, B, bend_a, bend_b = (_logit if self.link == "logit" else _probit)(a, b)
        # derivatives in the ends: A in the upper, -B in the lower
        aa, bb, ab = bend_a - A * A, -bend_b - B * B, A * B
        y = outcome.y.astype(int).reshape((-1,) + (1,) * (eta.ndim - 1))
        m = len(own)
        first, cross = np.zeros((m, *eta.shape)), np.zeros((m, *eta.shape))
        second = np.zeros((m, m, *eta.shape))
        for k in range(m):  # threshold k is the upper end of category k, the lower of k + 1
            upper, lower = y == k, y == k + 1
            first[k] = np.where(upper, A, 0.0) - np.where(lower, B, 0.0)
            cross[k] = -np.where(upper, aa + ab, 0.0) - np.where(lower, bb + ab, 0.0)
            second[k, k] = np.where(upper, aa, 0.0) + np.where(lower, bb, 0.0)
            if k + 1 < m:
                second[k, k + 1] = second[k + 1, k] = np.where(y == k + 1, ab, 0.0)
        return Density(value, B - A, aa + bb + 2.0 * ab, first, cross, second)

    def constant(self, outcome: Outcome) -> Array:
        """Return zeros."""
        return np.zeros(len(outcome.y))

    def probabilities(self, eta: Array, own: Array) -> Array:
        """Return each category's probability, on a new last axis."""
        below = self._below(own - np.asarray(eta)[..., None])
        ends = np.zeros((*below.shape[:-1], 1))
        return np.diff(np.concatenate([ends, below, ends + 1.0], axis=-1), axis=-1)

    def _below(self, z: Array) -> Array:
        from scipy import special

        return special.expit(z) if self.link == "logit" else special.ndtr(z)

    def mean(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the expected number of the category, counted from 1."""
        return self.probabilities(eta, own) @ np.arange(1.0, len(own) + 2.0)

    def variance(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the variance of the category's number."""
        numbers = np.arange(1.0, len(own) + 2.0)
        p = self.probabilities(eta, own)
        return p @ numbers**2 - (p @ numbers) ** 2

    def cdf(self, y: Array, eta: Array, own: Array, trials: Array) -> Array:
        """Return the probability of category `y` (from 0) or one below it."""
        edges = np.concatenate([[-FAR], own, [FAR]])
        y = np.asarray(y).astype(int)
        return np.where(y < 0, 0.0, self._below(edges[np.maximum(y, -1) + 1] - eta))

    def draw(self, rng: np.random.Generator, eta: Array, own: Array, trials: Array) -> Array:
        """Draw categories."""
        below = self._below(own - np.asarray(eta)[..., None])
        return (rng.random(np.shape(eta))[..., None] > below).sum(axis=-1).astype(float)


def _logit(a: Array, b: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return log(F(a) - F(b)), f(a) and f(b) over the difference, and f'(a), f'(b) over it."""
    small_a, small_b = np.exp(-np.abs(a)), np.exp(-np.abs(b))
    above_a, above_b = 1.0 + small_a, 1.0 + small_b
    # F(a) - F(b) = F(a) (1 - F(b)) (1 - exp(b - a)): no digits cancel
    gap = -np.expm1(b - a)
    value = np.minimum(a, 0.0) - np.log(above_a) - np.maximum(b, 0.0) - np.log(above_b)
    value = value + np.log(np.maximum(gap, LEAST))
    F_a, not_a = np.where(a >= 0, 1.0, small_a) / above_a, np.where(a >= 0, small_a, 1.0) / above_a
    F_b, not_b = np.where(b >= 0, 1.0, small_b) / above_b, np.where(b >= 0, small_b, 1.0) / above_b
    A = not_a / np.maximum(not_b * gap, LEAST)
    B = F_b / np.maximum(F_a * gap, LEAST)
    return value, A, B, A * (not_a - F_a), B * (not_b - F_b)


def _probit(a: Array, b: Array) -> tuple[Array, Array, Array, Array, Array]:
    """As `_logit`, for the normal distribution."""
    from scipy import special

    flip = a + b > 0.0
    high, low = np.where(flip, -b, a), np.where(flip, -a, b)
    log_high = special.log_ndtr(high)
    value = log_high + np.log(np.maximum(-np.expm1(special.log_ndtr(low) - log_high), LEAST))
    half = -0.5 * np.log(2.0 * np.pi) - value
    A, B = np.exp(half - 0.5 * a * a), np.exp(half - 0.5 * b * b)
    return value, A, B, -a * A, -b * B
