"""The chances of a test: power, wrong signs and exaggeration, for every kind of question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.arguments import flag
from ..errors import DesignError
from ..inference.distributions import t_quantile
from . import dropout, variance
from .information import Certainty, certainty
from .result import SHARES

if TYPE_CHECKING:
    from .design import StudyDesign


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
    from scipy import special, stats

    critical, shift = float(t_quantile(1 - alpha / 2, df)), abs(effect) / std_error
    if np.isinf(df):
        spread = np.ones(1)
    else:
        at = (np.arange(2000) + 0.5) / 2000
        spread = np.sqrt(special.chdtri(df, 1 - at) / df)
    bound = critical * spread
    above, below = stats.norm.sf(bound - shift), stats.norm.cdf(-bound - shift)
    chance = float((above + below).mean())
    size = shift * (above - below) + stats.norm.pdf(bound - shift) + stats.norm.pdf(bound + shift)
    exact = chance
    if np.isfinite(df):
        upper = 1 - special.nctdtr(df, shift, critical)
        exact = float(upper + special.nctdtr(df, shift, -critical))
    power = exact if np.isfinite(exact) else chance
    return power, float(below.mean()) / chance, float(size.mean()) / chance / shift


def chances(
    design: StudyDesign, of: str, effect: float, alpha: float
) -> tuple[Certainty, tuple[float, float, float]]:
    """Return how sure an estimate will be, and power, type S and type M of its test."""
    if of == "therapists":
        return variance.certainty(design, effect), variance.operating(design, effect, alpha)
    known = dropout.certainty(design, effect) if of == "dropout" else certainty(design, of)
    return known, operating(effect, known.std_error, known.df, alpha)


def smallest_effect(design: StudyDesign, of: str, power: float, alpha: float) -> float:
    """Return the smallest effect that is found with this power (of dropout, a fall)."""
    if power <= alpha:
        raise DesignError(f"power must lie above alpha ({alpha:g}), not {power:g}.")
    from scipy.optimize import brentq

    def power_at(effect: float) -> float:
        return chances(design, of, effect, alpha)[1][0]

    if of == "dropout":
        return dropout.smallest(design, power_at, power)
    if of == "therapists":
        return variance.smallest(design, power_at, power)
    known = certainty(design, of)

    def short(shift: float) -> float:
        return operating(shift, 1.0, known.df, alpha)[0] - power

    return float(brentq(short, 1e-6, 1e4)) * known.std_error


def unit_of_effect(design: StudyDesign, of: str, standardised: bool | None) -> float:
    """Return what an effect of one is in points of the outcome; of a share, itself."""
    if of in SHARES:
        return 1.0
    use = design.standardised if standardised is None else flag(standardised, "standardised")
    return design.total_sd if use else 1.0
