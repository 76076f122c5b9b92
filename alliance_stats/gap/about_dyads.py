"""What results about dyads have in common."""

from __future__ import annotations

import pandas as pd

from ..core.results import Result


class AboutDyads(Result):
    """A result whose table is what it tells, and whose dyads are whom it is about."""

    table: pd.DataFrame
    n_dyads: int

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many dyads the terms are about."""
        return self.n_dyads

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table
