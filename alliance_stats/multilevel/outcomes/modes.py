"""The most likely random effects of every unit at given parameters, and Laplace's approximation.

Newton's steps for all units at once: a client's effects are eliminated given its therapist's, so
that one number a therapist is left, as in the Gaussian engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..engine.batches import Array
from .families import Family
from .integral import Shape
from .nodes import Nodes
from .pieces import Piece

STEPS = 60
LONGEST = 4.0  # prior SDs that one step may go
TOO_FAR = 50.0  # prior SDs: where these are much smaller than at the last search, it starts anew
CLOSE = 1e-7  # prior SDs: Newton ends at the square
NEAR = 1e-3  # of modes that nodes are to stand around


@dataclass(frozen=True)
class Modes:
    """Modes, the curvature there, and Laplace's log-likelihood."""

    nodes: Nodes
    laplace: float


def find_modes(
    piece: Piece,
    family: Family,
    shape: Shape,
    at: Array,
    start: Nodes | None = None,
    close: float = CLOSE,
) -> Modes:
    """Find the modes of a piece, to `close` prior SDs (then one step of Newton's further)."""
    L, sd = shape.factor(at), shape.top_sd(at)
    units, groups, q = len(piece.starts), len(piece.children), shape.size
    inverse = np.linalg.inv(L)
    precision = inverse.T @ inverse
    xb = piece.X @ at[: shape.coefficients] + piece.offset
    e = piece.above
    parent, sizes = piece.parent_of, piece.sizes
    c, v = np.zeros((units, q)), np.zeros(groups)
    if start is not None:
        away = start.centre.copy()
        away[:, e] -= start.top_centre[parent]
        if np.abs(away @ inverse.T).max(initial=0.0) < TOO_FAR:
            c, v = start.centre.copy(), start.top_centre.copy()
    squares = (piece.Z[:, :, None] * piece.Z[:, None, :]).reshape(-1, q * q)
    old = np.full(groups, -np.inf)
    step_c, step_v = np.zeros_like(c), np.zeros_like(v)
    scale = np.ones(groups)
    for _ in range(STEPS):
        eta = (piece.Z * np.repeat(c, sizes, axis=0)).sum(axis=1) + xb
        d = family.density(piece.outcome, eta, at[shape.of_own])
        off = c.copy()
        off[:, e] -= v[parent]
        pull = off @ precision
        fits = piece.adding @ d.value
        value = piece.over_parents(fits - 0.5 * (pull * off).sum(axis=1))
        if shape.top:
            value = value - 0.5 * (v / sd) ** 2
        worse = value < old - 1e-9 * (1.0 + np.abs(old))
        if worse.any():
            scale = np.where(worse, scale * 0.5, 0.0)
            back = np.where(worse, scale, 0.0)
            c -= back[parent][:, None] * step_c
            v -= back * step_v
            if (scale[worse] > 1e-6).all():
                continue
        old = value
        gradient = piece.adding @ (d.first[:, None] * piece.Z) - pull
        W = (piece.adding @ (-d.second[:, None] * squares)).reshape(units, q, q)
        if family.name != "binomial" or q > 1:
            W = _positive(W)
        H = W + precision
        solved = _solve(H, np.stack([gradient, np.broadcast_to(precision[e], c.shape)], axis=2))
        toward, kappa = solved[..., 0], solved[..., 1]
        if shape.top:
            # what the clients leave for v: e' (Sigma + W^-1)^-1 e, written without W^-1
            left = precision[e, e] - kappa @ precision[e]
            slope = piece.over_parents(pull[:, e] + toward @ precision[e]) - v / sd**2
            S = piece.over_parents(np.maximum(left, 0.0)) + 1.0 / sd**2
            step_v = slope / S
        step_c = toward + kappa * step_v[parent][:, None]
        size = np.sqrt(((step_c @ inverse.T) ** 2).sum(axis=1))
        longest = np.zeros(groups)
        np.maximum.at(longest, parent, size)
        if shape.top:
            longest = np.maximum(longest, np.abs(step_v / sd))
        shrink = np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300))
        step_c *= shrink[parent][:, None]
        step_v *= shrink
        c += step_c
        v += step_v
        if longest.max() < close:
            break
        scale = np.ones(groups)
    laplace = float(value.sum()) + piece.constant
    root = np.sqrt(1.0 / H) if q == 1 else np.linalg.cholesky(np.linalg.inv(H))
    laplace += float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
    laplace -= units * float(np.log(np.abs(np.diag(L))).sum())
    spread = np.ones(groups)
    if shape.top:
        laplace -= 0.5 * float(np.log(S).sum()) + groups * float(np.log(abs(sd)))
        spread = 1.0 / np.sqrt(S)
    return Modes(Nodes(c, root, kappa, v, spread), laplace)


def _positive(W: Array) -> Array:
    """Return curvatures without the negative directions that some densities have far out."""
    if W.shape[1] == 1:
        return np.maximum(W, 0.0)
    values, vectors = np.linalg.eigh(W)
    return (vectors * np.maximum(values, 0.0)[:, None, :]) @ np.swapaxes(vectors, 1, 2)


def _solve(H: Array, right: Array) -> Array:
    return right / H if H.shape[1] == 1 else np.linalg.solve(H, right)
