"""Who is still in therapy at a landmark, and what is known of them by then."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...core.arguments import whole
from ...core.people import refuse_repeats
from ...errors import DesignError, listing, require_columns
from ...study import Study
from ..checks import number_of, study_only
from ..endings import CENSORED, DROPOUT, endings
from .features import IDS, known_by, known_later, landmark_dates


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
    undated
        Which of the known columns come from the tables of clients and therapists, where nothing
        says when they were known.
    reason, left, date
        How each therapy ended, whether by dropout at whatever time, and the date of the last
        session up to the landmark.
    """

    session: int
    clients: pd.DataFrame
    known: pd.DataFrame
    later: pd.DataFrame
    flow: pd.DataFrame
    definition: str
    messages: tuple[str, ...]
    undated: tuple[str, ...]
    reason: pd.Series
    left: pd.Series
    date: pd.Series

    def rows(self, keep: np.ndarray, step: str) -> Landmark:
        """Return the landmark set with some clients only, the others counted under `step`."""
        steps = self.flow[self.flow["step"] != "analysed"].to_numpy().tolist()
        steps += [[step, -int((~keep).sum())], ["analysed", int(keep.sum())]]
        parts = ("clients", "known", "later", "reason", "left", "date")
        kept = {name: getattr(self, name)[keep].reset_index(drop=True) for name in parts}
        return replace(self, **kept, flow=pd.DataFrame(steps, columns=["step", "n"]))


def at_landmark(
    study: Study, session: int, horizon: int | None, without_therapist: str = "refuse",
    groups: str = "therapist_id",
) -> Landmark:  # fmt: skip
    """Return the landmark set: clients still in therapy at `session` whose outcome is known."""
    study_only(study, "a prediction needs its clients, ratings and terminations")
    session = whole(session, "landmark", 0)
    if horizon is not None:
        horizon = whole(horizon, "horizon", 1)
    require_columns(study.tables.get("clients", pd.DataFrame()).columns, ["client_id"],
                    what="the clients' table")  # fmt: skip
    for table, key in (("clients", "client_id"), ("therapists", "therapist_id")):
        if table in study.tables:
            refuse_repeats(study.tables[table], [key], f"The table '{table}'")
    found = endings(study)
    everybody = set(study.tables["clients"]["client_id"]) | set(found["client_id"])
    # Folds and draws go by position: sorted, they do not depend on the order of any table's rows.
    ends = found.sort_values("client_id", key=lambda ids: ids.astype(str), ignore_index=True)
    steps = [("clients in the study", len(everybody)),
             ("no last session, nor any session seen", len(ends) - len(everybody))]  # fmt: skip
    early = ends["last_session"] < session
    over = (ends["last_session"] == session) & ~ends["reason"].isin([DROPOUT, CENSORED])
    event = _event(ends, session, horizon)
    unknown = event.isna() & ~early
    here = "intake" if session == 0 else f"session {session}"
    steps += [
        ("ended before the landmark", -int(early.sum())),
        (f"ended at {here} other than by dropout: not in therapy after it", -int(over.sum())),
        ("still in therapy at the landmark, outcome not yet known", -int(unknown.sum())),
    ]
    keep = ~(early | over | unknown)
    messages = list(found.attrs["messages"])
    if unknown.any():
        messages.append(_open(ends["last_session"], unknown, keep, horizon))
    ends = ends.assign(event=event)[keep]
    clients, alone = _identified(ends, without_therapist, groups)
    if alone:
        lacking = " or no ".join(f"'{c}'" for c in dict.fromkeys(("therapist_id", groups)))
        steps.append((f"no {lacking}", -alone))
        messages.append(f"{number_of(alone, 'client')} with no {lacking} left out.")
    steps.append(("analysed", len(clients)))
    _refuse_one_outcome(clients, session)
    return _assembled(study, ends, clients, session, steps, messages)


def _assembled(
    study: Study, ends: pd.DataFrame, clients: pd.DataFrame, session: int,
    steps: list[tuple[str, int]], messages: list[str],
) -> Landmark:  # fmt: skip
    ids = clients["client_id"]
    own = ends.set_index("client_id").reindex(ids.to_numpy())
    known, undated, said = known_by(study, ids, session)
    reason = own["reason"].astype(object).reset_index(drop=True)
    return Landmark(
        session=session, clients=clients, known=known, later=known_later(study, ends, ids, session),
        flow=pd.DataFrame(steps, columns=["step", "n"]),
        definition=_definition(ends), messages=(*messages, *said), undated=undated,
        reason=reason, left=reason == DROPOUT, date=landmark_dates(study, ids, session),
    )  # fmt: skip


def _open(last: pd.Series, unknown: pd.Series, keep: pd.Series, horizon: int | None) -> str:
    """Say whose outcome is not known, and how long they were seen compared with the others."""
    within = "" if horizon is None else f" within {horizon} sessions"
    return (
        f"{number_of(int(unknown.sum()), 'client')} still in therapy at the landmark when the data "
        f"end, outcome{within} not known: left out (median last session so far "
        f"{last[unknown].median():g}; of the others {last[keep].median():g}). The share of "
        "dropouts here is that of therapies that are over."
    )


def _event(ends: pd.DataFrame, session: int, horizon: int | None) -> pd.Series:
    left = ends["reason"] == DROPOUT
    open_ = ends["reason"] == CENSORED
    if horizon is None:
        return left.astype(float).mask(open_)
    inside = ends["last_session"] < session + horizon
    return (left & inside).astype(float).mask(open_ & inside)


def _identified(
    table: pd.DataFrame, without_therapist: str, groups: str
) -> tuple[pd.DataFrame, int]:
    """Return the clients with a therapist (and `groups`), and how many were left out for lack."""
    if "therapist_id" not in table.columns:
        raise DesignError(
            "The clients' table has no 'therapist_id': without it nobody can tell whether a model "
            "is tested on the therapists it was trained on."
        )
    keep = ["client_id", *[c for c in IDS[1:] if c in table.columns], "event", "last_session"]
    needed = [c for c in dict.fromkeys(("therapist_id", groups)) if c in table.columns]
    missing = table[needed].isna().any(axis=1)
    if missing.any() and without_therapist != "leave_out":
        raise DesignError(
            f"{number_of(int(missing.sum()), 'client', 'has')} no "
            f"{' or no '.join(map(repr, needed))} (clients "
            f"{listing(table.loc[missing, 'client_id'])}), so their fold is not known. Leave them "
            "out with without_therapist='leave_out' (they are counted in .flow); one common name "
            "for them would make a single therapist of them all."
        )
    return table.loc[~missing, keep].reset_index(drop=True), int(missing.sum())


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
