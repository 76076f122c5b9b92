"""How many ruptures and repairs would there be if nothing had ruptured?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, whole
from ...errors import DesignError
from ...study.times import SESSION, along
from ..courses import Courses, Floats, Integers
from ..detection import apply, prepare, require_enough
from ..episodes import Episodes
from ..parameters import check_seed
from ..rates import SOON
from ..reference_and_unit import retest_reliability
from ..rules import Rule, find_rule
from . import ar1
from .notes import assumptions, changing_spread, resampled, unlike_normal
from .table import ChanceTable

if TYPE_CHECKING:
    from ...study import Study

NULLS = ("ar1", "resampled", "permutation")
BATCH_ROWS = 200_000
"""Sessions worked on at once: replicates are stacked until there are so many."""
LEAST_FOR_ADJUSTMENT = 50
"""Replicates from which counts are held at the autocorrelation of the data."""


def expected_by_chance(
    scores: Study | pd.DataFrame,
    *,
    rule: str,
    null: str = "ar1",
    replicates: int = 1000,
    seed: int = 0,
    column: str = "score",
    measure: str | None = None,
    subscale: str | None = None,
    progress: bool = False,
    time: str = SESSION,
    **parameters: Any,
) -> ChanceTable:
    """Are there more ruptures, and more repairs, than chance alone would bring?

    A high session followed by an average one looks like a rupture, and an unusually low session
    is mostly followed by a better one, so every rule finds ruptures, and repairs, in pure
    noise. Here the same rule is applied to courses that have no ruptures but are like the
    clients' own.

    Parameters
    ----------
    scores, rule, column, measure, subscale, **parameters
        As in `detect_ruptures`.
    null
        ``"ar1"``: normal scores about each client's own line, with the client's sessions, trend
        and residual spread and the autocorrelation common to all clients, estimated without the
        bias of short series; on the steps of the scale, and within its ends where ``range`` is
        known (`ruptures.ar1`). It assumes that neighbouring sessions resemble each other as in a
        first-order autoregression, that trends are straight and that the spread stays the same.
        ``"resampled"``: the same, with what is new in a session drawn from all clients' own
        sessions in place of a normal distribution: skew counts for ruptures less (charts and
        ``cusum`` reject too often even so), and what ruptures make is among what is drawn, and
        hides there in good part. ``"permutation"``: each client's observed scores in random order
        (mean, SD, ceiling and every value kept; trend and autocorrelation gone). It is a test only
        where sessions could as well have come in any other order; where scores drift, charts and
        searches for shifts find "more than chance" in nearly every study without ruptures, and
        falls from the session before in none.
    replicates
        How many times; the p value cannot be below 1 / (replicates + 1).
    seed
        The same seed gives the same numbers.
    progress
        Show a progress bar.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    ChanceTable
        A DataFrame that shows itself with its ``.messages`` (``.summary()``, ``.text()``). A row
        each for ``rupture`` and ``repair`` (index, and column ``event``): ``observed``,
        ``expected`` (mean over replicates), ``ratio`` (observed / expected), ``p_value``
        (one-sided: (1 + replicates with at least as many) / (replicates + 1)), ``null_low``,
        ``null_high`` (the middle 95 % of counts without ruptures: no interval of what was
        observed; also under their older names ``conf_low``, ``conf_high``), and the same for the
        share (ruptures per judged session; repaired within three sessions, as ``repaired_within_3``
        of `detect_ruptures`): ``share_observed``, ``share_expected``, ``share_p_value``. The share
        is the one to read for repairs: more ruptures bring more repairs by themselves. All but
        ``observed`` is NaN where no session can be judged. ``.attrs`` holds the rule, its
        parameters, the null, the replicates, the seed, ``messages`` (what the null assumes) and,
        for ``"ar1"``, the ``phi`` used; ``.plot()`` draws the counts against chance.

    Notes
    -----
    A cut-off in points stays the same under the null: where no reliability is given, the one the
    data stand in for is held (it is in ``.attrs["parameters"]``).

    The autocorrelation is estimated from the scores that are tested, and so are the counts: where
    it comes out high by chance, so do counts of charts, and counts of falls low. So under
    ``"ar1"`` the replicates' counts are held at the autocorrelation of the data, by their
    regression on the replicates' own. Tests reject in about 5 % of studies without ruptures
    whose scores are as the null has them (docs/rupture-models.md shows it by rule, autocorrelation
    and sessions). Where single sessions lie far off in both directions, as under heavy tails,
    ``control_chart`` finds "more than chance" far too often, and somewhat too often where trends
    bend or clients differ in autocorrelation; falls from the session before are hardly touched.
    Where what is new in each session is skewed downwards most rules do, also where the skew is
    mild (docs/rupture-models.md). Skewness, kurtosis and a spread that changes over sessions are
    told where they lie beyond what 99 % of the replicates have; with the first two stands the p
    value of ``null="resampled"``.

    All nulls keep the clients' SD, and ruptures widen it: real ruptures hide in part behind
    the spread they make. A large p value says that the counts can be had without a rupture
    process, not that there was none.

    Examples
    --------
    >>> import alliance_stats as al
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> scores = pd.DataFrame(
    ...     {
    ...         "client_id": np.repeat(range(30), 12),
    ...         "session": np.tile(range(1, 13), 30),
    ...         "score": rng.normal(5, 1, 360),
    ...     }
    ... )
    >>> table = al.expected_by_chance(scores, rule="drop_within_sd", replicates=99, seed=1)
    >>> table.loc["rupture", ["observed", "expected", "p_value"]].round(2).tolist()
    [27.0, 30.54, 0.82]
    """
    scores = along(scores, time, whole=True)
    chosen = find_rule(rule)
    checked_choice("null", null, NULLS)
    whole(replicates, "replicates", 1)
    check_seed(seed)
    if chosen.needs != "scores" or not chosen.dates_sessions:
        raise DesignError(
            f"The rule '{rule}' finds no ruptures in a series of scores, so chance has no say in "
            "it; choose a rule that reads scores and dates sessions."
        )
    series, _, p = prepare(
        scores, chosen, parameters, column=column, measure=measure, subscale=subscale
    )
    courses = series.courses(p["direction"])
    require_enough(courses, chosen, p)
    p = _hold_reliability(courses, p)
    drift = fit_null(courses, null)

    def held(drift: ar1.Drift | None) -> tuple[pd.DataFrame, Floats]:
        return _held(courses, chosen, p, drift, replicates, seed, progress)

    table, shapes = held(drift)
    said = assumptions(courses, drift, p["range"])
    if null == "ar1" and drift is not None and replicates >= LEAST_FOR_ADJUSTMENT:
        here = ar1.shape(courses, drift)[0]
        if words := unlike_normal(here, shapes):
            own, _ = held(ar1.with_own_news(courses, drift))
            said += (f"{words} {resampled(own)}",)
        said += changing_spread(here, shapes)
    if not count(courses, chosen, p)[0, 0]:
        table.loc[:, table.columns.difference(["event", "observed"])] = np.nan
        said = (
            f"The rule '{rule}' could judge no session (as where scores never move): with nothing "
            "that could be found, nothing is held against chance.",
        )
    table.attrs = {
        "rule": rule,
        "parameters": dict(p),
        "null": null,
        "replicates": replicates,
        "seed": seed,
        "score": str(series.score_name),
        "phi": None if drift is None else drift.phi,
        "messages": said,
    }
    return ChanceTable.of(table)


def _held(
    courses: Courses,
    rule: Rule,
    p: Mapping[str, Any],
    drift: ar1.Drift | None,
    replicates: int,
    seed: int,
    progress: bool,
) -> tuple[pd.DataFrame, Floats]:
    """Return the counts held against courses drawn, and the shapes of what is new in these."""
    batches = draw(courses, drift, ar1.grid_of(courses, p["range"]), replicates, seed)
    found = [
        (count(batch, rule, p), ar1.lag_ratio(batch), _shape(batch, drift))
        for batch in _watch(batches, courses, replicates, progress)
    ]
    drawn, ratio, shapes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    away = None if drift is None else ratio - ar1.lag_ratio(courses)
    return summarise(count(courses, rule, p)[0], drawn, away), shapes


def fit_null(courses: Courses, null: str) -> ar1.Drift | None:
    """Return the fitted model of courses without ruptures; None for the permutation."""
    if null == "permutation":
        return None
    phi = ar1.estimate_phi(courses)
    drift = ar1.fit_drift(courses, phi if np.isfinite(phi) else 0.0)
    return ar1.with_own_news(courses, drift) if null == "resampled" else drift


def _hold_reliability(courses: Courses, p: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with a reliability that the data stand in for held at its value.

    Estimated anew in every replicate, it would fall with the order of the sessions, and the
    cut-off would rise: observed and expected counts would not be of the same falls.
    """
    needed = p.get("scale") == "reliable_change" or ("stability" in p and p["points"] is None)
    if not needed or p["reliability"] is not None:
        return dict(p)
    r = float(retest_reliability(courses)[0])
    return {**p, "reliability": r if np.isfinite(r) else None}


