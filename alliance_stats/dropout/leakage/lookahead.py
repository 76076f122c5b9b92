"""A guard: is each predictor of leaving known before the client leaves?

Asked is what a column of person-period rows shows of the future, whatever its unit and origin.

A client-constant column is compared, over clients, with when and how they ended and with what a
whole therapy alone can tell of the other columns; one that changes, row by row, with deviations
from such summaries and with later sessions. Comparisons are by correlation, so that neither
centring nor scaling nor (with ranks) any monotone function hides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from ...core.dates import in_days
from ...errors import DesignError, listing
from .association import correlation, rank_correlation

AFTERWARDS = ("last_session", "reason", "ended_as", "n_sessions", "sessions_attended", "definition")
CATEGORIES = 10  # a column of numbers with so few values is looked at as categories too
_SAME = 1e-9
_SHARE = 0.99  # of pairs that must agree before a column counts as another one's future
_FEWEST_CLIENTS, _FEWEST_EVENTS = 10, 3
_LEAST = 5  # clients below which no correlation over clients says anything
_TRACKS = ((20, 0.95), (10, 0.98), (0, 1 - _SAME))
"""From so many clients on, a rank correlation with the last session that no predictor reaches:
the planned number of sessions stays below it as soon as one client in ten leaves early."""

SUMMARIES = {
    "mean": "the mean", "min": "the lowest value", "max": "the highest value",
    "last": "the last value", "sum": "the sum", "std": "the spread",
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Person-period rows in order, with each row's client, outcome and last session."""

    frame: pd.DataFrame
    client: np.ndarray
    outcome: np.ndarray
    last: np.ndarray
    event: str

    @classmethod
    def of(cls, data: pd.DataFrame, event: str) -> Rows:
        """Sort the rows and find each client's last session."""
        frame = data.sort_values(["client_id", "session"], kind="stable").reset_index(drop=True)
        client = pd.factorize(frame["client_id"])[0]
        session = pd.to_numeric(frame["session"], errors="coerce")
        outcome = np.full(len(frame), np.nan)
        if event in frame.columns and types.is_numeric_dtype(frame[event].dtype):
            outcome = frame[event].to_numpy(dtype=float, na_value=np.nan)
        last = session.groupby(client).transform("max").to_numpy(dtype=float)
        return cls(frame, client, outcome, last, event)

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as floats; infinite values as missing (they are refused elsewhere)."""
        column = self.frame[name]
        if types.is_datetime64_any_dtype(column.dtype):
            return in_days(column - column.min())
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)

    def once(self, values: np.ndarray) -> np.ndarray:
        """Return one value a client (that of the first row with one)."""
        return pd.Series(values).groupby(self.client).first().to_numpy(dtype=float)

    def constant(self, values: np.ndarray) -> bool:
        """Say whether a column keeps its value within every client."""
        groups = pd.Series(values).groupby(self.client)
        spread = np.abs(values[np.isfinite(values)]).max(initial=1.0)
        return bool((groups.max() - groups.min()).fillna(0).max() <= _SAME * spread)

    def others(self, name: str) -> list[str]:
        """Return the other columns of numbers that change within clients."""
        skip = {name, self.event, "session", "client_id"}
        return [
            c for c in self.frame.columns
            if isinstance(c, str) and c not in skip and types.is_numeric_dtype(self.frame[c].dtype)
            and not self.constant(self.numbers(c))
        ]  # fmt: skip


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
            column = rows.frame[name]
            kind = column.dtype
            number = types.is_numeric_dtype(kind) or types.is_datetime64_any_dtype(kind)
            if not number or column.nunique() <= CATEGORIES:
                why = category(column, rows)
            if why is None and number:
                why = quantity(name, rows)
        if why:
            found.append((str(name), why))
    return found


def category(column: pd.Series, rows: Rows) -> str | None:
    """Say what a column knows whose values, as categories, part the outcome or the last session."""
    codes, levels = pd.factorize(column)
    known = codes >= 0
    if len(levels) < 2:
        return None
    happened = known & (rows.outcome == 1)
    enough = happened.sum() >= _FEWEST_EVENTS and len(levels) <= max(2, happened.sum() / 2)
    if enough and _parts(codes[known], rows.outcome[known]):
        return "it is the outcome itself"
    by_client = pd.DataFrame({"code": codes, "client": rows.client, "last": rows.last})
    by_client["ended"] = np.nan_to_num(rows.outcome)
    if not rows.constant(codes.astype(float)):
        return None
    one = by_client.groupby("client").agg(
        code=("code", "first"), last=("last", "first"), ended=("ended", "max")
    )
    one = one[one["code"] >= 0]
    if len(one) < _FEWEST_CLIENTS or len(levels) > len(one) / 2:
        return None
    ended = one["ended"].to_numpy()
    if min(ended.sum(), len(ended) - ended.sum()) >= _FEWEST_EVENTS and _parts(
        one["code"].to_numpy(), ended
    ):
        return "it says how the therapy ended"
    bands = one.groupby("code")["last"].agg(["min", "max", "size"]).sort_values("min")
    apart = (bands["min"].to_numpy()[1:] > bands["max"].to_numpy()[:-1]).all()
    if apart and one["last"].nunique() > 2 and bands["size"].min() >= 2:
        return "it is the number of sessions attended, in bands"
    return None


def _parts(codes: np.ndarray, outcome: np.ndarray) -> bool:
    """Say whether each category goes with one outcome only, and both outcomes occur."""
    shares = pd.Series(outcome).groupby(codes).mean()
    return bool(shares.isin([0.0, 1.0]).all() and shares.nunique() == 2)


def quantity(name: str, rows: Rows) -> str | None:
    """Say what a column of numbers knows of the outcome, the end or the other columns' future."""
    own = rows.numbers(name)
    if not np.isfinite(own).any():
        return None
    if _alike(own, rows.outcome):
        return "it is the outcome itself"
    if rows.constant(own):
        if _tracks_the_end(rows.once(own), rows):
            return "it is the number of sessions attended"
        return _whole_therapy(own, name, rows)
    return _counts_down(own, rows) or _changing(own, name, rows)


