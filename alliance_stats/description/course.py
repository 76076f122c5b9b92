"""The mean course of a score over sessions, by rater."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from ..arguments import checked_table, numbers, share
from ..errors import AllianceStatsWarning, DesignError, listing, require_columns


def mean_course(scores: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """How high is the score at each session, on average over the clients who were still there?

    Parameters
    ----------
    scores
        Rows of one measure and scale: ``client_id, session, rater, score``; one row a client,
        session and rater. Several measures or scales, and a client's session that stands there
        twice, are refused.
    confidence
        Level of the pointwise intervals.

    Returns
    -------
    DataFrame
        ``rater, session, n, mean, sd, conf_low, conf_high``; rows without a score do not count
        into `n`. With fewer than two clients there is no SD and no interval. Rows without a
        session or rater are left out, with a warning that counts them (also in
        ``.attrs["messages"]``).

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
    from scipy.stats import t

    share(confidence)
    rows, messages = _rows(scores)
    groups = rows.groupby(["rater", "session"], observed=True, sort=True)["score"]
    out = groups.agg(n="size", mean="mean", sd="std").reset_index()
    several = out["n"].to_numpy() > 1
    df = np.where(several, out["n"] - 1, 1)
    half = t.ppf(0.5 + confidence / 2, df) * out["sd"] / np.sqrt(out["n"])
    out = out.assign(conf_low=out["mean"] - half, conf_high=out["mean"] + half)
    out.attrs["messages"] = messages
    for message in messages:
        warnings.warn(message, AllianceStatsWarning, stacklevel=3)
    return out


def _rows(scores: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows that count, of one measure and scale, and what is told of the others."""
    needed = ["client_id", "session", "rater", "score"]
    require_columns(checked_table(scores, "the scores").columns, needed, what="the scores")
    for column in ("measure", "scale"):
        there = list(scores[column].dropna().unique()) if column in scores else []
        if len(there) > 1:
            raise DesignError(
                f"The scores hold {len(there)} of '{column}' ({listing(there)}), whose points are "
                f'not the same; choose one: scores.query("{column} == {there[0]!r}").'
            )
    rows = scores[needed].assign(score=numbers(scores, "score", "the scores"))
    rows = rows.dropna(subset=["score"])
    placed = rows.dropna(subset=["session", "rater"])
    twice = placed.duplicated(["client_id", "session", "rater"]) & placed["client_id"].notna()
    if twice.any():
        first = placed[twice].iloc[0]
        raise DesignError(
            f"{int(twice.sum())} scores are of a client, session and rater that stand there "
            f"already (first: client {first['client_id']}, session {first['session']}, "
            f"{first['rater']}), and would count twice. Keep one of each."
        )
    lost = len(rows) - len(placed)
    told = f"{lost} of {len(rows)} scores have no session or no rater and are in no mean."
    return placed, (told,) if lost else ()
