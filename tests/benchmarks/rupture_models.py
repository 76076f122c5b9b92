"""Do the models of ruptures find what was planted, and how often something where nothing was?

Run: python tests/benchmarks/rupture_models.py [replicates] [--write]

Without ruptures and without any effect, each test should be significant at 5 % in 5 % of studies.
With ruptures whose effect on the next session is known, estimates should average to it and their
intervals cover it in 95 %; so too where clients differ in the effect, a mean of zero among them.
Where repairs act as well, a fall dates some wrong: is the state model the correction?
Where the outcome follows the alliance point by point and nothing ruptures, there is no effect of
ruptures to find, though flagged sessions are low ones (``worlds``).
``--write`` puts the tables into docs/rupture-models.md (that of repairs into
docs/coverage.md, too); with ``--only NAME`` that table alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (DOCS / "rupture-models.md", DOCS / "coverage.md")
CLIENTS, SESSIONS, THERAPISTS = 120, 12, 24
EFFECT = 2.0
"""Points of outcome, at the session after a planted rupture."""
DEPTH = 4.0
"""Fall at a planted rupture, in SDs of a client's other sessions."""
SPREAD = 2.0
"""SD of the effect of a rupture, and of a repair, between clients, in points of outcome."""
REPAIR = -1.5
"""Points of outcome, at the session after a planted repair."""
LONGER, CLOSING = 3.0, 0.4
"""Depth of ruptures that last, in SDs as above, and their probability to close in a session."""
SLOPE, ERROR = -1.5, 0.2
"""Points of outcome for each of the alliance before, where nothing ruptures; SD of its error."""
GRID = {"rule": ["drop_within_sd", "drop_pooled_sd"], "k": [1.0, 1.5], "levels": [2]}
FOUND: dict[str, dict[str, Any]] = {
    "found by the rule": {"rule": "drop_stricter_sd", "k": 2.0},
    "as probabilities of `state_model`": {"rule": "state_model"},
}
ALONE: dict[str, Any] = {"reverse": False, "lagged_outcome": False}
"""Nothing is shared within a session here but what is asked for, so nothing is carried over."""


def drift(rng: np.random.Generator, sd: float, phi: float) -> np.ndarray:
    """Return AR(1) courses, a row a client."""
    x = rng.normal(0, sd, (CLIENTS, SESSIONS))
    for t in range(1, SESSIONS):
        x[:, t] = phi * x[:, t - 1] + np.sqrt(1 - phi**2) * x[:, t]
    return x


def study(rng: np.random.Generator, *, ruptures: bool, lasting: bool = False) -> pd.DataFrame:
    """Return courses of alliance and outcome, drifting; with planted ruptures, or with none.

    The outcome is raised at the session after a rupture, or (`lasting`) from it on.
    """
    therapist = np.arange(CLIENTS) % THERAPISTS
    alliance = 5 + rng.normal(0, 0.6, (CLIENTS, 1)) + drift(rng, 0.4, 0.0 if ruptures else 0.3)
    level = rng.normal(20, 4, (CLIENTS, 1)) + rng.normal(0, 1.5, THERAPISTS)[therapist][:, None]
    slope = rng.normal(-0.3, 0.15, (CLIENTS, 1))
    outcome = level + slope * np.arange(SESSIONS) + drift(rng, 2.0, 0.3)
    where = np.zeros((CLIENTS, SESSIONS), dtype=bool)
    if ruptures:
        where[np.arange(CLIENTS), rng.integers(2, SESSIONS - 2, CLIENTS)] = True
        where &= rng.random((CLIENTS, 1)) < 0.7
        alliance = alliance - DEPTH * 0.4 * where
        act = np.maximum.accumulate(where, axis=1) if lasting else where
        outcome[:, 1:] += EFFECT * act[:, :-1]
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(CLIENTS), SESSIONS),
            "therapist_id": np.repeat(therapist, SESSIONS),
            "session": np.tile(np.arange(1, SESSIONS + 1), CLIENTS),
            "bond": alliance.ravel(),
            "distress": outcome.ravel(),
            "planted": where.ravel(),
        }
    )


