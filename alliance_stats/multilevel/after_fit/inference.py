"""Standard errors, degrees of freedom and tests of the coefficients.

All of it follows from one `Profile` with second derivatives: the derivatives of ``X' V^-1 X``
and of ``logdet V`` in the variance parameters hold every trace that Satterthwaite's and
Kenward and Roger's formulas ask for, so no n by n matrix is ever formed.

Sources: Fai & Cornelius (1996), doi 10.1080/00949659608811740; Kenward & Roger (1997), doi
10.2307/2533558; Kuznetsova, Brockhoff & Christensen (2017), doi 10.18637/jss.v082.i13; Halekoh &
Hojsgaard (2014), doi 10.18637/jss.v059.i09.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from ..engine.batches import Array
from ..engine.deviance import Profile, chain, jacobian_of_covariances
from ..engine.likelihood import Level

Method = Literal["satterthwaite", "kenward-roger", "normal"]
METHODS = ("satterthwaite", "kenward-roger", "normal")
FLAT = 1e-9  # curvature, relative to the largest, below which a direction says nothing


@dataclass(frozen=True)
class FTest:
    """A joint test of contrasts: F on `df_num` and `df_den` degrees of freedom."""

    statistic: float
    df_num: int
    df_den: float
    scaling: float = 1.0
    """What the Wald statistic was multiplied by (Kenward-Roger); 1 elsewhere."""


class Inference(Protocol):
    """A method of inference: a covariance of the coefficients and degrees of freedom."""

    @property
    def covariance(self) -> Array:
        """Covariance of the coefficients."""
        ...

    def df(self, contrasts: Array) -> Array:
        """Return the degrees of freedom of each contrast (row) by itself."""
        ...

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Test several contrasts (rows) at once."""
        ...


