"""One row a session: alliance, outcome, rupture, repair and their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.people import handovers
from ...errors import DesignError, require_columns
from ...study.select import ScoreName, choose, is_study
from ..detection import detect_ruptures
from ..reading import (
    by_card,
    client_codes,
    numbers_in,
    refuse_duplicates,
    refuse_twins,
    therapist_of_client,
    whole_sessions,
)
from ..result import Ruptures
from ..rules import find_rule

if TYPE_CHECKING:
    from ...study import Study

KEY = ["client_id", "session"]
Asked = tuple[str, str | None, str | None]
"""A column of a table, or a measure of a study; then its scale and rater, where they are named."""


@dataclass(frozen=True)
class SessionTable:
    """Sessions with what was rated and what the rule found.

    Attributes
    ----------
    rows
        One row a client and session: ``client_id, session, alliance, outcome, rupture, repair,
        rupture_size, repair_size``, and ``therapist_id`` where it is known.
    found
        What the rule found.
    messages
        What is to be known about the table.
    score
        The scores that were read, the alliance first; empty for columns of a table.
    """

    rows: pd.DataFrame
    found: Ruptures
    messages: tuple[str, ...] = ()
    score: str = ""


def read_ratings(
    data: Study | pd.DataFrame, alliance: Asked, outcome: Asked | None
) -> tuple[pd.DataFrame, dict[str, Any], str]:
    """Return client, session, therapist, alliance and outcome; the alliance's card; the scores.

    A study gives its scores; a long table with a column ``measure`` is read like them; any other
    table must have the two columns, and no card is known.
    """
    if isinstance(data, pd.DataFrame):
        if alliance[0] in data.columns:
            return _read_wide(data, alliance, outcome), {}, ""
        if not {"measure", "score"} <= set(data.columns):
            require_columns(data.columns, [alliance[0]], what="the data")
    rows, card, score = _one_series(data, alliance)
    rows, named = rows.rename(columns={"score": "alliance"}), [score]
    if outcome is not None:
        other, _, of_outcome = _one_series(data, outcome)
        rows = rows.merge(other.rename(columns={"score": "outcome"}), on=KEY, how="outer")
        named.append(of_outcome)
    known = therapist_of_client(data)
    if known is not None:
        rows = rows.merge(known.reset_index(), on="client_id", how="left")
    return rows, card, ", ".join(named)


def _read_wide(data: pd.DataFrame, alliance: Asked, outcome: Asked | None) -> pd.DataFrame:
    wanted = {alliance[0]: "alliance"}
    if outcome is not None:
        wanted[outcome[0]] = "outcome"
    require_columns(data.columns, [*KEY, *wanted], what="the data")
    if len(wanted) < 1 + (outcome is not None):
        raise DesignError(f"'{alliance[0]}' cannot be both the alliance and the outcome.")
    if taken := [name for name in wanted if name in KEY]:
        raise DesignError(f"'{taken[0]}' says whose row it is; name a column of ratings instead.")
    therapist = ["therapist_id"] if "therapist_id" in data.columns else []
    refuse_twins(data, [*KEY, *therapist, *wanted], "the data")
    rows = _checked(data[[*KEY, *therapist, *wanted]], list(wanted), "the data")
    return rows.rename(columns=wanted)


def _checked(
    rows: pd.DataFrame, ratings: Sequence[str], what: str, of: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return rows of known clients and whole sessions, each once, with ratings as numbers.

    `of` is the wider table they are from.
    """
    if rows.empty:
        raise DesignError(f"There are no rows in {what}.")
    code, _ = client_codes(rows, what)
    whole = rows.assign(
        session=whole_sessions(rows, what),
        **{name: numbers_in(rows, name, what) for name in ratings},
    )
    session = whole["session"].to_numpy()
    order = np.lexsort((session, code))
    refuse_duplicates(
        code[order], session[order], rows["client_id"].iloc[order], what, rows if of is None else of
    )
    return whole


def _one_series(data: Any, asked: Asked) -> tuple[pd.DataFrame, dict[str, Any], ScoreName]:
    """Return client, session and score of one score, what its card says, and its name."""
    found, score = choose(data, *asked, argument="subscale")
    require_columns(found.columns, [*KEY, "score"], what="the scores")
    refuse_twins(found, [*KEY, "score"], "the scores")
    rows = _checked(found[[*KEY, "score"]], ["score"], f"the scores of {score.words}", found)
    return rows, by_card(data, found, score, "score"), score


