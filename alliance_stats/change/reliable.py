"""Reliable change: is a client's change larger than measurement error alone would make it?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..arguments import checked_choice, checked_table, is_number, numbers
from ..errors import ColumnError, DesignError, require_columns
from .card import card_of, direction_of
from .formulas import METHODS, Moments, difference_reliability

DIRECTIONS = ("lower_is_better", "higher_is_better")
MADE = ("change", "rci", "category")
CATEGORIES = ("improved", "unchanged", "deteriorated")
ROUNDING = 1e-9
"""Relative slack at the critical value, so that a change of exactly that size never exceeds it."""


def reliable_change(
    data: pd.DataFrame,
    *,
    pre: str,
    post: str,
    reliability: float | None = None,
    sd: float | None = None,
    method: str = "JT",
    direction: str | None = None,
    reliability_post: float | None = None,
    measure: str | None = None,
    scale: str = "total",
) -> pd.DataFrame:
    """Has each client changed by more than measurement error?

    Parameters
    ----------
    data
        One row a client, with the scores of two occasions.
    pre, post
        Columns with the first and the last score, in points of the measure.
    reliability
        Reliability of the measure in a population like this one, between 0 and 1. Test-retest
        reliability and alpha give different answers; Jacobson and Truax recommend retest. May be
        left out with `measure`, if its card has one.
    sd
        SD of the first score in the population the answer is for; by default the SD of `pre`
        of the clients who are judged: those of `data` with both scores. The messages say so.
    method
        ``JT`` (Jacobson-Truax), ``GLN`` (Gulliksen-Lord-Novick), ``HLL`` (Hsu-Linn-Lord), ``EN``
        (Edwards-Nunnally), ``NK`` (Nunnally-Kotsch) or ``HA`` (Hageman-Arrindell).
    direction
        ``lower_is_better`` (symptoms) or ``higher_is_better`` (functioning). The card says it
        where there is one; where nobody does, lower is taken as better and the messages say so.
    reliability_post
        Reliability at the second occasion, used by ``NK`` alone; by default `reliability`.
    measure, scale
        The card (``al.measure(name)``) that reliability and direction are taken from where they
        are not given. What was taken, from where, and whether somebody read it there, is in
        ``.attrs["reliable_change"]["messages"]``.

    Returns
    -------
    DataFrame
        A copy of `data` with ``change`` (post - pre, raw points), ``rci`` (the statistic, signed
        so that positive is improvement) and ``category`` (improved, unchanged, deteriorated;
        missing where a score is missing). A change must *exceed* the critical value (1.96;
        HA 1.65) to count. ``.attrs["reliable_change"]`` holds what was used, the smallest change
        that counts under JT, and how many rows had no score.

    Notes
    -----
    A reliable-change index is a statement about one SD and one reliability, not a constant of
    the measure. The formulas are given in `alliance_stats.change.formulas` with their sources
    (JT: doi 10.1037/0022-006X.59.1.12).

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> scores = pd.DataFrame({"pre": [30.0, 30.0, 30.0], "post": [20.0, 25.0, 40.0]})
    >>> out = al.reliable_change(scores, pre="pre", post="post", reliability=0.8, sd=7.5)
    >>> out["category"].tolist()
    ['improved', 'unchanged', 'deteriorated']
    """
    chosen = METHODS[checked_choice("method", method, METHODS)]
    card = None if measure is None else card_of(measure, scale)
    direction, told_direction = direction_of(direction, card, data)
    sign = sign_of(direction)
    messages = []
    if reliability is None:
        if card is None:
            raise DesignError("Give reliability=, or measure= with a card that has one.")
        reliability, told = card.reliability()
        messages.append(told)
    first, last = scores_of(data, pre, post)
    for made in MADE:
        if made in (pre, post):
            raise ColumnError(
                f"The column '{made}' holds scores, and the answer would have a column of that "
                "name; rename it first."
            )
    moments = _moments(first, last, sd, reliability, reliability_post)
    _check_moments(chosen.name, moments)
    if sd is None:
        judged = int((~np.isnan(first) & ~np.isnan(last)).sum())
        messages.append(
            f"SD {moments.sd_pre:.4g}: that of the first scores of the {judged} clients with both "
            "scores, who are judged; sd= takes another, such as that of the measure's norm group."
        )
    rci = sign * chosen.statistic(first, last, moments)
    out = data.copy()
    out["change"] = last - first
    out["rci"] = rci
    out["category"] = categorise(rci, chosen.critical)
    missing = int(np.isnan(rci).sum())
    account = _account(chosen, moments, direction, len(out), missing)
    out.attrs["reliable_change"] = account | {"messages": (*messages, *told_direction)}
    return out


def categorise(rci: np.ndarray, critical: float) -> pd.Categorical:
    """Return improved, unchanged or deteriorated; strictly greater than `critical` counts."""
    beyond = critical * (1 + ROUNDING)
    names = np.full(len(rci), "unchanged", dtype=object)
    names[rci > beyond] = "improved"
    names[rci < -beyond] = "deteriorated"
    names[np.isnan(rci)] = None
    return pd.Categorical(names, categories=list(CATEGORIES))


def scores_of(data: pd.DataFrame, pre: Any, post: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both columns as floats, or say which cell is not a number."""
    checked_table(data, "the data")
    require_named(data, [pre, post])
    if pre == post:
        raise ColumnError(f"pre and post are the same column '{pre}'; name two.")
    return numbers(data, pre, "the data"), numbers(data, post, "the data")


