"""Which time is walked along: session numbers, occasions in their order, or a column of its own.

What walks along time reads the column ``session``. `along` puts the time that was asked for at
its place, once, for a study and for a table; `named` gives what was made of it its own name back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..core.arguments import shown
from ..core.dates import refuse_dates
from ..core.people import CLIENT, SESSION, same_ids
from ..errors import AllianceStatsWarning, ColumnError, DesignError, listing, require_columns, warn
from .select import is_study
from .stages import NAMES, is_relative, place_of, words_in

if TYPE_CHECKING:
    from .study import Study

OCCASION = "occasion"
BETWEEN = "mid"
"""Where occasions that are numbered (``week 4``) stand among those that have a name."""
LONG_UNITS = frozenset(
    (
        *("month", "months", "mo", "mth", "mths", "monat", "monate", "monaten", "maand", "maanden"),
        *("mois", "mes", "meses", "year", "years", "yr", "yrs", "jahr", "jahre", "jahren", "jaar"),
        *("jaren", "an", "ans", "annee", "annees", "ano", "anos"),
    )
)
"""Words for months and years: ``6 months`` beside ``post`` may lie before the end or after it."""
WHOLE_NEEDED = (
    "neighbours are found by whole numbers. Round it, or number each client's measurements: "
    "data['number'] = data.groupby('client_id')[{time!r}].rank()"
)


def along(given: Any, time: str = SESSION, *, whole: bool = False) -> Any:
    """Return a study or table with the time that was asked for at the place of ``session``.

    Parameters
    ----------
    given
        A `Study`, a DataFrame, or what is no table (None, a result), which stays as it is.
    time
        ``"session"``; ``"occasion"``, whose labels become 1, 2, ... in their order
        (`in_order`); or a column of numbers, which for a study stands in ``assessments``,
        ``scores`` or ``sessions`` (``week``, ``time``). An ordered categorical counts by its
        order.
    whole
        Whether neighbours are asked for, so that decimals are refused.

    Notes
    -----
    A study without a score at any session is walked along its occasions. Where neighbours are
    asked for that is refused unless it was asked for: from one session to the next is another
    question than from before to after a therapy.
    """
    if not isinstance(time, str):
        raise ColumnError(f"time must be the name of a column; it is {shown(time)}.")
    if time == SESSION and whole and time_of(given, time) == OCCASION:
        raise DesignError(
            f"The study '{given.name}' has scores at occasions "
            f"({listing(given.tables['assessments'][OCCASION].unique(), 6)}) and none at sessions, "
            "and this asks what changes from one session to the next. time='occasion' takes "
            "its occasions, in their order, for sessions."
        )
    time = time_of(given, time)
    if time == SESSION:
        return given
    if is_study(given):
        return _study_along(given, time, whole)
    if not isinstance(given, pd.DataFrame):
        return given
    require_columns(given.columns, [time], what="the table that is to be walked along")
    numbers = _numbers(given, time, whole)
    return given.drop(columns=SESSION, errors="ignore").assign(**{SESSION: numbers})


def time_of(given: Any, time: str = SESSION) -> str:
    """Return the time that is meant: that of a study without session scores is the occasion."""
    if time != SESSION or not is_study(given):
        return time
    held = given.tables.get("assessments")
    if held is None or any(len(given.tables.get(name, ())) for name in ("ratings", "scores")):
        return time
    return OCCASION if held["score"].notna().any() else time


def named(table: pd.DataFrame, given: Any, time: str) -> pd.DataFrame:
    """Return a table made along `time` with that name, and occasions with theirs.

    `given` is what the time was found in.
    """
    time = time_of(given, time)
    if time == SESSION:
        return table
    source = given.tables["assessments"] if is_study(given) and time == OCCASION else given
    words: dict[int, str] = {}
    if isinstance(source, pd.DataFrame) and _has_labels(source[time], time):
        words = dict(enumerate(in_order(source, time), 1))
    told = table.copy()
    for column in map(str, table.columns):
        if words and SESSION in column.split("_"):
            told[column] = told[column].map(words).astype(object)
    if time in told.columns and SESSION in told.columns:
        told = told.drop(columns=time)
    return told.rename(columns={SESSION: time})


def occasion_in_words(label: Any) -> str:
    """Return an occasion as it stands in a sentence: a bare number needs the word."""
    text = str(label)
    return f"{OCCASION} {text}" if re.fullmatch(r"-?\d+(?:\.\d+)?", text) else text


def in_order(rows: pd.DataFrame, time: str = OCCASION) -> list[Any]:
    """Return the occasions that stand in a table, in the order in which they come.

    The order is that of an ordered categorical; else of the column ``time`` or ``week``, where
    each occasion has one; else that of what the labels say (``pre``, ``mid``, ``post``,
    ``followup``; ``t1``, ``week 12``). Labels of which nothing is known are refused.
    """
    order, unplaced = _ordered(rows, time)
    if unplaced:
        raise DesignError(
            f"The order of the occasions is not known: {listing(unplaced)}. Say "
            f"when they are by time: or week: (a column of numbers), or make '{time}' an ordered "
            "categorical: pd.Categorical(values, [first, second, ...], ordered=True)."
        )
    return order


def without_order(rows: pd.DataFrame, time: str = OCCASION) -> list[Any]:
    """Return the occasions in a table that `in_order` would refuse; empty where it knows all."""
    return _ordered(rows, time)[1]


def _ordered(rows: pd.DataFrame, time: str) -> tuple[list[Any], list[Any]]:
    """Return the occasions in their order, and those whose place is not known."""
    if "score" in rows.columns:  # an occasion at which nobody has a score has no place
        held = rows.loc[rows["score"].notna(), time]
        rows = rows[rows[time].isin(set(held))]
    column = rows[time]
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        there = set(column.dropna())
        return [one for one in column.cat.categories if one in there], []
    labels = list(pd.unique(column.dropna().astype(object)))
    if len(labels) < 2:
        return labels, []
    for clock in ("time", "week"):
        if clock == time or clock not in rows.columns:
            continue
        at = pd.to_numeric(rows[clock], errors="coerce").groupby(column.astype(object)).median()
        if at.notna().all() and set(at.index) == set(labels) and at.is_unique:
            return list(at.sort_values().index), []
    places = {label: _place(str(label)) for label in labels}
    return sorted(labels, key=lambda label: (places[label] or ())[:2]), _unplaced(places)


def _unplaced(places: dict[Any, Any]) -> list[Any]:
    """Return the labels whose place among the others is not known."""
    unknown = [label for label, place in places.items() if place is None]
    twice = [label for label, place in places.items() if list(places.values()).count(place) > 1]
    found = [place for place in places.values() if place is not None]
    stems = {word for *_, word in found if word is not None}
    stages, middle = {stage for stage, *_ in found}, NAMES.index(BETWEEN)
    # numbers alone, and months, may run past the end of treatment: where it comes among them
    # nobody said
    open_ = "" in stems and max(stages) > middle == min(stages)
    open_ = open_ or bool(stems & LONG_UNITS and NAMES.index("post") in stages)
    return unknown or twice or (list(places) if open_ or len(stems) > 1 else [])


def _place(label: str) -> tuple[int, float, str | None] | None:
    """Return stage, number, and the word of one that is only numbered; None where unknown."""
    number = re.search(r"-?\d+(?:\.\d+)?", label)
    stage = place_of(label)
    if stage is None and (number is None or is_relative(label)):
        return None
    at = float(number.group()) if number else 0.0
    if stage is not None:
        return stage, at, None
    return NAMES.index(BETWEEN), at, "".join(words_in(label))


def _has_labels(column: pd.Series, time: str) -> bool:
    """Tell a column of labels, which count by their order, from one of numbers."""
    if time == OCCASION or isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if types.is_numeric_dtype(column.dtype):
        return False
    told = pd.to_numeric(column.astype(object), errors="coerce")
    return bool((told.isna() & column.notna()).any())


def _numbers(rows: pd.DataFrame, time: str, whole: bool) -> pd.Series:
    """Return a column of time as numbers: whole ones as such, labels by their order."""
    column = rows[time]
    if isinstance(column, pd.DataFrame):
        raise ColumnError(f"The column '{time}' is there {column.shape[1]} times; keep one.")
    if types.is_datetime64_any_dtype(column.dtype):
        refuse_calendar(column, time)
    if _has_labels(column, time):
        order = {label: place for place, label in enumerate(in_order(rows, time), 1)}
        column = column.astype(object).map(order)
    values = pd.to_numeric(column.astype(object)).astype(float)
    parts = values.notna() & (values != np.floor(values))
    if whole and parts.any():
        raise ColumnError(
            f"time='{time}' holds decimals, such as {values[parts].iloc[0]:g} (in "
            f"{int(parts.sum())} rows), and {WHOLE_NEEDED.format(time=time)}."
        )
    return values if parts.any() or values.isna().any() else values.astype("int64")


def refuse_calendar(column: pd.Series, time: str) -> None:
    """Refuse dates and spans of time, also those written as text: they are no count of time."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        return
    refuse_dates(
        column,
        f"time='{time}'",
        dates="; make numbers of them first, such as days since each client's first: dates = "
        f"pd.to_datetime(data['{time}']); data['days'] = (dates - dates.groupby("
        f"data['{CLIENT}']).transform('min')).dt.days.",
        spans=f"make numbers of them first, such as days: data['days'] = data['{time}'].dt.days.",
    )


