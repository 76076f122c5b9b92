"""How sure an estimate will be: generalised least squares over a planned study's own covariance.

A client's sessions have the covariance ``V = residual + Z C Z'`` with ``Z = [1, time]``, those of a
therapist's clients ``V + Z T Z'``. By Woodbury's identity the information of a therapist about
coefficients of columns ``X`` is ``sum X'WX - R K R'`` with ``W`` the inverse of ``V``,
``R = sum X'WZ``, ``S = sum Z'WZ`` and ``K = T (1 + S T)^-1``: sums over clients that depend on how
long each stays only, so unequal caseloads and dropout cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DesignError
from .satterthwaite import MANY, coding_of, own_df

if TYPE_CHECKING:
    from .design import StudyDesign
    from .layout import Layout

Array = np.ndarray
FIXED = ("arm", "arm_by_time", "gap")
"""Questions about columns that are the same in every study; of others only the SD is known."""

PATTERNS = 200
"""Patterns of missing scores that are averaged over."""
EQUAL = 0.9
"""From this part of the df counted on, caseloads are equal enough for the count."""
MORE = 1.5
"""From so many times the df counted on, fits will have clearly more of them."""
SURE = 5
"""With fewer df than these, and caseloads that are not equal enough, no t has the right tails."""


@dataclass(frozen=True)
class Certainty:
    """The standard error of an estimate, its degrees of freedom, and where they come from.

    `rough` says why the formula's power would be wrong; it is empty where that is right.
    """

    std_error: float
    df: float
    why: str
    rough: str = ""


def certainty(design: StudyDesign, of: str) -> Certainty:
    """Return the standard error and df of the coefficient that answers a question."""
    if of not in design.known:
        design.known[of] = _certainty(design, of)
    return design.known[of]


def _certainty(design: StudyDesign, of: str) -> Certainty:
    layout, rough = design.layout.measured, ""
    df, why = degrees_of_freedom(design, of)
    if df < 1:
        raise DesignError(
            f"The design leaves no degrees of freedom for of='{of}' ({why}); plan more therapists, "
            "clients or sessions."
        )
    if of not in FIXED:
        return Certainty(1 / np.sqrt(_random_information(design, layout, of)), float(df), why)
    arms, keep, contrast = question_of(design, of)
    P, R, K = _sums(design, layout, coding_of(layout.arm, arms))
    matrix = (P - np.einsum("jab,jbc,jdc->ad", R, K, R))[np.ix_(keep, keep)]
    error = float(np.sqrt(contrast @ np.linalg.solve(matrix, contrast)))
    if layout.n_therapists <= MANY:
        own = own_df(design, arms, keep, contrast)
        if own < EQUAL * df or design.nested == "one_arm":
            if design.nested != "one_arm":
                why = f"Satterthwaite's of this design, of at most {df:.4g} ({why})"
            if own < min(SURE, EQUAL * df):
                rough = (
                    f"Caseloads are so unequal that few therapists decide: {own:.2g} degrees of "
                    f"freedom by the design's covariance, where {df:.4g} are counted. No formula "
                    "is right there; ask with method='simulation', or plan caseloads more alike."
                )
            df = own
        elif own > MORE * df:
            why += (
                f"; Satterthwaite's of this design are {own:.3g}, with which fits find more than "
                "the formula says"
            )
    return Certainty(error, float(df), why, rough)


def degrees_of_freedom(design: StudyDesign, of: str) -> tuple[float, str]:
    """Return the df of the analysis that will be run, and in words how they are counted."""
    layout = design.layout.measured
    n, J, arms = layout.n_clients, layout.n_therapists, design.arms
    slopes = design.slope_sd_client > 0
    if of in ("within", "rupture"):
        there = 1 - design.missed
        there[: of == "rupture"] = 0
        rows = np.append(0, np.cumsum(there))[layout.length].sum()
        used = (1 - np.append(1, np.cumprod(1 - there)))[layout.length].sum()
        count = round(rows - used * (1 + slopes)) - 2
        return count, f"sessions minus clients{' and their slopes' if slopes else ''} minus 2"
    if of == "gap":
        return J - 1, "therapists minus 1"
    if of == "between":
        return max(n - J - 1, J - 2), "clients minus therapists minus 1"
    if design.nested == "one_arm":
        return J - 1, "Satterthwaite's of this design: the arm with therapists has them minus 1"
    if design.randomised == "therapist":
        return J - arms, "therapists minus arms"
    return max(n - J - (arms - 1), J - arms), "clients minus therapists minus arms plus 1"


def middle_of(design: StudyDesign) -> float:
    """Return the middle of the sessions planned, in sessions after the first."""
    return (design.sessions - 1) / 2


def question_of(design: StudyDesign, of: str) -> tuple[int, Array, Array]:
    """Return the arms told apart, which of ``[1, time] x arms`` are fitted, and their contrast."""
    arms = 1 if of == "gap" else design.arms
    if of == "arm_by_time":
        keep = np.arange(2 * arms)
    else:  # levels of the arms, and one course over time
        course = design.layout.length.max() > 1 and (of == "arm" or design.has_slopes)
        keep = np.arange(arms + course)
    contrast = np.zeros(len(keep))
    contrast[2 * arms - 1 if of == "arm_by_time" else arms - 1] = 1
    if of == "gap" and len(keep) > 1:  # in the middle of the sessions planned
        contrast[1] = middle_of(design)
    return arms, keep, contrast


def _sums(design: StudyDesign, layout: Layout, r: Array) -> tuple[Array, Array, Array]:
    """Return ``sum X'WX``, and each therapist's ``R`` and ``K``; columns are [1, time] x coding."""
    A = of_lengths(design)["A"][layout.length]
    k = 2 * r.shape[1]
    P = np.einsum("nab,nk,nl->akbl", A, r, r).reshape(k, k)
    whose = layout.therapist
    has = whose >= 0
    R = np.zeros((layout.n_therapists, k, 2))
    np.add.at(R, whose[has], np.einsum("nab,nk->nakb", A, r)[has].reshape(-1, k, 2))
    return P, R, _kernel(design, layout, A[has], whose[has])


def _kernel(design: StudyDesign, layout: Layout, A: Array, whose: Array) -> Array:
    """Return each therapist's ``T (1 + S T)^-1``."""
    S = np.zeros((layout.n_therapists, 2, 2))
    np.add.at(S, whose, A)
    T = np.diag([design.therapist_variance, design.slope_sd_therapist**2])
    return T @ np.linalg.inv(np.eye(2) + S @ T)