def _shape(courses: Courses, drift: ar1.Drift | None) -> Floats:
    return np.empty((courses.replicates, 0)) if drift is None else ar1.shape(courses, drift)


def count(courses: Courses, rule: Rule, p: Mapping[str, Any]) -> Floats:
    """Return, a row a replicate: judged sessions, ruptures, repairs, the share soon repaired."""
    flags, episodes = apply(courses, rule, p)
    rows = courses.session.size // courses.replicates
    sample = episodes.rupture // rows
    n = courses.replicates
    judged = flags.judged.reshape(n, -1).sum(axis=1)
    return np.column_stack(
        [
            judged,
            np.bincount(sample, minlength=n),
            np.bincount(sample[episodes.outcome == 0], minlength=n),
            _soon_repaired(courses, episodes, sample),
        ]
    ).astype(float)


def _soon_repaired(courses: Courses, episodes: Episodes, sample: Integers) -> Floats:
    """Return each replicate's share repaired within `SOON` sessions, 1 - Kaplan-Meier."""
    time = courses.session[episodes.last] - courses.session[episodes.rupture]
    left = np.ones(courses.replicates)
    for t in range(1, SOON + 1):
        at_risk = np.bincount(sample[time >= t], minlength=left.size)
        back = np.bincount(sample[(time == t) & (episodes.repair >= 0)], minlength=left.size)
        left *= 1 - back / np.maximum(at_risk, 1)
        if t == 1:
            left[at_risk == 0] = np.nan
    return 1 - left


