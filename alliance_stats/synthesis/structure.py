"""Who sees whom, how long, when, and what is missing: rates and shares, and draws from them.

Each is a rate of a model over ten people or more: ends of therapy have a constant hazard over
spans of sessions, begins a share of each span of quarters, absent forms a smoothed rate a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.disclosure import SMALLEST_SHOWN, WithheldError
from ..study import Study
from .forms import Form

ENDS_A_SPAN = 20  # therapies that end within a span of sessions of one hazard
SCORED = "scored: "
ALONE = "nobody sees "  # before the id of a client without a therapist, as a group of one
SMOOTH = 5.0  # sessions' worth of the overall rate in each session's own


@dataclass(frozen=True)
class Structure:
    """A study's shape.

    Attributes
    ----------
    n_alone, alone
        Number of clients without a therapist, and their shares by condition; they count in
        `n_clients`, and `conditions` is about the others.
    sites, conditions
        Shares of therapists by site (numbered anew) and of clients by condition; empty where
        unknown. `by_therapist`: a therapist works in one condition.
    spread
        Variance of caseloads over their mean, beyond chance.
    first
        The number of the first session.
    ends, hazards, reasons
        Where spans of sessions end, the hazard of ending in each, and shares of reasons in each.
    attended
        Share of sessions after the first that take place; None where it is not told.
    begins, gaps
        Share of clients who begin in each span of quarters (first, and how many); mean and SD of
        log days between sessions.
    present
        For each form, how often it is there at each session; `together`: how much a rater's forms
        are missing at once.
    """

    n_therapists: int
    n_clients: int
    n_alone: int
    sites: tuple[float, ...]
    conditions: dict[str, float]
    alone: dict[str, float]
    by_therapist: bool
    spread: float
    first: int
    ends: tuple[int, ...]
    hazards: tuple[float, ...]
    reasons: tuple[dict[str, float], ...]
    attended: float | None
    begins: dict[tuple[pd.Period, int], float]
    gaps: tuple[float, float]
    present: tuple[tuple[float, ...], ...]
    together: float


@dataclass(frozen=True)
class Drawn:
    """One study's people and sessions, no scores; whom nobody sees has a number of his own."""

    therapist: np.ndarray
    site: np.ndarray
    condition: np.ndarray
    reason: np.ndarray
    sessions: pd.DataFrame
    """``client, session, attended, date`` and whether each form is there, and can be scored."""


def with_own_groups(clients: pd.DataFrame) -> pd.DataFrame:
    """Return clients, those without a therapist as groups of one.

    So are clients of an arm without therapists coded in partially nested models (Bauer, Sterba &
    Hallfors 2008, doi 10.1080/00273170802034810).
    """
    alone = clients["therapist_id"].isna()
    own = ALONE + clients["client_id"].astype(str)
    return clients.assign(therapist_id=clients["therapist_id"].astype(object).where(~alone, own))


def learn_structure(study: Study, forms: Sequence[Form]) -> Structure:
    """Learn the shape of a study."""
    tables = study.tables
    clients, sessions = tables["clients"], tables["sessions"]
    came = held_sessions(sessions)
    reached = came.groupby("client_id")["session"].max()
    reached_by = came.groupby("session")["client_id"].nunique()
    if not (reached_by >= SMALLEST_SHOWN).any():
        raise WithheldError(
            f"At no session {SMALLEST_SHOWN} clients or more came: a model of so few tells of "
            "single ones, so nothing is made of it. Add the sessions of more clients."
        )
    longest = int(np.sort(reached.to_numpy())[-SMALLEST_SHOWN])  # nobody's own length
    first = int(reached_by.index[reached_by >= SMALLEST_SHOWN].min())
    held = came[came["session"].between(first, longest)]
    last = reached.clip(first, longest)
    is_alone = clients["therapist_id"].astype(str).str.startswith(ALONE)
    seen = clients[~is_alone]
    loads = seen.groupby("therapist_id")["client_id"].nunique()
    spread = max(float(loads.var() / loads.mean()) - 1.0, 0.0) if len(loads) > 1 else 0.0
    by_therapist, conditions = _conditions(seen)
    _, alone = _conditions(clients[is_alone])
    ends, hazards, reasons = _ends(last, tables.get("terminations"), first)
    rest = sessions[sessions["session"] > first]
    missed = len(rest) - len(held_sessions(rest))
    share = 1.0 - missed / max(len(rest), 1) if missed >= SMALLEST_SHOWN else 1.0
    begins, gaps = _calendar(held)
    present, together = _present(study, forms, held, first, ends[-1])
    return Structure(
        # where there are fewer than ten, ten: how many there are is a number of few people
        n_therapists=max(len(loads), SMALLEST_SHOWN) if len(loads) > 1 else 1,
        n_clients=len(clients),
        n_alone=int(is_alone.sum()),
        sites=_sites(clients),
        conditions=conditions or alone,
        alone=alone or conditions,
        by_therapist=by_therapist,
        spread=spread,
        first=first,
        ends=ends,
        hazards=hazards,
        reasons=reasons,
        attended=share if "attended" in sessions else None,
        begins=begins,
        gaps=gaps,
        present=present,
        together=together,
    )