def _random_information(design: StudyDesign, layout: Layout, of: str) -> float:
    """Return the expected information about the effect of a predictor with an SD of 1.

    For a predictor drawn anew for each session (or client), the expectation of ``x'V^-1 x`` is the
    trace of ``V^-1`` over what the predictor can differ in.
    """
    parts = of_lengths(design, first=1 if of == "rupture" else 0)
    kind = "between" if of == "between" else "within"
    a, B, A = (parts[name][layout.length] for name in (f"a_{kind}", f"B_{kind}", "A"))
    has = layout.therapist >= 0
    K = _kernel(design, layout, A[has], layout.therapist[has])
    information = a.sum() - np.einsum("nab,nba->", K[layout.therapist[has]], B[has])
    if of == "between":  # one mean is estimated too
        information *= 1 - 1 / layout.n_clients
    return float(
        information * (design.rupture_variance if of == "rupture" else design.predictor_reliability)
    )


def patterns(design: StudyDesign) -> Array:
    """Return which sessions have a score (1) for clients who stay, one pattern a row.

    In each session as many patterns lack it as the plan says, in each session other ones.
    """
    if not design.missed.any():
        return np.ones((1, design.sessions))
    rng = np.random.default_rng(0)
    rank = rng.permuted(np.tile(np.arange(PATTERNS), (design.sessions, 1)), axis=1).T
    return ((rank + 0.5) / PATTERNS >= design.missed).astype(float)


def of_lengths(design: StudyDesign, first: int = 0) -> dict[str, Array]:
    """Return what a client contributes who stays for 0, 1, 2 ... sessions.

    ``A = Z'WZ``; for a predictor that varies within (or between) clients the trace of ``W`` over
    it, and ``B``, its part that the therapist's covariance takes away; the chance of ``some``
    score. With ``G = Z'Z`` over the residual variance, ``Z'W`` is ``F Z'`` over it, where
    ``F = (1 + G C)^-1``. Where scores are missing, all are means over `patterns`.
    """
    there = patterns(design)
    there[:, :first] = 0
    time, noise = np.arange(design.sessions), design.noise_variance
    n, once, twice = (np.cumsum(there * time**power, axis=1) for power in range(3))
    G = np.moveaxis(np.array([[n, once], [once, twice]]), (0, 1), (2, 3)) / noise
    C = np.diag([design.client_variance, design.slope_sd_client**2])
    F = np.linalg.inv(np.eye(2) + G @ C)
    A = F @ G
    spread = twice - once**2 / np.maximum(n, 1)  # of time around its mean
    trace = np.maximum(n - 1, 0) / noise - (C @ F)[..., 1, 1] * spread / noise**2
    slope = np.sqrt(spread)[..., None] * F[..., 1] / noise
    each = {
        "A": A,
        "a_within": trace,
        "B_within": slope[..., None] * slope[..., None, :],
        "a_between": A[..., 0, 0],
        "B_between": A[..., 0, :, None] * A[..., 0, None, :],
        "some": np.minimum(n, 1),
    }
    found = {name: one.mean(axis=0) for name, one in each.items()}
    return {name: np.concatenate([np.zeros_like(one[:1]), one]) for name, one in found.items()}
