"""The parts of a predictor that lie within clients, between clients, between therapists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..core.arguments import shown
from ..core.people import ID_COLUMNS
from ..errors import ColumnError, DesignError, listing
from . import columns as col
from .decomposition_record import FEW_POINTS, Plan, Weights, record_of
from .means import lines, means


class _Levels(NamedTuple):
    """The groups of the rows: numbers of the client, and of each client's therapist."""

    client: np.ndarray
    n_clients: int
    therapist_of_client: np.ndarray | None
    n_therapists: int
    said: str = ""


def decompose(
    data: pd.DataFrame,
    columns: str | Iterable[str],
    *,
    by: str | Sequence[str] = "client_id",
    detrend: str | None = None,
    trend_at: float | None = None,
    weights: Weights = "sessions",
    complete: str | Iterable[str] | None = None,
    replace: bool = False,
) -> pd.DataFrame:
    """Split a predictor into what varies within clients and what differs between them.

    *Is it the session in which a client rates the alliance higher than usual, or the client who
    usually rates it high, that goes with less distress?* One column cannot answer both; its parts
    can. Put all of them into a model: the coefficient of ``X_within`` is the within-client effect,
    that of ``X_between`` the between-client effect. Their difference is the contextual effect.

    Parameters
    ----------
    data
        One row a session.
    columns
        The column or columns to split; numbers, missing values allowed.
    by
        ``"client_id"`` for two levels. ``["client_id", "therapist_id"]`` for three: the client
        first; every client must have one therapist. Ids that each therapist gives out anew (the
        same sessions of a client under several ``therapist_id``) count as one client a therapist,
        and the record says so.
    detrend
        Name of a time column, usually ``"session"``. Each client's own least-squares line over it
        is split off as ``X_trend``, so that a session counts as high when it lies above the
        client's own course (Curran & Bauer 2011). Clients with fewer than 3 observed sessions
        have no such line: their ``X_within`` and ``X_trend`` are NaN, and the record says so.
        Results may depend strongly on this choice (Falkenström et al. 2017): report both.
    trend_at
        Only with `detrend`: the time at which a client's level is read from the line. Without it,
        the level is the client's mean. (A line through few sessions, read far from their middle,
        is unsure.)
    weights
        Only with three levels: which mean of the therapist is meant where clients have different
        numbers of sessions. ``"sessions"`` (default): the mean of all sessions; then the three
        parts are uncorrelated over the rows, and ``X_client`` sums to zero over a therapist's
        sessions. ``"clients"``: the mean of the clients' means; every client counts the same, and
        ``X_client`` sums to zero over a therapist's clients.
    complete
        Further columns of the model. Rows in which one of them is missing will leave the model, and
        do not count for the means either. Without it, all observed sessions count.
    replace
        Whether columns of the new names may be replaced.

    Returns
    -------
    pandas.DataFrame
        A copy of `data`, rows and index as they were, with ``X_within`` and ``X_between``, or
        ``X_within``, ``X_client`` and ``X_therapist``, in X's units; with `detrend` also
        ``X_trend``. The parts sum to X in every row. ``X_between`` (and ``X_therapist``) is the
        mean itself, not centred. What was done is in ``.attrs["preparation"]``.

    Raises
    ------
    ColumnError
        A column is missing, holds no numbers or infinite ones, or would be overwritten.
    DesignError
        A client has more than one therapist.

    References
    ----------
    Brincks et al. (2017), doi:10.1080/00273171.2016.1256753 (three levels). Curran & Bauer (2011),
    doi:10.1146/annurev.psych.093008.100356 (detrending). Falkenström et al. (2017),
    doi:10.1037/ccp0000203.

    Examples
    --------
    >>> import pandas as pd
    >>> import alliance_stats as al
    >>> sessions = pd.DataFrame(
    ...     {"client_id": list("aabb"), "session": [1, 2, 1, 2], "bond": [4.0, 6.0, 1.0, 3.0]}
    ... )
    >>> al.decompose(sessions, "bond")[["bond_within", "bond_between"]].values.tolist()
    [[-1.0, 5.0], [1.0, 5.0], [-1.0, 2.0], [1.0, 2.0]]
    """
    plan = _plan(columns, by, detrend, trend_at, weights, complete)
    col.check_table(data, list(dict.fromkeys([*plan.columns, *plan.by, *_others(plan)])))
    values = col.many_numbers(data, plan.columns)
    ids = [column for column in plan.columns if column in ID_COLUMNS]
    if ids:
        raise ColumnError(f"'{ids[0]}' is an id: its mean over sessions means nothing.")
    times = None if plan.detrend is None else col.numbers(data, plan.detrend)
    new_names = [name for column in plan.columns for name in plan.parts(column)]
    replaced = col.check_new(data, new_names, replace=replace)
    levels = _levels(data, plan.by)
    has_others = data[_others(plan)].notna().all(axis=1).to_numpy()
    counted = (levels.client >= 0) & has_others  # which rows may count for the means

    new: dict[str, np.ndarray] = {}
    records = []
    for column in plan.columns:
        parts, record = _split(values[column], times, counted, levels, plan)
        new |= zip(plan.parts(column), parts, strict=True)
        records.append(record_of(column, plan, record, replaced, levels.said))
    kept = data.drop(columns=replaced)
    result = pd.concat([kept, pd.DataFrame(new, index=kept.index)], axis=1)
    result.attrs = {**data.attrs, "preparation": [*data.attrs.get("preparation", []), *records]}
    return result