def tests_of(data: pd.DataFrame, seed: int) -> Iterator[tuple[str, float]]:
    """Yield the name and the p value of each test."""
    both: dict[str, Any] = {"alliance": "bond", "outcome": "distress"}
    alone: dict[str, Any] = {"adjust_for_alliance": False}
    fall: dict[str, Any] = {**alone, "k": 1.0}  # the cut-off that flags most
    model = al.fit_rupture_repair(data, **both, **fall, lagged_outcome=False)
    for levels in (2, 3):
        yield (
            f"next outcome after rupture, {levels} levels",
            _p(model, f"outcome, {levels} levels", "rupture_lag1_within"),
        )
    yield (
        "next outcome after repair, 2 levels",
        _p(model, "outcome, 2 levels", "repair_lag1_within"),
    )
    yield (
        "reverse: rupture after outcome",
        _p(model, "reverse: rupture, 2 levels", "outcome_lag1_within"),
    )
    asked = {"levels": 2, "lagged_outcome": True, "reverse": False}
    before = al.fit_rupture_repair(data, **both, **fall, **asked)
    yield (
        "next outcome after rupture, outcome before in the model",
        _p(before, "outcome, 2 levels", "rupture_lag1_within"),
    )
    change = al.fit_asymmetric_change(data, **both)
    yield "falls equal rises (first differences)", change.equality["p_value"]
    summed = al.fit_asymmetric_change(data, **both, method="cumulative")
    yield "falls equal rises (cumulative)", summed.equality["p_value"]
    around = al.fit_event_study(data, **both, **fall, seed=seed)
    around = around.tidy().set_index("term")["p_value"]
    yield "event study: difference of steps", float(around["difference: step"])
    later = al.fit_rupture_outcome(data, **both, landmark=6, k=1.0)
    p_values = later.tidy().set_index("term")["p_value"]
    yield "landmark: unrepaired against none", float(p_values["class: unrepaired"])
    many = al.rupture_multiverse(
        data, **both, grid=GRID | alone, permutations=99, seed=seed, n_jobs=1
    )
    for name, p_value in many.joint.set_index("statistic")["p_value"].items():
        yield f"multiverse, joint: {name}", float(p_value)


def _p(model: al.RuptureRepair, name: str, term: str) -> float:
    table = model.table
    return float(table[(table["model"] == name) & (table["term"] == term)]["p_value"].iloc[0])


def estimates_of(rng: np.random.Generator, seed: int) -> Iterator[tuple[str, float, float, float]]:
    """Yield the name, estimate and interval of each estimate of the planted effect.

    Once with the ruptures known (reported without fault), once with those the rule finds.
    """
    once, lasting = (study(rng, ruptures=True, lasting=on) for on in (False, True))
    both = {"alliance": "bond", "outcome": "distress"}
    for way in ("known", "found by the rule"):
        model = al.fit_rupture_repair(once, **both, **_way(way, once), **ALONE)
        for levels in (2, 3):
            own = model.table[model.table["model"] == f"outcome, {levels} levels"]
            name = f"next outcome after rupture, {levels} levels; ruptures {way}"
            yield _row(own, "rupture_lag1_within", name)
        around = al.fit_event_study(lasting, **both, **_way(way, lasting), seed=seed).tidy()
        yield _row(around, "difference: step", f"event study, difference of steps; ruptures {way}")