def require_named(data: pd.DataFrame, names: list[Any]) -> None:
    """Raise where a column is not there; a column may be named by a number."""
    for name in names:
        if name in data.columns:
            continue
        if str(name) in [str(column) for column in data.columns]:
            raise ColumnError(
                f"The column {name!r} is there with a name of another type (a number and its "
                "text are two names); write it as in data.columns."
            )
        require_columns(data.columns, [name], what="the data")


def sign_of(direction: str) -> float:
    """Return what change is multiplied by, so that positive is improvement."""
    checked_choice("direction", direction, DIRECTIONS)
    return -1.0 if direction == "lower_is_better" else 1.0


def _moments(
    first: np.ndarray,
    last: np.ndarray,
    sd: float | None,
    reliability: float,
    reliability_post: float | None,
) -> Moments:
    """Return the sample's moments, from the clients with both scores."""
    for name, value in (("reliability", reliability), ("reliability_post", reliability_post)):
        if value is not None and not (is_number(value) and 0 < value < 1):
            raise DesignError(f"{name} must lie between 0 and 1, not {value!r}.")
    check_sd(sd)
    both = ~(np.isnan(first) | np.isnan(last))
    pre, post = first[both], last[both]
    enough = len(pre) > 1
    spread = float(np.std(pre, ddof=1)) if enough else float("nan")
    spread_post = float(np.std(post, ddof=1)) if enough else float("nan")
    varies = enough and spread > 0 and spread_post > 0
    return Moments(
        mean_pre=float(pre.mean()) if len(pre) else float("nan"),
        mean_post=float(post.mean()) if len(post) else float("nan"),
        sd_pre=float(sd) if sd is not None else spread,
        sd_post=spread_post,
        reliability=float(reliability),
        reliability_post=float(reliability if reliability_post is None else reliability_post),
        correlation=float(np.corrcoef(pre, post)[0, 1]) if varies else float("nan"),
    )


def check_sd(sd: Any) -> None:
    """Refuse an SD that is none."""
    if sd is not None and not (is_number(sd) and sd > 0):
        raise DesignError(f"sd must be a finite number above 0, not {sd!r}.")


def _check_moments(method: str, m: Moments) -> None:
    if not (np.isfinite(m.sd_pre) and m.sd_pre > 0):
        raise DesignError(
            "The SD of the first scores is zero or cannot be computed (fewer than two clients "
            "with both scores, or all alike); give sd=, the SD of a population like this one."
        )
    if method == "HA":
        rdd = difference_reliability(m)
        if not 0 < rdd <= 1:
            raise DesignError(
                f"HA needs a reliability of the differences between 0 and 1; with reliability "
                f"{m.reliability:g}, SDs {m.sd_pre:g} and {m.sd_post:g} and a pre-post "
                f"correlation of {m.correlation:.2f} it is {rdd:.2f}. Use JT, or check the "
                "reliability."
            )


def _account(method: Any, m: Moments, direction: str, rows: int, missing: int) -> dict[str, Any]:
    return {
        "method": method.name,
        "title": method.title,
        "critical": method.critical,
        "direction": direction,
        "reliability": m.reliability,
        "sd": m.sd_pre,
        "smallest_reliable_change_jt": float(METHODS["JT"].critical * np.sqrt(2) * m.sem),
        "rows": rows,
        "rows_without_both_scores": missing,
    }