@dataclass(frozen=True)
class Normal:
    """Wald tests: infinite degrees of freedom."""

    profile: Profile

    @cached_property
    def covariance(self) -> Array:
        """``sigma^2 (X' V^-1 X)^-1``."""
        return self.profile.variance * self.profile.unscaled

    def df(self, contrasts: Array) -> Array:
        """Return infinity for each row."""
        return np.full(len(contrasts), np.inf)

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Return the Wald chi-square divided by its degrees of freedom."""
        statistic, rank = wald(contrasts @ self.covariance @ contrasts.T, contrasts @ beta)
        return FTest(statistic / rank, rank, float("inf"))


@dataclass(frozen=True)
class Satterthwaite:
    """Satterthwaite's degrees of freedom as lmerTest gives them.

    The variance parameters are theta and sigma. A theta of zero is a stationary point of
    everything, so on the boundary it contributes nothing; this is lmerTest's convention, and in
    other parameters the result there can differ.
    """

    profile: Profile
    levels: Sequence[Level]
    theta: Array

    @cached_property
    def covariance(self) -> Array:
        """``sigma^2 (X' V^-1 X)^-1``."""
        return self.profile.variance * self.profile.unscaled

    @cached_property
    def variance_parameters(self) -> Array:
        """Asymptotic covariance of theta and sigma: twice the inverse Hessian of the deviance."""
        p = self.profile
        sigma = np.sqrt(p.variance)
        gradient = p.logdet1 + p.sum_of_squares1 / p.variance
        hessian = p.logdet2 + p.sum_of_squares2 / p.variance
        curved = self._chain(gradient, hessian)
        m = len(curved)
        full = np.empty((m + 1, m + 1))
        full[:m, :m] = curved
        full[:m, m] = full[m, :m] = -2.0 * (self._jacobian.T @ p.sum_of_squares1) / sigma**3
        full[m, m] = 4.0 * p.denominator / p.variance
        return 2.0 * positive_inverse(full)

    @cached_property
    def covariance1(self) -> Array:
        """Derivatives of `covariance` in theta and sigma."""
        p = self.profile
        in_covariances = -p.variance * p.unscaled @ p.precision1 @ p.unscaled
        chained = np.einsum("iab,ij->jab", in_covariances, self._jacobian)
        return np.concatenate([chained, 2.0 * np.sqrt(p.variance) * p.unscaled[None]])

    @property
    def _jacobian(self) -> Array:
        """Derivatives of the profile's parameters in those of the search (theta)."""
        return jacobian_of_covariances(self.levels, self.theta)

    def _chain(self, gradient: Array, hessian: Array) -> Array:
        """Carry the profile's second derivatives over to the parameters of the search."""
        return chain(self.levels, self.theta, gradient, hessian)[1]

    def df(self, contrasts: Array) -> Array:
        """Return ``2 (c'Vc)^2 / (g'Ag)`` of each row c, with g the gradient of ``c'Vc``."""
        variances = ((contrasts @ self.covariance) * contrasts).sum(axis=-1)
        slopes = ((contrasts @ self.covariance1) * contrasts).sum(axis=-1).T
        spread = ((slopes @ self.variance_parameters) * slopes).sum(axis=-1)
        return 2.0 * variances**2 / spread

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Test several contrasts as lmerTest does: by the eigenvectors of their covariance."""
        values, vectors = np.linalg.eigh(contrasts @ self.covariance @ contrasts.T)
        kept = values > max(values.max(), 0.0) * len(values) * np.finfo(float).eps
        rows = vectors[:, kept].T @ contrasts
        statistic = float(np.mean((rows @ beta) ** 2 / values[kept]))
        return FTest(statistic, int(kept.sum()), _pooled_df(self.df(rows)))


def _pooled_df(found: Array) -> float:
    """Return the denominator df whose F has the mean of independent t^2 on these df."""
    if len(found) == 1 or np.ptp(found) < 1e-8:
        return float(found.mean())
    if (found <= 2.0).any():
        return 2.0
    expected = float((found / (found - 2.0)).sum())
    return 2.0 * expected / (expected - len(found))


@dataclass(frozen=True)
class KenwardRoger:
    """Kenward and Roger's (1997) adjusted covariance and degrees of freedom, as pbkrtest's.

    The variance parameters are the elements of the random effects' covariances and the residual
    variance, in which V is linear; the information is the expected one.
    """

    profile: Profile
    levels: Sequence[Level]
    variances: Array
    """The free elements of each level's covariance relative to the residual variance."""

    @cached_property
    def unadjusted(self) -> Array:
        """``(X' V^-1 X)^-1``."""
        return self.profile.variance * self.profile.unscaled

    @cached_property
    def _derivatives(self) -> tuple[Array, Array, Array]:
        """First and second derivatives of ``X'V^-1X`` and second ones of ``logdet V``.

        In the parameters (variances, residual variance). Only derivatives in the relative
        covariances are at hand; those in the residual variance follow from homogeneity:
        ``X'V^-1X`` has degree -1 in all parameters together, ``logdet V`` degree 0 plus n log.
        """
        p = self.profile
        s, phi, n = p.variance, self.variances * p.variance, p.n
        m = len(phi)
        first = np.empty((m + 1, *p.precision.shape))
        first[:m] = p.precision1 / s**2
        first[m] = (-p.precision / s - np.tensordot(phi, first[:m], 1)) / s
        second = np.empty((m + 1, *first.shape))
        second[:m, :m] = p.precision2 / s**3
        second[:m, m] = (-2.0 * first[:m] - np.tensordot(phi, second[:m, :m], 1)) / s
        second[m, :m] = second[:m, m]
        second[m, m] = (-2.0 * first[m] - np.tensordot(phi, second[:m, m], 1)) / s
        logdet1 = p.contribution.logdet1 / s
        logdet2 = np.empty((m + 1, m + 1))
        logdet2[:m, :m] = p.contribution.logdet2 / s**2
        logdet2[:m, m] = logdet2[m, :m] = (-logdet1 - logdet2[:m, :m] @ phi) / s
        in_residual = (n - phi @ logdet1) / s
        logdet2[m, m] = (-in_residual - phi @ logdet2[:m, m]) / s
        return first, second, logdet2

    @cached_property
    def information(self) -> Array:
        """Expected information on the variance parameters."""
        P, Q, logdet2 = self._derivatives
        half = self.unadjusted @ P
        # tr(Phi Q_ij) enters once here; `second` is Q_ij + Q_ji.
        information = -logdet2 - np.einsum("ab,ijba->ij", self.unadjusted, Q)
        return (information + np.einsum("iab,jba->ij", half, half)) / 2.0

    @cached_property
    def variance_parameters(self) -> Array:
        """Inverse of the expected information on the variance parameters."""
        return _inverse(self.information)

    @cached_property
    def covariance(self) -> Array:
        """The adjusted covariance of the coefficients."""
        P, Q, _ = self._derivatives
        W, Phi = self.variance_parameters, self.unadjusted
        inner = 0.5 * np.tensordot(W, Q, 2) - np.einsum("ij,iab,bc,jcd->ad", W, P, Phi, P)
        return Phi + 2.0 * Phi @ inner @ Phi

    def df(self, contrasts: Array) -> Array:
        """Return the denominator degrees of freedom of each row by itself."""
        return np.array([self._df_and_scaling(row[None, :])[0] for row in contrasts])

    def joint(self, contrasts: Array, beta: Array) -> FTest:
        """Return the scaled F of Kenward and Roger."""
        rows = independent_rows(contrasts)
        df, scaling = self._df_and_scaling(rows)
        statistic, rank = wald(rows @ self.covariance @ rows.T, rows @ beta)
        return FTest(scaling * statistic / rank, rank, df, scaling)

    def _df_and_scaling(self, L: Array) -> tuple[float, float]:
        Phi, W, P = self.unadjusted, self.variance_parameters, self._derivatives[0]
        q = len(L)
        theta = L.T @ np.linalg.solve(L @ Phi @ L.T, L) @ Phi
        each = theta @ P @ Phi
        traces = np.trace(each, axis1=1, axis2=2)
        A1 = float(traces @ W @ traces)
        A2 = float(np.einsum("ij,iab,jba->", W, each, each))
        return _kenward_roger_df(A1, A2, q)


def _kenward_roger_df(A1: float, A2: float, q: int) -> tuple[float, float]:
    """Return the denominator df and the scaling of F from Kenward and Roger's A1 and A2."""
    if A2 <= 0.0:
        return float("inf"), 1.0
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    d = 3.0 * q + 2.0 * (1.0 - g)
    c1, c2, c3 = g / d, (q - g) / d, (q + 2 - g) / d
    v0, v1, v2 = 1.0 + c1 * B, 1.0 - c2 * B, 1.0 - c3 * B
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    ratio = 1.0 if abs(1.0 - A2 / q) < 1e-10 and abs(v1) < 1e-10 else (1.0 - A2 / q) / v1
    rho = ratio**2 * v0 / v2 / q
    df = 4.0 + (q + 2.0) / (q * rho - 1.0)
    scaling = 1.0 if abs(df - 2.0) < 1e-2 else df * (1.0 - A2 / q) / (df - 2.0)
    return df, scaling


def wald(covariance: Array, estimate: Array) -> tuple[float, int]:
    """Return ``e' C^- e`` and the rank of C."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(values.max(), 0.0) * len(values) * np.finfo(float).eps
    along = vectors[:, kept].T @ estimate
    return float((along**2 / values[kept]).sum()), int(kept.sum())


def independent_rows(L: Array) -> Array:
    """Return rows that span what the rows of L span, orthonormal."""
    _, sizes, right = np.linalg.svd(L, full_matrices=False)
    return right[sizes > sizes.max() * max(L.shape) * np.finfo(float).eps]


def positive_inverse(hessian: Array) -> Array:
    """Invert along the directions of positive curvature; flat ones carry no information."""
    size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    values, vectors = np.linalg.eigh(hessian / np.outer(size, size))
    kept = values > FLAT * values.max()
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T / np.outer(size, size)


def _inverse(information: Array) -> Array:
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    return np.linalg.pinv(information / np.outer(size, size), rcond=1e-12) / np.outer(size, size)
