"""Omega of the sums of factors' items, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...inference.distributions import half_width

if TYPE_CHECKING:
    from .factor_model import FactorModel


def reliabilities(model: FactorModel) -> pd.DataFrame:
    """Return a row a factor and group or level (see `FactorModel.omega`)."""
    rows, order = [], model.items
    for g, name in enumerate(model.subgroups):
        for f, (factor, items) in enumerate(model.factors.items()):
            own = [order.index(item) for item in items]

            def share_of(theta: Any, g: int = g, f: int = f, own: Any = own) -> Any:
                L, phi, sigma = model.matrices(g, theta)
                return L[own, f].sum() ** 2 * phi[f] / sigma[np.ix_(own, own)].sum()

            value, covariance = model.estimates.delta(share_of)
            omega, error = float(value[0]), float(np.sqrt(max(covariance[0, 0], 0.0)))
            low, high = _limits(omega, error, model.estimates.df, model.confidence)
            rows.append(
                {"factor": factor, model.parts: name, "n_items": len(items), "omega": omega,
                 "std_error": error, "conf_low": low, "conf_high": high}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _limits(omega: float, error: float, df: float, confidence: float) -> tuple[float, float]:
    """Return an interval that is symmetric on the logit scale."""
    if not 0 < omega < 1:
        return np.nan, np.nan
    logit = np.log(omega / (1 - omega))
    half = half_width(error / (omega * (1 - omega)), df, confidence)
    low, high = (1 / (1 + np.exp(-end)) for end in (logit - half, logit + half))
    return float(low), float(high)
