"""Do therapists differ at all? Their share of the variance, tested against none.

The means of a therapist's clients have the variance ``W (1 / n + theta)``, with ``W`` the variance
of a client's mean around the therapist and ``theta`` the therapists' variance in units of it. The
mean square between therapists over that within is ``1 + n theta`` times F, exactly where caseloads
and lengths are equal.

Else a client counts by ``w = 1 / W`` (0 without a score), and a therapist's mean tells of the
variance ``T`` between therapists by the eigenvalues ``m`` of ``diag(w) - w w' / sum(w)``, `w` now
the sums over each one's clients (Crainiceanu & Ruppert 2004, doi
10.1111/j.1467-9868.2004.00438.x). ``1 + n theta`` and its df are those of the equal caseloads in
which the likelihood ratio is expected to be as large, ``sum (m T - log(1 + m T))``, and as even,
``(sum q)^2 / sum q^2`` with ``q = (m T)^2 / (1 + m T)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DesignError
from .information import Certainty, of_lengths
from .layout import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .design import StudyDesign

Array = np.ndarray
RANKS = np.arange(1000)
POINTS = (RANKS + 0.5) / 1000
BESIDE = (RANKS + 0.5) * GOLDEN % 1
"""With `POINTS`, pairs that are even over the square."""
ALIKE = 0.01
"""Therapists whose weights differ by no more, in logs, have that of their mean."""


@dataclass(frozen=True)
class _Squares:
    """The analysis of variance of a design, in which the therapists carry a share.

    Its df are those of therapists, of their clients, and of sessions within clients.
    """

    size: float
    df: tuple[float, float, float]
    within: float
    theta: float
    session: float
    """Variance of one session within a therapist."""
    error: float
    """The part of `within` that is of single sessions."""

    @property
    def ratio(self) -> float:
        """The mean square between therapists over that within, as expected."""
        return 1 + self.size * self.theta

    def share(self, theta: float) -> float:
        """Return a therapists' variance, in units of a client's mean, as a share."""
        return theta * self.within / (theta * self.within + self.session)


def _squares(design: StudyDesign, effect: float) -> _Squares:
    if not 0 < effect < 1 - design.icc_client:
        raise DesignError(
            "of='therapists' needs their share of the variance (the effect; for precision "
            f"icc_therapist) between 0 and {1 - design.icc_client:.3g} (what the clients leave), "
            f"not {effect:g}."
        )
    one, layout = replace(design, icc_therapist=effect), design.layout.measured
    each = of_lengths(one)
    weight, some = each["a_between"][layout.length], each["some"][layout.length]
    treated, full = layout.therapist >= 0, design.nested == "full"
    whose = layout.therapist[treated]
    own = np.bincount(whose, weight[treated])
    arm = np.zeros(len(own), int)
    if design.randomised == "therapist" and full:
        arm[whose] = layout.arm[treated]
    nobody = np.ones(len(own))  # the chance that none of a therapist's clients has a score
    np.multiply.at(nobody, whose, 1 - some[treated])
    clients = some.sum() - (1 - nobody).sum() - (not full)
    if design.randomised == "client" and full:
        clients -= design.arms - 1
    if clients < 1:
        raise DesignError(
            "of='therapists' needs therapists with two clients or more: with one each nobody can "
            "tell the therapist from the client."
        )
    size, between = _equal(one.therapist_variance, [own[arm == a] for a in np.unique(arm)])
    mean = float(weight.sum() / some.sum())
    return _Squares(
        size / mean, (between, float(clients), float(design.scores.sum() - some.sum() - 1)),
        1 / mean, one.therapist_variance * mean, one.client_variance + one.residual_sd**2,
        1 - one.client_variance * mean,
    )  # fmt: skip


def _equal(variance: float, arms: list[Array]) -> tuple[float, float]:
    """Return the weight of each of equal therapists who tell as much, and their df."""
    from scipy.optimize import brentq

    found = [_eigenvalues(weights) for weights in arms]
    value, times = (np.concatenate(parts) for parts in zip(*found, strict=True))
    told = value * variance
    square = told**2 / (1 + told)
    df = (times @ square) ** 2 / (times @ square**2)
    ratio = times @ (told - np.log1p(told)) / df
    most = 2 * (ratio + np.sqrt(ratio))
    equal = brentq(lambda one: one - np.log1p(one) - ratio, 0, most, xtol=1e-15)
    return float(equal) / variance, float(df)


def _eigenvalues(weights: Array) -> tuple[Array, Array]:
    """Return those of ``diag(w) - w w' / sum(w)`` without its zero, and how often each comes."""
    kind, times = np.unique(
        np.round(np.log(weights) / ALIKE), return_inverse=True, return_counts=True
    )[1:]
    mean = np.bincount(kind, weights) / times
    sums = np.sqrt(times) * mean
    between = np.linalg.eigvalsh(np.diag(mean) - np.outer(sums, sums) / weights.sum())[1:]
    return np.append(mean, between), np.append(times - 1, np.ones(len(between)))


