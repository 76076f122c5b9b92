"""How and when each therapy ended, from a study's tables: the base of every dropout analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..core.arguments import checked_table, truth_in
from ..core.people import SESSION, handovers, refuse_repeats, reuse_hint, same_ids
from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns
from ..study import Study
from ..study.frames import once_a_study
from ..study.times import OCCASION, along, in_order, time_of
from .checks import flags, no_missing_ids, number_of, study_or_table

DROPOUT = "dropout"
CENSORED = "ongoing"
COMPETING = ("completed", "mutual", "transferred", "administrative")
REASONS = (DROPOUT, *COMPETING, CENSORED)


def along_time(study_or_data: Study | pd.DataFrame, time: str, *, whole: bool = True) -> Any:
    """Return a study or table of endings whose ``last_session`` is the time asked for.

    Of a study without a table of endings, ``time="occasion"`` tells who was lost: whoever was
    last measured before the study's last occasion.
    """
    time = time_of_endings(study_or_data, time)
    if time == SESSION:
        return study_or_data
    moved = along(study_or_data, time, whole=whole)
    if isinstance(moved, pd.DataFrame):
        return moved.drop(columns="last_session", errors="ignore").rename(
            columns={SESSION: "last_session"}
        )
    if time != OCCASION:
        return moved
    last = moved.scores.groupby("client_id", observed=True)[SESSION].max()
    known = study_or_data.tables.get("terminations")
    if known is None:
        lost = np.where(last < last.max(), DROPOUT, "completed")
        ends = last.rename("last_session").reset_index().assign(reason=lost)
        return moved.with_tables(terminations=ends)
    known = same_ids(known, last.index.to_series()).drop(columns="last_session", errors="ignore")
    return moved.with_tables(terminations=known.assign(last_session=known["client_id"].map(last)))


def said_of(study_or_data: Study | pd.DataFrame, time: str) -> tuple[str, ...]:
    """Return what is to be said of endings that `along_time` made itself."""
    if isinstance(study_or_data, pd.DataFrame) or "terminations" in study_or_data.tables:
        return ()
    if time_of_endings(study_or_data, time) != OCCASION:
        return ()
    order = in_order(study_or_data.tables["assessments"])
    return (
        "The study holds no endings (a table 'terminations'): who was not measured at the last "
        f"occasion, '{order[-1]}', counts as lost after the last one at which anything was "
        "measured. That is who was lost to assessment, which is not who left treatment.",
    )


def time_of_endings(study_or_data: Study | pd.DataFrame, time: str) -> str:
    """Return the time that is meant; a ``last_session`` on record is one of sessions."""
    if isinstance(study_or_data, pd.DataFrame) or not hasattr(study_or_data, "tables"):
        return time
    ends = study_or_data.tables.get("terminations")
    counted = ends is not None and "last_session" in ends and ends["last_session"].notna().any()
    sessions = study_or_data.tables.get("sessions")
    return time if counted or sessions is not None else time_of(study_or_data, time)


@once_a_study
def endings(study_or_data: Study | pd.DataFrame, whole: bool = True) -> pd.DataFrame:
    """Return one row a client: ``client_id``, ``last_session``, ``reason`` and group columns.

    Every way to end but ``dropout`` competes with it; ``ongoing`` is censored. A client of the
    study without a row in ``terminations`` is counted as ongoing at the last session that was
    observed. `whole` refuses decimals. ``.attrs["messages"]`` says who was left out, and
    ``.attrs["flow"]`` (pairs of step and number) leads from the study's clients to those analysed.
    """
    study_or_table(study_or_data)
    if isinstance(study_or_data, pd.DataFrame):
        table = checked_table(study_or_data, "the endings").copy()
        messages: list[str] = []
        require_columns(table.columns, ["client_id", "last_session", "reason"], what="the endings")
        steps = [("clients in the table", len(table))]
    else:
        observed = last_observed(study_or_data.tables)
        table, messages, steps = _from_study(study_or_data, observed)
    no_missing_ids(table, "The endings")
    _refuse_duplicates(table)
    _refuse_unknown_reasons(table)
    table["last_session"] = _checked_sessions(table, whole)
    if not isinstance(study_or_data, pd.DataFrame):
        messages += _after_the_end(table, study_or_data.tables, observed)
    table.attrs["messages"] = tuple(messages)
    table.attrs["flow"] = (*steps, ("analysed", len(table)))
    return table


def _from_study(
    study: Study, observed: pd.DataFrame
) -> tuple[pd.DataFrame, list[str], list[tuple[str, int]]]:
    tables = study.tables
    if "terminations" not in tables:
        raise DesignError(
            f"The study '{study.name}' has no table 'terminations' (client_id, last_session, "
            "reason), so nobody's dropout is known. Add a source with `table: terminations` to "
            "study.yaml."
        )
    known = tables["terminations"].copy()
    require_columns(known.columns, ["client_id", "last_session", "reason"], what="terminations")
    clients = tables.get("clients")
    if clients is not None:
        refuse_repeats(clients, ["client_id"], "The table 'clients'")
        known = same_ids(known, clients["client_id"])
    everybody = known["client_id"]
    messages: list[str] = []
    missing = known["last_session"].isna()
    if missing.any():
        ids = listing(known.loc[missing, "client_id"])
        messages.append(
            f"{number_of(int(missing.sum()), 'client', 'has')} no last session and "
            f"{'is' if missing.sum() == 1 else 'are'} left out: {ids}."
        )
        known = known[~missing]
    observed = same_ids(observed, everybody)
    silent = observed[~observed["client_id"].isin(everybody)]
    if len(silent):
        messages.append(
            f"{number_of(len(silent), 'client', 'has')} no row in terminations; "
            f"{'it counts' if len(silent) == 1 else 'they count'} as ongoing at the last observed "
            f"session: {listing(silent['client_id'])}."
        )
        known = pd.concat([known, silent.assign(reason=CENSORED)], ignore_index=True)
    unseen = _without_a_trace(clients, [everybody, observed["client_id"]])
    if len(unseen):
        messages.append(
            f"{number_of(len(unseen), 'client', 'has')} neither a session nor a row in "
            f"terminations and {'is' if len(unseen) == 1 else 'are'} left out: {listing(unseen)}."
        )
    steps = [
        ("clients of the study", everybody.nunique() + len(silent) + len(unseen)),
        ("no session and no ending", -len(unseen)),
        ("no last session", -int(missing.sum())),
    ]
    messages += handovers(tables)
    return _with_groups(known, clients), messages, steps


def _without_a_trace(clients: pd.DataFrame | None, seen: list[pd.Series]) -> pd.Series:
    """Return the clients of whom the study holds nothing but their row in ``clients``."""
    if clients is None:
        return pd.Series(dtype=object)
    there = set().union(*(set(ids) for ids in seen))
    return clients.loc[~clients["client_id"].isin(there), "client_id"]


def _after_the_end(
    table: pd.DataFrame, tables: dict[str, pd.DataFrame], observed: pd.DataFrame
) -> list[str]:
    """Tell of clients who attended sessions after the one at which they are said to have ended."""
    if "sessions" not in tables:
        return []
    observed = same_ids(observed, table["client_id"])
    last = table["client_id"].map(observed.set_index("client_id")["last_session"])
    later = (last > table["last_session"]).to_numpy(dtype=bool)
    if not later.any():
        return []
    return [
        f"{number_of(int(later.sum()), 'client', 'has')} attended sessions after last_session; the "
        f"ending counts, and what came after it is not used: "
        f"{listing(table.loc[later, 'client_id'])}."
    ]


def last_observed(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each client's last session in ``sessions`` (attended) or, without it, ``ratings``."""
    for name in ("sessions", "ratings", "scores"):
        if name in tables and len(tables[name]):
            table = tables[name]
            if "attended" in table.columns:
                came = flags(table["attended"], "Column 'attended'", table["client_id"])
                table = table[came.isna() | came.eq(1)]
            last = table.groupby("client_id", observed=True)["session"].max()
            return last.rename("last_session").reset_index()
    return pd.DataFrame({"client_id": [], "last_session": []})


