"""From arrays of clients × sessions to the tables of a study."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from .answers import Instrument, draw_answers
from .course import Course, Flags, Floats, Ints, People, Streams
from .endings import REASONS, Endings
from .judgements import dates_of_sessions
from .parameters import Parameters

TRAININGS = ("psychodynamic", "cognitive-behavioural", "humanistic")
CONDITIONS = ("standard", "alliance-focused")


@dataclass(frozen=True)
class Simulated:
    """All that was drawn for one study, before it becomes tables."""

    p: Parameters
    people: People
    course: Course
    endings: Endings
    stream: Streams

    @cached_property
    def in_therapy(self) -> Flags:
        """Sessions up to the last one that took place, missed ones included."""
        position = np.arange(self.course.attended.shape[1])
        return np.asarray(position < self.endings.last_session[:, None], dtype=bool)

    @cached_property
    def held(self) -> Flags:
        """Sessions that took place before the therapy ended."""
        return self.in_therapy & self.course.attended

    @cached_property
    def client_ids(self) -> pd.Index:
        """The clients' ids: ``C0001`` and so on."""
        return _ids("C", len(self.people.planned))

    @cached_property
    def therapist_ids(self) -> pd.Index:
        """The therapists' ids: ``T01`` and so on."""
        return _ids("T", self.p.n_therapists)

    @cached_property
    def site_ids(self) -> pd.Index:
        """The sites' ids: ``S1`` and so on."""
        return _ids("S", self.p.n_sites)

    @cached_property
    def bias_and_force(self) -> tuple[Floats, Floats]:
        """Each dyad's directional bias and truth force."""
        rng, n = self.stream("dyads"), len(self.people.planned)
        bias = rng.normal(self.p.therapist_bias, self.p.therapist_bias_sd, n)
        return bias, rng.normal(self.p.truth_force, self.p.truth_force_sd, n)

    @cached_property
    def therapist_view(self) -> Floats:
        """The therapist's latent rating: the client's own mean, bias, truth force, noise."""
        bias, force = self.bias_and_force
        seen = np.where(self.held, self.course.alliance, 0.0)
        mean = (seen.sum(axis=1) / self.held.sum(axis=1))[:, None]
        noise = self.stream("therapist noise").normal(
            0.0, self.p.therapist_noise_sd, self.held.shape
        )
        deviation = self.course.alliance - mean
        return np.asarray(mean + bias[:, None] + force[:, None] * deviation + noise)


def therapists(s: Simulated) -> pd.DataFrame:
    """Return the table `therapists`."""
    rng = s.stream("therapists")
    n = s.p.n_therapists
    return pd.DataFrame(
        {
            "therapist_id": s.therapist_ids,
            "site_id": s.site_ids.take(s.people.site_of_therapist),
            "training": _labels(TRAININGS, rng.integers(0, len(TRAININGS), n), s),
            "years_experience": np.round(rng.gamma(2.0, 4.0, n), 0),
        }
    )


def clients(s: Simulated) -> pd.DataFrame:
    """Return the table `clients`; the condition is drawn at random and changes nothing."""
    condition = s.stream("conditions").integers(0, len(CONDITIONS), len(s.client_ids))
    therapist = s.people.therapist_of_client
    return pd.DataFrame(
        {
            "client_id": s.client_ids,
            "therapist_id": s.therapist_ids.take(therapist),
            "site_id": s.site_ids.take(s.people.site_of_therapist[therapist]),
            "condition": _labels(CONDITIONS, condition, s),
        }
    )


def sessions(s: Simulated) -> pd.DataFrame:
    """Return the table `sessions`: every session up to the last that took place."""
    client, session = np.nonzero(s.in_therapy)
    n_clients, n_sessions = s.in_therapy.shape
    dates = dates_of_sessions(s.p, n_clients, n_sessions, s.stream)
    return pd.DataFrame(
        {
            "client_id": s.client_ids.take(client),
            "session": session + 1,
            "therapist_id": s.therapist_ids.take(s.people.therapist_of_client[client]),
            "date": pd.to_datetime(dates[client, session]).astype("datetime64[us]"),
            "attended": s.course.attended[client, session],
        }
    )


def terminations(s: Simulated) -> pd.DataFrame:
    """Return the table `terminations`."""
    n = len(s.client_ids)
    return pd.DataFrame(
        {
            "client_id": s.client_ids,
            "last_session": s.endings.last_session,
            "reason": _labels(REASONS, s.endings.reason, s),
            "definition": _labels(("simulated",), np.zeros(n, int), s),
            "judged_by": _labels(("therapist",), np.zeros(n, int), s),
        }
    )


def ratings(s: Simulated, alliance: Instrument, outcome: Instrument) -> pd.DataFrame:
    """Return the table `ratings`: alliance by client and therapist, outcome by the client."""
    levels = [
        (alliance, "client", s.course.alliance, s.p.client_form_missing_rate),
        (alliance, "therapist", s.therapist_view, s.p.therapist_form_missing_rate),
        (outcome, "client", outcome.item_mean(s.course.outcome), s.p.client_form_missing_rate),
    ]
    blocks = [_block(s, *one) for one in levels]
    return _long(s, blocks)


def _block(
    s: Simulated, form: Instrument, rater: str, level: Floats, form_missing: float
) -> dict[str, Any]:
    """Draw one rater's answers on one measure, for every form that was filled in."""
    rng = s.stream(f"answers of the {rater} to {form.measure}")
    filled = s.held & (rng.random(s.held.shape) >= form_missing)
    client, session = np.nonzero(filled)
    spread = (form.high - form.low) / 4.0  # sd are stated for answers from 1 to 5
    values = draw_answers(
        form,
        level[client, session],
        client,
        item_sd=s.p.item_sd * spread,
        answer_sd=s.p.answer_sd * spread,
        item_error=s.p.item_error,
        rng=rng,
    )
    values[rng.random(values.shape) < s.p.item_missing_rate] = np.nan
    return {"form": form, "rater": rater, "client": client, "session": session, "values": values}


def _long(s: Simulated, blocks: list[dict[str, Any]]) -> pd.DataFrame:
    """Lay blocks of rows × items out as one long table, sorted by client, session and rater."""
    sizes = [len(one["form"].items) for one in blocks]
    client = np.concatenate([np.repeat(b["client"], k) for b, k in zip(blocks, sizes, strict=True)])
    session = np.concatenate(
        [np.repeat(b["session"], k) for b, k in zip(blocks, sizes, strict=True)]
    )
    item = np.concatenate([np.tile(b["form"].items, len(b["client"])) for b in blocks])
    value = np.concatenate([b["values"].ravel() for b in blocks])
    block = np.repeat(np.arange(len(blocks)), [b["values"].size for b in blocks])
    order = np.lexsort((block, session, client))  # stable: items stay in their order
    raters = tuple(b["rater"] for b in blocks)
    measures = tuple(b["form"].measure for b in blocks)
    return pd.DataFrame(
        {
            "client_id": s.client_ids.take(client[order]),
            "session": session[order] + 1,
            "rater": _labels(raters, block[order], s),
            "measure": _labels(measures, block[order], s),
            "item": item[order],
            "value": value[order],
        }
    )


def _ids(letter: str, n: int) -> pd.Index:
    width = max(len(str(n)), 2 if letter != "S" else 1)
    return pd.Index([f"{letter}{number:0{width}d}" for number in range(1, n + 1)])


def _labels(names: tuple[str, ...], codes: Ints, s: Simulated) -> pd.Index:
    return pd.Index(names, dtype=s.client_ids.dtype).take(codes)
