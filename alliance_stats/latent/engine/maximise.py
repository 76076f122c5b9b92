"""From a start to the maximum of the likelihood: scoring far from it, Newton near it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from .likelihood import Likelihood

Array = npt.NDArray[np.float64]
NEAR = 0.5
"""Expected gain (in deviance) of a step below which second derivatives as observed are taken."""
SAME = 0.1
"""Expected gain of a step so short that second derivatives do for the next one, too."""
DONE = 1e-10
"""Expected gain below which the maximum is reached."""
STEPS = 200
SOUND = 1e-3
"""Second derivatives whose factor has a smaller diagonal are taken apart by eigenvalues."""


class Maximum(NamedTuple):
    """Where the likelihood is largest, its deviance, second derivatives, and how it was found."""

    theta: Array
    deviance: float
    hessian: Array
    converged: bool
    steps: int


def maximise(likelihood: Likelihood, start: Array) -> Maximum:
    """Return the maximum from a start at which the likelihood is finite."""
    theta = np.asarray(start, dtype=float)
    value, gradient = likelihood.deviance(theta)
    near, fresh, gain, steps = False, True, np.inf, 0
    for steps in range(1, STEPS + 1):
        if fresh:
            H = likelihood.hessian(theta) if near else likelihood.information(theta)
        direction, gain, positive = _direction(H, gradient)
        if near and fresh and positive and gain < DONE:
            return Maximum(theta, value, H, True, steps)
        fresh = not (near and fresh and positive and gain < SAME)
        if not likelihood.newton and gain < DONE:
            break
        if near and not positive:  # a saddle: scoring leads on
            direction, gain, _ = _direction(likelihood.information(theta), gradient)
        near = gain < NEAR and likelihood.newton
        moved = _along(likelihood, theta, value, gradient, direction)
        if moved is None:
            break
        theta, value, gradient = moved
    H = likelihood.hessian(theta)
    _, gain, positive = _direction(H, gradient)
    return Maximum(theta, value, H, bool(positive and gain < 1e-6), steps)


def _direction(H: Array, gradient: Array) -> tuple[Array, float, bool]:
    """Return the step, its expected gain, and whether the second derivatives are positive."""
    scale = np.sqrt(np.abs(np.diag(H)))
    scale[scale == 0] = 1.0
    scaled = H / np.outer(scale, scale)
    L, failed = lapack.dpotrf(scaled, lower=1)
    positive = not failed
    if positive and np.diag(L).min() > SOUND:
        step = -lapack.dpotrs(L, gradient / scale, lower=1)[0] / scale
    else:
        values, vectors = np.linalg.eigh(scaled)
        within = vectors.T @ (gradient / scale)
        step = -(vectors @ (within / np.maximum(np.abs(values), 1e-8))) / scale
    return step, float(-gradient @ step / 2.0), positive


def _along(
    likelihood: Likelihood, theta: Array, value: float, gradient: Array, direction: Array
) -> tuple[Array, float, Array] | None:
    """Return the first point of ever shorter steps that gains enough; None where none does."""
    slope = float(gradient @ direction)
    length = 1.0
    for _ in range(40):
        tried = theta + length * direction
        new, at = likelihood.deviance(tried)
        if new <= value + 1e-4 * length * slope + 1e-11 * abs(value):
            return tried, new, at
        length /= 2.0
    return None