def _with_groups(table: pd.DataFrame, clients: pd.DataFrame | None) -> pd.DataFrame:
    """Add what is known of each client (therapist, site, condition) as columns."""
    if clients is None:
        return table
    extra = ["client_id", *[c for c in clients.columns if c not in table.columns]]
    own = same_ids(clients[extra], table["client_id"])
    return table.merge(own, on="client_id", how="left", validate="many_to_one")


def _refuse_duplicates(table: pd.DataFrame) -> None:
    twice = table.loc[table["client_id"].duplicated(keep=False), "client_id"].unique()
    if len(twice):
        raise DesignError(
            f"Each client may end once, but {len(twice)} have several rows: {listing(twice)}. "
            "Keep one row a client; with several definitions, choose one first."
            + reuse_hint(table, time=None)
        )


def _refuse_unknown_reasons(table: pd.DataFrame) -> None:
    reasons = table["reason"].astype(object)
    unknown = [r for r in pd.unique(reasons) if pd.isna(r) or r not in REASONS]
    if unknown:
        rows = table.loc[~reasons.isin(REASONS), "client_id"]
        raise ColumnError(
            f"Column 'reason' must hold one of {', '.join(REASONS)}; it also holds "
            f"{listing([repr(u) for u in unknown])} (clients {listing(rows)})."
            f"{did_you_mean(unknown[0], REASONS)}"
        )


MOST = 100_000  # sessions (or days) beyond which a number is a date or a mistake


def _checked_sessions(table: pd.DataFrame, whole: bool) -> np.ndarray:
    column = table["last_session"]
    odd = types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype)
    if odd or types.is_bool_dtype(column.dtype):
        raise ColumnError(
            "Column 'last_session' must hold numbers of sessions; it is of type "
            f"{column.dtype}. A date belongs into sessions.date."
        )
    sessions = pd.to_numeric(column.where(~truth_in(column)), errors="coerce").to_numpy(
        dtype=float, na_value=np.nan
    )
    bad = ~np.isfinite(sessions) | (sessions < 0) | (whole & (sessions != np.floor(sessions)))
    bad |= sessions > MOST
    if bad.any():
        raise ColumnError(
            f"Column 'last_session' must hold whole numbers from 0 to {MOST}; it does not for "
            f"{number_of(int(bad.sum()), 'client')}: {listing(table.loc[bad, 'client_id'])}."
        )
    return sessions.astype(np.int64) if (sessions == np.floor(sessions)).all() else sessions
