"""`simulate_study`: a study whose truth is known."""

from __future__ import annotations

import inspect
import zlib
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import whole
from ..errors import DesignError
from ..instruments import load_principles, load_registry
from ..study import Study
from ..study.truth import Truth
from . import coding, judgements, reports, tables
from .answers import Instrument, instrument
from .course import draw_course, draw_people
from .endings import REASONS, draw_endings
from .parameters import Parameters, read_parameters
from .tables import Simulated


def simulate_study(*, seed: int | None = None, **parameters: Any) -> Study:
    """Make a study with known truth: what would my analysis find if the world were like this?

    Therapists see clients, clients come to sessions, and both rate the alliance afterwards on
    the items of a real instrument; clients fill in an outcome measure before each session.

    - The **alliance** of client *i* with therapist *j* in session *t*, as the client feels it,
      is ``alliance_mean + site + therapist + client + slope * (t - 1) + w - deficit``. ``w`` is
      a stationary first-order autoregression with sd ``alliance_within_sd``; ``deficit`` is the
      depth of a rupture from the session it begins until the session that repairs it.
    - The **therapist's** rating is ``client's mean + bias + force * (alliance - client's mean) +
      noise``: the truth-and-bias model with the client's rating as truth.
    - The **outcome** before session *t* has therapist, client and session variance of its own,
      a slope, ``outcome_within_effect`` times the within part (``w - deficit``) of the alliance
      `outcome_lag` sessions earlier, and ``outcome_between_effect`` times the client's level.
    - **Dropout** after a session has log odds ``logit(dropout_hazard) + dropout_within_effect *
      (w - deficit) + dropout_between_effect * level + therapist``; transfer, administrative and
      agreed early ends compete; who is left completes as planned.
    - **Answers** score back to the latent rating: the item mean differs from it by at most half
      an answer's step divided by the number of items, unless it lies outside the instrument's
      range, where it is cut (`Study.truth` keeps it uncut).

    Everything is drawn from streams of their own, so that switching a table off or changing how
    many forms are missing leaves the rest of the study as it was.

    Parameters
    ----------
    seed
        A whole number; the same seed and parameters give the same study. Without one, a seed
        is drawn and kept in ``study.truth["seed"]``.
    {parameters}

    Returns
    -------
    Study
        With the tables therapists, clients, sessions, ratings, terminations, events and, unless
        switched off, assessments, forecasts, observer_codes and principle_codes; ``.synthetic``
        is True and ``.truth`` holds every parameter and what was realised (`Truth`).

    Raises
    ------
    DesignError
        A name that is no parameter (the nearest is offered), or a value out of bounds.
    MeasureError
        A measure that is not known, or whose total is not a sum or mean of items.

    Notes
    -----
    The default sizes are near published ones: clients rate above therapists by about 0.6 sd
    (Tryon et al. 2007), about a quarter drop out (Swift & Greenberg 2012,
    doi:10.1037/a0028226, found 19.7 %, more in routine care), therapists carry about 5 % of the
    variance. They are a starting point for a design, not estimates of any population.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=40, dropout_hazard=0.05, seed=1)
    >>> study.truth["dropout_hazard"]
    0.05
    """
    p = read_parameters(parameters)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    seed = whole(seed, "seed", 0)
    registry = load_registry()
    alliance = instrument(registry[p.alliance_measure], raters=("client", "therapist"))
    outcome = instrument(registry[p.outcome_measure], raters=("client",))
    _check_levels(p, alliance, outcome)
    s = _draw(p, seed)
    frames = {
        "therapists": tables.therapists(s),
        "clients": tables.clients(s),
        "sessions": tables.sessions(s),
        "ratings": tables.ratings(s, alliance, outcome),
        "terminations": tables.terminations(s),
        "events": reports.draw_events(p, s.course, s.held, s.client_ids, s.stream),
        **_further_tables(s, outcome, registry),
    }
    return Study(
        f"simulated-{seed}",
        frames,
        measures=registry,
        truth=_truth(s, seed),
        synthetic=True,
    )


def _draw(p: Parameters, seed: int) -> Simulated:
    def stream(name: str) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(name.encode())])

    people = draw_people(p, stream)
    course = draw_course(p, people, stream)
    return Simulated(p, people, course, draw_endings(p, people, course, stream), stream)