def check(design: StudyDesign) -> None:
    """Refuse designs in which the share changes from session to session."""
    if design.has_slopes:
        raise DesignError(
            "of='therapists' is about one level in all sessions; plan it with slope_sd_client=0 "
            "and slope_sd_therapist=0."
        )


def certainty(design: StudyDesign, effect: float) -> Certainty:
    """Return the standard error of the share, and the df of the therapists' mean square."""
    at = _squares(design, effect)
    spread = at.ratio**2 / at.df[0] + 1 / at.df[1]
    error = at.within * np.sqrt(2 * spread) / at.size / (at.theta * at.within + at.session)
    arms = design.arms if design.randomised == "therapist" and design.nested == "full" else 1
    counted = design.layout.measured.n_therapists - arms
    why = "therapists minus arms, of their mean square; within them clients minus therapists"
    if at.df[0] < 0.99 * counted:
        why = f"as many as equal therapists would have who tell as much, of {counted} ({why})"
    return Certainty(float(error), float(at.df[0]), why)


def operating(design: StudyDesign, effect: float, alpha: float) -> tuple[float, float, float]:
    """Return the power of the test, no type S (a variance has no sign), and its type M.

    The test is the likelihood ratio (REML) to the model without therapists, with half its chance
    at zero; of one session, where that model has no random part, F. The estimate is the difference
    of mean squares; given those within therapists and clients, how large the one between is where
    it suffices is a tail of chi-square with two df more.
    """
    from scipy import special

    at = _squares(design, effect)
    first, second, third = at.df
    within = special.chdtri(second, 1 - POINTS) / second
    if third < 1:
        bound = special.fdtri(first, second, 1 - alpha) * within
    else:
        error = at.error * special.chdtri(third, 1 - BESIDE) / third
        bound = within * _bound(at.df, np.ones(1), np.full(1, 0.5), alpha)
        pooled = within < error  # a client's variance is zero
        bound[pooled] = _bound(at.df, within[pooled], error[pooled], alpha)
        both = (second * within + third * error) / (second + third)
        within = np.where(pooled, both, within)
    enough = first * bound / at.ratio
    reached, above = special.chdtrc(first, enough), special.chdtrc(first + 2, enough)
    power = float(reached.mean())
    found = (at.ratio * above - within * reached).mean() / power
    return power, float("nan"), float(found / at.size / at.theta)


def _bound(df: tuple[float, float, float], within: Array, error: Array, alpha: float) -> Array:
    """Return from where a mean square between therapists is significant, given the others.

    Variances below zero are none, so that mean squares are pooled with the next where they are
    below it: clients' with sessions', and without therapists theirs with clients'.
    """
    from scipy import special

    first, second, third = df
    rest = (second * within + third * error) / (second + third)
    pooled = within < error
    fitted = np.where(pooled, rest, within)
    less = second * np.log(fitted) + third * np.log(np.where(pooled, rest, error))
    critical = special.chdtri(1, 2 * alpha) if alpha < 0.5 else 0.0
    low, high = np.log(fitted), np.log(fitted) + 20
    for _ in range(40):  # halves the interval: 2e-11 of it is left
        middle = (low + high) / 2
        both = (first * np.exp(middle) + second * within) / (first + second)
        every = (first * np.exp(middle) + (second + third) * rest) / sum(df)
        apart = both > error
        without = (first + second) * np.log(np.where(apart, both, every))
        without += third * np.log(np.where(apart, error, every))
        enough = without - first * middle - less > critical
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.exp(high)


def half_width(design: StudyDesign, confidence: float) -> float:
    """Return half the width of the share's interval, which F gives."""
    from scipy import special

    at = _squares(design, design.icc_therapist)
    ends = special.fdtri(*at.df[:2], np.array([0.5 + confidence / 2, 0.5 - confidence / 2]))
    low, high = (at.share(max((at.ratio / end - 1) / at.size, 0.0)) for end in ends)
    return float(high - low) / 2


def smallest(design: StudyDesign, power_at: Callable[[float], float], wanted: float) -> float:
    """Return the smallest share that is found with the power wanted."""
    from scipy.optimize import brentq

    most = (1 - design.icc_client) * (1 - 1e-6)
    if power_at(most) < wanted:
        return float("nan")
    return float(brentq(lambda effect: power_at(effect) - wanted, most * 1e-6, most))