def repaired_study(rng: np.random.Generator) -> pd.DataFrame:
    """Return courses with one rupture in 70 % of the clients that lasts, and most times closes.

    The outcome is raised at the session after one begins, lowered at that after it is repaired.
    """
    data = study(rng, ruptures=False)
    time = np.arange(SESSIONS)
    begin = np.where(rng.random(CLIENTS) < 0.7, rng.integers(2, SESSIONS - 2, CLIENTS), SESSIONS)
    end = (begin + rng.geometric(CLOSING, CLIENTS))[:, None]
    begin = begin[:, None]
    inside = (time >= begin) & (time < end)
    outcome = data["distress"].to_numpy().reshape(inside.shape)
    outcome = outcome + EFFECT * (time == begin + 1) + REPAIR * (time == end + 1)
    return data.assign(
        distress=outcome.ravel(),
        bond=data["bond"] - LONGER * 0.4 * inside.ravel(),
        planted=(time == begin).ravel(),
        mended=(time == end).ravel(),
    )


def repairs_table(replicates: int, seed: int = 4) -> pd.DataFrame:
    """Return bias and coverage where ruptures last and repairs act, by who dates them."""
    rows = []
    for rng in _streams(seed, replicates):
        data = repaired_study(rng)
        known = {"rule": "direct_report", "events": _events(data)}
        for way, given in {"known": known, **FOUND}.items():
            model = al.fit_rupture_repair(
                data, alliance="bond", outcome="distress", levels=2, slopes="none",
                adjust_for_alliance=False, **given, **ALONE,
            )  # fmt: skip
            for event, truth in (("rupture", EFFECT), ("repair", REPAIR)):
                own = model.table[model.table["model"] == "outcome, 2 levels"]
                _, *numbers = _row(own, f"{event}_lag1_within", "")
                rows.append((f"next outcome after {event}", way, truth, *numbers))
    table = pd.DataFrame(rows, columns=["estimate of", "events", "truth", "mean", "low", "high"])
    table["coverage"] = table["truth"].between(table["low"], table["high"]).astype(float)
    by = ["estimate of", "events", "truth"]
    return table.groupby(by, sort=False)[["mean", "coverage"]].mean().reset_index()


