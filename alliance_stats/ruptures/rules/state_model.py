"""A rupture as a hidden state, with a probability in every session.

Every client has a level and a trend of their own and drifts about them from session to session,
one client more than another; a rupture opens and closes unseen, and while it is open scores are
expected to be lower (`states.model` has the formulas). Levels, trends, SDs, drift, depth, opening
and closing are estimated from all clients together; each session's probability rests on all
sessions of its client, those before and those after. A session is flagged where the probability is
at least `threshold`; ``distance`` is its log odds. Depth, opening, closing and phi can be given,
from a larger study say; None: they are estimated, and the estimates stand in ``.parameters``.

The first observed session of a client is not judged. Missing sessions are passed through by the
powers of the chain of states and of the autocorrelation. Scores at an end of the scale (`range`;
where it is not known, a highest or lowest score that one in fifty scores or more has) count as
lying there or beyond; where more than `MANY_AT_ENDS` of them do, one SD holds for all clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..courses import Courses, Floats, Integers
from ..states import shrinking
from ..states.blocks import Unit, blocks, ends, unit_of
from ..states.estimation import (
    LOG_ODDS,
    NOTHING,
    Fit,
    by_opening,
    fit,
    shifted,
    smooth_at,
)
from ..states.expectations import any_rupture, errors_of
from ..states.model import ALIKE, VARIATION
from ..states.notes import MANY_AT_ENDS, Told, notes
from .base import Flags, Rule

CLIENTS_TO_FIT = 2000
"""So many clients, evenly spread over all, are enough to estimate what is common to all."""
MOST_COMPARED = 500
"""Clients up to which the model without ruptures is fitted too; with more, intervals tell."""
SURE = 1e-12
GIVEN = ("depth", "opening", "closing", "phi", "skew")


@dataclass
class _Found:
    """What is found, a value a session."""

    inside: Floats
    begins: Floats
    ends: Floats
    level: Floats
    any: Floats
    opening: Floats | None = None


def flag_states(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Flag sessions that are in a rupture with a probability of `threshold` or more."""
    n = courses.session.size
    able = courses.length >= max(p["min_sessions"], 2)
    judged = courses.spread(able).astype(bool) & (courses.position > 0)
    inside, begins, ends, level = (np.where(judged, 0.0, np.nan) for _ in range(4))
    found = _Found(inside, begins, ends, level, any=np.where(able, 0.0, np.nan))
    said: list[str] = []
    estimates: dict[str, Any] = {}
    each = courses.start.size // courses.replicates
    for sample in range(courses.replicates):
        clients = np.flatnonzero(able[sample * each : (sample + 1) * each]) + sample * each
        estimates, said = _one_sample(courses, clients, p, found)
    probability = np.clip(found.inside, SURE, 1 - SURE)
    flags = Flags(
        np.zeros(n, dtype=bool),
        np.log(probability / (1 - probability)),
        judged,
        np.where(judged, found.level, courses.value),
        np.full(n, np.nan),
        moving_threshold=True,
        client_columns={"probability": found.any}
        | ({} if found.opening is None else {"opening": found.opening}),
        session_columns={
            "probability": found.inside,
            "probability_begins": found.begins,
            "probability_ends": found.ends,
        },
        estimates=estimates,
        notes=tuple(said) if courses.replicates == 1 else (),
    )
    return at_threshold(flags, p["threshold"])


def at_threshold(flags: Flags, threshold: float) -> Flags:
    """Return the flags of the same states where they are probable from `threshold` on."""
    with np.errstate(invalid="ignore"):
        flag = flags.judged & (flags.session_columns["probability"] >= threshold)
    return replace(flags, flag=flag)


