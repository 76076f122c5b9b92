"""Time until the end: in sessions or in days, and from when on a client was watched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns

CLOCKS = {"session": "Sessions attended", "days": "Days since the first session"}


def with_time(table: pd.DataFrame, study: Any, clock: str) -> tuple[pd.DataFrame, list[str]]:
    """Add the column ``time``; clients without one are set aside and told of."""
    if clock not in CLOCKS:
        raise DesignError(
            f"clock must be 'session' or 'days', not {clock!r}.{did_you_mean(clock, CLOCKS)}"
        )
    if clock == "session":
        return table.assign(time=table["last_session"].to_numpy(dtype=float)), []
    if isinstance(study, pd.DataFrame):
        require_columns(table.columns, ["days"], what="a table of endings for the clock of days")
        days = pd.to_numeric(table["days"], errors="coerce").to_numpy(dtype=float)
    else:
        days = _days(table, study)
    known = np.isfinite(days) & (days >= 0)
    out = table.assign(time=days)[known]
    if known.all():
        return out, []
    ids = listing(table.loc[~known, "client_id"])
    return out, [f"{int((~known).sum())} clients have no day of their end and are left out: {ids}."]


def _days(table: pd.DataFrame, study: Any) -> np.ndarray:
    sessions = study.tables.get("sessions")
    if sessions is None or "date" not in sessions.columns:
        raise DesignError(
            "The clock of days needs a table 'sessions' with the column 'date'; there is none. "
            "Use clock='session'."
        )
    dated = sessions.assign(date=pd.to_datetime(sessions["date"], errors="coerce"))
    first = dated.groupby("client_id", observed=True)["date"].min()
    last = table[["client_id", "last_session"]].merge(
        dated[["client_id", "session", "date"]],
        left_on=["client_id", "last_session"], right_on=["client_id", "session"], how="left",
    )  # fmt: skip
    span = last["date"].to_numpy() - table["client_id"].map(first).to_numpy()
    return pd.Series(span).dt.total_seconds().to_numpy() / 86400


def with_entry(
    table: pd.DataFrame, study: Any, entry: str | None, clock: str
) -> tuple[pd.DataFrame, list[str]]:
    """Add the column ``entry``: the time before which the client could not have been seen to end.

    A client is at risk at a time t where entry <= t <= time. Without left truncation it is 0.
    """
    if entry is None:
        return table.assign(entry=0.0), []
    if entry == "first_rating":
        if clock != "session" or isinstance(study, pd.DataFrame):
            raise DesignError("entry='first_rating' needs a Study and the clock 'session'.")
        scores = study.scores
        first = scores[scores["score"].notna()].groupby("client_id", observed=True)["session"].min()
        start = table["client_id"].map(first).to_numpy(dtype=float)
    else:
        if entry not in table.columns:
            raise ColumnError(
                f"The endings have no column '{entry}' for the time of entry; they have "
                f"{listing(table.columns, 12)}.{did_you_mean(entry, table.columns)}"
            )
        start = pd.to_numeric(table[entry], errors="coerce").to_numpy(dtype=float)
    seen = np.isfinite(start) & (start <= table["time"].to_numpy())
    messages = []
    if not seen.all():
        messages.append(
            f"{int((~seen).sum())} clients ended before they could be watched, or have no time of "
            f"entry, and are left out: {listing(table.loc[~seen, 'client_id'])}."
        )
    late = seen & (start > 1)
    if late.any():
        messages.append(
            f"{int(late.sum())} clients came under observation after session 1 (left truncation): "
            "they count as at risk from then on, and the curves speak of clients who got so far."
        )
    return table.assign(entry=start)[seen], messages
