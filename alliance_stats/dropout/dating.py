"""A guard: is each predictor of leaving known before the client leaves?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import ColumnError, DesignError, listing, require_columns

AFTERWARDS = ("last_session", "reason", "ended_as", "n_sessions", "sessions_attended", "definition")
_SAME = 1e-9
_SHARE = 0.99  # of pairs that must agree before a column counts as another one's future


def refuse_late_predictors(data: pd.DataFrame, columns: Iterable[str], event: str) -> None:
    """Raise `DesignError` where a predictor knows what comes after the session it stands at.

    Only what the data show can be found: the outcome itself, the number of sessions, the mean
    over the whole therapy (or the deviation from it), the next session's value.
    """
    if not {"client_id", "session"} <= set(data.columns):
        return
    names = [c for c in dict.fromkeys(columns) if c not in {"session", "client_id", event}]
    found = late_predictors(data, names, event)
    if found:
        name, why = found[0]
        others = f" ({listing(n for n, _ in found[1:])} too)" if found[1:] else ""
        raise DesignError(
            f"'{name}' knows more than was known before the client could leave: {why}{others}. "
            "Use what person_period gives (means and deviations up to each session), or "
            "person_period(predictors=...) with the session at which each value became known."
        )


def late_predictors(data: pd.DataFrame, names: Iterable[str], event: str) -> list[tuple[str, str]]:
    """Return the predictors that know the future, with what each knows."""
    rows = data.sort_values(["client_id", "session"], kind="stable")
    codes = pd.factorize(rows["client_id"])[0]
    numeric = {
        str(c): rows[c].to_numpy(dtype=float, na_value=np.nan)
        for c in rows.columns
        if types.is_numeric_dtype(rows[c].dtype) and c not in {"client_id"}
    }
    outcome = numeric.get(event)
    last = rows.groupby(codes)["session"].transform("max").to_numpy(dtype=float)
    found = []
    for name in names:
        if name in AFTERWARDS:
            found.append((name, "it says how or when the therapy ended"))
        elif name in numeric:
            why = _knows(name, numeric, codes, outcome, last, event)
            if why:
                found.append((name, why))
    return found


def _knows(
    name: str,
    numeric: dict[str, np.ndarray],
    codes: np.ndarray,
    outcome: np.ndarray | None,
    last: np.ndarray,
    event: str,
) -> str | None:
    own = numeric[name]
    if not np.isfinite(own).any():
        return None
    if outcome is not None and _is_other(own, outcome):
        return "it is the outcome itself"
    constant = _constant_within(own, codes)
    if constant and len(np.unique(last)) > 2 and _is_other(own, last):
        return "it is the number of sessions attended"
    for other, values in numeric.items():
        if other in {name, event, "session"} or _constant_within(values, codes):
            continue
        mean = _client_means(values, codes)
        if constant and _equal(own, mean):
            return f"it is the mean of '{other}' over the client's whole therapy"
        if not constant and _equal(own, values - mean):
            return f"it is the deviation of '{other}' from its mean over the whole therapy"
        if not constant and _is_lead(own, values, codes):
            return f"it is the next session's '{other}'"
    return None


def _is_other(own: np.ndarray, other: np.ndarray) -> bool:
    """Say whether one column is the other one, up to unit and origin."""
    known = np.isfinite(own) & np.isfinite(other)
    a, b = own[known], other[known]
    if len(a) < 3 or a.std() == 0 or b.std() == 0:
        return False
    return abs(np.corrcoef(a, b)[0, 1]) > 1 - _SAME


def _constant_within(values: np.ndarray, codes: np.ndarray) -> bool:
    groups = pd.Series(values).groupby(codes)
    return bool((groups.max() - groups.min()).fillna(0).max() <= _SAME)


def _client_means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return pd.Series(values).groupby(codes).transform("mean").to_numpy()


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3:
        return False
    scale = max(1.0, float(np.abs(b[known]).max()))
    return bool(np.abs(a[known] - b[known]).max() <= _SAME * scale)


def _is_lead(own: np.ndarray, values: np.ndarray, codes: np.ndarray) -> bool:
    same = codes[1:] == codes[:-1]
    now, following = own[:-1][same], values[1:][same]
    known = np.isfinite(now) & np.isfinite(following)
    if known.sum() < 10 or following[known].std() == 0:
        return False
    return float(np.mean(np.abs(now[known] - following[known]) <= _SAME)) >= _SHARE


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
    values = [c for c in predictors.columns if c not in {"client_id", "session"}]
    taken = [c for c in values if c in table.columns]
    if taken:
        raise ColumnError(f"The rows have a column '{taken[0]}' already; rename the predictor.")
    dated = predictors.copy()
    dated["session"] = pd.to_numeric(dated["session"], errors="coerce")
    undated = dated["session"].isna()
    if undated.any():
        raise ColumnError(
            f"{int(undated.sum())} predictor rows have no session from which they were known "
            f"(clients {listing(dated.loc[undated, 'client_id'].unique())}); use 0 for intake."
        )
    messages = _late_rows(table, dated)
    left = table.assign(session=table["session"].astype(float), _row=np.arange(len(table)))
    dated["session"] = dated["session"].astype(float)
    joined = pd.merge_asof(
        left.sort_values("session", kind="stable"),
        dated.sort_values("session", kind="stable"),
        on="session", by="client_id", direction="backward",
    ).sort_values("_row")  # fmt: skip
    out = table.copy()
    for name in values:
        out[name] = joined[name].to_numpy()
    return out, messages


def _late_rows(table: pd.DataFrame, dated: pd.DataFrame) -> list[str]:
    last = dated["client_id"].map(table.groupby("client_id", observed=True)["session"].max())
    late = dated["session"] > last
    if not late.any():
        return []
    return [
        f"{int(late.sum())} predictor values became known after the client had left and are not "
        f"used (clients {listing(dated.loc[late, 'client_id'].unique())})."
    ]
