"""How far the rounding of files moves what is estimated from them."""

from __future__ import annotations

import numpy as np

from ..multilevel.engine.batches import Array


def moved_by(variances: Array, cross: Array, denominator: int) -> dict[str, float]:
    """Return how far rounding moves the ``deviance``, and coefficients in ``standard_errors``.

    Parameters
    ----------
    variances
        How uncertain each of `cross` is.
    cross
        What is left of the cross-products of [X | y].
    denominator
        What the residual sum of squares is divided by.
    """
    inverse = np.linalg.pinv(cross[:-1, :-1], hermitian=True)
    beta = inverse @ cross[:-1, -1]
    variance = float(cross[-1, -1] - beta @ cross[:-1, -1]) / denominator
    squares = np.append(-beta, 1.0) ** 2
    if not (variance > 0.0 and np.diag(inverse).min() >= 0.0):  # noise drowned what there was
        return {"deviance": float("inf"), "standard_errors": float("inf")}
    moved = np.sqrt(inverse**2 @ (variances[:-1] @ squares))
    used = np.diag(inverse) > 0
    both = 2.0 * squares @ variances @ squares - squares**2 @ np.diag(variances)
    errors = np.sqrt(variance * np.diag(inverse)[used])
    return {
        "deviance": float(np.sqrt(variances.min()) + np.sqrt(both) / variance),
        "standard_errors": float((moved[used] / errors).max()),
    }
