"""From a table of scores to courses: columns checked, sorted, duplicates refused, gaps kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import refuse_truth
from ..core.people import reuse_hint
from ..errors import AllianceStatsError, ColumnError, DesignError, listing, require_columns
from ..study.select import ScoreName, cards_of, choose, direction_of, is_study
from .courses import Booleans, Courses, Floats, Integers

if TYPE_CHECKING:
    from ..study import Study

LARGEST_SESSION = 2.0**53
"""Beyond it neighbouring whole numbers are one number to a float."""
LARGEST_SCORE = 1e100
"""Its square, summed over many sessions, is still a number."""
NO_NUMBERS = "bcmM"
"""Kinds of columns (yes/no, complex, durations, dates) that only look like whole numbers."""


@dataclass(frozen=True)
class ScoreTable:
    """A table of scores sorted by client (as first met) and session, one row a session.

    ``observed`` says which rows have a score; `courses` are made of these. ``notes`` say what
    is to be known about the table.
    """

    ids: pd.Series
    code: Integers
    client_id: pd.Series
    session: Integers
    score: Floats
    observed: Booleans
    notes: tuple[str, ...] = ()
    score_name: str = ""

    @property
    def n_clients(self) -> int:
        """Number of clients, those without a single score included."""
        return len(self.ids)

    def courses(self, direction: str, marks: Mapping[str, Floats] | None = None) -> Courses:
        """Return the observed sessions as flat arrays, higher being better."""
        sign = 1.0 if direction == "higher_is_better" else -1.0
        whole = bool(self.observed.all())
        keep: Any = slice(None) if whole else self.observed
        code = self.code[keep]
        start = np.flatnonzero(np.diff(code, prepend=-1))
        value = self.score[keep]
        return Courses(
            self.session[keep],
            value if sign > 0 else -value,
            start,
            sign,
            marks={name: values[keep] for name, values in (marks or {}).items()},
        )

    def clients_of(self, courses: Courses) -> Integers:
        """Return, for each course, the number of its client among all clients."""
        if courses.start.size == self.n_clients:
            return np.arange(self.n_clients)
        return self.code[self.observed][courses.start]


def read_scores(
    data: Study | pd.DataFrame,
    given: Mapping[str, Any],
    *,
    column: str,
    measure: str | None,
    subscale: str | None,
) -> tuple[ScoreTable, dict[str, Any]]:
    """Return the course of one score, and the parameters with what its card says."""
    rater = given.get("rater")
    rows, score = choose(data, measure, subscale, rater, argument="subscale")
    card = by_card(data, rows, score, column)
    return replace(read_series(rows, column), score_name=score), {**card, **given}


def by_card(data: Any, rows: pd.DataFrame, score: ScoreName, column: str) -> dict[str, Any]:
    """Return what the measure's card says of a rule's parameters: direction and range.

    A table's direction is its card's only where the rows name the measure: others may have been
    turned by whoever made them.
    """
    known: dict[str, Any] = {"range": range_of(data, rows, score, column)}
    if is_study(data) or "measure" in rows.columns:
        known["direction"] = direction_of(data, score) or "higher_is_better"
    return known


def range_of(
    data: Any, rows: pd.DataFrame, score: ScoreName, column: str
) -> tuple[float, float] | None:
    """Return the lowest and highest possible score by the measure's card, None where unknown.

    A range that the scores themselves do not keep is none of theirs (another way of scoring).
    """
    card = cards_of(data).get(score.measure) if score.measure else None
    if card is None or column not in rows.columns:
        return None
    try:
        low, high = map(float, card.scale_range(score.scale or "total"))
    except (AllianceStatsError, KeyError):
        return None
    values = pd.to_numeric(rows[column], errors="coerce")
    return (low, high) if values.between(low, high).eq(values.notna()).all() else None


def read_series(
    frame: pd.DataFrame, column: str = "score", *, what: str = "the scores"
) -> ScoreTable:
    """Return the table sorted, with every fault told in a sentence.

    Raises
    ------
    ColumnError
        Where a column is missing, or client, session or score are not what they should be.
    DesignError
        Where a client has one session twice, or nobody has a score.
    """
    require_columns(frame.columns, ["client_id", "session", column], what=what)
    refuse_twins(frame, ["client_id", "session", column], what)
    if frame.empty:
        raise DesignError(f"There are no rows in {what}.")
    code, ids = client_codes(frame, what)
    session = whole_sessions(frame, what)
    score = numbers_in(frame, column, what)
    client_id = frame["client_id"]
    step = session[1:] - session[:-1]
    turn = code[1:] - code[:-1]
    if not bool(((turn == 0) & (step > 0) | (turn == 1)).all()):
        order = np.lexsort((session, code))
        code, session, score = code[order], session[order], score[order]
        client_id = client_id.iloc[order]
        refuse_duplicates(code, session, client_id, what, frame)
    observed = ~np.isnan(score)
    if not observed.any():
        raise DesignError(
            f"Not one value of '{column}' is observed in {what} ({len(frame)} rows): "
            "there is no course to judge. Was the right rater chosen?"
        )
    return ScoreTable(
        pd.Series(ids, name="client_id"),
        code.astype(np.int64, copy=False),
        client_id.reset_index(drop=True),
        session,
        score,
        observed,
    )


def therapists_in(data: Any, series: ScoreTable) -> dict[str, Floats]:
    """Return each session's therapist as a number (the client's first; -1: unknown), or nothing."""
    known = therapist_of_client(data)
    if known is None:
        return {}
    return {"therapist": pd.factorize(series.ids.map(known))[0][series.code].astype(float)}


def therapist_of_client(data: Any) -> pd.Series | None:
    """Return each client's first known therapist, by client; None where nobody's can be known."""
    table = table_of(data, "clients") if is_study(data) else data
    if table is None or "therapist_id" not in table.columns:
        return None
    known = table.dropna(subset=["therapist_id"]).drop_duplicates("client_id")
    return known.set_index("client_id")["therapist_id"]


def table_of(data: Any, name: str, given: Any = None) -> Any:
    """Return the table that was given, else the study's of this name; None where there is none."""
    return data.tables.get(name) if given is None and is_study(data) else given


