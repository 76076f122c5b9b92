"""Conditional modes and prediction errors where groups cross or share rows.

The effects of the block are known from all rows at once; given them, each unit of the lowest
grouping is by itself: its effects are ``K (A_zw w - S b)``, with ``b`` those of the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ..engine.batches import Array, Indices, fixed_times, inverse_of_one_plus
from ..engine.block import Block
from ..engine.crossed import CrossedPartition, Products
from ..engine.likelihood import Level

CHUNK = 2000  # rows of the block worked on together


class Posterior:
    """The random effects given the coefficients, relative to the residual variance."""

    def __init__(
        self, partition: CrossedPartition, levels: Sequence[Level], relative: Sequence[Array]
    ) -> None:
        self.products: Products = partition.products(levels)
        left = self.products.without_units(relative[0], 0)
        self.block: Block = partition.block(levels, relative, left)
        E, _ = inverse_of_one_plus(self.products.own, relative[0])
        self.K = fixed_times(relative[0], E)  # of the lowest units

    def modes(self, direction: Array) -> tuple[Array, ...]:
        """Return each level's effects (q, units) for a combination of columns."""
        b = self.block.effects @ direction
        known = np.stack([S @ b for S in self.products.with_block])
        left = np.einsum("aku,k->au", self.products.of_units, direction) - known
        lowest = np.einsum("abu,bu->au", self.K, left)
        return lowest, *(np.stack([b[here] for here in spans]) for spans in self.block.spans)

    def covariances(self) -> tuple[Array, ...]:
        """Return each level's covariances (q, q, units), given the coefficients."""
        S, K = self.products.with_block, self.block.K
        inner = np.stack([[_row_forms(one, K, other) for other in S] for one in S])
        lowest = self.K + np.einsum("abu,bcu,cdu->adu", self.K, inner, self.K)
        upper = [
            np.stack([[np.diagonal(K[a, b]) for b in spans] for a in spans])
            for spans in self.block.spans
        ]
        return lowest, *upper

    def errors(
        self, X: Array, Z: Any, z: Array, units: Indices, fixed: Sequence[int]
    ) -> tuple[Array, Array]:
        """Return what the values of rows err by.

        `X` are the rows' columns of the coefficients (at the places `fixed`), `Z` those of the
        block, `z` (rows, q) those of the lowest effects, and `units` the lowest units, -1 where
        the model does not know it.

        Returns
        -------
        left, variance
            What is left of `X` when effects follow the coefficients, and the variance through
            known effects, over that of the residuals.
        """
        seen = np.flatnonzero(units >= 0)
        of = units[seen]
        back = np.einsum("ra,abr->rb", z[seen], self.K[..., of])
        left, variance = X.copy(), np.zeros(len(X))
        sides = self.products.of_units[:, list(fixed)][..., of]
        left[seen] -= np.einsum("ra,akr->rk", back, sides)
        variance[seen] = (back * z[seen]).sum(axis=1)
        place = sparse.csr_matrix((np.ones(len(seen)), (seen, np.arange(len(seen)))),
                                  (len(X), len(seen)))  # fmt: skip
        for a, S in enumerate(self.products.with_block):
            Z = Z - place @ (sparse.diags(back[:, a]) @ S[of])
        left -= Z @ self.block.effects[:, list(fixed)]
        return left, variance + _row_forms(Z.tocsr(), self.block.K, Z.tocsr())


def _row_forms(left: Any, K: Array, right: Any) -> Array:
    """Return ``l K r'`` for each pair of rows of two sparse matrices."""
    found = np.zeros(left.shape[0])
    for first in range(0, len(found), CHUNK):
        here = slice(first, first + CHUNK)
        found[here] = np.asarray(right[here].multiply(left[here] @ K).sum(axis=1)).ravel()
    return found
