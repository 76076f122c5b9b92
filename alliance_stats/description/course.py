"""The mean course of a score over sessions, by rater."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import require_columns


def mean_course(scores: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """How high is the score at each session, on average over the clients who were still there?

    Parameters
    ----------
    scores
        Rows of one measure and scale: ``client_id, session, rater, score``; one row a client,
        session and rater.
    confidence
        Level of the pointwise intervals.

    Returns
    -------
    DataFrame
        ``rater, session, n, mean, sd, conf_low, conf_high``; rows without a score do not count
        into `n`. With fewer than two clients there is no SD and no interval.

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

    require_columns(scores.columns, ["session", "rater", "score"], what="the scores")
    groups = scores.dropna(subset=["score"]).groupby(
        ["rater", "session"], observed=True, sort=True
    )["score"]
    out = groups.agg(n="size", mean="mean", sd="std").reset_index()
    several = out["n"].to_numpy() > 1
    df = np.where(several, out["n"] - 1, 1)
    half = t.ppf(0.5 + confidence / 2, df) * out["sd"] / np.sqrt(out["n"])
    return out.assign(conf_low=out["mean"] - half, conf_high=out["mean"] + half)
