"""From courses to blocks of clients that go through their sessions together, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..courses import Booleans, Courses, Integers
from .passes import Block

CLIENTS = 128
"""Clients passed through at once: their tables then stay in the processor's cache."""
PILED, TIES = 0.02, 5
"""Share, and number, of scores exactly at the highest (or lowest) score from which it is an end of
the scale, where the scale's range is not known."""


@dataclass(frozen=True)
class Unit:
    """How scores and session numbers are standardised: (value - centre) / sd."""

    centre: float
    sd: float
    middle: float
    spread: float


def unit_of(courses: Courses, rows: Booleans) -> Unit:
    """Return the mean of the scores, their pooled within-client SD, mean and SD of sessions."""
    keep = np.add.reduceat(rows, courses.start) > 0
    freedom = float((courses.length[keep] - 1).sum())
    session = courses.session[rows].astype(float)
    spread = float(session.std())
    return Unit(
        float(courses.value[rows].mean()),
        float(np.sqrt(courses.squares[keep].sum() / freedom)),
        float(session.mean()),
        spread if spread > 0 else 1.0,
    )


def ends(courses: Courses, limits: tuple[float, float] | None) -> Integers:
    """Return 1 where a score is the best there can be, -1 where it is the worst, else 0."""
    x, slack = courses.value, courses.noise
    if limits is not None:
        low, high = sorted(courses.sign * limit for limit in limits)
        return (x >= high - slack).astype(np.int64) - (x <= low + slack)
    top, bottom = x >= x.max() - slack, x <= x.min() + slack
    return top.astype(np.int64) * _piled(top) - bottom * _piled(bottom)


def _piled(there: Booleans) -> bool:
    return bool(there.mean() >= PILED and there.sum() >= TIES)


def blocks(
    courses: Courses, clients: Integers, unit: Unit, end: Integers
) -> Iterator[tuple[Block, Integers, Booleans]]:
    """Yield blocks of clients, each with the rows of its cells and which cells are sessions."""
    order = clients[np.argsort(-courses.length[clients], kind="stable")]
    gap = np.diff(courses.session, prepend=courses.session[0])
    gap[courses.start] = 1
    inside = np.isin(courses.client, clients)
    later = inside & (courses.position > 0)
    gaps = np.unique(gap[later])
    place = np.searchsorted(gaps, np.where(later, gap, gaps[0]))
    score = (courses.mean[courses.client] - unit.centre + courses.centred) / unit.sd
    time = (courses.session.astype(float) - unit.middle) / unit.spread
    for first in range(0, order.size, CLIENTS):
        some = order[first : first + CLIENTS]
        step = np.arange(int(courses.length[some[0]]))[:, None]
        there = step < courses.length[some]
        rows = np.where(there, courses.start[some] + step, courses.start[some])
        active = there.sum(axis=1)
        block = Block(score[rows], time[rows], place[rows], end[rows], active, gaps)
        yield block, rows, there
