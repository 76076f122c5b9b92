"""How far the rounding or the noise of files moves what is estimated from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..multilevel.after_fit.inference import FTest, Inference, wald
from ..multilevel.engine.batches import Array

Uncertain: TypeAlias = tuple[Array, Array]
"""How uncertain a file's cross-products are (variances), and the matrix to the joint columns."""
LIMIT = 0.5
"""Noise, in standard errors, up to which its variance is added to theirs: to first order in the
noise, which beyond that also bends estimates and standard errors themselves."""


def moved_by(files: Sequence[Uncertain], cross: Array, denominator: int) -> dict[str, float]:
    """Return how far files move the ``deviance``, and coefficients in ``standard_errors``.

    Parameters
    ----------
    files
        How uncertain each file is.
    cross
        What is left of the cross-products of [X | y], of all files together.
    denominator
        What the residual sum of squares is divided by.
    """
    inverse, weights, variance = solved(cross, denominator)
    if not (variance > 0.0 and np.diag(inverse).min() >= 0.0):  # noise drowned what there was
        return {"deviance": float("inf"), "standard_errors": float("inf")}
    moved = np.sqrt(np.diag(moved_together(files, cross, denominator)))
    both, least = 0.0, float("inf")
    for variances, turn in files:
        squares = (turn @ weights) ** 2
        both += 2.0 * squares @ variances @ squares - squares**2 @ np.diag(variances)
        least = min(least, float(variances.min()))
    used = np.diag(inverse) > 0
    errors = np.sqrt(variance * np.diag(inverse)[used])
    return {
        "deviance": float(np.sqrt(least) + np.sqrt(both) / variance),
        "standard_errors": float((moved[used] / errors).max()),
    }


def moved_together(files: Sequence[Uncertain], cross: Array, denominator: int) -> Array:
    """Return the covariance, to first order, of what files do to the coefficients.

    An error E of cross-products moves them by ``(X'V^-1 X)^-1 E w``, with w the outcome less its
    prediction as a combination of columns; E is symmetric, its elements are independent.
    """
    inverse, weights, _ = solved(cross, denominator)
    found = np.zeros_like(inverse)
    for variances, turn in files:
        by, own = inverse @ turn[:, :-1].T, turn @ weights
        for i, j in zip(*np.triu_indices(len(variances)), strict=True):
            slope = by[:, i] * own[j] + (by[:, j] * own[i] if i != j else 0.0)
            found += variances[i, j] * np.outer(slope, slope)
    return found


def solved(cross: Array, denominator: int) -> tuple[Array, Array, float]:
    """Return the inverse for X, what makes the residual of [X | y], and its variance."""
    inverse = np.linalg.pinv(cross[:-1, :-1], hermitian=True)
    beta = inverse @ cross[:-1, -1]
    variance = float(cross[-1, -1] - beta @ cross[:-1, -1]) / denominator
    return inverse, np.append(-beta, 1.0), variance


@dataclass(frozen=True)
class WithNoise:
    """A method of inference whose covariance holds noise of known variance too.

    Degrees of freedom stay those without: noise that is known has no less than infinitely many, so
    they are rather too few.
    """

    inner: Inference
    noise: Array

    @property
    def covariance(self) -> Array:
        """Covariance of the coefficients."""
        return self.inner.covariance + self.noise

    def df(self, contrasts: Array) -> Array:
        """Return the degrees of freedom of each contrast."""
        return self.inner.df(contrasts)

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Test several contrasts at once."""
        known = self.inner.joint(contrasts, beta)
        statistic, rank = wald(contrasts @ self.covariance @ contrasts.T, contrasts @ beta)
        return FTest(statistic / rank * known.scaling, rank, known.df_den, known.scaling)


@dataclass(frozen=True)
class Drowned:
    """No inference: noise is larger than what it would have to be added to."""

    columns: int

    @property
    def covariance(self) -> Array:
        """Nothing is known."""
        return np.full((self.columns, self.columns), np.nan)

    def df(self, contrasts: Array) -> Array:
        """Return nothing for each contrast."""
        return np.full(len(contrasts), np.nan)

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Return no test."""
        return FTest(float("nan"), len(contrasts), float("nan"))
