"""What files that were sent before tell beside a new one: their predictors, read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from ..errors import AllianceStatsError
from .columns import ClinicColumns, ids_of, predictors_by_client
from .exposure import Known
from .ledger import Entry


def known_before(
    entries: Sequence[Entry],
    columns: ClinicColumns,
    rows: Callable[[str], pd.DataFrame],
    categories: Mapping[str, Sequence[str]],
) -> tuple[list[Known], list[str]]:
    """Return clients' means of the predictors of earlier files, and which nobody can know.

    Parameters
    ----------
    rows
        Gives the rows that hold the columns of a formula.
    """
    first = np.unique(columns.grouping.units, return_index=True)[1]
    ids = ids_of(columns.frame.iloc[first], columns.who)
    found: list[Known] = []
    unknown: list[str] = []
    for entry in entries:
        try:
            means = predictors_by_client(
                entry.formula, rows(entry.formula), categories, columns.who
            )
        except AllianceStatsError as error:
            unknown.append(
                f"The file '{entry.path}' of {entry.when} is about some of these clients by "
                f"{entry.formula}, which these rows do not hold ({error}): what both tell together "
                "is not known. Pass rows that hold the columns of both."
            )
            continue
        most = max(entry.digits.values(), default=0)
        digits = tuple(entry.digits.get(str(name), most) for name in means) if entry.digits else ()
        aligned = means.reindex(ids).fillna(0.0).to_numpy().T
        found.append(Known(entry.path, aligned, digits))
    return found, unknown
