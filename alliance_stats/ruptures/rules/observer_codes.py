"""Observer codes: rupture markers of the 3RS families.

For each coder and session the segments with a marker of one of `families` are counted;
``distance`` is the mean count over the session's coders. A session is flagged where the count
is at least `min_segments` for any coder, for the majority, or for all (`coders`). It is repaired
at the first session, the same one included, where a marker of the family ``resolution`` was
coded (with a rating of at least `min_resolution`, where markers are rated and it is given).
A session without any code is unobserved, or, with ``uncoded="none"``, coded without a marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..courses import Courses
from .base import Flags, Rule


def flag_markers(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions in which coders saw markers of a rupture (see the module)."""
    share = courses.marks["share_of_coders"]
    wanted = {"any": share > 0, "majority": share > 0.5, "all": share == 1.0}
    count = courses.marks["segments"]
    level = np.zeros_like(count)
    return Flags(
        wanted[p["coders"]],
        count,
        np.ones(count.size, dtype=bool),
        level,
        level - p["min_segments"],
        track=-count,
        repair=courses.marks["repair"] > 0,
    )


RULES = (
    Rule(
        name="observer_codes",
        title="Rupture markers coded by observers",
        short="seen by observers",
        definition="segments with a marker of the families >= min_segments, for the coders asked",
        function=flag_markers,
        own={
            "families": ("withdrawal", "confrontation"),
            "min_segments": 1,
            "coders": "any",
            "min_resolution": None,
            "uncoded": "unobserved",
            "repair_window": 1,
            "min_sessions": 1,
        },
        unit="segments with a marker, mean over coders",
        least_sessions=1,
        source="Eubanks, Muran & Safran 2015, 3RS manual, doi 10.13140/2.1.1666.8488 (families)",
        verified=False,
        note="The families were read in the manual's front matter; the unit of coding and any "
        "cut-off were not, so min_segments is a choice of this package.",
        needs="observer_codes",
    ),
)
