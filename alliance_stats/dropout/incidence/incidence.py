"""Cumulative incidence of dropout where completing therapy competes with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, share
from ...core.display.formatting import p_sentence
from ...core.display.shown import shown
from ...core.people import CLIENT, in_words
from ...core.results import Result
from ...errors import ColumnError, DesignError, listing, require_columns
from ...inference.rows import glance_row, tidy_rows
from ...inference.shares import difference
from ...study.labels import by_code, labelled
from ...study.times import OCCASION, SESSION, named
from ..checks import number_of
from ..endings import CENSORED, DROPOUT, along_time, endings, said_of, time_of_endings
from ..time_scale import with_entry, with_time
from .tables import TABLE_COLUMNS, gray_tests, group_table, thin_start

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

OWN = ("time", "watched")
GRAY = "Gray 1988, doi 10.1214/aos/1176350951"


@dataclass(frozen=True)
class DropoutIncidence(Result):
    """The share of clients who had ended in each way by each session.

    Attributes
    ----------
    table
        ``by, time, event, incidence, std_error, conf_low, conf_high, n_at_risk, n_events`` and
        ``one_minus_km``: 1 - Kaplan-Meier, which treats the other ends as if those clients could
        still drop out later and so is too high wherever somebody completes.
    tests
        With ``by``: Gray's test of each kind of end, ``event, statistic, df, p_value``.
    """

    table: pd.DataFrame
    by: str | None
    confidence: float
    messages: tuple[str, ...] = ()
    _shares = "."
    title: str = "Cumulative incidence of the ends of therapy (Aalen-Johansen)"
    tests: pd.DataFrame = field(default_factory=pd.DataFrame)
    clock: str = "session"
    n_clients: int = 0

    picture = "plot"

    def tidy(self) -> pd.DataFrame:
        """Return the incidence at each group's last time, one row a kind of end."""
        last = self.table.groupby(["by", "event"], sort=False, dropna=False).tail(1)
        limits = last[["conf_low", "conf_high"]]
        return tidy_rows(
            last["event"], last["incidence"], last["std_error"], group=last["by"], **limits
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, dropouts, last time."""
        dropouts = self.table.loc[self.table["event"] == DROPOUT, "n_events"].sum()
        tests = self.tests[self.tests["event"] == DROPOUT] if len(self.tests) else self.tests
        return glance_row(
            self,
            "n_clients",
            n_dropout=int(dropouts),
            last_session=self.table["time"].max(),
            gray_p_value=float(tests["p_value"].iloc[0]) if len(tests) else float("nan"),
        )

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: Gray's tests of the groups too."""
        each = [
            f"{row.event} χ²({row.df:.0f}) = {row.statistic:.2f}, {p_sentence(row.p_value)}"
            for row in self.tests.itertuples()
        ]
        tested = f"; groups by {self.by} were compared by Gray's test ({GRAY}): {', '.join(each)}"
        return super().facts() | {"tested": tested if each else ""}

    def differences(self) -> pd.DataFrame:
        """Return how the share who dropped out differs between groups, at the last common time.

        Returns
        -------
        pandas.DataFrame
            A row a pair of groups: ``term`` (``b - a``), ``group, versus, time, estimate, conf_low,
            conf_high``. Clients count as independent; the intervals, each by itself, are made of
            those of the two shares (Zou & Donner 2008, doi 10.1002/sim.3095).
        """
        if self.by is None:
            raise DesignError("Shares are compared between groups: name their column with by=.")
        drop = self.table[self.table["event"] == DROPOUT]
        curves = dict(list(drop.groupby("by", sort=False)))
        at = min(curve["time"].max() for curve in curves.values())
        then = {str(name): curve[curve["time"] <= at].iloc[-1] for name, curve in curves.items()}
        ends = ["incidence", "conf_low", "conf_high"]
        shares = {name: tuple(row[ends]) for name, row in then.items()}
        rows = [
            (f"{one} - {other}", one, other, at, *difference(shares[one], shares[other]))
            for other, one in combinations(shares, 2)
        ]
        names = ["term", "group", "versus", "time", "estimate", "conf_low", "conf_high"]
        title = "Difference in the share who dropped out"
        return shown(pd.DataFrame(rows, columns=names), title, shares=".")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the incidence of dropout with its interval, beside 1 - Kaplan-Meier."""
        from ..plots import plot_incidence

        return plot_incidence(self, ax)


def dropout_incidence(
    study: Study | pd.DataFrame,
    *,
    by: str | None = None,
    clock: str = "session",
    entry: str | None = None,
    measure: str | None = None,
    rater: str | None = None,
    last_open: str | None = None,
    confidence: float = 0.95,
    time: str = SESSION,
) -> DropoutIncidence:
    """What share of clients has dropped out by each session, given that others complete?

    Parameters
    ----------
    study
        A `Study` with ``terminations``, or a DataFrame with ``client_id``, ``last_session``
        (the number of sessions after which the client ended) and ``reason``.
    by
        A column of the client (``condition``, ``site_id``, ...) to compare groups by.
    clock
        ``"session"`` is the number of the session; ``"days"`` counts days from the first session to
        the last one, by ``sessions.date`` (for a DataFrame: its column ``days``).
    entry, measure, rater
        Left truncation: ``"first_rating"`` (of that measure by that rater; by default the
        study's alliance measure by the client), or a column with the time from which each
        client was under observation. A client whose first rating is at session 3 could not have
        been seen to leave before, and is at risk from session 3 on.
    last_open
        What is known of a client still in therapy after the last session held. ``"unknown"``:
        not yet whether the client comes back, so at risk up to the session before only.
        ``"survived"``: watched to that time without an end. Unless given, ``"unknown"`` for a
        Study (whose ``last_session`` of an ``ongoing`` client is the last session held) and
        ``"survived"`` for a DataFrame, as tables of times until the end are usually meant.
    confidence
        Level of the pointwise intervals.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    DropoutIncidence
        ``.table`` has a row a group, kind of end and session number (or day) at which anybody
        ended or was last seen. Where nobody is at risk any more the incidence stays as it was.

    Notes
    -----
    The Aalen-Johansen estimator: the hazard of each end at a session times the share still in
    therapy before it, summed over sessions. Ends at the same session as a censoring come first.
    Intervals and Gray's test take clients as independent of one another: where clients of one
    therapist are alike, they are too narrow and p too small.
    Standard errors by the delta method, which without censoring is the binomial's; intervals on
    the log(-log) scale, and Wilson's of a share of none or all, among those of whom it is known
    by then. Marubini & Valsecchi (1995, ISBN 978-0-471-93987-0) give the variance.
    Clients enter at their first session: those who never came are not in the denominator unless
    the table holds them with ``last_session`` 0. Groups are compared by Gray's (1988, doi
    10.1214/aos/1176350951) test of the cumulative incidence.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> ends = pd.DataFrame({
    ...     "client_id": ["a", "b", "c", "d"],
    ...     "last_session": [2, 4, 4, 6],
    ...     "reason": ["dropout", "completed", "dropout", "completed"],
    ... })
    >>> found = al.dropout_incidence(ends)
    >>> found.table.query("event == 'dropout'")["incidence"].tolist()
    [0.25, 0.5, 0.5]
    """
    share(confidence)
    if time != SESSION and clock != SESSION:
        raise DesignError(f"clock='{clock}' and time='{time}' are two times; name one.")
    time = time_of_endings(study, time)
    given, study = study, along_time(study, time, whole=False)
    table, messages = _timed(study, by, clock, entry, measure, rater, whole=time == SESSION)
    lost_only = said_of(given, time)  # who was measured to the last completed nothing
    messages += lost_only
    table, open_ = _watched(table, last_open or last_open_of(study), clock)
    groups = [("all", table)]
    if by is not None:
        groups = [(name, table[table[by] == name]) for name in by_code(given, table[by])]
    parts = [group_table(str(name), part, confidence) for name, part in groups]
    found = pd.concat(parts, ignore_index=True)[list(TABLE_COLUMNS)]
    if time == OCCASION:
        found = named(found.assign(session=found["time"]), given, time)
    tests, why = gray_tests(table, by, entry)
    if lost_only:
        found, tests = (part[part["event"] == DROPOUT] for part in (found, tests))
    messages += [*open_, *thin_start(found), *why, *_alike(table)]
    return DropoutIncidence(
        found, by, confidence, tuple(messages), tests=tests, clock=clock, n_clients=len(table)
    )


def last_open_of(study: Study | pd.DataFrame) -> str:
    """Return what a client's last session in such data says of those still in therapy."""
    return "survived" if isinstance(study, pd.DataFrame) else "unknown"


def _watched(table: pd.DataFrame, last_open: str, clock: str) -> tuple[pd.DataFrame, list[str]]:
    """Add ``watched``: until when each client's end could have been seen."""
    checked_choice("last_open", last_open, ("unknown", "survived"))
    time = table["time"].to_numpy(dtype=float)
    open_ = (table["reason"] == CENSORED).to_numpy()
    n = int(open_.sum())
    if n == 0:
        return table.assign(watched=time), []
    who = f"{number_of(n, 'client', 'is')} still in therapy and {'counts' if n == 1 else 'count'}"
    if last_open == "survived":
        return table.assign(watched=time), [f"{who} as at risk at last_session too."]
    just_before = np.where(open_, np.nextafter(time, -np.inf), time)
    return table.assign(watched=just_before), [
        f"{who} as at risk before the last session held only: nobody knows yet who comes back."
    ]


def _alike(table: pd.DataFrame) -> list[str]:
    if "therapist_id" not in table.columns or not table["therapist_id"].duplicated().any():
        return []
    return ["Intervals and tests take clients as independent, also those of one therapist."]


def _timed(
    study: Study | pd.DataFrame,
    by: str | None,
    clock: str,
    entry: str | None,
    *score: str | None,
    whole: bool,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the clients with ``time`` and ``entry``, and what was left out."""
    table = endings(study, whole)
    messages = list(table.attrs["messages"])
    for name, value in (("by", by), ("entry", entry)):
        if isinstance(value, str) and value in OWN:
            raise ColumnError(
                f"{name}='{value}': the analysis has a column of that name for itself; rename it."
            )
    if by is not None:
        _check_groups(table, by)
        table = table.assign(**{by: in_words(labelled(study, table[by]))})
        unknown = table[by].isna()
        if unknown.any():
            n = int(unknown.sum())
            messages.append(
                f"{number_of(n, 'client', 'has')} no value of '{by}' and "
                f"{'is' if n == 1 else 'are'} left out."
            )
            table = table[~unknown]
    table, said = with_time(table, study, clock)
    table, late = with_entry(table, study, entry, clock, *score)
    if table.empty:
        raise DesignError("No client with a known end of therapy is left to analyse.")
    return table, [*messages, *said, *late]


def _check_groups(table: pd.DataFrame, by: Any) -> None:
    if not isinstance(by, str):
        raise DesignError(f"by must be the name of one column, not {by!r}.")
    require_columns(table.columns, [by], what="the clients' table")
    known = table[by].dropna()
    if by == CLIENT or (len(known) > 1 and known.is_unique):
        raise DesignError(
            f"by='{by}' makes a group of each client, and a share of one is no incidence: name a "
            "column whose groups hold several, such as 'condition'."
        )
    values = pd.Series(known.astype(object).unique(), dtype=object)
    same = values[values.map(str).duplicated(keep=False)]
    if len(same):
        raise ColumnError(
            f"Column '{by}' holds values that read alike but are not: "
            f"{listing(map(repr, same))}. Make them one type first."
        )