def held_sessions(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions that took place."""
    if "attended" not in sessions:
        return sessions
    return sessions[sessions["attended"].astype(object) != False]  # noqa: E712


def _sites(clients: pd.DataFrame) -> tuple[float, ...]:
    """Return therapists' shares by site; sites of fewer than ten clients count to the first."""
    if "site_id" not in clients or clients["site_id"].isna().all():
        return ()
    sizes = clients.groupby("site_id")["client_id"].nunique().sort_values(ascending=False)
    shown = sizes[sizes >= SMALLEST_SHOWN]
    return tuple((shown / shown.sum()).tolist())


def _conditions(clients: pd.DataFrame) -> tuple[bool, dict[str, float]]:
    if "condition" not in clients or clients["condition"].isna().all():
        return False, {}
    sizes = clients["condition"].astype(str).value_counts()
    shown = sizes[sizes >= SMALLEST_SHOWN]
    each = clients.groupby("therapist_id")["condition"].nunique()
    shares = {str(name): float(share) for name, share in (shown / shown.sum()).items()}
    return bool((each <= 1).all()), shares


def _ends(
    last: pd.Series, terminations: pd.DataFrame | None, first: int
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[dict[str, float], ...]]:
    """Return spans of sessions, the hazard in each, and why therapies end in it."""
    reason = pd.Series("", index=last.index)
    if terminations is not None and "reason" in terminations:
        told = terminations.dropna(subset=["reason"]).drop_duplicates("client_id")
        reason = told.set_index("client_id")["reason"].reindex(last.index).fillna("")
    sizes = reason[reason != ""].value_counts()
    known = sizes[sizes >= SMALLEST_SHOWN]
    overall = {str(word): float(share) for word, share in (known / known.sum()).items()}
    numbers = np.arange(first, int(last.max()) + 1)
    ended = np.array([(last == number).sum() for number in numbers])
    at_risk = ended[::-1].cumsum()[::-1]
    ends: list[int] = []
    hazards: list[float] = []
    reasons: list[dict[str, float]] = []
    for begin, stop in _spans(ended):
        n = int(ended[begin:stop].sum())
        shown = n if n >= SMALLEST_SHOWN else 0
        inside = reason[last.between(numbers[begin], numbers[stop - 1])].value_counts()
        total = sum(inside.get(word, 0) for word in overall) + SMOOTH
        ends.append(int(numbers[stop - 1]))
        hazards.append(shown / float(at_risk[begin:stop].sum()))
        reasons.append({w: (inside.get(w, 0) + SMOOTH * p) / total for w, p in overall.items()})
    return tuple(ends), tuple(hazards), tuple(reasons)


def _spans(ended: np.ndarray) -> list[tuple[int, int]]:
    """Return spans of sessions of about one hazard; a session that ends many is one of its own."""
    found, begin = [], 0
    for place, n in enumerate(ended):
        if n >= ENDS_A_SPAN and place > begin:
            found.append((begin, place))
            begin = place
        if ended[begin : place + 1].sum() >= ENDS_A_SPAN or place == len(ended) - 1:
            found.append((begin, place + 1))
            begin = place + 1
    return found


def _calendar(
    held: pd.DataFrame,
) -> tuple[dict[tuple[pd.Period, int], float], tuple[float, float]]:
    if "date" not in held or held["date"].isna().all():
        return {}, (0.0, 0.0)
    dates = held.dropna(subset=["date"]).sort_values(["client_id", "session"])
    begins = _begins(dates.groupby("client_id")["date"].min().dt.to_period("Q"))
    days = dates.groupby("client_id")["date"].diff().dt.days / dates.groupby("client_id")[
        "session"
    ].diff().clip(lower=1)
    logs = np.log(days[days > 0])
    if len(logs) < SMALLEST_SHOWN:
        return begins, (float(np.log(7.0)), 0.0)
    return begins, (float(logs.mean()), float(logs.std()))


def _begins(quarters: pd.Series) -> dict[tuple[pd.Period, int], float]:
    """Return the share of each span of quarters in which ten clients or more begin."""
    counts = quarters.value_counts().sort_index()
    spans: list[tuple[pd.Period, int]] = []  # where each begins, and how many begin in it
    for quarter, n in zip(counts.index, counts, strict=True):
        if spans and spans[-1][1] < SMALLEST_SHOWN:
            spans[-1] = (spans[-1][0], spans[-1][1] + int(n))
        else:
            spans.append((quarter, int(n)))
    if len(spans) > 1 and spans[-1][1] < SMALLEST_SHOWN:
        few = spans.pop()[1]
        spans[-1] = (spans[-1][0], spans[-1][1] + few)
    if spans[-1][1] < SMALLEST_SHOWN:
        return {}
    edges = [*(first for first, _ in spans), counts.index[-1] + 1]
    return {
        (first, (after - first).n): n / len(quarters)
        for (first, n), after in zip(spans, edges[1:], strict=True)
    }


def _present(
    study: Study, forms: Sequence[Form], held: pd.DataFrame, first: int, last: int
) -> tuple[tuple[tuple[float, ...], ...], float]:
    """Return how often each form is there, and how much forms of one rater are missing at once."""
    keys = pd.MultiIndex.from_frame(held[["client_id", "session"]])
    there = {}
    for form in forms:
        rows = study.select(form.name)  # a form that lacks too many answers is there, unscored
        rows = rows if form.answers is not None else rows.dropna(subset=["score"])
        mine = pd.MultiIndex.from_frame(rows[["client_id", "session"]])
        there[form.name] = keys.isin(mine)
    rates, number = [], held["session"].to_numpy() - first
    n = np.bincount(number, minlength=last - first + 1)
    for form in forms:
        k = np.bincount(number, there[form.name], minlength=len(n))
        overall = float(there[form.name].mean())
        rates.append(tuple(((k + SMOOTH * overall) / (n + SMOOTH)).tolist()))
    alike = []
    for i, one in enumerate(forms):
        for other in forms[i + 1 :]:
            a, b = there[one.name], there[other.name]
            if one.rater == other.rater and 0 < a.mean() < 1 and 0 < b.mean() < 1:
                alike.append(float(np.corrcoef(a, b)[0, 1]))
    return tuple(rates), float(np.clip(np.mean(alike), 0, 1)) if alike else 0.0


def draw_structure(s: Structure, forms: Sequence[Form], rng: np.random.Generator) -> Drawn:
    """Draw people, sessions and which forms are there."""
    weight = rng.gamma(_shape(s), size=s.n_therapists) + 1e-12
    n_seen = s.n_clients - s.n_alone
    more = rng.multinomial(max(n_seen - s.n_therapists, 0), weight / weight.sum())
    loads = 1 + more
    therapist = np.repeat(np.arange(s.n_therapists), loads)[:n_seen]
    groups = s.n_therapists + s.n_alone
    site = rng.choice(len(s.sites), groups, p=s.sites) if s.sites else np.zeros(0, int)
    condition = np.zeros(s.n_clients, dtype=object)
    if s.conditions:
        size = s.n_therapists if s.by_therapist else n_seen
        drawn = _words(s.conditions, size, rng)
        drawn = drawn[therapist] if s.by_therapist else drawn
        condition = np.concatenate([drawn, _words(s.alone, s.n_alone, rng)])
    therapist = np.append(therapist, np.arange(s.n_therapists, groups))
    length, reason = _lengths(s, rng)
    client = np.repeat(np.arange(s.n_clients), length)
    session = s.first + np.arange(len(client)) - np.repeat(np.cumsum(length) - length, length)
    sessions = pd.DataFrame({"client": client, "session": session})
    outer = (session == s.first) | (session == s.first + length[client] - 1)
    came = rng.random(len(client)) < (1.0 if s.attended is None else s.attended)
    sessions["attended"] = came | outer
    if s.begins:
        sessions["date"] = _dates(s, client, sessions["session"].to_numpy() - s.first, rng)
    for form, there in zip(forms, _forms_there(s, forms, sessions, rng), strict=True):
        sessions[form.name] = there & sessions["attended"]
        sessions[SCORED + form.name] = rng.random(len(sessions)) >= form.unscored
    return Drawn(therapist, site, condition, reason, sessions)


def _words(shares: dict[str, float], n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(np.array(list(shares), dtype=object), n, p=list(shares.values()))


def _shape(s: Structure) -> float:
    """Return the gamma shape of therapists' shares that spreads caseloads as the study's."""
    mean = (s.n_clients - s.n_alone) / s.n_therapists
    return float(np.clip((mean - 1.0) / s.spread, 0.2, 1e3)) if s.spread > 0 else 1e3


def _lengths(s: Structure, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw how many sessions each client has, and why there are no more.

    Draws are stratified, so that the share that has ended at a session is the model's but for one
    client.
    """
    numbers = np.arange(s.first, s.ends[-1] + 1)
    span = np.searchsorted(s.ends, numbers)
    going = np.cumprod(1.0 - np.array(s.hazards)[span])
    length = 1 + (going[None, :-1] > _strata(s.n_clients, rng)[:, None]).sum(axis=1)
    reason = np.full(s.n_clients, "", dtype=object)
    for place, shares in enumerate(s.reasons):
        mine = np.flatnonzero(span[length - 1] == place)
        if shares and len(mine):
            edges = np.cumsum(list(shares.values()))[:-1]
            chosen = np.searchsorted(edges, _strata(len(mine), rng), side="right")
            reason[mine] = np.array(list(shares), dtype=object)[chosen]
    return length, reason


def _strata(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return uniform numbers, one in each n-th of the way from zero to one, in any order."""
    return np.asarray((rng.permutation(n) + rng.random(n)) / n)


def _dates(
    s: Structure, client: np.ndarray, place: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    spans, shares = list(s.begins), list(s.begins.values())
    chosen = rng.choice(len(spans), s.n_clients, p=shares)
    starts = np.array([first.start_time.to_datetime64() for first, _ in spans])[chosen]
    days = 90 * np.array([quarters for _, quarters in spans])[chosen]
    begin = starts.astype("datetime64[D]") + rng.integers(0, days)
    days = np.maximum(np.round(np.exp(rng.normal(*s.gaps, len(client)))), 1.0)
    days[place == 0] = 0
    total = np.cumsum(days)
    total -= total[np.flatnonzero(place == 0)][client]
    return (begin[client] + total.astype("timedelta64[D]")).astype("datetime64[us]")


def _forms_there(
    s: Structure, forms: Sequence[Form], sessions: pd.DataFrame, rng: np.random.Generator
) -> list[np.ndarray]:
    n, place = len(sessions), sessions["session"].to_numpy() - s.first
    common = {form.rater: rng.random(n) for form in forms}
    found = []
    for form, rates in zip(forms, s.present, strict=True):
        own = np.where(rng.random(n) < s.together, common[form.rater], rng.random(n))
        found.append(own < np.array(rates)[place])
    return found
