"""The value of the session before, found by session number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..core.arguments import shown
from ..core.people import SESSION
from ..errors import ColumnError, DesignError, listing
from ..study.times import OCCASION, along
from . import columns as col

LARGEST = 2**62


class _Earlier(NamedTuple):
    """For each row the position of its predecessor (-1: none), and why there is none."""

    position: np.ndarray
    reasons: dict[str, int]


def lag(
    data: pd.DataFrame,
    columns: str | Iterable[str],
    *,
    by: str | Sequence[str] = "client_id",
    time: str = "session",
    k: int = 1,
    max_gap: int | None = None,
    replace: bool = False,
) -> pd.DataFrame:
    """Put the value of an earlier session beside each session.

    *Does a rupture go with distress at the next session?* The predictor is then the value of the
    session before, found by its number: where session 3 was not observed, session 4 has no
    predecessor, while shifting rows would silently take session 2.

    Parameters
    ----------
    data
        One row a session, in any order.
    columns
        The column or columns to lag, of any kind.
    by
        The client; several columns where a row is more than a client's session, for example
        ``["client_id", "rater"]``. Ids that each therapist gives out anew count as one client a
        therapist, and the record says so.
    time
        The session number: whole numbers; or ``"occasion"``, whose labels count in their order
        (`Study.select`), so that one back is the occasion before.
    k
        How many sessions back, 1 or more.
    max_gap
        Without it (default) the predecessor is session ``number - k`` and no other. With it, the
        latest observed session that is at least `k` and at most `max_gap` numbers back; so
        ``max_gap=k`` is the same as the default.
    replace
        Whether columns of the new names may be replaced.

    Returns
    -------
    pandas.DataFrame
        A copy of `data`, rows and index as they were, with ``X_lag1`` (for `k` = 1), missing where
        there is no predecessor. ``.attrs["lag_report"]`` is a dict: ``rows``,
        ``with_predecessor``, and those without, by reason: ``first_session`` (nothing `k` or more
        sessions back), ``previous_session_not_observed``, ``gap_too_long`` (with `max_gap`),
        ``no_id_or_session``; ``share_lost`` of the rows; ``predecessor_value_missing`` by column
        (the session is there, its value is not) and ``share_lost_by_column`` (either).

    Raises
    ------
    ColumnError
        A column is missing or would be overwritten, or session numbers are no whole numbers.
    DesignError
        A client has the same session twice: the message names the first.

    Notes
    -----
    A first session has no predecessor by design; do not fill it with the client's mean. Mind when
    within the session the two were measured: alliance is mostly rated at the end of a session,
    distress at its beginning, so that the alliance of session t - 1 is the last before the distress
    of session t.

    Examples
    --------
    >>> import pandas as pd
    >>> import alliance_stats as al
    >>> sessions = pd.DataFrame({"client_id": "a", "session": [1, 2, 4], "bond": [4.0, 6.0, 5.0]})
    >>> lagged = al.lag(sessions, "bond")
    >>> lagged["bond_lag1"].tolist()
    [nan, 4.0, nan]
    >>> lagged.attrs["lag_report"]["previous_session_not_observed"]
    1
    """
    wanted, groups = col.names(columns, argument="columns"), col.names(by, argument="by")
    _check_reach(k, max_gap)
    if not isinstance(time, str):
        raise ColumnError(f"`time` must be the name of a column; it is {shown(time)}.")
    col.check_table(data, list(dict.fromkeys([*wanted, *groups, time])))
    new = {column: f"{column}_lag{k}" for column in wanted}
    replaced = col.check_new(data, new.values(), replace=replace)
    codes, ids, said = col.client_codes(data, groups, time)
    numbers = _session_numbers(data if time != OCCASION else _numbered(data), time)
    known = (codes >= 0) & ~np.isnan(numbers)
    earlier = _predecessors(data, codes, ids, numbers, known, k, max_gap)

    lagged = {new[column]: _taken(data[column], earlier.position) for column in wanted}
    result = data.drop(columns=replaced).assign(**lagged)
    report = _report(data, wanted, earlier)
    result.attrs["lag_report"] = report
    message = _message(new, time, k, max_gap, report, replaced)
    message += f" {said}" if said else ""
    return col.recorded(
        result,
        step="lag",
        columns=wanted,
        by=groups,
        time=time,
        k=k,
        max_gap=max_gap,
        **report,
        message=message,
    )


def _check_reach(k: int, max_gap: int | None) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ColumnError(
            f"`k` must be a whole number of sessions back, 1 or more; it is {shown(k)}. To look "
            "ahead, lag the predictor instead of leading the outcome."
        )
    if max_gap is None:
        return
    if isinstance(max_gap, bool) or not isinstance(max_gap, (int, np.integer)) or max_gap < k:
        raise ColumnError(
            f"`max_gap` must be a whole number of sessions, at least k = {k}; it is "
            f"{shown(max_gap)}."
        )


def _numbered(data: pd.DataFrame) -> pd.DataFrame:
    """Return the data with occasions as the numbers of their order."""
    return data.assign(**{OCCASION: along(data, OCCASION)[SESSION]})


def _session_numbers(data: pd.DataFrame, time: str) -> np.ndarray:
    numbers = col.numbers(data, time)
    broken = ~np.isnan(numbers) & (numbers != np.round(numbers))
    if broken.any():
        rows = listing(data.index[broken])
        raise ColumnError(
            f"The column '{time}' must hold whole session numbers; {broken.sum()} rows hold "
            f"others, such as {numbers[broken][0]:g} (index {rows}). Number the sessions first."
        )
    return numbers


def _predecessors(data, codes, ids, numbers, known, k: int, max_gap: int | None) -> _Earlier:
    rows = np.flatnonzero(known)
    position = np.full(len(codes), -1)
    reasons = {"no_id_or_session": int((~known).sum())}
    key, start, group = _keys(codes[rows], numbers[rows])
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    _refuse_duplicates(data, ids, rows[order], ordered, numbers)

    # the last row at least k sessions back, in the same group or, where it has none, in another
    found = np.searchsorted(ordered, key - k, side="right") - 1
    candidate = order[np.maximum(found, 0)] if len(order) else found
    has_earlier = (found >= 0) & (group[candidate] == group) if len(order) else found >= 0
    back = start - start[candidate]
    near = has_earlier & (back <= (k if max_gap is None else max_gap))
    position[rows[near]] = rows[candidate[near]]
    lost = int((has_earlier & ~near).sum())
    reasons["first_session"] = int((~has_earlier).sum())
    reasons["previous_session_not_observed"] = lost if max_gap is None else 0
    reasons["gap_too_long"] = 0 if max_gap is None else lost
    return _Earlier(position, reasons)


def _keys(codes: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one sortable number for client and session, the session's and the client's number."""
    if not len(codes):
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    span = float(numbers.max() - numbers.min()) + 1
    if span * (float(codes.max()) + 1) > LARGEST or abs(numbers).max() > 2**53:
        raise ColumnError(
            f"The session numbers lie between {numbers.min():g} and {numbers.max():g}, which "
            "cannot be counts of sessions; look for typing errors or codes of missing values."
        )
    session = (numbers - numbers.min()).astype(np.int64)
    return codes * int(span) + session, session, codes