def _study_along(study: Study, time: str, whole: bool) -> Study:
    """Return a study whose sessions are the times asked for; what has none is left out, told."""
    scores = _scores_along(study, time)
    known = scores[time].notna()
    if time == OCCASION and known.any():
        known &= scores[time].isin(set(in_order(scores)))
    if not known.any():
        raise DesignError(_without(study, time))
    lost = int((~known & scores["score"].notna()).sum())
    if lost:
        warn(
            f"{lost} of {scores['score'].notna().sum()} scores have no '{time}' and are left out.",
            AllianceStatsWarning,
        )
    scores = scores[known & (scores["score"].notna() if time == OCCASION else known)]
    scores = scores.assign(**{SESSION: _numbers(scores, time, whole)})
    scores.attrs["along"] = time  # for sentences on what is not there
    tables: dict[str, Any] = dict.fromkeys(study.tables)
    tables |= {name: study.tables.get(name) for name in ("clients", "therapists")}
    tables["scores"] = scores
    for name in ("sessions", "events", "observer_codes", "principle_codes", "terminations"):
        frame = study.tables.get(name)
        if frame is None or time == OCCASION:
            continue
        own = _timed(frame, study, time).dropna(subset=[time])
        place = "last_session" if name == "terminations" else SESSION
        if time in own.columns and len(own):
            tables[name] = own.assign(**{place: _numbers(own, time, whole)})
    return study.with_tables(**tables)


