"""Reports and codes, checked row by row: none is left out because it is written otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...errors import ColumnError, DesignError, did_you_mean, listing, require_columns
from ..parameters import FAMILIES, RATERS
from ..reading import client_codes, refuse_twins, whole_sessions

KINDS = ("rupture", "repair")
HIGHEST = 5
"""Intensity and resolution are rated to five; 0 is read as none."""
HIGHEST_EXTENT = 4


def check_events(events: object) -> pd.DataFrame:
    """Return the reports with whole sessions and numbers for intensity and resolution.

    Raises
    ------
    ColumnError, DesignError
        For whatever would make a row be passed over: no client or session, a rater or kind of
        no known name, a rating that is no number up to five.
    """
    table = keyed(events, ["client_id", "session", "rater", "kind"], "the events")
    _known(table, "rater", RATERS, "the events")
    _known(table, "kind", KINDS, "the events")
    ratings = {
        name: _rating(table, name, HIGHEST, "the events")
        for name in ("intensity", "resolution")
        if name in table
    }
    return table.assign(**ratings)


def check_codes(codes: object) -> pd.DataFrame:
    """Return codes with whole sessions; a row without a family says that none was seen."""
    what = "the observer codes"
    table = keyed(codes, ["client_id", "session", "coder_id", "segment", "family"], what)
    _present(table, "coder_id", what)
    _known(table[table["family"].notna()], "family", FAMILIES, what)
    _present(table[table["family"].notna()], "segment", what)
    return table


def check_principles(principles: object) -> pd.DataFrame:
    """Return ratings of principles with whole sessions and extents as numbers."""
    what = "the principle codes"
    table = keyed(principles, ["client_id", "session", "coder_id", "principle", "extent"], what)
    _present(table, "coder_id", what)
    _present(table, "principle", what)
    return table.assign(extent=_rating(table, "extent", HIGHEST_EXTENT, what))


def check_same_clients(events: pd.DataFrame, sessions: pd.DataFrame) -> None:
    """Refuse reports and sessions that have not one client in common."""
    if set(events["client_id"]).isdisjoint(sessions["client_id"]):
        shown = [listing(frame["client_id"].unique(), 3) for frame in (events, sessions)]
        raise DesignError(
            "No client of the events is among the sessions: the events have "
            f"{shown[0]}; the sessions have {shown[1] or 'no rows'}. Are the ids written alike?"
        )


def keyed(table: object, columns: list[str], what: str) -> pd.DataFrame:
    """Return a table with these columns and whole sessions."""
    if not isinstance(table, pd.DataFrame):
        raise ColumnError(
            f"{what.capitalize()} must be a table (a pandas DataFrame); they are a "
            f"{type(table).__name__}."
        )
    require_columns(table.columns, columns, what=what)
    refuse_twins(table, columns, what)
    client_codes(table, what)
    return table.assign(session=whole_sessions(table, what))


def _present(table: pd.DataFrame, column: str, what: str) -> None:
    missing = int(table[column].isna().sum())
    if missing:
        raise ColumnError(f"{column} is missing in {missing} of {len(table)} rows of {what}.")


def _known(table: pd.DataFrame, column: str, names: tuple[str, ...], what: str) -> None:
    unknown = table.loc[~table[column].isin(names), column]
    if unknown.empty:
        return
    shown = listing(unknown.map(str).unique(), 3)
    hint = did_you_mean(str(unknown.iloc[0]).lower(), names)
    raise DesignError(
        f"{column} must be {' or '.join(map(repr, names))} in every row of {what}; it is "
        f"not in {len(unknown)} rows ({shown}).{hint}"
    )


def _rating(table: pd.DataFrame, column: str, highest: int, what: str) -> Any:
    values = table[column]
    numeric = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = values.notna().to_numpy() & ~((numeric >= 0) & (numeric <= highest))
    if bad.any():
        raise ColumnError(
            f"{column} must be a number from 0 to {highest} or missing in {what}; it is not in "
            f"{int(bad.sum())} rows ({listing(values[bad].unique(), 3)})."
        )
    return numeric
