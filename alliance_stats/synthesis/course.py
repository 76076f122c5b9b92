"""How scores move: levels and changes of clients and therapists, and sessions that carry over.

All scores of a session are one vector: fixed course + therapist + client's level and change +
within, where the within part is a first-order vector autoregression. Its parameters are found
by indirect inference (Gourieroux, Monfort & Renault 1993, doi 10.1002/jae.3950080507): the
models that a reader would fit (variance components of each score and of the sum of each two, and
the regression of a client's deviations on those of the session before) are fitted to the study
and to what is drawn, and the parameters move until both agree. Rounding to steps, ends of a scale
and missing forms are in the draws, and so in what is matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..multilevel.fit import fitted
from ..multilevel.result import MultilevelFit
from ..study import Study
from .forms import Form
from .structure import SCORED, Drawn

ROUNDS = 15
STEP = 0.6  # share of what is apart that parameters move by; a whole step would swing
ENOUGH = 0.005  # distance of variances (as shares) and lags at which a search may end
UNIT = 10.0  # sessions, so that variances of changes are of the size of those of levels
STATIONARY = 0.95  # largest eigenvalue of what is carried over
FEWEST_PAIRS = 30  # neighbouring sessions that a lagged effect needs

Array = np.ndarray


@dataclass(frozen=True)
class Told:
    """What models tell of scores, in SDs of each score.

    Attributes
    ----------
    fixed
        A row a form: coefficients of the course.
    client
        Covariances of clients' levels, then of their changes a session.
    therapist, within
        Covariances between therapists, and of sessions around the client's course.
    lag
        Deviations from a client's mean regressed on those of the session before (columns).
    """

    fixed: Array
    client: Array
    therapist: Array
    within: Array
    lag: Array

    def plus(self, other: Told, sign: float) -> Told:
        """Return the sum (or difference) of what is told."""
        return Told(
            *(
                getattr(self, name) + sign * getattr(other, name)
                for name in self.__dataclass_fields__
            )
        )

    @property
    def size(self) -> float:
        """The length of its course, variances of levels and lags as one vector.

        A variance of changes may be one that carry-over alone makes larger than it is.
        """
        k = len(self.therapist)
        levels = np.diag(self.client)[:k]
        parts = (self.fixed, levels, np.diag(self.therapist), np.diag(self.within), self.lag)
        return float(np.sqrt(sum((part**2).sum() for part in parts)))


@dataclass(frozen=True)
class Course:
    """A model of the scores of a study."""

    means: Array
    sds: Array
    told: Told
    terms: tuple[str, ...]
    slopes: bool
    conditions: tuple[str, ...]

    def formula(self, *, slope: bool, therapists: bool) -> str:
        """Return a model that tells of one score: the plain one, or the full one with slopes."""
        client = "(1 + time | client)" if slope else "(1 | client)"
        groups = f"{client} + (1 | therapist)" if therapists else client
        terms = self.terms if slope or not self.slopes else ("time",)
        return f"outcome ~ {' + '.join(terms)} + {groups}"


def scores_of(study: Study, forms: Sequence[Form], first: int) -> pd.DataFrame:
    """Return a study's scores, a row a client and session and a column a form."""
    clients = study.tables["clients"].set_index("client_id")
    frame = pd.DataFrame(columns=["client_id", "session"])
    for form in forms:
        rows = study.select(form.name).dropna(subset=["score"])
        own = rows[["client_id", "session", "score"]].drop_duplicates(["client_id", "session"])
        frame = frame.merge(
            own.rename(columns={"score": form.name}), on=["client_id", "session"], how="outer"
        )
    frame["therapist"] = frame["client_id"].map(clients["therapist_id"])
    if "condition" in clients:
        frame["condition"] = frame["client_id"].map(clients["condition"])
    frame = frame.rename(columns={"client_id": "client"})
    return with_time(frame, first)


