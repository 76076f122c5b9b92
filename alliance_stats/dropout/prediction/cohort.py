"""What the data say of the clients, in sentences for the items of the checklist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ...core.dates import dates_of
from ...core.disclosure import OTHERS, RARE
from ...errors import listing, plural
from ...study import Study
from .crossvalidation import Run
from .landmark import Landmark

_LEVELS = 8  # categories named one by one


def describe(
    study: Study, land: Landmark, x: pd.DataFrame, run: Run, settings: dict[str, Any]
) -> dict[str, str]:
    """Return sentences by item: dates, places, treatments, follow-up, characteristics, folds."""
    said = {
        "5b": _dates(study, land),
        "6a": _places(land),
        "6c": _treatments(study, land),
        "20a": _follow_up(land),
        "20b": _characteristics(x, land),
        "21": _folds(land, run, settings["groups"]),
    }
    return {item: words for item, words in said.items() if words}


def _dates(study: Study, land: Landmark) -> str:
    sessions = study.tables.get("sessions")
    if sessions is None or "date" not in sessions.columns:
        return ""
    dates = dates_of(sessions.loc[sessions["client_id"].isin(land.clients["client_id"]), "date"])
    if dates is None or dates.notna().sum() == 0:
        return ""
    return f"Sessions of the clients analysed: {dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}."


def _places(land: Landmark) -> str:
    own = land.clients
    clients = own["therapist_id"].value_counts()
    words = (
        f"{plural(len(clients), 'therapist')} with {clients.median():g} clients each (median; "
        f"{clients.min()} to {clients.max()})."
    )
    if "site_id" not in own.columns or own["site_id"].isna().all():
        return words
    sites = own["site_id"].value_counts().sort_index()
    each = listing([f"{name} {n}" for name, n in sites.items()], _LEVELS)
    return f"{plural(len(sites), 'site')} (clients: {each}). {words}"


def _treatments(study: Study, land: Landmark) -> str:
    clients = study.tables["clients"]
    if "condition" not in clients.columns:
        return ""
    own = clients.set_index("client_id")["condition"].reindex(land.clients["client_id"].to_numpy())
    event = land.clients["event"].to_numpy()
    own = own.astype(object).where(own.notna(), "not known").astype(str)
    own = rare_together(own.reset_index(drop=True))
    parts = [
        f"{name} {len(rows)} clients, {int(event[rows].sum())} with dropout"
        for name, rows in sorted(own.groupby(own.to_numpy()).indices.items())
    ]
    return f"Condition: {listing(parts, _LEVELS)}."


def _follow_up(land: Landmark) -> str:
    last = land.clients["last_session"]
    return (
        f"Last session of the clients analysed: median {last.median():g} ({last.min()} to "
        f"{last.max()})."
    )


def _characteristics(x: pd.DataFrame, land: Landmark) -> str:
    """Return mean and SD, or counts, of every feature, with and without dropout."""
    left = land.clients["event"].to_numpy() == 1
    parts = []
    for name in map(str, x.columns):
        column = x[name]
        gap = int(column.isna().sum())
        missing = f", missing {gap}" if gap else ""
        if types.is_numeric_dtype(column.dtype):
            words = f"{_mean(column[left])} / {_mean(column[~left])}"
        else:
            column = rare_together(column)
            counts = [
                f"{level} {int((column[left] == level).sum())} / "
                f"{int((column[~left] == level).sum())}"
                for level in sorted(column.dropna().unique())
            ]
            words = listing(counts, _LEVELS)
        parts.append(f"{name}: {words}{missing}")
    return "Clients with / without later dropout, mean (SD) or number: " + "; ".join(parts) + "."


def few_alike(column: pd.Series) -> bool:
    """Return whether a value, or its missing, is that of fewer than five clients."""
    return bool(column.value_counts(dropna=False).min() < RARE)


def rare_together(column: pd.Series) -> pd.Series:
    """Put values of fewer than five clients together: a note on somebody is one of its own.

    Where even together they are fewer than five, the rarest of the others goes with them.
    """
    known = column.dropna().astype(str)
    counts = known.value_counts().sort_index().sort_values(kind="stable")
    rare = int((counts < RARE).sum())
    rare += 0 < counts.iloc[:rare].sum() < RARE
    return known.mask(known.isin(counts.index[:rare]), OTHERS).reindex(column.index)


def _mean(values: pd.Series) -> str:
    known = values.dropna().to_numpy(dtype=float)
    if len(known) < 2:
        return "too few"
    return f"{np.mean(known):.2f} ({np.std(known, ddof=1):.2f})"


def _folds(land: Landmark, run: Run, groups: str) -> str:
    event = land.clients["event"].to_numpy()
    unit = {"therapist_id": "therapist", "site_id": "site"}[groups]
    parts = []
    for fold in range(int(run.fold.max()) + 1):
        test = run.fold == fold
        units = land.clients.loc[test, groups].nunique()
        parts.append(
            f"{fold + 1}: {int((~test).sum())} ({int(event[~test].sum())}) / {int(test.sum())} "
            f"({int(event[test].sum())}) of {plural(units, unit)}"
        )
    return f"Trained / tested in each fold, dropouts in brackets: {'; '.join(parts)}."
