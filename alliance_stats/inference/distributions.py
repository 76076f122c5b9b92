"""Tail areas, quantiles and half-widths by t, F and chi-square; infinite df make a t a z."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def t_two_sided(statistic: Any, df: Any = np.inf) -> Any:
    """Return the two-sided p value of a t statistic; a z where `df` is infinite."""
    from scipy import special

    below = -np.abs(statistic)
    finite = np.where(np.isfinite(df), df, 1.0)
    return 2.0 * np.where(np.isfinite(df), special.stdtr(finite, below), special.ndtr(below))


def t_upper(statistic: Any, df: Any = np.inf) -> Any:
    """Return the upper tail of t; of z where `df` is infinite."""
    half = t_two_sided(statistic, df) / 2.0
    return np.where(np.asarray(statistic) > 0, half, 1.0 - half)


def t_quantile(probability: float, df: Any = np.inf) -> Any:
    """Return the quantile of t; of z where `df` is infinite."""
    from scipy import special

    finite = np.where(np.isfinite(df), df, 1.0)
    t = special.stdtrit(finite, probability)
    return np.where(np.isfinite(df), t, special.ndtri(probability))


def half_width(std_error: Any, df: Any = np.inf, confidence: float = 0.95) -> Any:
    """Return half the width of the interval around an estimate; by z where `df` is infinite."""
    return t_quantile(0.5 + confidence / 2, df) * std_error


def f_upper(statistic: float, df_num: float, df_den: float) -> float:
    """Return the upper tail of F; of chi-square over its df where `df_den` is infinite."""
    from scipy import special

    if np.isinf(df_den):
        return chi2_upper(statistic * df_num, df_num)
    return float(special.fdtrc(df_num, df_den, statistic))


def chi2_upper(statistic: float, df: float) -> float:
    """Return the upper tail of chi-square; with 0 df all mass is at zero."""
    from scipy import special

    if df == 0:
        return float(statistic <= 0)
    return float(special.chdtrc(df, max(statistic, 0.0)))
