"""A table that says of itself how it was made."""

from __future__ import annotations

from typing import Self

import pandas as pd


class KnowingTable(pd.DataFrame):
    """A DataFrame with properties of its own, read from ``attrs``.

    A table made from it (by a merge, or ``.T``) is a plain one.
    """

    @classmethod
    def of(cls, table: pd.DataFrame) -> Self:
        """Return a table, whose ``attrs`` say how it was made, as one of these."""
        made = cls(table)
        made.attrs.update(table.attrs)
        return made
