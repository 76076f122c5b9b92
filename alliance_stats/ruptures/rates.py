"""Rates of ruptures and repairs, with clients as the unit of sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..inference.rows import tidy_rows
from ..inference.shares import clustered
from .courses import Floats

TOLD = (1, 2, 3)
"""Sessions after a rupture of which the summary says how many were repaired by then."""
SOON = TOLD[-1]
"""Sessions within which a repair is compared with chance."""
REPAIR_COLUMNS = (
    "sessions",
    "n_at_risk",
    "n_repaired",
    "n_censored",
    "repaired",
    "std_error",
    "conf_low",
    "conf_high",
)
_CLOSING = ("closing", "closing_low", "closing_high")


def ratio(part: Floats, whole: Floats) -> tuple[float, float]:
    """Return sum(part) / sum(whole) over clients and its standard error.

    The standard error is that of a ratio estimator, clients being drawn independently:
    sqrt(n / (n - 1) * sum((part - r whole)^2)) / sum(whole); NaN with fewer than two clients.
    """
    used = whole > 0
    part, whole = part[used], whole[used]
    n = part.size
    if n == 0:
        return np.nan, np.nan
    estimate = part.sum() / whole.sum()
    if n < 2:
        return float(estimate), np.nan
    squares = np.square(part - estimate * whole).sum()
    return float(estimate), float(np.sqrt(n / (n - 1) * squares) / whole.sum())


def describe(clients: pd.DataFrame, episodes: pd.DataFrame) -> pd.DataFrame:
    """Return the tidy table of rates from the tables of clients and episodes."""
    judged = (clients["n_judged"] > 0).astype(float).to_numpy()
    ruptures = clients["n_ruptures"].to_numpy(dtype=float, na_value=np.nan)
    some = np.where(np.isnan(ruptures), np.nan, ruptures > 0).astype(float)
    rates = share_rows(
        {
            "ruptures_per_session": (ruptures, clients["n_judged"].to_numpy(dtype=float)),
            "clients_with_rupture": (some, judged),
        }
    )
    times = repair_times(episodes)
    told = times[times["sessions"].isin(TOLD)]
    back = tidy_rows(
        [f"repaired_within_{n}" for n in told["sessions"]],
        told["repaired"],
        told["std_error"],
        conf_low=told["conf_low"],
        conf_high=told["conf_high"],
        df=np.inf,
    )
    return pd.concat([rates, back], ignore_index=True) if len(told) else rates


def describe_probable(
    clients: pd.DataFrame, sessions: pd.DataFrame, estimates: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the tidy table of rates that probabilities expect, in place of counts of flags.

    Standard errors add what is left open by the parameters to the differences between clients;
    they are missing where the parameters' errors are. ``repaired_within_n`` is 1 - (1 - closing)^n.
    """
    begins = sessions.groupby("client_id", sort=False)["probability_begins"].sum()
    judged = clients["n_judged"].to_numpy(dtype=float)
    some = (judged > 0).astype(float)
    number = begins.reindex(clients["client_id"]).to_numpy(dtype=float)
    pairs = {
        "ruptures_per_session": (np.where(some > 0, number, np.nan), judged),
        "clients_with_rupture": (clients["probability"].to_numpy(dtype=float), some),
    }
    rows = []
    for (term, (part, whole)), name in zip(pairs.items(), ("ruptures", "clients"), strict=True):
        share, error = ratio(part, whole)
        error = float(np.hypot(error, share * estimates.get(f"{name}_relative_error", np.nan)))
        limits = (
            clustered(share, error, whole.sum(), int(some.sum())) if error > 0 else (np.nan,) * 2
        )
        rows.append((term, share, error, *limits))
    left, low, high = (1 - estimates.get(k, np.nan) for k in _CLOSING)
    error = estimates.get("closing_error", np.nan)
    for n in TOLD:
        spread = n * left ** (n - 1) * error
        rows.append((f"repaired_within_{n}", 1 - left**n, spread, 1 - low**n, 1 - high**n))
    terms, estimate, errors, lows, highs = zip(*rows, strict=True)
    return tidy_rows(terms, estimate, errors, df=np.inf, conf_low=lows, conf_high=highs)


def repair_times(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return, by session numbers after the rupture, how many were at risk and repaired.

    ``repaired`` is 1 - Kaplan-Meier; its standard error is that of the sum of clients'
    influences on the log of what is left (delta method), the interval Wilson's with the effective
    number of ruptures. A lower limit holds for all later times too, as the share cannot fall: where
    few are still followed, limits are those of before. Followed to its end, an episode that was not
    repaired is censored there.
    """
    episodes = episodes[episodes["last_session"] > episodes["rupture_session"]]
    back = (episodes["outcome"] == "repaired").to_numpy()
    start = episodes["rupture_session"].to_numpy(dtype=float)
    time = episodes["last_session"].to_numpy(dtype=float) - start
    who = pd.factorize(episodes["client_id"])[0]
    n_clients = int(who.max()) + 1 if who.size else 0
    influence, left, rows = np.zeros(n_clients), 1.0, []
    for t in np.unique(time):
        here = time >= t
        ends = back & (time == t)
        at_risk = int(here.sum())
        share = ends.sum() / at_risk
        if share < 1:
            away = (ends - share * here) / (at_risk * (1 - share))
            influence += np.bincount(who, away, n_clients)
        left *= 1 - share
        few = n_clients / (n_clients - 1) if n_clients > 1 else np.nan
        error = float(left * np.sqrt(few * np.square(influence).sum()))
        clusters = np.unique(who[here]).size
        low, high = clustered(1 - left, error, len(episodes), clusters)
        numbers = (int(t), at_risk, int(ends.sum()), int((~back & (time == t)).sum()))
        rows.append((*numbers, 1 - left, error, low, high))
    table = pd.DataFrame(rows, columns=list(REPAIR_COLUMNS))
    return table.assign(conf_low=np.fmax.accumulate(table["conf_low"].to_numpy(dtype=float)))


def share_rows(pairs: Mapping[str, tuple[Any, Any]]) -> pd.DataFrame:
    """Return rows of ``tidy()`` for shares, each part over whole, with Wilson's intervals.

    The standard errors are over clients, and so is the denominator that the intervals count with.
    """
    estimate, error = np.array([ratio(part, whole) for part, whole in pairs.values()]).T
    limits = [
        clustered(share, spread, float(np.nansum(whole)), int((whole > 0).sum()))
        for share, spread, (_, whole) in zip(estimate, error, pairs.values(), strict=True)
    ]
    low, high = np.array(limits).T
    return tidy_rows(list(pairs), estimate, error, df=np.inf, conf_low=low, conf_high=high)
