"""Probabilities of rupture beside what clients, therapists or observers reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...core.display.shown import shown
from ...errors import DesignError
from ..observers.event_checks import check_codes, check_events, check_same_clients
from ..parameters import RATERS, check_value
from ..rates import ratio

EDGES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


def beside_reports(
    sessions: pd.DataFrame, events: object, rater: str, codes: object = None
) -> pd.DataFrame:
    """Return a row a band of probability: sessions, mean probability, share reported.

    Raises
    ------
    DesignError
        Where the rule gave no probabilities, nobody of that name reported, or no client is in both.
    """
    if "probability" not in sessions:
        raise DesignError(
            "Only a rule that gives probabilities can be held against reports so: "
            "detect_ruptures(..., rule='state_model')."
        )
    if (events is None) == (codes is None):
        raise DesignError("Give either events (reports of ruptures) or codes (observers' markers).")
    rows = sessions.dropna(subset=["probability"])
    if codes is None:
        check_value("rater", rater)
        reports = check_events(events)
        check_same_clients(reports, sessions)
        marked = reports[(reports["rater"] == rater) & (reports["kind"] == "rupture")]
        if marked.empty:
            others = [name for name in RATERS if (reports["rater"] == name).any()]
            raise DesignError(f"'{rater}' reported no rupture; there are reports by {others}.")
    else:
        rater = "observer codes"
        coded = check_codes(codes)
        check_same_clients(coded, sessions)
        rows = rows[_keys(rows).isin(_keys(coded))]
        if rows.empty:
            raise DesignError(
                "No session with a probability was coded, so nothing can be compared."
            )
        marked = coded[coded["family"].notna()]
    reported = _keys(rows).isin(_keys(marked))
    probability = rows["probability"].to_numpy()
    band = np.digitize(probability, EDGES[1:-1])
    client = pd.factorize(rows["client_id"])[0]
    made = [_band(k, band == k, probability, reported, client) for k in range(len(EDGES) - 1)]
    table = pd.DataFrame(made)
    error = np.square(probability - reported)
    table = shown(table, "Reports of ruptures where they were probable")
    table.attrs |= {"rater": rater, "brier": float(error.mean()), "n_reports": int(reported.sum())}
    return table


def _keys(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows[["client_id", "session"]])


def _band(k: int, here: Any, probability: Any, reported: Any, client: Any) -> dict[str, float]:
    whole = np.bincount(client, here).astype(float)
    share, error = ratio(np.bincount(client, here & reported).astype(float), whole)
    return {
        "from": EDGES[k],
        "to": EDGES[k + 1],
        "n_sessions": int(here.sum()),
        "probability": float(probability[here].mean()) if here.any() else np.nan,
        "reported": share,
        "std_error": error,
    }