def _further_tables(s: Simulated, outcome: Instrument, registry: Any) -> dict[str, pd.DataFrame]:
    p, ids = s.p, s.client_ids
    made: dict[str, pd.DataFrame] = {}
    if p.assessments:
        made["assessments"] = judgements.draw_assessments(
            p, s.course.outcome, s.endings, outcome, ids, s.stream
        )
    if p.forecasts:
        made["forecasts"] = judgements.draw_forecasts(p, s.people, ids, s.therapist_ids, s.stream)
    if p.observer_codes or p.principle_codes:
        coded = coding.choose_sessions(p, s.course, s.held, s.stream)
        if p.observer_codes:
            made["observer_codes"] = coding.draw_markers(
                coded, registry["3rs"].coding.families, ids, s.stream
            )
        if p.principle_codes:
            serves = {one.name: one.serves for one in load_principles().values()}
            made["principle_codes"] = coding.draw_principles(p, coded, serves, ids, s.stream)
    return made


def _truth(s: Simulated, seed: int) -> Truth:
    client, session = np.nonzero(s.in_therapy)
    bias, force = s.bias_and_force
    course = s.course
    latent = {
        "attended": course.attended,
        "alliance": course.alliance,
        "alliance_within": course.within,
        "therapist_alliance": s.therapist_view,
        "outcome": course.outcome,
        "rupture": course.rupture,
        "in_rupture": course.in_rupture,
        "repair": course.repair,
        "depth": course.depth,
    }
    realised = {name: values[client, session] for name, values in latent.items()}
    return Truth(
        parameters={"seed": seed, **asdict(s.p)},
        sessions=pd.DataFrame(
            {"client_id": s.client_ids.take(client), "session": session + 1, **realised}
        ),
        clients=pd.DataFrame(
            {
                "client_id": s.client_ids,
                "therapist_id": s.therapist_ids.take(s.people.therapist_of_client),
                "alliance_level": s.people.alliance_level,
                "therapist_bias": bias,
                "truth_force": force,
                "planned_sessions": s.people.planned,
                "reason": pd.Index(REASONS, dtype=s.client_ids.dtype).take(s.endings.reason),
            }
        ),
        therapists=pd.DataFrame(
            {
                "therapist_id": s.therapist_ids,
                "alliance_effect": s.people.therapist_alliance,
                "outcome_effect": s.people.therapist_outcome,
                "dropout_effect": s.people.therapist_dropout,
            }
        ),
    )


def _check_levels(p: Parameters, alliance: Instrument, outcome: Instrument) -> None:
    """Refuse a mean that the instrument cannot show."""
    for name, value, form in (
        ("alliance_mean", p.alliance_mean, alliance),
        ("outcome_mean", float(outcome.item_mean(p.outcome_mean)), outcome),
    ):
        if not form.low <= value <= form.high:
            scale = form.points_per_step if name == "outcome_mean" else 1.0
            raise DesignError(
                f"{name} must lie in the range of {form.measure}, from {form.low * scale:g} to "
                f"{form.high * scale:g}, and is {getattr(p, name):g}."
            )


def _parameter_docs() -> str:
    """Return the parameters in the numpy style, made from their fields."""
    lines = []
    for one in fields(Parameters):
        default = f'"{one.default}"' if isinstance(one.default, str) else one.default
        lines += [
            f"{one.name}",
            f"    {one.metadata['meaning'][0].upper()}{one.metadata['meaning'][1:]} "
            f"({one.metadata['unit']}; default {default}).",
        ]
    return "\n    ".join(lines)


def _signature() -> inspect.Signature:
    """Show each parameter with its default in ``help`` and in editors."""
    kind = inspect.Parameter.KEYWORD_ONLY
    shown = [
        inspect.Parameter(one.name, kind, default=one.default, annotation=one.type)
        for one in fields(Parameters)
    ]
    seed = inspect.Parameter("seed", kind, default=None, annotation="int | None")
    return inspect.Signature([*shown, seed], return_annotation="Study")


simulate_study.__signature__ = _signature()  # type: ignore[attr-defined]
if simulate_study.__doc__:  # absent under python -OO
    simulate_study.__doc__ = simulate_study.__doc__.replace("{parameters}", _parameter_docs())
