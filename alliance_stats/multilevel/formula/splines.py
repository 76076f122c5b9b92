"""Polynomials and splines of a predictor, with R's numbers, made again alike for new data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import qr

from ...errors import DesignError
from ..engine.batches import Array

Basis = Callable[[Array], Array]


def poly(x: Array, degree: int = 1, raw: bool = False) -> Basis:
    """Orthogonal polynomials of degree 1 to `degree`, as R's ``poly``; ``raw=TRUE``: powers."""
    degree = _whole(degree, "the degree of poly()", 1)
    if raw:
        return lambda new: np.stack([new**power for power in range(1, degree + 1)], axis=1)
    if degree >= len(np.unique(x)):
        raise DesignError(
            f"poly() of degree {degree} needs more than {degree} different values; there are "
            f"{len(np.unique(x))}."
        )
    alphas: list[float] = []
    norms = [1.0, float(len(x))]
    before, now = np.zeros(len(x)), np.ones(len(x))
    for _ in range(degree):
        alphas.append(float(x @ now**2) / norms[-1])
        before, now = now, (x - alphas[-1]) * now - norms[-1] / norms[-2] * before
        norms.append(float(now @ now))

    def basis(new: Array) -> Array:
        columns = [np.zeros(len(new)), np.ones(len(new))]
        for step, alpha in enumerate(alphas):
            ratio = norms[step + 1] / norms[step]
            columns.append((new - alpha) * columns[-1] - ratio * columns[-2])
        return np.stack(columns[2:], axis=1) / np.sqrt(norms[2:])

    return basis


def bs(
    x: Array,
    df: int | None = None,
    knots: Sequence[float] | None = None,
    degree: int = 3,
    include_intercept: bool = False,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> Basis:
    """B-splines of a degree, as R's ``splines::bs``; inner knots at quantiles of x."""
    degree = _whole(degree, "the degree of bs()", 1)
    low, high = _bounds(x, lower_bound, upper_bound, "bs")
    inner = _inner(x, df, knots, degree + bool(include_intercept), (low, high), "bs")
    every = np.r_[[low] * (degree + 1), inner, [high] * (degree + 1)]

    def basis(new: Array) -> Array:
        if len(new) and (new.min() < low or new.max() > high):
            raise DesignError(
                f"bs() was made for values from {low:g} to {high:g}, and new ones reach from "
                f"{new.min():g} to {new.max():g}: such a spline says nothing there. ns() goes on "
                "in a straight line."
            )
        return _splines(every, new, degree)[:, 0 if include_intercept else 1 :]

    return basis


def ns(
    x: Array,
    df: int | None = None,
    knots: Sequence[float] | None = None,
    include_intercept: bool = False,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> Basis:
    """Natural cubic splines, straight outside of the data, as R's ``splines::ns``."""
    low, high = _bounds(x, lower_bound, upper_bound, "ns")
    first = 0 if include_intercept else 1
    inner = _inner(x, df, knots, 2 - first, (low, high), "ns")
    every = np.r_[[low] * 4, inner, [high] * 4]
    ends = np.array([low, high])
    bends = _splines(every, ends, 3, 2)[:, first:]
    turn = qr(bends.T)[0][:, 2:]  # combinations without curvature at both ends

    def basis(new: Array) -> Array:
        columns = _splines(every, np.clip(new, low, high), 3)
        beyond = new - np.clip(new, low, high)
        slopes = _splines(every, ends, 3, 1)
        columns += np.outer(np.minimum(beyond, 0.0), slopes[0])
        columns += np.outer(np.maximum(beyond, 0.0), slopes[1])
        return columns[:, first:] @ turn

    return basis


def _splines(knots: Array, x: Array, degree: int, derivative: int = 0) -> Array:
    size = len(knots) - degree - 1
    spline = BSpline(knots, np.eye(size), degree)
    return np.asarray(spline(x, nu=derivative)).reshape(len(x), size)


def _whole(value: object, what: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 100:
        raise DesignError(f"{what} must be a whole number from {least} to 100, not {value!r}.")
    return value


def _bounds(x: Array, low: float | None, high: float | None, name: str) -> tuple[float, float]:
    low = float(x.min()) if low is None else float(low)
    high = float(x.max()) if high is None else float(high)
    if not (np.isfinite([low, high]).all() and low < high):
        raise DesignError(f"{name}() needs finite values that differ, not {low:g} to {high:g}.")
    if x.min() < low or x.max() > high:
        raise DesignError(
            f"The bounds of {name}(), {low:g} to {high:g}, must hold all values, which reach "
            f"from {x.min():g} to {x.max():g}."
        )
    return low, high


def _inner(
    x: Array,
    df: int | None,
    knots: Sequence[float] | None,
    free: int,
    bounds: tuple[float, float],
    name: str,
) -> Array:
    """Return inner knots: as given, or as many quantiles as the degrees of freedom ask for."""
    if (df is None) == (knots is None):
        raise DesignError(
            f"{name}() needs its degrees of freedom or its knots, as in {name}(x, df=4) or "
            f"{name}(x, knots=c(4, 8))."
        )
    if knots is None:
        number = _whole(df, f"df of {name}()", max(free, 1)) - free
        return np.quantile(x, np.linspace(0, 1, number + 2)[1:-1])
    given = np.sort(np.atleast_1d(np.asarray(knots, dtype=float)))
    if len(given) > 100 or not ((given > bounds[0]) & (given < bounds[1])).all():
        raise DesignError(
            f"The knots of {name}() must lie inside of {bounds[0]:g} to {bounds[1]:g}; at the "
            "ends there are knots already."
        )
    return given
