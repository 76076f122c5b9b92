"""What observers code in a sample of sessions: markers of the 3RS, and the thirteen principles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .course import Course, Flags, Ints, Streams
from .parameters import Parameters

CODERS = ("coder-1", "coder-2")
SEGMENTS = 10
"""Fifty minutes in segments of five."""

RATE_OUTSIDE, RATE_INSIDE = 0.05, 0.35
"""Markers of one family to expect in a segment, without and with a rupture (or a repair)."""

CODER_MISSES = 0.25
"""Share of markers that one coder gives and the other does not."""


@dataclass(frozen=True)
class CodedSessions:
    """Sessions chosen for coding: positions of client and session, and what went on there."""

    client: Ints
    session: Ints
    in_rupture: Flags
    repair: Flags
    repair_next: Flags


def choose_sessions(p: Parameters, course: Course, held: Flags, stream: Streams) -> CodedSessions:
    """Draw the coded sessions at random among those that took place."""
    drawn = stream("coded sessions").random(held.shape) < p.coded_share
    client, session = np.nonzero(drawn & held)
    after = np.minimum(session + 1, held.shape[1] - 1)
    mended = course.repair & held
    return CodedSessions(
        client=client,
        session=session,
        in_rupture=course.in_rupture[client, session],
        repair=course.repair[client, session],
        repair_next=mended[client, after] & (after > session),
    )


def draw_markers(
    coded: CodedSessions, system: Mapping[str, Sequence[str]], ids: pd.Index, stream: Streams
) -> pd.DataFrame:
    """Return the table `observer_codes`: two coders see most of the same markers.

    Parameters
    ----------
    system
        The coding system: family → its markers.
    """
    rng = stream("observer codes")
    families = [(family, marker) for family, markers in system.items() for marker in markers]
    share = np.array([1.0 / len(system[family]) for family, _ in families])
    active = np.stack(
        [coded.repair if family == "resolution" else coded.in_rupture for family, _ in families]
    )
    rate = np.where(active.T, RATE_INSIDE, RATE_OUTSIDE) * share
    shape = (len(coded.client), len(families), SEGMENTS, len(CODERS))
    there = rng.random((*shape[:3], 1)) < rate[:, :, None, None]
    given = there & (rng.random(shape) >= CODER_MISSES)
    row, kind, segment, coder = np.nonzero(given)
    strength = np.clip(np.rint(rng.normal(np.where(active.T[row, kind], 3.2, 2.0), 0.8)), 1, 5)
    names = pd.Index([marker for _, marker in families], dtype=ids.dtype)
    groups = pd.Index([family for family, _ in families], dtype=ids.dtype)
    frame = pd.DataFrame(
        {
            "client_id": ids.take(coded.client[row]),
            "session": coded.session[row] + 1,
            "segment": segment + 1,
            "coder_id": pd.Index(CODERS, dtype=ids.dtype).take(coder),
            "marker": names.take(kind),
            "family": groups.take(kind),
            "rating": strength,
        }
    )
    order = ["client_id", "session", "segment", "coder_id", "marker"]
    return frame.sort_values(order, kind="stable", ignore_index=True)


def draw_principles(
    p: Parameters, coded: CodedSessions, serves: dict[str, str], ids: pd.Index, stream: Streams
) -> pd.DataFrame:
    """Return the table `principle_codes`.

    Parameters
    ----------
    serves
        Principle → ``building``, ``detecting`` or ``repairing``. In a session in rupture, the
        repairing ones are given more extent where the repair comes in the next session.
    """
    rng = stream("principle codes")
    n, k = len(coded.client), len(serves)
    repairing = np.array([purpose == "repairing" for purpose in serves.values()], dtype=bool)
    helps = (coded.in_rupture & coded.repair_next)[:, None] & repairing
    true = rng.normal(1.2 + 0.5 * coded.in_rupture[:, None], 0.8, (n, k))
    true = true + p.principle_effect * helps
    seen = true[:, None, :] + rng.normal(0.0, 0.4, (n, len(CODERS), k))
    row, coder, principle = (part.ravel() for part in np.indices(seen.shape))
    return pd.DataFrame(
        {
            "client_id": ids.take(coded.client[row]),
            "session": coded.session[row] + 1,
            "coder_id": pd.Index(CODERS, dtype=ids.dtype).take(coder),
            "principle": pd.Index(list(serves), dtype=ids.dtype).take(principle),
            "extent": np.clip(np.rint(seen), 0, 4).ravel(),
        }
    )
