"""The latent course of each client: alliance, ruptures and distress, session by session.

Arrays have one row a client and one column a session number (column 0 is session 1). All
clients move forward together, one session at a time; nothing here knows of tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .parameters import Parameters

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

Streams = Callable[[str], np.random.Generator]
"""Gives an independent random stream by name, so that one part never moves another."""

SHALLOWEST = 0.05
"""No rupture falls by less than this: a depth drawn below it would not be a fall."""


@dataclass(frozen=True)
class People:
    """Who belongs to whom, and each unit's lasting differences from the average."""

    site_of_therapist: Ints
    therapist_of_client: Ints
    planned: Ints
    therapist_alliance: Floats
    therapist_outcome: Floats
    therapist_dropout: Floats
    alliance_level: Floats
    outcome_level: Floats


@dataclass(frozen=True)
class Course:
    """What happens in each client's sessions; arrays are clients × sessions."""

    attended: Flags
    alliance: Floats
    within: Floats
    rupture: Flags
    in_rupture: Flags
    repair: Flags
    depth: Floats
    outcome: Floats


def draw_people(p: Parameters, stream: Streams) -> People:
    """Spread clients over therapists and therapists over sites; draw their effects."""
    rng = stream("people")
    site = np.arange(p.n_therapists) % p.n_sites
    extra = rng.integers(0, p.n_therapists, p.n_clients - p.n_therapists)
    therapist = np.sort(np.concatenate([np.arange(p.n_therapists), extra]))
    planned = rng.normal(p.planned_sessions, p.planned_sessions_sd, p.n_clients)
    site_effect = rng.normal(0.0, p.alliance_site_sd, p.n_sites)
    therapist_alliance = rng.normal(0.0, p.alliance_therapist_sd, p.n_therapists)
    therapist_outcome = rng.normal(0.0, p.outcome_therapist_sd, p.n_therapists)
    level = site_effect[site][therapist] + therapist_alliance[therapist]
    level = level + rng.normal(0.0, p.alliance_client_sd, p.n_clients)
    outcome = therapist_outcome[therapist] + rng.normal(0.0, p.outcome_client_sd, p.n_clients)
    return People(
        site_of_therapist=site,
        therapist_of_client=therapist,
        planned=np.maximum(np.rint(planned), 1).astype(np.int64),
        therapist_alliance=therapist_alliance,
        therapist_outcome=therapist_outcome,
        therapist_dropout=rng.normal(0.0, p.dropout_therapist_sd, p.n_therapists),
        alliance_level=level,
        outcome_level=outcome + p.outcome_between_effect * level,
    )


def draw_course(p: Parameters, people: People, stream: Streams) -> Course:
    """Let every client go through all planned sessions, as if nobody left early."""
    n, last = len(people.planned), int(people.planned.max())
    attended = stream("attendance").random((n, last)) >= p.missed_rate
    attended[:, 0] = True
    rupture, in_rupture, repair, depth = _ruptures(p, attended, stream("ruptures"))
    noise = autoregression(
        stream("alliance"), (n, last), sd=p.alliance_within_sd, correlation=p.autocorrelation
    )
    within = noise - np.where(in_rupture, depth, 0.0)
    slope = stream("alliance trend").normal(p.alliance_trend, p.alliance_trend_sd, n)
    alliance = p.alliance_mean + people.alliance_level[:, None] + within
    alliance = alliance + slope[:, None] * np.arange(last)
    outcome = _outcome(p, people, within, stream)
    return Course(attended, alliance, within, rupture, in_rupture, repair, depth, outcome)


def autoregression(
    rng: np.random.Generator, shape: tuple[int, int], *, sd: float, correlation: float
) -> Floats:
    """Return stationary first-order autoregressive rows with the stated sd and correlation."""
    shocks: Floats = rng.normal(0.0, sd, shape)
    shocks[:, 1:] *= np.sqrt(1.0 - correlation**2)
    for session in range(1, shape[1]):
        shocks[:, session] += correlation * shocks[:, session - 1]
    return shocks


def _ruptures(
    p: Parameters, attended: Flags, rng: np.random.Generator
) -> tuple[Flags, Flags, Flags, Floats]:
    """Let ruptures begin and be repaired in sessions that take place, never both in one.

    The first session cannot be a rupture: there is nothing to fall from.
    """
    begins = (rng.random(attended.shape) < p.rupture_rate) & attended
    mends = (rng.random(attended.shape) < p.repair_probability) & attended
    drawn = rng.normal(p.rupture_depth, p.rupture_depth_sd, attended.shape)
    drawn = np.maximum(drawn, SHALLOWEST)
    rupture, repair, inside = (np.zeros(attended.shape, dtype=bool) for _ in range(3))
    depth = np.zeros(attended.shape)
    broken = np.zeros(len(attended), dtype=bool)
    for session in range(1, attended.shape[1]):
        repair[:, session] = broken & mends[:, session]
        rupture[:, session] = ~broken & begins[:, session]
        broken = (broken & ~repair[:, session]) | rupture[:, session]
        inside[:, session] = broken
        carried = np.where(broken, depth[:, session - 1], 0.0)
        depth[:, session] = np.where(rupture[:, session], drawn[:, session], carried)
    return rupture, inside, repair, depth


def _outcome(p: Parameters, people: People, within: Floats, stream: Streams) -> Floats:
    """Return distress before each session; the alliance of `outcome_lag` sessions ago acts."""
    n, last = within.shape
    slope = stream("outcome trend").normal(p.outcome_trend, p.outcome_trend_sd, size=(n, 1))
    outcome = p.outcome_mean + people.outcome_level[:, None] + slope * np.arange(last)
    outcome = outcome + autoregression(
        stream("outcome"),
        (n, last),
        sd=p.outcome_within_sd,
        correlation=p.outcome_autocorrelation,
    )
    lag = min(p.outcome_lag, last)
    outcome[:, lag:] += p.outcome_within_effect * within[:, : last - lag]
    return outcome
