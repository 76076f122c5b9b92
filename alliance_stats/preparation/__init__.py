"""Within and between parts, lags, detrending, reliability of means."""

from .correction import CorrectedBetween, correct_between
from .decomposition import decompose
from .lags import lag
from .reliability import MeanReliability, mean_reliability

__all__ = [
    "CorrectedBetween",
    "MeanReliability",
    "correct_between",
    "decompose",
    "lag",
    "mean_reliability",
]
