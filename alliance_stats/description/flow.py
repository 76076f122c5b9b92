"""From what came in to what is analysed: rows, clients, sessions, and what is missing."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.display import columns as col
from ..core.display import formatting as fmt
from ..core.display.page import as_html, as_text
from ..core.display.table import Table
from ..study.select import KEYS, choose
from ..study.splitting import each_group
from ..study.times import OCCASION, along, time_of

if TYPE_CHECKING:
    from ..study import Study


@dataclass(frozen=True)
class Stage:
    """One step on the way from the clients of a study to those an analysis can use.

    `of` names the stage whose clients these are a part of; empty for the first. Who they are is
    no field, so that a frame made of stages holds numbers and no ids.
    """

    key: str
    label: str
    who: InitVar[frozenset[Any]]
    of: str = ""
    clients: int = field(init=False)

    def __post_init__(self, who: frozenset[Any]) -> None:
        """Count the clients."""
        self.__dict__["_who"] = who
        self.__dict__["clients"] = len(who)

    @property
    def people(self) -> frozenset[Any]:
        """Who they are."""
        return self.__dict__["_who"]


@dataclass(frozen=True)
class ArmStage(Stage):
    """A step on the way of the clients of one arm, `group`."""

    group: str = ""


class Flow(list[Any]):
    """The stages of a flow, which show themselves as a table: a column an arm, where there are."""

    def _laid_out(self) -> tuple[str, list[Table]]:
        frame = pd.DataFrame(self)
        arm = frame["group"] if "group" in frame else pd.Series("Clients", frame.index)
        wide = frame.assign(arm=arm).pivot_table("clients", "label", "arm", aggfunc="first")
        rows = wide.reindex(frame["label"].unique()).rename_axis(None, axis=1).reset_index()
        rows["label"] = rows["label"].map(lambda said: said[:1].upper() + said[1:])
        columns = [col.text("label", ""), *(col.value(a, a, fmt.count) for a in rows.columns[1:])]
        return "Flow of clients", [Table("flow", "", rows, tuple(columns), "")]

    def __str__(self) -> str:
        return as_text(*self._laid_out(), ())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._laid_out(), ())


def study_flow(
    study: Study, *, measure: str | None = None, scale: str | None = None, rater: str | None = None
) -> list[Stage]:
    """Count the clients at each step from the study to each analysis.

    Parameters
    ----------
    study
        A `Study`.
    measure, scale, rater
        The alliance score the steps are about, as `Study.select` takes it; without a measure,
        steps that need one are left out.

    Returns
    -------
    list of Stage
        ``clients`` and ``attended`` (one session or more; of a study without sessions: measured at
        an occasion), and of these: with a measure,
        ``rated`` (by `rater`), ``series`` (three rated sessions or more) and ``dyads`` (client
        and therapist rated one same session); with terminations, ``ended`` (a recorded end).
    """
    tables = study.tables
    everybody = _ids(tables.get("clients"))
    sessions = attended_sessions(study)
    came = _ids(sessions) if sessions is not None else everybody
    label = "Came to one session or more"
    if sessions is None and time_of(study) == OCCASION:
        rows = tables["assessments"]
        came, label = _ids(rows[rows["score"].notna()]), "Measured at one occasion or more"
    stages = [
        Stage("clients", "Clients in the study", frozenset(everybody | came)),
        Stage("attended", label, frozenset(came), "clients"),
    ]
    if measure is not None:
        rows, name = choose(along(study), measure, scale, rater)
        both, _ = choose(along(study), name.measure, name.scale, settle=KEYS[:2])
        own, both = (
            one[one["score"].notna() & one["client_id"].isin(came)] for one in (rows, both)
        )
        stages += _rated_stages(own, both, str(name.rater))
    if "terminations" in tables:
        ended = _ids(tables["terminations"].dropna(subset=["reason"])) & came
        stages.append(Stage("ended", "a recorded end", frozenset(ended), "attended"))
    return Flow(stages)


def _rated_stages(own: pd.DataFrame, both: pd.DataFrame, rater: str) -> list[Stage]:
    per_client = own.groupby("client_id", observed=True)["session"].nunique()
    both = both[both["rater"].isin(["client", "therapist"])]
    raters = both.groupby(["client_id", "session"], observed=True)["rater"].nunique()
    dyads = frozenset(raters[raters == 2].reset_index()["client_id"])
    series = frozenset(per_client.index[per_client >= 3])
    return [
        Stage("rated", f"rated by the {rater}", frozenset(per_client.index), "attended"),
        Stage("series", "three rated sessions", series, "attended"),
        Stage("dyads", "both rated a session", dyads, "attended"),
    ]


def _ids(table: pd.DataFrame | None) -> set[Any]:
    return set() if table is None else set(table["client_id"].dropna())


def attended_sessions(study: Study) -> pd.DataFrame | None:
    """Return the sessions that took place: ``attended`` true or not said; None without a table."""
    sessions = study.tables.get("sessions")
    if sessions is None or sessions.empty:
        return None
    if "attended" not in sessions.columns:
        return sessions
    return sessions[sessions["attended"].astype("boolean").fillna(True).to_numpy(dtype=bool)]


def missing_by_session(study: Study, *, by: str | None = None) -> pd.DataFrame:
    """How many of the clients still in therapy came to each session?

    Parameters
    ----------
    study
        A `Study`.
    by
        A column of the clients (``condition``, ``site_id``) for the numbers of each group; it
        stands first in the table.

    Returns
    -------
    DataFrame
        ``session, in_therapy`` (clients whose last session in the table is this one or later),
        ``attended``, ``missed`` (in the table, marked as not attended) and ``not_recorded`` (no
        row at all although a later one exists). ``attended + missed + not_recorded`` is
        ``in_therapy``. Empty where the study has no sessions.
    """
    if by is not None:
        return each_group(missing_by_session, study, by)
    columns = ["session", "in_therapy", "attended", "missed", "not_recorded"]
    sessions = study.tables.get("sessions")
    if sessions is None or sessions.empty:
        return pd.DataFrame(columns=columns)
    came = attended_sessions(study)
    assert came is not None  # the table is there
    first = min(1, int(sessions["session"].min()))  # 0 is an intake
    numbers = pd.RangeIndex(first, int(sessions["session"].max()) + 1, name="session")
    last = sessions.groupby("client_id", observed=True)["session"].max()
    ended = last.value_counts().reindex(numbers, fill_value=0)
    in_therapy = len(last) - ended.cumsum().shift(1, fill_value=0)
    rows = sessions["session"].value_counts().reindex(numbers, fill_value=0)
    attended = came["session"].value_counts().reindex(numbers, fill_value=0)
    out = pd.DataFrame(
        {
            "in_therapy": in_therapy,
            "attended": attended,
            "missed": rows - attended,
            "not_recorded": in_therapy - rows,
        }
    )
    return out.reset_index()


def missing_ratings(study: Study, *, by: str | None = None) -> pd.DataFrame:
    """How many of the sessions that took place were rated, by each rater on each scale?

    Parameters
    ----------
    study
        A `Study`.
    by
        A column of the clients (``condition``, ``site_id``) for the numbers of each group; it
        stands first in the table.

    Returns
    -------
    DataFrame
        A row for each measure, rater and scale: ``n_sessions`` (sessions that took place),
        ``n_scored``, ``n_incomplete`` (answered in part, too little for a score), ``n_missing``
        (nothing answered), ``share_missing`` (no score, of `n_sessions`) and ``n_clients`` with
        at least one score. Without a sessions table, the sessions are those anybody rated.
    """
    if by is not None:
        return each_group(missing_ratings, study, by)
    scores = study.scores
    came = attended_sessions(study)
    pairs = scores if came is None else came
    total = len(pairs[["client_id", "session"]].drop_duplicates())
    there = scores["score"].notna()
    partial = ~there & (scores["n_answered"] > 0) if "n_answered" in scores else there & False
    counted = scores.assign(scored=there, partial=partial, who=scores["client_id"].where(there))
    groups = counted.groupby(["measure", "rater", "scale"], observed=True, sort=False)
    out = groups.agg(
        n_scored=("scored", "sum"), n_incomplete=("partial", "sum"), n_clients=("who", "nunique")
    ).reset_index()
    out.insert(3, "n_sessions", total)
    out["n_missing"] = out["n_sessions"] - out["n_scored"] - out["n_incomplete"]
    out["share_missing"] = 1 - out["n_scored"] / out["n_sessions"]
    return out
