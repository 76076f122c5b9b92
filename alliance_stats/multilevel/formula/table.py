"""A data frame as models read it: numeric columns as floats, once, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..engine.batches import Array


@dataclass
class Table:
    """A data frame whose numeric columns are turned into floats once."""

    frame: pd.DataFrame
    known: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def is_number(self, name: str) -> bool:
        """Say whether a column holds numbers (or true and false)."""
        return name in self.known or types.is_numeric_dtype(self.frame[name].dtype)

    def numbers(self, name: str) -> Array:
        """Return a numeric column as floats, missing values as NaN."""
        if name not in self.known:
            column = self.frame[name]
            if types.is_extension_array_dtype(column.dtype):
                values = column.to_numpy(dtype=float, na_value=np.nan)
            else:
                values = column.to_numpy(dtype=float)
            # A copy: a fit must not change when its data frame is written to later.
            self.known[name] = np.array(values)
        return self.known[name]

    def missing(self, name: str) -> NDArray[np.bool_] | None:
        """Return a mask of missing values, or None where there are none."""
        if self.is_number(name):
            values = self.numbers(name)
            # A sum is finite only where all are: one pass instead of a mask and a count.
            if np.isfinite(values.sum()):
                return None
            mask = np.isnan(values)
        else:
            mask = self.frame[name].isna().to_numpy()
        return mask if mask.any() else None
