"""The mean course of a score over sessions, by rater."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.arguments import numbers, share
from ..core.display.shown import shown
from ..core.people import refuse_repeats
from ..errors import AllianceStatsWarning, require_columns, warn
from ..inference.distributions import half_width
from ..study.select import KEYS, choose
from ..study.splitting import with_group
from ..study.times import SESSION, along, named

if TYPE_CHECKING:
    from ..study import Study


def mean_course(
    scores: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    scale: str | None = None,
    rater: str | None = None,
    confidence: float = 0.95,
    time: str = SESSION,
    by: str | None = None,
) -> pd.DataFrame:
    """How high is the score at each session, on average over the clients who were still there?

    Parameters
    ----------
    scores
        A `Study`, or rows ``client_id, session, rater, score``; one row a client, session and
        rater. A client's session that stands there twice is refused.
    measure, scale, rater
        The score, as `Study.select` takes it; every rater unless one is named. Several measures
        or scales together are refused.
    confidence
        Level of the pointwise intervals.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    by
        A column of the clients (``condition``, ``site_id``) for a course of each group; it stands
        first in the table.

    Returns
    -------
    DataFrame
        ``rater, session, n, mean, sd, conf_low, conf_high``; the column of time is called as it
        was asked for, and a study without sessions is walked along its occasions. Rows without a
        score do not count into `n`. With fewer than two clients there is no SD and no interval.
        Rows without a session or rater are left out, with a warning that counts them (also in
        ``.attrs["messages"]``). ``.attrs["score"]`` names the score.

    Notes
    -----
    The interval is Student's t over clients at that session: each client counts once, the
    therapists are not allowed for. Later sessions hold fewer and other clients, since those who
    ended are gone: the curve is no forecast for one client.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> scores = pd.DataFrame({"client_id": ["a", "b", "a"], "session": [1, 1, 2],
    ...                        "rater": "client", "score": [3.0, 5.0, 4.0]})
    >>> al.mean_course(scores)[["session", "n", "mean"]].values.tolist()
    [[1.0, 2.0, 4.0], [2.0, 1.0, 4.0]]
    """
    share(confidence)
    chosen, name = choose(along(scores, time), measure, scale, rater, settle=KEYS[:2])
    if by is not None:
        chosen = with_group(chosen, scores, by)
    rows, messages = _rows(chosen, by)
    keys = ["rater", SESSION] if by is None else [by, "rater", SESSION]
    groups = rows.groupby(keys, observed=True, sort=True)["score"]
    out = groups.agg(n="size", mean="mean", sd="std").reset_index()
    half = half_width(out["sd"] / np.sqrt(out["n"]), np.maximum(out["n"] - 1, 1), confidence)
    out = out.assign(conf_low=out["mean"] - half, conf_high=out["mean"] + half)
    out = named(out, scores, time)
    title = f"Mean course: {name}" if str(name) else "Mean course"
    out = shown(out, title, n="n", mean="M", sd="SD")
    out.attrs |= {"messages": messages, "score": str(name)}
    for message in messages:
        warn(message, AllianceStatsWarning)
    return out


def _rows(scores: pd.DataFrame, by: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows that count, and what is told of the others."""
    needed = ["client_id", "session", "rater", "score", *([] if by is None else [by])]
    require_columns(scores.columns, needed, what="the scores")
    rows = scores[needed].assign(score=numbers(scores, "score", "the scores"))
    rows = rows.dropna(subset=["score"])
    placed = rows.dropna(subset=["session", "rater"])
    whole = placed.dropna(subset=["client_id"])
    refuse_repeats(whole, ["client_id", "session", "rater"], "The scores")
    lost = len(rows) - len(placed)
    told = [f"{lost} of {len(rows)} scores have no session or no rater and are in no mean."]
    alone = 0 if by is None else int(placed[by].isna().sum())
    absent = [] if by is None else sorted(set(scores[by].dropna()) - set(placed[by]))
    none = [f"{alone} scores are of clients without a '{by}' and are in no mean."]
    empty = [f"Nobody of {by} '{name}' has a score at a session." for name in absent]
    return placed, (*(told if lost else ()), *(none if alone else ()), *empty)
