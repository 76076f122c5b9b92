"""Falls of a score: from the session before, a running mean, or the client's own trend.

With reference level R_it and unit u_i (`yardsticks`), session t of client i is flagged where

    R_it - x_it >= k * u_i     (scores turned so that higher is better),

and ``distance`` is (R_it - x_it) / u_i. Equality counts. A client whose scores never move has no
unit and is not judged. A session has no verdict where its reference was not observed: the first
session, and a session after a gap of more than `max_gap` session numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..courses import Courses
from ..reference_and_unit import UNITS, reference, retest_reliability
from .base import Flags, Rule, below, divide


def flag_falls(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions at least `k` units below their reference (see the module)."""
    level = reference(courses, courses.linked(p["max_gap"]), p["reference"], p["n_reference"])
    unit = courses.spread(UNITS[p["scale"]](courses, p))
    cut = unit * (p["points"] if p["scale"] == "points" else p["k"])
    with np.errstate(invalid="ignore"):
        flag = below(level, courses.value, cut, courses.noise)
        distance = divide(level - courses.value, unit, courses.noise)
        judged = ~(np.isnan(level) | np.isnan(unit))
        flat = np.broadcast_to(unit, courses.value.shape)[courses.start] <= courses.noise
        notes = _notes(courses, p)
        return Flags(flag, distance, judged, level, level - cut, no_unit=flat, notes=notes)


def _notes(courses: Courses, p: Mapping[str, Any]) -> tuple[str, ...]:
    if p["scale"] != "reliable_change" or p["reliability"] is not None:
        return ()
    if courses.replicates > 1:
        return ()
    r = float(retest_reliability(courses)[0])
    return (
        f"No reliability was given: the correlation of scores one session apart in these data, "
        f"{r:.3f}, stands in for it. Give reliability= where the measure's is known.",
    )


OWN: dict[str, Any] = {
    "reference": "previous",
    "scale": "within_sd",
    "k": 2.0,
    "points": 1.0,
    "n_reference": 3,
    "reliability": None,
    "sd": None,
}

FAMILY = (
    "Falls against an SD: Stiles et al. 2004, doi 10.1037/0022-006X.72.1.81, and Strauss et al. "
    "2006, JCCP 74:337-345; compared by Gumz et al. 2012, doi 10.1186/1471-2288-12-10"
)
UNREAD = (
    "The two papers use cut-offs of 1 and of 2 SD (read in Gumz et al. 2012); their exact "
    "formulas were not read, so no preset bears their names. Run both: at 1 most clients without a "
    "rupture get one, so the default is the larger cut-off (docs/rupture-rules.md)."
)


def _variant(name: str, title: str, short: str, definition: str, **changes: Any) -> Rule:
    """Return the rule `drop` with its reference and unit fixed."""
    about = {
        key: changes.pop(key)
        for key in ("unit", "source", "verified", "note", "least_sessions", "min_sessions")
        if key in changes
    }
    keep = {"reference", "scale"} | set(changes.pop("keep", ()))
    own = {key: changes.get(key, value) for key, value in OWN.items() if key in keep}
    own["min_sessions"] = about.pop("min_sessions", 3)
    if "repair_level" in changes:
        own["repair_level"] = changes["repair_level"]
    return Rule(
        name=name,
        title=title,
        short=short,
        definition=definition,
        function=_complete,
        own=own,
        fixed=frozenset({"reference", "scale"}),
        **{"source": FAMILY, "verified": False, "note": UNREAD, **about},
    )


def _complete(courses: Courses, p: Mapping[str, Any]) -> Flags:
    return flag_falls(courses, {**OWN, **p})


RULES = (
    Rule(
        name="drop",
        title="Fall below a reference, every choice open",
        short="fall",
        definition="R_it - x_it >= k * u_i",
        function=flag_falls,
        own=OWN,
        unit="the unit chosen by scale",
        source=FAMILY,
        verified=False,
        note=UNREAD,
    ),
    _variant(
        "drop_within_sd",
        "Fall from the session before, against the client's own SD",
        "fall, own SD",
        "x_i,t-1 - x_it >= k * s_i",
        keep=("k",),
        unit="within-client SD",
        note="Stable clients get trivial ruptures, labile clients none (Gumz et al. 2012). "
        + UNREAD,
    ),
    _variant(
        "drop_pooled_sd",
        "Fall from the session before, against the pooled within-client SD",
        "fall, pooled SD",
        "x_i,t-1 - x_it >= k * sqrt(sum SS_i / sum (n_i - 1))",
        scale="pooled_within_sd",
        keep=("k",),
        unit="pooled within-client SD",
    ),
    _variant(
        "drop_sample_sd",
        "Fall from the session before, against the SD of the sample",
        "fall, SD of the sample",
        "x_i,t-1 - x_it >= k * SD of all scores",
        scale="sample_sd",
        k=1.5,  # this SD is of clients, too, and so larger: 2 of it find one rupture in six
        keep=("k", "sd"),
        unit="sample SD",
    ),
    _variant(
        "drop_stricter_sd",
        "Fall from the session before, against the larger of own and pooled SD",
        "fall, larger of own and pooled SD",
        "x_i,t-1 - x_it >= k * max(s_i, pooled within-client SD)",
        scale="stricter_sd",
        keep=("k",),
        unit="larger of own and pooled within-client SD",
        source="Gumz et al. 2012, doi 10.1186/1471-2288-12-10",
        note="That the stricter of intra- and interindividual variability is taken, at 1 and at "
        "2 SD, was read in the paper; which SD stands for the latter there was not.",
    ),
    _variant(
        "drop_reliable_change",
        "Fall from the session before of the size of a reliable change",
        "fall, reliable change",
        "x_i,t-1 - x_it >= k * SD * sqrt(2 (1 - reliability))",
        scale="reliable_change",
        k=1.96,
        keep=("k", "reliability", "sd"),
        min_sessions=2,
        unit="standard error of the difference",
        source="Jacobson & Truax 1991, doi 10.1037/0022-006X.59.1.12 (the size of the fall)",
        verified=True,
        note="The formula is the reliable change index; that Larsson et al. 2018 used such a "
        "fall is not verified.",
    ),
    _variant(
        "drop_points",
        "Fall from the session before by so many points",
        "fall in points",
        "x_i,t-1 - x_it >= points",
        scale="points",
        keep=("points",),
        min_sessions=2,
        unit="points of the scale",
        source="No published cut-off; give points= for the scale at hand",
        note="One point means something else on a 1-5 mean than on a 12-60 sum.",
    ),
    _variant(
        "drop_running_mean",
        "Fall below the mean of the sessions before",
        "fall below recent sessions",
        "mean(x_i,t-n .. x_i,t-1) - x_it >= k * s_i, n = n_reference",
        reference="running_mean",
        k=1.5,
        repair_level=0.6,
        keep=("k", "n_reference"),
        min_sessions=4,
        unit="within-client SD",
        source="A smoother form of the fall from the session before; no published default",
        note="",
    ),
    _variant(
        "drop_trend",
        "Fall below the client's own trend",
        "fall below own trend",
        "a_i + b_i t - x_it >= k * residual SD_i",
        reference="trend",
        scale="residual_sd",
        repair_level=0.8,
        keep=("k",),
        min_sessions=5,
        least_sessions=3,
        unit="SD about the client's own trend",
        source="Eubanks-Carter, Gorman & Muran 2012, doi 10.1080/10503307.2012.693772 (the idea)",
        note="The trend is fitted to all sessions, ruptures included. With fewer than six "
        "sessions a client's own trend is mostly noise.",
    ),
)
