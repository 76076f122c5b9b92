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
FEW = 10  # therapists below which robust errors are told to be rough
NO_CHANGE = "Whether they differ in how their clients change could not be told from zero."
TOO_NARROW = "If they do, intervals over several times are too narrow: {} not touched by that."


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
    notes = [note, *_about_arms(rows, own)]
    n = own.nunique()
    if n < 3:
        notes.append(f"{plural(n, 'therapist')}: too few for a variance between them.")
        return rows, "", " ".join(filter(None, notes))
    known = own.notna()
    if known.all():
        term = f" + (1 | {THERAPIST})"
        return rows.assign(**{THERAPIST: own}), term, " ".join(filter(None, notes))
    rows = rows.assign(
        **{THERAPIST: own.astype(object).where(known, NOBODY), GIVEN: known.astype(float)}
    )
    return rows, f" + (0 + {GIVEN} | {THERAPIST})", " ".join(filter(None, notes))


def _about_arms(rows: pd.DataFrame, own: pd.Series) -> list[str]:
    """Say which arms have no therapists, which have some unnamed, and which have one alone.

    `own` is each row's therapist.
    """
    without, unnamed, alone = [], [], []
    for arm, part in own.groupby(rows[ARM], sort=True):
        who = part.dropna().unique()
        if not len(who):
            without.append(arm)
        elif part.isna().any():
            unnamed.append(arm)
        if len(who) == 1 and not (own[rows[ARM] != arm] == who[0]).any():
            alone.append(f"'{arm}' ({who[0]})")
    said, nameless = [], rows.loc[own.isna(), [ARM, CLIENT]].drop_duplicates()
    if without:
        n = plural(int(nameless[ARM].isin(without).sum()), "client")
        said.append(
            f"{n} without a therapist (arms: {listing(without)}); therapists differ among the "
            "others only."
        )
    if unnamed:
        n = plural(int(nameless[ARM].isin(unnamed).sum()), "client")
        said.append(
            f"{n} of arms that have therapists ({listing(unnamed)}) have no '{THERAPIST}' and "
            "count as treated by nobody: fill in by whom they were."
        )
    if alone:
        said.append(
            f"One therapist alone is named in {listing(alone)}: what the arm does cannot be told "
            "from what that therapist does, by no analysis."
        )
    return said


def changes_therapist(rows: pd.DataFrame) -> int:
    """Return how many clients had several therapists."""
    if THERAPIST not in rows:
        return 0
    known = rows.loc[rows[THERAPIST] != NOBODY, [CLIENT, THERAPIST]].dropna()
    return int(known.drop_duplicates()[CLIENT].duplicated().sum())


def lone_arms(rows: pd.DataFrame) -> list[str]:
    """Return the arms whose rows have one therapist in common: errors have nothing to differ in."""
    n = clusters(rows).groupby(rows[ARM].astype(str)).nunique()
    return [str(arm) for arm in n.index[n < 2]]


def clusters(rows: pd.DataFrame) -> pd.Series:
    """Return what errors are robust to: the therapist, or the client without one."""
    own = _of_client(rows)
    return ("therapist " + own.astype(str)).where(own.notna(), "client " + rows[CLIENT].astype(str))


def _of_client(rows: pd.DataFrame) -> pd.Series:
    own = rows[THERAPIST] if THERAPIST in rows else pd.Series(NOBODY, rows.index)
    return own.where(own != NOBODY).groupby(rows[CLIENT]).transform("first")


def clustered(rows: pd.DataFrame, note: str) -> tuple[pd.DataFrame, str]:
    """Return rows with what errors are robust to, and what is said of it.

    Raises
    ------
    DesignError
        Where clients changed therapist, so that no therapist has whole clients, or an arm has one
        therapist alone.
    """
    several, alone = changes_therapist(rows), lone_arms(rows)
    if several:
        raise DesignError(
            f"errors='robust' needs each client under one therapist; {several} had several. "
            "method='growth' with errors='model' takes that of each measurement."
        )
    if alone:
        raise DesignError(
            "errors='robust' needs two therapists or more in each arm (or clients without one), "
            f"and {why_not_robust(rows)}: how they differ cannot be seen there. Take "
            "errors='model', which leaves it out."
        )
    own = _of_client(rows)
    what = f"therapists ({own.nunique()} of them)" if own.notna().any() else "clients"
    if own.notna().any() and own.isna().any():
        what += ", and clients without one"
    said = f"Errors are robust to {what}."
    if 0 < own.nunique() < FEW:
        said += " Of so few they are hardly known themselves: look at the degrees of freedom."
    return rows.assign(**{CLUSTER: clusters(rows)}), f"{note} {said}".strip()


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


def why_not_robust(rows: pd.DataFrame) -> str:
    """Return why errors cannot be robust to therapists in such rows; empty where they can."""
    several, alone = changes_therapist(rows), lone_arms(rows)
    if several:
        return f"{plural(several, 'client')} had several therapists"
    verb = "has" if len(alone) == 1 else "have"
    return f"{listing(alone)} {verb} one therapist alone" if alone else ""


def of_therapists(fit: MultilevelFit, robust: bool, why: str) -> str:
    """Return what is said of therapists in a model over several times.

    `why` says why errors could not be robust.
    """
    ways = terms_of_therapists(fit)
    said = f"The model lets therapists differ {ways}."
    if "how their clients change" in ways:
        return said
    ways_out = "method='ancova' is" if why else "errors='robust' and method='ancova' are"
    return f"{said} {NO_CHANGE}" + f" {TOO_NARROW.format(ways_out)}" * (not robust)
