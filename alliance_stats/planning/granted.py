"""What a plan takes for granted, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .units import conversion

if TYPE_CHECKING:
    from .design import StudyDesign


def assumptions(design: StudyDesign, standardised: bool | None = None) -> list[str]:
    """Return what the plan takes for granted, in sentences.

    SDs are in those of one session with `standardised`, else in points; as the design says unless
    given.
    """
    use = design.standardised if standardised is None else standardised
    unit = design.total_sd if use else 1.0
    error = ", measurement error included," if design.reliability == 1 else ""
    rest = 1 - design.icc_client - design.icc_therapist
    said = [
        conversion(design, use),
        f"Of the variance in one session, clients of one therapist "
        f"carry {design.icc_client:.3g}, therapists {design.icc_therapist:.3g}, and single sessions"
        f"{error} {rest:.3g}.",
    ]
    if design.reliability < 1:
        said.append(
            f"This is the true score's variance; with a reliability of {design.reliability:g} a "
            f"score has an SD of {design.total_sd / unit / np.sqrt(design.reliability):.3g}."
        )
    if design.sessions > 1:
        change = (
            f"differ in change a session with SDs of {design.slope_sd_client / unit:.3g} and "
            f"{design.slope_sd_therapist / unit:.3g}, independent of their levels"
        )
        said.append(
            f"Clients and therapists {change if design.has_slopes else 'all change alike'}; "
            "residuals of neighbouring sessions are independent."
        )
    if design.gone[-1] > 0:
        left = f"{100 * design.gone[-1]:.3g}% leave before"
        said.append(
            f"{left} the last session, alike in all arms, and what they would have said can be "
            "told from what they did (missing at random)."
            if design.sessions > 1
            else f"{left} the one measurement and have no score, by chance and alike in all arms."
        )
        if design.dropout_odds_ratio != 1 and design.sessions > 1:
            said.append(
                f"The odds of leaving are multiplied by {design.dropout_odds_ratio:g} for each "
                "SD in the session before: in simulations; the formula takes the same curve "
                "with leaving by chance."
            )
    if design.missed.any():
        said.append(
            f"Of the sessions before that, {100 * design.missed.mean():.3g}% have no score, by "
            "chance."
            if design.gone[-1] > 0
            else f"{100 * design.missed.mean():.3g}% of sessions have no score, by chance."
        )
    if design.nested == "one_arm":
        said.append(
            "The arm without therapists has no variance between them; shares and SDs are those "
            "of the arm with therapists."
        )
    if design.randomised == "client" and design.nested == "full":
        said.append("Therapists do not differ in how much better one arm is than the other.")
    mean = float((design.layout.therapist >= 0).sum() / design.n_therapists)
    if not np.isclose(mean, design.clients_per_therapist, rtol=0.02):
        said.append(f"The caseloads count; they hold {mean:.3g} clients on average.")
    return said
