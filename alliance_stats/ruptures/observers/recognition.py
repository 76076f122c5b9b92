"""Clients' reports of ruptures against therapists': four cells, and recognition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.results import Result
from ...errors import DesignError, listing
from ...inference.rows import glance_row, tidy_rows
from ...study.select import is_study
from ..parameters import check_value
from ..plots import plot_reports
from ..rates import share_rows
from ..reading import table_of
from .event_checks import check_events, check_same_clients, keyed
from .kappa import four_cells, kappa

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

CELLS = ("both", "client_only", "therapist_only", "neither")


@dataclass(frozen=True)
class ReportAgreement(Result):
    """Sessions by who reported a rupture.

    Attributes
    ----------
    cells
        One row each for ``both``, ``client_only``, ``therapist_only``, ``neither``: ``cell``,
        ``n_sessions``, ``share``.
    sessions
        One row a session: ``client_id``, ``session``, ``client``, ``therapist`` (reported a
        rupture), ``cell``.
    terms
        What `tidy` returns.
    """

    cells: pd.DataFrame
    sessions: pd.DataFrame
    terms: pd.DataFrame
    messages: tuple[str, ...] = ()
    _shares = "."
    title: str = "Ruptures reported by clients and by therapists"

    def tidy(self) -> pd.DataFrame:
        """Return rates, recognition and kappa, with clients as the unit of sampling."""
        return self.terms

    def term_labels(self) -> dict[str, str]:
        """Return what the rates are called."""
        return {
            "recognition": "Clients' reports that the therapist shares",
            "client_recognition": "Therapists' reports that the client shares",
            "client_rate": "Sessions with a client's report",
            "therapist_rate": "Sessions with a therapist's report",
        }

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, sessions and the four cells."""
        counts = self.cells.set_index("cell")["n_sessions"]
        return glance_row(
            self,
            n_clients=self.sessions["client_id"].nunique(),
            n_sessions=len(self.sessions),
            **{f"n_{cell}": counts[cell] for cell in CELLS},
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the four cells."""
        return plot_reports(self, ax=ax)


def compare_reports(
    study_or_events: Study | pd.DataFrame,
    *,
    sessions: pd.DataFrame | None = None,
    min_intensity: float = 1,
) -> ReportAgreement:
    """Do therapists notice the ruptures their clients report?

    Parameters
    ----------
    study_or_events
        A study with a table ``events``, or such a table: ``client_id``, ``session``, ``rater``
        (``client``, ``therapist``), ``kind`` (rows of kind ``rupture`` count), ``intensity``.
    sessions
        The sessions in which both were asked: ``client_id``, ``session``. Default: the study's
        sessions, without those not attended. Without it the cell ``neither``, the rates and
        kappa cannot be known.
    min_intensity
        Reports below this intensity are no rupture; a report without intensity counts as 1.

    Returns
    -------
    ReportAgreement
        ``.cells``, ``.sessions``, ``.tidy()`` with the terms ``recognition`` (share of the
        client's reports that the therapist reports too), ``client_recognition`` (the reverse),
        ``client_rate`` and ``therapist_rate`` (reports per session), ``kappa``; ``.plot()``.

    Notes
    -----
    Clients report fewer ruptures than therapists (Muran et al. 2009, doi 10.1037/a0016085). The
    four cells are those of Rubel et al. 2018, JCCP 86:354-366. A missing row is taken as "no
    rupture reported": where a questionnaire was not filled in, leave the session out of
    `sessions`.

    Examples
    --------
    >>> import alliance_stats as al
    >>> import pandas as pd
    >>> events = pd.DataFrame(
    ...     {"client_id": ["a", "a", "b"], "session": [2, 2, 3],
    ...      "rater": ["client", "therapist", "client"], "kind": "rupture"}
    ... )
    >>> held = pd.DataFrame({"client_id": list("aaabbb"), "session": [1, 2, 3] * 2})
    >>> al.compare_reports(events, sessions=held).cells["n_sessions"].tolist()
    [1, 1, 0, 4]
    """
    check_value("min_intensity", min_intensity)
    events, held = _tables(study_or_events, sessions)
    reported = _reports(events, min_intensity)
    table, outside = _cross(reported, held)
    cells = _cells(table, held is not None)
    messages: tuple[str, ...] = ()
    if held is None:
        messages = (
            "Without sessions= it is unknown in how many sessions neither reported: rates and "
            "kappa are missing.",
        )
    elif outside:
        said = f"{outside} sessions with a report are not among the sessions; they were added."
        messages = (said,)
    return ReportAgreement(cells, table, _terms(table, held is not None), messages)


def _tables(
    data: Study | pd.DataFrame, sessions: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    events: Any = table_of(data, "events") if is_study(data) else data
    if events is None or (isinstance(events, pd.DataFrame) and events.empty):
        raise DesignError("Reports are compared from the table 'events', and there is none.")
    events = check_events(events)
    raters = set(events["rater"].dropna())
    if not {"client", "therapist"} <= raters:
        raise DesignError(
            "Clients' and therapists' reports are compared, so events must hold both raters "
            f"'client' and 'therapist'; they hold {listing(sorted(map(str, raters)))}."
        )
    sessions = table_of(data, "sessions", sessions)
    if sessions is not None:
        sessions = keyed(sessions, ["client_id", "session"], "the sessions")
        check_same_clients(events, sessions)
        if "attended" in sessions.columns:
            sessions = sessions[sessions["attended"].fillna(True).astype(bool)]
        sessions = sessions[["client_id", "session"]].drop_duplicates()
    return events, sessions


def _reports(events: pd.DataFrame, min_intensity: float) -> pd.DataFrame:
    """Return one row a session with a report: by the client, by the therapist."""
    rows = events[(events["kind"] == "rupture") & events["rater"].isin(["client", "therapist"])]
    if "intensity" in rows.columns:
        rows = rows[rows["intensity"].fillna(1).astype(float) >= min_intensity]
    key = ["client_id", "session"]
    marks = rows[key].assign(
        client=rows["rater"] == "client", therapist=rows["rater"] == "therapist"
    )
    return marks.groupby(key, as_index=False, sort=False).any()


def _cross(reported: pd.DataFrame, held: pd.DataFrame | None) -> tuple[pd.DataFrame, int]:
    """Return every session with who reported, and how many reports were of no such session."""
    outside = 0
    table = reported
    if held is not None:
        table = held.merge(reported, on=["client_id", "session"], how="outer", indicator=True)
        outside = int((table["_merge"] == "right_only").sum())
        table = table.drop(columns="_merge")
    client = table["client"].astype("boolean").fillna(False).astype(bool)
    therapist = table["therapist"].astype("boolean").fillna(False).astype(bool)
    which = np.where(client, np.where(therapist, 0, 1), np.where(therapist, 2, 3))
    cell = pd.Series(list(CELLS)).take(which).array
    marked = table.assign(client=client, therapist=therapist, cell=cell)
    return marked.reset_index(drop=True), outside


def _cells(table: pd.DataFrame, known: bool) -> pd.DataFrame:
    counts = table["cell"].value_counts().reindex(CELLS, fill_value=0).astype("Int64")
    share = counts.astype(float) / max(len(table), 1)
    if not known:
        counts = counts.mask(counts.index == "neither")
        share = share * np.nan
    return pd.DataFrame({"cell": CELLS, "n_sessions": counts.array, "share": share.to_numpy()})


def _terms(table: pd.DataFrame, known: bool) -> pd.DataFrame:
    code, ids = pd.factorize(table["client_id"])
    counts = four_cells(code, table["client"].to_numpy(), table["therapist"].to_numpy(), len(ids))
    both, client, therapist, _ = counts.T
    everything = counts.sum(axis=1) if known else np.zeros(len(ids))
    shares = share_rows(
        {
            "recognition": (both, both + client),
            "client_recognition": (both, both + therapist),
            "client_rate": (both + client, everything),
            "therapist_rate": (both + therapist, everything),
        }
    )
    found = kappa(counts if known else np.zeros((1, 4)))
    of_kappa = tidy_rows("kappa", found.pop("kappa"), df=float(found.pop("n_clients") - 1))
    return pd.concat([shares, of_kappa.assign(**found)], ignore_index=True)
