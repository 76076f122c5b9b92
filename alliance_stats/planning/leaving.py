"""Who leaves by what they say: a hazard that depends on the session before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit

if TYPE_CHECKING:
    from .design import StudyDesign

Array = np.ndarray


def leaves_by_scores(design: StudyDesign) -> bool:
    """Return whether leaving depends on scores, so that lengths differ from study to study."""
    return design.dropout_odds_ratio != 1 and design.gone[-1] > design.gone[0]


def planned_rows(design: StudyDesign) -> pd.DataFrame:
    """Return one row a session: of all sessions where scores decide who leaves, else as dealt."""
    if leaves_by_scores(design):
        return replace(design, dropout=None, pilot_draws=()).layout.rows()
    return design.layout.rows()


def still_there(
    design: StudyDesign, rows: pd.DataFrame, decides: Array, rng: np.random.Generator
) -> Array:
    """Return which of the planned rows are held.

    After each session every client leaves with a logit of ``a + log(odds ratio) * decides / SD``,
    where ``a`` is such that the share that leaves is the one planned.
    """
    if not leaves_by_scores(design):
        return np.ones(len(rows), bool)
    weight = np.log(design.dropout_odds_ratio) / design.total_sd
    logit = weight * decides.reshape(len(rows) // rows["client_id"].value_counts().iloc[0], -1)
    first = design.sessions - logit.shape[1]  # the session before a rupture's is no row
    stays = rng.random(len(logit)) >= design.gone[first]
    held = np.tile(stays[:, None], logit.shape[1])
    for row in range(1, logit.shape[1]):
        before, after = design.gone[first + row - 1 : first + row + 1]
        wanted = (after - before) / (1 - before)
        if wanted > 0 and stays.any():
            risk = expit(logit[:, row - 1] + _level(logit[stays, row - 1], wanted))
            stays &= rng.random(len(stays)) >= risk
        held[:, row] = stays
    return held.ravel()


def scored(design: StudyDesign, rows: pd.DataFrame, rng: np.random.Generator) -> Array:
    """Return which sessions have a score, of those that clients come to."""
    if not design.missed.any():
        return np.ones(len(rows), bool)
    return rng.random(len(rows)) >= design.missed[rows["session"].to_numpy() - 1]


def _level(logit: Array, wanted: float) -> float:
    """Return what is added to logits so that their mean probability is the one wanted."""
    low, high = -40.0 - logit.max(), 40.0 - logit.min()
    for _ in range(50):  # halves the interval: 1e-13 of it is left
        middle = (low + high) / 2
        if expit(logit + middle).mean() < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
