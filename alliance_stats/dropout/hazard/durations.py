"""Rows of how long and whether it happened: one a client, or pieces with a start and a stop."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...core.arguments import numbers
from ...core.dates import refuse_dates
from ...core.people import CLIENT, SESSION
from ...errors import ColumnError, DesignError, listing, plural, require_columns
from ...multilevel.engine.batches import Array
from ..checks import refuse_too_many_periods

WHERE = "the rows of durations"


def start_and_stop(data: pd.DataFrame, duration: str, entry: str | None) -> tuple[Array, Array]:
    """Return from when to when each row was under observation; 0 at first, without `entry`.

    Raises
    ------
    ColumnError, DesignError
        Where a stop is not above its start, or rows of one client overlap.
    """
    require_columns(data.columns, [duration, *([entry] if entry else [])], what=WHERE)
    for name in filter(None, (duration, entry)):
        refuse_dates(
            data[name],
            f"Column '{name}'",
            dates=", and how long it took since each client's start is meant, such as days: "
            "(pd.to_datetime(data['end']) - pd.to_datetime(data['start'])).dt.days.",
            spans=f"give numbers, such as days: data['{name}'].dt.days.",
        )
    stop = numbers(data, duration, WHERE)
    start = numbers(data, entry, WHERE) if entry else np.zeros(len(stop))
    wrong = ~(stop > start)
    if wrong.any():
        what = f"times above '{entry}'" if entry else "numbers above 0"
        raise ColumnError(
            f"Column '{duration}' must hold {what}; {int(wrong.sum())} of {len(stop)} rows hold "
            f"{listing(pd.unique(data.loc[wrong, duration]))}."
        )
    if CLIENT in data.columns:
        _refuse_overlaps(data[CLIENT], start, stop, entry)
    return start, stop


def _refuse_overlaps(client: pd.Series, start: Array, stop: Array, entry: str | None) -> None:
    rows = pd.DataFrame({"client": client.to_numpy(), "start": start, "stop": stop})
    rows = rows.sort_values(["client", "start", "stop"], kind="stable")
    before = rows.groupby("client", sort=False)["stop"].shift()
    over = rows.loc[(rows["start"] < before).fillna(value=False), "client"].unique()
    if len(over):
        more = "" if entry else " Several rows of a client need entry=, the time each begins."
        raise DesignError(
            f"Rows of {plural(len(over), 'client')} overlap in time (first: {listing(over)}).{more}"
        )


def refuse_rows_after_the_event(data: pd.DataFrame, start: Array, event: Array) -> None:
    """Refuse clients at risk again after their event; several of one are no independent times."""
    if CLIENT not in data.columns:
        return
    rows = pd.DataFrame({"client": data[CLIENT].to_numpy(), "start": start, "event": event == 1})
    rows = rows.sort_values(["client", "start"], kind="stable")
    before = rows.groupby("client", sort=False)["event"].cumsum() - rows["event"]
    late = rows.loc[before > 0, "client"]
    if len(late):
        who = late.unique()
        raise DesignError(
            f"{plural(len(late), 'row')} of {plural(len(who), 'client')} (first: {listing(who)}) "
            "begin after the client's event: who has left is no longer at risk. Leave those rows "
            "out, or give a second therapy a client_id of its own and cluster= by the person."
        )


def by_whole_times(
    data: pd.DataFrame, duration: str, entry: str | None, event: str
) -> pd.DataFrame:
    """Return a row a client and whole time at risk: the event stands at the last.

    The column `duration` then counts the times, and ``session`` with it.
    """
    start, stop = start_and_stop(data, duration, entry)
    refuse_rows_after_the_event(data, start, data[event].to_numpy())
    parts = (start != np.floor(start)) | (stop != np.floor(stop))
    if parts.any():
        raise ColumnError(
            f"A discrete hazard counts whole times; '{duration}' holds parts of them, such as "
            f"{stop[parts][0]:g}. Round up (numpy.ceil) to the unit in which leaving is judged, or "
            "take fit_dropout_cox."
        )
    refuse_too_many_periods(
        stop - start,
        f"'{duration}'",
        "Count in a larger unit, the one in which leaving is judged: from seconds to weeks with "
        f"numpy.ceil(data['{duration}'] / 604_800). Or take fit_dropout_cox, which needs no rows.",
    )
    length = (stop - start).astype(int)
    rows = data.loc[data.index.repeat(length)].reset_index(drop=True)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length) + 1
    time = (np.repeat(start, length) + place).astype(int)
    last = place == np.repeat(length, length)
    if CLIENT not in rows.columns:
        rows[CLIENT] = np.repeat(np.arange(len(data)), length)
    return rows.assign(**{duration: time, SESSION: time, event: np.where(last, rows[event], 0)})
