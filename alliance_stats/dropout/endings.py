"""How and when each therapy ended, from a study's tables: the base of every dropout analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns

DROPOUT = "dropout"
CENSORED = "ongoing"
COMPETING = ("completed", "mutual", "transferred", "administrative")
REASONS = (DROPOUT, *COMPETING, CENSORED)


def endings(study_or_data: Any) -> pd.DataFrame:
    """Return one row a client: ``client_id``, ``last_session``, ``reason`` and group columns.

    Every way to end but ``dropout`` competes with it; ``ongoing`` is censored. A client of the
    study without a row in ``terminations`` is counted as ongoing at the last session that was
    observed, and ``.attrs["messages"]`` says how many those are.
    """
    if isinstance(study_or_data, pd.DataFrame):
        table = study_or_data.copy()
        messages: list[str] = []
        require_columns(table.columns, ["client_id", "last_session", "reason"], what="the endings")
    else:
        table, messages = _from_study(study_or_data)
    _refuse_duplicates(table)
    _refuse_unknown_reasons(table)
    table["last_session"] = _checked_sessions(table)
    table.attrs["messages"] = tuple(messages)
    return table


def _from_study(study: Any) -> tuple[pd.DataFrame, list[str]]:
    tables = study.tables
    if "terminations" not in tables:
        raise DesignError(
            f"The study '{study.name}' has no table 'terminations' (client_id, last_session, "
            "reason), so nobody's dropout is known. Add a source with `table: terminations` to "
            "study.yaml."
        )
    known = tables["terminations"].copy()
    messages: list[str] = []
    missing = known["last_session"].isna()
    if missing.any():
        ids = listing(known.loc[missing, "client_id"])
        messages.append(
            f"{int(missing.sum())} clients have no last session and are left out: {ids}."
        )
        known = known[~missing]
    observed = last_observed(tables)
    silent = observed[
        ~observed["client_id"].isin(known["client_id"])
        & ~observed["client_id"].isin(tables["terminations"]["client_id"])
    ]
    if len(silent):
        messages.append(
            f"{len(silent)} clients have no row in terminations; they count as ongoing at their "
            f"last observed session: {listing(silent['client_id'])}."
        )
        known = pd.concat([known, silent.assign(reason=CENSORED)], ignore_index=True)
    return _with_groups(known, tables), messages


def last_observed(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each client's last session in ``sessions`` (attended) or, without it, ``ratings``."""
    for name in ("sessions", "ratings", "scores"):
        if name in tables and len(tables[name]):
            table = tables[name]
            if "attended" in table.columns:
                table = table[table["attended"].isna() | table["attended"].eq(True)]
            last = table.groupby("client_id", observed=True)["session"].max()
            return last.rename("last_session").reset_index()
    return pd.DataFrame({"client_id": [], "last_session": []})


def _with_groups(table: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Add what is known of each client (therapist, site, condition) as columns."""
    if "clients" not in tables:
        return table
    clients = tables["clients"]
    extra = ["client_id", *[c for c in clients.columns if c not in table.columns]]
    return table.merge(clients[extra], on="client_id", how="left", validate="many_to_one")


def _refuse_duplicates(table: pd.DataFrame) -> None:
    twice = table.loc[table["client_id"].duplicated(keep=False), "client_id"].unique()
    if len(twice):
        raise DesignError(
            f"Each client may end once, but {len(twice)} have several rows: {listing(twice)}. "
            "Keep one row a client; with several definitions, choose one first."
        )


def _refuse_unknown_reasons(table: pd.DataFrame) -> None:
    reasons = table["reason"].astype(object)
    unknown = [r for r in pd.unique(reasons) if r not in REASONS]
    if unknown:
        rows = table.loc[~reasons.isin(REASONS), "client_id"]
        raise ColumnError(
            f"Column 'reason' must hold one of {', '.join(REASONS)}; it also holds "
            f"{listing([repr(u) for u in unknown])} (clients {listing(rows)})."
            f"{did_you_mean(unknown[0], REASONS)}"
        )


def _checked_sessions(table: pd.DataFrame) -> np.ndarray:
    sessions = pd.to_numeric(table["last_session"], errors="coerce").to_numpy(
        dtype=float, na_value=np.nan
    )
    bad = ~np.isfinite(sessions) | (sessions < 0) | (sessions != np.floor(sessions))
    if bad.any():
        raise ColumnError(
            "Column 'last_session' must hold whole numbers of 0 or more; it does not for "
            f"{int(bad.sum())} clients: {listing(table.loc[bad, 'client_id'])}."
        )
    return sessions.astype(np.int64)
