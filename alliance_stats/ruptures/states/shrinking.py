"""How much more often ruptures open with one therapist than with another, shrunk toward all.

The log odds that a rupture opens with therapist j lie u_j from those of all clients; u_j is normal
with SD tau and mean -tau^2 / 2, so that the mean of the odds over therapists stays that of all.
Each therapist's likelihood, that of all the therapist's clients, is known at a few values of u, and
the distribution is one on these. tau is the value with the largest marginal likelihood,
penalised by a half-normal distribution of SD `PENALTY`, without which ten therapists of six
clients can seem to have nothing in common; each therapist's u is the posterior mean (empirical
Bayes; Efron and Morris 1973, doi 10.1080/01621459.1973.10481350, not read). With few ruptures,
therapists lie close to all.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from .model import Floats

PENALTY = 0.5
"""A therapist one such SD above the middle has odds 1.65 times as high."""
LEAST, MOST = 0.02, 1.5
"""SDs between which is searched; below the least all are alike."""


def _weights(points: Floats, sd: float) -> Floats:
    weight = np.exp(-0.5 * np.square(points / sd + sd / 2))
    return weight[:, None] / weight.sum()


def _marginal(told: Floats, points: Floats, sd: float) -> float:
    top = told.max(axis=0)
    each = top + np.log((_weights(points, sd) * np.exp(told - top)).sum(axis=0))
    return float(each.sum()) - 0.5 * (sd / PENALTY) ** 2


def sd_of(told: Floats, points: Floats) -> float:
    """Return the SD between therapists (columns), of their log likelihoods at points (rows).

    It is 0 where no SD makes the therapists more likely than being alike.
    """
    found = minimize_scalar(
        lambda log_sd: -_marginal(told, points, np.exp(log_sd)),
        bounds=(np.log(LEAST), np.log(MOST)),
        method="bounded",
    )
    return float(np.exp(found.x)) if -found.fun > _marginal(told, points, LEAST) else 0.0


def mean_of(told: Floats, points: Floats, sd: float) -> Floats:
    """Return each therapist's posterior mean."""
    if sd <= LEAST:
        return np.zeros(told.shape[1])
    share = _weights(points, sd) * np.exp(told - told.max(axis=0))
    return np.asarray(points @ (share / share.sum(axis=0)))
