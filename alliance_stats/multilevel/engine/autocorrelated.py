"""Fitting with AR(1) residuals: the correlation is found by safeguarded Newton steps.

For every value of the correlation the model is an ordinary one on whitened cross-products, so the
search has two storeys: `optimise.minimise` finds the variances for one correlation, and the
profile over them, whose slope and curvature are exact, is minimised over the correlation between
bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.results import Z95
from ...inference.rows import tidy_rows
from ..after_fit.inference import Inference, Satterthwaite, positive_inverse
from .batches import Array
from .design import Design
from .deviance import (
    Profile,
    chain,
    covariances,
    jacobian_of_covariances,
    profile_at,
)
from .likelihood import Contribution, Level, Partition, contribute
from .optimise import KKT, Optimum, minimise
from .residual import HIGHEST, Neighbours, whiten, whitened_state

GRID = (0.0, 0.3, 0.6, 0.85)
PRECISION = 1e-9  # of the correlation
COARSE = 1e-5  # of a correlation that is told and not fitted with
MAX_STEPS = 60


@dataclass(frozen=True)
class Autocorrelation:
    """The AR(1) of a fit's residuals.

    Attributes
    ----------
    neighbours
        The rows in order of time.
    rho
        The correlation at the median gap between sessions.
    profile
        The likelihood at the optimum with derivatives in `rho` (first) and the variances.
    curvature
        Second derivative in `rho` of the deviance, the variances profiled out.
    """

    neighbours: Neighbours
    rho: float
    profile: Profile
    curvature: float

    @property
    def phi(self) -> float:
        """The correlation of two residuals one unit of time apart."""
        return self.neighbours.per_unit_of_time(self.rho)

    @property
    def on_boundary(self) -> bool:
        """Whether the correlation is estimated as zero (or at the highest value allowed)."""
        return self.rho <= 0.0 or self.rho >= HIGHEST

    def inference(self, levels: Sequence[Level], best: Optimum) -> Inference:
        """Return Satterthwaite's method; a correlation on its boundary counts as known."""
        if self.on_boundary:
            return Satterthwaite(best.profile, levels, best.theta)
        return SatterthwaiteBesideAr1(self.profile, levels, best.theta)

    def tidy_row(self) -> pd.DataFrame:
        """Return phi as a row of ``tidy()``, with its 95 % interval."""
        low, high = self.conf_int(Z95)
        of = {"effect": "random", "group": "Residual"}
        return tidy_rows("phi", self.phi, **of, conf_low=low, conf_high=high)

    def conf_int(self, z: float) -> tuple[float, float]:
        """Return an interval of phi, symmetric on the logit scale; NaN on the boundary."""
        if self.on_boundary or self.curvature <= 0:
            return float("nan"), float("nan")
        logit = np.log(self.rho / (1.0 - self.rho))
        error = np.sqrt(2.0 / self.curvature) / (self.rho * (1.0 - self.rho))
        ends = 1.0 / (1.0 + np.exp(-(logit + np.array([-z, z]) * error)))
        low, high = (self.neighbours.per_unit_of_time(end) for end in ends)
        return low, high


@dataclass(frozen=True)
class _Point:
    """The model fitted at one correlation."""

    rho: float
    design: Design
    best: Optimum
    profile: Profile
    slope: float
    curvature: float


def fit_autocorrelated(
    design: Design,
    near: Neighbours,
    *,
    reml: bool,
    theta: Array | None = None,
    rho: float | None = None,
) -> tuple[Design, Optimum, Autocorrelation]:
    """Fit a design with AR(1) residuals, from `theta` and `rho` where a good start is known.

    Returns
    -------
    design, optimum, autocorrelation
        The design with whitened cross-products at the estimated correlation, the optimum there,
        and what is known of the correlation.
    """
    here = _begin(design, near, reml, theta, rho)
    low, high = 0.0, HIGHEST
    evaluations = here.best.evaluations
    for _ in range(MAX_STEPS):
        if here.slope > 0:
            high = here.rho
        else:
            low = here.rho
        new = _next(here, low, high)
        if abs(new - here.rho) < PRECISION or (here.rho == 0.0 and here.slope >= 0):
            break
        here = _fit_at(design, near, reml, new, here.best.theta)
        evaluations += here.best.evaluations
    if here.rho < 1e-6:  # a correlation of zero is exactly zero
        here = _fit_at(design, near, reml, 0.0, here.best.theta)
    interior = 0.0 < here.rho < HIGHEST
    slope = abs(here.slope) / np.sqrt(max(here.curvature, 1.0)) if interior else 0.0
    best = Optimum(
        here.best.theta,
        here.best.profile,
        here.best.converged and slope < KKT,
        max(here.best.slope, slope),
        evaluations,
        here.best.on_boundary,
    )
    return here.design, best, Autocorrelation(near, here.rho, here.profile, here.curvature)


