"""What a null of courses without ruptures assumes, and where the scores are not so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...core.display.formatting import p_sentence
from ..courses import Courses, Floats
from . import ar1

MANY_AT_AN_END = 0.05
"""Share of scores at the ends of the scale from which the null is too narrow."""
RARE = (0.005, 0.995)
"""Quantiles of the replicates beyond which scores are told to be unlike them."""
RESAMPLED = (
    "Drawn from the scores' own moves in place of normal ones, {p} for the number of ruptures "
    "(null='resampled'; ruptures are among these moves and hide there in good part)."
)


def unlike_normal(here: Floats, drawn: Floats) -> str:
    """Say where what is new in each session is skewed or long-tailed as no normal drift is.

    With strongly skewed drift and no rupture, counts of drops and charts are "more than chance" in
    nearly every study.
    """
    if not np.isfinite(here).all():
        return ""
    (low, _, _), (high, most, _) = np.nanquantile(drawn, RARE, axis=0)
    found = {"skewed": not low <= here[0] <= high, "long-tailed": here[1] > most}
    words = " and ".join(word for word, is_so in found.items() if is_so)
    if not words:
        return ""
    return (
        f"From session to session the scores move in a way that is {words} (skewness "
        f"{here[0]:.2f}, in normal drift {low:.2f} to {high:.2f}; kurtosis {here[1]:.1f}, up to "
        f"{most:.1f}). Ruptures do that, and so do scores that are {words} without any, where "
        "most rules find more than this null expects far too often: a small p value does not tell "
        "the two apart."
    )


def changing_spread(here: Floats, drawn: Floats) -> tuple[str, ...]:
    """Say where the spread of what is new grows or falls over sessions as under no null."""
    if not np.isfinite(here).all():
        return ()
    low, high = np.nanquantile(drawn[:, 2], RARE)
    if low <= here[2] <= high:
        return ()
    way = "falls" if here[2] < low else "grows"
    return (
        f"The spread of the scores {way} over sessions (variance {100 * here[2]:+.0f} % a session; "
        "the null has one spread throughout). Where it halves or doubles over 16 sessions some "
        "rules find more than this null expects in up to one study of six without ruptures.",
    )


def assumptions(
    courses: Courses, drift: ar1.Drift | None, limits: tuple[float, float] | None
) -> tuple[str, ...]:
    """Say what the null assumes, and where that is plainly not so."""
    phi = ar1.estimate_phi(courses)
    if drift is None:
        return (
            "The permutation assumes that a client's sessions could have come in any order: no "
            f"trend, no likeness of neighbouring sessions. In these scores it is {phi:.2f} about "
            "the clients' own trends; where it is not near zero, use null='ar1'.",
        )
    if not np.isfinite(phi):
        return (
            "No client has four sessions, so the autocorrelation cannot be estimated; it is taken "
            "to be zero, and the AR(1) null is not to be relied on.",
        )
    scores = "normal scores" if drift.news is None else "scores that move as the clients' own do"
    said = [
        f"The null assumes {scores} about each client's own straight trend, with one "
        f"autocorrelation ({phi:.2f}) for all clients.",
        "Real ruptures widen the spread that the null keeps, and hide behind it in part: a large p "
        "says that the counts can be had without ruptures, not that there were none.",
    ]
    values = courses.sign * courses.value
    share = float(np.isin(values, limits or (values.min(), values.max())).mean())
    if share >= MANY_AT_AN_END:
        whose = "the scale has" if limits else "there are (range= names the scale's ends)"
        said.append(
            f"{100 * share:.0f} % of the scores are the lowest or highest {whose}. Scores "
            "cut off so are not normal, and under some rules the null then rejects too often; "
            "read small p values so."
        )
    if abs(phi) >= ar1.PHI_LIMIT:
        said.append(
            f"The autocorrelation lies at the end of what is looked for ({phi:g}): there are too "
            "few neighbouring sessions to estimate it, and the AR(1) null is not to be relied on."
        )
    return tuple(said)


def resampled(table: pd.DataFrame) -> str:
    """Say what the number of ruptures is against, where moves are drawn from the scores' own."""
    return RESAMPLED.format(p=p_sentence(table["p_value"].to_dict()["rupture"]))
