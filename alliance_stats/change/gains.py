"""Sudden gains: large, lasting improvements from one session to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t

from ..core.arguments import flag, is_number, numbers
from ..core.people import CLIENT, reuse_hint
from ..errors import ColumnError, DesignError, listing, require_columns
from ..instruments.criteria import ROUNDING
from ..instruments.scale_card import card_of, direction_of, sign_of
from ..study.select import cards_of, choose
from ..study.splitting import about_groups, groups_of, parts_of, with_group
from ..study.times import SESSION, along, named

if TYPE_CHECKING:
    from ..study import Study

COLUMNS = (
    "client_id", "session_before", "session_after", "before", "after", "size", "mean_before",
    "mean_after", "threshold", "reversed", "session_reversed",
)  # fmt: skip


def sudden_gains(
    scores: Study | pd.DataFrame,
    *,
    points: float,
    percent: float = 25.0,
    losses: bool = False,
    direction: str | None = None,
    score: str = "score",
    min_around: int = 2,
    measure: str | None = None,
    scale: str | None = None,
    rater: str | None = None,
    time: str = SESSION,
    by: str | None = None,
) -> pd.DataFrame:
    """Between which sessions did a client improve suddenly, by much, and lastingly?

    Parameters
    ----------
    scores
        A `Study`, or one row a client and session: ``client_id``, ``session`` and the score.
    points
        The first criterion: the smallest change that counts, in points (often the measure's
        reliable change).
    percent
        The second: the change in percent of the score before it. Depends on where the scale
        begins: 25 % of a sum is another thing than 25 % of an item mean.
    losses
        Look for sudden losses instead, by the same three criteria turned round.
    direction
        As in `reliable_change`; a card is also found by the one measure the rows name.
    measure, scale, rater
        The score, as `Study.select` takes it (``"core-10/total/client"``).
    score
        The column of the score.
    min_around
        How many of the three sessions before and of the three after must have a score (2 or 3).
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.
    by
        A column of the clients (``condition``, ``site_id``), which then stands first in the answer;
        ``.attrs["sudden_gains"]["groups"]`` counts in each group.

    Returns
    -------
    DataFrame
        One row a gain: ``client_id, session_before, session_after, before, after, size`` (always
        positive), ``mean_before, mean_after``, ``threshold`` (what the difference of the means
        had to exceed), ``reversed`` (half of the gain was lost later) and ``session_reversed``.
        ``.attrs["sudden_gains"]`` counts clients, pairs of sessions looked at, pairs that could not
        be judged, and rows without client, session or score. ``gains_of_clients`` in it has each
        client's number of gains, NaN (not 0) where no pair could be judged; ``gains`` their sum,
        NaN where none could; ``messages`` says why. ``groups`` has for each group (of `by`; else
        for "" alone) its ``clients``, those ``judged``, those ``with_gain``, and ``gains``.
        ``.attrs["score"]`` names the score.

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
    given, scores = scores, along(scores, time, whole=True)
    cards = cards_of(scores)
    scores, name = choose(scores, measure, scale, rater)
    require_columns(scores.columns, ["client_id", "session", score], what="the scores")
    _check_options(points, percent, min_around)
    flag(losses, "losses")
    known = cards.get(name.measure, name.measure)
    card = None if measure is None else card_of(known, name.scale or "total")
    direction, told = direction_of(direction, card, scores)
    sign = -sign_of(direction) * (-1.0 if losses else 1.0)  # sign * (before - after) > 0: a gain
    kept = pd.DataFrame(
        {"client_id": scores["client_id"], "session": numbers(scores, "session", "the scores"),
         "score": numbers(scores, score, "the scores")}
    )  # fmt: skip
    part = kept["session"].notna() & (kept["session"] != np.floor(kept["session"]))
    if part.any():
        raise ColumnError(
            f"Sessions are counted in whole numbers; rows {listing(kept.index[part])} are not "
            f"(first value {kept.loc[part, 'session'].iloc[0]:g})."
        )
    whole = kept[["client_id", "session"]].notna().all(axis=1)
    twice = kept[whole].duplicated(["client_id", "session"])
    if twice.any():
        raise DesignError(
            "Each client has one score a session; clients "
            f"{listing(kept.loc[whole].loc[twice.to_numpy(), 'client_id'].unique())} have several. "
            f"Choose one measure, scale and rater first.{reuse_hint(scores)}"
        )
    rows: list[dict[str, object]] = []
    pairs, judged = 0, 0
    counts: dict[object, float] = {}
    used = kept[whole & kept["score"].notna()].sort_values(["client_id", "session"])
    for client, course in used.groupby("client_id", sort=False, observed=True):
        values = dict(zip(course["session"].astype(int), course["score"], strict=True))
        pairs += max(values) - min(values)
        counts[client] = np.nan
        for session in values:
            found = _judge(values, session, sign, points, percent, min_around)
            if found is None:
                continue
            judged += 1
            counts[client] = np.nan_to_num(counts[client]) + bool(found)
            if found:
                rows.append({"client_id": client, "session_before": session,
                             "session_after": session + 1, **found,
                             **_reversal(values, session, found, sign)})  # fmt: skip
    out = named(pd.DataFrame(rows, columns=list(COLUMNS)), given, time)
    of_clients = pd.Series(counts, name="gains", dtype=float).rename_axis(CLIENT).reset_index()
    groups: list[str] = []
    if by is not None:
        of_clients = with_group(of_clients, given, by)
        groups = sorted(groups_of(given, by).unique())
        out.insert(0, by, out[CLIENT].map(of_clients.set_index(CLIENT)[by]))
    out.attrs["sudden_gains"] = {
        "clients": int(used["client_id"].nunique()), "pairs": pairs, "not_judged": pairs - judged,
        "rows_without_client_or_session": int((~whole).sum()),
        "rows_without_score": int((whole & kept["score"].isna()).sum()),
        "points": points, "percent": percent, "losses": losses, "direction": direction,
        "gains": float(len(out)) if judged else np.nan, "gains_of_clients": counts,
        "groups": {name: _counted(of_clients.iloc[:0]["gains"]) for name in groups}
        | {name: _counted(own["gains"]) for name, own in parts_of(of_clients, by)},
        "messages": (*told, *_unjudged(counts, min_around), *about_groups(of_clients, by, groups)),
    }  # fmt: skip
    out.attrs["score"] = str(name)
    return out


