"""Direct report: the client or the therapist says that there was a rupture.

A session is flagged where `rater` reported a rupture (a row of kind ``rupture`` in ``events``)
of at least `min_intensity` (a report without intensity counts as 1). It is repaired at the
first session, the same one included, for which the same rater reported a repair (a row of kind
``repair``), or gave a rupture a resolution of at least `min_resolution`. ``distance`` is the
intensity; depth is the highest intensity of the episode. A session without a row is a session
without a report. Every session that was held counts as observed, so there are no gaps to mind
(`max_gap` None).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..courses import Courses
from .base import Flags, Rule


def flag_reports(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions in which the rater reported a rupture (see the module)."""
    intensity = courses.marks["intensity"]
    flag = intensity >= p["min_intensity"]
    repair = courses.marks["repair"] > 0
    repair = repair | (courses.marks["resolution"] >= p["min_resolution"])
    level = np.zeros_like(intensity)
    return Flags(
        flag,
        intensity,
        np.ones(flag.size, dtype=bool),
        level,
        level - p["min_intensity"],
        track=-intensity,
        repair=repair,
    )


RULES = (
    Rule(
        name="direct_report",
        title="Rupture reported after the session",
        short="reported",
        definition="the rater reports a rupture of intensity >= min_intensity",
        function=flag_reports,
        own={
            "rater": "client",
            "min_intensity": 1,
            "min_resolution": 3,
            "repair_window": 3,
            "max_gap": None,
            "min_sessions": 1,
        },
        unit="reported intensity, 1-5",
        least_sessions=1,
        source="Muran et al. 2009, doi 10.1037/a0016085 (reports of intensity and resolution)",
        verified=True,
        note="That intensity and resolution are reported by both raters was read; min_resolution "
        "and the window are choices of this package.",
        needs="events",
    ),
)
