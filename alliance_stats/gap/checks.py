"""What every function on the gap asks of its arguments: one sentence where the answer is no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import whole
from ..errors import ColumnError

FEW_DRAWS = 200
"""Fewer bootstrap samples give a rough standard error, and one that moves with the seed."""


def resampling(replicates: Any, seed: Any) -> tuple[int, int, list[str]]:
    """Return checked `replicates` and `seed`, and what a reader must know of them."""
    replicates, seed = whole(replicates, "replicates", 2), whole(seed, "seed", 0)
    few = replicates < FEW_DRAWS
    said = f"{replicates} bootstrap samples are few: standard errors and intervals are rough."
    return replicates, seed, [said] if few else []


def finite_numbers(values: pd.Series, what: str) -> pd.Series:
    """Return a column as floats (missing stays missing), or say what in it is no number."""
    kind = values.dtype
    if (isinstance(kind, np.dtype) and kind.kind in "bmM") or str(kind) in ("boolean",):
        raise ColumnError(f"{what} must be numbers; they are of type {kind}.")
    if isinstance(kind, pd.DatetimeTZDtype | pd.PeriodDtype):
        raise ColumnError(f"{what} must be numbers; they are dates.")
    found = pd.to_numeric(values, errors="coerce").astype(float)
    bad = (found.isna() & values.notna()) | np.isinf(found)
    if bad.any():
        raise ColumnError(
            f"{what} must be finite numbers; {int(bad.sum())} are not (first "
            f"'{values[bad].iloc[0]}'). Correct them, or set them missing."
        )
    return found