def most_likely_correlation(
    design: Design, near: Neighbours, *, reml: bool, theta: Array, start: float
) -> tuple[float, float]:
    """Return the correlation at the median gap on the side of `start`, and the deviance there.

    It may be below zero, where gaps are whole multiples of the median gap. NaN where the search
    does not end.
    """
    side = np.sign(start)
    low, high = sorted((0.0, side * HIGHEST))
    rho = side * min(abs(start), 0.9)
    for _ in range(MAX_STEPS):
        here = _fit_at(design, near, reml, rho, theta)
        if not np.isfinite([here.slope, here.curvature]).all():
            break
        low, high = (low, rho) if here.slope > 0 else (rho, high)
        step = here.slope / here.curvature if here.curvature > 0 else np.inf
        new = rho - step if low <= rho - step <= high else (low + high) / 2.0
        if abs(new - rho) < COARSE:
            return float(new), here.best.profile.deviance
        rho, theta = new, here.best.theta
    return float("nan"), float("nan")


def _begin(
    design: Design, near: Neighbours, reml: bool, theta: Array | None, rho: float | None
) -> _Point:
    if rho is not None:
        return _fit_at(design, near, reml, min(max(rho, 0.05), HIGHEST - 0.01), theta)
    points = [_fit_at(design, near, reml, at, theta) for at in GRID]
    return min(points, key=lambda point: point.best.profile.deviance)


def _next(here: _Point, low: float, high: float) -> float:
    """Return Newton's next correlation, or the middle where Newton leaves the bounds."""
    if here.curvature > 0 and here.rho > 0:  # at zero, slope and curvature may have no bound
        new = here.rho - here.slope / here.curvature
        if low < new < high:
            return float(new)
    if here.slope > 0 and low == 0.0 and here.rho < 0.05:
        return 0.0
    return (low + high) / 2.0


def _fit_at(
    design: Design, near: Neighbours, reml: bool, rho: float, theta: Array | None
) -> _Point:
    white = whiten(design, near, rho)
    logdet = float(near.weights(rho)[2][0])
    best = minimise(lambda at: _raised(profile_at(white, at, reml), logdet), design.levels, theta)
    profile = profile_with_correlation(design, near, rho, best.theta, reml)
    slope, curvature = profiled(profile, design.levels, best.theta)
    return _Point(rho, white, best, profile, slope, curvature)


def _raised(profile: Profile, logdet: float) -> Profile:
    """Add the log-determinant of the correlations to the deviance."""
    c = profile.contribution
    raised = Contribution(c.logdet + logdet, c.cross, c.logdet1, c.cross1, c.logdet2, c.cross2)
    return Profile(raised, profile.fixed, profile.n, profile.reml)


def profile_with_correlation(
    design: Design, near: Neighbours, rho: float, theta: Array, reml: bool
) -> Profile:
    """Evaluate with derivatives in the correlation (first) and the variances."""
    state = whitened_state(design, near, rho, order=2)
    partition = Partition(state.cross, design.partition.starts)
    relative = covariances(design.levels, theta)
    contribution = contribute(partition, design.levels, relative, order=2, begin=state)
    return Profile(contribution, design.fixed, design.n, reml)


def chain_beside(
    levels: Sequence[Level], theta: Array, gradient: Array, hessian: Array
) -> tuple[Array, Array]:
    """Carry derivatives in (rho, D) over to (rho, theta)."""
    jacobian = _jacobian_beside(levels, theta)
    curved = jacobian.T @ hessian @ jacobian
    curved[1:, 1:] = chain(levels, theta, gradient[1:], hessian[1:, 1:])[1]
    return jacobian.T @ gradient, curved


def _jacobian_beside(levels: Sequence[Level], theta: Array) -> Array:
    jacobian = np.eye(len(theta) + 1)
    jacobian[1:, 1:] = jacobian_of_covariances(levels, theta)
    return jacobian


def profiled(profile: Profile, levels: Sequence[Level], theta: Array) -> tuple[float, float]:
    """Return slope and curvature in the correlation with the variances profiled out."""
    gradient, hessian = chain_beside(levels, theta, profile.gradient, profile.hessian)
    side = hessian[0, 1:]
    return float(gradient[0]), float(
        hessian[0, 0] - side @ positive_inverse(hessian[1:, 1:]) @ side
    )


@dataclass(frozen=True)
class SatterthwaiteBesideAr1(Satterthwaite):
    """Satterthwaite's degrees of freedom with the correlation as one more variance parameter."""

    @property
    def _jacobian(self) -> Array:
        return _jacobian_beside(self.levels, self.theta)

    def _chain(self, gradient: Array, hessian: Array) -> Array:
        return chain_beside(self.levels, self.theta, gradient, hessian)[1]
