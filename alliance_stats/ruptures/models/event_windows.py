"""Windows around ruptures, and around pseudo-events of the same clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """One client: sessions with the series, ruptures, and sessions outside any episode.

    `alliance` is the score at the session that acts on this one's value, where it is held constant.
    """

    session: Integers
    value: Floats
    ruptures: Integers
    free: Integers
    alliance: Floats | None = None

    def around(
        self, event: int, before: int, after: int, lag: int, *, clear: bool = False
    ) -> dict[str, Any]:
        """Return clock, values (and alliance) of a window cut at the ruptures beside it.

        The clock is zero at `lag` sessions after the event. The window ends before the next
        rupture can act (censoring), and begins after the rupture before has begun to act. With
        `clear` (pseudo-events) it keeps out of the windows of both: what runs up to a rupture,
        or away from it, is what pseudo-events are there to do without.
        """
        zero = event + lag
        ramp, course = (before, after + 1) if clear else (0, 0)
        earlier = self.ruptures[self.ruptures < event]
        later = self.ruptures[self.ruptures > event]
        first = max(zero - before, earlier[-1] + lag + course if earlier.size else -(2**40))
        last = min(zero + after, later[0] + lag - ramp - 1 if later.size else 2**40)
        inside = (self.session >= first) & (self.session <= last)
        found = {"clock": self.session[inside] - zero, "value": self.value[inside]}
        return found if self.alliance is None else {**found, "alliance": self.alliance[inside]}


def usable(clock: Integers, least: int) -> bool:
    """Return whether there are enough sessions on both sides."""
    return bool((clock < 0).sum() >= least and (clock >= 0).sum() >= least)


def level_before(course: Course, event: int, lag: int) -> float:
    """Return the last value before the clock's zero; missing where not observed."""
    hit = np.flatnonzero(course.session == event + lag - 1)
    return float(course.value[hit[0]]) if hit.size else np.nan


def choose_pseudo(
    course: Course,
    real: list[int],
    able: list[int],
    *,
    lag: int,
    matched: bool,
    rng: np.random.Generator,
) -> list[int]:
    """Return as many pseudo-events as there are real ones, or as many as there can be.

    At random, or the sessions whose level before is nearest to that of the real event.
    """
    left = list(able)
    chosen: list[int] = []
    for event in real:
        if not left:
            break
        if matched:
            wanted = level_before(course, event, lag)
            away = np.array([abs(level_before(course, s, lag) - wanted) for s in left])
            pick = int(np.nanargmin(away)) if np.isfinite(away).any() else 0
        else:
            pick = int(rng.integers(len(left)))
        chosen.append(left.pop(pick))
    return chosen


def windows(
    courses: dict[object, Course],
    *,
    before: int,
    after: int,
    least: int,
    lag: int,
    matched: bool,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return one row an event and session: ``client_id, event, kind, clock, value``.

    With the alliance held constant, ``alliance`` too.

    Also how many events there were, were used, and had no pseudo-event.
    """
    parts: list[pd.DataFrame] = []
    counts = {"ruptures": 0, "used": 0, "pseudo": 0}
    number = 0
    for client, course in courses.items():
        real = [int(s) for s in course.ruptures]
        cut = {s: course.around(s, before, after, lag) for s in real}
        cut |= {s: course.around(s, before, after, lag, clear=True) for s in map(int, course.free)}
        good = [s for s in real if usable(cut[s]["clock"], least)]
        able = [int(s) for s in course.free if usable(cut[int(s)]["clock"], least)]
        pseudo = choose_pseudo(course, good, able, lag=lag, matched=matched, rng=rng)
        counts["ruptures"] += len(real)
        counts["used"] += len(good)
        counts["pseudo"] += len(pseudo)
        for kind, events in (("rupture", good), ("pseudo", pseudo)):
            for event in events:
                parts.append(
                    pd.DataFrame(
                        {
                            "client_id": client,
                            "event": number,
                            "event_session": event,
                            "kind": kind,
                            **cut[event],
                        }
                    )
                )
                number += 1
    empty = ["client_id", "event", "event_session", "kind", "clock", "value"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=empty)
    return table, counts
