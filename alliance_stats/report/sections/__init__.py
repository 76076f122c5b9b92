"""The sections of a report, in reading order. Each is one function of the context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...study.times import OCCASION
from ..content import Section
from ..context import Context
from . import alliance, change, data, dropout, gap, outcome, ruptures, trial
from .draft import Draft


@dataclass(frozen=True)
class Entry:
    """A section's anchor and title, and the function that makes it."""

    key: str
    title: str
    build: Callable[[Context, Draft], Section]


SECTIONS = (
    Entry("trial", "The trial", trial.build),
    Entry("data", "The data", data.build),
    Entry("outcome", "Alliance and outcome", outcome.build),
    Entry("alliance", "Alliance over sessions", alliance.build),
    Entry("ruptures", "Ruptures and repairs", ruptures.build),
    Entry("dropout", "Dropout", dropout.build),
    Entry("gap", "Rating gap: therapist minus client", gap.build),
    Entry("change", "Outcome change", change.build),
)

FIRST_TOLD = ("trial", "dropout", "change", "ruptures", "gap", "alliance", "outcome", "data")
"""The order in which sections ask what they may show: what readers look for comes first.

Where two numbers cannot both be shown, the later one is withheld.
"""


NEED_SESSIONS = ("outcome", "ruptures")


def sections_of(context: Context) -> tuple[Entry, ...]:
    """Return the sections of a study's report: one without arms is no trial."""
    left = {*_without_sessions(context), *(("trial",) if context.arms is None else ())}
    return tuple(entry for entry in SECTIONS if entry.key not in left)


def left_out(context: Context) -> str:
    """Return in a sentence what a study without sessions cannot be asked; empty for others."""
    left = _without_sessions(context)
    if not left:
        return ""
    titles = "; ".join(entry.title for entry in SECTIONS if entry.key in left)
    raters = " (a gap needs two raters as well)" if "gap" in left else ""
    return (
        f"Left out, since this study was measured at occasions and has no sessions{raters}: "
        f"{titles}; and what runs along sessions in other sections."
    )


def _without_sessions(context: Context) -> tuple[str, ...]:
    """Return the sections that a study of occasions cannot have."""
    if context.time != OCCASION:
        return ()
    tables = context.study.tables
    raters = tables["assessments"].dropna(subset=["score"]).groupby(["measure", "scale"])["rater"]
    one = tables.get("forecasts") is None and (raters.nunique() < 2).all()
    return (*NEED_SESSIONS, "gap") if one else NEED_SESSIONS