def stack(courses: Courses, copies: int) -> Courses:
    """Return so many copies of the courses, one after the other."""
    n = courses.session.size
    start = (courses.start[None, :] + n * np.arange(copies)[:, None]).ravel()
    return replace(
        courses,
        session=np.tile(courses.session, copies),
        value=np.tile(courses.value, copies),
        start=start,
        replicates=copies,
    )


def draw(
    courses: Courses, drift: ar1.Drift | None, grid: ar1.Grid, replicates: int, seed: int | None
) -> Iterator[Courses]:
    """Yield the replicates in batches: from the model, or permutations where it is None."""
    rng = np.random.default_rng(seed)
    size = batch_size(courses)
    for first in range(0, replicates, size):
        copies = stack(courses, min(size, replicates - first))
        if drift is None:
            order = np.argsort(copies.client + rng.random(copies.value.size))
            yield replace(copies, value=copies.value[order])
        else:
            yield grid.place(ar1.simulate(copies, drift, rng))


def batch_size(courses: Courses) -> int:
    """Return how many replicates are worked on at once."""
    return max(1, BATCH_ROWS // courses.session.size)


def _watch(
    batches: Iterable[Courses], courses: Courses, replicates: int, progress: bool
) -> Iterable[Courses]:
    if not progress:
        return batches
    from rich.progress import track

    total = -(-replicates // batch_size(courses))
    return track(batches, "Courses without ruptures", total=total)


def summarise(observed: Floats, drawn: Floats, away: Floats | None = None) -> pd.DataFrame:
    """Return observed against expected from the counts of `count`.

    `away` is how far each replicate's autocorrelation lies from that of the data.
    """
    rows = {
        "rupture": (observed[1], drawn[:, 1], _per_session(observed), _per_session(drawn.T)),
        "repair": (observed[2], drawn[:, 2], observed[3], drawn[:, 3]),
    }
    table = {event: {"event": event, **_compare(*row, away)} for event, row in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index")


def _per_session(counts: Floats) -> Floats:
    """Return ruptures per judged session."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.true_divide(counts[1], counts[0])


def _hold(values: Floats, away: Floats | None) -> Floats:
    """Return the values as they would be at the autocorrelation of the data, NaN left out."""
    known = np.isfinite(values)
    if away is None or known.sum() < LEAST_FOR_ADJUSTMENT or np.ptp(values[known]) == 0:
        return values[known]
    x = away[known] - away[known].mean()
    spread = (x**2).sum()
    slope = (x * values[known]).sum() / spread if spread > 0 else 0.0
    return values[known] - slope * away[known]


def _compare(
    observed: float, drawn: Floats, share: Floats, shares: Floats, away: Floats | None
) -> dict[str, float]:
    held, held_shares = _hold(drawn, away), _hold(shares, away)
    expected = float(max(held.mean(), 0.0))
    low, high = np.maximum(np.quantile(held, [0.025, 0.975]), 0.0)
    return {
        "observed": int(observed),
        "expected": expected,
        "ratio": observed / expected if expected > 0 else np.nan,
        "p_value": _as_many(held, observed, least=0.0),
        "null_low": float(low),
        "null_high": float(high),
        "conf_low": float(low),  # older names of the two
        "conf_high": float(high),
        "share_observed": float(share),
        "share_expected": float(held_shares.mean()) if held_shares.size else np.nan,
        "share_p_value": _as_many(held_shares, float(share), least=0.0),
    }


def _as_many(drawn: Floats, observed: float, *, least: float) -> float:
    """Return the one-sided p value; 1 for the least there can be, NaN where nothing is known."""
    if not drawn.size or not np.isfinite(observed):
        return np.nan
    many = drawn.size if observed <= least else int((drawn >= observed - 1e-12).sum())
    return (1 + many) / (drawn.size + 1)
