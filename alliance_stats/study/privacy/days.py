"""Moving each client's days by a number of days of their own, and saying which could not be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_FORMS = {r"\d{4}-\d{2}-\d{2}": "%Y-%m-%d", r"\d{2}\.\d{2}\.\d{4}": "%d.%m.%Y"}
_TIMES = {"": "", r"[T ]\d{2}:\d{2}": "%H:%M", r"[T ]\d{2}:\d{2}:\d{2}": "%H:%M:%S"}
"""Forms of days, and of times behind them, that can be read in one way only."""
_DAY_IN_TEXT = re.compile(
    r"(?<!\d)(?:\d{1,4}([./-])\d{1,2}\1\d{2,4}|\d{1,2}\.? ?[^\W\d_]{3,}\.? ?\d{4}"
    r"|(?:19|20)\d{6}|(?:19|20)\d{2}[./-](?:0[1-9]|1[0-2]))(?!\d)"
)
_SEEN = 0.5
"""A column is one of days where so many of its cells hold one."""
_FEWEST = 10
"""Of fewer different numbers it is chance that they rise with the dates."""


@dataclass
class Days:
    """What was done to the days of all tables."""

    moved: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    ownerless: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def notes(self, limit: int) -> Iterator[str]:
        """Yield in sentences what was moved and what was not."""
        if self.moved:
            yield (
                f"Dates of each client in {listing(self.moved)} were shifted by the same number of "
                f"days, at most {limit}; intervals are as they were."
            )
        for table, rows in self.ownerless.items():
            yield (
                f"{rows} row(s) of {table} have a date and no client: these dates could not be "
                "shifted and were left out."
            )
        if self.unread:
            yield (
                f"Columns that seem to hold days and were not shifted: {listing(self.unread, 20)}. "
                "Beside dates that were, they tell by how much: drop them."
            )
        if self.left and limit:
            yield f"Dates in {listing(self.left)} belong to no client and were left as they are."
        elif self.left:
            yield f"Dates in {listing(self.left)} were left as they are (max_shift=0)."


def moved_days(
    table: str, frame: pd.DataFrame, shift: dict[str, int], limit: int, done: Days
) -> pd.DataFrame:
    """Shift every column of days of a table that names clients, and note what was done."""
    import pandas as pd

    dates = _dates(frame)
    if limit and "client_id" in frame.columns:
        done.unread += [f"{table}.{name}" for name in _unread(frame, dates)]
    if not dates:
        return frame
    if not limit or "client_id" not in frame.columns:
        done.left.append(table)
        return frame
    days = pd.to_timedelta(frame["client_id"].map(shift, na_action="ignore").astype(float), "D")
    new = {}
    for name, form in dates.items():
        column = frame[name]
        if form:
            moved = _read(column, form) + days
            new[name] = moved.dt.strftime(form).astype(object).where(moved.notna(), None)
        else:
            new[name] = (column + days).astype(column.dtype)
    ownerless = int((frame["client_id"].isna() & frame[list(dates)].notna().any(axis=1)).sum())
    if ownerless:
        done.ownerless[table] = ownerless
    done.moved.append(table)
    return frame.assign(**new)


def _read(column: pd.Series, form: str) -> pd.Series:
    import pandas as pd

    return pd.to_datetime(column.astype(object).map(str, na_action="ignore"), format=form)


def _dates(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns that hold days → the form of their text, empty for dates proper."""
    from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

    found = {}
    for name in frame.columns:
        column = frame[name]
        if is_datetime64_any_dtype(column.dtype):
            found[name] = ""
        elif not is_numeric_dtype(column.dtype):
            form = _form_of([str(one) for one in column.dropna().unique()])
            if form:
                found[name] = form
    return found


def _form_of(texts: list[str]) -> str:
    """Return the one form in which all texts are days, or nothing."""
    for day, form in _FORMS.items():
        for time, more in _TIMES.items():
            if texts and all(re.fullmatch(day + time, text) for text in texts):
                between = texts[0][10:11] if more else ""
                same = all(text[10:11] == between for text in texts)
                return f"{form}{between}{more}" if same else ""
    return ""


def _unread(frame: pd.DataFrame, dates: dict[str, str]) -> Iterator[str]:
    """Yield columns that hold days in another form: in text, or as numbers that rise with dates."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for name in frame.columns.difference(list(dates), sort=False):
        known = frame[name].dropna()
        if is_numeric_dtype(known.dtype) and not is_bool_dtype(known.dtype):
            if any(_rises_with(known, frame[day], form) for day, form in dates.items()):
                yield str(name)
        elif len(known):
            texts = known.astype(object).map(str).value_counts()
            held = int(texts[[bool(_DAY_IN_TEXT.search(str(text))) for text in texts.index]].sum())
            if held >= _SEEN * len(known):
                yield str(name)


def _rises_with(numbers: pd.Series, day: pd.Series, form: str) -> bool:
    """Return whether each later day has a larger number, as days counted from a fixed one have."""
    dated = (_read(day, form) if form else day).reindex(numbers.index).dropna()
    ordered = numbers.reindex(dated.index)[dated.argsort()]
    return ordered.nunique() >= _FEWEST and bool(ordered.is_monotonic_increasing)
