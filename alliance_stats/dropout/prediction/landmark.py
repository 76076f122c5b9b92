"""Who is still in therapy at a landmark, and what is known of them by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DesignError, listing
from ..endings import CENSORED, DROPOUT, endings

BEFORE = ("intake", "pre", "baseline", "screening")
_IDS = ("client_id", "therapist_id", "site_id")
_ENDING = ("last_session", "reason", "definition", "judged_by")


@dataclass(frozen=True)
class Landmark:
    """The clients at risk at the landmark, their outcome, and columns known and not yet known.

    Attributes
    ----------
    clients
        ``client_id, therapist_id, site_id, event, last_session``, one row a client.
    known
        Columns known by the landmark, same rows.
    later
        Columns that were not: they can be asked for by name, to be found as leaks.
    flow
        ``step, n``: how many clients were set aside and why; the steps add up.
    """

    session: int
    clients: pd.DataFrame
    known: pd.DataFrame
    later: pd.DataFrame
    flow: pd.DataFrame
    definition: str
    messages: tuple[str, ...]


def at_landmark(study: Any, session: int, horizon: int | None) -> Landmark:
    """Return the landmark set: clients who came to `session` and whose outcome is known."""
    if isinstance(study, pd.DataFrame):
        raise DesignError("predict_dropout needs a Study: ratings, clients and terminations.")
    if isinstance(session, bool) or int(session) != session or session < 0:
        raise DesignError(f"landmark must be a session number, or 0 for intake; not {session!r}.")
    if horizon is not None and horizon < 1:
        raise DesignError(f"horizon must be 1 session or more after the landmark, not {horizon!r}.")
    ends = endings(study)
    everybody = len(ends)
    early = ends["last_session"] < session
    ends = ends[~early]
    event = _event(ends, session, horizon)
    unknown = event.isna()
    steps = [
        ("clients with an ending", everybody),
        ("ended before the landmark", -int(early.sum())),
        ("still in therapy at the landmark, outcome not yet known", -int(unknown.sum())),
        ("analysed", int((~unknown).sum())),
    ]
    clients = _identified(ends.assign(event=event)[~unknown.to_numpy()])
    messages = list(endings(study).attrs["messages"])
    if unknown.any():
        messages.append(
            f"{int(unknown.sum())} clients at the landmark were still in therapy when the data "
            "end; their outcome is not known and they are left out, which favours short therapies."
        )
    _refuse_one_outcome(clients, session)
    ids = clients["client_id"]
    known = _known(study, ids, session)
    return Landmark(
        session, clients, known, _later(study, ends, ids, session),
        pd.DataFrame(steps, columns=["step", "n"]), _definition(ends), tuple(messages),
    )  # fmt: skip


def _event(ends: pd.DataFrame, session: int, horizon: int | None) -> pd.Series:
    left = ends["reason"] == DROPOUT
    open_ = ends["reason"] == CENSORED
    if horizon is None:
        return left.astype(float).mask(open_)
    inside = ends["last_session"] < session + horizon
    return (left & inside).astype(float).mask(open_ & inside)


def _identified(table: pd.DataFrame) -> pd.DataFrame:
    if "therapist_id" not in table.columns:
        raise DesignError(
            "The clients' table has no 'therapist_id': without it nobody can tell whether a model "
            "is tested on the therapists it was trained on."
        )
    keep = ["client_id", *[c for c in _IDS[1:] if c in table.columns], "event", "last_session"]
    missing = table["therapist_id"].isna()
    if missing.any():
        raise DesignError(
            f"{int(missing.sum())} clients have no therapist (clients "
            f"{listing(table.loc[missing, 'client_id'])}); give each one, or one name for all "
            "who had none."
        )
    return table[keep].reset_index(drop=True)


def _refuse_one_outcome(clients: pd.DataFrame, session: int) -> None:
    events = int(clients["event"].sum())
    if len(clients) == 0:
        raise DesignError(f"No client with a known outcome came to session {session}.")
    if events < 2 or len(clients) - events < 2:
        raise DesignError(
            f"Of {len(clients)} clients at session {session}, {events} dropped out later; a model "
            "needs at least two with and two without."
        )


def _definition(ends: pd.DataFrame) -> str:
    if "definition" not in ends.columns:
        return ""
    return ", ".join(sorted(map(str, ends["definition"].dropna().unique())))


def _known(study: Any, ids: pd.Series, session: int) -> pd.DataFrame:
    parts = [_background(study, ids)]
    assessments = study.tables.get("assessments")
    if assessments is not None:
        early = assessments[assessments["occasion"].isin(BEFORE)]
        parts.append(_wide(early, ids, "occasion"))
    scores = _scores(study)
    parts.append(course_features(scores[scores["session"] <= session], ids))
    parts.append(_missed(study, ids, session))
    return pd.concat(parts, axis=1).reset_index(drop=True)


def _scores(study: Any) -> pd.DataFrame:
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


def _background(study: Any, ids: pd.Series) -> pd.DataFrame:
    out = pd.DataFrame(index=ids.index)
    clients = study.tables["clients"].set_index("client_id").reindex(ids.to_numpy())
    for name in clients.columns:
        if name not in _IDS:
            out[str(name)] = clients[name].to_numpy()
    therapists = study.tables.get("therapists")
    if therapists is not None:
        own = therapists.set_index("therapist_id").reindex(clients["therapist_id"].to_numpy())
        for name in own.columns:
            if name not in _IDS and str(name) not in out.columns:
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


def _missed(study: Any, ids: pd.Series, session: int) -> pd.DataFrame:
    sessions = study.tables.get("sessions")
    if session == 0 or sessions is None or "attended" not in sessions.columns:
        return pd.DataFrame(index=ids.index)
    early = sessions[(sessions["session"] <= session) & sessions["attended"].notna()]
    missed = (~early["attended"].astype(bool)).groupby(early["client_id"]).sum()
    return pd.DataFrame({"missed_sessions": ids.map(missed).fillna(0).astype(float)})


def _later(study: Any, ends: pd.DataFrame, ids: pd.Series, session: int) -> pd.DataFrame:
    """Return what can be asked for by name though it was not known at the landmark."""
    own = ends.set_index("client_id").reindex(ids.to_numpy())
    out = pd.DataFrame({name: own[name].to_numpy() for name in _ENDING if name in own.columns})
    out["n_sessions"] = own["last_session"].to_numpy(dtype=float)
    whole = course_features(_scores(study), ids)
    out = pd.concat([out, whole.add_suffix("_whole_therapy").reset_index(drop=True)], axis=1)
    assessments = study.tables.get("assessments")
    if assessments is not None:
        late = _wide(assessments[~assessments["occasion"].isin(BEFORE)], ids, "occasion")
        out = pd.concat([out, late.reset_index(drop=True)], axis=1)
    return out.loc[:, [not np.all(pd.isna(out[c])) for c in out.columns]]
