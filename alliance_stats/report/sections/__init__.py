"""The sections of a report, in reading order. Each is one function of the context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


def sections_of(context: Context) -> tuple[Entry, ...]:
    """Return the sections of a study's report: one without arms is no trial."""
    return SECTIONS if context.arms is not None else SECTIONS[1:]