def _tracks_the_end(one: np.ndarray, rows: Rows) -> bool:
    """Say whether one value a client goes with the last session as no predictor does."""
    last = rows.once(rows.last)
    known = np.isfinite(one)
    a, b = one[known], last[known]
    if min(len(np.unique(a)), len(np.unique(b))) < 3:
        return False
    limit = next(limit for least, limit in _TRACKS if len(a) >= least)
    return rank_correlation(a, b, least=_LEAST) > limit


def _counts_down(own: np.ndarray, rows: Rows) -> str | None:
    """Find sessions remaining, the share of sessions gone, and the like.

    They are a constant of the client plus or times the session number; the constant is what
    must not know the end.
    """
    session = pd.to_numeric(rows.frame["session"], errors="coerce").to_numpy(dtype=float)
    session = np.where(np.isfinite(session), session, np.nan)
    centred = session - _mean(session, rows.client)
    away = own - _mean(own, rows.client)
    known = np.isfinite(centred) & np.isfinite(away)
    slope = (centred[known] @ away[known]) / max(float(centred[known] @ centred[known]), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = own / session
    for left in (own - slope * session, ratio):
        left = np.where(np.isfinite(left), left, np.nan)
        if (
            np.isfinite(left).any()
            and rows.constant(left)
            and _tracks_the_end(rows.once(left), rows)
        ):
            return "it counts the sessions still to come"
    return None


def _whole_therapy(own: np.ndarray, name: str, rows: Rows) -> str | None:
    one = rows.once(own)
    for other in rows.others(name):
        values = pd.Series(rows.numbers(other)).groupby(rows.client)
        if _alike(one, values.first().to_numpy(dtype=float)):
            continue  # known from the first session on, even where it is the highest ever, too
        for summary, words in SUMMARIES.items():
            if _alike(one, values.agg(summary).to_numpy(dtype=float)):
                return f"it is {words} of '{other}' over the client's whole therapy"
    return None


def _changing(own: np.ndarray, name: str, rows: Rows) -> str | None:
    for other in rows.others(name):
        values = rows.numbers(other)
        groups = pd.Series(values).groupby(rows.client)
        spread = groups.transform("std").to_numpy()
        for summary in ("mean", "min", "max", "last"):
            away = values - groups.transform(summary).to_numpy()
            with np.errstate(divide="ignore", invalid="ignore"):
                scaled = np.where(spread > 0, away / spread, np.nan)
            if _alike(own, away) or _alike(own, scaled):
                word = SUMMARIES[summary].removeprefix("the ")
                return f"it is the deviation of '{other}' from its {word} over the whole therapy"
        for steps in (1, 2):
            if _leads(own, values, rows.client, steps):
                which = "the next session's" if steps == 1 else "a later session's"
                return f"it is {which} '{other}'"
    return None


def _mean(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return pd.Series(values).groupby(codes).transform("mean").to_numpy(dtype=float)


def _alike(own: np.ndarray, other: np.ndarray) -> bool:
    """Say whether one column is the other one, up to unit and origin."""
    return correlation(own, other, least=_LEAST) > 1 - _SAME


def _leads(own: np.ndarray, values: np.ndarray, codes: np.ndarray, steps: int) -> bool:
    same = codes[steps:] == codes[:-steps]
    now, following = own[:-steps][same], values[steps:][same]
    known = np.isfinite(now) & np.isfinite(following)
    if known.sum() < 10 or following[known].std() == 0 or now[known].std() == 0:
        return False
    equal = np.abs(now[known] - following[known]) <= _SAME * max(1.0, np.abs(now[known]).max())
    # A constant of the client is its own next value; one that changes there is needed.
    moved = np.abs(np.diff(np.where(np.isfinite(own), own, 0.0))).max(initial=0.0) > 0
    return bool(moved and (equal.mean() >= _SHARE or _alike(now, following)))
