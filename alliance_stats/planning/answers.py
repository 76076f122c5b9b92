"""Power, precision and the size required: by formula where there is one, else by simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, flag, share, shown, whole
from ..errors import DesignError
from ..inference.distributions import half_width
from . import dropout, simulated, variance
from .chances import chances, check_power, check_question, checked_effect, smallest_effect
from .curve import OPERATING, curve, refuse_lists, varied_over
from .information import FIXED, certainty
from .result import ASSUMED, StudyPower, StudyPrecision
from .units import unit_of

if TYPE_CHECKING:
    from .design import StudyDesign

Question = Literal[
    "arm", "arm_by_time", "within", "between", "rupture", "dropout", "gap", "therapists"
]
DETECTED = 0.8
"""The power with which an effect counts as one that a design can find."""
METHODS = ("analytic", "simulation")
MOST = {"n_therapists": 20_000, "clients_per_therapist": 2000, "sessions": 200}
"""Where a search for the number required ends."""
CURVE = np.linspace(0.1, 2, 20)
"""Effects of the curve, in units of the effect asked about."""


def power(
    design: StudyDesign,
    effect: float,
    *,
    of: Question = "arm",
    method: Literal["analytic", "simulation"] = "analytic",
    alpha: float = 0.05,
    standardised: bool | None = None,
    replicates: int = 1000,
    seed: int = 0,
    formula: str | None = None,
    n_jobs: int | None = None,
    mc_error: float | None = None,
    resume: str | PathLike[str] | None = None,
    progress: bool = False,
    over: Mapping[str, Sequence[float]] | None = None,
) -> StudyPower:
    """How likely is a significant result, if the effect is this large?

    Parameters
    ----------
    effect
        In points of the outcome (SDs of one session with ``standardised=True``): between the last
        arm and the first; a session, for ``"arm_by_time"``; for a predictor with an SD of one.
    of
        ``"arm"`` (a difference that is the same in every session), ``"arm_by_time"`` (in change a
        session), ``"within"`` (sessions around the client's own mean), ``"between"`` (clients),
        ``"rupture"`` (a rupture on the next session), ``"gap"`` (mean of therapist minus client),
        ``"dropout"`` (difference of the last arm's share of dropout from the design's
        ``dropout_share``, or ``dropout`` where that is not given), ``"therapists"`` (their share of
        the variance in one session, in place of the design's ``icc_therapist``).
    method
        ``"analytic"`` or ``"simulation"``: studies are drawn and fitted with `fit_multilevel`.
    alpha
        Of the test: two-sided, one-sided for ``"therapists"``, since no variance is below zero.
    standardised
        Whether the effect is in SDs; as the design says unless given.
    replicates, seed, n_jobs
        Of the simulation: how many studies, drawn from where, in how many processes (by default
        one, or what ``joblib.parallel_config`` says).
    formula
        A model of your own to analyse the simulated studies with, with the columns ``score, arm,
        time, predictor, client_id, therapist_id``: shows what a wrong model costs.
    mc_error
        Where the simulation may end early: as soon as the power's Monte Carlo error is this small.
    resume
        A file in which the simulated studies are kept as they are made. If the simulation is
        stopped, the same call goes on from there.
    progress
        Whether a bar shows how far the simulation is.
    over
        What the table and picture vary: one or two of the design's arguments and ``"effect"``, with
        the values of each, such as ``{"n_therapists": [20, 40, 80], "icc_therapist": [0, 0.05]}``.
        Each by formula; by default the effect.

    Returns
    -------
    StudyPower

    Examples
    --------
    >>> import alliance_stats as al
    >>> design = al.StudyDesign(40, 6, 8, icc_client=0.45, icc_therapist=0.05, dropout=0.25)
    >>> found = design.power(0.6, of="arm")
    >>> round(found.power, 2), found.df
    (0.94, 38.0)
    >>> both = {"n_therapists": [20, 40], "icc_therapist": [0.0, 0.1]}
    >>> design.power(0.6, of="arm", over=both).table["power"].round(2).tolist()
    [0.88, 0.5, 1.0, 0.82]
    """
    check_question(design, of)
    checked_choice("method", method, METHODS)
    share(alpha, "alpha")
    checked_effect(effect)
    unit = unit_of(design, of, standardised)
    points = effect * unit.points
    varied: Mapping[str, Sequence[float]] = {"effect": (effect * CURVE).tolist()}
    if over is not None:
        varied = varied_over(over, of)
    answer: dict[str, Any] = {"mc_error": 0.0, "replicates": 0, "seed": None}
    simulating = method == "simulation" or formula is not None
    rough = simulating and of in FIXED and bool(certainty(design, of).rough)
    table = pd.DataFrame()
    if rough:  # no formula is right, so none is shown
        known = certainty(design, of)
    else:
        known, likely = chances(design, of, points, alpha)
        table = curve(design, effect, of, alpha, standardised, varied)
        answer |= dict(zip(OPERATING, likely, strict=True))
        answer |= {"std_error": known.std_error, "df": known.df}
    said = [] if simulating else [f"Degrees of freedom: {known.why}."]
    said += _assumed(design, of)
    use = design.standardised if standardised is None else standardised
    if simulating:
        asked: dict[str, Any] = {"formula": formula, "unit": unit}
        asked |= {"without": rough or formula is not None}
        asked |= {"replicates": whole(replicates, "replicates", 2)}
        asked |= {"seed": whole(seed, "seed", 0), "n_jobs": n_jobs, "alpha": alpha}
        asked |= {"resume": resume, "progress": flag(progress, "progress")}
        asked |= {"enough": None if mc_error is None else share(mc_error, "mc_error")}
        answer, told = simulated.simulated_power(design, points, of, **asked)
        said += told
        row = {name: answer[name] for name in (*OPERATING, "mc_error")}
        row |= {"effect": effect, "method": "simulation"}
        row |= {name: getattr(design, name) for name in varied if name != "effect"}
        drawn = pd.DataFrame([row])
        table = drawn if rough else pd.concat([table, drawn], ignore_index=True)
        answer |= {"method": "simulation", "seed": seed}
    if design.pilot_draws:
        answer["assurance"], told = _assurance(design, effect, of, alpha, standardised)
        said += told
    answer["std_error"] /= unit.points
    return StudyPower(
        design, of, float(effect), table=table, standardised=use, varied=tuple(varied), alpha=alpha,
        messages=(*said, *_of_design(of_effect(design, of, points), of, use)), **answer,
    )  # fmt: skip


def precision(
    design: StudyDesign,
    *,
    of: Question = "arm",
    confidence: float = 0.95,
    standardised: bool | None = None,
) -> StudyPrecision:
    """How wide will the interval be, and which effect can be found at all?

    Parameters
    ----------
    of
        As in `power`.
    confidence
        The level of the interval.
    standardised
        Whether it is told in SDs of one session; as the design says unless given.

    Returns
    -------
    StudyPrecision

    Examples
    --------
    >>> import alliance_stats as al
    >>> design = al.StudyDesign(40, 6, 8, icc_client=0.45, icc_therapist=0.05, dropout=0.25)
    >>> round(design.precision(of="arm").half_width, 2)
    0.34
    """
    check_question(design, of)
    if share(confidence) <= 1 - DETECTED:
        raise DesignError(
            f"confidence must lie above {1 - DETECTED:.1g}, not {shown(confidence)}: below it no "
            f"effect is needed for a power of {DETECTED:.0%}."
        )
    detectable = smallest_effect(design, of, DETECTED, 1 - confidence)
    if of == "therapists":
        known = variance.certainty(design, design.icc_therapist)
        half = variance.half_width(design, confidence)
    else:
        known = dropout.certainty(design) if of == "dropout" else certainty(design, of)
        half = float(half_width(known.std_error, known.df, confidence))
    use = design.standardised if standardised is None else standardised
    unit = unit_of(design, of, standardised).points
    said = [f"Degrees of freedom: {known.why}.", *_assumed(design, of)]
    return StudyPrecision(
        design, of, half / unit, known.std_error / unit, known.df, detectable / unit, confidence,
        (*said, *_of_design(design, of, use)), use,
    )  # fmt: skip


def required(
    design: StudyDesign,
    what: Literal["n_therapists", "clients_per_therapist", "sessions", "effect"],
    *,
    power: float = 0.8,
    effect: float | None = None,
    of: Question = "arm",
    alpha: float = 0.05,
    standardised: bool | None = None,
) -> StudyPower:
    """How many therapists (or clients of each, or sessions) give the power wanted?

    Everything else stays as the design has it. With ``what="effect"``, the smallest effect.

    Parameters
    ----------
    what
        What may change; the smallest ``"effect"`` on dropout is a fall.
    power, effect, of, alpha, standardised
        The power wanted, and the rest as in `power`.

    Returns
    -------
    StudyPower
        Of the smallest design that suffices, which is its ``.design``.

    Raises
    ------
    DesignError
        Where no number suffices: more clients of the same therapists often do not.

    Examples
    --------
    >>> import alliance_stats as al
    >>> design = al.StudyDesign(40, 6, 8, icc_client=0.45, icc_therapist=0.05, dropout=0.25)
    >>> design.required("n_therapists", power=0.8, effect=0.5).design.n_therapists
    38
    """
    checked_choice("what", what, ("n_therapists", "clients_per_therapist", "sessions", "effect"))
    check_power(share(power, "power"), share(alpha, "alpha"))
    check_question(design, of)
    asked: dict[str, Any] = {"of": of, "alpha": alpha, "standardised": standardised}
    if what == "effect":
        found = smallest_effect(design, of, power, alpha)
        if np.isnan(found):
            none = {
                "dropout": ("fall in dropout", "to none at all"),
                "therapists": ("share of the therapists", "all that clients leave"),
            }[of]
            raise DesignError(
                f"No {none[0]} is found with a power of {power:g}, not even {none[1]}; more "
                "therapists or clients are needed."
            )
        return design.power(found / unit_of(design, of, standardised).points, **asked)
    if effect is None:
        raise DesignError("required needs effect=, a number other than 0.")
    checked_effect(effect)
    refuse_lists(design, what)
    if of == "dropout" and what == "sessions":
        raise DesignError("Dropout is counted once for each client: sessions decide nothing here.")
    points = effect * unit_of(design, of, standardised).points
    full = what == "n_therapists" and design.nested == "full"
    each = sum(design.allocation or [1] * design.arms) if full else 1

    def changed(step: int) -> StudyDesign:
        values: dict[str, Any] = {what: step * each}  # arms of the sizes asked for
        return replace(design, **values)

    def reached(step: int) -> float:
        try:
            return chances(changed(step), of, points, alpha)[1][0]
        except DesignError:
            if step > MOST[what] // 2:  # no more are tried
                raise
            return 0.0  # too few to be a study, or for the formula

    return changed(_smallest(reached, power, what)).power(effect, **asked)


def _assurance(
    design: StudyDesign, effect: float, of: str, alpha: float, standardised: bool | None
) -> tuple[float, list[str]]:
    """Return the power averaged over what the pilot's variances may be, and how far it varies."""
    found = []
    for drawn in design.pilot_draws:
        changes: dict[str, Any] = {**drawn, "pilot_draws": ()}
        one = replace(design, **changes)
        if of in FIXED and certainty(one, of).rough:
            return float("nan"), [
                "No assurance: with variances as a study like the pilot might find them, caseloads "
                "are so unequal that no formula is right."
            ]
        points = effect * unit_of(one, of, standardised).points
        found.append(chances(one, of, points, alpha)[1][0])
    low, high = np.quantile(found, [0.1, 0.9])
    return float(np.mean(found)), [
        f"The pilot's variances are estimates: over {len(found)} studies like it, power is "
        f"{np.mean(found):.3f} on average, and between {low:.3f} and {high:.3f} in eight of ten."
    ]


def _smallest(reached: Callable[[int], float], wanted: float, what: str) -> int:
    high = 1
    while reached(high) < wanted:
        high *= 2
        if high > MOST[what]:
            why = "What is too small elsewhere stays too small: usually more therapists are needed."
            if what == "n_therapists":
                why = "The effect is too small for any study; look whether its unit is right."
            raise DesignError(
                f"No number of {what} gives a power of {wanted:g}; the most tried gives "
                f"{reached(high // 2):.2f}. {why}"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
    return high


def _assumed(design: StudyDesign, of: str) -> list[str]:
    """Return what the question takes for granted, in sentences."""
    said = [ASSUMED[of]] if of in ASSUMED else []
    if design.arms > 2 and of in ("arm", "arm_by_time", "dropout"):
        said.append(
            f"Of {design.arms} arms the last is compared with the first, in one test; alpha is not "
            "shared among several comparisons."
        )
    if of == "rupture":
        said.append(f"A rupture comes in {design.rupture_rate:.1%} of sessions, by chance.")
    if of == "dropout":
        icc = dropout.icc_of(design)
        said.append(
            f"Of the clients of the first arm {dropout.shares(design)[0]:.1%} drop out, and of the "
            f"variance of dropout therapists carry {icc:.3g}"
            f"{', as of the outcome' if design.icc_dropout is None else ''} (icc_dropout=)."
        )
    if of in ("within", "between"):
        error = design.predictor_reliability
        said.append(
            "The predictor is known without error."
            if error == 1
            else f"The predictor's reliability is {error:g}: the effect is that of its true score; "
            f"where it is not corrected for the error, the estimate is {error:g} of it."
        )
    if of == "arm_by_time" and design.slope_sd_therapist == 0:
        said.append(
            "Therapists' clients all change alike: the best case, so try some SD of slopes."
        )
    return said


def of_effect(design: StudyDesign, of: str, effect: float) -> StudyDesign:
    """Return a design with the effect in it, where that is one of its variances."""
    return replace(design, icc_therapist=effect) if of == "therapists" else design


def _of_design(design: StudyDesign, of: str, standardised: bool) -> tuple[str, ...]:
    """Return what the design says of itself; little of that bears on dropout."""
    return design.notes if of == "dropout" else (*design.notes, *design.assumptions(standardised))
