"""A penalty that keeps variances off zero.

With few groups a variance is often estimated as zero though it is none. Chung, Rabe-Hesketh, Dorie,
Gelman & Liu (2013), doi 10.1007/s11336-013-9328-2, add the log-density of a gamma(2.5, 0) on each
standard deviation, and of the matching Wishart on correlated effects: ``0.75 log|D|`` in the log-
likelihood, with D relative to the residual variance. It goes to minus infinity at zero, moves the
estimate by about one standard error at most, and hardly where there are many groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...errors import DesignError
from .batches import Array
from .block import directions
from .design import Design
from .deviance import Profile, covariances
from .likelihood import Level

ENDLESS = 1e6  # relative to the residual variance: no estimate, but a search that found no end
WEIGHT = 1.5  # of -log|D| in the deviance: a gamma with shape 2.5 on an sd


def refuse_endless(design: Design, theta: Array) -> None:
    """Refuse groups so few that the penalty grows faster than their likelihood falls."""
    for number, D in enumerate(covariances(design.levels, theta)):
        if np.diag(D).max(initial=0.0) > ENDLESS:
            name, size = design.grouping.names[number], design.grouping.sizes[number]
            raise DesignError(
                f"prior='boundary' has no estimate with {size} groups of '{name}': of so few, the "
                "penalty makes the variance between them grow without end. Leave prior= out, or "
                f"compare the groups with C({name}) among the predictors."
            )


def penalised(profile: Profile, levels: Sequence[Level], theta: Array) -> Profile:
    """Return the profile with the penalty, and its derivatives, in its log-determinant."""
    c = profile.contribution
    value, first, second, at = 0.0, c.logdet1.copy(), c.logdet2.copy(), 0
    for level, D in zip(levels, covariances(levels, theta), strict=True):
        here = slice(at, at + len(level.pairs))
        at = here.stop
        sign, size = np.linalg.slogdet(D)
        if not sign > 0:
            return replace(profile, contribution=replace(c, logdet=float("inf")))
        moved = np.linalg.solve(D, directions(level))
        value -= WEIGHT * float(size)
        first[here] -= WEIGHT * np.trace(moved, axis1=1, axis2=2)
        second[here, here] += WEIGHT * np.einsum("iab,jba->ij", moved, moved)
    raised = replace(c, logdet=c.logdet + value, logdet1=first, logdet2=second)
    return replace(profile, contribution=raised)
