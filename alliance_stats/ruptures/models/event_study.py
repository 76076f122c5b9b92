"""The course before, at and after a rupture, beside pseudo-events of the same clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, whole
from ...core.model_disclosure import fewest_of_model
from ...core.results import TIDY_COLUMNS
from ...errors import DesignError
from ...inference.distributions import half_width
from ...inference.rows import glance_row
from ...study.times import SESSION, along
from ..parameters import check_seed
from ..result import Ruptures
from ..rules import RUPTURE_RULE, find_rule
from ..rules.told import ByRule
from .clustered import contrast_rows, least_squares
from .design import BEYOND_THE_SCORE, LEAST_CLIENTS, adjusts
from .event_windows import Course, windows
from .plots import plot_event_study
from .session_table import session_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

SERIES = ("outcome", "alliance")
CONTROLS = ("random", "matched")
PARTS = ("slope_before", "step", "slope_after")


@dataclass(frozen=True)
class EventStudy(ByRule):
    """Slope before, step and slope after ruptures and pseudo-events.

    Attributes
    ----------
    table
        The columns of ``tidy()``: ``rupture: step``, ``pseudo: step``, ``difference: step`` and
        so on; the difference is the estimate to read.
    course
        What `plot` draws: ``kind, clock, mean, conf_low, conf_high, n`` - the series as deviations
        from the mean of each event's sessions before it.
    windows
        One row an event and session: ``client_id, event, event_session, kind, clock, value``.
    ruptures
        What the rule found.
    counts
        ``ruptures`` found, ``used`` (enough sessions on both sides), ``pseudo``-events.
    """

    table: pd.DataFrame
    course: pd.DataFrame = field(repr=False)
    windows: pd.DataFrame = field(repr=False)
    ruptures: Ruptures = field(repr=False)
    counts: dict[str, int]
    n_clients: int
    settings: dict[str, Any]
    messages: tuple[str, ...] = ()
    title: str = "Event study around ruptures"
    score: str = ""

    picture = "plot"

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How few clients a part of the course is about, or beyond one a part."""
        return fewest_of_model(_columns(self.windows)[1].T, self.windows["client_id"])

    def tidy(self) -> pd.DataFrame:
        """Return one row a part of the course, for ruptures, pseudo-events and the difference."""
        return self.table[list(TIDY_COLUMNS)]

    def glance(self) -> pd.DataFrame:
        """Return one row: events found, used and matched, and the settings."""
        return glance_row(
            self,
            rule=self.ruptures.rule,
            **{f"n_{name}": value for name, value in self.counts.items()},
            n_clients=self.n_clients,
            nobs=len(self.windows),
            **self.settings,
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the mean course around ruptures and around pseudo-events."""
        return plot_event_study(self, ax=ax)


def fit_event_study(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    outcome: str | None = None,
    series: str | None = None,
    rule: str = RUPTURE_RULE,
    before: int = 3,
    after: int = 3,
    min_each: int = 2,
    lag: int | None = None,
    pseudo: str = "random",
    adjust_for_alliance: bool | None = None,
    seed: int = 0,
    subscale: str | None = None,
    rater: str | None = None,
    outcome_subscale: str | None = None,
    outcome_rater: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    time: str = SESSION,
    **parameters: Any,
) -> EventStudy:
    """How does the outcome (or the alliance) run before, at and after a rupture?

    For every rupture, the sessions around it are counted from it; the course is a line before, a
    step, and a line after. The same is done for pseudo-events: other sessions of the same clients,
    outside any episode. What ruptures have beyond pseudo-events is the ``difference``.

    Parameters
    ----------
    data, alliance, outcome, rule, subscale, ..., **parameters
        As in `fit_rupture_repair`.
    series
        Which series is followed: ``"outcome"`` (the default where there is one) or ``"alliance"``.
    before, after
        Session numbers of the window on either side.
    min_each
        Fewest observed sessions on either side; other events are not used, and counted.
    lag
        Sessions from the rupture to the clock's zero. 1 for the outcome by default (it is
        usually rated at the start of a session, so the first one after a rupture is the next), 0
        for the alliance.
    pseudo
        ``"random"``: any session of the client outside an episode, with enough sessions around it
        that belong to no rupture's window (a course that runs up to a rupture would else be among
        what ruptures are compared with);
        ``"matched"``: the one whose level just before is nearest to that before the rupture, which
        guards against regression to the mean.
    adjust_for_alliance
        Whether the alliance score `lag` sessions before each value enters, with one slope (term
        ``alliance``). Without it the outcome steps where it follows the alliance point by point
        and nothing ruptured, as in `fit_rupture_repair`. None: for the outcome, with rules that
        read scores. The plotted course is as observed.
    seed
        Of the choice of pseudo-events.
    events, codes
        Tables for the rules that read reports or codes.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    EventStudy
        Terms ``rupture: slope_before`` (per session), ``rupture: step`` (points, at the clock's
        zero, from the line before), ``rupture: slope_after``, the same for ``pseudo`` and
        ``difference``.

    Notes
    -----
    Least squares with a level of its own for every event, so events are never compared in level;
    standard errors are CR2 over clients (degrees of freedom: clients - 1), because windows of one
    client may share sessions. A window ends before the next rupture acts. Where the series is the
    alliance the rule reads, the step and part of the return are made by the rule itself: a low
    session was chosen for being low. That is a description; for a test use another series.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=80, seed=2)
    >>> events = al.fit_event_study(study, alliance="wai-sr", outcome="core-10", seed=1)
    >>> events.tidy()["term"].tolist()[:3]
    ['rupture: slope_before', 'rupture: step', 'rupture: slope_after']
    """
    data, events, codes = (along(one, time, whole=True) for one in (data, events, codes))
    series = series or ("alliance" if outcome is None else "outcome")
    lag = (1 if series == "outcome" else 0) if lag is None else lag
    _check(series, outcome, pseudo, before, after, min_each, lag)
    check_seed(seed)
    table = session_table(
        data,
        (alliance, subscale, rater),
        None if outcome is None else (outcome, outcome_subscale, outcome_rater),
        rule,
        parameters,
        events=events,
        codes=codes,
    )
    checked_choice("adjust_for_alliance", adjust_for_alliance, (None, True, False))
    by_score = find_rule(rule).needs == "scores"
    beside = series == "outcome" and adjusts(adjust_for_alliance, find_rule(rule).needs)
    rows, counts = windows(
        _courses(table.rows, table.found, series, lag if beside else None),
        before=before,
        after=after,
        least=min_each,
        lag=lag,
        matched=pseudo == "matched",
        rng=np.random.default_rng(seed),
    )
    counts["ruptures"] = len(table.found.episodes)
    _require(rows, counts, min_each)
    settings = {"series": series, "before": before, "after": after, "lag": lag, "pseudo": pseudo}
    settings["adjust_for_alliance"] = beside
    return EventStudy(
        _estimate(rows),
        mean_course(rows),
        rows,
        table.found,
        counts,
        rows["client_id"].nunique(),
        settings,
        (*_messages(counts, series == "alliance" and by_score, table.messages), *_beside(settings)),
        score=table.score,
    )


def _check(series, outcome, pseudo, before, after, min_each, lag) -> None:
    checked_choice("series", series, SERIES)
    checked_choice("pseudo", pseudo, CONTROLS)
    if series == "outcome" and outcome is None:
        raise DesignError("series='outcome' needs outcome='...'.")
    for name, value in (("before", before), ("after", after), ("min_each", min_each)):
        whole(value, name, 1)
    whole(lag, "lag", 0)
    if min_each > min(before, after + 1):
        raise DesignError(
            f"min_each={min_each} is more than the window can hold (before={before}, "
            f"after={after})."
        )


def _courses(
    rows: pd.DataFrame, found: Ruptures, series: str, beside: int | None
) -> dict[object, Course]:
    """Return, for each client with a rupture, the series, the ruptures and the free sessions.

    With `beside`, also the alliance so many sessions before; sessions without it are left out.
    """
    sessions = found.sessions
    free = sessions[sessions["judged"] & (sessions["episode"] < 0)]
    free_of = {client: part["session"].to_numpy() for client, part in free.groupby("client_id")}
    start = found.episodes.groupby("client_id")["rupture_session"]
    rupture_of = {client: np.sort(part.to_numpy()) for client, part in start}
    if beside is not None:
        earlier = rows[["client_id", "session", "alliance"]].dropna()
        earlier = earlier.assign(session=earlier["session"] + beside, _beside=earlier["alliance"])
        rows = rows.merge(earlier.drop(columns="alliance"), on=["client_id", "session"])
    seen = rows.dropna(subset=[series]).sort_values(["client_id", "session"], kind="stable")
    none = np.zeros(0, dtype=np.int64)
    return {
        client: Course(
            part["session"].to_numpy(dtype=np.int64),
            part[series].to_numpy(dtype=float),
            rupture_of[client],
            free_of.get(client, none),
            None if beside is None else part["_beside"].to_numpy(dtype=float),
        )
        for client, part in seen.groupby("client_id")
        if client in rupture_of
    }


def _require(rows: pd.DataFrame, counts: dict[str, int], least: int) -> None:
    n = rows["client_id"].nunique() if len(rows) else 0
    if n < LEAST_CLIENTS:
        raise DesignError(
            f"An event study needs ruptures of {LEAST_CLIENTS} clients at least with {least} "
            f"observed sessions on either side; of {counts['ruptures']} ruptures "
            f"{counts['used']} have them, of {n} clients. Lower min_each or widen the window."
        )


def _estimate(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of the course by least squares with a level a event and CR2 errors."""
    names, columns = _columns(rows)
    x = _within(columns, rows["event"])
    y = _within(rows["value"].to_numpy(dtype=float)[:, None], rows["event"])[:, 0]
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise DesignError(
            "The windows are too short to tell a slope from a step: widen before= and after=, or "
            "raise min_each."
        )
    coef, covariance, n_clients = least_squares(x, y, pd.factorize(rows["client_id"])[0])
    contrasts = np.eye(len(names))
    if f"pseudo: {PARTS[0]}" in names:
        names[6:6] = [f"difference: {part}" for part in PARTS]
        contrasts = np.insert(contrasts, 6, contrasts[:3] - contrasts[3:6], axis=0)
    return contrast_rows(names, coef, covariance, n_clients - 1, contrasts)


