"""The links of a hazard model: from a linear predictor to a probability."""

from __future__ import annotations

import numpy as np
from scipy.special import expit


def inverse_link(link: str, eta: np.ndarray) -> np.ndarray:
    """Return the probability that belongs to a linear predictor."""
    if link == "logit":
        return np.asarray(expit(eta))
    return -np.expm1(-np.exp(np.minimum(eta, 30.0)))


def over_therapists(link: str, eta: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return the probability averaged over a normal random intercept of each row's SD."""
    if not sd.any():
        return inverse_link(link, eta)
    points, weights = np.polynomial.hermite_e.hermegauss(31)
    total = sum(w * inverse_link(link, eta + sd * p) for p, w in zip(points, weights, strict=True))
    return np.asarray(total / weights.sum())
