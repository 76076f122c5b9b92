"""What is known of clients by a landmark session, and what only later."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...core.dates import dates_of
from ...errors import ColumnError, DesignError
from ...study import Study
from ..checks import flags, number_of

BEFORE = ("intake", "pre", "baseline", "screening")
IDS = ("client_id", "therapist_id", "site_id")
_ENDING = ("last_session", "reason", "definition", "judged_by")


def known_by(
    study: Study, ids: pd.Series, session: int
) -> tuple[pd.DataFrame, tuple[str, ...], list[str]]:
    """Return what is known by the landmark, which of it has no date, and what was renamed."""
    parts = []
    assessments = study.tables.get("assessments")
    if assessments is not None:
        early = assessments[assessments["occasion"].isin(BEFORE)]
        parts.append(_wide(early, ids, "occasion"))
    scores = session_scores(study)
    parts.append(course_features(scores[scores["session"] <= session], ids))
    parts.append(_missed(study, ids, session))
    dated = pd.concat(parts, axis=1)
    background = _background(study, ids)
    taken = [c for c in background.columns if c in dated.columns]
    background = background.rename(columns={c: f"{c}_of_clients" for c in taken})
    said = [
        f"The column '{c}' of the clients (or therapists) has the name of a feature computed here; "
        f"it is called '{c}_of_clients'." for c in taken
    ]  # fmt: skip
    known = pd.concat([background, dated], axis=1).reset_index(drop=True)
    _refuse_infinite(known)
    return known, tuple(map(str, background.columns)), said


def session_scores(study: Study) -> pd.DataFrame:
    """Return session scores that are there; of a measure with a total, the total only."""
    columns = ["client_id", "session", "rater", "measure", "scale", "score"]
    try:
        scores = study.scores
    except DesignError:
        scores = None
    if scores is None or scores.empty:
        return pd.DataFrame(columns=columns).astype({"session": int, "score": float})
    scores = scores.loc[scores["score"].notna(), columns]
    total = scores["scale"].astype(str) == "total"
    with_total = scores["measure"].isin(scores.loc[total, "measure"].unique())
    return scores[total | ~with_total]


def _named(rows: pd.DataFrame) -> pd.Series:
    scale = rows["scale"].astype(str)
    tail = ("_" + scale).where(scale != "total", "")
    return rows["measure"].astype(str) + "_" + rows["rater"].astype(str) + tail


def course_features(scores: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    """Return last, mean and change (last minus first) of each score, one row a client of `ids`."""
    out = pd.DataFrame(index=ids.index)
    rows = scores.assign(name=_named(scores)).sort_values(["client_id", "session"])
    for name, part in rows.groupby("name", sort=True):
        by = part.groupby("client_id", observed=True)["score"].agg(["first", "last", "mean"])
        out[f"{name}_last"] = ids.map(by["last"]).astype(float)
        out[f"{name}_mean"] = ids.map(by["mean"]).astype(float)
        out[f"{name}_change"] = ids.map(by["last"] - by["first"]).astype(float)
    return out


def _background(study: Study, ids: pd.Series) -> pd.DataFrame:
    out = pd.DataFrame(index=ids.index)
    clients = study.tables["clients"].set_index("client_id").reindex(ids.to_numpy())
    for name in clients.columns:
        if name not in IDS:
            out[str(name)] = clients[name].to_numpy()
    therapists = study.tables.get("therapists")
    if therapists is not None:
        own = therapists.set_index("therapist_id").reindex(clients["therapist_id"].to_numpy())
        for name in own.columns:
            if name not in IDS and str(name) not in out.columns:
                out[str(name)] = own[name].to_numpy()
    return out


def _wide(rows: pd.DataFrame, ids: pd.Series, occasion: str) -> pd.DataFrame:
    out = pd.DataFrame(index=ids.index)
    rows = rows[rows["score"].notna()]
    names = _named(rows) + "_" + rows[occasion].astype(str)
    for name, part in rows.groupby(names, sort=True):
        values = part.drop_duplicates("client_id").set_index("client_id")["score"]
        out[str(name)] = ids.map(values).astype(float)
    return out


def _missed(study: Study, ids: pd.Series, session: int) -> pd.DataFrame:
    sessions = study.tables.get("sessions")
    if session == 0 or sessions is None or "attended" not in sessions.columns:
        return pd.DataFrame(index=ids.index)
    early = sessions[(sessions["session"] <= session) & sessions["attended"].notna()]
    came = flags(early["attended"], "Column 'attended' of the sessions", early["client_id"])
    missed = (came == 0).groupby(early["client_id"]).sum()
    return pd.DataFrame({"missed_sessions": ids.map(missed).fillna(0).astype(float)})


def known_later(study: Study, ends: pd.DataFrame, ids: pd.Series, session: int) -> pd.DataFrame:
    """Return what can be asked for by name though it was not known at the landmark."""
    own = ends.set_index("client_id").reindex(ids.to_numpy())
    out = pd.DataFrame({name: own[name].to_numpy() for name in _ENDING if name in own.columns})
    out["n_sessions"] = own["last_session"].to_numpy(dtype=float)
    whole = course_features(session_scores(study), ids)
    out = pd.concat([out, whole.add_suffix("_whole_therapy").reset_index(drop=True)], axis=1)
    assessments = study.tables.get("assessments")
    if assessments is not None:
        late = _wide(assessments[~assessments["occasion"].isin(BEFORE)], ids, "occasion")
        out = pd.concat([out, late.reset_index(drop=True)], axis=1)
    return out.loc[:, [not np.all(pd.isna(out[c])) for c in out.columns]]


def landmark_dates(study: Study, ids: pd.Series, session: int) -> pd.Series:
    """Return the date of each client's last session up to the landmark (the first, at intake)."""
    sessions = study.tables.get("sessions")
    none = pd.Series(pd.NaT, index=range(len(ids)), dtype="datetime64[ns]")
    if sessions is None or "date" not in sessions.columns:
        return none
    date = dates_of(sessions["date"])
    if date is None or date.isna().all():
        return none
    rows = sessions.assign(date=date)[sessions["session"] <= max(session, 1)]
    return ids.map(rows.groupby("client_id", observed=True)["date"].max()).reset_index(drop=True)


def _refuse_infinite(known: pd.DataFrame) -> None:
    numbers = known.select_dtypes("number")
    for name in numbers.columns:
        rows = np.isinf(numbers[name].to_numpy(dtype=float, na_value=np.nan))
        if rows.any():
            raise ColumnError(
                f"Feature '{name}' is infinite for {number_of(int(rows.sum()), 'client')}; a "
                "number must be finite, and one that is not known is missing."
            )
