"""What a decomposition was asked to do, and the sentences that say what it did."""

from __future__ import annotations

from typing import Literal, NamedTuple

from . import columns as col
from .means import MINIMUM_POINTS

Weights = Literal["sessions", "clients"]
FEW_POINTS = 6  # below it a client's own line is mostly noise


class Plan(NamedTuple):
    """What was asked, checked."""

    columns: list[str]
    by: list[str]
    detrend: str | None
    trend_at: float | None
    weights: Weights
    complete: list[str]

    def parts(self, column: str) -> list[str]:
        """Return the names of the new columns, the lowest level first."""
        trend = [f"{column}_trend"] if self.detrend else []
        upper = ["client", "therapist"] if len(self.by) == 2 else ["between"]
        return [f"{column}_within", *trend, *(f"{column}_{part}" for part in upper)]


def record_of(
    column: str, plan: Plan, record: dict[str, int], replaced: list[str], ids: str = ""
) -> dict[str, object]:
    """Return the record of one column's decomposition; `ids` says what there is to say of them."""
    parts = plan.parts(column)
    return {
        "step": "decompose",
        "column": column,
        "by": plan.by,
        "parts": parts,
        "weights": plan.weights if len(plan.by) == 2 else None,
        "detrend": plan.detrend,
        "trend_at": plan.trend_at,
        **record,
        "message": " ".join([*_sentences(column, plan, record, replaced), *([ids] if ids else [])]),
    }


def _sentences(column: str, plan: Plan, record: dict[str, int], replaced: list[str]) -> list[str]:
    parts = plan.parts(column)
    means_of = f"the mean of a client's sessions (by '{plan.by[0]}')"
    if plan.detrend and plan.trend_at is not None:
        means_of = f"a client's line at {plan.detrend} = {plan.trend_at:g} (by '{plan.by[0]}')"
    said = [
        f"{column} was split into {col.in_words(parts)}: {record['rows_counted']} of "
        f"{record['rows']} rows count, {record['clients']} clients; the client's level is "
        f"{means_of}."
    ]
    if len(plan.by) == 2:
        which = {
            "sessions": "all sessions, so that clients with more sessions count more",
            "clients": "the clients' levels, so that every client counts the same",
        }[plan.weights]
        said.append(f"The therapist's level (by '{plan.by[1]}') is the mean of {which}.")
    if plan.detrend:
        said.append(_about_trend(column, plan, record))
    if plan.complete:
        said.append(f"Only rows with {col.in_words(plan.complete)} observed count.")
    if record["rows_without_id"]:
        said.append(
            f"{record['rows_without_id']} rows lack {' or '.join(plan.by)} and have no parts."
        )
    if gone := [name for name in parts if name in replaced]:
        said.append(f"Earlier columns {col.in_words(gone)} were replaced.")
    return said


def _about_trend(column: str, plan: Plan, record: dict[str, int]) -> str:
    said = f"Each client's own straight line over {plan.detrend} was split off {column}."
    if record["clients_without_trend"]:
        said += (
            f" {record['clients_without_trend']} clients have fewer than {MINIMUM_POINTS} observed"
            f" sessions, hence no line and no {column}_within."
        )
    if record["clients_below_6_sessions"]:
        said += (
            f" {record['clients_below_6_sessions']} clients have fewer than {FEW_POINTS}; their "
            "lines are mostly noise: compare with the fit without detrending."
        )
    return said
