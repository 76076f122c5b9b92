"""Person-period data: one row a client and session at risk, with what was known by then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice
from ..core.people import refuse_repeats, same_ids
from ..errors import ColumnError, DesignError, listing
from ..study import Study
from ..study.select import alliance_of, choose
from ..study.times import SESSION
from .checks import number_of, refuse_too_many_periods, study_only
from .dated import known_by_session, with_ruptures
from .endings import CENSORED, COMPETING, DROPOUT, along_time, endings


def person_period(
    study: Study,
    *,
    measure: str | None = None,
    rater: str | None = None,
    scale: str | None = None,
    event: str = DROPOUT,
    predictors: pd.DataFrame | None = None,
    ruptures: Any = None,
    split: str = "so_far",
    time: str = SESSION,
) -> pd.DataFrame:
    """Who was at risk of leaving after which session, and what was known at that moment?

    Parameters
    ----------
    study
        A `Study` with ``terminations`` and scores of an alliance measure.
    measure, rater, scale
        The rating to carry along as a predictor that changes over time, as `Study.select` takes
        it (``"wai-sr/total/client"``); by default the study's alliance measure.
    event
        The end to model: ``dropout``, or one of the competing ends for a cause-specific model.
    predictors
        Further predictors with ``client_id`` and ``session``, the session after which each value
        was known (0 for intake). Each row gets the last value known by then; without a session
        they are refused.
    ruptures
        What `detect_ruptures` returned, to add the column ``rupture``: 1 where a rupture was
        flagged at that very session. Rules that judge a session by later ones are refused;
        ``drop_points``, ``drop_pooled_sd``, ``drop_sample_sd``, ``drop_reliable_change`` (each
        with ``min_sessions=2``), ``direct_report`` and ``observer_codes`` look back only. A
        DataFrame with ``client_id, session, flag`` will do.
    split
        How ratings are split into ``alliance_between`` and ``alliance_within``. ``"so_far"``: by
        the mean of the client's ratings so far. ``"shrunken"``: by the client's level as
        estimated from the ratings so far, which a few ratings move little; only then do the two
        coefficients tell the effects within and between clients apart (see Notes).
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    DataFrame
        One row a client and session number at risk: ``client_id, session, event`` (1 where the
        client ended in that way after that session, else 0), ``ended_as`` (how the client ended
        after it, empty where the therapy went on), the client's own columns (``therapist_id``,
        ``site_id``, ``condition``), and

        ``alliance``
            the rating of that very session;
        ``alliance_between``
            the mean of the client's ratings *up to and including* that session, or the level
            estimated from them;
        ``alliance_within``
            the rating minus that mean, or minus that level and the session's mean over clients;
        ``alliance_change``
            the rating minus that of the session before.

        ``.attrs["messages"]`` counts the clients left out and the rows without a rating;
        ``.attrs["flow"]`` (pairs of step and number) leads from the study's clients to those at
        risk; ``.attrs["score"]`` names the rating.

    Notes
    -----
    Every predictor is dated no later than the session after which the client may leave. The mean
    over the *whole* therapy would not be: it knows the future. A client ends after
    ``last_session``. Whether an ``ongoing`` client comes back after the last session held so far
    is not known yet, so such a client is at risk up to the session before only; counted as
    having stayed, hazards would be too low.

    The mean so far holds the sessions' ups and downs too, so its coefficient lies between the
    effect between clients and that within. In simulations (600 clients, up to 20 sessions, SD .6
    between and .5 within clients) with true log odds of -.9 within and 0 between, the mean so
    far gave -.88 and -.15, the mean of earlier sessions -.72 and -.12, ``"shrunken"`` -.88 and
    -.01; with 0 within and -.6 between .02 and -.50, -.09 and -.51, .02 and -.61. Where sessions
    follow on one another (autocorrelation .4) even ``"shrunken"`` gave -.09 for a true 0. The
    shrinkage takes two variances from all clients' ratings, later ones included; no client's own
    later rating weighs more than anybody else's.

    Examples
    --------
    >>> import alliance_stats as al
    >>> data = al.person_period(al.load_dataset("demo-trial"))
    >>> data.groupby("client_id")["event"].sum().max().item()
    1
    """
    study_only(study, "endings and scores are read from its tables")
    study = along_time(study, time)
    _check_choices(event, split)
    ends = endings(study)
    taken = [c for c in OWN if c in ends.columns]
    if taken:
        raise ColumnError(
            f"The clients' table has a column '{taken[0]}', which the rows at risk have for "
            "themselves; rename it."
        )
    table, never = _at_risk(ends, event)
    rows, score = choose(study, measure or alliance_of(study), scale, rater)
    rated = rows[["client_id", "session", "score"]].rename(columns={"score": "alliance"})
    rated = same_ids(rated, table["client_id"])
    refuse_repeats(rated, ["client_id", "session"], f"The scores of {score.words}")
    table = table.merge(rated, on=["client_id", "session"], how="left", validate="one_to_one")
    table = SPLITS[split](table)
    missing = int(table["alliance"].isna().sum())
    messages = [*ends.attrs["messages"], *never]
    if missing:
        ended = table["event"] == 1
        lost = int(table.loc[ended, "alliance"].isna().sum())
        messages.append(
            f"{missing} of {len(table)} client-sessions at risk have no rating "
            f"{score.words}; a model that uses it leaves them out, and with them {lost} of "
            f"{int(ended.sum())} events ({event}): those who leave may be those who did not rate."
        )
    if ruptures is not None:
        table, said = with_ruptures(table, ruptures)
        messages += said
    if predictors is not None:
        table, late = known_by_session(table, predictors)
        messages += late
    table.attrs["messages"] = (*messages, *_later_ratings(rated, ends))
    table.attrs["flow"] = _flow(ends, table)
    table.attrs["score"] = str(score)
    return table


def _check_choices(event: str, split: str) -> None:
    checked_choice("event", event, (DROPOUT, *COMPETING))
    checked_choice("split", split, SPLITS)


def _flow(ends: pd.DataFrame, table: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    at_risk = table["client_id"].nunique()
    never = ("no session after which leaving could be seen", at_risk - len(ends))
    return (*ends.attrs["flow"][:-1], never, ("analysed", at_risk))


def _later_ratings(rated: pd.DataFrame, ends: pd.DataFrame) -> list[str]:
    """Tell of ratings after the client's last session: they cannot be predictors."""
    last = rated["client_id"].map(ends.set_index("client_id")["last_session"])
    late = rated["session"] > last
    if not late.any():
        return []
    return [
        f"{int(late.sum())} ratings stand after the session at which the client ended and are not "
        f"used (clients {listing(rated.loc[late, 'client_id'].unique())})."
    ]


