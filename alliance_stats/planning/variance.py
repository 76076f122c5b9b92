"""Do therapists differ at all? Their share of the variance, tested against none.

The means of a therapist's clients have the variance ``W (1 / n + theta)``, with ``W`` the variance
of a client's mean around the therapist and ``theta`` the therapists' variance in units of it. The
mean square between therapists over that within is ``1 + n theta`` times F, exactly where caseloads
and lengths are equal; else ``n`` is the weighted mean of analysis of variance and ``W`` that of an
average client (Searle, Casella & McCulloch 1992, Variance Components, chapter 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DesignError
from .information import Certainty, of_lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from .design import StudyDesign

POINTS = (np.arange(2000) + 0.5) / 2000


@dataclass(frozen=True)
class _Squares:
    """The analysis of variance of a design, in which the therapists carry a share."""

    size: float
    df: tuple[int, int]
    within: float
    theta: float
    session: float
    """Variance of one session within a therapist."""

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
            "of='therapists' needs their share of the variance as the effect, between 0 and "
            f"{1 - design.icc_client:.3g} (what the clients leave), not {effect:g}."
        )
    one, layout = replace(design, icc_therapist=effect), design.layout
    treated = layout.therapist >= 0
    count = np.bincount(layout.therapist[treated]).astype(float)
    arm = np.zeros(len(count), int)
    if design.randomised == "therapist" and design.nested == "full":
        arm[layout.therapist[treated]] = layout.arm[treated]
    clients = np.bincount(arm, count)
    groups = len(clients)
    between = len(count) - groups
    size = (count.sum() - (count**2 / clients[arm]).sum()) / between
    within = int(count.sum()) - len(count) + max(int((~treated).sum()) - 1, 0)
    if design.randomised == "client" and design.nested == "full":
        within -= design.arms - 1
    if within < 1:
        raise DesignError(
            "of='therapists' needs therapists with two clients or more: with one each nobody can "
            "tell the therapist from the client."
        )
    one_over = of_lengths(design)["one_over"][layout.length]
    of_mean = one.client_variance + one.noise_variance * float(one_over.mean())
    return _Squares(
        size, (between, within), of_mean, one.therapist_variance / of_mean,
        one.client_variance + one.residual_sd**2,
    )  # fmt: skip


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
    why = "therapists minus arms (of F; within them clients minus therapists)"
    return Certainty(float(error), float(at.df[0]), why)


def operating(design: StudyDesign, effect: float, alpha: float) -> tuple[float, float, float]:
    """Return the power of the F test, no type S (a variance has no sign), and its type M.

    The estimate is the difference of the mean squares; given the one within, how large the one
    between is where it suffices is a tail of chi-square with two df more.
    """
    from scipy import special

    at = _squares(design, effect)
    first, second = at.df
    bound = float(special.fdtri(first, second, 1 - alpha)) / at.ratio
    within = special.chdtri(second, 1 - POINTS) / second
    reached = special.chdtrc(first, first * bound * within)
    above = special.chdtrc(first + 2, first * bound * within)  # the mean square's, where reached
    found = (at.ratio * above - within * reached).mean() / reached.mean()
    power = float(special.fdtrc(first, second, bound))
    return power, float("nan"), float(found / at.size / at.theta)


def half_width(design: StudyDesign, confidence: float) -> float:
    """Return half the width of the share's interval, which F gives."""
    from scipy import special

    at = _squares(design, design.icc_therapist)
    ends = special.fdtri(*at.df, np.array([0.5 + confidence / 2, 0.5 - confidence / 2]))
    low, high = (at.share(max((at.ratio / end - 1) / at.size, 0.0)) for end in ends)
    return float(high - low) / 2


def smallest(design: StudyDesign, power_at: Callable[[float], float], wanted: float) -> float:
    """Return the smallest share that is found with the power wanted."""
    from scipy.optimize import brentq

    most = (1 - design.icc_client) * (1 - 1e-6)
    if power_at(most) < wanted:
        return float("nan")
    return float(brentq(lambda effect: power_at(effect) - wanted, most * 1e-6, most))
