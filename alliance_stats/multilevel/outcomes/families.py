"""The distributions of outcomes that are no measurements, as small classes.

A family knows the log density of a row at a linear predictor ``eta``, and its first and second
derivatives in ``eta`` and in the family's own parameters (the log size of a negative binomial,
the thresholds of an ordinal model, the logit of extra zeros). Rows stand on the first axis of
every array, the points of an integral on those behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..engine.batches import Array

LARGEST = 700.0  # exp() of more is no number
MOST_SIZE = 14.0  # log size of a negative binomial that no data tell from a Poisson
LEAST = 1e-300


@dataclass(frozen=True)
class Outcome:
    """What is known of the rows: the outcome, and of how many trials it counts."""

    y: Array
    trials: Array

    def rows(self, span: slice | Array) -> Outcome:
        """Return some of the rows."""
        return Outcome(self.y[span], self.trials[span])

    def shaped(self, like: Array) -> tuple[Array, Array]:
        """Return outcome and trials with as many axes as `like`."""
        shape = (-1,) + (1,) * (like.ndim - 1)
        return self.y.reshape(shape), self.trials.reshape(shape)


@dataclass(frozen=True)
class Density:
    """The log density of rows at points, with derivatives.

    ``own`` are the derivatives in the family's own parameters (first axis), ``cross`` those of
    ``first`` in them, ``own2`` their second derivatives (first two axes).
    """

    value: Array
    first: Array
    second: Array
    own: Array | None = None
    cross: Array | None = None
    own2: Array | None = None


class Family(Protocol):
    """What the engine and the result ask of a distribution."""

    @property
    def name(self) -> str:
        """The name of the family."""
        ...

    @property
    def link(self) -> str:
        """The name of the link."""
        ...

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names of the family's own parameters."""
        ...

    @property
    def farthest(self) -> tuple[float, ...]:
        """How far from zero each own parameter may go; there, no data tell more."""
        ...

    def begin(self, outcome: Outcome) -> Array:
        """Return starting values of the own parameters."""
        ...

    def density(self, outcome: Outcome, eta: Array, own: Array) -> Density:
        """Return the log density with derivatives."""
        ...

    def constant(self, outcome: Outcome) -> Array:
        """Return the part of each row's log density that depends on no parameter."""
        ...

    def mean(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the expected outcome (of `trials`)."""
        ...

    def variance(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the variance of the outcome."""
        ...

    def cdf(self, y: Array, eta: Array, own: Array, trials: Array) -> Array:
        """Return the probability of `y` or less."""
        ...

    def draw(self, rng: np.random.Generator, eta: Array, own: Array, trials: Array) -> Array:
        """Draw outcomes."""
        ...


class _NoneOfItsOwn:
    """A family without parameters of its own."""

    own_names: tuple[str, ...] = ()
    farthest: tuple[float, ...] = ()

    def begin(self, outcome: Outcome) -> Array:
        """Return no starting value."""
        return np.zeros(0)


def logistic(eta: Array) -> tuple[Array, Array]:
    """Return ``log(1 + exp(eta))`` and the probability."""
    small = np.exp(-np.abs(eta))
    above = 1.0 + small
    probability = np.where(eta >= 0.0, 1.0, small) / above
    return np.maximum(eta, 0.0) + np.log(above), probability


def bounded_exp(eta: Array) -> Array:
    """Return ``exp(eta)``, of large eta the largest number that leaves room for products."""
    return np.exp(np.minimum(eta, LARGEST / 2.0))


def first_event(rng: np.random.Generator, rate: Array) -> Array:
    """Draw when the first event of a unit of time comes, where one does."""
    some = np.maximum(rate, LEAST)
    return np.asarray(-np.log1p(rng.random(np.shape(rate)) * np.expm1(-some)) / some)


@dataclass(frozen=True)
class Binomial(_NoneOfItsOwn):
    """Successes among trials."""

    link: str = "logit"
    name = "binomial"

    def density(self, outcome: Outcome, eta: Array, own: Array) -> Density:
        """Return the log density with derivatives, by link."""
        y, n = outcome.shaped(eta)
        if self.link == "logit":
            one_plus, p = logistic(eta)
            return Density(y * eta - n * one_plus, y - n * p, -n * p * (1.0 - p))
        if self.link == "probit":
            from scipy import special

            yes, no = special.log_ndtr(eta), special.log_ndtr(-eta)
            normal = -0.5 * eta**2 - 0.5 * np.log(2.0 * np.pi)
            up, down = np.exp(normal - yes), np.exp(normal - no)
            return Density(
                y * yes + (n - y) * no,
                y * up - (n - y) * down,
                -y * up * (eta + up) - (n - y) * down * (down - eta),
            )
        rate = np.maximum(bounded_exp(eta), LEAST)  # cloglog
        with np.errstate(over="ignore"):
            up = rate / np.expm1(rate)
        return Density(
            y * np.log(-np.expm1(-rate)) - (n - y) * rate,
            y * up - (n - y) * rate,
            y * up * (1.0 - rate - up) - (n - y) * rate,
        )

    def constant(self, outcome: Outcome) -> Array:
        """Return the log of the binomial coefficients."""
        from scipy import special

        y, n = outcome.y, outcome.trials
        return special.gammaln(n + 1.0) - special.gammaln(y + 1.0) - special.gammaln(n - y + 1.0)

    def probability(self, eta: Array) -> Array:
        """Return the probability of success."""
        if self.link == "logit":
            return logistic(eta)[1]
        if self.link == "probit":
            from scipy import special

            return special.ndtr(eta)
        return -np.expm1(-bounded_exp(eta))

    def mean(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the expected number of successes."""
        return trials * self.probability(eta)

    def variance(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return ``n p (1 - p)``."""
        p = self.probability(eta)
        return trials * p * (1.0 - p)

    def cdf(self, y: Array, eta: Array, own: Array, trials: Array) -> Array:
        """Return the probability of `y` successes or fewer."""
        from scipy import special

        inside = np.clip(y, 0.0, np.maximum(trials - 1.0, 0.0))
        p = self.probability(eta)
        below = special.betainc(trials - inside, inside + 1.0, 1.0 - p)
        return np.where(y < 0, 0.0, np.where(y >= trials, 1.0, below))

    def draw(self, rng: np.random.Generator, eta: Array, own: Array, trials: Array) -> Array:
        """Draw numbers of successes."""
        return rng.binomial(trials.astype(int), self.probability(eta)).astype(float)


@dataclass(frozen=True)
class Poisson(_NoneOfItsOwn):
    """Counts whose variance is their mean; log link."""

    link: str = "log"
    name = "poisson"

    def density(self, outcome: Outcome, eta: Array, own: Array) -> Density:
        """Return the log density with derivatives."""
        y, _ = outcome.shaped(eta)
        rate = bounded_exp(eta)
        return Density(y * eta - rate, y - rate, -rate)

    def constant(self, outcome: Outcome) -> Array:
        """Return ``-log y!``."""
        from scipy import special

        return -special.gammaln(outcome.y + 1.0)

    def mean(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the rate."""
        return bounded_exp(eta)

    variance = mean

    def cdf(self, y: Array, eta: Array, own: Array, trials: Array) -> Array:
        """Return the probability of `y` or less."""
        from scipy import special

        return np.where(y < 0, 0.0, special.pdtr(np.maximum(y, 0.0), bounded_exp(eta)))

    def draw(self, rng: np.random.Generator, eta: Array, own: Array, trials: Array) -> Array:
        """Draw counts."""
        return rng.poisson(bounded_exp(eta)).astype(float)

    def draw_above_zero(self, rng: np.random.Generator, eta: Array, own: Array) -> Array:
        """Draw counts of one and more: when the first event comes, and what comes after it."""
        rate = bounded_exp(eta)
        return 1.0 + rng.poisson(rate * (1.0 - first_event(rng, rate)))


@dataclass(frozen=True)
class NegativeBinomial:
    """Counts with variance ``mu + mu^2 / size``; log link. Its own parameter is the log size."""

    link: str = "log"
    name = "negative_binomial"
    own_names = ("log size",)
    farthest = (MOST_SIZE,)

    def begin(self, outcome: Outcome) -> Array:
        """Return the log of a size of two."""
        return np.array([np.log(2.0)])

    def density(self, outcome: Outcome, eta: Array, own: Array) -> Density:
        """Return the log density with derivatives."""
        from scipy import special

        y, _ = outcome.shaped(eta)
        k = float(np.exp(min(own[0], MOST_SIZE + 3.0)))
        mean = bounded_exp(eta)
        both = k + mean
        share, log_share = mean / both, np.log1p(mean / k)
        by_row = special.gammaln(y + k) - special.gammaln(k)
        in_k = special.digamma(y + k) - special.digamma(k) + 1.0
        in_k2 = special.polygamma(1, y + k) - special.polygamma(1, k) + 1.0 / k
        with np.errstate(divide="ignore", invalid="ignore"):
            value = by_row + y * (eta - np.log(k)) - (y + k) * log_share
        one = in_k - log_share - (y + k) / both
        two = in_k2 - 2.0 / both + (y + k) / both**2
        return Density(
            value,
            y - (y + k) * share,
            -(y + k) * share * (k / both),
            own=(k * one)[None],
            cross=(k * share * (y - mean) / both)[None],
            own2=(k * k * two + k * one)[None, None],
        )

    def constant(self, outcome: Outcome) -> Array:
        """Return ``-log y!``."""
        return Poisson().constant(outcome)

    def mean(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return the rate."""
        return bounded_exp(eta)

    def variance(self, eta: Array, own: Array, trials: Array) -> Array:
        """Return ``mu + mu^2 / size``."""
        mean = bounded_exp(eta)
        return mean + mean**2 / np.exp(own[0])

    def cdf(self, y: Array, eta: Array, own: Array, trials: Array) -> Array:
        """Return the probability of `y` or less."""
        from scipy import special

        k = np.exp(own[0])
        return np.where(
            y < 0, 0.0, special.betainc(k, np.maximum(y, 0.0) + 1.0, k / (k + bounded_exp(eta)))
        )

    def draw(self, rng: np.random.Generator, eta: Array, own: Array, trials: Array) -> Array:
        """Draw counts, as Poisson ones of rates that are gamma distributed."""
        k = float(np.exp(own[0]))
        return rng.poisson(bounded_exp(eta) * rng.gamma(k, 1.0 / k, np.shape(eta))).astype(float)

    def draw_above_zero(self, rng: np.random.Generator, eta: Array, own: Array) -> Array:
        """Draw counts of one and more, as clusters of logarithmic size that come as events do."""
        k, mean = float(np.exp(own[0])), bounded_exp(eta)
        left = 1.0 - first_event(rng, k * np.log1p(mean / k))
        share = np.minimum(mean / (k + mean), np.nextafter(1.0, 0.0))
        return rng.logseries(share) + rng.poisson(mean * rng.gamma(k * left, 1.0 / k))
