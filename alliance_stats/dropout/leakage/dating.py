"""A guard: is each predictor of leaving known before the client leaves?"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from pandas.api import types

from ...errors import DesignError, listing
from . import lookahead
from .lookahead import Rows

AFTERWARDS = ("last_session", "reason", "ended_as", "n_sessions", "sessions_attended", "definition")


def refuse_outcome(columns: Iterable[str], outcome: Iterable[str]) -> None:
    """Refuse a formula whose right-hand side holds its left-hand side, in whatever function."""
    both = [name for name in dict.fromkeys(columns) if name in set(outcome)]
    if both:
        raise DesignError(
            f"'{both[0]}' stands on both sides of the formula: an outcome cannot predict itself."
        )


def refuse_late_predictors(data: pd.DataFrame, columns: Iterable[str], event: str) -> None:
    """Raise `DesignError` where a predictor knows what comes after the session it stands at.

    Only what the data show can be found: the outcome itself, how and when the therapy ended,
    summaries of the whole therapy (or deviations from them), a later session's value.
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
            "person_period(predictors=...) with the session at which each value became known. "
            "If it truly was known before, say so with guard=False."
        )


def late_predictors(data: pd.DataFrame, names: Iterable[str], event: str) -> list[tuple[str, str]]:
    """Return the predictors that know the future, with what each knows."""
    rows = Rows.of(data, event)
    found = []
    for name in names:
        why = "it says how or when the therapy ended" if name in AFTERWARDS else None
        if why is None and name in rows.frame.columns:
            why = _knows(name, rows)
        if why:
            found.append((str(name), why))
    return found


def _knows(name: str, rows: Rows) -> str | None:
    column = rows.frame[name]
    number = types.is_numeric_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype)
    if not number or column.nunique() <= lookahead.CATEGORIES:
        why = lookahead.category(column, rows)
        if why or not number:
            return why
    return lookahead.quantity(name, rows)