def _events(data: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(
        data.loc[data[column], ["client_id", "session"]].assign(rater="client", kind=kind)
        for column, kind in (("planted", "rupture"), ("mended", "repair"))
    )


def varying_study(rng: np.random.Generator, mean: float) -> pd.DataFrame:
    """Return courses in which each client has effects of an own size, about `mean`.

    Two ruptures a client in 70 % of the clients, each repaired two sessions later or not (even
    odds); the next session's outcome is raised by a rupture and lowered as much by a repair.
    """
    data = study(rng, ruptures=False)
    shape = (CLIENTS, SESSIONS)
    rupture, repair = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for first, last in ((1, 3), (6, 8)):
        at = rng.integers(first, last + 1, CLIENTS)
        rupture[np.arange(CLIENTS), at] = True
        repair[np.arange(CLIENTS), at + 2] = rng.random(CLIENTS) < 0.5
    some = rng.random((CLIENTS, 1)) < 0.7
    rupture, repair = rupture & some, repair & some
    worse, better = rng.normal(mean, SPREAD, (2, CLIENTS, 1))
    outcome = data["distress"].to_numpy().reshape(shape).copy()
    outcome[:, 1:] += (worse * rupture - better * repair)[:, :-1]
    return data.assign(distress=outcome.ravel(), planted=rupture.ravel(), mended=repair.ravel())


def varying_of(rng: np.random.Generator) -> Iterator[tuple[str, str, float, float, float, float]]:
    """Yield what, `slopes`, truth, estimate and interval, where clients differ in the effect."""
    for mean in (0.0, EFFECT):
        data = varying_study(rng, mean)
        events = _events(data)
        for slopes in ("all", "none"):
            model = al.fit_rupture_repair(
                data, alliance="bond", outcome="distress", rule="direct_report", events=events,
                slopes=slopes, **ALONE,
            )  # fmt: skip
            for event, truth in (("rupture", mean), ("repair", -mean)):
                for levels in (2, 3):
                    own = model.table[model.table["model"] == f"outcome, {levels} levels"]
                    name = f"next outcome after {event}, {levels} levels"
                    _, *numbers = _row(own, f"{event}_lag1_within", name)
                    yield name, slopes, truth + 0.0, *numbers


def varying_table(replicates: int, seed: int = 3) -> pd.DataFrame:
    """Return bias and coverage where clients differ in the effect, by mean effect and `slopes`."""
    rows = [row for rng in _streams(seed, replicates) for row in varying_of(rng)]
    table = pd.DataFrame(rows, columns=["estimate of", "slopes", "truth", "mean", "low", "high"])
    table["coverage"] = table["truth"].between(table["low"], table["high"]).astype(float)
    by = ["estimate of", "truth", "slopes"]
    return table.groupby(by, sort=False)[["mean", "coverage"]].mean().reset_index()


def _way(way: str, data: pd.DataFrame) -> dict[str, Any]:
    if way != "known":
        return {**FOUND["found by the rule"], "adjust_for_alliance": False}
    planted = data.loc[data["planted"], ["client_id", "session"]]
    return {"rule": "direct_report", "events": planted.assign(rater="client", kind="rupture")}


def _row(table: pd.DataFrame, term: str, name: str) -> tuple[str, float, float, float]:
    row = table[table["term"] == term].iloc[0]
    return name, float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"])


def linear_study(rng: np.random.Generator, *, skewed: bool = False) -> pd.DataFrame:
    """Return courses without ruptures whose outcome follows the alliance of the session before.

    The alliance is rated with error; its drift may have a skewness of about -1.3.
    """
    data = study(rng, ruptures=False)
    alliance = data["bond"].to_numpy().reshape(CLIENTS, SESSIONS)
    if skewed:
        new = (2.0 - rng.gamma(2.0, size=alliance.shape)) / np.sqrt(2.0)
        for t in range(1, SESSIONS):
            new[:, t] = 0.3 * new[:, t - 1] + np.sqrt(1 - 0.3**2) * new[:, t]
        alliance = 5 + rng.normal(0, 0.6, (CLIENTS, 1)) + 0.4 * new
    outcome = data["distress"].to_numpy().reshape(CLIENTS, SESSIONS).copy()
    outcome[:, 1:] += SLOPE * (alliance - 5)[:, :-1]
    rated = alliance + rng.normal(0, ERROR, alliance.shape)
    return data.assign(bond=rated.ravel(), distress=outcome.ravel())


def worlds_of(rng: np.random.Generator, number: int) -> Iterator[tuple[Any, ...]]:
    """Yield world, estimate, score beside it or not, truth, estimate and interval."""
    columns = {"alliance": "bond", "outcome": "distress"}
    measures = {"alliance": "wai-sr", "outcome": "core-10"}
    made = al.simulate_study(rupture_rate=0.0, seed=number + 1)
    fall, states = {"rule": "drop_stricter_sd", "k": 1.0}, {"rule": "state_model"}
    larger = FOUND["found by the rule"]
    for world, data, both, truth, ways in (
        ("linear", linear_study(rng), columns, 0.0, (fall, larger, states)),
        ("linear, `simulate_study`", made, measures, 0.0, (fall, larger)),
        ("ruptures act", repaired_study(rng), columns, EFFECT, (fall, larger, states)),
    ):
        for beside, way in product((True, False), ways):
            given = {**both, **way, "adjust_for_alliance": beside}
            model = al.fit_rupture_repair(data, **given, levels=2, **ALONE)
            own = model.table[model.table["model"] == "outcome, 2 levels"]
            size = f", k = {way['k']:.0f}" if "k" in way else ""
            name, *numbers = _row(own, "rupture_lag1_within", f"`{way['rule']}`{size}")
            yield world, name, beside, truth, *numbers
    lasting = study(rng, ruptures=True, lasting=True)
    for world, data, both, truth in (
        ("linear", linear_study(rng), columns, 0.0),
        ("linear, `simulate_study`", made, measures, 0.0),
        ("ruptures act", lasting, columns, EFFECT),
    ):
        for beside in (True, False):
            given = {**both, **(fall if truth == 0 else larger), "adjust_for_alliance": beside}
            around = al.fit_event_study(data, **given, seed=number).tidy()
            name, *numbers = _row(around, "difference: step", "event study, step")
            yield world, name, beside, truth, *numbers


def worlds_table(replicates: int, seed: int = 5) -> pd.DataFrame:
    """Return bias and coverage with the alliance score beside the rupture, and without it."""
    rows = [
        row
        for number, rng in enumerate(_streams(seed, replicates))
        for row in worlds_of(rng, number)
    ]
    by = ["world", "found by", "score beside", "truth"]
    table = pd.DataFrame(rows, columns=[*by, "mean", "low", "high"])
    table["score beside"] = table["score beside"].map({True: "yes", False: "no"})
    table["coverage"] = table["truth"].between(table["low"], table["high"]).astype(float)
    return table.groupby(by, sort=False)[["mean", "coverage"]].mean().reset_index()


def skewed_table(replicates: int, seed: int = 6) -> pd.DataFrame:
    """Return what is found of ruptures where there are none and the alliance's drift is skewed."""
    rows = []
    for rng in _streams(seed, replicates):
        data = linear_study(rng, skewed=True)
        for way in FOUND.values():
            model = al.fit_rupture_repair(
                data, alliance="bond", outcome="distress", levels=2, **way, **ALONE
            )
            own = model.table[model.table["model"] == "outcome, 2 levels"]
            _, *numbers = _row(own, "rupture_lag1_within", "")
            rows.append((f"`{way['rule']}`", 0.0, *numbers))
    table = pd.DataFrame(rows, columns=["found by", "truth", "mean", "low", "high"])
    table["coverage"] = table["truth"].between(table["low"], table["high"]).astype(float)
    by = ["found by", "truth"]
    return table.groupby(by, sort=False)[["mean", "coverage"]].mean().reset_index()


def unrepaired_study(rng: np.random.Generator) -> pd.DataFrame:
    """Return courses with one early rupture in 60 % of the clients, of which half last.

    Those that last raise the outcome by `EFFECT` from the session after they begin.
    """
    data = study(rng, ruptures=False)
    time = np.arange(SESSIONS)
    begin = rng.integers(1, 4, CLIENTS)[:, None]
    has, repaired = rng.random((2, CLIENTS, 1)) < np.array([0.6, 0.5])[:, None, None]
    end = np.where(repaired, begin + rng.integers(1, 3, (CLIENTS, 1)), SESSIONS)
    fallen = (time >= begin) & (time < end) & has
    worse = has & ~repaired & (time > begin)
    return data.assign(
        bond=data["bond"] - DEPTH * 0.4 * fallen.ravel(),
        distress=data["distress"] + EFFECT * worse.ravel(),
    )


def landmark_of(data: pd.DataFrame, k: float) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield class, score beside it or not, estimate and interval of a landmark's comparison."""
    found = al.fit_rupture_outcome(
        data, alliance="bond", outcome="distress", landmark=6, k=k, slopes="none"
    )
    early = data[data["session"] <= found.landmark].groupby("client_id")["bond"].mean()
    rows = found.rows.assign(score=found.rows["client_id"].map(early))
    names = [name for name in found.counts["class"] if name != "none"]
    rows = rows.assign(**{f"class_{name}": 1.0 * (rows["class"] == name) for name in names})
    for beside, more in (("no", ""), ("mean by the landmark", " + score")):
        terms = " + ".join(f"class_{name}" for name in names)
        fit = al.fit_multilevel(f"later ~ {terms} + baseline{more} + (1 | therapist_id)", rows)
        for name in names:
            _, *numbers = _row(fit.tidy(), f"class_{name}", name)
            yield name, beside, *numbers


def landmark_table(replicates: int, seed: int = 9) -> pd.DataFrame:
    """Return bias and coverage of a landmark's classes, with the alliance beside and without."""
    rows = []
    for rng in _streams(seed, replicates):
        for world, data, k, effect in (
            ("linear", linear_study(rng), 1.0, 0.0),
            ("those that last act", unrepaired_study(rng), 2.0, EFFECT),
        ):
            for name, beside, *numbers in landmark_of(data, k):
                rows.append((world, name, beside, effect * (name == "unrepaired"), *numbers))
    by = ["world", "class", "score beside", "truth"]
    table = pd.DataFrame(rows, columns=[*by, "mean", "low", "high"])
    table = table[table["class"] != "open"]  # a mixture: some of them will be repaired
    table["coverage"] = table["truth"].between(table["low"], table["high"]).astype(float)
    return table.groupby(by, sort=False)[["mean", "coverage"]].mean().reset_index()


def null_table(replicates: int, seed: int = 1) -> pd.DataFrame:
    """Return how often each test is significant at 5 % where there is nothing to find."""
    found: dict[str, list[float]] = {}
    for number, rng in enumerate(_streams(seed, replicates)):
        for name, p_value in tests_of(study(rng, ruptures=False), number):
            found.setdefault(name, []).append(p_value)
    return pd.DataFrame(
        {
            "test": list(found),
            "studies": [len(p) for p in found.values()],
            "rejected": [float(np.mean(np.array(p) <= 0.05)) for p in found.values()],
        }
    )


def truth_table(replicates: int, seed: int = 2) -> pd.DataFrame:
    """Return bias and coverage where a rupture raises the next outcome by `EFFECT`."""
    rows = [
        row
        for number, rng in enumerate(_streams(seed, replicates))
        for row in estimates_of(rng, number)
    ]
    table = pd.DataFrame(rows, columns=["estimate of", "mean", "low", "high"])
    table["coverage"] = ((table["low"] <= EFFECT) & (table["high"] >= EFFECT)).astype(float)
    means = table.groupby("estimate of", sort=False)[["mean", "coverage"]].mean().reset_index()
    return means.assign(truth=EFFECT)[["estimate of", "truth", "mean", "coverage"]]


def _streams(seed: int, n: int) -> list[np.random.Generator]:
    return [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(n)]


def markdown(table: pd.DataFrame, shown: Callable[[str, float], str]) -> str:
    """Return a table as Markdown."""
    head = "| " + " | ".join(table.columns) + " |"
    rule = "|" + "---|" * len(table.columns)
    rows = [
        "| " + " | ".join(shown(name, value) for name, value in row.items()) + " |"
        for row in table.to_dict("records")
    ]
    return "\n".join([head, rule, *rows])


def _shown(name: str, value: object) -> str:
    if name in ("rejected", "coverage"):
        return f"{value:.1%}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main(*arguments: str) -> int:
    """Print the tables; with ``--write``, put them into the page."""
    numbers = [int(word) for word in arguments if word.isdigit()]
    replicates = numbers[0] if numbers else 200
    makers = {
        "null": null_table,
        "truth": truth_table,
        "varying": varying_table,
        "repairs": repairs_table,
        "worlds": worlds_table,
        "skewed": skewed_table,
        "landmark": landmark_table,
    }
    if "--only" in arguments:
        name = arguments[arguments.index("--only") + 1]
        makers = {name: makers[name]}
    for name, make in makers.items():
        text = markdown(make(replicates), _shown)
        print(text, end="\n\n")
        if "--write" in arguments:
            block = f"<!-- {name} -->\n{text}\n<!-- end -->"
            for path in PAGES:
                page = path.read_text(encoding="utf-8")
                page = re.sub(rf"<!-- {name} -->.*?<!-- end -->", block, page, flags=re.DOTALL)
                path.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
