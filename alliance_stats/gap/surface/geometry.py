"""The geometry of a response surface: what follows from its coefficients, with delta-method errors.

``Z = b0 + b1 X + b2 Y + b3 X^2 + b4 XY + b5 Y^2 (+ b6 X^3 + b7 X^2 Y + b8 X Y^2 + b9 Y^3)``.
LOC is the line of congruence (X = Y), LOIC the line of incongruence (X = -Y).
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray

QUADRATIC = ("b0", "b1", "b2", "b3", "b4", "b5")
CUBIC = (*QUADRATIC, "b6", "b7", "b8", "b9")
SHAPE = {
    "a1": {"b1": 1, "b2": 1},
    "a2": {"b3": 1, "b4": 1, "b5": 1},
    "a3": {"b1": 1, "b2": -1},
    "a4": {"b3": 1, "b4": -1, "b5": 1},
    "a5": {"b3": 1, "b5": -1},
}
CUBIC_SHAPE = {
    "loc_cubic": {"b6": 1, "b7": 1, "b8": 1, "b9": 1},
    "loic_cubic": {"b6": 1, "b7": -1, "b8": 1, "b9": -1},
}
AXES = ("x0", "y0", "p10", "p11", "p20", "p21")
STEP = 1e-30  # of a complex-step derivative: exact, since nothing is subtracted


def contrasts(shape: dict[str, dict[str, int]], names: tuple[str, ...]) -> Array:
    """Return the matrix that takes coefficients to the slopes and curvatures of `shape`."""
    return np.array([[weights.get(name, 0.0) for name in names] for weights in shape.values()])


def monomials(x: Array, y: Array, cubic: bool = False) -> list[Array]:
    """Return the columns b1, b2, ... belong to."""
    columns = [x, y, x * x, x * y, y * y]
    return [*columns, x**3, x * x * y, x * y * y, y**3] if cubic else columns


def axes(b: Array) -> Array:
    """Return stationary point and principal axes: ``x0, y0, p10, p11, p20, p21``.

    `b` has the coefficients b0 to b5 on its first axis. The first axis is the one along which the
    surface curves most upward (or least downward): the ridge of a surface that has one.
    """
    _, b1, b2, b3, b4, b5 = b[:6]
    det = 4 * b3 * b5 - b4 * b4
    x0 = (b2 * b4 - 2 * b1 * b5) / det
    y0 = (b1 * b4 - 2 * b2 * b3) / det
    root = np.sqrt((b3 - b5) ** 2 + b4 * b4)
    p11 = (b5 - b3 + root) / b4
    p21 = (b5 - b3 - root) / b4
    return np.stack([x0, y0, y0 - p11 * x0, p11, y0 - p21 * x0, p21])


def axes_with_errors(b: Array, covariance: Array, unit: float = 1.0) -> tuple[Array, Array]:
    """Return `axes` and their delta-method standard errors; NaN where they do not exist.

    `unit` is the spread of the ratings: whether a curvature is zero is judged in that unit, so
    that points and millions of points give the same answer.
    """
    power = unit ** np.array([0, 1, 1, 2, 2, 2])
    b, covariance = b[:6] * power, covariance[:6, :6] * np.outer(power, power)
    size = float(np.abs(b[1:6]).max())
    if size == 0 or abs(b[4]) < 1e-12 * size or abs(4 * b[3] * b[5] - b[4] ** 2) < 1e-14 * size**2:
        return np.full(6, np.nan), np.full(6, np.nan)
    shifted = b[:, None] + 1j * STEP * np.eye(6)
    gradient = axes(shifted).imag / STEP
    variance = np.einsum("ia,ab,ib->i", gradient, covariance, gradient)
    back = np.array([unit, unit, unit, 1.0, unit, 1.0])
    return axes(b) * back, np.sqrt(variance) * back


def height(b: Array, x: Array, y: Array) -> Array:
    """Return the surface's height."""
    columns = monomials(x, y, len(b) > 6)
    return b[0] + sum(weight * column for weight, column in zip(b[1:], columns, strict=True))
