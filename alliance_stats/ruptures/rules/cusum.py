"""The lower CUSUM: falls that add up.

With centre and sigma of the individuals chart (`control_chart`) and y_t = (x_t - centre) / sigma:

    S_0 = 0,  S_t = max(0, S_t-1 - y_t - shift / 2)

A session is flagged where S_t > k; k is the decision interval in sigmas (5 by custom), `shift`
the fall in sigmas the chart is tuned to. The sum starts anew after a gap of more than `max_gap`
sessions, and at the end of a baseline phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..courses import Booleans, Courses, Floats
from .base import ROUNDING, Flags, Rule
from .control_chart import OWN as CHART
from .control_chart import SPC, chart_limits, draw_chart, in_monitoring, no_width
from .ewma import restarts


def add_up(courses: Courses, fall: Floats, fresh: Booleans, allowance: float) -> Floats:
    """Return the running sum of falls beyond the allowance, never below zero."""
    total = np.empty_like(fall)
    state = np.zeros(courses.start.size)
    for _, clients, rows in courses.steps():
        state[fresh[rows].nonzero()[0]] = 0.0
        now = state[: clients.size]
        now += fall[rows] - allowance
        np.maximum(now, 0.0, out=now)
        total[rows] = now
    return total


def flag_sum(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions at which the falls have added up to more than `k` sigmas (see the module)."""
    chart = draw_chart(courses, p)
    watched = in_monitoring(courses, chart, p)
    sigma = courses.spread(chart.sigma)
    fall = courses.spread(chart.centre) - chart.charted
    with np.errstate(invalid="ignore", divide="ignore"):
        standard = np.where(sigma > courses.noise, fall / sigma, 0.0)
    fresh = restarts(courses, watched, p["max_gap"])
    total = add_up(courses, standard, fresh, p["shift"] / 2)
    level = courses.spread(chart.centre) + chart.line
    return Flags(
        watched & (total > p["k"] * (1 + ROUNDING)),
        np.where(watched, total, np.nan),
        watched,
        level,
        np.full_like(total, np.nan),
        moving_threshold=True,
        limits={
            **chart_limits(courses, chart, np.full(courses.start.size, np.nan)),
            "decision_interval": np.full(courses.start.size, float(p["k"])),
        },
        no_unit=chart.sigma <= courses.noise,
        notes=no_width(courses, chart),
    )


RULES = (
    Rule(
        name="cusum",
        title="Falls that add up beyond the decision interval",
        short="CUSUM chart",
        definition="S_t = max(0, S_t-1 - (x_t - mean_i) / sigma_i - shift / 2) > k",
        function=flag_sum,
        own={**CHART, "k": 5.0, "shift": 1.0},
        unit="sigma, summed",
        source=SPC,
        verified=True,
        note="The flagged session is where the sum signals; the fall began earlier.",
    ),
)
