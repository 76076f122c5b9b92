"""Predictors of one's own, each with the session from which it was known; and ruptures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_table
from ..core.people import refuse_repeats, same_ids
from ..errors import ColumnError, DesignError, listing, require_columns
from .checks import flags, no_missing_ids, number_of

LOOKS_BACK = {
    "drop_points", "drop_pooled_sd", "drop_sample_sd", "drop_reliable_change", "direct_report",
    "observer_codes",
}  # fmt: skip
"""Rules that judge a session by itself and those before it.

The other rules hold each session against the client's own mean, trend, limits or spread over the
whole therapy, or against sessions that come after it.
"""
_OPEN = {
    "reference": {"previous", "running_mean"},
    "scale": {"points", "pooled_within_sd", "sample_sd", "reliable_change"},
}


def with_ruptures(table: pd.DataFrame, ruptures: Any) -> tuple[pd.DataFrame, list[str]]:
    """Add ``rupture``: 1 where one was flagged at that very session, NaN where it is not known."""
    messages = []
    rule = getattr(ruptures, "rule", None)
    given = getattr(ruptures, "parameters", {})
    if rule is None:
        ruptures = checked_table(ruptures, "ruptures=")
        rule, given = ruptures.attrs.get("rule"), ruptures.attrs.get("parameters", {})
    else:
        ruptures = ruptures.sessions
    if rule is None:
        messages.append(
            "Nobody can tell from the ruptures given how they were found: a rule that looks at "
            "later sessions would know who stays. Pass on what detect_ruptures returns."
        )
    else:
        _refuse_look_ahead(str(rule), given)
    require_columns(ruptures.columns, ["client_id", "session", "flag"], what="the ruptures")
    no_missing_ids(ruptures, "The ruptures")
    refuse_repeats(ruptures, ["client_id", "session"], "The ruptures")
    marks = same_ids(ruptures[["client_id", "session", "flag"]], table["client_id"])
    marks = marks.assign(rupture=flags(marks["flag"], "Column 'flag'", marks["client_id"]))
    keys = ["client_id", "session"]
    joined = table[keys].merge(marks[[*keys, "rupture"]], on=keys, how="left")
    return table.assign(rupture=joined["rupture"].to_numpy(dtype=float)), messages


def _refuse_look_ahead(rule: str, given: Any) -> None:
    fine = rule in LOOKS_BACK
    if rule == "drop":
        fine = all(given.get(name) in allowed for name, allowed in _OPEN.items())
    if not fine:
        raise DesignError(
            f"The rule '{rule}' judges a session by later ones (the client's own mean, trend, "
            "limits or spread over the whole therapy), so its flags know the future. Rules that "
            f"may be used: {listing(sorted(LOOKS_BACK), 9)}, and drop with reference previous or "
            "running_mean and a scale that is not the client's own."
        )
    if rule not in {"direct_report", "observer_codes"} and given.get("min_sessions", 2) > 2:
        raise DesignError(
            f"The rule '{rule}' judged only clients with {given['min_sessions']} sessions or more, "
            "which says that they stayed so long. Detect the ruptures with min_sessions=2."
        )


def known_by_session(table: pd.DataFrame, predictors: Any) -> tuple[pd.DataFrame, list[str]]:
    """Add dated predictors to person-period rows: each row gets the last value known by then.

    `predictors` has ``client_id``, ``session`` (after which the value was known; 0 for intake)
    and columns of values.
    """
    if not isinstance(predictors, pd.DataFrame):
        raise ColumnError(f"predictors= takes a DataFrame, not {type(predictors).__name__}.")
    require_columns(
        predictors.columns, ["client_id", "session"],
        what="the predictors (session: after which a value was known, 0 for intake)",
    )  # fmt: skip
    checked_table(predictors, "predictors=")
    no_missing_ids(predictors, "The predictors")
    values = [c for c in predictors.columns if c not in {"client_id", "session"}]
    taken = [c for c in values if c in table.columns]
    if taken:
        raise ColumnError(f"The rows have a column '{taken[0]}' already; rename the predictor.")
    dated = same_ids(predictors, table["client_id"]).copy()
    dated["session"] = pd.to_numeric(dated["session"], errors="coerce")
    undated = dated["session"].isna()
    if undated.any():
        raise ColumnError(
            f"{number_of(int(undated.sum()), 'predictor row', 'has')} no session from which it "
            f"was known (clients {listing(dated.loc[undated, 'client_id'].unique())}); use 0 for "
            "intake."
        )
    refuse_repeats(dated, ["client_id", "session"], "The predictors")
    messages = _late_rows(table, dated)
    out = table.copy()
    for name in values:  # each by itself: one value may be known before another
        own = dated.loc[dated[name].notna(), ["client_id", "session", name]]
        out[name] = _carried(table, own, name)
    return out, messages


def _carried(table: pd.DataFrame, own: pd.DataFrame, name: Any) -> np.ndarray:
    """Return, for each row, the client's latest value known by that session."""
    codes, _ = pd.factorize(pd.concat([table["client_id"], own["client_id"]]).astype(object))
    n = len(table)
    left = pd.DataFrame(
        {"who": codes[:n], "session": table["session"].astype(float).to_numpy(),
         "position": np.arange(n)}
    ).sort_values("session", kind="stable")  # fmt: skip
    right = pd.DataFrame(
        {"who": codes[n:], "session": own["session"].astype(float).to_numpy(),
         "value": own[name].to_numpy()}
    ).sort_values("session", kind="stable")  # fmt: skip
    joined = pd.merge_asof(left, right, on="session", by="who", direction="backward")
    return joined.sort_values("position")["value"].to_numpy()


def _late_rows(table: pd.DataFrame, dated: pd.DataFrame) -> list[str]:
    last = dated["client_id"].map(table.groupby("client_id", observed=True)["session"].max())
    late = dated["session"] > last
    messages = []
    if late.any():
        messages.append(
            f"{int(late.sum())} predictor values became known after the client had left and are "
            f"not used (clients {listing(dated.loc[late, 'client_id'].unique())})."
        )
    unknown = last.isna()
    if unknown.any():
        messages.append(
            f"{int(unknown.sum())} predictor rows belong to nobody in the rows at risk (clients "
            f"{listing(dated.loc[unknown, 'client_id'].unique())})."
        )
    return messages
