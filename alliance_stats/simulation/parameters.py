"""The parameters of a simulated study: names, units, defaults, bounds.

The fields of `Parameters` are the keyword arguments of `simulate_study`; its signature and the
list in its documentation are made from them, so that each is written once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import date
from typing import Any

import numpy as np

from ..core.arguments import flag, is_number, shown
from ..errors import DesignError, did_you_mean


def _count(default: int, meaning: str, low: int = 1, high: float = math.inf) -> Any:
    return _field(default, "whole number", meaning, low, high)


def _sd(default: float, unit: str, meaning: str) -> Any:
    return _field(default, unit, meaning, 0.0, math.inf)


def _real(default: float, unit: str, meaning: str) -> Any:
    return _field(default, unit, meaning, -math.inf, math.inf)


def _share(default: float, meaning: str) -> Any:
    return _field(default, "probability", meaning, 0.0, 1.0)


def _switch(default: bool, meaning: str) -> Any:
    return field(default=default, metadata={"unit": "True or False", "meaning": meaning})


def _text(default: str, meaning: str) -> Any:
    return field(default=default, metadata={"unit": "text", "meaning": meaning})


def _field(default: float, unit: str, meaning: str, low: float, high: float) -> Any:
    bounds = {"unit": unit, "meaning": meaning, "low": low, "high": high}
    return field(default=default, metadata=bounds)


_PTS = "points of an answer"
_SCORE = "points of the outcome score"
_ODDS = "log odds"


@dataclass(frozen=True)
class Parameters:
    """Everything that `simulate_study` can be told, with defaults near published sizes."""

    # Who takes part
    n_therapists: int = _count(40, "therapists")
    n_clients: int = _count(320, "clients, at least one a therapist")
    n_sites: int = _count(3, "sites; therapists are spread evenly over them")
    planned_sessions: float = _field(
        15.0, "sessions", "mean of the number of sessions planned", 1.0, 1000.0
    )
    planned_sessions_sd: float = _sd(5.0, "sessions", "its sd between clients (at least 1 each)")
    missed_rate: float = _share(0.06, "a session after the first does not take place")
    start_date: str = _text("2021-01-11", "first day on which a therapy may begin (ISO)")
    intake_days: int = _count(730, "days over which therapies begin")

    # Instruments
    alliance_measure: str = _text("wai-sr", "card of the alliance measure, both raters")
    outcome_measure: str = _text("core-10", "card of the outcome measure, client-rated")

    # Alliance as the client sees it, in the unit of one answer (an item mean)
    alliance_mean: float = _real(3.85, _PTS, "mean in session 1 of an average client")
    alliance_trend: float = _real(0.015, f"{_PTS} a session", "mean slope over sessions")
    alliance_trend_sd: float = _sd(0.01, f"{_PTS} a session", "sd of slopes between clients")
    alliance_site_sd: float = _sd(0.0, _PTS, "sd between sites")
    alliance_therapist_sd: float = _sd(0.17, _PTS, "sd between therapists")
    alliance_client_sd: float = _sd(0.50, _PTS, "sd between clients of one therapist")
    alliance_within_sd: float = _sd(0.45, _PTS, "sd between sessions of one client, no rupture")
    autocorrelation: float = _field(
        0.30, "correlation", "of neighbouring sessions within a client", -0.999, 0.999
    )

    # Ruptures and repairs
    rupture_rate: float = _share(0.06, "a rupture begins in a session that is not in rupture")
    rupture_depth: float = _sd(0.90, _PTS, "mean fall of the client's alliance in a rupture")
    rupture_depth_sd: float = _sd(0.25, _PTS, "its sd between ruptures (never below 0.05)")
    repair_probability: float = _share(0.55, "a rupture is repaired in each session that follows")

    # The therapist's ratings (truth and bias: truth is the client's rating)
    therapist_bias: float = _real(-0.40, _PTS, "directional bias: therapist minus client")
    therapist_bias_sd: float = _sd(0.35, _PTS, "its sd between dyads")
    truth_force: float = _real(0.40, "slope", "therapist's change for a client change of 1")
    truth_force_sd: float = _sd(0.10, "slope", "its sd between dyads")
    therapist_noise_sd: float = _sd(0.25, _PTS, "sd of the therapist's own noise in a session")

    # Answers
    item_sd: float = _sd(0.35, _PTS, "sd of a client's lasting leaning on single items")
    answer_sd: float = _sd(0.50, _PTS, "sd of single answers around that")
    item_error: bool = _switch(
        False, "answers' errors stay in the score (else they cancel out within a session's form)"
    )
    item_missing_rate: float = _share(0.01, "one answer is left out")
    client_form_missing_rate: float = _share(0.04, "the client's form of a session is missing")
    therapist_form_missing_rate: float = _share(0.08, "the therapist's form is missing")

    # Outcome before each session
    outcome_mean: float = _real(20.0, _SCORE, "mean before session 1 of an average client")
    outcome_trend: float = _real(-0.35, f"{_SCORE} a session", "mean slope over sessions")
    outcome_trend_sd: float = _sd(0.25, f"{_SCORE} a session", "sd of slopes between clients")
    outcome_therapist_sd: float = _sd(1.2, _SCORE, "sd between therapists")
    outcome_client_sd: float = _sd(4.5, _SCORE, "sd between clients of one therapist")
    outcome_within_sd: float = _sd(2.8, _SCORE, "sd between sessions of one client")
    outcome_autocorrelation: float = _field(
        0.30, "correlation", "of neighbouring sessions, alliance apart", -0.999, 0.999
    )
    outcome_lag: int = _count(1, "sessions between the alliance and the outcome it acts on", 0)
    outcome_within_effect: float = _real(
        -1.0, f"{_SCORE} for 1 point of alliance", "effect of the client's own better session"
    )
    outcome_between_effect: float = _real(
        -2.0, f"{_SCORE} for 1 point of alliance", "difference between clients who differ by 1"
    )

    # How therapies end
    dropout_hazard: float = _share(0.020, "dropout after a session, alliance average")
    dropout_within_effect: float = _real(-0.9, f"{_ODDS} for 1 point", "the session's alliance")
    dropout_between_effect: float = _real(-0.6, f"{_ODDS} for 1 point", "the client's level")
    dropout_therapist_sd: float = _sd(0.30, _ODDS, "sd of therapists' dropout")
    transfer_hazard: float = _share(0.002, "transfer after a session")
    administrative_hazard: float = _share(0.002, "administrative end after a session")
    mutual_hazard: float = _share(0.005, "agreed early end after a session")
    ongoing_share: float = _share(0.0, "a client is still in therapy when the data end")

    # Who reports ruptures and repairs
    client_sensitivity: float = _share(0.35, "the client reports a rupture or repair that was")
    therapist_sensitivity: float = _share(0.50, "the therapist reports one that was")
    false_report_rate: float = _share(0.02, "a rater reports a rupture that was not")

    # Further tables
    assessments: bool = _switch(True, "outcome scores at pre, post and follow-up")
    forecasts: bool = _switch(True, "therapists' forecasts of each client's outcome")
    forecast_optimism: float = _real(1.0, _ODDS, "therapists' optimism in their forecasts")
    observer_codes: bool = _switch(True, "rupture and resolution markers of coded sessions")
    principle_codes: bool = _switch(True, "extent of the thirteen principles, coded sessions")
    coded_share: float = _share(0.08, "a session is coded by observers")
    principle_effect: float = _real(
        0.8, "points of extent", "more of a repairing principle where the repair comes next"
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            _check(one, getattr(self, one.name))
        if self.n_clients < self.n_therapists:
            raise DesignError(
                "Each therapist needs at least one client: n_clients must be n_therapists "
                f"({self.n_therapists}) or more, and is {self.n_clients}."
            )
        if self.n_sites > self.n_therapists:
            raise DesignError(
                "Each site needs at least one therapist: n_sites must be at most n_therapists "
                f"({self.n_therapists}), and is {self.n_sites}."
            )
        ends = self.dropout_hazard + self.transfer_hazard
        if ends + self.administrative_hazard + self.mutual_hazard > 1:
            raise DesignError(
                "dropout_hazard, transfer_hazard, administrative_hazard and mutual_hazard are "
                "ways to end after one session: together they must be at most 1."
            )


def read_parameters(given: Mapping[str, Any]) -> Parameters:
    """Return the parameters, with a clear error for a name that is not one."""
    names = [one.name for one in fields(Parameters)]
    for name in given:
        if name not in names:
            raise DesignError(
                f"simulate_study has no parameter '{name}'.{did_you_mean(name, names)} "
                "help(alliance_stats.simulate_study) lists them all."
            )
    return Parameters(**given)


def _check(one: Field[Any], value: Any) -> None:
    if isinstance(one.default, bool):
        flag(value, one.name)
    elif isinstance(one.default, str):
        if not isinstance(value, str) or not value.strip():
            raise DesignError(f"{one.name} must be a text, not {shown(value)}.")
        if one.name == "start_date":
            try:
                date.fromisoformat(value)
            except ValueError:
                raise DesignError(
                    f"start_date must be a day such as '2021-01-11', not {value!r}."
                ) from None
    else:
        _check_number(one, value)


def _check_number(one: Field[Any], value: Any) -> None:
    low, high = one.metadata["low"], one.metadata["high"]
    count = isinstance(one.default, int)
    fits = isinstance(value, int | np.integer) or not count
    if is_number(value) and fits and low <= value <= high:
        return
    where = f" from {low:g} to {high:g}"
    if math.isinf(high):
        where = f" of {low:g} or more" if math.isfinite(low) else ""
    raise DesignError(
        f"{one.name} must be a {'whole ' * count}number{where} ({one.metadata['unit']}), "
        f"not {shown(value)}."
    )
