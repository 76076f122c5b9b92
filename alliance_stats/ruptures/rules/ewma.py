"""The EWMA chart: an exponentially weighted moving average with limits.

With centre and sigma of the individuals chart (`control_chart`) and weight w = `smoothing`:

    z_0 = centre,  z_t = w x_t + (1 - w) z_t-1
    sigma_z(t) = sigma * sqrt(w / (2 - w) * (1 - (1 - w)^(2t)))

A session is flagged where z_t < centre - k * sigma_z(t). The average starts anew after a gap of
more than `max_gap` sessions, and at the end of a baseline phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..courses import Booleans, Courses, Floats
from .base import ROUNDING, Flags, Rule
from .control_chart import OWN as CHART
from .control_chart import SPC, chart_limits, draw_chart, in_monitoring, no_width


def restarts(courses: Courses, watched: Booleans, max_gap: int | None) -> Booleans:
    """Return the sessions at which a recursion over sessions begins anew."""
    fresh = ~courses.linked(max_gap)
    fresh[1:] |= watched[1:] & ~watched[:-1]
    return fresh


def smooth(courses: Courses, deviation: Floats, fresh: Booleans, weight: float) -> Floats:
    """Return the exponentially weighted average of deviations from the centre."""
    average = np.empty_like(deviation)
    state = np.zeros(courses.start.size)
    for _, clients, rows in courses.steps():
        state[fresh[rows].nonzero()[0]] = 0.0
        now = state[: clients.size]
        now *= 1 - weight
        now += weight * deviation[rows]
        average[rows] = now
    return average


def flag_average(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions whose weighted average lies beyond its limit (see the module)."""
    chart = draw_chart(courses, p)
    watched = in_monitoring(courses, chart, p)
    fresh = restarts(courses, watched, p["max_gap"])
    weight = p["smoothing"]
    average = smooth(courses, chart.charted - courses.spread(chart.centre), fresh, weight)
    rows = np.arange(average.size)
    age = rows - np.maximum.accumulate(np.where(fresh, rows, 0)) + 1
    growth = np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2.0 * np.arange(age.max() + 1))))
    sigma = courses.spread(chart.sigma) * growth[age]
    with np.errstate(invalid="ignore", divide="ignore"):
        flag = watched & (sigma > courses.noise)
        flag &= -average > p["k"] * sigma * (1 + ROUNDING) + courses.noise
        distance = np.where(watched & (sigma > courses.noise), -average / sigma, np.nan)
    level = courses.spread(chart.centre) + chart.line
    settled = p["k"] * chart.sigma * np.sqrt(weight / (2 - weight))
    return Flags(
        flag,
        distance,
        watched,
        level,
        level - p["k"] * sigma,
        track=level + average,
        moving_threshold=True,
        limits=chart_limits(courses, chart, settled),
        no_unit=chart.sigma <= courses.noise,
        notes=no_width(courses, chart),
    )


RULES = (
    Rule(
        name="ewma",
        title="Weighted average of recent sessions below its control limit",
        short="EWMA chart",
        definition="z_t = w x_t + (1-w) z_t-1 < mean_i - k sigma sqrt(w/(2-w) (1-(1-w)^2t))",
        function=flag_average,
        own={**CHART, "smoothing": 0.2, "repair_level": "threshold"},
        unit="sigma of the weighted average",
        source=SPC,
        verified=True,
        note="Finds slow declines; ``threshold`` in .sessions is the limit of the average, not of "
        "the score; .limits holds the limits after many sessions.",
    ),
)