def _scores_along(study: Study, time: str) -> pd.DataFrame:
    """Return the scores of sessions and occasions with their time, where they have any."""
    parts = []
    held = study.tables.get("assessments")
    if held is not None and time in held.columns:
        parts.append(held)
    if time != OCCASION:
        at_sessions = _timed(study.scores, study, time)
        given = study.tables.get("scores")
        if time not in at_sessions.columns and given is not None and time in given.columns:
            keys = ["client_id", SESSION, "rater", "measure", "scale"]
            at_sessions = at_sessions.merge(given[[*keys, time]], on=keys, how="left")
        if time in at_sessions.columns:
            parts.append(at_sessions)
    if not parts:
        raise DesignError(_without(study, time))
    return pd.concat(parts, ignore_index=True)


def _timed(frame: pd.DataFrame, study: Study, time: str) -> pd.DataFrame:
    """Return a table with the column of its time: its own, else that of its sessions."""
    sessions = study.tables.get("sessions")
    if time in frame.columns or sessions is None or time not in sessions.columns:
        return frame if time in frame.columns else frame.assign(**{time: np.nan})
    place = SESSION if SESSION in frame.columns else "last_session"
    known = same_ids(sessions, frame["client_id"])[["client_id", SESSION, time]]
    known = known.drop_duplicates(["client_id", SESSION]).rename(columns={SESSION: place})
    return frame.merge(known, on=["client_id", place], how="left")


def _without(study: Study, time: str) -> str:
    """Return what to say of a study in which nothing has this time."""
    scores = study.scores
    if time == OCCASION and len(scores):
        there = scores.loc[scores["score"].notna(), "measure"].unique()
        return (
            f"The study '{study.name}' has no scores at occasions, which stand in the table "
            f"assessments (column 'occasion'); at sessions it has {listing(there, 8)}. "
            "time='session' walks along these."
        )
    held = [
        f"'{name}' ({', '.join(map(str, table.columns))})"
        for name, table in study.tables.items()
        if name in ("assessments", "scores", "sessions")
    ]
    return (
        f"Nothing in the study '{study.name}' has the time '{time}'. It can stand in the tables "
        f"assessments, scores or sessions; there are {', '.join(held) or 'none of these'}."
    )
