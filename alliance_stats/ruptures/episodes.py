"""From flagged sessions to episodes: rupture, nadir, repair, depth, length, outcome.

An episode opens at a flagged session and is followed through the sessions after it, as long as
no gap of more than ``max_gap`` session numbers breaks the run and, with a window, no further
than ``repair_window`` session numbers. With pre-level P (the reference at the rupture) and the
lowest level so far L_t, it is repaired at the first session with

    x_t >= L_t + repair_level * (P - L_t)

(``repair_level`` 0.5: half the fall regained; 1: back at the pre-level), or, with
``repair_level="threshold"``, at the first session back above the level at which a session is
flagged. Flagged sessions within an open episode belong to it. Not repaired, it is *censored*
where fewer sessions than the window (without a window: `FOLLOWED`) were observed after the
rupture in its run, else *unrepaired*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .courses import Booleans, Courses, Floats, Integers
from .rules.base import ROUNDING, Flags

OUTCOMES = ("repaired", "unrepaired", "censored")
FOLLOWED = 3
"""Sessions without a repair that it takes, where there is no window, to call a rupture unrepaired.

After one session a fifth of the ruptures that will be repaired are called so, after three 3 %; the
price is that most of those never repaired stay open (docs/rupture-rules.md).
"""


@dataclass(frozen=True)
class Episodes:
    """Episodes as positions in the courses, sorted; ``repair`` is -1 where there was none."""

    rupture: Integers
    nadir: Integers
    repair: Integers
    last: Integers
    outcome: Integers
    depth: Floats


@dataclass
class _Open:
    """Episodes being followed, one a client."""

    rupture: Integers
    now: Integers
    nadir: Integers
    pre: Floats
    low: Floats
    stop: Integers
    followed: Integers

    def keep(self, mask: Booleans) -> _Open:
        return _Open(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


def follow(courses: Courses, flags: Flags, p: Mapping[str, Any]) -> Episodes:
    """Return all episodes of all clients (the definition is the module's).

    All clients with a flagged session are walked at once, each by one session a step, so the
    loop has as many steps as the longest sum of episodes of one client.
    """
    track = courses.value if flags.track is None else flags.track
    flagged = np.flatnonzero(flags.flag)
    if flagged.size == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return Episodes(nothing, nothing, nothing, nothing, nothing, np.zeros(0))
    walker = _Walker(courses, flags, track, flagged, p)
    closed = []
    current = walker.open(walker.first_of_clients())
    while current.rupture.size:
        done, repaired, current = walker.step(current)
        if done.rupture.size:
            closed.append((done, repaired))
            again = walker.next_flag(done, repaired)
            current = _join(current, walker.open(again))
    return walker.collect(closed)


def _join(one: _Open, other: _Open) -> _Open:
    if not other.rupture.size:
        return one
    return _Open(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in one.__dataclass_fields__
        )
    )


class _Walker:
    """The arrays a walk needs, and its single steps."""

    def __init__(
        self,
        courses: Courses,
        flags: Flags,
        track: Floats,
        flagged: Integers,
        p: Mapping[str, Any],
    ) -> None:
        self.courses, self.flags, self.track, self.flagged = courses, flags, track, flagged
        self.level, self.window = p["repair_level"], p["repair_window"]
        self.slack = courses.noise
        linked = courses.linked(p["max_gap"])
        breaks = np.flatnonzero(~linked)
        self.run = np.cumsum(~linked) - 1
        self.run_stop = np.append(breaks[1:], linked.size)
        self.client_stop = np.append(courses.start[1:], linked.size)
        self.flag_client = courses.client[flagged]

    def first_of_clients(self) -> Integers:
        """Return each client's first flagged session."""
        new = np.ones(self.flagged.size, dtype=bool)
        new[1:] = self.flag_client[1:] != self.flag_client[:-1]
        return self.flagged[new]

    def next_flag(self, done: _Open, repaired: Integers) -> Integers:
        """Return the first flagged session after each closed episode, where there is one."""
        later = np.searchsorted(self.flagged, done.now + (repaired >= 0))
        exists = later < self.flagged.size
        rows = self.flagged[later[exists]]
        return rows[rows < self.client_stop[self.courses.client[done.rupture[exists]]]]

    def open(self, rows: Integers) -> _Open:
        """Begin an episode at each of the rows."""
        return _Open(
            rows,
            rows if self.flags.repair is None else rows - 1,
            rows,
            self.flags.reference[rows],
            self.track[rows],
            self.run_stop[self.run[rows]],
            np.zeros(rows.size, dtype=np.int64),
        )

    def step(self, state: _Open) -> tuple[_Open, Integers, _Open]:
        """Move every open episode by one session; return those that closed, and the rest.

        The second result is, for each that closed, where it was repaired, or -1.
        """
        now = state.now + 1
        over = now >= state.stop
        inside = np.where(over, state.rupture, now)
        if self.window is not None:
            late = self.courses.session[inside] - self.courses.session[state.rupture] > self.window
            over |= late
        value = self.track[inside]
        deeper = ~over & (value < state.low)
        state.low = np.where(deeper, value, state.low)
        state.nadir = np.where(deeper, inside, state.nadir)
        state.followed = state.followed + (~over & (now > state.rupture))
        state.now = now
        repaired = ~over & self._is_repaired(state, inside, value)
        closed = over | repaired
        where = np.where(repaired, inside, -1)[closed]
        return state.keep(closed), where, state.keep(~closed)

    def _is_repaired(self, state: _Open, rows: Integers, value: Floats) -> Booleans:
        if self.flags.repair is not None:
            return self.flags.repair[rows]
        if self.level == "threshold":
            if self.flags.moving_threshold:
                return self.flags.judged[rows] & ~self.flags.flag[rows]
            threshold = self.flags.threshold[state.rupture]
            return value > threshold + self.slack
        fall = state.pre - state.low
        return value - state.low >= self.level * fall * (1 - ROUNDING) - self.slack

    def collect(self, closed: list[tuple[_Open, Integers]]) -> Episodes:
        """Return the closed episodes as one sorted table of arrays."""
        done = closed[0][0]
        for state, _ in closed[1:]:
            done = _join(done, state)
        repair = np.concatenate([where for _, where in closed])
        wanted = FOLLOWED if self.window is None else self.window
        outcome = np.where(repair >= 0, 0, np.where(done.followed < wanted, 2, 1))
        last = np.where(repair >= 0, repair, np.maximum(done.now - 1, done.rupture))
        order = np.argsort(done.rupture, kind="stable")
        return Episodes(
            done.rupture[order],
            done.nadir[order],
            repair[order],
            last[order],
            outcome[order].astype(np.int64),
            (done.pre - done.low)[order],
        )
