"""Degrees of freedom of a planned comparison, from the covariance that the design itself has.

The df of an estimate with variance ``V`` are ``2 V^2 / var(V)``, where ``V`` is known as well as
the variances of clients, therapists and residuals are: ``var(V) = g' I^-1 g`` with the gradient
``g`` of ``V`` and their expected (restricted) information ``I = tr(P V_i P V_j) / 2``
(Satterthwaite 1946, Biometrics Bulletin 2:110; Giesbrecht & Burns 1985, Biometrics 41:477). Where
caseloads and lengths are equal they are those of the analysis of variance.

A client's sessions tell a level and a slope, ``(Z'Z)^-1 Z'y``, and residuals; clients alike in
therapist, arm and length tell the mean of these, and deviations from it. Only the means know of
therapists and arms, so that a therapist is a small matrix, and therapists alike are one.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .design import StudyDesign

Array = np.ndarray
Cell = tuple[int, int, int]
"""Clients of one therapist who are alike: their arm, length and number."""
MANY = 400
"""Of more therapists the variances are known so well that the df counted do no harm."""


def coding_of(arm: Array, arms: int) -> Array:
    """Return a column of ones, and one for each arm but the first."""
    return np.column_stack([np.ones(len(arm)), arm[:, None] == np.arange(1, arms)]).astype(float)


def own_df(design: StudyDesign, arms: int, keep: Array, contrast: Array) -> float:
    """Return Satterthwaite's df of a contrast of the columns kept of ``[1, time] x arms``."""
    alike, alone = _therapists(design)
    information: Array = np.zeros((5, 5))
    part = 1 - design.missed.mean()  # of sessions; the rest is thinned out evenly
    length = design.layout.measured.length
    left = float(np.maximum(part * length - np.minimum(length, 2), 0).sum())
    information[0, 0] = left / design.noise_variance**2
    n = len(keep)
    deviations: Counter[int] = Counter()
    within, Q, R = np.zeros((n, n)), np.zeros((5, n, n)), np.zeros((5, 5, n, n))
    for cells, count in [*alike.items(), *((cell, 1) for cell in alone)]:
        parts = _variances(cells, part, of_therapist=cells not in alone)
        X = np.concatenate([_columns(arm, stay, arms) for arm, stay, _ in cells])[:, keep]
        W = np.linalg.inv(_covariance(design, parts))
        products = W @ parts
        information += count * np.einsum("iab,jba->ij", products, products)
        WX = W @ X
        moved = parts @ WX
        within += count * X.T @ WX
        Q += count * WX.T @ moved
        R += count * np.einsum("iak,ab,jbl->ijkl", moved, W, moved)
        for _, stay, m in cells:
            deviations[stay] += count * (m - 1)
    for stay, m in deviations.items():
        one = _variances(((0, stay, 1),), part, of_therapist=False)
        products = np.linalg.inv(_covariance(design, one)) @ one
        information += m * np.einsum("iab,jba->ij", products, products)
    C = np.linalg.inv(within)
    CQ = C @ Q
    information += np.einsum("iab,jba->ij", CQ, CQ) - 2 * np.einsum("kl,ijlk->ij", C, R)
    gradient = np.einsum("k,ikl,l->i", C @ contrast, Q, C @ contrast)
    known = np.diag(information) > 0
    known[2] &= design.slope_sd_client > 0  # a slope that is not planned is not fitted
    known[4] &= design.slope_sd_therapist > 0
    # in units in which each is as well known as the others; what cannot be told apart is one
    unit = 1 / np.sqrt(np.diag(information)[known])
    scaled = information[np.ix_(known, known)] / 2 * np.outer(unit, unit)
    g = gradient[known] * unit
    V = contrast @ C @ contrast
    return float(2 * V**2 / (g @ np.linalg.pinv(scaled, rcond=1e-9, hermitian=True) @ g))


def _therapists(design: StudyDesign) -> tuple[Counter[tuple[Cell, ...]], set[tuple[Cell, ...]]]:
    """Return how many therapists have the same clients, and the clients without a therapist."""
    layout = design.layout.measured
    rows = np.column_stack([layout.therapist, layout.arm, layout.length])
    kinds, sizes = np.unique(rows, axis=0, return_counts=True)
    clients: dict[int, list[Cell]] = {}
    for (therapist, arm, length), m in zip(kinds.tolist(), sizes.tolist(), strict=True):
        clients.setdefault(therapist, []).append((arm, length, m))
    alone: set[tuple[Cell, ...]] = {(cell,) for cell in clients.pop(-1, [])}
    return Counter(tuple(cells) for cells in clients.values()), alone


@lru_cache(maxsize=1024)
def _columns(arm: int, length: int, arms: int) -> Array:
    """Return the columns ``[1, time] x arms`` of a level and, from two sessions on, of a slope."""
    return np.kron(np.eye(2), coding_of(np.array([arm]), arms))[: min(length, 2)]


@lru_cache(maxsize=1024)
def _of_line(length: int) -> Array:
    """Return the covariance of level and slope by least squares, for residuals of one."""
    Z = np.vander(np.arange(length, dtype=float), min(length, 2), increasing=True)
    return np.linalg.inv(Z.T @ Z)


def _variances(cells: tuple[Cell, ...], part: float, *, of_therapist: bool) -> Array:
    """Return what residuals, clients' and therapists' levels and slopes add to the covariance.

    The matrices are in the order of `_covariance`, each that of a variance of one; `part` of the
    sessions have a score.
    """
    sizes = [min(length, 2) for _, length, _ in cells]
    found, first = np.zeros((5, sum(sizes), sum(sizes))), 0
    for (_, length, m), size in zip(cells, sizes, strict=True):
        at = slice(first, first + size)
        found[0, at, at] = _of_line(length) / m / part
        for slope in range(size):
            found[1 + slope, first + slope, first + slope] = 1 / m
        first += size
    if of_therapist:
        which = np.concatenate([np.arange(size) for size in sizes])
        for slope in (0, 1):
            found[3 + slope] = np.outer(which == slope, which == slope)
    return found


def _covariance(design: StudyDesign, parts: Array) -> Array:
    """Return the covariance that the planned variances make of their matrices."""
    return np.tensordot(
        [
            design.noise_variance, design.client_variance, design.slope_sd_client**2,
            design.therapist_variance, design.slope_sd_therapist**2,
        ],
        parts, axes=1,
    )  # fmt: skip
