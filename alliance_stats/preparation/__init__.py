"""Within and between parts, lags, reliability of means, shares of therapists."""

from .correction import CorrectedBetween, correct_between
from .decomposition import decompose
from .exposure import therapist_exposure
from .lags import lag
from .reliability import MeanReliability, mean_reliability

__all__ = [
    "CorrectedBetween",
    "MeanReliability",
    "correct_between",
    "decompose",
    "lag",
    "mean_reliability",
    "therapist_exposure",
]
