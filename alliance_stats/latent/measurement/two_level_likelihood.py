"""Full information likelihood of two levels where sessions lack answers.

Session j of a client is ``y_j = mu + b + w_j`` in the items that were answered. With W_j the
inverse of their covariances within (zero elsewhere), ``A = sum W_j``, ``r = sum W_j (y_j - mu)``
and ``M = S_b (I + A S_b)^-1``, minus twice the logarithm of a client's likelihood is (but for a
constant)

``sum(log|S_w| + (y_j - mu)' W_j (y_j - mu)) + log|I + A S_b| - r' M r``,

where M r and M are mean and covariance of b given the answers. Steps of the search are those that
scoring would take if no answer lacked, by the model of complete sessions: a gradient form of EM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..engine.likelihood import LOG_2PI, Likelihood
from ..engine.patterns import Sample
from ..engine.structure import Model, Moments

Array = npt.NDArray[np.float64]
STEP = 1e-4
"""Step of second derivatives, in standard errors as if no answer lacked."""


class Answered(NamedTuple):
    """Sessions with what was answered: values (zero where not), patterns, and whose they are."""

    values: Array
    seen: Array
    patterns: Array
    pattern: npt.NDArray[np.int64]
    client: npt.NDArray[np.int64]
    of_client: sparse.csr_array
    counts: sparse.csr_array

    @classmethod
    def of(cls, values: Array, client: npt.NDArray[np.int64]) -> Answered:
        """Return the sessions; `client` numbers whose they are."""
        seen = np.isfinite(values)
        patterns, pattern = np.unique(seen, axis=0, return_inverse=True)
        pattern = pattern.reshape(-1)
        rows, one = np.arange(len(values)), np.ones(len(values))
        of_client = sparse.csr_array((one, (client, rows)))
        of_pattern = sparse.csr_array((one, (rows, pattern)))
        filled = np.where(seen, values, 0.0)
        return cls(filled, seen.astype(float), patterns.astype(float), pattern, client,
                   of_client,
                   sparse.csr_array(of_client @ of_pattern))  # fmt: skip


class _Given(NamedTuple):
    """What is known at one point: the deviance, and by client what its gradients are made of."""

    deviance: float
    W: Array
    M: Array
    by_between: Array
    left: Array


class LevelLikelihood(Likelihood):
    """The deviance of a model of two levels; its groups are contrasts, and means by sessions."""

    newton = False

    def __init__(
        self,
        model: Model,
        samples: Sequence[Sample],
        answered: Answered,
        most: float,
        *,
        exact: bool,
    ) -> None:
        """Take the model for complete sessions (of clients with up to `most`), and the answers.

        `exact` tells whether second derivatives are wanted as they are, for standard errors.
        """
        super().__init__(model, samples)
        self.answered, self.most, self.exact = answered, most, exact

    def deviance(self, theta: Array) -> tuple[float, Array]:
        """Return the deviance and its gradient; infinite where no covariances are."""
        within, whole = self._moments(theta)
        try:
            for sigma in (within.sigma, whole.sigma):
                np.linalg.cholesky(sigma)
            found = self._given(within, whole)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros(len(theta))
        data = self.answered
        by_pattern = np.bincount(data.pattern)
        M = (data.counts.T @ _flat(found.M)).reshape(found.W.shape)
        G = np.tensordot(by_pattern, found.W, 1) - found.left.T @ found.left
        G -= (found.W @ M @ found.W).sum(axis=0)
        gradient = self._by_cells(within, whole, G, found.by_between.sum(axis=0), found.left.sum(0))
        return found.deviance, gradient

    def hessian(self, theta: Array) -> Array:
        """Return the second derivatives by central differences; or those as if no answer lacked."""
        H = self.information(theta)
        if not self.exact:
            return H
        steps = STEP / np.sqrt(np.diag(H))
        for i, step in enumerate(steps):
            moved = np.zeros(len(theta))
            moved[i] = step
            ends = [self.deviance(theta + sign * moved)[1] for sign in (1.0, -1.0)]
            H[i] = (ends[0] - ends[1]) / (2.0 * step)
        return (H + H.T) / 2.0

    def scores(self, theta: Array, group: int) -> Array:
        """Return each client's gradient of the log-likelihood, all with the first group."""
        if group:
            return np.empty((0, len(theta)))
        within, whole = self._moments(theta)
        found, data = self._given(within, whole), self.answered
        W, M = found.W[data.pattern], found.M[data.client]
        own = W - found.left[:, :, None] * found.left[:, None, :] - W @ M @ W
        G = (data.of_client @ _flat(own)).reshape(found.M.shape)
        left = data.of_client @ found.left
        rows = [
            self._by_cells(within, whole, *of) for of in zip(G, found.by_between, left, strict=True)
        ]
        return -0.5 * np.array(rows)

    def _moments(self, theta: Array) -> tuple[Moments, Moments]:
        """Return the moments of contrasts, and of the means of clients with most sessions."""
        last = len(self.model.structures) - 1
        within, whole = (
            self.model.structures[k].moments(self.model.values(theta, k)) for k in (0, last)
        )
        return within, whole

    def _by_cells(
        self, within: Moments, whole: Moments, of_within: Array, of_between: Array, left: Array
    ) -> Array:
        """Return the gradient by parameters of gradients by covariances of the levels.

        The means of n sessions times the root of n have ``S_w + n S_b`` and ``root(n) mu``.
        """
        first, last = self.model.combine[0], self.model.combine[-1]
        part = of_between / self.most
        own = within.gradient(of_within - part, np.zeros(len(left)))
        return first.T @ own + last.T @ whole.gradient(part, -2.0 * left / np.sqrt(self.most))

    def _given(self, within: Moments, whole: Moments) -> _Given:
        """Return what deviance and gradients are made of."""
        data, p = self.answered, len(within.mu)
        mu = whole.mu / np.sqrt(self.most)
        between = (whole.sigma - within.sigma) / self.most
        there = data.patterns[:, :, None] * data.patterns[:, None, :]
        S = within.sigma * there + np.eye(p) * (1.0 - data.patterns)[:, :, None]
        W = np.linalg.inv(S) * there
        r = data.values - data.seen * mu
        Wr = (W[data.pattern] @ r[:, :, None])[:, :, 0]
        A = (data.counts @ _flat(W)).reshape(-1, p, p)
        b = data.of_client @ Wr
        T = np.eye(p) + A @ between
        F = np.linalg.inv(T)
        M = between @ F
        m = (M @ b[:, :, None])[:, :, 0]
        c = (F @ b[:, :, None])[:, :, 0]
        logs = np.bincount(data.pattern) @ np.linalg.slogdet(S)[1] + np.linalg.slogdet(T)[1].sum()
        deviance = data.seen.sum() * LOG_2PI + logs + (r * Wr).sum() - (b * m).sum()
        left = Wr - (W[data.pattern] @ m[data.client][:, :, None])[:, :, 0]
        return _Given(float(deviance), W, M, F @ A - c[:, :, None] * c[:, None, :], left)


def _flat(matrices: Array) -> Array:
    return matrices.reshape(len(matrices), -1)
