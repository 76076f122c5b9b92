"""Counts with more zeros than their distribution has, or with zeros from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..engine.batches import Array
from .families import Density, NegativeBinomial, Outcome, Poisson, logistic

MOST_LOGIT = 12.0  # logit of extra zeros, in size, that none or all are


@dataclass(frozen=True)
class ExtraZeros:
    """Counts with more zeros than their distribution has, or with zeros from elsewhere.

    ``inflated``: a row is zero with a probability ``pi`` and else drawn from the counts.
    ``hurdle``: a row is zero with probability ``pi`` and else drawn from the counts above zero.
    The last own parameter is the logit of ``pi``.
    """

    counts: Poisson | NegativeBinomial
    kind: str

    @property
    def name(self) -> str:
        """The name of the counts' family."""
        return self.counts.name

    @property
    def link(self) -> str:
        """The link of the counts."""
        return self.counts.link

    @property
    def own_names(self) -> tuple[str, ...]:
        """The counts' own parameters, and ``zero:Intercept``."""
        return (*self.counts.own_names, "zero:Intercept")

    @property
    def farthest(self) -> tuple[float, ...]:
        """The logit of extra zeros that are none."""
        return (*self.counts.farthest, MOST_LOGIT)

    def begin(self, outcome: Outcome) -> Array:
        """Return the counts' start and a share of zeros."""
        zeros = float((outcome.y == 0).mean())
        share = np.clip(zeros if self.kind == "hurdle" else zeros / 2.0, 0.02, 0.98)
        return np.append(self.counts.begin(outcome), np.log(share / (1.0 - share)))

    def density(self, outcome: Outcome, eta: Array, own: Array) -> Density:
        """Return the log density with derivatives."""
        zeta, inner = float(own[-1]), own[:-1]
        pi = float(logistic(np.array(zeta))[1])
        log_pi, log_rest = -float(logistic(np.array(-zeta))[0]), -float(logistic(np.array(zeta))[0])
        zero = outcome.y == 0
        base = _stacked(self.counts.density(outcome, eta, inner))
        none = replace(outcome, y=np.zeros_like(outcome.y))
        at_zero = _stacked(self.counts.density(none, eta, inner))
        value, one, two = base
        rows = zero.reshape((-1,) + (1,) * (eta.ndim - 1))
        size = len(one) + 1
        first, second = np.zeros((size, *eta.shape)), np.zeros((size, size, *eta.shape))
        if self.kind == "hurdle":
            p0 = np.exp(at_zero[0])
            odds = p0 / -np.expm1(at_zero[0])
            value = np.where(rows, log_pi, value + log_rest - np.log(-np.expm1(at_zero[0])))
            first[:-1] = np.where(rows, 0.0, one + odds * at_zero[1])
            outer = at_zero[1][:, None] * at_zero[1][None]
            second[:-1, :-1] = np.where(
                rows, 0.0, two + odds * at_zero[2] + odds * (1.0 + odds) * outer
            )
            first[-1] = rows - pi
            second[-1, -1] = -pi * (1.0 - pi)
            return _unstacked(value, first, second)
        both = np.logaddexp(log_pi, log_rest + at_zero[0])
        r = np.exp(log_rest + at_zero[0] - both)  # how likely a zero is one of the counts
        value = np.where(rows, both, log_rest + value)
        outer = at_zero[1][:, None] * at_zero[1][None]
        first[:-1] = np.where(rows, r * at_zero[1], one)
        second[:-1, :-1] = np.where(rows, r * at_zero[2] + r * (1.0 - r) * outer, two)
        first[-1] = np.where(rows, 1.0 - r, 0.0) - pi
        second[-1, -1] = np.where(rows, r * (1.0 - r), 0.0) - pi * (1.0 - pi)
        second[-1, :-1] = second[:-1, -1] = np.where(rows, -r * (1.0 - r) * at_zero[1], 0.0)
        return _unstacked(value, first, second)

    def constant(self, outcome: Outcome) -> Array:
        """Return ``-log y!``, which is nothing for a zero."""
        return self.counts.constant(outcome)

    def _zero(self, eta: Array, own: Array, trials: Array) -> tuple[float, Array]:
        """Return the extra zeros' probability, and the counts' probability of a zero."""
        pi = float(logistic(np.array(own[-1]))[1])
        return pi, self.counts.cdf(np.zeros(()), eta, own[:-1], trials)

    def mean(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the expected count."""
        pi, zero = self._zero(eta, own, trials)
        mean = self.counts.mean(eta, own[:-1], trials)
        return (1.0 - pi) * (mean / (1.0 - zero) if self.kind == "hurdle" else mean)

    def variance(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the variance of the count."""
        pi, zero = self._zero(eta, own, trials)
        mean = self.counts.mean(eta, own[:-1], trials)
        square = self.counts.variance(eta, own[:-1], trials) + mean**2
        if self.kind == "hurdle":
            mean, square = mean / (1.0 - zero), square / (1.0 - zero)
        return (1.0 - pi) * square - ((1.0 - pi) * mean) ** 2

    def cdf(self, y: Array, eta: Array, own: Array, trials: Array) -> Array:
        """Return the probability of `y` or less."""
        pi, zero = self._zero(eta, own, trials)
        below = self.counts.cdf(y, eta, own[:-1], trials)
        if self.kind == "hurdle":
            below = np.maximum(below - zero, 0.0) / (1.0 - zero)
        return np.where(y < 0, 0.0, pi + (1.0 - pi) * below)

    def draw(self, rng: np.random.Generator, eta: Array, own: Array, trials: Array) -> Array:
        """Draw counts."""
        pi = self._zero(eta, own, trials)[0]
        if self.kind == "hurdle":
            drawn = self.counts.draw_above_zero(rng, eta, own[:-1])
        else:
            drawn = self.counts.draw(rng, eta, own[:-1], trials)
        return np.where(rng.random(drawn.shape) < pi, 0.0, drawn)


def _stacked(found: Density) -> tuple[Array, Array, Array]:
    """Return value, first and second derivatives in (eta, own parameters)."""
    if found.own is None or found.cross is None or found.own2 is None:
        return found.value, found.first[None], found.second[None, None]
    m = len(found.own)
    second = np.empty((m + 1, m + 1, *found.value.shape))
    second[0, 0], second[1:, 1:] = found.second, found.own2
    second[0, 1:] = second[1:, 0] = found.cross
    return found.value, np.concatenate([found.first[None], found.own]), second


def _unstacked(value: Array, first: Array, second: Array) -> Density:
    return Density(value, first[0], second[0, 0], first[1:], second[0, 1:], second[1:, 1:])