def refuse_twins(frame: pd.DataFrame, wanted: Sequence[str], what: str) -> None:
    """Refuse a table in which a wanted column is there twice: which one is meant?"""
    for name in wanted:
        if isinstance(frame[name], pd.DataFrame):
            raise ColumnError(
                f"The column '{name}' is there {frame[name].shape[1]} times in {what}; keep one."
            )


def client_codes(frame: pd.DataFrame, what: str) -> tuple[Integers, Any]:
    """Return a number for each row's client and the clients, none of them missing."""
    try:
        code, ids = pd.factorize(frame["client_id"])
    except TypeError as error:
        raise ColumnError(
            f"client_id must hold a word or a number in every row of {what}; it holds a "
            f"{type(frame['client_id'].iloc[0]).__name__}."
        ) from error
    if (code < 0).any():
        raise ColumnError(
            f"client_id is missing in {int((code < 0).sum())} of {len(frame)} rows of {what} "
            f"(first row: {int((code < 0).argmax()) + 1})."
        )
    return code, ids


def whole_sessions(frame: pd.DataFrame, what: str) -> Integers:
    """Return the sessions as whole numbers, or say where they are none."""
    values = frame["session"]
    if values.dtype.kind == "i" and isinstance(values.dtype, np.dtype):
        return values.to_numpy(dtype=np.int64)
    if values.dtype.kind in NO_NUMBERS:
        raise ColumnError(
            f"session must be a whole number in every row of {what}; the column holds "
            f"{values.dtype}. Number each client's sessions from 1."
        )
    numeric = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = ~((numeric == np.round(numeric)) & (np.abs(numeric) <= LARGEST_SESSION))
    if bad.any():
        shown = listing(frame["client_id"][bad].map(str) + ": " + values[bad].map(str), 3)
        raise ColumnError(
            f"session must be a whole number in every row of {what}; it is not in "
            f"{int(bad.sum())} rows (client: session {shown})."
        )
    return numeric.astype(np.int64)


def numbers_in(frame: pd.DataFrame, column: str, what: str) -> Floats:
    """Return a column as finite numbers or missing, or say what it holds instead."""
    values = frame[column]
    refuse_truth(values, what)
    if values.dtype.kind in NO_NUMBERS:
        raise ColumnError(f"'{column}' must hold numbers in {what}; it holds {values.dtype}.")
    if pd.api.types.is_float_dtype(values) and isinstance(values.dtype, np.dtype):
        score = values.to_numpy(dtype=float)
    else:
        numeric = pd.to_numeric(values, errors="coerce")
        wrong = numeric.isna() & values.notna()
        if wrong.any():
            raise ColumnError(
                f"'{column}' must hold numbers in {what}; {int(wrong.sum())} values are not "
                f"({listing(values[wrong].unique(), 3)})."
            )
        score = numeric.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(score).any():
        raise ColumnError(
            f"'{column}' is infinite in {int(np.isinf(score).sum())} rows of {what}; a score is a "
            "finite number or missing."
        )
    huge = np.abs(score) > LARGEST_SCORE
    if huge.any():
        raise ColumnError(
            f"'{column}' is beyond {LARGEST_SCORE:g} in {int(huge.sum())} rows of {what}; no scale "
            "goes so far. Is it a code for a missing value?"
        )
    return score


def refuse_duplicates(
    code: Integers, session: Integers, client_id: pd.Series, what: str, frame: pd.DataFrame
) -> None:
    """Refuse sorted rows (of `frame`) in which a client has one session twice."""
    twice = np.flatnonzero((code[1:] == code[:-1]) & (session[1:] == session[:-1])) + 1
    if twice.size:
        shown = [f"{client_id.iloc[row]}: {session[row]}" for row in twice[:4]]
        raise DesignError(
            f"A client can have a session once; in {what} {twice.size} rows repeat one (client: "
            f"session {listing(shown, 3)}). "
            f"{reuse_hint(frame).strip() or 'Are two raters, measures or scales mixed?'}"
        )


def check_range(series: ScoreTable, limits: tuple[float, float] | None) -> None:
    """Refuse scores outside the possible range."""
    if limits is None:
        return
    outside = series.observed & ((series.score < limits[0]) | (series.score > limits[1]))
    if outside.any():
        who = listing(series.client_id[outside].unique(), 3)
        raise ColumnError(
            f"{int(outside.sum())} scores lie outside range=({limits[0]:g}, {limits[1]:g}) "
            f"(clients {who}). Give the scale's lowest and highest possible score."
        )
