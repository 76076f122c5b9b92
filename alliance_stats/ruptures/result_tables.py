"""From the arrays a rule made to the tables of its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .courses import Courses, Integers
from .episodes import OUTCOMES, Episodes
from .reading import ScoreTable
from .result import Ruptures
from .result_messages import ends_of, messages
from .rules import Flags, Rule

CLASSES = ("none", "repaired", "censored", "unrepaired", "too_few_sessions", "no_spread")
NOT_JUDGED = CLASSES[4:]
AT_CEILING = 0.5
"""Share of sessions at the end of the scale from which a client counts as at ceiling or floor."""


def build(
    series: ScoreTable,
    courses: Courses,
    flags: Flags,
    episodes: Episodes,
    rule: Rule,
    p: Mapping[str, Any],
) -> Ruptures:
    """Return the result as tables, in the direction and order of the input."""
    who = series.clients_of(courses)
    clients = _clients(series, courses, flags, episodes, rule, p, who)
    limits = None
    if flags.limits is not None:
        limits = pd.DataFrame({"client_id": series.ids.take(who).array, **flags.limits})
    return Ruptures(
        _sessions(series, courses, flags, episodes, rule, p),
        _episodes(series, courses, flags, episodes, who),
        clients,
        rule.name,
        {name: flags.estimates.get(name, value) for name, value in p.items()},
        rule.unit,
        limits,
        dict(flags.estimates),
        (
            *flags.notes,
            *series.notes,
            *messages(series, courses, flags, clients, rule, p, episodes),
        ),
        series.score_name,
    )


def _sessions(
    series: ScoreTable,
    courses: Courses,
    flags: Flags,
    episodes: Episodes,
    rule: Rule,
    p: Mapping[str, Any],
) -> pd.DataFrame:
    n = courses.session.size
    sign = courses.sign if rule.needs == "scores" else 1.0
    inside = np.zeros(n + 1, dtype=np.int64)
    inside[episodes.rupture] += np.arange(1, episodes.rupture.size + 1)
    inside[episodes.last + 1] -= np.arange(1, episodes.rupture.size + 1)
    columns = {
        "flag": flags.flag,
        "distance": flags.distance,
        "judged": flags.judged,
        "reference": sign * flags.reference,
        "threshold": sign * flags.threshold,
        "episode": np.cumsum(inside[:-1]) - 1,
        **flags.session_columns,
    }
    if n != series.session.size:
        columns = {k: _fill(v, series.observed) for k, v in columns.items()}
    score = series.score if rule.needs == "scores" else np.full(series.session.size, np.nan)
    if p["range"] is not None and rule.needs == "scores":
        best, worst = ends_of(p)
        columns |= {"at_ceiling": score == best, "at_floor": score == worst}
    table = pd.DataFrame(
        {"client_id": series.client_id, "session": series.session, "score": score, **columns},
        copy=False,
    )
    # Where the flags go on alone, others must be able to ask whether the rule looks ahead.
    deciding = {name: p[name] for name in ("reference", "scale", "min_sessions") if name in p}
    table.attrs.update(rule=rule.name, parameters=deciding)
    return table


def _fill(values: npt.NDArray, observed: npt.NDArray[np.bool_]) -> npt.NDArray:
    empty = {"b": False, "i": -1}.get(values.dtype.kind, np.nan)
    filled = np.full(observed.size, empty, dtype=values.dtype)
    filled[observed] = values
    return filled


def _episodes(
    series: ScoreTable, courses: Courses, flags: Flags, found: Episodes, who: Integers
) -> pd.DataFrame:
    client = courses.client[found.rupture]
    session = courses.session
    repair_missing = np.asarray(found.repair < 0)
    repair = np.where(repair_missing, 0, session[found.repair])
    reached = np.where(repair_missing, session[found.last] + 1, repair)
    pre = flags.reference[found.rupture]
    return pd.DataFrame(
        {
            "client_id": series.ids.take(who[client]).array,
            "rupture_session": session[found.rupture],
            "nadir_session": session[found.nadir],
            "repair_session": pd.arrays.IntegerArray(repair, repair_missing),
            "last_session": session[found.last],
            "pre_level": courses.sign * pre,
            "nadir_level": courses.sign * (pre - found.depth),
            "depth": found.depth,
            "length": reached - session[found.rupture],
            "outcome": words(OUTCOMES, found.outcome),
        }
    )


def words(labels: tuple[str, ...], codes: Integers) -> pd.Series:
    """Return labels by their codes, as a column of text."""
    return pd.Series(list(labels)).take(codes).reset_index(drop=True)


def _clients(
    series: ScoreTable,
    courses: Courses,
    flags: Flags,
    found: Episodes,
    rule: Rule,
    p: Mapping[str, Any],
    who: Integers,
) -> pd.DataFrame:
    n = series.n_clients
    client = who[courses.client[found.rupture]]
    counts = [np.bincount(client[found.outcome == code], minlength=n) for code in range(3)]
    judged = _per_client(courses.sums(flags.judged.astype(np.int64)), who, n)
    first = np.zeros(n, dtype=np.int64)
    first[client[::-1]] = courses.session[found.rupture[::-1]]
    total = np.sum(counts, axis=0)
    flat = np.zeros(n, dtype=bool)
    if flags.no_unit is not None:
        flat[who] = flags.no_unit & (courses.length >= p["min_sessions"])
    table = pd.DataFrame(
        {
            "client_id": series.ids,
            "n_sessions": _per_client(courses.length, who, n),
            "n_judged": judged,
            "n_ruptures": _known(total, judged),
            **{f"n_{name}": _known(n, judged) for name, n in zip(OUTCOMES, counts, strict=True)},
            "first_rupture": pd.arrays.IntegerArray(first, np.asarray(total == 0)),
            "class": words(CLASSES, _classes(judged, counts, flat)),
        }
    )
    for name, values in flags.client_columns.items():
        table[name] = _per_client(values, who, n)
    if not rule.dates_sessions:  # what such a rule cannot know is missing
        unknown = ["n_ruptures", *(f"n_{name}" for name in OUTCOMES), "class"]
        table = table.assign(**{name: table[name].mask(judged > 0) for name in unknown})
    if p["range"] is None or rule.needs != "scores":
        return table
    return table.assign(**_extremes(series, p))


def _known(counts: Integers, judged: Integers) -> pd.api.extensions.ExtensionArray:
    """Return counts, missing for clients of whom no session could be judged: that is not none."""
    return pd.arrays.IntegerArray(counts.astype(np.int64), np.asarray(judged == 0))


def _per_client(values: npt.NDArray, who: Integers, n: int) -> npt.NDArray:
    if values.size == n:
        return values
    filled = np.full(n, 0 if values.dtype.kind == "i" else np.nan, dtype=values.dtype)
    filled[who] = values
    return filled


def _classes(judged: Integers, counts: list[Integers], flat: npt.NDArray[np.bool_]) -> Integers:
    repaired, unrepaired, censored = (count > 0 for count in counts)
    worst = np.select([unrepaired, censored, repaired], [3, 2, 1], 0)
    return np.where(judged == 0, np.where(flat, 5, 4), worst).astype(np.int64)


def _extremes(series: ScoreTable, p: Mapping[str, Any]) -> dict[str, npt.NDArray]:
    best, worst = ends_of(p)
    n = np.maximum(np.bincount(series.code[series.observed], minlength=series.n_clients), 1)
    share = {
        name: np.bincount(series.code[series.score == end], minlength=series.n_clients) / n
        for name, end in (("ceiling", best), ("floor", worst))
    }
    return {
        "share_ceiling": share["ceiling"],
        "share_floor": share["floor"],
        "ceiling": share["ceiling"] >= AT_CEILING,
        "floor": share["floor"] >= AT_CEILING,
    }
