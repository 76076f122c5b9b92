"""The links of a hazard model: from a linear predictor to a probability, or to ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ...inference.rows import coefficient_rows


def inverse_link(link: str, eta: np.ndarray) -> np.ndarray:
    """Return the probability that belongs to a linear predictor."""
    if link == "logit":
        return np.asarray(expit(eta))
    return -np.expm1(-np.exp(np.minimum(eta, 30.0)))


def ratio_rows(fit: Any, exponentiate: bool) -> pd.DataFrame:
    """Return rows of ``tidy()`` of a model's coefficients, or of their exponentials as ratios.

    Coefficients that run to infinity are missing.
    """
    shown = ~fit.params.index.isin(fit.runaway)
    params, errors = fit.params.where(shown), fit.bse.where(shown)
    table = coefficient_rows(fit.params.index, params, errors, confidence=fit.confidence)
    if exponentiate:
        turned = ["estimate", "conf_low", "conf_high"]
        table[turned] = np.exp(table[turned])
    return table


def over_therapists(link: str, eta: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return the probability averaged over a normal random intercept of each row's SD."""
    if not sd.any():
        return inverse_link(link, eta)
    points, weights = np.polynomial.hermite_e.hermegauss(31)
    total = sum(w * inverse_link(link, eta + sd * p) for p, w in zip(points, weights, strict=True))
    return np.asarray(total / weights.sum())
