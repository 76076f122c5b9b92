"""Where the truth is known: ruptures planted into courses, and what a rule makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..courses import Booleans, Courses, Floats, Integers
from ..detection import apply
from ..episodes import Episodes
from ..rules import Flags, Rule

FIRST = 3
"""Observed sessions before a planted rupture at least: a fall needs something to fall from."""

CANDIDATES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("drop_within_sd, k=1", "drop_within_sd", {"k": 1.0}),
    ("drop_within_sd, k=2", "drop_within_sd", {"k": 2.0}),
    ("drop_pooled_sd, k=1", "drop_pooled_sd", {"k": 1.0}),
    ("drop_pooled_sd, k=2", "drop_pooled_sd", {"k": 2.0}),
    ("drop_sample_sd, k=1", "drop_sample_sd", {"k": 1.0}),
    ("drop_sample_sd, k=1.5", "drop_sample_sd", {"k": 1.5}),
    ("drop_stricter_sd, k=1", "drop_stricter_sd", {"k": 1.0}),
    ("drop_stricter_sd, k=2", "drop_stricter_sd", {"k": 2.0}),
    ("drop_reliable_change", "drop_reliable_change", {}),
    ("drop_running_mean, k=1", "drop_running_mean", {"k": 1.0}),
    ("drop_running_mean, k=1.5", "drop_running_mean", {"k": 1.5}),
    ("drop_trend, k=2", "drop_trend", {"k": 2.0}),
    ("drop_trend, k=1.5", "drop_trend", {"k": 1.5}),
    ("control_chart", "control_chart", {}),
    ("control_chart, detrended", "control_chart", {"detrend": True}),
    ("control_chart, k=2", "control_chart", {"k": 2.0}),
    ("ewma", "ewma", {}),
    ("cusum", "cusum", {}),
    ("change_point", "change_point", {}),
    ("sudden_loss, percent=1", "sudden_loss", {"percent": 1.0}),
)
"""The rules that tables of error rates compare: label, rule, parameters that differ."""


@dataclass(frozen=True)
class Planted:
    """Courses with planted ruptures: at most one a client.

    Attributes
    ----------
    courses
        The scores.
    begins
        The first session of each rupture, as a position in the courses.
    inside
        The number of the rupture each session belongs to, -1 outside.
    repair
        The first session after each rupture, -1 where it lasts to the end.
    """

    courses: Courses
    begins: Integers
    inside: Integers
    repair: Integers


def plant(
    courses: Courses,
    *,
    depth: float,
    duration: int,
    base_rate: float,
    rng: np.random.Generator,
    repaired: float = 1.0,
) -> Planted:
    """Lower the scores of a share of clients by `depth` for `duration` observed sessions.

    A rupture begins in a random session after the third, early enough that a session follows it
    where the course is long enough; 1 - `repaired` of them last to the end. Clients with fewer
    than four sessions have none.
    """
    last = np.maximum(courses.length - duration - 1, FIRST)
    can = courses.length > FIRST
    has = np.flatnonzero(can & (rng.random(can.size) < base_rate))
    offset = FIRST + np.floor(rng.random(has.size) * (last[has] - FIRST + 1)).astype(np.int64)
    begins = courses.start[has] + offset
    stop = courses.start[has] + courses.length[has]
    ends = np.where(rng.random(has.size) < repaired, np.minimum(begins + duration, stop), stop)
    mark = np.zeros(courses.value.size + 1, dtype=np.int64)
    mark[begins] += np.arange(1, has.size + 1)
    np.subtract.at(mark, ends, np.arange(1, has.size + 1))
    inside = np.cumsum(mark[:-1]) - 1
    fallen = replace(courses, value=courses.value - depth * (inside >= 0))
    return Planted(fallen, begins, inside, np.where(ends < stop, ends, -1))


def error_rates(planted: Planted, rule: Rule, p: Mapping[str, Any]) -> dict[str, float]:
    """Return how a rule does: shares, with how many cases each is of (``n_...``).

    ``sensitivity``: planted ruptures of which a session is flagged. ``ppv``: episodes that begin
    within a planted rupture. ``false_alarms``: clients without a rupture who get an episode.
    ``flagged_outside``: flagged sessions among judged ones outside ruptures. ``delay``: sessions
    from the rupture's first to the first that is flagged, among those found.
    """
    flags, episodes = apply(planted.courses, rule, p)
    return {
        **_found(planted, flags),
        **_alarms(planted, flags, episodes),
        "judged": float(np.mean(planted.courses.sums(flags.judged.astype(int)) > 0)),
    }


def _found(planted: Planted, flags: Flags) -> dict[str, float]:
    n = planted.begins.size
    rows = np.flatnonzero(flags.flag & (planted.inside >= 0))
    which, first = np.unique(planted.inside[rows], return_index=True)
    delay = rows[first] - planted.begins[which]
    return {
        "sensitivity": which.size / n if n else np.nan,
        "n_planted": n,
        "delay": float(delay.mean()) if which.size else np.nan,
    }


def _alarms(planted: Planted, flags: Flags, episodes: Episodes) -> dict[str, float]:
    courses = planted.courses
    true: Booleans = planted.inside[episodes.rupture] >= 0
    clear = np.ones(courses.start.size, dtype=bool)
    clear[courses.client[planted.begins]] = False
    alarmed = np.zeros_like(clear)
    alarmed[courses.client[episodes.rupture]] = True
    outside = flags.judged & (planted.inside < 0)
    return {
        "ppv": float(true.mean()) if true.size else np.nan,
        "n_episodes": true.size,
        "false_alarms": float(alarmed[clear].mean()) if clear.any() else np.nan,
        "n_clear": int(clear.sum()),
        "flagged_outside": float(flags.flag[outside].mean()) if outside.any() else np.nan,
    }


def repairs_dated(planted: Planted, rule: Rule, p: Mapping[str, Any]) -> dict[str, float]:
    """Return what becomes of planted ruptures that are found, by their first episode.

    ``right``: dated at the session of the true repair, among the repaired; ``called_repaired``:
    among those that last to the end.
    """
    _, episodes = apply(planted.courses, rule, p)
    which = planted.inside[episodes.rupture]
    found = np.flatnonzero(which >= 0)
    number, first = np.unique(which[found], return_index=True)
    dated, true = episodes.repair[found[first]], planted.repair[number]
    return {
        "right": _mean(dated[true >= 0] == true[true >= 0]),
        "called_repaired": _mean(dated[true < 0] >= 0),
        "n_found": number.size,
    }


def _mean(values: Floats | Booleans) -> float:
    return float(values.mean()) if values.size else np.nan
