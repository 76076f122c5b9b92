"""Studies of a plan: each drawn, fitted and tested as the real one will be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..inference.distributions import chi2_upper, t_two_sided
from ..multilevel.fit import fitted
from . import dropout
from .information import middle_of
from .leaving import leaves_by_scores, planned_rows, scored, still_there
from .record import COLUMNS

if TYPE_CHECKING:
    from ..multilevel.result import MultilevelFit
    from .design import StudyDesign

Piece = tuple[int, np.random.SeedSequence]
TERMS = {"arm": "arm", "arm_by_time": "arm_time", "gap": "Intercept"}


def draw(design: StudyDesign, rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Draw scores of one study in which nothing has an effect."""
    client, therapist = rows["client_id"].to_numpy(), rows["therapist_id"].to_numpy()
    time = rows["time"].to_numpy()
    score = np.sqrt(design.noise_variance) * rng.standard_normal(len(rows))
    for whose, variance, slope_sd in (
        (client, design.client_variance, design.slope_sd_client),
        (therapist, design.therapist_variance, design.slope_sd_therapist),
    ):
        level, slope = rng.standard_normal((2, whose.max() + 1))
        own = np.sqrt(variance) * level[whose] + slope_sd * slope[whose] * time
        score += np.where(whose >= 0, own, 0.0)
    return score


class Asked(NamedTuple):
    """What is simulated: a question to a design, and the model that answers it.

    `without` asks for studies without the effect too, which a model of one's own needs, and a test
    whose df are few.
    """

    design: StudyDesign
    effect: float
    of: str
    formula: str
    without: bool


def coefficient_tests(asked: Asked, piece: Piece) -> np.ndarray:
    """Return estimate, p value, whether singular, p without effect, and df, a row a study."""
    design, effect, of, formula, without = asked
    n, rng = piece[0], np.random.default_rng(piece[1])
    planned = planned_rows(design)
    if not leaves_by_scores(design):
        planned = planned[scored(design, planned, rng)].reset_index(drop=True)
    rows, shift = with_predictor(design, planned, of, rng)
    found = np.full((n, COLUMNS), np.nan)
    drawn = of in ("within", "between", "rupture")
    first = None  # of the same rows every study is a refit; where scores decide, rows differ
    for study in range(n):
        if drawn and study:  # values shared by studies would make them alike
            rows, shift = with_predictor(design, planned, of, rng)
        score = draw(design, rows, rng)
        for column, change in ((1, effect * shift), (3, 0.0))[: 1 + without]:
            outcome = score + change
            if first is None or drawn or leaves_by_scores(design):
                decides = outcome
                if of in ("within", "between"):
                    decides = shift * design.total_sd / np.sqrt(design.predictor_reliability)
                there = still_there(design, rows, decides, rng)
                if leaves_by_scores(design):
                    there &= scored(design, rows, rng)
                fit = first = fitted(formula, rows[there].assign(score=outcome[there]))
            else:
                fit = first.refit(outcome)
            got = _tested(fit, TERMS.get(of, "predictor"))
            if column == 1:
                found[study, :3], found[study, 4] = got[:3], got[3]
            else:
                found[study, 3] = got[1]
    return found


def _dropouts(asked: Asked, piece: Piece) -> np.ndarray:
    """Return difference of shares, p, whether singular, p without effect, and df, a row a study."""
    design, effect, _, formula, without = asked
    n, rng = piece[0], np.random.default_rng(piece[1])
    rows, _ = with_predictor(design, dropout.in_one_session(design).layout.rows(), "arm", rng)
    return dropout.tested_studies(design, rows, effect, formula, n, rng, without=without)


def _therapists(asked: Asked, piece: Piece) -> np.ndarray:
    """Return the therapists' share, p of the likelihood ratio to none, and so on."""
    n, rng = piece[0], np.random.default_rng(piece[1])
    one = replace(asked.design, icc_therapist=asked.effect)
    planned = one.layout.rows()
    planned = planned[scored(one, planned, rng)].reset_index(drop=True)
    rows, _ = with_predictor(one, planned, "arm" if one.arms > 1 else "gap", rng)
    drawn = rows.assign(score=draw(one, rows, rng))
    fit, null = fitted(asked.formula, drawn), fitted(asked.formula.rsplit(" + (", 1)[0], drawn)
    found = np.full((n, COLUMNS), np.nan)
    for study in range(n):
        score = draw(one, rows, rng)
        full, less = fit.refit(score), null.refit(score)
        if full.converged and less.converged:
            variances = full.varcomp.set_index("group")["vcov"]
            p = chi2_upper(2 * (full.llf - less.llf), 1) / 2  # half of the chance lies at zero
            own = variances["therapist_id"] / variances.sum() / one.reliability
            found[study, :3] = own, p, full.singular
    return found


HOW = {
    "dropout": " (logistic, between-within df)",
    "therapists": ", and tested by its likelihood ratio to the model without therapists",
}
"""What is told of the analysis besides its formula."""
WORK = {"dropout": _dropouts, "therapists": _therapists}
"""How studies are drawn and tested for questions that are not about a coefficient."""


def _tested(fit: MultilevelFit, term: str) -> tuple[float, float, bool, float]:
    """Return a coefficient, its p value, whether a variance was estimated as zero, and the df."""
    if term not in fit.names:
        raise DesignError(
            f"The formula must hold the term '{term}', whose effect is planned for; it has "
            f"{', '.join(fit.names)}."
        )
    place, got = list(fit.names).index(term), fit.coefficients
    if not fit.converged:
        return np.nan, np.nan, False, np.nan
    p = t_two_sided(got.params[place] / got.bse[place], got.df[place])
    return float(got.params[place]), float(p), fit.singular, float(got.df[place])


def with_predictor(
    design: StudyDesign, rows: pd.DataFrame, of: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows with the columns of the question, and the column whose effect it is."""
    last = (rows["arm"] == design.arms - 1).to_numpy(dtype=float)
    treated = (rows["therapist_id"] >= 0).to_numpy(dtype=float)
    rows = rows.assign(treated=treated, treated_time=treated * rows["time"])
    if of in ("arm", "arm_by_time"):
        if design.arms > 2:  # each arm against the first
            raise DesignError("Simulations compare two arms; plan the comparison with arms=2.")
        rows = rows.assign(arm=last, arm_time=last * rows["time"])
        return rows, last if of == "arm" else rows["arm_time"].to_numpy()
    if of == "gap":
        return rows.assign(centred=rows["time"] - middle_of(design)), np.ones(len(rows))
    if of == "between":
        level = rng.standard_normal(design.layout.n_clients)
        level -= level.mean()
        level *= np.sqrt(design.predictor_reliability) / level.std()
        return rows.assign(predictor=level[rows["client_id"]]), level[rows["client_id"]]
    if of == "rupture":
        rows = rows[rows["session"] > 1].reset_index(drop=True)
        drawn = (rng.random(len(rows)) < design.rupture_rate).astype(float)
    else:
        drawn = rng.standard_normal(len(rows))
    client = rows["client_id"].to_numpy()
    count = np.bincount(client)
    x = drawn - (np.bincount(client, drawn) / np.maximum(count, 1))[client]
    if of == "within":
        wanted = design.predictor_reliability * (len(rows) - (count > 0).sum())
        x *= np.sqrt(wanted / (x @ x))
    return rows.assign(predictor=x), x
