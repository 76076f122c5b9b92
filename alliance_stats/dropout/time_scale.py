"""Time until the end: in sessions or in days, and from when on a client was watched."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice
from ..core.people import same_ids
from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns
from ..study import Study
from ..study.select import alliance_of, choose
from .checks import number_of

CLOCKS = {"session": "Session", "days": "Days since the first session"}


def with_time(
    table: pd.DataFrame, study: Study | pd.DataFrame, clock: str
) -> tuple[pd.DataFrame, list[str]]:
    """Add the column ``time``; clients without one are set aside and told of."""
    checked_choice("clock", clock, CLOCKS)
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
    n = int((~known).sum())
    return out, [
        f"{number_of(n, 'client', 'has')} no day of the end and {'is' if n == 1 else 'are'} left "
        f"out: {ids}."
    ]


def _days(table: pd.DataFrame, study: Study | pd.DataFrame) -> np.ndarray:
    sessions = study.tables.get("sessions")
    if sessions is None or "date" not in sessions.columns:
        raise DesignError(
            "The clock of days needs a table 'sessions' with the column 'date'; there is none. "
            "Use clock='session'."
        )
    sessions = same_ids(sessions, table["client_id"])
    dated = sessions.assign(date=pd.to_datetime(sessions["date"], errors="coerce"))
    first = dated.groupby("client_id", observed=True)["date"].min()
    last = table[["client_id", "last_session"]].merge(
        dated[["client_id", "session", "date"]],
        left_on=["client_id", "last_session"], right_on=["client_id", "session"], how="left",
    )  # fmt: skip
    span = last["date"].to_numpy() - table["client_id"].map(first).to_numpy()
    return pd.Series(span).dt.total_seconds().to_numpy() / 86400


def with_entry(
    table: pd.DataFrame,
    study: Study | pd.DataFrame,
    entry: str | None,
    clock: str,
    measure: str | None = None,
    rater: str | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Add the column ``entry``: the time before which the client could not have been seen to end.

    A client is at risk at a time t where entry <= t <= time. Without left truncation it is 0.
    """
    if entry is None:
        return table.assign(entry=0.0), []
    if entry == "first_rating":
        if clock != "session" or isinstance(study, pd.DataFrame):
            raise DesignError("entry='first_rating' needs a Study and the clock 'session'.")
        own, _ = choose(
            study, measure or alliance_of(study), rater=rater, settle=("measure", "rater")
        )
        rated = same_ids(own[own["score"].notna()], table["client_id"])
        first = rated.groupby("client_id", observed=True)["session"].min()
        start = table["client_id"].map(first).to_numpy(dtype=float)
    else:
        if not isinstance(entry, str) or entry not in table.columns:
            raise ColumnError(
                f"The endings have no column '{entry}' for the time of entry; they have "
                f"{listing(table.columns, 12)}.{did_you_mean(entry, table.columns)}"
            )
        start = pd.to_numeric(table[entry], errors="coerce").to_numpy(dtype=float)
    seen = np.isfinite(start) & (start <= table["time"].to_numpy())
    messages = []
    if not seen.all():
        messages.append(
            f"{number_of(int((~seen).sum()), 'client')} ended before they could be watched, or "
            f"without a time of entry, and left out: {listing(table.loc[~seen, 'client_id'])}."
        )
    late = seen & (start > 1)
    if late.any():
        messages.append(
            f"{number_of(int(late.sum()), 'client')} of {int(seen.sum())} came under observation "
            "after time 1 (left truncation): they count as at risk from then on, and the curves "
            "speak of clients who got so far."
        )
    return table.assign(entry=start)[seen], messages