def _columns(rows: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Return the terms of the course, each kind's parts first, and their values in each row."""
    clock = rows["clock"].to_numpy(dtype=float)
    parts = np.column_stack([np.minimum(clock, 0), clock >= 0, np.maximum(clock, 0)])
    real: np.ndarray = (rows["kind"] == "rupture").to_numpy(dtype=float)[:, None]
    both: list[tuple[str, np.ndarray]] = [("rupture", real)]
    if (real == 0).any():
        both.append(("pseudo", 1 - real))
    held = [name for name in ("alliance",) if name in rows]
    columns = [*(parts * weight for _, weight in both), rows[held].to_numpy(dtype=float)]
    names = [*(f"{kind}: {part}" for kind, _ in both for part in PARTS), *held]
    return names, np.column_stack(columns)


def _within(values: np.ndarray, event: pd.Series) -> np.ndarray:
    frame = pd.DataFrame(values)
    return (frame - frame.groupby(event.to_numpy()).transform("mean")).to_numpy()


def mean_course(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean course by kind and clock, as deviations from each event's level before.

    Intervals are over clients: one mean a client, t with clients - 1 degrees of freedom.
    """
    before = rows["value"].where(rows["clock"] < 0).groupby(rows["event"]).transform("mean")
    moved = rows.assign(deviation=rows["value"] - before)
    by_client = moved.groupby(["kind", "clock", "client_id"])["deviation"].mean()
    table = by_client.groupby(level=[0, 1]).agg(["mean", "sem", "size"]).reset_index()
    table["clock"] = table["clock"].astype(int)
    half = half_width(table["sem"], np.maximum(table["size"] - 1, 1))
    table = table.assign(conf_low=table["mean"] - half, conf_high=table["mean"] + half)
    columns = ["kind", "clock", "mean", "conf_low", "conf_high", "size"]
    return table[columns].rename(columns={"size": "n"})


def _beside(settings: dict[str, Any]) -> tuple[str, ...]:
    """Say what a step of the outcome is with, or without, the alliance score beside it."""
    if settings["series"] != "outcome":
        return ()
    return (BEYOND_THE_SCORE[settings["adjust_for_alliance"]],)


def _messages(counts: dict[str, int], circular: bool, before: tuple[str, ...]) -> tuple[str, ...]:
    lost = counts["ruptures"] - counts["used"]
    fewer = counts["pseudo"] < counts["used"] / 2
    said = [
        f"{counts['used']} of {counts['ruptures']} ruptures have enough sessions on both sides "
        f"before the next one; {lost} are not used.",
        f"{counts['pseudo']} pseudo-events were found in the same clients; "
        f"{counts['used'] - counts['pseudo']} ruptures have none, outside the windows of ruptures"
        + (": a shorter window (before=, after=) leaves more room for them." if fewer else "."),
    ]
    if not counts["pseudo"]:
        said.append("Without pseudo-events there is no difference to read.")
    if circular:
        said.append(
            "The series is the one the rule reads: the step is made by the rule in part, and so is "
            "the return (regression to the mean). Read it as a description."
        )
    return (*before, *said)
