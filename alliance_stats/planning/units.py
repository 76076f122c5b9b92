"""In which unit a plan tells effects, errors and SDs: one for all of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.arguments import flag

if TYPE_CHECKING:
    from .design import StudyDesign

SHARES = {"dropout": "difference of shares", "therapists": "share of the variance"}
"""Questions about a share, which has no points and no SD, and what it is."""


@dataclass(frozen=True)
class Unit:
    """What numbers are told in, in words, and how many points of the outcome one of it is."""

    words: str
    short: str
    points: float


def unit_of(design: StudyDesign, of: str, standardised: bool | None) -> Unit:
    """Return the unit of a question's effect: as asked, else as the design says."""
    use = design.standardised if standardised is None else flag(standardised, "standardised")
    if of in SHARES:  # itself, whatever the outcome is in
        return Unit(SHARES[of], SHARES[of], 1.0)
    by = " a session" if of == "arm_by_time" else ""
    if use:
        return Unit(f"SDs of one session{by and ', per session'}", f"SD{by}", design.total_sd)
    return Unit(f"points{by}", f"points{by}", 1)


def conversion(design: StudyDesign, standardised: bool) -> str:
    """Return what the unit is, in a sentence."""
    sd = f"{design.total_sd:.3g}"
    own = design.residual_sd == 1
    if standardised:
        return (
            "One SD (of one session, over all clients) is "
            f"{sd} {'residual SDs' if own else 'points'}."
        )
    point = "; a point is one residual SD (residual_sd=1)" if own else ""
    return f"The SD of one session (over all clients) is {sd} points{point}."