def _one_sample(
    courses: Courses, clients: Integers, p: Mapping[str, Any], found: _Found
) -> tuple[dict[str, Any], list[str]]:
    """Fit one sample's clients, write what is found into `found`, and return the estimates."""
    rows = np.isin(courses.client, clients)
    unit = unit_of(courses, rows) if clients.size else None
    if unit is None or unit.sd <= courses.noise:
        return {}, ["No client's scores move: there is nothing to estimate, and no rupture."]
    end = ends(courses, p["range"])
    chosen = clients[:: -(-clients.size // CLIENTS_TO_FIT)]
    known = {name: p[name] for name in GIVEN if p[name] is not None}
    if "depth" in known:
        known["depth"] = known["depth"] / unit.sd
    at_ends = float(np.mean(end[rows] != 0))
    known |= {"sd_sd": ALIKE / 2} if at_ends > MANY_AT_ENDS else {}
    alone = courses.replicates == 1
    own_blocks = [block for block, _, _ in blocks(courses, chosen, unit, end)]
    best = fit(own_blocks, known, errors=alone)
    between = {} if "opening" in known else _between_therapists(courses, clients, unit, end, best)
    opening = between.pop("opening", None)
    if opening is not None:
        found.opening = opening
    for block, where, there in blocks(courses, clients, unit, end):
        own = best.states
        if opening is not None:
            own = replace(own, opening=opening[courses.client[where[0]]])
        posterior, nodes = smooth_at(block, own)
        if alone:
            found.any[courses.client[where[0]]] = any_rupture(block, own, posterior, nodes)
        later = there & (np.arange(there.shape[0])[:, None] > 0)
        for name in ("inside", "begins", "ends"):
            getattr(found, name)[where[later]] = np.clip(getattr(posterior, name), 0, 1)[later]
        without = unit.centre + unit.sd * (block.x + posterior.fall)
        found.level[where[later]] = without[later]
    estimates = (
        _in_points(best, unit, courses.sign)
        | between
        | (
            _compared(best, own_blocks, known) | errors_of(best, own_blocks, unit.sd)
            if alone
            else {}
        )
        | {
            "n_clients": int(chosen.size),
            "at_ends": at_ends,
            "log_likelihood": best.log_likelihood,
            "converged": best.converged,
            "n_passes": best.passes,
        }
    )
    x = courses.value[rows]
    told = Told(
        [name for name in known if name in GIVEN],
        int(np.unique(np.round(x / max(courses.noise, 1e-9))).size),
        [] if p["range"] is not None else _assumed_ends(courses, end),
    )
    return estimates, notes(estimates, told) if alone else []


def _compared(best: Fit, own: list[Any], known: Mapping[str, float]) -> dict[str, float]:
    """Return twice the log of the likelihood over that of the model without ruptures."""
    if "opening" in known or sum(block.x.shape[1] for block in own) > MOST_COMPARED:
        return {}
    none = fit(own, {"depth": 2.0, "closing": 0.5, **known, "opening": NOTHING})
    return {"likelihood_ratio": 2 * (best.log_likelihood - none.log_likelihood)}


def _assumed_ends(courses: Courses, end: Integers) -> list[float]:
    """Return the scores that are taken for ends of the scale where its range is not known."""
    sides = [side for side in (1, -1) if (end == side).any()]
    return sorted(float(courses.sign * courses.value[end == side][0]) for side in sides)


def _between_therapists(
    courses: Courses, clients: Integers, unit: Unit, end: Integers, best: Fit
) -> dict[str, Any]:
    """Return each client's probability that a rupture opens, shrunk by therapist, and the SD.

    Nothing is returned where fewer than two therapists are known.
    """
    if "therapist" not in courses.marks:
        return {}
    whose = courses.marks["therapist"][courses.start].astype(np.int64)
    n = np.unique(whose[clients[whose[clients] >= 0]]).size
    if n < 2:
        return {}
    told = np.zeros((LOG_ODDS.size, int(whose.max()) + 2))
    for block, where, _ in blocks(courses, clients, unit, end):
        each = whose[courses.client[where[0]]]
        for row, likelihood in zip(told, by_opening(block, best.states), strict=True):
            row += np.bincount(each + 1, likelihood, minlength=row.size)
    sd = shrinking.sd_of(told[:, 1:], LOG_ODDS)
    log_odds = shrinking.mean_of(told[:, 1:], LOG_ODDS, sd)
    opening = shifted(best.states.opening, np.append(log_odds, 0.0))[whose]
    return {"opening": opening, "n_therapists": n, "opening_sd": sd}


def _in_points(best: Fit, unit: Unit, sign: float) -> dict[str, float]:
    """Return the estimates in points of the scale and single sessions."""
    s = best.states
    sd, step = unit.sd, unit.sd / unit.spread
    return {
        "depth": float(s.depth * sd),
        "depth_sd": float(s.depth * sd * VARIATION),
        "opening": float(s.opening),
        "closing": float(s.closing),
        "phi": float(s.phi),
        "skew": float(s.skew),
        "within_sd": float(s.sd * sd),
        "within_sd_sd": float(s.sd_sd) if s.sd_sd > ALIKE else 0.0,
        "level": float(sign * (unit.centre + s.level * sd)),
        "level_sd": float(s.level_sd * sd),
        "trend": float(sign * s.trend * step),
        "trend_sd": float(s.trend_sd * step),
        "middle_session": unit.middle,
    }


RULES = (
    Rule(
        name="state_model",
        title="Probability of a hidden rupture that opens and closes",
        short="hidden states",
        definition="P(s_it > 0 | x_i1 .. x_in) >= threshold; "
        "x_it = a_i + b_i t + v_i (AR(1) - D m(s_it)), s Markov",
        function=flag_states,
        own={
            "threshold": 0.5,
            "depth": None,
            "opening": None,
            "closing": None,
            "phi": None,
            "skew": None,
            "repair_level": "threshold",
            "min_sessions": 4,
            "max_gap": None,
        },
        unit="log odds of a rupture",
        least_sessions=2,
        by_therapist=True,
        source="Hamilton 1989, doi 10.2307/1912559; Kim 1994, doi 10.1016/0304-4076(94)90036-1 "
        "(a switching mean in an autoregression); levels and trends as in a multilevel model",
        verified=False,
        note="Reads the whole course, later sessions too. .sessions holds the probability of being "
        "in a rupture, and of one that begins and that ends there. The likelihood is checked "
        "against a sum over all paths of states. Of the papers Kim's abstract was read; Hamilton's "
        "model is as statsmodels' documentation states it.",
    ),
)
