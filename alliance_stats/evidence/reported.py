"""What no paper can report of an effect, refused by row before anything is computed of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import ColumnError, listing

WHOLE_PERCENT = 0.005 + 1e-9
"""A share printed in whole percent may be this far from its counts."""


def check_reported(index: pd.Index, metric: str, x: dict[str, np.ndarray]) -> None:
    """Refuse estimates out of range, negative or infinite errors, counts that cannot be.

    `x` has the columns ``estimate, se, ci_low, ci_high, n, events`` as floats.
    """
    limits = {"r": (-1.0, 1.0), "proportion": (0.0, 1.0)}.get(metric)
    if limits is not None:
        for name in ("estimate", "ci_low", "ci_high"):
            outside = (x[name] < limits[0]) | (x[name] > limits[1])
            if metric == "r" and name == "estimate":
                outside |= np.abs(x[name]) == 1
            if outside.any():
                raise ColumnError(
                    f"A {metric} must lie between {limits[0]:g} and {limits[1]:g}; rows "
                    f"{listing(index[outside])} hold {listing(x[name][outside])} in '{name}'."
                )
    _refuse(index, x["se"] < 0, "A standard error cannot be negative", x["se"])
    _refuse(index, x["ci_low"] > x["ci_high"],
            "'ci_low' must be below 'ci_high' (are the two swapped?)", x["ci_low"])  # fmt: skip
    # The ends of an interval are rounded as the estimate is, so they may touch it.
    _refuse(index, (x["estimate"] < x["ci_low"]) | (x["estimate"] > x["ci_high"]),
            "An estimate must lie in its own interval 'ci_low' to 'ci_high'",
            x["estimate"])  # fmt: skip
    counted = ("n", "events") if metric == "proportion" else ("n",) if metric == "r" else ()
    for name in counted:
        wrong = (x[name] < 0) | (x[name] != np.floor(x[name])) & ~np.isnan(x[name])
        _refuse(index, wrong, f"'{name}' must be a whole number, 0 or more", x[name])
    if metric == "proportion":
        _refuse(index, x["events"] > x["n"], "Events must lie between 0 and n", x["events"])
        with np.errstate(divide="ignore", invalid="ignore"):
            share = x["events"] / x["n"]
        _refuse(index, np.abs(share - x["estimate"]) > WHOLE_PERCENT,
                "'estimate' and 'events' of 'n' are two shares", x["estimate"])  # fmt: skip


def _refuse(index: pd.Index, wrong: np.ndarray, rule: str, values: np.ndarray) -> None:
    if wrong.any():
        raise ColumnError(
            f"{rule}; rows {listing(index[wrong])} do not fit (they hold "
            f"{listing(f'{value:g}' for value in values[wrong])}). Look at the source again."
        )
