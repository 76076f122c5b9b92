"""What a fall is measured from (the reference) and by (the unit).

References, for client i at session t (sessions within a run, see `Courses.linked`):

``previous``      the score of the session before, x_i,t-1
``running_mean``  the mean of the `n_reference` sessions before t
``client_mean``   the client's mean over all observed sessions
``trend``         the client's own least-squares line over all observed sessions, at t

Units:

``within_sd``         s_i, SD of the client's own scores (n_i - 1)
``pooled_within_sd``  sqrt(sum_i SS_i / sum_i (n_i - 1)), over clients with two sessions or more
``sample_sd``         SD of all scores of all clients
``stricter_sd``       max(s_i, pooled within-client SD)
``residual_sd``       SD of the client's scores about the client's own trend (n_i - 2)
``reliable_change``   SE of a difference, sample SD * sqrt(2 (1 - reliability))
``points``            1: the fall is counted in points of the scale
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .courses import Booleans, Courses, Floats

REFERENCES = ("previous", "running_mean", "client_mean", "trend")
LEAST_SESSIONS = {"within_sd": 2, "stricter_sd": 2, "residual_sd": 3, "trend": 3}
"""Fewest sessions with which a yardstick exists at all."""


def trend(courses: Courses, keep: Booleans | None = None) -> tuple[Floats, Floats]:
    """Return each client's least-squares line: its value at session 0 and its slope.

    `keep` restricts the sessions the line is fitted to. With one session number only the slope
    is zero.
    """
    weight = np.ones(courses.session.size) if keep is None else keep.astype(float)
    count = courses.sums(weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = courses.sums(weight * courses.session) / count
        level = courses.sums(weight * courses.value) / count
        time = (courses.session - courses.spread(middle)) * weight
        slope = courses.sums(time * courses.value) / courses.sums(np.square(time))
    slope = np.where(np.isfinite(slope), slope, 0.0)
    return level - slope * middle, slope


def trend_line(courses: Courses) -> Floats:
    """Return the client's own trend at each session."""
    level, slope = trend(courses)
    return courses.spread(level) + courses.spread(slope) * courses.session


def previous(courses: Courses, linked: Booleans, n_reference: int) -> Floats:
    """Return the value of the session before; NaN where it was not observed near enough."""
    before = np.empty_like(courses.value)
    before[0] = np.nan
    before[1:] = courses.value[:-1]
    before[~linked] = np.nan
    return before


def running_mean(courses: Courses, linked: Booleans, n_reference: int) -> Floats:
    """Return the mean of the `n_reference` sessions before; NaN where a gap is among them."""
    n = n_reference
    total = np.zeros(courses.value.size + 1)
    np.cumsum(courses.centred, out=total[1:])
    rows = np.arange(courses.value.size)
    first = np.maximum.accumulate(np.where(linked, 0, rows))
    mean = np.full(courses.value.size, np.nan)
    mean[n:] = (total[n:-1] - total[: -n - 1]) / n
    mean += courses.spread(courses.mean)
    mean[rows - first < n] = np.nan
    return mean


def reference(courses: Courses, linked: Booleans, name: str, n_reference: int) -> Floats:
    """Return the level each session is compared with; NaN where there is none."""
    if name == "client_mean":
        return courses.spread(courses.mean)
    if name == "trend":
        return trend_line(courses)
    compute = previous if name == "previous" else running_mean
    return compute(courses, linked, n_reference)


def within_sd(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return the SD of each client's own scores; NaN with one session."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(courses.squares / (courses.length - 1))


def pooled_within_sd(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return the within-client SD pooled over the clients of each sample."""
    freedom = courses.pooled(courses.length - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return courses.by_sample(np.sqrt(courses.pooled(courses.squares) / freedom))


def sample_sd(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return the SD of all scores of each sample."""
    if p.get("sd") is not None:
        return np.full(1, float(p["sd"]))
    n = courses.pooled(courses.length)
    grand = courses.pooled(courses.mean * courses.length) / n
    between = np.square(courses.mean - courses.by_sample(grand)) * courses.length
    with np.errstate(invalid="ignore", divide="ignore"):
        total = courses.pooled(courses.squares + between) / (n - 1)
    return courses.by_sample(np.sqrt(total))


def stricter_sd(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return the larger of the client's own and the pooled within-client SD."""
    return np.maximum(within_sd(courses, p), pooled_within_sd(courses, p))


def residual_sd(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return the SD of each client's scores about the client's own trend."""
    rest = courses.value - trend_line(courses)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = courses.sums(np.square(rest)) / (courses.length - 2)
    return np.sqrt(np.where(courses.length > 2, variance, np.nan))


def retest_reliability(courses: Courses) -> Floats:
    """Return the correlation of scores one session apart, over each sample's clients.

    It holds true change from session to session against the measure, so it is a lower bound for
    the reliability wherever true scores move.
    """
    rows = np.flatnonzero(courses.linked(1))
    x, y, clients = courses.value[rows - 1], courses.value[rows], courses.client[rows]
    sample = clients // (courses.start.size // courses.replicates)

    def mean(values: Floats) -> Floats:
        total = np.bincount(sample, values, courses.replicates)
        return total / np.bincount(sample, minlength=courses.replicates)

    with np.errstate(invalid="ignore", divide="ignore"):
        dx, dy = x - mean(x)[sample], y - mean(y)[sample]
        return mean(dx * dy) / np.sqrt(mean(np.square(dx)) * mean(np.square(dy)))


def reliable_change(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return the standard error of the difference of two scores (Jacobson & Truax 1991)."""
    if p.get("reliability") is not None:
        reliability = np.full(1, float(p["reliability"]))
    else:
        reliability = courses.by_sample(retest_reliability(courses))
    return sample_sd(courses, p) * np.sqrt(2 * np.clip(1 - reliability, 0, None))


def points(courses: Courses, p: Mapping[str, Any]) -> Floats:
    """Return 1: a fall is counted in points."""
    return np.ones(1)


UNITS: dict[str, Callable[[Courses, Mapping[str, Any]], Floats]] = {
    "within_sd": within_sd,
    "pooled_within_sd": pooled_within_sd,
    "sample_sd": sample_sd,
    "stricter_sd": stricter_sd,
    "residual_sd": residual_sd,
    "reliable_change": reliable_change,
    "points": points,
}
