"""Who drops out, compared between arms: a yes or no of each client, once, at the end."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import beta

from ..errors import DesignError
from ..multilevel.fit import Asked, fitted_outcome
from . import information
from .information import Certainty, degrees_of_freedom
from .record import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from .design import StudyDesign

LOGISTIC = Asked("binomial")
Array = np.ndarray


def shares(design: StudyDesign, effect: float = 0.0) -> tuple[float, float]:
    """Return the share who drop out in the first arm, and in the last."""
    share = design.dropout_share
    base = float(design.gone[-1]) if share is None else share
    for what, value in (("dropout", base), ("dropout plus the effect", round(base + effect, 9))):
        if not 0 < value < 1:
            raise DesignError(
                f"of='dropout' needs shares between 0 and 1; {what} is {value:.3g}. Give the "
                "design dropout_share= (or dropout=), and the difference from it as effect."
            )
    return base, base + effect


def icc_of(design: StudyDesign) -> float:
    """Return the therapists' share of the variance of dropout."""
    return design.icc_therapist if design.icc_dropout is None else design.icc_dropout


def in_one_session(design: StudyDesign, effect: float = 0.0) -> StudyDesign:
    """Return the plan whose one outcome is dropout, with its variance over both arms."""
    icc, variance = icc_of(design), np.mean([p * (1 - p) for p in shares(design, effect)])
    return replace(
        design, sessions=1, dropout=None, icc_client=0.0, icc_therapist=icc, slope_sd_client=0.0,
        slope_sd_therapist=0.0, residual_sd=float(np.sqrt(variance * (1 - icc))), reliability=1.0,
        missing=0.0,
    )  # fmt: skip


def certainty(design: StudyDesign, effect: float = 0.0) -> Certainty:
    """Return how sure a difference of shares is; its error depends on the difference itself.

    A share of clients in groups of n has the variance p (1 - p) / sum n / (1 + (n - 1) icc) (Donner
    & Klar 2000, Design and Analysis of Cluster Randomization Trials). Where therapists work in all
    arms, what they have in common falls out of the difference, as for any outcome.
    """
    if design.nested == "full" and design.randomised == "client":
        return information.certainty(in_one_session(design, effect), "arm")
    layout, icc = design.layout, icc_of(design)
    variances, left = [], []
    for arm, p in zip((0, design.arms - 1), shares(design, effect), strict=True):
        whose = layout.therapist[layout.arm == arm]
        n = np.unique(whose[whose >= 0], return_counts=True)[1]
        units = n if len(n) else np.ones(len(whose))
        variances.append(p * (1 - p) / (units / (1 + (units - 1) * icc)).sum())
        left.append(len(units) - 1)
    variance = sum(variances)
    if design.nested == "one_arm":
        df = variance**2 / sum(v**2 / more for v, more in zip(variances, left, strict=True))
        why = "Welch-Satterthwaite: the arm with therapists has them minus 1"
    else:
        df, why = degrees_of_freedom(in_one_session(design), "arm")
    return Certainty(float(np.sqrt(variance)), float(df), why)


def smallest(design: StudyDesign, power_at: Callable[[float], float], wanted: float) -> float:
    """Return the smallest fall in dropout that is found with the power wanted; NaN if none is."""
    from scipy.optimize import brentq

    none_left = -shares(design)[0] * (1 - 1e-6)
    if power_at(none_left) < wanted:
        return float("nan")
    return float(brentq(lambda effect: power_at(effect) - wanted, none_left, none_left * 1e-4))


def formula_of(design: StudyDesign) -> str:
    """Return the analysis that is planned for."""
    if design.nested == "one_arm":
        raise DesignError(
            "of='dropout' is simulated where every arm has therapists. With therapists in one arm "
            "a logistic model compares clients of a typical therapist with nobody's, which is no "
            "difference of shares; method='analytic' has that."
        )
    return "dropout ~ arm + (1 | therapist_id)"


def drawn_studies(
    design: StudyDesign, rows: pd.DataFrame, effect: float, rng: np.random.Generator
) -> Callable[[float], Array]:
    """Return what draws who drops out under an effect: 1 for those who do.

    A therapist's share is drawn from a beta distribution with the mean of the arm and the variance
    of the plan: high or low in all arms alike where the therapist works in several.
    """
    base, icc = shares(design, effect)[0], icc_of(design)
    arm, whose = rows["arm"].to_numpy(), rows["therapist_id"].to_numpy()
    precision = (1 - icc) / icc if icc else np.inf

    def drawn(shift: float) -> Array:
        mean = base + shift * arm
        own: Any = mean
        if icc:
            rank = rng.random(whose.max() + 1)[whose]
            own = beta.ppf(rank, mean * precision, (1 - mean) * precision)
        return (rng.random(len(rows)) < np.where(whose >= 0, own, mean)).astype(float)

    return drawn


def tested_studies(
    design: StudyDesign,
    rows: pd.DataFrame,
    effect: float,
    formula: str,
    n: int,
    rng: np.random.Generator,
    *,
    without: bool,
) -> Array:
    """Return difference of shares, p, whether singular, p without effect, and df, a row a study."""
    drawn = drawn_studies(design, rows, effect, rng)
    arm = rows["arm"].to_numpy()
    found = np.full((n, COLUMNS), np.nan)
    fit_once = partial(fitted_outcome, formula, asked=LOGISTIC, df="between-within")
    for study in range(n):
        for column, shift in ((1, effect), (3, 0.0))[: 1 + without]:
            left = drawn(shift)
            if column == 1:
                found[study, 0] = left[arm == 1].mean() - left[arm == 0].mean()
            try:
                fit = fit_once(rows.assign(dropout=left))
            except DesignError:  # nobody dropped out, or everybody
                continue
            if fit.converged:
                found[study, column], found[study, 2] = fit.pvalues["arm"], fit.singular
                found[study, 4] = fit.df["arm"]
    return found
