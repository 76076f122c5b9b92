"""Where the nodes of an integral stand, and the rules for how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..engine.batches import Array


@dataclass(frozen=True)
class Nodes:
    """Where the nodes of every unit stand: centre and spread, and how they follow the top's.

    Attributes
    ----------
    centre, root, slope
        ``(units, q)``, ``(units, q, q)`` and ``(units, q)``: node ``x`` stands at ``centre + slope
        (v - top_centre) + root x``.
    top_centre, top_spread
        One a group above.
    moving
        Whether the slope is used.
    """

    centre: Array
    root: Array
    slope: Array
    top_centre: Array
    top_spread: Array
    moving: bool = False


class Points(NamedTuple):
    """How many nodes: of each of a client's effects, and of the top level.

    `even` ones stand at equal distances over `REACH` SDs to each side. Where random effects are
    much wider than the step of a single answer, they need fewer of them than Gauss-Hermite's rule:
    their number grows with the SD, not with its square.
    """

    inner: int
    top: int
    even: bool = False


REACH = 8.0


@lru_cache(maxsize=64)
def rule(nodes: int, size: int, even: bool = False) -> tuple[Array, Array]:
    """Return Gauss-Hermite nodes in some dimensions and the log weights over the density there.

    The weights are such that ``sum exp(w) g(x)`` is the integral of ``g`` itself. Corners whose
    share of a normal integral is below rounding are left out.
    """
    if even:
        step = 2.0 * REACH / (nodes - 1)
        return np.linspace(-REACH, REACH, nodes)[None], np.full(nodes, np.log(step))
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    with np.errstate(divide="ignore"):
        log_w = np.log(w) + 0.5 * x * x  # over exp(-x^2 / 2)
        mass = np.log(w) - 0.5 * np.log(2.0 * np.pi)
    grids = np.meshgrid(*[np.arange(nodes)] * size, indexing="ij")
    which = np.stack([grid.ravel() for grid in grids])
    kept = mass[which].sum(axis=0) > -(42.0 if size > 1 else 650.0)
    which = which[:, kept]
    return x[which], log_w[which].sum(axis=0)