def session_table(
    data: Study | pd.DataFrame,
    alliance: Asked,
    outcome: Asked | None,
    rule: str,
    parameters: Mapping[str, Any],
    *,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    probabilities: bool = False,
) -> SessionTable:
    """Detect ruptures and put them beside the ratings of their sessions.

    Where the rule gives probabilities, `probabilities` takes them in place of yes and no.
    """
    rows, card, score = read_ratings(data, alliance, outcome)
    found = detect(data, rows, card, rule, parameters, events=events, codes=codes)
    likely = probabilities and "probability_begins" in found.sessions.columns
    marked, notes = mark_probable(rows, found) if likely else mark(rows, found)
    moved = handovers(data.tables) if is_study(data) else []  # type: ignore[union-attr, arg-type]
    return SessionTable(marked, found, (*found.messages, *notes, *moved), score)


def detect(
    data: Study | pd.DataFrame,
    rows: pd.DataFrame,
    card: Mapping[str, Any],
    rule: str,
    parameters: Mapping[str, Any],
    *,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
) -> Ruptures:
    """Apply the rule to the alliance, or to the reports or codes where it reads these."""
    chosen = find_rule(rule)
    if not chosen.dates_sessions:
        raise DesignError(
            f"The rule '{rule}' dates no session, so nothing can be said of the next one; choose "
            "a rule that does (al.rupture_rules())."
        )
    if chosen.needs != "scores":
        source = data if is_study(data) else rows[KEY]
        return detect_ruptures(source, rule=rule, events=events, codes=codes, **parameters)
    given = {**card, **parameters}
    given.pop("rater", None)  # the series was chosen when it was read
    own = rows.dropna(subset=["alliance"]).filter([*KEY, "alliance", "therapist_id"])
    return detect_ruptures(own, rule=rule, column="alliance", **given)


def mark_probable(rows: pd.DataFrame, found: Ruptures) -> tuple[pd.DataFrame, list[str]]:
    """Put the probabilities that a rupture begins, or ends, beside each session.

    Given the states, an outcome owes nothing further to the scores that tell of them; then the
    regression on a probability has the slope that the regression on the truth would have
    (regression calibration), where flags, wrong in some sessions, would have a flatter one.
    """
    taken = {"probability_begins": "rupture", "probability_ends": "repair"}
    marks = found.sessions[[*KEY, *taken]].rename(columns=taken)
    note = (
        "'rupture' and 'repair' are the probabilities that one begins or ends in a session: their "
        "slopes are those of a rupture that is certain, and sessions nobody can be sure of count "
        "for less. That depth, opening and closing were estimated too is not in the intervals."
    )
    return rows.merge(marks, on=KEY, how="left"), [note]


def mark(rows: pd.DataFrame, found: Ruptures) -> tuple[pd.DataFrame, list[str]]:
    """Put ruptures, repairs and their size beside each session; unjudged sessions are missing.

    The size of a rupture is the fall *in the session that is called a rupture*, not the depth
    reached later, which nobody could know by then.
    """
    sessions, episodes = found.sessions, found.episodes
    marks = sessions[KEY].assign(_judged=sessions["judged"].astype(bool))
    start = episodes[["client_id", "rupture_session"]].set_axis(KEY, axis=1).assign(_begins=1.0)
    ended = episodes.dropna(subset=["repair_session"])
    end = pd.DataFrame(
        {
            "client_id": ended["client_id"],
            "session": ended["repair_session"].astype("int64"),
            "_mends": 1.0,
            "_low": ended["nadir_level"].astype(float),
        }
    )
    size = sessions[[*KEY, "score", "reference", "distance"]]
    marks = marks.merge(start, on=KEY, how="left").merge(end, on=KEY, how="left")
    marks = marks.merge(size, on=KEY, how="left")
    judged = marks["_judged"].to_numpy()
    begins, mends = marks["_begins"].notna().to_numpy(), marks["_mends"].notna().to_numpy()
    by_score = marks["score"].notna().any()
    fall = (marks["reference"] - marks["score"]).abs() if by_score else marks["distance"]
    rise = (marks["score"] - marks["_low"]).abs()
    known = judged | begins | mends
    marks = marks[KEY].assign(
        rupture=np.where(known, begins.astype(float), np.nan),
        repair=np.where(known, mends.astype(float), np.nan),
        rupture_size=np.where(begins, fall, np.where(known, 0.0, np.nan)),
        repair_size=np.where(mends, rise, np.where(known, 0.0, np.nan)),
    )
    notes = []
    if not by_score:
        marks = marks.drop(columns="repair_size")
        notes.append(
            f"The rule '{found.rule}' reads no scores: the size of a rupture is its "
            f"{found.unit}, and repairs have no size."
        )
    return rows.merge(marks, on=KEY, how="left"), notes
