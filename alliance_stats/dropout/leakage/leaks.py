"""Leaks: what a model could not have known, named before any model is fitted.

What stands in a column of the clients was written down at some time nobody states, so those
columns are judged by what they show:

========================  =============================  =======================================
a column                  is left out as a leak from     is kept and told as suspect from
========================  =============================  =======================================
parts dropouts (or those  an area of .90, .80 at its     a low end of .70
of another ending)        low end
goes with the number of   a correlation of .60, and .50  a correlation of .50
sessions                  within dropouts and others
is a date                 5 % of the dates after the     sessions that have no dates to
                          landmark session               compare with
equals what came later    any linear function of it      a correlation of .95, and .05 more than
                                                         with anything known
========================  =============================  =======================================

Why there: models of dropout reach areas of .6 to .7 with all their predictors together, so one
column with .90 is no predictor; and what is known at the start shares under a tenth of the
variance of the number of sessions (a correlation of .3), so that four times as much (.60) can
hardly have been known by then. A planned number of sessions is known at the start and goes with
sessions attended, but much less within those who dropped out. Between the two lie strong
predictors and leaks with noise on them: those are for the authors to look at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from ...core.dates import dates_of
from ...errors import ColumnError, MeasureError, did_you_mean, listing
from ...instruments import measure
from ...study import Study
from ..prediction.landmark import Landmark
from . import association

COLUMNS = ("feature", "kind", "why", "action")
LEFT_OUT, KEPT, LOOK, TOLD = (
    "left out", "kept, as asked", "kept: look when it was known", "told"
)  # fmt: skip
AREA, AREA_LOW, AREA_SUSPECT = 0.90, 0.80, 0.70
LENGTH, LENGTH_INSIDE, LENGTH_SUSPECT = 0.60, 0.50, 0.50
LATE_DATES = 0.05
_SAME = 1e-9
_NEAR, _NEARER = 0.95, 0.05


@dataclass(frozen=True)
class Leak:
    """One leak: the feature (or what else), its kind, why, and whether it is only suspect."""

    feature: str
    kind: str
    why: str
    suspect: bool = False
    told_only: bool = False

    def action(self, allowed: bool) -> str:
        """Return what is done about it."""
        if self.told_only:
            return TOLD
        return LOOK if self.suspect else KEPT if allowed else LEFT_OUT


def choose_features(land: Landmark, features: tuple[str, ...] | None) -> pd.DataFrame:
    """Return the columns asked for; every column known at the landmark unless told."""
    if features is None:
        return land.known
    there = pd.concat([land.known, land.later], axis=1)
    there = there.loc[:, ~there.columns.duplicated()]
    absent = [name for name in features if name not in there.columns]
    if absent:
        raise ColumnError(
            f"There is no feature '{absent[0]}'; known at session {land.session} are "
            f"{listing(land.known.columns, 12)}.{did_you_mean(absent[0], there.columns)}"
        )
    return there[list(dict.fromkeys(features))]


def find_leaks(land: Landmark, chosen: pd.DataFrame) -> list[Leak]:
    """Return every leak among the chosen features, and what is suspect of being one."""
    found = (_judge(name, chosen[name], land) for name in map(str, chosen.columns))
    return [leak for leak in found if leak]


def _judge(name: str, column: pd.Series, land: Landmark) -> Leak | None:
    if name in ("last_session", "n_sessions"):
        return Leak(name, "sessions_attended", "The number of sessions attended is the outcome.")
    if name in ("reason", "definition", "judged_by"):
        return Leak(name, "label", "It says how the therapy ended.")
    if _from_definition(name, land):
        return Leak(
            name, "label_from_predictors",
            f"Dropout is defined by change on this measure ({land.definition}).",
        )  # fmt: skip
    if name in land.later.columns:
        return Leak(name, "after_landmark", f"Known only after session {land.session}.")
    if name not in land.undated:
        return None  # computed here, from what is dated
    judged = association.read(column)
    checks = (_of_dates, _of_length, _of_ending, _of_later)
    found = [leak for leak in (check(name, column, judged, land) for check in checks) if leak]
    # A leak that is sure comes before one that is only suspect.
    return min(found, key=lambda leak: leak.suspect, default=None)


def _of_dates(
    name: str, column: pd.Series, judged: association.Judged, land: Landmark
) -> Leak | None:
    dates = dates_of(column)
    if dates is None:
        return None
    both = dates.notna() & land.date.notna()
    if both.sum() < association.LEAST:
        why = "A date, and the sessions have no dates to tell whether it lies after the landmark."
        return Leak(name, "suspect", why, suspect=True)
    late = int((dates[both].dt.normalize() > land.date[both].dt.normalize()).sum())
    if late < LATE_DATES * both.sum():
        return None
    why = (
        f"A date after {'the first session' if land.session == 0 else f'session {land.session}'} "
        f"for {late} of {int(both.sum())} clients."
    )
    return Leak(name, "after_landmark", why)


def _of_length(
    name: str, column: pd.Series, judged: association.Judged, land: Landmark
) -> Leak | None:
    last = land.clients["last_session"].to_numpy(dtype=float)
    r = association.with_length(judged, last)
    if r < LENGTH_SUSPECT:
        return None
    left = land.left.to_numpy(dtype=bool)
    parts = [rows for rows in (left, ~left) if rows.sum() >= 10]
    inside = min((association.with_length(judged, last, rows) for rows in parts), default=r)
    words = f"It goes with the number of sessions attended (correlation {r:.2f})."
    if r >= LENGTH and inside >= LENGTH_INSIDE:
        return Leak(name, "sessions_attended", words)
    known = (~judged.missing).sum()
    if np.tanh(np.arctanh(min(r, 0.999)) - 1.96 / np.sqrt(max(known - 3, 1))) < 0.35:
        return None  # with so few clients it may be chance
    return Leak(name, "suspect", words, suspect=True)


def _of_ending(
    name: str, column: pd.Series, judged: association.Judged, land: Landmark
) -> Leak | None:
    best, words = (0.5, 0.0), ""
    for ending, target in _endings(land):
        found = association.separation(judged, target)
        if found[1] > best[1]:
            best, words = found, ending
    area, low = best
    if area >= AREA and low >= AREA_LOW:
        return Leak(name, "label", f"It says who {words} (area under the curve {area:.3f}).")
    if low >= AREA_SUSPECT:
        why = f"It tells who {words} better than any predictor known (area {area:.2f})."
        return Leak(name, "suspect", why, suspect=True)
    return None


def _endings(land: Landmark) -> list[tuple[str, np.ndarray]]:
    """Return what a column may give away, as 0 and 1: dropout, and every other ending."""
    event = land.clients["event"].to_numpy(dtype=float)
    out = [("dropped out", event)]
    reason = land.reason.astype(str)
    for value in sorted(set(reason)):
        own = (reason == value).to_numpy(dtype=float)
        if value != "ongoing" and not np.array_equal(own, event):
            out.append((f"ended as {value}", own))
    return out


def _of_later(
    name: str, column: pd.Series, judged: association.Judged, land: Landmark
) -> Leak | None:
    """Find a column that is a later one, or all but one, and nothing known by then."""
    if judged.numbers is None:
        return None
    early = land.known.drop(columns=name, errors="ignore").select_dtypes("number")
    others = [early[c].to_numpy(dtype=float, na_value=np.nan) for c in early.columns]
    known = max((_alike(judged.numbers, other) for other in others), default=0.0)
    for later in land.later.columns:
        if not types.is_numeric_dtype(land.later[later].dtype):
            continue
        r = _alike(judged.numbers, land.later[later].to_numpy(dtype=float))
        if r > 1 - _SAME > known:
            return Leak(name, "after_landmark", f"It equals '{later}', known only later.")
        if r >= _NEAR and r >= known + _NEARER:
            why = f"It goes with '{later}', known only later (correlation {r:.2f})."
            return Leak(name, "suspect", why, suspect=True)
    return None


def _alike(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two columns where at least half of the first has the second."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 0.5 * np.isfinite(a).sum():
        return 0.0
    return association.correlation(a, b)


def _from_definition(name: str, land: Landmark) -> bool:
    if not land.definition.startswith("before_reliable_change"):
        return False
    asked = land.definition.partition("measure=")[2].split(",")[0].split(")")[0].strip()
    return name.startswith(asked + "_") if asked else has_construct(name, "outcome")


def has_construct(feature: str, construct: str) -> bool:
    """Return whether a feature is a score of a measure whose card names that construct."""
    try:
        return getattr(measure(feature.split("_")[0]), "construct", "") == construct
    except MeasureError:
        return False


def split_therapists(study: Study, ids: pd.Series) -> list[Leak]:
    """Return clients seen by several therapists: their data stand on both sides of a split."""
    sessions = study.tables.get("sessions")
    if sessions is None or "therapist_id" not in sessions.columns:
        return []
    own = sessions[sessions["client_id"].isin(ids) & sessions["therapist_id"].notna()]
    several = own.groupby("client_id", observed=True)["therapist_id"].nunique()
    several = several[several > 1]
    if several.empty:
        return []
    return [
        Leak(
            "therapist_id", "therapists_on_both_sides",
            f"{len(several)} clients had several therapists ({listing(several.index)}); each is "
            "counted with the therapist of the clients' table.", told_only=True,
        )
    ]  # fmt: skip


def therapists_in_several(clients: pd.DataFrame, fold: np.ndarray, groups: str) -> list[Leak]:
    """Return the therapists whose clients are in several folds, where another group is kept."""
    folds = pd.Series(fold).groupby(clients["therapist_id"].to_numpy()).nunique()
    several = folds[folds > 1]
    if several.empty:
        return []
    return [
        Leak(
            "therapist_id", "therapists_on_both_sides",
            f"{len(several)} therapists have clients in several folds ({listing(several.index)}), "
            f"since only '{groups}' is not split: nothing here is about unseen therapists.",
            told_only=True,
        )
    ]  # fmt: skip
