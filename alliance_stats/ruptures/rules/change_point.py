"""Exact least-squares search for shifts of level.

For client i with n sessions and m = 0 .. `max_changes` changes, the sessions are cut into m + 1
stretches of at least `min_length` sessions so that RSS_m, the sum of squares about the means of
the stretches, is the least possible over all ways to cut (a dynamic programme over all of them,
so the search is exact). The number of changes is the m that minimises

    n log(RSS_m / n) + penalty * m * log(n)

(penalty 2 counts, for each change, its place and its level, as BIC does; in courses of a dozen
sessions that lets too many false changes through, hence 2.5). The first session of
a stretch is flagged where the stretch's mean lies at least k within-client SDs below the mean
of the stretch before. Episodes follow the means of the stretches, so a repair is a shift back.
A change at a gap of more than `max_gap` sessions cannot be dated and is not flagged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..courses import Booleans, Courses, Floats, Integers, by_length, matrix
from ..reference_and_unit import within_sd
from .base import Flags, Rule, below, divide

EXACT_FIT = 1e-12
"""Share of the total sum of squares below which a remaining sum of squares is rounding."""
BLOCK = 4096
"""Clients searched at once; keeps the tables in the processor's cache."""


def best_cuts(x: Floats, max_changes: int, min_length: int) -> tuple[Floats, list[npt.NDArray]]:
    """Return the explained sum of squares for each number of changes, and the cuts.

    `x` has a row a session and a column a client, and columns have mean zero. The first result
    has a row for 0, 1, .. changes; ``cuts[m]`` holds, a row each, the m first sessions of new
    stretches (0-based), rising.
    """
    length, n = x.shape
    total = np.zeros((length + 1, n))
    np.cumsum(x, axis=0, out=total[1:])
    ends = np.arange(1, length + 1)
    explained = np.full((length + 1, n), -np.inf)
    explained[1:] = np.square(total[1:]) / ends[:, None]
    explained[:min_length] = -np.inf
    scores, arguments = [explained[length]], []
    for changes in range(1, max_changes + 1):
        last = range(length, length + 1) if changes == max_changes else range(1, length + 1)
        following = np.full((length + 1, n), -np.inf)
        cut = np.zeros((length + 1, n), dtype=np.int32)
        for end in last:
            first, stop = changes * min_length, end - min_length + 1
            if stop <= first:
                continue
            gain = np.square(total[end] - total[first:stop])
            gain /= (end - np.arange(first, stop))[:, None]
            gain += explained[first:stop]
            where = gain.argmax(axis=0)
            cut[end] = where + first
            following[end] = np.take_along_axis(gain, where[None], axis=0)[0]
        explained = following
        scores.append(explained[length])
        arguments.append(cut)
    return np.array(scores), [_trace(arguments, m, length) for m in range(max_changes + 1)]


def _trace(arguments: list[npt.NDArray], changes: int, length: int) -> npt.NDArray:
    """Return the cuts of the best division with so many changes, a row each, rising."""
    n = arguments[0].shape[1]
    end = np.full(n, length)
    found = np.zeros((changes, n), dtype=np.int64)
    for change in range(changes, 0, -1):
        end = np.take_along_axis(arguments[change - 1], end[None], axis=0)[0]
        found[change - 1] = end
    return found


def choose(explained: Floats, squares: Floats, length: int, penalty: float) -> Integers:
    """Return the number of changes with the least penalised misfit; ties take the fewer."""
    rest = np.maximum(squares - explained, EXACT_FIT * squares)
    changes = np.arange(explained.shape[0])[:, None]
    with np.errstate(divide="ignore"):
        misfit = length * np.log(rest / length) + penalty * changes * np.log(length)
    return np.where(squares > 0, misfit.argmin(axis=0), 0)


def find_starts(courses: Courses, p: Mapping[str, Any]) -> Booleans:
    """Return the sessions with which a new stretch begins, the first session aside."""
    starts = np.zeros(courses.session.size, dtype=bool)
    for length, everybody in by_length(courses):
        most = min(p["max_changes"], length // p["min_length"] - 1)
        if most < 1:
            continue
        for block in range(0, everybody.size, BLOCK):
            clients = everybody[block : block + BLOCK]
            x = matrix(courses.centred, courses, clients, length)
            explained, cuts = best_cuts(x, most, p["min_length"])
            squares = courses.squares[clients]
            squares = np.where(squares > courses.noise**2, squares, 0.0)
            chosen = choose(explained, squares, length, p["penalty"])
            for changes in range(1, most + 1):
                these = np.flatnonzero(chosen == changes)
                rows = courses.start[clients[these]][None, :] + cuts[changes][:, these]
                starts[rows.ravel()] = True
    return starts


def flag_shifts(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag the first session after each downward shift of level (see the module)."""
    starts = find_starts(courses, p)
    first = np.flatnonzero(starts | (courses.position == 0))
    sizes = np.diff(first, append=courses.session.size)
    means = np.add.reduceat(courses.value, first) / sizes
    track = np.repeat(means, sizes)
    level = np.empty_like(track)
    level[0], level[1:] = track[0], track[:-1]
    level = np.where(starts, level, track)
    unit = courses.spread(within_sd(courses, p))
    judged = courses.linked(p["max_gap"])
    with np.errstate(invalid="ignore"):
        fall = level - track
        flag = starts & judged & (fall > courses.noise)
        flag &= below(level, track, p["k"] * unit, -1.0)
        distance = np.where(judged, divide(fall, unit, courses.noise), np.nan)
    flat = courses.squares <= courses.noise**2
    return Flags(flag, distance, judged, level, level - p["k"] * unit, track=track, no_unit=flat)


RULES = (
    Rule(
        name="change_point",
        title="Downward shift of level, by exact least-squares search",
        short="change point",
        definition="cuts minimise n log(RSS_m/n) + penalty m log n; flag: mean falls >= k s_i",
        function=flag_shifts,
        own={
            "k": 0.5,
            "max_changes": 2,
            "min_length": 2,
            "penalty": 2.5,
            "min_sessions": 6,
        },
        unit="within-client SD",
        least_sessions=2,
        source="Least-squares segmentation; for alliance: Eubanks-Carter, Gorman & Muran 2012, "
        "doi 10.1080/10503307.2012.693772",
        verified=True,
        note="Finds lasting shifts, not dips of one session (min_length=1 allows these). "
        "Verified against a search through all divisions; the paper's settings were not read.",
    ),
)
