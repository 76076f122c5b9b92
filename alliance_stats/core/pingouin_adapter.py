"""The one door to pingouin: its column names change between versions, and it rounds intervals.

Each function takes arrays or columns that were checked before, and returns plain numbers at full
precision. pingouin is by Vallat (2018, doi 10.21105/joss.01026).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd


@contextmanager
def _unrounded() -> Iterator[Any]:
    """Give pingouin with its rounding of intervals switched off, and put it back.

    Its own use of deprecated calls is not our user's business and is kept silent.
    """
    import pingouin

    before = dict(pingouin.options)
    pingouin.options.update({"round": None, "round.column.CI95": None, "round.column.CI95%": None})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield pingouin
    finally:
        pingouin.options.clear()
        pingouin.options.update(before)


def _cell(row: pd.Series, *names: str) -> Any:
    """Return the first of several spellings of a column that this version has."""
    for name in names:
        if name in row.index:
            return row[name]
    raise KeyError(f"pingouin gives none of {names}, only {list(row.index)}")


def icc_forms(values: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Return the six ICCs of targets (rows) by raters (columns): estimate, low, high by form.

    Forms are named after McGraw & Wong (1996, doi 10.1037/1082-989X.1.1.30): ``ICC(1,1)``,
    ``ICC(A,1)``, ``ICC(C,1)`` and the same with ``k`` for the mean of the raters.
    """
    targets, raters = values.shape
    long = pd.DataFrame(
        {
            "target": np.repeat(np.arange(targets), raters),
            "rater": np.tile(np.arange(raters), targets),
            "rating": values.ravel(),
        }
    )
    # Raters who agree wholly leave no error to divide by: the coefficient is 1 all the same.
    with np.errstate(divide="ignore", invalid="ignore"), _unrounded() as pingouin:
        table = pingouin.intraclass_corr(
            data=long, targets="target", raters="rater", ratings="rating"
        )
    names = {
        "ICC1": "ICC(1,1)",
        "ICC2": "ICC(A,1)",
        "ICC3": "ICC(C,1)",
        "ICC1k": "ICC(1,k)",
        "ICC2k": "ICC(A,k)",
        "ICC3k": "ICC(C,k)",
    }
    found = {}
    for _, row in table.iterrows():
        low, high = _cell(row, "CI95", "CI95%")
        form = names.get(str(row["Type"]), str(row["Type"]))
        found[form] = (float(row["ICC"]), float(low), float(high))
    return found
