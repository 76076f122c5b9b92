"""Therapists in the model of a trial: in all arms or some, in level and in change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.display.journal import written
from ..core.people import CLIENT, THERAPIST
from ..errors import DesignError, listing, plural
from ..multilevel.result import MultilevelFit
from .rows import ARM, TIME

GIVEN, NOBODY, CHANGE = "by_therapist", "nobody", "time_since_middle"
CLUSTER = "cluster"
NO_CHANGE = "Whether they differ in how their clients change could not be told from zero."
TOO_NARROW = (
    "If they do, intervals over several times are too narrow: errors='robust' and method='ancova' "
    "are not touched by that."
)


def therapists(rows: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """Return rows and the random term of therapists ("" without them), and what is said of them.

    Arms without therapists stay: their rows have no effect of a therapist. Clients who changed
    therapist have that of each measurement.
    """
    if THERAPIST not in rows:
        return rows, "", ""
    changed, note = changes_therapist(rows), ""
    own = rows.groupby(CLIENT)[THERAPIST].transform("first")
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
    rows = rows.assign(
        **{THERAPIST: own.astype(object).where(known, NOBODY), GIVEN: known.astype(float)}
    )
    without = sorted(rows.loc[~known, ARM].unique())
    count = plural(rows.loc[~known, CLIENT].nunique(), "client")
    note += " " * bool(note) + (
        f"{count} without a therapist (arms: {listing(without)}); therapists differ among the "
        "others only."
    )
    return rows, f" + (0 + {GIVEN} | {THERAPIST})", note


def changes_therapist(rows: pd.DataFrame) -> int:
    """Return how many clients had several therapists."""
    if THERAPIST not in rows:
        return 0
    known = rows.loc[rows[THERAPIST] != NOBODY, [CLIENT, THERAPIST]].dropna()
    return int(known.drop_duplicates()[CLIENT].duplicated().sum())


def clustered(rows: pd.DataFrame, note: str) -> tuple[pd.DataFrame, str]:
    """Return rows with what errors are robust to, and what is said of it.

    That is the therapist, or the client without one.

    Raises
    ------
    DesignError
        Where clients changed therapist, so that no therapist has whole clients.
    """
    several = changes_therapist(rows)
    if several:
        raise DesignError(
            f"errors='robust' needs each client under one therapist; {several} had several. "
            "method='growth' with errors='model' takes that of each measurement."
        )
    alone = "client " + rows[CLIENT].astype(str)
    own = rows[THERAPIST] if THERAPIST in rows else pd.Series(NOBODY, rows.index)
    own = own.where(own != NOBODY).groupby(rows[CLIENT]).transform("first")
    what = f"therapists ({own.nunique()} of them)" if own.notna().any() else "clients"
    if own.notna().any() and own.isna().any():
        what += ", and clients without one"
    cluster = ("therapist " + own.astype(str)).where(own.notna(), alone)
    return rows.assign(**{CLUSTER: cluster}), f"{note} Errors are robust to {what}.".strip()


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
    rows = rows.assign(**{CHANGE: given * (when - float(np.mean(sorted(set(when)))))})
    first = f"0 + {GIVEN}" if GIVEN in rows else "1"
    return rows, [
        f" + ({first} + {CHANGE} | {THERAPIST})",
        f" + ({first} + {CHANGE} || {THERAPIST})",
        f" + (0 + {CHANGE} | {THERAPIST})",
        level,
    ]


def terms_of_therapists(fit: MultilevelFit) -> str:
    """Return in which ways the model lets therapists differ, each with its SD; "" in none.

    What is in a model may be zero: the estimates are told and no verdict on them.
    """
    rows = fit.tidy().query("effect == 'random' and group == @THERAPIST")
    spread = dict(zip(rows["term"], rows["estimate"], strict=True))
    ways = {
        "sd Intercept": "level",
        f"sd {GIVEN}": "level",
        f"sd {CHANGE}": "how their clients change for each step of time",
    }
    return " and ".join(
        f"in {words} (estimated SD {written(spread[term])})"
        for term, words in ways.items()
        if term in spread
    )


def of_therapists(fit: MultilevelFit, robust: bool) -> str:
    """Return what is said of therapists in a model over several times."""
    ways = terms_of_therapists(fit)
    said = f"The model lets therapists differ {ways}."
    if "how their clients change" in ways:
        return said
    return f"{said} {NO_CHANGE}" + f" {TOO_NARROW}" * (not robust)