def _plan(columns, by, detrend, trend_at, weights, complete) -> Plan:
    wanted, levels = col.names(columns, argument="columns"), col.names(by, argument="by")
    if len(levels) > 2:
        raise ColumnError(
            "`by` must name the client, or the client and the therapist; it names "
            f"{listing(levels)}."
        )
    both = sorted(set(wanted) & {*levels, detrend})
    if both:
        raise ColumnError(
            f"A column cannot be split by itself: {listing(both)} is named both among `columns` "
            "and in `by` or `detrend`."
        )
    if weights not in ("sessions", "clients"):
        raise ColumnError(f"`weights` must be 'sessions' or 'clients'; it is {shown(weights)}.")
    if trend_at is not None and detrend is None:
        raise ColumnError("`trend_at` needs `detrend`, the name of the time column.")
    others = [] if complete is None else col.names(complete, argument="complete")
    return Plan(wanted, levels, detrend, trend_at, weights, others)


def _others(plan: Plan) -> list[str]:
    return [*plan.complete, *([] if plan.detrend is None else [plan.detrend])]


def _levels(data: pd.DataFrame, by: list[str]) -> _Levels:
    client, clients, said = col.client_codes(data, by[:1], therapist=(*by, col.THERAPIST)[1])
    if len(by) == 1:
        return _Levels(client, len(clients), None, 0, said)
    therapist, therapists = col.group_codes(data, by[1:])
    known = (client >= 0) & (therapist >= 0)
    pairs = np.unique(np.column_stack([client[known], therapist[known]]), axis=0)
    owners, n_therapists_of = np.unique(pairs[:, 0], return_counts=True)
    crossed = owners[n_therapists_of > 1]
    if len(crossed):
        shown = listing(clients[by[0]].iloc[crossed])
        raise DesignError(
            f"Each client must have one therapist, but {len(crossed)} have several in '{by[1]}' "
            f"(first: {shown}). Give a client who changed therapist an id of its own with each of "
            f"them, keep the sessions with one therapist, or split by '{by[0]}' alone."
        )
    of_client = np.full(len(clients), -1)
    of_client[pairs[:, 0]] = pairs[:, 1]
    # a row without therapist stays out, even where the client's other rows name one
    client = np.where(known, client, -1)
    return _Levels(client, len(clients), of_client, len(therapists), said)


def _split(
    values, times, counted, levels: _Levels, plan: Plan
) -> tuple[list[np.ndarray], dict[str, int]]:
    """Return the parts of one column, lowest level first, and the counts for the record."""
    rows = counted & ~np.isnan(values)
    client = levels.client[rows]
    known = levels.client >= 0
    everyone = np.where(known, levels.client, 0)
    record = {
        "rows": len(values),
        "rows_counted": int(rows.sum()),
        "clients": len(np.unique(client)),
        "rows_without_id": int((~known).sum()),
    }

    def on_rows(of_client: np.ndarray) -> np.ndarray:
        if not levels.n_clients:
            return np.full(len(values), np.nan)
        return np.where(known, of_client[everyone], np.nan)

    if times is None:
        level = means(values[rows], client, levels.n_clients)
        lower = [values - on_rows(level)]
    else:
        line = lines(values[rows], times[rows], client, levels.n_clients)
        start = line.time if plan.trend_at is None else np.full(levels.n_clients, plan.trend_at)
        level = line.level
        if plan.trend_at is not None:
            level = line.level + line.slope * (plan.trend_at - line.time)
        trend = on_rows(line.slope) * (times - on_rows(start))
        lower = [values - on_rows(level) - trend, trend]
        seen = line.n > 0
        record["clients_without_trend"] = int((seen & np.isnan(line.slope)).sum())
        record["clients_below_6_sessions"] = int((seen & (line.n < FEW_POINTS)).sum())
    if levels.therapist_of_client is None:
        return [*lower, on_rows(level)], record
    members = client if plan.weights == "sessions" else np.unique(client)
    members = members[np.isfinite(level[members])]
    therapist = _therapist_means(level, members, levels.therapist_of_client, levels.n_therapists)
    record["therapists"] = len(np.unique(levels.therapist_of_client[members]))
    return [*lower, on_rows(level - therapist), on_rows(therapist)], record


def _therapist_means(
    level: np.ndarray, members: np.ndarray, therapist_of_client: np.ndarray, n_therapists: int
) -> np.ndarray:
    """Return, for each client, the mean level of the members (rows or clients) of its therapist."""
    if not n_therapists:
        return np.full(len(level), np.nan)
    of_therapist = means(level[members], therapist_of_client[members], n_therapists)
    return np.where(therapist_of_client >= 0, of_therapist[therapist_of_client], np.nan)
