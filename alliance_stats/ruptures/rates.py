"""Rates of ruptures and repairs, with clients as the unit of sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..inference.distributions import half_width
from ..inference.rows import tidy_rows
from .courses import Floats


def ratio(part: Floats, whole: Floats) -> tuple[float, float]:
    """Return sum(part) / sum(whole) over clients and its standard error.

    The standard error is that of a ratio estimator, clients being drawn independently:
    sqrt(n / (n - 1) * sum((part - r whole)^2)) / sum(whole); NaN with fewer than two clients.
    """
    used = whole > 0
    part, whole = part[used], whole[used]
    n = part.size
    if n == 0:
        return np.nan, np.nan
    estimate = part.sum() / whole.sum()
    if n < 2:
        return float(estimate), np.nan
    squares = np.square(part - estimate * whole).sum()
    return float(estimate), float(np.sqrt(n / (n - 1) * squares) / whole.sum())


def describe(clients: pd.DataFrame) -> pd.DataFrame:
    """Return the tidy table of rates from the table of clients."""
    judged = (clients["n_judged"] > 0).astype(float).to_numpy()
    ruptures, repaired, unrepaired = (
        clients[f"n_{name}"].to_numpy(dtype=float, na_value=np.nan)
        for name in ("ruptures", "repaired", "unrepaired")
    )
    some = np.where(np.isnan(ruptures), np.nan, ruptures > 0).astype(float)
    return share_rows(
        {
            "ruptures_per_session": (ruptures, clients["n_judged"].to_numpy(dtype=float)),
            "clients_with_rupture": (some, judged),
            "repaired": (repaired, repaired + unrepaired),
        }
    )


def share_rows(pairs: Mapping[str, tuple[Any, Any]]) -> pd.DataFrame:
    """Return rows of ``tidy()`` for shares, each part over whole, with intervals in 0 to 1."""
    estimate, error = np.array([ratio(part, whole) for part, whole in pairs.values()]).T
    half = half_width(error)
    return tidy_rows(
        list(pairs),
        estimate,
        error,
        df=np.inf,
        conf_low=np.clip(estimate - half, 0, 1),
        conf_high=np.clip(estimate + half, 0, 1),
    )
