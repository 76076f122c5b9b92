"""Therapists in the model of a trial: in all arms or some, in level and in change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.people import CLIENT, THERAPIST
from ..errors import listing, plural
from .rows import ARM, TIME

GIVEN, NOBODY, CHANGE = "by_therapist", "nobody", "time_since_middle"


def therapists(rows: pd.DataFrame, method: str) -> tuple[pd.DataFrame, str, str]:
    """Return rows and the random term of therapists ("" without them), and what is said of them.

    Arms without therapists stay: their rows have no effect of a therapist. Clients who changed
    therapist have that of each measurement, where the model has residuals that are independent.
    """
    if THERAPIST not in rows:
        return rows, "", ""
    several = rows[[CLIENT, THERAPIST]].dropna().drop_duplicates()[CLIENT].duplicated()
    changed, note = int(several.sum()), ""
    own = rows.groupby(CLIENT)[THERAPIST].transform("first")
    if changed and method == "mmrm":
        note = (
            f"{plural(changed, 'client')} had several therapists, so therapists are left out of "
            "this model; method='growth' and 'ancova' take those of each measurement."
        )
        return rows, "", note
    if changed:
        own = rows[THERAPIST].where(rows[THERAPIST].notna(), own)
        note = (
            f"{plural(changed, 'client')} had several therapists: each measurement counts for that "
            "of its time."
        )
    per = own.groupby(own).size()
    if len(per) < 3:
        return rows, "", f"{plural(len(per), 'therapist')}: too few for a variance between them."
    known = own.notna()
    if known.all():
        return rows.assign(**{THERAPIST: own}), f" + (1 | {THERAPIST})", note
    rows = rows.assign(**{THERAPIST: own.fillna(NOBODY), GIVEN: known.astype(float)})
    without = sorted(rows.loc[~known, ARM].unique())
    count = plural(rows.loc[~known, CLIENT].nunique(), "client")
    note += " " * bool(note) + (
        f"{count} without a therapist (arms: {listing(without)}); therapists differ among the "
        "others only."
    )
    return rows, f" + (0 + {GIVEN} | {THERAPIST})", note


def slopes_of_therapists(
    rows: pd.DataFrame, times: tuple[Any, ...], level: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return rows with time as a number, and terms of therapists from the richest to `level`.

    Time counts from the middle, where level and change are least entangled; times that are no
    numbers count by their order.
    """
    if pd.api.types.is_numeric_dtype(rows[TIME].dtype):
        when = rows[TIME].astype(float)
    else:
        when = rows[TIME].map(dict(zip(times, range(len(times)), strict=True))).astype(float)
    given = rows.get(GIVEN, 1.0)
    rows = rows.assign(**{CHANGE: given * (when - np.mean(sorted(set(when))))})
    first = f"0 + {GIVEN}" if GIVEN in rows else "1"
    return rows, [
        f" + ({first} + {CHANGE} | {THERAPIST})",
        f" + ({first} + {CHANGE} || {THERAPIST})",
        f" + (0 + {CHANGE} | {THERAPIST})",
        level,
    ]
