"""How far the rounding of files moves what is estimated from them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..multilevel.engine.batches import Array
from .curve import Curve


def moved_by(
    bodies: Iterable[tuple[object, int | None]], cross: Array, denominator: int
) -> dict[str, float]:
    """Return how far rounding moves the ``deviance``, and coefficients in ``standard_errors``.

    Parameters
    ----------
    bodies
        Each file's likelihood and to how many digits it was rounded (None: not).
    cross
        What is left of the cross-products of [X | y].
    denominator
        What the residual sum of squares is divided by.
    """
    square = 0.0
    for body, digits in bodies:
        if isinstance(body, Curve) and digits is not None:
            degrees = np.array(body.coefficients.shape[1:]) / 2.0
            square += float(np.prod(np.maximum(degrees, 1.0))) / 12.0 * 10.0 ** (-2 * digits)
    spread = float(np.sqrt(square))
    inverse = np.linalg.pinv(cross[:-1, :-1], hermitian=True)
    beta = inverse @ cross[:-1, -1]
    variance = float(cross[-1, -1] - beta @ cross[:-1, -1]) / denominator
    size = 1.0 + float(beta @ beta)
    used = np.diag(inverse) > 0
    moved = spread * np.sqrt(size * (inverse[used] ** 2).sum(axis=1))
    return {
        "deviance": spread * (1.0 + size / variance),
        "standard_errors": float((moved / np.sqrt(variance * np.diag(inverse)[used])).max()),
    }
