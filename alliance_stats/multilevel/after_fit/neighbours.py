"""Do residuals of neighbouring sessions resemble each other, where the model says they do not?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from ...errors import DesignError
from ...inference.distributions import chi2_upper
from ..engine.autocorrelated import most_likely_correlation, profile_with_correlation, profiled
from ..engine.grouping import CrossedGrouping
from ..engine.residual import find_neighbours

if TYPE_CHECKING:
    from ..result import MultilevelFit

TIME = "session"
"""The column that is asked for neighbours, where the data have it."""
CLEAR = 0.001
"""p value from which a result says it unasked."""


class LagOne(NamedTuple):
    """The score test of a lag-1 correlation of the residuals."""

    correlation: float
    statistic: float
    p_value: float


def lag_one(fit: MultilevelFit, below: float = 1.0) -> LagOne | None:
    """Test whether residuals a session apart correlate, by the restricted likelihood at zero.

    The score test of phi = 0 against an AR(1) (``residual="ar1"``), the variances profiled out (the
    likelihood ratio where the likelihood is no hill at zero), so that what a random slope of the
    session takes up, and the likeness that taking away clients' means removes, are paid for. The
    correlation is the most likely one, of one session, on the side the score points to; NaN where
    p is not as small as `below`. None where nothing can be asked: no whole numbers ``session`` in
    the data, groups that cross, residuals that have a covariance already, and likeness below zero
    at gaps that are no multiples of the usual one.
    """
    design = fit.design
    has_rows = isinstance(design.frame, pd.DataFrame)  # else the fit kept sums only
    if not has_rows or fit.autocorrelation is not None or fit.structured:
        return None
    if TIME not in design.frame.columns or isinstance(design.grouping, CrossedGrouping):
        return None
    column = design.frame[TIME]
    if not is_numeric_dtype(column.dtype) or len(column) != design.n:
        return None
    values = column.to_numpy(dtype=float)
    try:
        near = find_neighbours(design, TIME, values)
    except DesignError:  # two rows at one time, or one row a client: nobody has neighbours
        return None
    gaps = near.gaps[near.later]
    if not (gaps >= 1).all() or not (gaps == 1).any():
        return None
    profile = profile_with_correlation(design, near, 0.0, fit.optimum.theta, fit.reml)
    slope, curvature = profiled(profile, design.levels, fit.optimum.theta)
    if not np.isfinite([slope, curvature]).all() or slope == 0:
        return None
    if slope > 0 and (gaps != np.floor(gaps)).any():
        return None  # no power of a negative correlation
    plain = curvature > 0  # else the likelihood bends the other way at zero: its ratio is the test
    statistic = slope**2 / (2 * curvature) if plain else np.nan
    rho = np.nan
    if not plain or chi2_upper(float(statistic), 1.0) <= below:
        start = -slope / curvature if plain else -np.sign(slope) / 2
        rho, there = most_likely_correlation(
            design, near, reml=fit.reml, theta=fit.optimum.theta, start=start
        )
        statistic = statistic if plain else fit.optimum.profile.deviance - there
    if not np.isfinite(statistic):
        return None
    correlation = np.sign(rho) * near.per_unit_of_time(abs(rho))
    return LagOne(float(correlation), float(statistic), chi2_upper(float(statistic), 1.0))


def message(test: LagOne | None) -> list[str]:
    """Say where residuals of neighbouring sessions are clearly alike, or clearly unlike."""
    if test is None or test.p_value >= CLEAR or not np.isfinite(test.correlation):
        return []
    if test.correlation < 0:
        return [
            f"Residuals of neighbouring sessions go against each other (lag-1 correlation about "
            f"{test.correlation:.2f}, p < .001): intervals of what runs along sessions, "
            f"'{TIME}' first, are too wide, those of what alternates too narrow. Look whether "
            "raters, forms or settings alternate; residual='ar1' takes no correlation below zero, "
            "fit.robust() gives errors that do not rest on it."
        ]
    return [
        f"Residuals of neighbouring sessions resemble each other (lag-1 correlation about "
        f"{test.correlation:.2f}, p < .001): where the trend along '{TIME}' is one for all, its "
        "interval is too narrow; where it varies between clients it has taken this up in part, "
        f"and the SD of trends is too large. residual='ar1', time='{TIME}' takes it into the model."
    ]
