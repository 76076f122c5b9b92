"""The sections of a report, in reading order. Each is one function of the context."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import DesignError
from ...study.times import OCCASION
from ..content import Section
from ..context import Context
from . import alliance, change, data, dropout, gap, measured, outcome, ruptures, trial
from .draft import Draft

if TYPE_CHECKING:
    import pandas as pd


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

FIRST_TOLD = (
    "measured",
    "trial",
    "dropout",
    "change",
    "ruptures",
    "gap",
    "alliance",
    "outcome",
    "data",
)
"""The order in which sections ask what they may show: what readers look for comes first.

Where two numbers cannot both be shown, the later one is withheld.
"""

MEASURED = Entry("measured", "What was measured, and how", measured.build)
NEED_SESSIONS = ("ruptures",)
NEED_ALLIANCE = ("outcome", "alliance", "ruptures")


def sections_of(context: Context) -> tuple[Entry, ...]:
    """Return the sections of a study's report: one without arms is no trial.

    Of fewer than ten people nothing is computed for a report that travels.
    """
    if context.disclosure.tells_nothing:
        return (MEASURED,)
    left = {*_without_sessions(context), *_without_alliance(context)[0]}
    left |= set() if context.arms is not None else {"trial"}
    return tuple(entry for entry in SECTIONS if entry.key not in left)


def left_out(context: Context) -> str:
    """Return in sentences what a study without sessions or alliance cannot be asked; else empty."""
    told: list[str] = []
    if context.disclosure.tells_nothing:
        return ""
    left = _without_sessions(context)
    if left:
        raters = " (a gap needs two raters as well)" if "gap" in left else ""
        told.append(
            f"Left out, since this study was measured at occasions and has no sessions{raters}: "
            f"{_titles(left)}; and what runs along sessions in other sections."
        )
    missing, why = _without_alliance(context)
    more = [key for key in missing if key not in left]
    if more:
        told.append(f"Left out: {_titles(more)}. {why}")
    return " ".join(told)


def _titles(keys: Collection[str]) -> str:
    return "; ".join(entry.title for entry in SECTIONS if entry.key in keys)


def _without_alliance(context: Context) -> tuple[tuple[str, ...], str]:
    """Return the sections that have nothing to say without an alliance score, and why.

    Where one was asked for by name, each section says what is wrong with it.
    """
    if context.options.alliance is not None:
        return (), ""
    try:
        context.alliance  # noqa: B018 - it raises where there is none
    except DesignError as error:
        alone = _one_rater(context.study.scores) and context.study.tables.get("forecasts") is None
        return (*NEED_ALLIANCE, "gap") if alone else NEED_ALLIANCE, str(error)
    return (), ""


def _one_rater(scores: pd.DataFrame) -> bool:
    """Return whether nobody's scores can be set beside somebody else's."""
    kept = scores.dropna(subset=["score"])
    return bool((kept.groupby(["measure", "scale"], observed=True)["rater"].nunique() < 2).all())


def _without_sessions(context: Context) -> tuple[str, ...]:
    """Return the sections that a study of occasions cannot have."""
    if context.time != OCCASION:
        return ()
    tables = context.study.tables
    one = tables.get("forecasts") is None and _one_rater(tables["assessments"])
    return (*NEED_SESSIONS, "gap") if one else NEED_SESSIONS
