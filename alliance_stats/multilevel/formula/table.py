"""A data frame as models read it: numeric columns as floats, once, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..engine.batches import Array


@dataclass
class Table:
    """A data frame whose numeric columns are turned into floats once.

    `given` are values of factors, by their code, that count in place of what the columns make.
    """

    frame: pd.DataFrame
    known: dict[str, Array] = field(default_factory=dict)
    given: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def is_number(self, name: str) -> bool:
        """Say whether a column holds numbers (or true and false)."""
        return name in self.known or types.is_numeric_dtype(self.frame[name].dtype)

    def numbers(self, name: str) -> Array:
        """Return a numeric column as floats, missing values as NaN."""
        if name not in self.known:
            column = self.frame[name]
            # A copy: a fit must not change when its data frame is written to later.
            how: dict[str, Any] = {"dtype": float, "copy": True}
            if types.is_extension_array_dtype(column.dtype):
                how["na_value"] = np.nan
            self.known[name] = column.to_numpy(**how)
        return self.known[name]

    @cached_property
    def ones(self) -> Array:
        """The column of an intercept: one for all terms that have one."""
        return np.ones(len(self))

    def kept(self, name: str) -> Any:
        """Return a column that nobody writes to: the floats that are there, or a copy."""
        column = self.frame[name]
        there = name in self.known and column.dtype == np.dtype(float)
        return self.known[name] if there else column.array.copy()

    def missing(self, name: str) -> NDArray[np.bool_] | None:
        """Return a mask of missing values, or None where there are none."""
        dtype = self.frame[name].dtype
        if isinstance(dtype, np.dtype) and dtype.kind in "iub":
            return None  # none can be missing, and ids as floats would only be in the way
        if self.is_number(name):
            values = self.numbers(name)
            # A sum is finite only where all are: one pass instead of a mask and a count.
            if np.isfinite(values.sum()):
                return None
            mask = np.isnan(values)
        else:
            mask = self.frame[name].isna().to_numpy()
        return mask if mask.any() else None
