"""Intervals that respect whole clusters: who is drawn, how wide, and what is said of few.

A quantity is a function of how often each dyad counts. Whole clusters are drawn anew, which gives
a standard error on a scale where the quantity is near normal (logarithm of a variance, Fisher's z
of a correlation); the limits take t quantiles with one degree of freedom fewer than there are
clusters. Percentiles of so few clusters would be too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """Which cluster each dyad belongs to, and what the clusters are."""

    codes: Array
    unit: str
    messages: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Return the number of clusters."""
        return int(self.codes.max()) + 1

    def draws(self, replicates: int, seed: int) -> Array:
        """Return how often each dyad is drawn, whole clusters at a time."""
        return times_drawn(self.n, replicates, seed)[:, self.codes].astype(float)


def clusters(therapists: pd.Series | None, n_dyads: int) -> Clusters:
    """Return therapists as clusters where enough are known, else dyads, and say which and why."""
    own = np.arange(n_dyads)
    if therapists is None:
        return _judged(Clusters(own, "dyads"))
    unknown = int(therapists.isna().sum())
    if unknown:
        return _judged(
            Clusters(own, "dyads"),
            f"{unknown} of {n_dyads} dyads have no known therapist, so the therapist level is left "
            "out and dyads count as independent.",
        )
    codes, names = pd.factorize(therapists)
    if len(names) == n_dyads:
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
    return _judged(Clusters(np.asarray(codes), "therapists"))


def _judged(found: Clusters, *messages: str) -> Clusters:
    said = list(messages)
    if found.n < FEW_CLUSTERS:
        said.append(
            f"Intervals rest on {found.n} {found.unit}; below {FEW_CLUSTERS} they can be too "
            "narrow (docs/rating-gap-benchmark.md has the measured coverage)."
        )
    return Clusters(found.codes, found.unit, tuple(said))


def spread_of(values: Array, estimate: float) -> float:
    """Return the standard error from draws; NaN where too few of them have the quantity."""
    finite = values[np.isfinite(values)]
    if not np.isfinite(estimate) or len(finite) < max(2.0, ENOUGH_DRAWS * len(values)):
        return float("nan")
    return float(finite.std(ddof=1))


def _error(draws: Array, estimate: float, n: int) -> float:
    """Return the standard error from draws of `n` clusters, with the correction for few."""
    return spread_of(draws, estimate) * float(np.sqrt(n / max(n - 1, 1)))


def plain(
    estimate: float, draws: Array, n: int, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Return a quantity with its standard error and limits on its own scale."""
    error = _error(draws, estimate, n)
    half = half_width(error, max(n - 1, 1), confidence)
    return estimate, error, estimate - half, estimate + half


def correlation(
    estimate: float, draws: Array, n: int, confidence: float = 0.95
) -> tuple[float, float, float, float, float]:
    """Return a correlation (or share) with error, limits and p, by Fisher's z."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z, drawn = np.arctanh(estimate), np.arctanh(draws)
    error = _error(drawn, float(z), n)
    if not error > 0:
        return estimate, np.nan, np.nan, np.nan, np.nan
    half = half_width(error, n - 1, confidence)
    low, high = np.tanh([z - half, z + half])
    p = t_two_sided(z / error, n - 1)
    return estimate, float(error * (1 - estimate**2)), float(low), float(high), float(p)


def standard_deviation(
    variance: float, draws: Array, noise: float, n: int, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Return an SD with its error and limits from a variance and its draws (below 0 allowed).

    `noise` is what the means of clusters vary by where their true values do not. The limits are
    those of the logarithm of what the observed means vary by (variance + noise), from which the
    noise is taken off again: a variance near zero, whose own logarithm says nothing, has limits
    from zero to what the noise may hide; one far above the noise has those of its logarithm.
    """
    seen = variance + noise
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = _error(np.log(draws + noise), seen, n)
    if not (seen > 0 and logs > 0):
        return float(np.sqrt(max(variance, 0.0))), np.nan, np.nan, np.nan
    ratio = np.exp(half_width(logs, max(n - 1, 1), confidence))
    low, high = (float(np.sqrt(max(end - noise, 0.0))) for end in (seen / ratio, seen * ratio))
    if not variance > 0:
        return 0.0, np.nan, low, high
    sd = float(np.sqrt(variance))
    return sd, _error(draws, variance, n) / (2 * sd), low, high
