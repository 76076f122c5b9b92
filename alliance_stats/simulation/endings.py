"""How and when each therapy ends: several ways compete after every session that took place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .course import Course, Floats, Ints, People, Streams
from .parameters import Parameters

REASONS = ("completed", "dropout", "transferred", "administrative", "mutual", "ongoing")


@dataclass(frozen=True)
class Endings:
    """For each client, the last session that took place and why it was the last."""

    last_session: Ints
    reason: Ints


def draw_endings(p: Parameters, people: People, course: Course, stream: Streams) -> Endings:
    """End each therapy by dropout, transfer, administration, agreement or as planned.

    The probability of dropout after an attended session is logistic in that session's
    alliance (within), the client's level (between) and the therapist; the other ways keep
    their constant probability of what dropout leaves. Nobody leaves after a missed session.
    """
    rng = stream("endings")
    n, last = course.attended.shape
    ways = _probabilities(p, people, course)
    drawn = rng.random((n, last))
    edges = np.cumsum(ways, axis=0)
    way = (drawn[None] >= edges).sum(axis=0)  # 0 dropout ... 3 mutual, 4 goes on
    position = np.arange(last)
    within_plan = position < people.planned[:, None]
    ends = (way < len(ways)) & course.attended & within_plan
    ended = ends.any(axis=1)
    first = np.where(ended, ends.argmax(axis=1), people.planned - 1)
    reason = np.where(ended, way[np.arange(n), first] + 1, 0)
    first, reason = _still_going(p, first, reason, rng)
    return Endings(_last_attended(course, first), reason)


def _probabilities(p: Parameters, people: People, course: Course) -> Floats:
    """Return ways × clients × sessions: the probability of each way to end."""
    shift = p.dropout_between_effect * people.alliance_level
    shift = shift + people.therapist_dropout[people.therapist_of_client]
    dropout = _shifted(p.dropout_hazard, shift[:, None] + p.dropout_within_effect * course.within)
    others = (p.transfer_hazard, p.administrative_hazard, p.mutual_hazard)
    room = (1.0 - dropout) / max(1.0 - p.dropout_hazard, np.finfo(float).tiny)
    return np.stack([dropout, *(other * room for other in others)])


def _shifted(probability: float, log_odds: Floats) -> Floats:
    """Return the probability moved by `log_odds`; 0 and 1 stay what they are."""
    if probability in (0.0, 1.0):
        return np.full(log_odds.shape, probability)
    base = np.log(probability / (1.0 - probability))
    return np.asarray(1.0 / (1.0 + np.exp(-(base + log_odds))))


def _still_going(
    p: Parameters, last: Ints, reason: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Cut the course of some clients at a random session: the data end before the therapy."""
    ongoing = rng.random(len(last)) < p.ongoing_share
    cut = np.floor(rng.random(len(last)) * (last + 1)).astype(np.int64)
    code = REASONS.index("ongoing")
    return np.where(ongoing, cut, last), np.where(ongoing, code, reason)


def _last_attended(course: Course, last: Ints) -> Ints:
    """Return the number (from 1) of the last session that took place up to column `last`."""
    position = np.arange(course.attended.shape[1])
    seen = np.where(course.attended & (position <= last[:, None]), position, 0)
    return seen.max(axis=1) + 1
