"""Intervals that respect whole clusters: who is drawn, how wide, and what is said of few.

A quantity is a function of how often each dyad counts. Whole clusters are drawn anew, which gives
a standard error on a scale where the quantity is near normal (logarithm of a variance, Fisher's z
of a correlation); the limits take t quantiles with one degree of freedom fewer than there are
clusters. Percentiles of so few clusters would be too narrow.

Where clients changed therapist, the two cluster in crossed ways: the variance is that of drawing
therapists, plus that of drawing clients, minus that of drawing dyads, which both hold (Cameron,
Gelbach & Miller 2011, doi 10.1198/jbes.2010.07136).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .distributions import half_width, t_two_sided

FEWEST_THERAPISTS = 5
"""Fewer therapists say nothing of how therapists differ; dyads are then the unit."""
FEW_CLUSTERS = 20
ENOUGH_DRAWS = 0.8
"""Share of the draws that must have a quantity before an interval is given."""
Array = np.ndarray


def times_drawn(n: int, replicates: int, seed: int | np.random.Generator) -> Array:
    """Return how often each of `n` clusters is drawn in each replicate, a row a replicate."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=replicates)


def percentiles(draws: Any, confidence: float = 0.95) -> Array:
    """Return the lower and the upper percentile limit of each column of draws."""
    tail = (1 - confidence) / 2
    return np.nanquantile(np.asarray(draws, dtype=float), [tail, 1 - tail], axis=0)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which cluster each dyad belongs to, and what the clusters are.

    `clients` holds each dyad's client where clients of several therapists cross the clusters.
    """

    codes: Array
    unit: str
    messages: tuple[str, ...] = ()
    clients: Array | None = None

    @property
    def n(self) -> int:
        """Return the number of clusters."""
        return int(self.codes.max()) + 1

    @property
    def ways(self) -> tuple[Array, ...]:
        """The ways of drawing: by cluster; where clients cross them by client and by dyad too."""
        if self.clients is None:
            return (self.codes,)
        return self.codes, self.clients, np.arange(len(self.codes))

    def draws(self, replicates: int, seed: int) -> Array:
        """Return how often each dyad is drawn, whole clusters at a time; one way below another."""
        each = (times_drawn(int(way.max()) + 1, replicates, seed)[:, way] for way in self.ways)
        return np.concatenate(list(each)).astype(float)

    def error(self, draws: Array, estimate: float) -> float:
        """Return the standard error from draws, with the correction for few clusters."""
        parts = np.split(draws, len(self.ways))
        own = [
            _corrected(spread_of(part, estimate), int(way.max()) + 1) ** 2
            for part, way in zip(parts, self.ways, strict=True)
        ]
        if len(own) == 1:
            return float(np.sqrt(own[0]))
        # the sum may fall below one of its parts by chance, which is then the better estimate
        return float(np.sqrt(max(own[0] + own[1] - own[2], own[0], own[1])))

    def as_one(self, draws: Array, estimate: float) -> Array:
        """Return draws of one way for percentiles: as wide as the error that all ways give."""
        if len(self.ways) == 1:
            return draws
        first = np.split(draws, len(self.ways))[0]
        own = _corrected(spread_of(first, estimate), self.n)
        return estimate + (first - estimate) * (self.error(draws, estimate) / own)


def clusters(therapists: pd.Series | None, clients: Array) -> Clusters:
    """Return therapists as clusters where enough are known, else clients, and say which and why.

    Both hold a value for each dyad, which is one client with one therapist.
    """
    own, people = pd.factorize(np.asarray(clients))
    if therapists is None:
        return _judged(Clusters(own, "dyads"))
    unknown = int(therapists.isna().sum())
    if unknown:
        return _judged(
            Clusters(own, "dyads"),
            f"{unknown} of {len(own)} dyads have no known therapist, so the therapist level is "
            "left out and dyads count as independent.",
        )
    codes, names = pd.factorize(therapists)
    if len(names) == len(own):
        return _judged(
            Clusters(own, "dyads"),
            "No therapist has two clients, so the therapist level is left out.",
        )
    if len(names) < FEWEST_THERAPISTS:
        who = "One therapist" if len(names) == 1 else f"{len(names)} therapists"
        return _judged(
            Clusters(own, "dyads"),
            f"{who}: fewer than {FEWEST_THERAPISTS} do not say how therapists differ, so dyads are "
            "the unit; intervals are about clients of these therapists, not about therapists in "
            "general.",
        )
    crossed = own if len(people) < len(own) else None
    return _judged(Clusters(np.asarray(codes), "therapists", clients=crossed))


def _judged(found: Clusters, *messages: str) -> Clusters:
    said = list(messages)
    if found.n < FEW_CLUSTERS:
        said.append(
            f"Intervals rest on {found.n} {found.unit}; below {FEW_CLUSTERS} they can be too "
            "narrow (docs/rating-gap-benchmark.md has the measured coverage)."
        )
    return replace(found, messages=tuple(said))


def spread_of(values: Array, estimate: float) -> float:
    """Return the standard error from draws; NaN where too few of them have the quantity."""
    finite = values[np.isfinite(values)]
    if not np.isfinite(estimate) or len(finite) < max(2.0, ENOUGH_DRAWS * len(values)):
        return float("nan")
    return float(finite.std(ddof=1))


def _corrected(error: float, n: int) -> float:
    """Return a standard error from draws of `n` clusters with the correction for few."""
    return error * float(np.sqrt(n / max(n - 1, 1)))


def plain(
    estimate: float, draws: Array, units: Clusters, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Return a quantity with its standard error and limits on its own scale."""
    error = units.error(draws, estimate)
    half = half_width(error, max(units.n - 1, 1), confidence)
    return estimate, error, estimate - half, estimate + half


def correlation(
    estimate: float, draws: Array, units: Clusters, confidence: float = 0.95
) -> tuple[float, float, float, float, float]:
    """Return a correlation (or share) with error, limits and p, by Fisher's z."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z, drawn = np.arctanh(estimate), np.arctanh(draws)
    error = units.error(drawn, float(z))
    if not error > 0:
        return estimate, np.nan, np.nan, np.nan, np.nan
    half = half_width(error, units.n - 1, confidence)
    low, high = np.tanh([z - half, z + half])
    p = t_two_sided(z / error, units.n - 1)
    return estimate, float(error * (1 - estimate**2)), float(low), float(high), float(p)


def standard_deviation(
    variance: float, draws: Array, noise: float, units: Clusters, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Return an SD with its error and limits from a variance and its draws (below 0 allowed).

    `noise` is what the means of clusters vary by where their true values do not. The limits are
    those of the logarithm of what the observed means vary by (variance + noise), from which the
    noise is taken off again: a variance near zero, whose own logarithm says nothing, has limits
    from zero to what the noise may hide; one far above the noise has those of its logarithm.
    """
    seen = variance + noise
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = units.error(np.log(draws + noise), seen)
    if not (seen > 0 and logs > 0):
        return float(np.sqrt(max(variance, 0.0))), np.nan, np.nan, np.nan
    ratio = np.exp(half_width(logs, max(units.n - 1, 1), confidence))
    low, high = (float(np.sqrt(max(end - noise, 0.0))) for end in (seen / ratio, seen * ratio))
    if not variance > 0:
        return 0.0, np.nan, low, high
    sd = float(np.sqrt(variance))
    return sd, units.error(draws, variance) / (2 * sd), low, high
