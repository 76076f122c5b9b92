"""Outcome scores at pre, post and follow-up, and what therapists expected of each client."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .answers import Instrument
from .course import Floats, Ints, People, Streams
from .endings import REASONS, Endings
from .parameters import Parameters

TARGETS = ("improved", "unchanged", "deteriorated", "dropout")
POST_AFTER_DROPOUT = 0.35
"""Share of clients who dropped out that still fill in the measure afterwards."""

FOLLOWUP_SHARE = 0.6
FOLLOWUP_WEEKS = 26.0


def draw_assessments(
    p: Parameters,
    outcome: Floats,
    endings: Endings,
    form: Instrument,
    ids: pd.Index,
    stream: Streams,
) -> pd.DataFrame:
    """Return the table `assessments`: the outcome measure's total before and after therapy."""
    rng = stream("assessments")
    n = len(ids)
    start = outcome[:, 0]
    end = outcome[np.arange(n), endings.last_session - 1]
    later = end + rng.normal(0.0, p.outcome_within_sd, n)
    stayed = endings.reason != REASONS.index("dropout")
    going = endings.reason == REASONS.index("ongoing")
    has_post = (stayed | (rng.random(n) < POST_AFTER_DROPOUT)) & ~going
    has_later = has_post & (rng.random(n) < FOLLOWUP_SHARE)
    weeks = endings.last_session.astype(float)
    occasions = {
        "pre": (start, np.ones(n, dtype=bool), np.zeros(n)),
        "post": (end, has_post, weeks),
        "followup": (later, has_later, weeks + FOLLOWUP_WEEKS),
    }
    parts = [
        pd.DataFrame(
            {
                "client_id": ids[has],
                "occasion": occasion,
                "rater": "client",
                "measure": form.measure,
                "scale": form.scale,
                "score": np.round(form.score(form.item_mean(value[has])), 10),
                "week": week[has],
            }
        )
        for occasion, (value, has, week) in occasions.items()
    ]
    text = dict.fromkeys(("occasion", "rater", "measure", "scale"), ids.dtype)
    table = pd.concat(parts, ignore_index=True).astype(text)
    return table.sort_values("client_id", kind="stable", ignore_index=True)


def draw_forecasts(
    p: Parameters, people: People, ids: pd.Index, therapists: pd.Index, stream: Streams
) -> pd.DataFrame:
    """Return the table `forecasts`: for each client, how likely the therapist thinks each target.

    Improved, unchanged and deteriorated sum to one; dropout is a question of its own.
    A therapist expects improvement more than the record supports by `forecast_optimism` (log
    odds), and dropout and deterioration less; what they know of the client is slight.
    """
    rng = stream("forecasts")
    n = len(ids)
    own = rng.normal(0.0, 0.5, len(therapists))[people.therapist_of_client]
    hope = 0.2 + p.forecast_optimism + own + 0.6 * people.alliance_level + rng.normal(0, 0.4, n)
    improved = 1.0 / (1.0 + np.exp(-hope))
    leave = 1.0 / (1.0 + np.exp(1.1 + p.forecast_optimism + 0.5 * people.alliance_level))
    worse = (1.0 - improved) * 0.12
    shares = np.stack([improved, 1.0 - improved - worse, worse, leave], axis=1)
    return pd.DataFrame(
        {
            "therapist_id": therapists.take(np.repeat(people.therapist_of_client, len(TARGETS))),
            "client_id": ids.take(np.repeat(np.arange(n), len(TARGETS))),
            "target": pd.Index(TARGETS, dtype=ids.dtype).take(np.tile(range(len(TARGETS)), n)),
            "forecast": np.round(shares, 2).ravel(),
        }
    )


def dates_of_sessions(
    p: Parameters, clients: int, sessions: int, stream: Streams
) -> np.ndarray[tuple[int, int], np.dtype[np.datetime64]]:
    """Return a day for each session: about weekly, never two sessions closer than 5 days."""
    rng = stream("dates")
    first = rng.integers(0, p.intake_days, clients)
    gaps = rng.choice([5, 6, 7, 7, 7, 7, 8, 9, 14], (clients, max(sessions - 1, 0)))
    days: Ints = np.concatenate([first[:, None], gaps], axis=1).cumsum(axis=1)
    return np.datetime64(p.start_date, "D") + days.astype("timedelta64[D]")
