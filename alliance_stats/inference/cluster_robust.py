"""CR2: covariances of coefficients that hold where the model of the errors is wrong.

Corrects the residuals of each cluster so that the estimate is unbiased if the working covariance is
right; the degrees of freedom come from a Satterthwaite approximation to the distribution of the
estimate itself, so that few or uneven clusters are paid for.

Source: Bell & McCaffrey (2002), for correlated working errors as Pustejovsky & Tipton (2018),
doi 10.1080/07350015.2016.1247004, give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

NOTHING = 1e-10  # an eigenvalue below this share of the largest is none


@dataclass(frozen=True)
class Cluster:
    """What one cluster brings: predictors X, working covariance V, residuals.

    `weighted` holds the cluster's rows of W X, W the inverse of the working covariance of all
    rows; where it is left out, no row of another cluster is correlated with these.
    """

    X: Array
    V: Array
    residual: Array
    weighted: Array | None = None

    def corrected(self, M: Array) -> Array:
        """Return ``A W X``, the corrected weights of this cluster's rows."""
        upper = np.linalg.cholesky(self.V).T
        B = upper @ (self.V - self.X @ M @ self.X.T) @ upper.T
        values, vectors = np.linalg.eigh((B + B.T) / 2.0)
        kept = values > NOTHING * max(float(values[-1]), 1e-300)
        root = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
        weighted = np.linalg.solve(self.V, self.X) if self.weighted is None else self.weighted
        return (upper.T @ root @ upper) @ weighted


def runs(codes: npt.NDArray[np.int64]) -> list[slice]:
    """Return the rows of each cluster of sorted codes."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    return [slice(int(a), int(b)) for a, b in pairwise([0, *edges, len(codes)])]


@dataclass(frozen=True, eq=False)
class BiasReduced:
    """The CR2 covariance of coefficients; `M` is the inverse of X' W X."""

    clusters: Sequence[Cluster]
    M: Array

    @cached_property
    def weights(self) -> list[Array]:
        """The corrected weights of each cluster's rows."""
        return [one.corrected(self.M) for one in self.clusters]

    @property
    def covariance(self) -> Array:
        """The covariance of the coefficients."""
        pairs = zip(self.weights, self.clusters, strict=True)
        scores = np.stack([w.T @ one.residual for w, one in pairs])
        return self.M @ (scores.T @ scores) @ self.M

    def degrees_of_freedom(self, contrasts: Array, working: Array | None = None) -> Array:
        """Return ``(tr G)^2 / tr(G^2)``, G the covariance of the clusters' shares of a contrast.

        Parameters
        ----------
        contrasts
            A row a contrast of the coefficients.
        working
            The working covariance of all rows, in the order of the clusters; needed only where
            rows of different clusters are correlated in it.
        """
        shares = [w @ self.M @ contrasts.T for w in self.weights]
        along = np.stack([one.X.T @ p for one, p in zip(self.clusters, shares, strict=True)])
        G = -np.einsum("apc,pq,bqc->cab", along, self.M, along, optimize=True)
        if working is None:
            diagonal = np.arange(len(shares))
            own = [
                np.einsum("nc,nc->c", p, one.V @ p)
                for one, p in zip(self.clusters, shares, strict=True)
            ]
            G[:, diagonal, diagonal] += np.stack(own).T
        else:
            first = np.cumsum([0, *(len(p) for p in shares[:-1])])
            for G_of, p in zip(G, np.concatenate(shares).T, strict=True):
                by_cluster = np.add.reduceat(working * np.outer(p, p), first, axis=0)
                G_of += np.add.reduceat(by_cluster, first, axis=1)
        return np.einsum("caa->c", G) ** 2 / np.einsum("cab,cab->c", G, G)
