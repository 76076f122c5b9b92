"""Cohen's kappa of two yes-no judgments on sessions, with clients as the unit of sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...inference.distributions import half_width
from ..courses import Floats


def four_cells(
    client: npt.NDArray, one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], n: int
) -> Floats:
    """Return counts a client: both, only one, only the other, neither."""
    cell = np.where(one, np.where(other, 0, 1), np.where(other, 2, 3))
    return np.bincount(client * 4 + cell, minlength=4 * n).reshape(n, 4).astype(float)


def kappa_of(cells: Floats) -> Floats:
    """Return kappa from counts (.., 4); NaN where agreement by chance is complete."""
    both, one, other, neither = np.moveaxis(np.asarray(cells, dtype=float), -1, 0)
    n = both + one + other + neither
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (both + one) / n, (both + other) / n
        chance = a * b + (1 - a) * (1 - b)
        value = ((both + neither) / n - chance) / (1 - chance)
    return np.where(chance < 1 - 1e-12, value, np.nan)


def kappa(by_client: Floats) -> dict[str, Any]:
    """Return kappa, its jackknife standard error over clients, and a t interval.

    Sessions of one client are not independent, so clients are left out one at a time:
    se^2 = (n - 1) / n * sum (k_(i) - mean k_(.))^2, interval with n - 1 degrees of freedom.
    """
    used = by_client[by_client.sum(axis=1) > 0]
    total = used.sum(axis=0)
    estimate = float(kappa_of(total))
    names = ("std_error", "conf_low", "conf_high")
    found = zip(names, jackknife(estimate, kappa_of(total - used)), strict=True)
    return {"kappa": estimate, **dict(found), "n_clients": len(used)}


def jackknife(estimate: float, without: Floats) -> tuple[float, float, float]:
    """Return standard error and t interval of a kappa from its values without each client."""
    n = len(without)
    if n < 3 or not np.isfinite(without).all():
        return np.nan, np.nan, np.nan
    error = float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
    half = float(half_width(error, n - 1))
    return error, max(-1.0, estimate - half), min(1.0, estimate + half)