def _refuse_duplicates(data, ids, rows, ordered, numbers) -> None:
    again = np.flatnonzero(np.diff(ordered) == 0)
    if not len(again):
        return
    twice = rows[again + 1]
    shown = [
        f"{', '.join(str(data[name].iloc[row]) for name in ids.columns)} session {numbers[row]:g}"
        for row in twice[:5]
    ]
    further = [name for name in ("rater", "measure", "scale") if name in data.columns]
    further = [name for name in further if name not in ids.columns]
    also = f", or add {col.in_words(further)} to `by`" if further else ""
    raise DesignError(
        f"Each client must have a session number once, but {len(again)} rows repeat one "
        f"(first: {'; '.join(shown)}). Remove or renumber the repeated sessions{also}."
    )


def _taken(series: pd.Series, position: np.ndarray) -> pd.Series:
    """Return the values at these positions, missing where a position is -1."""
    if pd.api.types.is_bool_dtype(series.dtype) and not series.hasnans:
        series = series.astype(float)  # a flag with gaps is 0, 1 or NaN, not a mix of objects
    values = series.array if pd.api.types.is_extension_array_dtype(series) else series.to_numpy()
    taken = pd.api.extensions.take(values, position, allow_fill=True)
    return pd.Series(taken, index=series.index)


def _report(data: pd.DataFrame, columns: list[str], earlier: _Earlier) -> dict[str, object]:
    has = earlier.position >= 0
    missing = {
        column: int(data[column].isna().to_numpy()[earlier.position[has]].sum())
        for column in columns
    }
    n = max(len(has), 1)
    lost = {column: float((~has).sum() + missing[column]) / n for column in columns}
    return {
        "rows": len(has),
        "with_predecessor": int(has.sum()),
        **earlier.reasons,
        "share_lost": float(1 - has.mean()) if len(has) else 0.0,
        "predecessor_value_missing": missing,
        "share_lost_by_column": lost,
    }


def _message(new, time: str, k: int, max_gap: int | None, report, replaced: list[str]) -> str:
    reach = f"{k} back" if max_gap is None else f"{k} to {max_gap} back, the nearest observed"
    why = {
        "first_session": "no session so early",
        "previous_session_not_observed": "that session not observed",
        "gap_too_long": "a longer gap",
        "no_id_or_session": "no id or session number",
    }
    reasons = [f"{report[key]} {words}" for key, words in why.items() if report[key]]
    lost = report["rows"] - report["with_predecessor"]
    said = (
        f"{col.in_words(new.values())}: the value of {time} {reach}; "
        f"{report['with_predecessor']} of {report['rows']} rows have such a {time}, {lost} "
        f"({report['share_lost']:.1%}) do not"
    )
    said += f" ({'; '.join(reasons)})." if reasons else "."
    for column, missing in report["predecessor_value_missing"].items():
        if missing:
            said += (
                f" In {missing} rows the earlier session is there but {column} is missing in it."
            )
    return said + (f" Earlier columns {col.in_words(replaced)} were replaced." if replaced else "")
