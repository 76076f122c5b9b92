"""The chances of a test: power, wrong signs and exaggeration, for every kind of question."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..core.arguments import checked_choice, is_number, shown
from ..errors import DesignError, plural
from ..inference.distributions import t_quantile
from . import dropout, variance
from .information import Certainty, certainty
from .result import QUESTIONS

if TYPE_CHECKING:
    from .design import StudyDesign


CERTAIN = 1e6
"""An effect of so many standard errors is found as surely as any larger one."""
LEAST = {"arm_by_time": 2, "within": 2, "rupture": 3, "dropout": 0}
"""Sessions that a question needs."""


def check_question(design: StudyDesign, of: str) -> None:
    """Refuse a question that the design cannot be asked."""
    checked_choice("of", of, QUESTIONS)
    if of in ("arm", "arm_by_time", "dropout") and design.arms < 2:
        raise DesignError(f"of='{of}' needs arms; the design says randomised='none'.")
    least, layout = LEAST.get(of, 1), design.layout
    if design.sessions < least:
        raise DesignError(f"of='{of}' needs {least} sessions or more, not {design.sessions}.")
    if min(layout.length[layout.arm == arm].max() for arm in range(design.arms)) < least:
        raise DesignError(
            f"of='{of}' needs clients who stay for {plural(least, 'session')}; with this "
            "dropout none of an arm's clients does."
        )
    if of == "therapists":
        variance.check(design)
    if of == "gap" and design.nested == "one_arm":
        raise DesignError("of='gap' needs a therapist for every client; one arm has none.")


def checked_effect(effect: object) -> None:
    """Refuse an effect that is no number, or none at all."""
    if not is_number(effect) or effect == 0:
        raise DesignError(
            f"effect must be a number other than 0, not {shown(effect)}: with no effect the power "
            "is alpha, however large the study."
        )


def check_power(power: float, alpha: float) -> None:
    """Refuse a power that no effect and no study are needed for."""
    if power <= alpha:
        raise DesignError(f"power must lie above alpha ({alpha:g}), not {power:g}.")


def operating(
    effect: float, std_error: float, df: float, alpha: float
) -> tuple[float, float, float]:
    """Return power, type S and type M of a two-sided t test.

    The power is from the noncentral t. Given the standard error estimated, the estimate is normal,
    so that signs and sizes of significant estimates are a mean over the errors' chi-square.

    Examples
    --------
    >>> [round(number, 3) for number in operating(0.1, 3.28, float("inf"), 0.05)]
    [0.05, 0.464, 76.689]
    """
    from scipy import special

    critical, shift = float(t_quantile(1 - alpha / 2, df)), min(abs(effect) / std_error, CERTAIN)
    bound = critical * _spread(df)
    above, below = special.ndtr(shift - bound), special.ndtr(-bound - shift)
    chance = float((above + below).mean())
    densities = np.exp(-((bound - shift) ** 2) / 2) + np.exp(-((bound + shift) ** 2) / 2)
    size = shift * (above - below) + densities / np.sqrt(2 * np.pi)
    exact = chance
    if np.isfinite(df):
        upper = 1 - special.nctdtr(df, shift, critical)
        exact = float(upper + special.nctdtr(df, shift, -critical))
    power = exact if np.isfinite(exact) else chance
    return power, float(below.mean()) / chance, float(size.mean()) / chance / shift


@lru_cache(maxsize=64)
def _spread(df: float) -> np.ndarray:
    """Return errors estimated, over the true one: 2,000 that are as likely as each other."""
    from scipy import special

    if np.isinf(df):
        return np.ones(1)
    return np.sqrt(special.chdtri(df, 1 - (np.arange(2000) + 0.5) / 2000) / df)


def chances(
    design: StudyDesign, of: str, effect: float, alpha: float
) -> tuple[Certainty, tuple[float, float, float]]:
    """Return how sure an estimate will be, and power, type S and type M of its test."""
    check_question(design, of)
    if of == "therapists":
        return variance.certainty(design, effect), variance.operating(design, effect, alpha)
    known = dropout.certainty(design, effect) if of == "dropout" else certainty(design, of)
    if known.rough:
        raise DesignError(known.rough)
    return known, operating(effect, known.std_error, known.df, alpha)


def smallest_effect(design: StudyDesign, of: str, power: float, alpha: float) -> float:
    """Return the smallest effect that is found with this power (of dropout, a fall)."""
    check_power(power, alpha)
    from scipy.optimize import brentq

    def power_at(effect: float) -> float:
        return chances(design, of, effect, alpha)[1][0]

    if of == "dropout":
        return dropout.smallest(design, power_at, power)
    if of == "therapists":
        return variance.smallest(design, power_at, power)
    known, _ = chances(design, of, 1.0, alpha)

    def short(shift: float) -> float:
        return operating(shift, 1.0, known.df, alpha)[0] - power

    return float(brentq(short, 1e-6, 1e4)) * known.std_error