def _at_risk(ends: pd.DataFrame, event: str) -> tuple[pd.DataFrame, list[str]]:
    """Repeat each client's row once a session, and mark the session after which they ended."""
    open_ = (ends["reason"] == CENSORED).to_numpy()
    # Nobody knows yet whether somebody still in therapy comes back after the last session held.
    n = np.maximum(ends["last_session"].to_numpy() - open_, 0)
    refuse_too_many_periods(
        n,
        "the study's times (last_session)",
        "Sessions are counted from 1; with time= take a larger unit, such as weeks.",
    )
    table = ends.loc[ends.index.repeat(n)].reset_index(drop=True)
    first = np.repeat(np.cumsum(n) - n, n)
    table["session"] = np.arange(len(table)) - first + 1
    last = table["session"] == table["last_session"]
    table["event"] = (last & (table["reason"] == event)).astype(int)
    ended = last & (table["reason"] != CENSORED)
    table["ended_as"] = table["reason"].astype(object).where(ended, "")
    front = ["client_id", "session", "event", "ended_as"]
    drop = {"last_session", "reason", "definition", "judged_by"}
    table = table[front + [c for c in table.columns if c not in {*front, *drop}]]
    never = ends.loc[n == 0, "client_id"]
    if table.empty:
        raise DesignError("No client has a session after which leaving could be seen.")
    if never.empty:
        return table, []
    return table, [
        f"{number_of(len(never), 'client', 'was')} never at risk (no session, or still in therapy "
        f"after the first) and {'has' if len(never) == 1 else 'have'} no row: {listing(never)}."
    ]


def _mean_so_far(values: pd.Series, clients: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the mean and the number of each client's values up to that row."""
    seen = values.notna().groupby(clients, sort=False).cumsum()
    running = values.fillna(0.0).groupby(clients, sort=False).cumsum()
    return (running / seen.where(seen > 0)).astype(float), seen


def _so_far(table: pd.DataFrame) -> pd.DataFrame:
    """Split by the mean of the ratings so far; rows stand in session order."""
    mean, _ = _mean_so_far(table["alliance"], table["client_id"])
    return _with_parts(table, mean, table["alliance"] - mean)


def _shrunken(table: pd.DataFrame) -> pd.DataFrame:
    """Split by the level expected of the client given the ratings so far.

    Ratings stand as distances from the session's mean. Given n of them with mean m the level is
    expected at m * T / (T + S / n), with T and S the variances between and within clients.
    """
    rating, clients = table["alliance"], table["client_id"]
    away = rating - rating.groupby(table["session"]).transform("mean")
    between, within = _variances(away, clients)
    mean, seen = _mean_so_far(away, clients)
    level = mean * between / (between + within / seen.where(seen > 0))
    return _with_parts(table, rating.mean() + level, away - level)


def _variances(values: pd.Series, clients: pd.Series) -> tuple[float, float]:
    """Return the variances between and within clients, by the analysis of variance."""
    known = values.notna()
    groups = values[known].groupby(clients[known], sort=False)
    sizes, means = groups.size(), groups.mean()
    n, k = int(sizes.sum()), len(sizes)
    if n <= k or k < 2:
        raise DesignError(
            "split='shrunken' needs two clients or more, and some with two ratings or more: "
            f"there are {n} ratings of {k} clients."
        )
    within = float(((values[known] - groups.transform("mean")) ** 2).sum() / (n - k))
    grand = float(values[known].mean())
    mean_square = float((sizes * (means - grand) ** 2).sum() / (k - 1))
    size = (n - float((sizes**2).sum()) / n) / (k - 1)
    between = max((mean_square - within) / size, 0.0)
    if between == 0.0 and within == 0.0:
        raise DesignError("Every alliance rating is the same, so there is nothing to split.")
    return between, within


def _with_parts(table: pd.DataFrame, between: pd.Series, within: pd.Series) -> pd.DataFrame:
    before = table.groupby("client_id", sort=False, observed=True)["alliance"].shift(1)
    return table.assign(
        alliance_between=between, alliance_within=within, alliance_change=table["alliance"] - before
    )


SPLITS = {"so_far": _so_far, "shrunken": _shrunken}
OWN = ("session", "event", "ended_as", "alliance", "alliance_between", "alliance_within",
       "alliance_change", "rupture")  # fmt: skip
