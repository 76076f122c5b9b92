"""Leaks: what a model could not have known, named before any model is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ...errors import ColumnError, did_you_mean, listing
from .landmark import Landmark

COLUMNS = ("feature", "kind", "why", "action")
_SAME = 1e-9
_NEARLY = 0.98  # rank correlation with the number of sessions: it can be nothing else
_SEPARATES = 0.995  # an area under the curve no honest predictor of dropout has
_ENOUGH = 10


@dataclass(frozen=True)
class Leak:
    """One leak: the feature (or what else), its kind, and why."""

    feature: str
    kind: str
    why: str


def choose_features(land: Landmark, features: list[str] | None) -> pd.DataFrame:
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
    """Return every leak among the chosen features."""
    found = []
    for name in map(str, chosen.columns):
        leak = _judge(name, chosen[name], land)
        if leak:
            found.append(leak)
    return found


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
    values = _numbers(column)
    if values is None:
        return None
    event = land.clients["event"].to_numpy(dtype=float)
    last = land.clients["last_session"].to_numpy(dtype=float)
    if _correlation(values, event) > 1 - _SAME:
        return Leak(name, "label", "It is the outcome itself.")
    if _correlation(_ranks(values), _ranks(last)) > _NEARLY:
        return Leak(name, "sessions_attended", "It goes with the number of sessions attended.")
    later = _same_as_later(values, land)
    if later:
        return Leak(name, "after_landmark", f"It equals '{later}', known only later.")
    if _separation(values, event) > _SEPARATES:
        return Leak(name, "label", "It separates those who leave from those who stay.")
    return None


def _from_definition(name: str, land: Landmark) -> bool:
    if not land.definition.startswith("before_reliable_change"):
        return False
    asked = land.definition.partition("measure=")[2].split(",")[0].split(")")[0].strip()
    return name.startswith(asked + "_") if asked else _is_outcome(name)


def _is_outcome(name: str) -> bool:
    from ...errors import MeasureError
    from ...measures import measure

    try:
        return getattr(measure(name.split("_")[0]), "construct", "") == "outcome"
    except MeasureError:
        return False


def _numbers(column: pd.Series) -> np.ndarray | None:
    if not types.is_numeric_dtype(column.dtype):
        codes = pd.factorize(column)[0].astype(float)
        codes[codes < 0] = np.nan
        return codes if len(np.unique(codes[np.isfinite(codes)])) == 2 else None
    return column.to_numpy(dtype=float, na_value=np.nan)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < _ENOUGH or a[known].std() == 0 or b[known].std() == 0:
        return 0.0
    return float(abs(np.corrcoef(a[known], b[known])[0, 1]))


def _ranks(values: np.ndarray) -> np.ndarray:
    return pd.Series(values).rank().to_numpy()


def _same_as_later(values: np.ndarray, land: Landmark) -> str | None:
    """Return the later column a feature equals, where no column known by then equals it too."""
    for name in land.later.columns:
        if not types.is_numeric_dtype(land.later[name].dtype):
            continue
        if not _equal(values, land.later[name].to_numpy(dtype=float)):
            continue
        early = land.known.select_dtypes("number")
        twins = [c for c in early.columns if _equal(values, early[c].to_numpy(dtype=float))]
        if len(twins) <= 1:  # itself
            return str(name)
    return None


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < max(_ENOUGH, 0.5 * np.isfinite(a).sum()) or a[known].std() == 0:
        return False
    return bool(np.abs(a[known] - b[known]).max() <= _SAME * max(1.0, np.abs(b[known]).max()))


def _separation(values: np.ndarray, event: np.ndarray) -> float:
    known = np.isfinite(values)
    positive, negative = values[known & (event == 1)], values[known & (event == 0)]
    if min(len(positive), len(negative)) < _ENOUGH:
        return 0.5
    order = _ranks(np.concatenate([positive, negative]))[: len(positive)].sum()
    n = len(positive)
    area = (order - n * (n + 1) / 2) / (n * len(negative))
    return float(max(area, 1 - area))


def split_therapists(study: Any, ids: pd.Series) -> list[Leak]:
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
            "counted with the therapist of the clients' table.",
        )
    ]  # fmt: skip


def duplicates(land: Landmark, chosen: pd.DataFrame) -> np.ndarray:
    """Return a mask of clients whose every value repeats an earlier client's.

    Only rows with at least three different numeric features can be called the same by accident
    so rarely that it is worth saying.
    """
    numbers = chosen.select_dtypes("number")
    fine = [c for c in numbers.columns if numbers[c].nunique() > 5]
    if len(fine) < 3:
        return np.zeros(len(chosen), dtype=bool)
    table = chosen.assign(_event=land.clients["event"].to_numpy())
    known = numbers[fine].notna().sum(axis=1) >= 3
    return (table.duplicated(keep="first") & known).to_numpy()