def _counted(gains: pd.Series) -> dict[str, float]:
    """Count the clients of a group, those who could be judged, and their gains."""
    judged = gains.dropna()
    return {
        "clients": len(gains), "judged": len(judged), "with_gain": int((judged > 0).sum()),
        "gains": float(judged.sum()) if len(judged) else np.nan,
    }  # fmt: skip


def _check_options(points: float, percent: float, min_around: int) -> None:
    fine = is_number(points) and is_number(percent) and min_around in (2, 3)
    if not (fine and points > 0 and 0 <= percent < 100):
        raise DesignError(
            "points must be above 0, percent between 0 and 100, min_around 2 or 3; they are "
            f"{points!r}, {percent!r}, {min_around!r}."
        )
    if 0 < percent < 1:
        raise DesignError(
            f"percent={percent!r} would be less than one percent; write {100 * percent:g} for "
            f"{100 * percent:g} %, or 0 to leave this criterion out."
        )


def _unjudged(counts: dict[object, float], least: int) -> tuple[str, ...]:
    """Tell how many clients cannot have a gain seen, whatever their scores are."""
    unable = sum(np.isnan(n) for n in counts.values())
    if not unable:
        return ()
    return (
        f"{unable} of {len(counts)} clients could not be judged: they have no two neighbouring "
        f"sessions with {least} scores among the three up to the first and the three from the "
        "second on. Their number of gains is not known, which is not none.",
    )


def _judge(
    values: dict[int, float], at: int, sign: float, points: float, percent: float, least: int
) -> dict[str, float] | None:
    """Return the gain after session `at`, nothing where there is none, None where unknown."""
    if at + 1 not in values:
        return None
    before = np.array([values[s] for s in (at - 2, at - 1, at) if s in values])
    after = np.array([values[s] for s in (at + 1, at + 2, at + 3) if s in values])
    n, m = len(before), len(after)
    if n < least or m < least:
        return None
    size = sign * (values[at] - values[at + 1])
    pooled = np.sqrt(((n - 1) * before.var(ddof=1) + (m - 1) * after.var(ddof=1)) / (n + m - 2))
    threshold = float(t.ppf(0.975, n + m - 2) * pooled)
    lasting = float(sign * (before.mean() - after.mean()))
    # 'At least' holds and 'more than' does not where only rounding parts a number from its limit.
    slack = ROUNDING * max(np.abs(before).max(), np.abs(after).max(), points)
    enough = size >= points - slack and size >= percent / 100 * abs(values[at]) - slack
    if not enough or lasting <= threshold + slack:
        return {}
    return {
        "before": float(values[at]), "after": float(values[at + 1]), "size": float(size),
        "mean_before": float(before.mean()), "mean_after": float(after.mean()),
        "threshold": threshold,
    }  # fmt: skip


def _reversal(
    values: dict[int, float], at: int, found: dict[str, float], sign: float
) -> dict[str, object]:
    """Tell whether a later score has lost half of the gain or more."""
    slack = ROUNDING * max(abs(found["before"]), abs(found["after"]))
    lost = [s for s, value in values.items() if s > at + 1
            and sign * (value - found["after"]) >= found["size"] / 2 - slack]  # fmt: skip
    return {"reversed": bool(lost), "session_reversed": min(lost) if lost else pd.NA}
