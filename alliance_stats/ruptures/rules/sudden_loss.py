"""Sudden losses: the criteria of sudden gains, turned round and made to bind.

Between session n and the next, t, a loss is flagged at t where all three hold (scores turned so
that higher is better, x the score in its own units):

1. fall = x_n - x_t >= `points` (default: 1.96 standard errors of a difference)
2. fall >= percent / 100 * (|x_n|, or the width of `range` where `percent_of` is ``"range"``)
3. mean(before) - mean(after) > t_crit(n1 + n2 - 2) * SD_pooled * c

over the sessions numbered n-2 .. n and t .. t+2, at least two observed on each side. With
`stability` ``"heuristic"`` c = 1, as the criterion is used in the literature: a bare pooled SD,
so it is no t test. With ``"t"`` c = sqrt(1/n1 + 1/n2): the t test of two means. ``"none"`` drops
it. The critical value follows the observed sessions: 2.776 for 3 + 3, 3.182 for 3 + 2, 4.303
for 2 + 2 at alpha .05 (Lutz et al. 2013).

The R package suddengains writes criterion 2 for losses so that it holds for every loss; here
30, 30, 30, 33, 33, 33 on a scale where lower is better is a loss of 10 %, not of 25 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import DesignError
from ..courses import Booleans, Courses, Floats, Integers
from ..reference_and_unit import previous, reliable_change, retest_reliability
from .base import ROUNDING, Flags, Rule, below

WIDTH = 3
"""Sessions looked at on each side."""
LEAST = 2
"""Sessions that must be observed on each side."""


def flag_losses(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions that meet the criteria of a sudden loss (see the module)."""
    before = previous(courses, courses.linked(p["max_gap"]), 1)
    points = (
        courses.spread(p["k"] * reliable_change(courses, p))
        if p["points"] is None
        else np.full(1, float(p["points"]))
    )
    share = p["percent"] / 100 * _base(courses, before, p)
    fall = before - courses.value
    judged = ~np.isnan(before)
    if p["stability"] != "none":
        judged &= _enough_around(courses)
    with np.errstate(invalid="ignore"):
        flag = judged & below(before, courses.value, points, courses.noise)
        flag &= fall >= share * (1 - ROUNDING)  # holds where the score before was zero
    if p["stability"] != "none":
        rows = np.flatnonzero(flag)
        flag[rows] = stable(courses, rows, p)
    distance = np.where(judged, fall, np.nan)
    return Flags(
        flag,
        distance,
        judged,
        before,
        before - np.maximum(points, share),
        notes=_notes(courses, p),
    )


def _base(courses: Courses, before: Floats, p: Mapping[str, Any]) -> Floats:
    if p["percent_of"] == "range":
        return np.full(1, float(p["range"][1] - p["range"][0]))
    score = courses.sign * courses.value
    if p["percent"] > 0 and score.min() < 0:
        raise DesignError(
            "percent_of='score' needs scores that are zero or more; the lowest here is "
            f"{score.min():g}. Use percent_of='range' with range=(lowest, highest)."
        )
    return np.abs(before)


def neighbours(courses: Courses, rows: Integers, offsets: range) -> tuple[Floats, Booleans]:
    """Return values and presence of the sessions numbered session + offset, for each row.

    `rows` are positions of sessions; at most as many rows before or after can hold a session
    that few numbers away, so only those are looked at.
    """
    target = courses.session[rows][:, None] + np.arange(offsets.start, offsets.stop)
    near = rows[:, None] + np.arange(-len(offsets), len(offsets) + 1)
    inside = np.clip(near, 0, courses.session.size - 1)
    same = (near == inside) & (courses.client[inside] == courses.client[rows][:, None])
    hit = same[:, None, :] & (courses.session[inside][:, None, :] == target[:, :, None])
    at = np.take_along_axis(inside, hit.argmax(axis=2), axis=1)
    return courses.value[at], hit.any(axis=2)


def stable(courses: Courses, rows: Integers, p: Mapping[str, Any]) -> Booleans:
    """Return which of the falls at `rows` meet the criterion of stability."""
    from scipy.stats import t as student

    pre, has_pre = neighbours(courses, rows - 1, range(1 - WIDTH, 1))
    post, has_post = neighbours(courses, rows, range(WIDTH))
    n_pre, n_post = has_pre.sum(axis=1), has_post.sum(axis=1)
    mean_pre, squares_pre = _moments(pre, has_pre)
    mean_post, squares_post = _moments(post, has_post)
    freedom = n_pre + n_post - 2
    critical = student.ppf(1 - p["alpha"] / 2, freedom)
    spread = np.sqrt((squares_pre + squares_post) / freedom)
    if p["stability"] == "t":
        spread = spread * np.sqrt(1 / n_pre + 1 / n_post)
    return (mean_pre - mean_post) > critical * spread + courses.noise


def _moments(values: Floats, present: Booleans) -> tuple[Floats, Floats]:
    count = present.sum(axis=1)
    mean = np.where(present, values, 0.0).sum(axis=1) / count
    squares = np.where(present, np.square(values - mean[:, None]), 0.0).sum(axis=1)
    return mean, squares


def _enough_around(courses: Courses) -> Booleans:
    """Return where two of the three sessions before the fall, and after it, are observed."""
    session, n = courses.session, courses.session.size
    same_back = np.zeros(n, dtype=bool)
    same_ahead = np.zeros(n, dtype=bool)
    two_back = courses.position[2:] >= 2
    same_back[2:] = two_back & (session[1:-1] - session[:-2] < WIDTH)
    next_same = courses.position[1:] >= 1
    same_ahead[:-1] = next_same & (session[1:] - session[:-1] < WIDTH)
    return same_back & same_ahead


def _notes(courses: Courses, p: Mapping[str, Any]) -> tuple[str, ...]:
    if p["points"] is not None or p["reliability"] is not None or courses.replicates > 1:
        return ()
    r = float(retest_reliability(courses)[0])
    return (
        f"Neither points nor a reliability was given: a loss must be {p['k']} standard errors of "
        f"a difference, with the correlation of scores one session apart, {r:.3f}, as reliability.",
    )


RULES = (
    Rule(
        name="sudden_loss",
        title="Sudden loss: size, share and stability",
        short="sudden loss",
        definition="fall >= points; fall >= percent % of score or range; stable before and after",
        function=flag_losses,
        own={
            "points": None,
            "k": 1.96,
            "percent": 25.0,
            "percent_of": "score",
            "stability": "heuristic",
            "alpha": 0.05,
            "reliability": None,
            "sd": None,
            "min_sessions": 4,
        },
        unit="points of the scale",
        least_sessions=4,
        source="Lutz et al. 2013, doi 10.1080/10503307.2012.693837; mechanics as in R suddengains "
        "at e964e74 (code read), its criterion 2 for losses corrected",
        verified=True,
        note="Percent of score depends on where the scale starts: a 1-5 mean and a 12-60 sum "
        "give different losses. A repair is the regaining of half the loss (repair_level).",
    ),
)
