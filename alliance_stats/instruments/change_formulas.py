"""The six reliable-change statistics and the three cut-offs, as functions of numbers.

Every statistic takes scores on the measure's own scale and is positive where the score rose; the
caller turns the sign so that positive is improvement. Nothing here knows of frames.

Sources: Jacobson & Truax (1991, doi 10.1037/0022-006X.59.1.12) for JT and the cut-offs; the
other five as set out by Bauer, Lambert & Nielsen (2004, doi 10.1207/s15327752jpa8201_11) and
Hageman & Arrindell (1999, doi 10.1016/S0005-7967(99)00032-7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arguments import is_number
from ..errors import DesignError


@dataclass(frozen=True)
class Moments:
    """What the statistics need to know of a sample: means, SDs, reliability, correlation."""

    mean_pre: float
    mean_post: float
    sd_pre: float
    sd_post: float
    reliability: float
    reliability_post: float
    correlation: float

    @property
    def sem(self) -> float:
        """Standard error of measurement at the first occasion."""
        return self.sd_pre * float(np.sqrt(1 - self.reliability))


def jacobson_truax(pre: np.ndarray, post: np.ndarray, m: Moments) -> np.ndarray:
    """Difference over the standard error of a difference of two scores."""
    return (post - pre) / (np.sqrt(2) * m.sem)


def gulliksen_lord_novick(pre: np.ndarray, post: np.ndarray, m: Moments) -> np.ndarray:
    """Residual from regression to the mean of the first occasion, over its standard error."""
    predicted = m.reliability * (pre - m.mean_pre)
    return ((post - m.mean_pre) - predicted) / _standard_error_of_prediction(m)


def hsu_linn_lord(pre: np.ndarray, post: np.ndarray, m: Moments) -> np.ndarray:
    """As GLN, with the mean of the second occasion as the point to which scores regress."""
    predicted = m.reliability * (pre - m.mean_pre)
    return ((post - m.mean_post) - predicted) / _standard_error_of_prediction(m)


def edwards_nunnally(pre: np.ndarray, post: np.ndarray, m: Moments) -> np.ndarray:
    """Distance of the second score from the estimated true first score (Speer's form)."""
    return (post - _true_score(pre, m)) / m.sem


def nunnally_kotsch(pre: np.ndarray, post: np.ndarray, m: Moments) -> np.ndarray:
    """As EN, with an error that allows another reliability at the second occasion."""
    r, variance = m.reliability, m.sd_pre**2
    error = np.sqrt(r**2 * variance * (1 - r) + variance * (1 - m.reliability_post))
    return (post - _true_score(pre, m)) / error


def hageman_arrindell(pre: np.ndarray, post: np.ndarray, m: Moments) -> np.ndarray:
    """Difference regressed to the sample's mean difference by the difference's reliability."""
    rdd = difference_reliability(m)
    shrunken = (post - pre) * rdd + (m.mean_post - m.mean_pre) * (1 - rdd)
    return shrunken / (np.sqrt(rdd) * np.sqrt(2 * m.sem**2))


def difference_reliability(m: Moments) -> float:
    """Return the reliability of the difference post - pre that HA weighs by."""
    true_pre, true_post = m.sd_pre**2 - m.sem**2, m.sd_post**2 - m.sem**2
    covariance = m.sd_pre * m.sd_post * m.correlation
    total = m.sd_pre**2 + m.sd_post**2 - 2 * covariance
    return (true_pre + true_post - 2 * covariance) / total if total > 0 else float("nan")


def _standard_error_of_prediction(m: Moments) -> float:
    return m.sd_pre * float(np.sqrt(1 - m.reliability**2))


def _true_score(pre: np.ndarray, m: Moments) -> np.ndarray:
    return m.reliability * (pre - m.mean_pre) + m.mean_pre


@dataclass(frozen=True)
class Method:
    """One reliable-change statistic with its critical value."""

    name: str
    title: str
    statistic: Callable[[np.ndarray, np.ndarray, Moments], np.ndarray]
    critical: float = 1.96


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("JT", "Jacobson-Truax", jacobson_truax),
        Method("GLN", "Gulliksen-Lord-Novick", gulliksen_lord_novick),
        Method("HLL", "Hsu-Linn-Lord", hsu_linn_lord),
        Method("EN", "Edwards-Nunnally", edwards_nunnally),
        Method("NK", "Nunnally-Kotsch", nunnally_kotsch),
        Method("HA", "Hageman-Arrindell", hageman_arrindell, critical=1.65),
    )
}


def cutoff(
    criterion: str,
    clinical: tuple[float, float] | None,
    functional: tuple[float, float] | None,
    *,
    lower_is_better: bool,
) -> float:
    """Return Jacobson and Truax's cut-off a, b or c.

    a: two *clinical* SDs from the clinical mean, toward health; b: two *functional* SDs from the
    functional mean, toward illness; c: the point equally likely under both, where each mean is
    weighted with the other group's SD (halfway only where the SDs are equal).
    """
    toward_health = -1.0 if lower_is_better else 1.0
    if clinical is not None and functional is not None:
        ill, well = (_needed(p, n, criterion)[0] for p, n in
                     ((clinical, "clinical"), (functional, "functional")))  # fmt: skip
        if toward_health * (well - ill) <= 0:
            better = "lower" if lower_is_better else "higher"
            raise DesignError(
                f"The functional mean ({well:g}) must be {better} than the clinical one ({ill:g}), "
                f"for {better} scores are better; look whether the two are swapped, or direction=."
            )
    if criterion == "a":
        mean, sd = _needed(clinical, "clinical", criterion)
        return mean + toward_health * 2 * sd
    if criterion == "b":
        mean, sd = _needed(functional, "functional", criterion)
        return mean - toward_health * 2 * sd
    clinical_mean, clinical_sd = _needed(clinical, "clinical", criterion)
    functional_mean, functional_sd = _needed(functional, "functional", criterion)
    weighted = clinical_sd * functional_mean + functional_sd * clinical_mean
    return weighted / (clinical_sd + functional_sd)


def _needed(pair: Any, name: str, criterion: str) -> tuple[float, float]:
    if pair is None:
        raise DesignError(
            f"Criterion '{criterion}' needs the {name} group's mean and SD; give {name}=(mean, sd)."
        )
    two = isinstance(pair, (tuple, list, np.ndarray)) and len(pair) == 2
    if not (two and is_number(pair[0]) and is_number(pair[1]) and pair[1] > 0):
        raise DesignError(
            f"{name}=(mean, sd) must be a finite mean and an SD above 0, not {pair!r}."
        )
    return float(pair[0]), float(pair[1])
