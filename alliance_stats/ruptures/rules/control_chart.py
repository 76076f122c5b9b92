"""The individuals control chart (XmR chart).

For the sessions of the baseline phase of client i (all sessions where there is none):

    centre  = mean(x)
    MR_t    = |x_t - x_t-1|          for sessions at most `max_gap` apart
    sigma   = mean(MR) / 1.128       (1.128 = d2 for ranges of two)
    limits  = centre -/+ k * sigma   (k = 3: centre -/+ 2.66 * mean(MR))

A session beyond the limit on the worse side is flagged; equality does not count. With
`detrend`, x is replaced by the residual from the client's least-squares line over the baseline
sessions, and the limits in ``.sessions`` run along that line. Positive autocorrelation makes
the limits too narrow: ``.limits`` reports the lag-1 autocorrelation of what is charted. Where
all moving ranges are zero the chart has no width; no session is flagged, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..courses import Booleans, Courses, Floats, Integers
from ..reference_and_unit import trend
from .base import ROUNDING, Flags, Rule

D2 = 1.128
"""Expected range of two standard normal values, to the digits quality control uses (R qcc)."""

SPC = (
    "Shewhart's individuals chart; formulas as in R qcc (R/qcc.R, R/ewma.R, R/cusum.R at "
    "af35099, read); for alliance: Eubanks-Carter, Gorman & Muran 2012, doi "
    "10.1080/10503307.2012.693772"
)


@dataclass(frozen=True)
class Chart:
    """Centre and sigma of every client, from the baseline sessions."""

    charted: Floats
    line: Floats
    baseline: Booleans
    n_baseline: Integers
    centre: Floats
    mean_range: Floats
    autocorrelation: Floats
    intercept: Floats
    slope: Floats

    @property
    def sigma(self) -> Floats:
        """SD of the process, from the moving ranges."""
        return self.mean_range / D2


def draw_chart(courses: Courses, p: Mapping[str, Any]) -> Chart:
    """Return what the chart needs of each client."""
    size = p["baseline"]
    baseline = np.ones(courses.value.size, bool) if size is None else courses.position < size
    line: Floats = np.zeros(1)
    charted = courses.value
    intercept: Floats = np.full(courses.start.size, np.nan)
    slope = intercept
    if p["detrend"]:
        intercept, slope = trend(courses, baseline)
        line = courses.spread(intercept) + courses.spread(slope) * courses.session
        charted = courses.value - line
    count = courses.sums(baseline.astype(np.int64))
    centre = courses.sums(charted * baseline) / count
    pairs = courses.linked(p["max_gap"]) & baseline
    return Chart(
        charted,
        line,
        baseline,
        count,
        centre,
        _mean_range(courses, charted, pairs),
        _autocorrelation(courses, charted - courses.spread(centre), baseline, pairs),
        intercept,
        slope,
    )


def _mean_range(courses: Courses, charted: Floats, pairs: Booleans) -> Floats:
    ranges = np.zeros_like(charted)
    np.abs(charted[1:] - charted[:-1], out=ranges[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        return courses.sums(ranges * pairs) / courses.sums(pairs.astype(np.int64))


def _autocorrelation(
    courses: Courses, centred: Floats, baseline: Booleans, pairs: Booleans
) -> Floats:
    product = np.zeros_like(centred)
    np.multiply(centred[1:], centred[:-1], out=product[1:])
    squares = courses.sums(np.square(centred) * baseline)
    small = squares <= courses.noise**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(small, np.nan, courses.sums(product * pairs) / squares)


def chart_limits(courses: Courses, chart: Chart, half_width: Floats) -> dict[str, Any]:
    """Return the columns of ``.limits``, turned back to the scale's own direction."""
    centre = courses.sign * chart.centre
    return {
        "n_baseline": chart.n_baseline,
        "centre": centre,
        "lower": centre - half_width,
        "upper": centre + half_width,
        "mean_moving_range": chart.mean_range,
        "sigma": chart.sigma,
        "autocorrelation": chart.autocorrelation,
        "intercept": courses.sign * chart.intercept,
        "slope": courses.sign * chart.slope,
    }


def in_monitoring(courses: Courses, chart: Chart, p: Mapping[str, Any]) -> Booleans:
    """Return the sessions the chart judges: all, or those after the baseline phase."""
    watched = np.ones(courses.value.size, bool) if p["baseline"] is None else ~chart.baseline
    return watched & courses.spread(np.isfinite(chart.sigma))


def no_width(courses: Courses, chart: Chart) -> tuple[str, ...]:
    """Return a note on clients whose moving ranges are all zero though their scores move."""
    flat = chart.sigma <= courses.noise
    count = int((flat & (courses.squares > courses.noise**2)).sum())
    if not count or courses.replicates > 1:
        return ()
    return (
        f"{count} of {courses.start.size} clients have moving ranges of zero, so their chart has "
        "no width: none of their sessions is judged.",
    )


def flag_beyond_limits(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions beyond the control limit on the worse side (see the module)."""
    chart = draw_chart(courses, p)
    judged = in_monitoring(courses, chart, p)
    half = p["k"] * chart.sigma
    fall = courses.spread(chart.centre) - chart.charted
    sigma = courses.spread(chart.sigma)
    with np.errstate(invalid="ignore", divide="ignore"):
        flag = judged & (sigma > courses.noise)
        flag &= fall > p["k"] * sigma * (1 + ROUNDING) + courses.noise
        distance = np.where(judged & (sigma > courses.noise), fall / sigma, np.nan)
    level = courses.spread(chart.centre) + chart.line
    return Flags(
        flag,
        distance,
        judged,
        level,
        level - p["k"] * sigma,
        moving_threshold=True,
        limits=chart_limits(courses, chart, half),
        no_unit=chart.sigma <= courses.noise,
        notes=no_width(courses, chart),
    )


OWN: dict[str, Any] = {
    "k": 3.0,
    "baseline": None,
    "detrend": False,
    "repair_level": 0.7,
    "min_sessions": 8,
}

RULES = (
    Rule(
        name="control_chart",
        title="Below the limit of the client's own control chart",
        short="control chart",
        definition="x_it < mean_i - k * mean(MR_i) / 1.128   (k = 3: 2.66 * mean moving range)",
        function=flag_beyond_limits,
        own=OWN,
        unit="sigma of the moving ranges",
        source=SPC,
        verified=True,
        note="Eight sessions or more are customary for limits. A rupture widens the limits it "
        "is judged by unless a baseline phase is set.",
    ),
)
