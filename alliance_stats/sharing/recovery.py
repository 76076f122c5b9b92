"""Which single clients can be computed from sums that many are in: linear algebra.

A sum over clients with equally many sessions is about all of them; what several such sums tell
together need not be. If one predictor differs from another for a single client, the difference of
two sums is that client's. So it is asked of all combinations of the sums at once: each client's
mean is projected on them, and the projection says how much of the mean they hold (the leverage,
where sums are exact) and how many clients stand in the combination that comes nearest to it.
"""

from __future__ import annotations

import numpy as np

from ..core.disclosure import FEW_VALUES
from ..multilevel.engine.batches import Array

EXACT = 1e-6
"""Noise of a sum that is not rounded, in the same units: what digits of a computer leave of it."""
MOST_OF_MEAN = 0.8
"""The share of a client's mean in sums that are one client's. Less is what extremes among ten have
by chance: of a normal predictor one in 130 such classes has a share above it."""
NEARLY_ALL = 0.95
"""Share of a combination's squared weights that makes it one of those who carry them."""


def singled_out(sums: Array, least: int, most_told: float) -> tuple[Array, int]:
    """Return how much of each client's mean the sums hold, and of how many they hold too much.

    Too much is more than `MOST_OF_MEAN`; or more than `most_told` by a combination of sums that
    fewer than `least` clients carry, such as a cell of three.

    Parameters
    ----------
    sums
        (sums, clients): each sum's weights over its noise, in SDs of clients' means.

    Examples
    --------
    Two predictors that differ for the last of six clients only:

    >>> one = np.array([1.0, 1, 1, 0, 0, 0])
    >>> other = np.array([1.0, 1, 1, 0, 0, 1])
    >>> singled_out(np.stack([one, other]) / EXACT, 3, 1 / 3)[0].round(2).tolist()
    [0.33, 0.33, 0.33, 0.0, 0.0, 1.0]
    """
    _, size, V = np.linalg.svd(sums, full_matrices=False)
    told = size**2 / (size**2 + 1.0)
    shares = np.asarray(told @ V**2)
    over = shares > max(MOST_OF_MEAN, most_told)
    for client in np.flatnonzero(~over & (shares > most_told + EXACT)):
        nearest = np.sort(((told * V[:, client]) @ V) ** 2)[::-1]
        over[client] = nearest[: least - 1].sum() > NEARLY_ALL * nearest.sum()
    return shares, int(over.sum())


def few_valued(rows: Array) -> Array:
    """Return the columns of few values, of which cells can be made; constants are among them."""
    return rows[[len(np.unique(np.round(row, 9))) <= FEW_VALUES for row in rows]]


def shares_of_one(each: Array) -> Array:
    """Return the largest share that each client has in the spread of any combination of columns.

    Parameters
    ----------
    each
        (clients, columns, columns): what each adds to the columns' cross-products.
    """
    values, vectors = np.linalg.eigh(each.sum(axis=0))
    kept = values > EXACT**2 * max(float(values.max()), 1e-300)
    if not kept.any():
        return np.zeros(len(each))
    root = vectors[:, kept] / np.sqrt(values[kept])
    return np.asarray(np.linalg.eigvalsh(root.T @ each @ root)[:, -1])