def with_time(frame: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return rows with the columns of the course; changes are counted in ten sessions."""
    frame = frame[frame["session"] >= first]
    time = frame["session"].to_numpy(dtype=float) - first
    frame = frame.assign(time=time / UNIT, early=np.log1p(time))
    return frame.dropna(subset=["therapist"])


def learn_course(
    scores: pd.DataFrame,
    of_all: pd.DataFrame,
    forms: Sequence[Form],
    conditions: Sequence[str],
    drawn: Drawn,
    seed: Any,
) -> Course:
    """Find the parameters under which what is drawn tells what the study tells.

    Variances are those of all; means and what is carried over, of the clients in `scores`.
    """
    names = [form.name for form in forms]
    several = bool(scores.groupby("client").size().median() >= 3)
    terms = ("time", "early") if several else ("1",)
    if len(conditions) > 1:
        scores, of_all = (_with_known(one, conditions) for one in (scores, of_all))
        terms = (*terms, "condition", *(("condition:time",) if several else ()))
    values = scores[names]
    model = Course(
        values.mean().to_numpy(),
        np.maximum(values.std().to_numpy(), 1e-9),
        Told(*(np.zeros(0) for _ in range(5))),
        terms,
        several,
        tuple(conditions),
    )
    people, near = _told(model, of_all, names, {})
    target, near = _told(model, scores, names, near)
    target = replace(people, fixed=target.fixed, lag=target.lag)
    best, closest = replace(model, told=target), np.inf
    noise, wanted = _Noise.draw(drawn, len(forms), seed), target
    for number in range(ROUNDS):
        trial = replace(model, told=_possible(wanted))
        made = draw_scores(trial, forms, drawn, noise)
        seen = {name: made[name].where(drawn.sessions[SCORED + name]) for name in names}
        found, near = _told(model, made.assign(**seen), names, near, same_rows=number > 0)
        apart = target.plus(found, -1.0)
        if apart.size < closest:
            best, closest = trial, apart.size
        if closest < ENOUGH:
            break
        wanted = trial.told.plus(apart, STEP)
    return best


def _with_known(scores: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Return rows with the rare conditions, of which no effect is learned, put to the first."""
    known = scores["condition"].isin(conditions)
    return scores.assign(condition=scores["condition"].where(known, conditions[0]))


@dataclass(frozen=True)
class _Noise:
    """Random numbers of one study, the same in every round."""

    client: Array
    therapist: Array
    session: Array

    @classmethod
    def draw(cls, drawn: Drawn, k: int, seed: Any) -> _Noise:
        rng = np.random.default_rng(seed)
        n, m = len(drawn.therapist), int(drawn.therapist.max()) + 1
        people = rng.standard_normal((n, 2 * k)), rng.standard_normal((m, k))
        client, therapist = _people(*people, drawn.therapist) if m > 1 else people
        return cls(client, therapist, rng.standard_normal((len(drawn.sessions), k)))


def _people(client: Array, therapist: Array, of_client: Array) -> tuple[Array, Array]:
    """Return random numbers of clients and therapists whose moments are exactly those of chance.

    What clients of a therapist have in common by chance would else hide a small variance between
    therapists, or make one where none is.
    """
    n, m = np.bincount(of_client)[:, None], therapist.shape[1]
    means = np.stack([np.bincount(of_client, column) for column in client.T], axis=1) / n
    inside = client - means[of_client]
    free = len(client) - len(n)
    inside = _white(inside, free) if free > 2 * inside.shape[1] else inside
    both = _white(np.hstack([therapist, means * np.sqrt(n)]), len(n) - 1)
    return inside + (both[:, m:] / np.sqrt(n))[of_client], both[:, :m]


def _white(values: Array, free: int) -> Array:
    """Return columns with the mean 0, variance 1 and no correlation, where rows suffice."""
    values = values - values.mean(axis=0)
    if free <= 2 * values.shape[1]:
        sd = np.sqrt((values**2).sum(axis=0) / max(free, 1))
        return np.asarray(values / np.maximum(sd, 1e-9))
    root = np.linalg.cholesky(values.T @ values / free)
    return np.asarray(np.linalg.solve(root, values.T).T)


def draw_scores(
    course: Course, forms: Sequence[Form], drawn: Drawn, noise: _Noise | Any
) -> pd.DataFrame:
    """Draw the scores of a study whose people and sessions are drawn.

    Returns
    -------
    pandas.DataFrame
        The columns of `scores_of`; a score is on its form's steps, and missing where the form is.
    """
    if not isinstance(noise, _Noise):
        noise = _Noise.draw(drawn, len(forms), noise)
    told, k, sessions = course.told, len(forms), drawn.sessions
    client = sessions["client"].to_numpy()
    first = int(sessions["session"].min())
    frame = sessions[["client", "session"]].assign(
        therapist=drawn.therapist[client], condition=drawn.condition[client]
    )
    frame = with_time(frame, first)
    time = frame["time"].to_numpy()
    own = noise.client @ _root(told.client).T
    total = own[client, :k] + own[client, k:] * time[:, None]
    total += (noise.therapist @ _root(told.therapist).T)[drawn.therapist[client]]
    total += _within(told, noise.session, client)
    X = _fixed_columns(course, frame)
    total += X @ told.fixed.T
    for place, form in enumerate(forms):
        score = form.rounded(course.means[place] + course.sds[place] * total[:, place])
        frame[form.name] = np.where(sessions[form.name], score, np.nan)
    return frame


def _fixed_columns(course: Course, frame: pd.DataFrame) -> Array:
    columns: list[Array] = [np.ones(len(frame))]
    time = frame["time"].to_numpy(dtype=float)
    if course.slopes:
        columns += [time, frame["early"].to_numpy(dtype=float)]
    if len(course.conditions) > 1:
        arm = frame["condition"].to_numpy()
        arms: list[Array] = [(arm == name).astype(float) for name in course.conditions[1:]]
        columns += arms
        columns += [one * time for one in arms] if course.slopes else []
    return np.stack(columns, axis=1)


def _within(told: Told, noise: Array, client: Array) -> Array:
    """Return the autoregression: each client's first session is stationary."""
    new = told.within - told.lag @ told.within @ told.lag.T
    begin, shock = noise @ _root(told.within).T, noise @ _root(_positive(new)).T
    starts = np.flatnonzero(np.diff(client, prepend=-1))
    lengths = np.diff(starts, append=len(client))
    found = begin.copy()
    for place in range(1, int(lengths.max())):
        here = starts[lengths > place] + place
        found[here] = found[here - 1] @ told.lag.T + shock[here]
    return found


def _told(
    course: Course,
    scores: pd.DataFrame,
    names: Sequence[str],
    near: dict[str, MultilevelFit],
    same_rows: bool = False,
) -> tuple[Told, dict[str, MultilevelFit]]:
    """Fit the models that a reader would fit, starting from those `near`.

    With `same_rows` only the outcomes are others, and the columns need not be made again.
    """
    k = len(names)
    if len(course.conditions) > 1:
        kind = pd.CategoricalDtype(list(course.conditions))
        scores = scores.assign(condition=scores["condition"].astype(kind))
    z = (scores[list(names)].to_numpy() - course.means) / course.sds
    therapists = len(scores["therapist"].unique()) > 1
    fits: dict[str, MultilevelFit] = {}

    def parts(key: str, values: Array) -> tuple[MultilevelFit, Array, float, float]:
        there = np.isfinite(values)
        rows = None if same_rows else scores.assign(outcome=values)[there]
        found = []
        for slope in (False, True)[: 1 + course.slopes]:
            name = f"{key} {slope}"
            if rows is None:
                fits[name] = near[name].refit(values[there])
            else:
                asked = course.formula(slope=slope, therapists=therapists)
                fits[name] = fitted(asked, rows, df="normal", near=near.get(name))
            found.append(fits[name])
        level, last = found[0].random_covariances, found[-1].random_covariances["client"]
        client = np.pad(last.to_numpy(), (0, 2 - len(last)))
        client[0, 0] = level["client"].to_numpy()[0, 0]
        above = float(level["therapist"].to_numpy()[0, 0]) if therapists else 0.0
        return found[-1], client, above, found[0].scale

    single = [parts(names[i], z[:, i]) for i in range(k)]
    client, therapist, within = np.zeros((2 * k, 2 * k)), np.zeros((k, k)), np.zeros((k, k))
    for i, (_, effects, level, scale) in enumerate(single):
        client[np.ix_([i, k + i], [i, k + i])] = effects
        therapist[i, i], within[i, i] = level, scale
        for j in range(i):
            both = z[:, i] + z[:, j]
            if np.isfinite(both).sum() < FEWEST_PAIRS:
                continue
            _, effects2, level2, scale2 = parts(f"{names[i]}+{names[j]}", both)
            shared = (effects2 - effects - single[j][1]) / 2.0
            for a, b in ((i, j), (j, i)):
                client[np.ix_([a, k + a], [b, k + b])] = shared
                therapist[a, b] = (level2 - level - single[j][2]) / 2.0
                within[a, b] = (scale2 - scale - single[j][3]) / 2.0
    fixed = np.stack([fit.params.to_numpy() for fit, *_ in single])
    return Told(fixed, client, therapist, within, _lags(course, scores, z, fixed)), fits


def _lags(course: Course, scores: pd.DataFrame, z: Array, fixed: Array) -> Array:
    """Regress deviations from a client's own mean on those of the session before."""
    left = pd.DataFrame(z - _fixed_columns(course, scores) @ fixed.T)
    left -= left.groupby(scores["client"].to_numpy()).transform("mean")
    keys = pd.MultiIndex.from_arrays([scores["client"], scores["session"]])
    left.index = keys
    before = left.reindex(pd.MultiIndex.from_arrays([scores["client"], scores["session"] - 1]))
    now, then, k = left.to_numpy(), before.to_numpy(), z.shape[1]
    inner, cross = np.eye(k), np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            both = np.isfinite(then[:, i]) & np.isfinite(then[:, j])
            inner[i, j] = (then[both, i] * then[both, j]).mean() if both.any() else float(i == j)
            both = np.isfinite(now[:, i]) & np.isfinite(then[:, j])
            if both.sum() >= FEWEST_PAIRS:
                cross[i, j] = (now[both, i] * then[both, j]).mean()
    return np.asarray(np.linalg.solve(_positive(inner) + 1e-9 * np.eye(k), cross.T).T)


def _possible(told: Told) -> Told:
    """Return the nearest parameters that a study can have."""
    largest = float(np.abs(np.linalg.eigvals(told.lag)).max(initial=0.0))
    lag = told.lag * min(1.0, STATIONARY / largest) if largest else told.lag
    within = _positive(told.within)
    for _ in range(20):  # what is new in a session has no negative variance
        smallest = np.linalg.eigvalsh(within - lag @ within @ lag.T)[0]
        if smallest >= 0.0:
            break
        lag = 0.95 * lag
    return Told(told.fixed, _positive(told.client), _positive(told.therapist), within, lag)


def _positive(matrix: Array) -> Array:
    """Return the nearest covariances that can be: correlations move, variances above zero stay.

    Variances are what a reader compares, and those of a sum of scores may be at odds with them.
    """
    sds = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    there = sds > 0.0
    own = np.ix_(there, there)
    values, vectors = np.linalg.eigh((matrix + matrix.T)[own] / 2.0 / np.outer(sds, sds)[own])
    can_be = (vectors * np.maximum(values, 0.0)) @ vectors.T
    long = sds[there] / np.sqrt(np.diag(can_be))
    found = np.zeros_like(matrix)
    found[own] = can_be * np.outer(long, long)
    return found


def _root(matrix: Array) -> Array:
    """Return the symmetric root, which moves little where the matrix does."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
