"""Person-period data: one row a client and session at risk, with what was known by then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns
from .dating import known_by_session
from .endings import CENSORED, COMPETING, DROPOUT, endings


def person_period(
    study: Any,
    *,
    measure: str | None = None,
    rater: str = "client",
    scale: str = "total",
    event: str = DROPOUT,
    predictors: pd.DataFrame | None = None,
    ruptures: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Who was at risk of leaving after which session, and what was known at that moment?

    Parameters
    ----------
    study
        A `Study` with ``terminations`` and scores of an alliance measure.
    measure, rater, scale
        The rating to carry along as a predictor that changes over time; by default the study's
        first alliance measure, rated by the client, total scale.
    event
        The end to model: ``dropout``, or one of the competing ends for a cause-specific model.
    predictors
        Further predictors with ``client_id`` and ``session``, the session after which each value
        was known (0 for intake). Each row gets the last value known by then; without a session
        they are refused.
    ruptures
        ``client_id, session, flag`` as ``detect_ruptures(...).sessions`` has it, to add the column
        ``rupture``: 1 where a rupture was flagged at that very session. Take a rule that looks
        back only (``drop_running_mean``, ``drop_points``, ``direct_report``): a yardstick from the
        client's whole therapy knows the future.

    Returns
    -------
    DataFrame
        One row a client and session number from 1 to the last: ``client_id, session, event`` (1
        where the client ended in that way after that session, else 0), ``ended_as`` (how the
        client ended after it, empty where the therapy went on), the client's own columns
        (``therapist_id``, ``site_id``, ``condition``), and

        ``alliance``
            the rating of that very session;
        ``alliance_between``
            the mean of the client's ratings *up to and including* that session;
        ``alliance_within``
            the rating minus that mean;
        ``alliance_change``
            the rating minus that of the session before.

        ``.attrs["messages"]`` counts the rows without a rating.

    Notes
    -----
    Every predictor is dated no later than the session after which the client may leave. The mean
    over the *whole* therapy would not be: it knows the future. An ``ongoing`` client contributes
    every observed session without an event; a client who ends otherwise leaves the risk set.

    Examples
    --------
    >>> import alliance_stats as al
    >>> data = al.person_period(al.load_dataset("demo-trial"))
    >>> data.groupby("client_id")["event"].sum().max().item()
    1
    """
    allowed = (DROPOUT, *COMPETING)
    if event not in allowed:
        raise DesignError(
            f"event must be one of {', '.join(allowed)}, not {event!r}."
            f"{did_you_mean(event, allowed)}"
        )
    ends = endings(study)
    table = _at_risk(ends, event)
    chosen = measure or first_alliance_measure(study)
    rated = _rating(study, chosen, rater, scale)
    table = table.merge(rated, on=["client_id", "session"], how="left", validate="one_to_one")
    table = _known_by_then(table)
    missing = int(table["alliance"].isna().sum())
    messages = list(ends.attrs["messages"])
    if missing:
        messages.append(
            f"{missing} of {len(table)} client-sessions at risk have no {chosen} {scale} rating "
            f"by the {rater}; a model that uses it leaves them out."
        )
    if ruptures is not None:
        table = _with_ruptures(table, ruptures)
    if predictors is not None:
        table, late = known_by_session(table, predictors)
        messages += late
    table.attrs["messages"] = (*messages, *_later_ratings(rated, ends))
    return table


def _later_ratings(rated: pd.DataFrame, ends: pd.DataFrame) -> list[str]:
    """Tell of ratings after the client's last session: they cannot be predictors."""
    last = rated["client_id"].map(ends.set_index("client_id")["last_session"])
    late = rated["session"] > last
    if not late.any():
        return []
    return [
        f"{int(late.sum())} ratings stand after the session at which the client ended and are not "
        f"used (clients {listing(rated.loc[late, 'client_id'].unique())})."
    ]


def _with_ruptures(table: pd.DataFrame, ruptures: pd.DataFrame) -> pd.DataFrame:
    require_columns(ruptures.columns, ["client_id", "session", "flag"], what="the ruptures")
    marks = ruptures[["client_id", "session", "flag"]].drop_duplicates(["client_id", "session"])
    joined = table[["client_id", "session"]].merge(marks, on=["client_id", "session"], how="left")
    flags = joined["flag"].astype(object)
    known = flags.notna()
    return table.assign(
        rupture=np.where(known, flags.where(known, False).astype(bool), np.nan).astype(float)
    )


def _at_risk(ends: pd.DataFrame, event: str) -> pd.DataFrame:
    """Repeat each client's row once a session, and mark the session after which they ended."""
    n = ends["last_session"].to_numpy()
    table = ends.loc[ends.index.repeat(n)].reset_index(drop=True)
    first = np.repeat(np.cumsum(n) - n, n)
    table["session"] = np.arange(len(table)) - first + 1
    last = table["session"] == table["last_session"]
    table["event"] = (last & (table["reason"] == event)).astype(int)
    ended = last & (table["reason"] != CENSORED)
    table["ended_as"] = table["reason"].astype(object).where(ended, "")
    front = ["client_id", "session", "event", "ended_as"]
    drop = {"last_session", "reason", "definition", "judged_by"}
    return table[front + [c for c in table.columns if c not in {*front, *drop}]]


def _known_by_then(table: pd.DataFrame) -> pd.DataFrame:
    """Add the running mean, the deviation from it and the change; rows stand in session order."""
    clients = table.groupby("client_id", sort=False, observed=True)["alliance"]
    seen = table["alliance"].notna().groupby(table["client_id"], sort=False).cumsum()
    running = table["alliance"].fillna(0.0).groupby(table["client_id"], sort=False).cumsum()
    out = table.copy()
    out["alliance_between"] = (running / seen.where(seen > 0)).astype(float)
    out["alliance_within"] = out["alliance"] - out["alliance_between"]
    out["alliance_change"] = out["alliance"] - clients.shift(1)
    return out


def _rating(study: Any, measure: str, rater: str, scale: str) -> pd.DataFrame:
    scores = study.scores
    chosen = scores[
        (scores["measure"] == measure) & (scores["rater"] == rater) & (scores["scale"] == scale)
    ]
    if chosen.empty:
        there = scores[["measure", "rater", "scale"]].drop_duplicates()
        words = [" ".join(map(str, row)) for row in there.itertuples(index=False)]
        raise ColumnError(
            f"The study has no scores of {measure} {rater} {scale}; it has {listing(words, 8)}."
        )
    return chosen[["client_id", "session", "score"]].rename(columns={"score": "alliance"})


def first_alliance_measure(study: Any) -> str:
    """Return the first measure of the study's scores whose card says it measures alliance."""
    from ..errors import MeasureError
    from ..measures import measure as card

    for name in pd.unique(study.scores["measure"]):
        try:
            if card(str(name)).construct == "alliance":
                return str(name)
        except MeasureError:
            continue
    raise DesignError(
        "No measure of the study is an alliance measure by its card; name one with measure=."
    )
