"""What clients and therapists report of ruptures and repairs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .course import Course, Flags, Floats, Streams
from .parameters import Parameters

WITHDRAWAL_SHARE = 0.6
"""Share of reported ruptures told of as withdrawal, the rest as confrontation."""


def draw_events(
    p: Parameters, course: Course, held: Flags, ids: pd.Index, stream: Streams
) -> pd.DataFrame:
    """Return the table `events`: each rater reports with a sensitivity of their own.

    Parameters
    ----------
    held
        Sessions that took place before the therapy ended.
    ids
        The clients' ids, one for each row of the arrays.
    """
    depth = np.where(course.rupture, course.depth, 0.0)
    sensitivity = {"client": p.client_sensitivity, "therapist": p.therapist_sensitivity}
    parts = []
    for rater, share in sensitivity.items():
        rng = stream(f"events of the {rater}")
        ruptures = _reported(course.rupture, share, p.false_report_rate, rng) & held
        repairs = _reported(course.repair, share, 0.0, rng) & held
        parts.append(_rows("rupture", rater, ruptures, depth, ids, rng))
        parts.append(_rows("repair", rater, repairs, depth, ids, rng))
    events = pd.concat(parts, ignore_index=True)
    order = ["client_id", "session", "rater", "kind"]
    return events.sort_values(order, kind="stable", ignore_index=True)


def _reported(
    happened: Flags, sensitivity: float, false_rate: float, rng: np.random.Generator
) -> Flags:
    drawn = rng.random(happened.shape)
    return np.asarray(np.where(happened, drawn < sensitivity, drawn < false_rate), dtype=bool)


def _rows(
    kind: str, rater: str, flags: Flags, depth: Floats, ids: pd.Index, rng: np.random.Generator
) -> pd.DataFrame:
    """Return one row a report; deeper ruptures are felt as stronger."""
    client, session = np.nonzero(flags)
    n = len(client)
    strength = np.clip(np.rint(1.5 + 1.8 * depth[client, session] + rng.normal(0, 0.7, n)), 1, 5)
    mended = np.clip(np.rint(3.8 + rng.normal(0, 0.8, n)), 1, 5)
    withdrawal = rng.random(n) < WITHDRAWAL_SHARE
    subtype = pd.Series(np.where(withdrawal, "withdrawal", "confrontation"), dtype=ids.dtype)
    rupture = kind == "rupture"
    return pd.DataFrame(
        {
            "client_id": ids.take(client),
            "session": session + 1,
            "rater": pd.Series([rater] * n, dtype=ids.dtype),
            "kind": pd.Series([kind] * n, dtype=ids.dtype),
            "subtype": subtype if rupture else subtype.where(np.zeros(n, dtype=bool)),
            "intensity": strength if rupture else np.full(n, np.nan),
            "resolution": np.full(n, np.nan) if rupture else mended,
        }
    )
