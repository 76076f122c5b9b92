"""The likelihood of several clinics, of which each sent its own: the sum, or one more level.

Stands in for the cross-products of rows in a `Design`, by the same seam: what clinics contribute
adds up. Where clinics are a level of their own, their random intercepts are eliminated from what
each of them leaves, as the engine does with any level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..multilevel.engine.batches import WHOLE, Array
from ..multilevel.engine.elimination import State, eliminate
from ..multilevel.engine.likelihood import Contribution, Level
from .curve import Curve
from .expansion import Expansion, elements
from .rounding import Uncertain
from .sums import Sums

ONE = ((0, 0),)


@dataclass(frozen=True)
class Clinic:
    """What one clinic sent, and the matrix that makes the joint model's columns of its own."""

    body: Sums | Curve | Expansion
    turn: Array

    def contribution(self, ratios: Sequence[float] | Array, order: int) -> Contribution:
        """Return the clinic's contribution, in the joint model's columns."""
        found, T = self.body.contribution(ratios, order), self.turn
        return replace(
            found,
            cross=T.T @ found.cross @ T,
            cross1=T.T @ found.cross1 @ T,
            cross2=T.T @ found.cross2 @ T,
        )


@dataclass(frozen=True)
class Clinics:
    """All clinics of a joint model.

    Attributes
    ----------
    random
        Whether clinics are the top level, with a random intercept each.
    turn
        A matrix that makes other columns of the joint model's at the end; none by default.
    """

    clinics: tuple[Clinic, ...]
    random: bool = False
    turn: Array | None = None

    def contribution(
        self, levels: Sequence[Level], covariances: Sequence[Array], order: int = 0
    ) -> Contribution:
        """Return what all clinics add to the likelihood."""
        ratios = self.ratios(levels, covariances)
        each = [clinic.contribution(ratios, order) for clinic in self.clinics]
        if not self.random:
            return self._turned(sum(each[1:], start=each[0]))
        state = State(
            np.stack([c.cross for c in each], axis=-1),
            np.stack([c.cross1 for c in each], axis=-1),
            np.stack([c.cross2 for c in each], axis=-1),
            sum(c.logdet for c in each),
            np.sum([c.logdet1 for c in each], axis=0),
            np.sum([c.logdet2 for c in each], axis=0),
        )
        state = eliminate(state, [0], ONE, covariances[-1], WHOLE, order)
        return self._turned(
            Contribution(
                state.logdet,
                state.cross[..., 0],
                state.logdet1,
                state.cross1[..., 0],
                state.logdet2,
                state.cross2[..., 0],
            )
        )

    def ratios(self, levels: Sequence[Level], covariances: Sequence[Array]) -> Array:
        """Return the free elements of relative covariances that files know of."""
        below = slice(None, -1) if self.random else slice(None)
        return elements(levels[below], covariances[below])

    def uncertain(self, levels: Sequence[Level], covariances: Sequence[Array]) -> list[Uncertain]:
        """Return how uncertain each file's cross-products are, and how they enter the joint ones.

        Where clinics are a level, what an error does goes through its elimination.
        """
        ratios, found = self.ratios(levels, covariances), []
        for clinic in self.clinics:
            T = clinic.turn
            if self.random:
                d, own = float(covariances[-1][0, 0]), clinic.contribution(ratios, 0).cross[0]
                T = T - np.outer(T[:, 0], own) * d / (1.0 + d * own[0])
            T = T if self.turn is None else T @ self.turn
            found.append((clinic.body.variances(ratios), T))
        return found

    def redrawn(self, rng: np.random.Generator) -> Clinics:
        """Return the clinics with what rounding may have been made of."""
        each = [
            replace(clinic, body=clinic.body.redrawn(rng))
            if isinstance(clinic.body, Curve | Expansion)
            else clinic
            for clinic in self.clinics
        ]
        return replace(self, clinics=tuple(each))

    def turned(self, turn: Array) -> Clinics:
        """Return the clinics with other columns: these times a matrix."""
        return replace(self, turn=turn if self.turn is None else self.turn @ turn)

    def _turned(self, found: Contribution) -> Contribution:
        T = self.turn
        if T is None:
            return found
        return replace(
            found,
            cross=T.T @ found.cross @ T,
            cross1=T.T @ found.cross1 @ T,
            cross2=T.T @ found.cross2 @ T,
        )

    @cached_property
    def totals(self) -> Array:
        """Cross-products of all columns at the least ratios that every file knows."""
        bodies = [clinic.body for clinic in self.clinics]
        ratios = [
            max(body.axes[i].low if isinstance(body, Curve) else 0.0 for body in bodies)
            for i in range(bodies[0].ratios)
        ]
        if isinstance(bodies[0], Expansion):  # known at one point
            ratios = bodies[0].centre.tolist()
        each = [clinic.contribution(ratios, 0).cross for clinic in self.clinics]
        return np.asarray(sum(each[1:], start=each[0]))
