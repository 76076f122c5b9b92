"""Sudden gains: large, lasting improvements from one session to the next."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from ..errors import DesignError, listing, require_columns
from .reliable import _sign

COLUMNS = (
    "client_id", "session_before", "session_after", "before", "after", "size", "mean_before",
    "mean_after", "threshold", "reversed", "session_reversed",
)  # fmt: skip


def sudden_gains(
    scores: pd.DataFrame,
    *,
    points: float,
    percent: float = 25.0,
    losses: bool = False,
    direction: str = "lower_is_better",
    score: str = "score",
    min_around: int = 2,
) -> pd.DataFrame:
    """Between which sessions did a client improve suddenly, by much, and lastingly?

    Parameters
    ----------
    scores
        One row a client and session: ``client_id``, ``session`` and the score.
    points
        The first criterion: the smallest change that counts, in points (often the measure's
        reliable change).
    percent
        The second: the change in percent of the score before it. Depends on where the scale
        begins: 25 % of a sum is another thing than 25 % of an item mean.
    losses
        Look for sudden losses instead, by the same three criteria turned round.
    direction
        Of the measure: ``lower_is_better`` or ``higher_is_better``.
    score
        The column of the score.
    min_around
        How many of the three sessions before and of the three after must have a score (2 or 3).

    Returns
    -------
    DataFrame
        One row a gain: ``client_id, session_before, session_after, before, after, size`` (always
        positive), ``mean_before, mean_after``, ``threshold`` (what the difference of the means
        had to exceed), ``reversed`` (half of the gain was lost later) and ``session_reversed``.
        ``.attrs["sudden_gains"]`` counts clients, sessions looked at, and pairs of sessions that
        could not be judged.

    Notes
    -----
    The three criteria of Tang & DeRubeis (1999, doi 10.1037/0022-006X.67.6.894). The third asks
    for a difference between the (up to) three scores before and after of more than the t value
    times the pooled SD: 2.776 with three and three scores, 3.182 with five, 4.303 with four. It
    has no term for the number of scores and is a rule of thumb about stability, no t-test. A pair
    is judged only where both sessions are next to each other by number.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> course = pd.DataFrame({
    ...     "client_id": 1, "session": range(1, 7), "score": [30.0, 31, 30, 18, 17, 18]})
    >>> al.sudden_gains(course, points=7)[["session_before", "size"]].values.tolist()
    [[3.0, 12.0]]
    """
    require_columns(scores.columns, ["client_id", "session", score], what="the scores")
    if not (points > 0 and 0 <= percent < 100 and min_around in (2, 3)):
        raise DesignError(
            "points must be above 0, percent between 0 and 100, min_around 2 or 3; they are "
            f"{points!r}, {percent!r}, {min_around!r}."
        )
    twice = scores.duplicated(["client_id", "session"])
    if twice.any():
        raise DesignError(
            "Each client has one score a session; clients "
            f"{listing(scores.loc[twice, 'client_id'].unique())} have several. Choose one measure, "
            "scale and rater first."
        )
    sign = -_sign(direction) * (-1.0 if losses else 1.0)  # sign * (before - after) > 0: a gain
    rows, pairs, unjudged = [], 0, 0
    kept = scores.dropna(subset=[score]).sort_values(["client_id", "session"])
    for client, course in kept.groupby("client_id", sort=False, observed=True):
        number, value = course["session"].to_numpy(), course[score].to_numpy(float)
        grid = np.full(int(number.max() - number.min()) + 1, np.nan)
        grid[(number - number.min()).astype(int)] = value
        for at in range(len(grid) - 1):
            pairs += 1
            found = _judge(grid, at, sign, points, percent, min_around)
            if found is None:
                unjudged += 1
            elif found:
                first = int(number.min()) + at
                rows.append({"client_id": client, "session_before": first,
                             "session_after": first + 1, **found,
                             **_reversal(grid, at, found, sign, int(number.min()))})  # fmt: skip
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    out.attrs["sudden_gains"] = {
        "clients": int(scores["client_id"].nunique()), "pairs": pairs, "not_judged": unjudged,
        "points": points, "percent": percent, "losses": losses,
    }  # fmt: skip
    return out


def _judge(
    grid: np.ndarray, at: int, sign: float, points: float, percent: float, least: int
) -> dict[str, float] | None:
    """Return the gain after position `at`, nothing where there is none, None where unknown."""
    before, after = grid[max(0, at - 2) : at + 1], grid[at + 1 : at + 4]
    if np.isnan(grid[at]) or np.isnan(grid[at + 1]):
        return None
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    n, m = len(before), len(after)
    if n < least or m < least:
        return None
    size = sign * (grid[at] - grid[at + 1])
    pooled = np.sqrt(((n - 1) * before.var(ddof=1) + (m - 1) * after.var(ddof=1)) / (n + m - 2))
    threshold = float(t.ppf(0.975, n + m - 2) * pooled)
    lasting = sign * (before.mean() - after.mean())
    if size < points or size < percent / 100 * abs(grid[at]) or lasting <= threshold:
        return {}
    return {
        "before": float(grid[at]), "after": float(grid[at + 1]), "size": float(size),
        "mean_before": float(before.mean()), "mean_after": float(after.mean()),
        "threshold": threshold,
    }  # fmt: skip


def _reversal(
    grid: np.ndarray, at: int, found: dict[str, float], sign: float, first: int
) -> dict[str, object]:
    """Tell whether a later score has lost half of the gain or more."""
    later = sign * (grid[at + 2 :] - found["after"])
    lost = np.flatnonzero(later >= found["size"] / 2)
    session = first + at + 2 + int(lost[0]) if len(lost) else pd.NA
    return {"reversed": bool(len(lost)), "session_reversed": session}
