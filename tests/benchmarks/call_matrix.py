"""Every public function, every argument, every kind of value it was not made for.

Each call must succeed, or raise one of the package's errors with a sentence; warnings are the
package's own. The suite runs a fixed share of the calls (tests/hostile/test_call_matrix.py), this
command all of them::

    python tests/benchmarks/call_matrix.py                      # counts, and what is wrong
    python tests/benchmarks/call_matrix.py lag decompose        # of some functions
    python tests/benchmarks/call_matrix.py --share 0.05         # of one call in twenty
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import operator
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

import alliance_stats as al

mpl.use("Agg")

LEFT_OUT = {
    "run_notebook": "starts a kernel; its arguments are asked by tests/cli",
    "write_report": "writes a whole report; see tests/report",
}
UNTOUCHED = {"n_jobs", "progress", "self", "design"}
"""A number of processes, a function to call back, and whose method it is."""


@cache
def study() -> al.Study:
    return al.simulate_study(
        n_therapists=6, n_clients=36, planned_sessions=7, coded_share=0.5, n_sites=2, seed=5
    )


@cache
def coded() -> al.Study:
    return al.simulate_study(n_therapists=8, n_clients=80, coded_share=1.0, seed=2)


@cache
def alliance() -> pd.DataFrame:
    chosen = "measure == 'wai-sr' and scale == 'total' and rater == 'client'"
    kept = ["client_id", "session", "measure", "scale", "rater", "score"]
    scores = study().scores.query(chosen)[kept]
    clients = study().clients[["client_id", "therapist_id"]]
    return scores.merge(clients, on="client_id").reset_index(drop=True)


@cache
def before_and_after() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    pre = rng.normal(20, 6, 40)
    frame = pd.DataFrame({"pre": pre, "post": pre - rng.normal(4, 5, 40)})
    return frame.assign(therapist_id=np.repeat(list("abcdefgh"), 5), client_id=range(40))


@cache
def dyads() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(4, 1, (120, 4)), columns=["client", "therapist", "c", "t"])
    frame["c"] += 0.6 * frame["client"]
    return frame.assign(
        client_id=np.repeat([f"c{i}" for i in range(30)], 4), session=np.tile(range(1, 5), 30)
    )


@cache
def effects() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "estimate": [0.2, 0.3, 0.1, 0.4, 0.25, 0.35],
            "n": [80, 120, 60, 40, 70, 90],
            "year": [0.0, 5.0, 10.0, 15.0, 20.0, 22.0],
            "rater": ["client", "therapist"] * 3,
            "study": ["A", "A", "B", "B", "C", "C"],
        }
    )


@cache
def pool() -> al.PooledEffects:
    return al.pool_effects(effects(), metric="r")


@cache
def periods() -> pd.DataFrame:
    return al.person_period(study(), measure="wai-sr")


@cache
def fit() -> al.MultilevelFit:
    return al.fit_multilevel("score ~ session + (1 | client_id)", alliance())


@cache
def gap() -> al.RatingGap:
    return al.rating_gap(study(), measure="wai-sr", scale="total", replicates=20)


@cache
def ends() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "client_id": list("abcdefgh"),
            "last_session": [2, 4, 4, 6, 3, 8, 9, 5],
            "reason": ["dropout", "completed"] * 4,
            "group": list("xxyyxxyy"),
        }
    )


@cache
def events() -> tuple[pd.DataFrame, pd.DataFrame]:
    told = {"client_id": list("aab"), "session": [2, 2, 3], "rater": ["client", "therapist"] * 1}
    told["rater"] = ["client", "therapist", "client"]
    held = pd.DataFrame({"client_id": list("aaabbb"), "session": [1, 2, 3] * 2})
    return pd.DataFrame(told).assign(kind="rupture"), held


@cache
def answers() -> pd.DataFrame:
    frame = pd.DataFrame({"client_id": ["a", "b"], "session": [1, 1], "rater": ["client"] * 2})
    return frame.assign(**{f"phq9_{item}": [1, 2] for item in range(1, 10)})


@cache
def file() -> str:
    path = Path(tempfile.mkdtemp()) / "visits.csv"
    path.write_text("pid;sess;score\n01;1;1,5\n02;1;NA\n", encoding="utf-8")
    return str(path)


@cache
def split() -> tuple[Any, Any]:
    import statsmodels.formula.api as smf

    split = al.decompose(alliance(), "score").assign(
        y=np.random.default_rng(1).normal(size=len(alliance()))
    )
    model = smf.ols("y ~ score_within + score_between", split).fit()
    return model, al.mean_reliability(alliance(), "score")


ICC = {"icc_client": 0.3, "icc_therapist": 0.05}


@cache
def design() -> al.StudyDesign:
    return al.StudyDesign(12, 4, 3, **ICC)


WAI = {"measure": "wai-sr", "scale": "total"}
CHANGE = {"pre": "pre", "post": "post"}
REPAIR = {"alliance": "wai-sr", "outcome": "core-10"}

# One valid call of each public function: positional arguments by name too.
CALLS: dict[str, Callable[[], dict[str, Any]]] = {
    "change_by_therapist": lambda: {"data": before_and_after(), **CHANGE},
    "change_sensitivity": lambda: {"data": before_and_after(), **CHANGE, "reliability": [0.8, 0.9]},
    "clinically_significant_change": lambda: {
        "data": before_and_after(), **CHANGE, "reliability": 0.9, "cutoff_value": 15.0},
    "reliable_change": lambda: {
        "data": before_and_after(), **CHANGE, "reliability": 0.8, "sd": 7.5},
    "sudden_gains": lambda: {"scores": alliance(), "points": 0.5},
    "list_datasets": dict,
    "load_dataset": lambda: {"name": "demo-trial"},
    "first_and_last": lambda: {"study": study(), "measure": "wai-sr"},
    "mean_course": lambda: {"scores": alliance()},
    "missing_by_session": lambda: {"study": study()},
    "missing_ratings": lambda: {"study": study()},
    "scale_reliability": lambda: {"study": study(), "measure": "wai-sr"},
    "sample_table": lambda: {"study": study(), "by": "condition"},
    "study_flow": lambda: {"study": study()},
    "trial_flow": lambda: {"study": study()},
    "compare_dropout_definitions": lambda: {
        "study": study(), "definitions": ["recorded", "premature"]},
    "define_dropout": lambda: {"study": ends(), "definition": "fewer_sessions", "k": 5},
    "dropout_incidence": lambda: {"study": ends(), "by": "group"},
    "dropout_sample_size": lambda: {"parameters": 24, "prevalence": 0.174, "r2": 0.288},
    "dropout_sensitivity": lambda: {
        "study": study(), "measure": "core-10", "deltas": [0, 5], "imputations": 2},
    "fit_alliance_and_dropout": lambda: {"study": coded()},
    "fit_competing_hazards": lambda: {
        "formula": "event ~ session", "data": periods(), "ends": ("dropout", "completed")},
    "fit_dropout_cox": lambda: {"formula": "event ~ alliance_within", "data": periods()},
    "fit_dropout_hazard": lambda: {"formula": "event ~ session", "data": periods()},
    "person_period": lambda: {"study": study()},
    "predict_dropout": lambda: {
        "study": study(), "models": ["base_rate"], "replicates": 20, "permutations": 1,
        "folds": 2, "inner_folds": 2},
    "check_claims": lambda: {"topic": "training"},
    "claims": dict,
    "d_from_r": lambda: {"r": 0.3},
    "effect_sizes": lambda: {
        "data": pd.DataFrame({"t": [2.5, 1.0], "n1": [20, 30], "n2": [20, 31]}), "kind": "t"},
    "fit_meta_regression": lambda: {"formula": "year", "effects": effects(), "metric": "r"},
    "leave_one_out": lambda: {"result": pool()},
    "plot_leave_one_out": lambda: {"result": pool()},
    "plot_published": lambda: {
        "rows": al.load_dataset("published/dropout"), "xlabel": "Share who drop out"},
    "pool_effects": lambda: {"effects": effects(), "metric": "r"},
    "pool_subgroups": lambda: {
        "effects": effects(), "by": "rater", "metric": "r", "test": "wald"},
    "r_from_d": lambda: {"d": 0.5},
    "robust_test": lambda: {"result": pool(), "cluster": effects()["study"]},
    "selection_model": lambda: {"result": pool()},
    "small_study_test": lambda: {"result": pool()},
    "trim_and_fill": lambda: {"result": pool()},
    "check_model": lambda: {"fit": fit()},
    "compare_arms": lambda: {
        "study_or_data": before_and_after().assign(condition=["a", "b"] * 20),
        "outcome": "post", "baseline": "pre"},
    "fit_cross_lagged": lambda: {
        "data": dyads(), "x": "client", "y": "therapist", "model": "clpm"},
    "fit_factor_model": lambda: {
        "data": dyads(), "factors": {"alliance": ["client", "therapist", "c", "t"]}},
    "measurement_invariance": lambda: {
        "study_or_data": dyads().assign(site=np.tile(["a", "b"], 60)),
        "factors": {"alliance": ["client", "therapist", "c", "t"]}, "across": "site"},
    "therapist_exposure": lambda: {"study": study()},
    "check_parallel_forms": lambda: {"study": study(), "measure": "wai-sr", "replicates": 5},
    "fit_actor_partner": lambda: {
        "data": dyads(), "predictors": ("client", "therapist"), "outcomes": ("c", "t"),
        "by": None},
    "fit_response_surface": lambda: {
        "data": dyads(), "x": "client", "y": "therapist", "outcome": "c"},
    "fit_truth_and_bias": lambda: {
        "data": dyads(), "truth": "client", "judgment": "therapist", "slopes": "none"},
    "gap_by_scale": lambda: {"study_or_data": study(), "measure": "wai-sr", "replicates": 5},
    "gap_by_therapist": lambda: {"gap": gap()},
    "gap_feedback": lambda: {"study_or_data": study(), "therapist": "T01", **WAI},
    "one_with_many": lambda: {"study_or_data": study(), **WAI, "replicates": 5},
    "outcome_gap": lambda: {"study": study(), "replicates": 5},
    "plot_bland_altman": lambda: {"result": gap()},
    "plot_gap_by_therapist": lambda: {"table": al.gap_by_therapist(gap())},
    "rating_gap": lambda: {"study_or_data": study(), **WAI, "replicates": 5},
    "who_leads": lambda: {"study_or_data": study(), **WAI},
    "list_measures": dict,
    "list_principles": dict,
    "load_registry": dict,
    "measure": lambda: {"name": "wai-sr"},
    "score": lambda: {"ratings": answers(), "measure": "phq-9", "items": "phq9_{item}"},
    "compare_models": lambda: {
        "fits": [fit(), al.fit_multilevel("score ~ 1 + (1 | client_id)", alliance())]},
    "fit_ladder": lambda: {
        "formulas": "score ~ session + (1 | client_id)", "data": alliance()},
    "fit_multilevel": lambda: {
        "formula": "score ~ session + (1 | client_id)", "data": alliance()},
    "list_formula_functions": dict,
    "register_formula_function": lambda: {"name": "doubled", "function": lambda x: 2 * x},
    "correct_between": lambda: {
        "fit": split()[0], "column": "score", "reliability": split()[1]},
    "decompose": lambda: {"data": alliance(), "columns": ["score"]},
    "lag": lambda: {"data": alliance(), "columns": ["score"]},
    "mean_reliability": lambda: {"data": alliance(), "column": "score"},
    "compare_published": lambda: {
        "published": al.read_published_table("demo-trial"),
        "recomputed": {"Client, session 1": {"n": 268, "M": 3.85}}},
    "read_published_table": lambda: {"path": "demo-trial"},
    "model_table": lambda: {"fits": [fit()]},
    "plot_course": lambda: {"course": al.mean_course(alliance())},
    "coder_reliability": lambda: {"data": study()},
    "compare_reports": lambda: {"study_or_events": events()[0], "sessions": events()[1]},
    "compare_rules": lambda: {
        "scores": alliance(), "rules": ["drop_within_sd", "drop_points"], "points": 1.0},
    "detect_ruptures": lambda: {"scores": alliance(), "rule": "drop_points", "points": 0.7},
    "expected_by_chance": lambda: {
        "scores": alliance(), "rule": "drop_within_sd", "replicates": 19},
    "fit_asymmetric_change": lambda: {"data": study(), **REPAIR},
    "fit_event_study": lambda: {"data": study(), **REPAIR, "rule": "drop_within_sd"},
    "fit_principles_repair": lambda: {
        "data": coded(), "alliance": "wai-sr", "rule": "drop_within_sd"},
    "fit_rupture_count": lambda: {
        "data": study(), "alliance": "wai-sr", "predictors": "site_id",
        "rule": "drop_within_sd"},
    "fit_rupture_outcome": lambda: {
        "data": study(), **REPAIR, "landmark": 4, "rule": "drop_within_sd"},
    "fit_rupture_repair": lambda: {
        "data": study(), **REPAIR, "rule": "drop_within_sd", "levels": 2, "slopes": "none"},
    "read_analysis_plan": lambda: {"path": plan_file()},
    "rupture_multiverse": lambda: {
        "data": study(), **REPAIR, "grid": {"rule": ["drop_within_sd"], "k": [1, 2],
        "levels": [2]}, "permutations": 2, "n_jobs": 1},
    "recommend_rule": lambda: {
        "scores": alliance(), "rules": ["drop_within_sd"], "replicates": 20},
    "rupture_rules": dict,
    "summarise_codes": lambda: {"data": study()},
    "clinic_file": lambda: {
        "formula": "score ~ session + (1 | client_id)", "data": alliance(), "path": None},
    "combine_clinics": lambda: {"paths": [clinic_mail()]},
    "simulate_study": lambda: {"n_therapists": 4, "n_clients": 12, "planned_sessions": 4.0},
    "synthetic_study": lambda: {"study": study()},
    "check_synthetic": lambda: {"study": study(), "synthetic": study()},
    "combine_studies": lambda: {"studies": {"a": study(), "b": study()}, "name": "both"},
    "open_study": lambda: {"path": study_folder()},
    "pseudonymise": lambda: {"study": study(), "key": "correct horse battery staple"},
    "read_table": lambda: {"path": file()},
    "scan_identifiers": lambda: {"study": alliance()},
    "score_partitions": lambda: {
        "ratings": ratings_folder(), "folder": str(Path(tempfile.mkdtemp()) / "scores")},
    "suggest_mapping": lambda: {"frame_or_path": alliance()},
    "validate": lambda: {"path_or_study": study()},
    "choose_measure": lambda: {"study": study(), "wanted": "", "constructs": ["alliance"]},
    "list_templates": dict,
    "StudyDesign": lambda: {
        "n_therapists": 12, "clients_per_therapist": 4, "sessions": 3, **ICC},
    "check_plan": lambda: {"plan": design_file(), "done": study()},
    "StudyDesign.power": lambda: {"design": design(), "effect": 0.5},
    "StudyDesign.precision": lambda: {"design": design()},
    "StudyDesign.required": lambda: {
        "design": design(), "what": "n_therapists", "effect": 0.5},
    "StudyDesign.simulate": lambda: {"design": design()},
    "needs": lambda: {"study": study(), "tables": ["terminations"]},
    "new_study": lambda: {"folder": tempfile.mkdtemp() + "/new"},
}  # fmt: skip


@cache
def plan_file() -> str:
    path = Path(tempfile.mkdtemp()) / "plan.yaml"
    path.write_text(
        "alliance: wai-sr\noutcome: core-10\nprimary: {rule: drop_stricter_sd, k: 1.0}\n",
        encoding="utf-8",
    )
    return str(path)


@cache
def design_file() -> str:
    path = Path(tempfile.mkdtemp()) / "design.yaml"
    numbers = "n_therapists: 12\nclients_per_therapist: 4\nsessions: 3\neffect: 1\n"
    path.write_text(f"{numbers}icc_client: 0.4\nicc_therapist: 0.05\n", encoding="utf-8")
    return str(path)


@cache
def ratings_folder() -> str:
    """Return a folder of answers as Parquet."""
    place = Path(tempfile.mkdtemp())
    study().tables["ratings"].to_parquet(place / "ratings.parquet")
    return str(place)


@cache
def clinic_mail() -> str:
    """Return the file that a clinic would send."""
    path = Path(tempfile.mkdtemp()) / "clinic.json"
    rows = pd.DataFrame({"client_id": np.repeat(range(40), 6), "session": [*range(6)] * 40})
    rows["score"] = np.random.default_rng(1).normal(4, 1, 240)
    al.clinic_file("score ~ session + (1 | client_id)", rows, path)
    return str(path)


@cache
def study_folder() -> str:
    folder = Path(tempfile.mkdtemp()) / "saved"
    study().save(folder)
    return str(folder)


class Unheard:
    """A value of no type anybody knows."""


def values() -> dict[str, Any]:
    """Return what an argument may get that was not made for it."""
    return {
        "None": None, "empty text": "", "a word": "no_such_thing", "blank": " ", "five": 5,
        "0": 0, "-1": -1, "1.5": 1.5, "95": 95, "NaN": float("nan"), "inf": float("inf"),
        "True": True, "a list": [], "a list of numbers": [1, 2], "a list of words": ["no_such"],
        "a list of lists": [["score"]], "a dict": {}, "a dict of numbers": {"a": 1},
        "a tuple": (1, "a"), "a set": {"score"}, "an object": Unheard(), "bytes": b"score",
        "a complex number": 1 + 2j, "pd.NA": pd.NA, "a date": pd.Timestamp("2020-01-01"),
        "an array": np.arange(6.0).reshape(2, 3), "a Series": pd.Series([1.0, 2.0]),
        "an empty frame": pd.DataFrame(), "a path": Path("no/such/file.csv"),
        "a function": len, "a class": dict, "text with NUL": "sc\x00re",
    }  # fmt: skip


def frames(valid: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield what people have instead of the table a function was made for."""
    yield "no rows", valid.iloc[:0]
    yield "one row", valid.iloc[:1]
    yield "two rows", valid.iloc[:2]
    yield "columns twice", pd.concat([valid, valid.iloc[:, -1:]], axis=1)
    yield "all columns twice", pd.concat([valid, valid], axis=1)
    yield "index twice", valid.set_axis(np.zeros(len(valid), int))
    two = pd.MultiIndex.from_product([[0], range(len(valid))])
    yield "index of two levels", valid.set_axis(two)
    yield (
        "columns of two levels",
        valid.set_axis(pd.MultiIndex.from_product([["a"], valid.columns]), axis=1),
    )
    yield "columns are numbers", valid.set_axis(range(valid.shape[1]), axis=1)
    named = [(name, 1) for name in valid.columns]
    yield "columns are tuples", valid.set_axis(pd.Index(named, tupleize_cols=False), axis=1)
    yield "a column is NaN", valid.rename(columns={valid.columns[-1]: np.nan})
    yield "a further column is a number", valid.assign(**{"extra": 1}).rename(columns={"extra": 7})
    yield "rows twice", pd.concat([valid, valid], ignore_index=True)
    yield (
        "time zone index",
        valid.set_axis(pd.date_range("2020-01-01", periods=len(valid), tz="Europe/Vienna")),
    )
    for column in valid.columns:
        cells = valid[column]
        yield f"index named {column}", valid.set_axis(pd.Index(cells, name=column))
        yield f"no {column}", valid.drop(columns=column)
        numeric = pd.api.types.is_numeric_dtype(cells)
        swaps: dict[str, Any] = {
            "missing": np.nan,
            "None": None,
            "pd.NA": pd.array([pd.NA] * len(cells), dtype="Int64"),
            "constant": cells.iloc[0],
            "text": [f"w{i}" for i in range(len(cells))],
            "string dtype": cells.astype("string"),
            "one inf": cells.astype(object).where(np.arange(len(cells)) != 1, np.inf),
            "one missing": cells.astype(object).where(np.arange(len(cells)) != 1, None),
            "one word": cells.astype(object).where(np.arange(len(cells)) != 1, "?"),
            "one list": [*cells[:-1].astype(object), [1, 2]],
            "True": True,
            "complex": 1 + 2j,
            "dates": pd.date_range("2020-01-01", periods=len(cells)),
            "dates of a zone": pd.date_range("2020-01-01", periods=len(cells), tz="UTC"),
            "durations": pd.to_timedelta(range(len(cells)), unit="D"),
            "boolean": pd.array([True, False] * len(cells), dtype="boolean")[: len(cells)],
            "categories": cells.astype("category").cat.add_categories(["unused"])
            if not numeric
            else cells.astype(str).astype("category").cat.add_categories(["unused"]),
            "Decimals": [Decimal(i) / 7 for i in range(len(cells))],
            "bytes": [b"x"] * len(cells),
            "mixed types": [str(c) if i % 2 else c for i, c in enumerate(cells)],
            "blanks": [f" {c} " for c in cells],
        }
        if numeric:
            swaps |= {
                "inf": np.inf, "-inf": -np.inf, "-1": -1, "huge": 1e300, "tiny": 1e-300,
                "halves": cells + 0.5,
            }  # fmt: skip
            swaps["Float64"] = cells.astype("Float64")
            swaps["as objects"] = cells.astype(object)
        for what, swap in swaps.items():
            yield f"{column}: {what}", valid.assign(**{column: swap})


def studies(valid: al.Study) -> Iterator[tuple[str, al.Study]]:
    """Yield studies that lack a table, or have a hostile one."""
    for name in valid.tables:
        yield f"no {name}", valid.with_tables(**{name: None})
        yield f"{name} without rows", valid.with_tables(**{name: valid.tables[name].iloc[:0]})
        yield f"{name} of one row", valid.with_tables(**{name: valid.tables[name].iloc[:1]})


@dataclass
class Outcome:
    """What a call came to: ``accepted``, ``refused``, or what is wrong with it."""

    function: str
    argument: str
    value: str
    verdict: str
    text: str = ""
    place: str = ""
    seconds: float = 0.0

    @property
    def wrong(self) -> bool:
        return self.verdict not in ("accepted", "refused")


@dataclass
class Tally:
    """All that was tried."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def wrong(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.wrong]

    def counts(self) -> str:
        found = Counter(one.verdict for one in self.outcomes)
        done, said = found.pop("accepted", 0), found.pop("refused", 0)
        functions = len({one.function for one in self.outcomes})
        arguments = len({(one.function, one.argument) for one in self.outcomes})
        kinds = "".join(f"; {n:,} {verdict}" for verdict, n in found.most_common())
        return (
            f"{functions} functions, {arguments} arguments, {len(self.outcomes):,} calls: {done:,} "
            f"answered, {said:,} errors of ours, {sum(found.values()):,} bare errors{kinds}"
        )


def cases(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield argument, value in words, and the arguments of one hostile call."""
    valid = CALLS[name]()
    function = operator.attrgetter(name)(al)
    for parameter in inspect.signature(function).parameters.values():
        key = parameter.name
        if key in UNTOUCHED:
            continue
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            for what, value in values().items():
                yield key, what, {**valid, key: [value, *valid[key][1:]]}
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            yield "**", "an unknown argument", {**valid, "no_such_argument": 1}
            continue
        for what, value in values().items():
            yield key, what, {**valid, key: value}
        given = valid.get(key)
        if isinstance(given, pd.DataFrame):
            for what, frame in frames(given):
                yield key, what, {**valid, key: frame}
        if isinstance(given, al.Study):
            for what, one in studies(given):
                yield key, what, {**valid, key: one}


def call(name: str, argument: str, what: str, arguments: dict[str, Any]) -> Outcome:
    """Make one call and judge what came of it."""
    began = time.process_time()
    parameters = inspect.signature(operator.attrgetter(name)(al)).parameters
    first = [p for p, one in parameters.items() if one.kind is one.POSITIONAL_ONLY]
    positional = [arguments.pop(p) for p in first if p in arguments]
    for p, one in parameters.items():
        if one.kind is one.VAR_POSITIONAL and p in arguments:
            before = list(parameters)[: list(parameters).index(p)]
            positional = [arguments.pop(b) for b in before] + list(arguments.pop(p))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            operator.attrgetter(name)(al)(*positional, **arguments)
            verdict, text, place = "accepted", "", ""
        except al.AllianceStatsError as error:
            text, place = str(error), at(error)
            verdict = faults_of(text)
        except Exception as error:  # what the test is about
            verdict, text, place = type(error).__name__, str(error), at(error)
    foreign = [one for one in told if not issubclass(one.category, al.AllianceStatsWarning)]
    if foreign and verdict in ("accepted", "refused"):
        one = foreign[0]
        verdict, text = f"warns {one.category.__name__}", str(one.message)
        place = f"{Path(one.filename).name}:{one.lineno}"
    return Outcome(name, argument, what, verdict, text, place, time.process_time() - began)


def faults_of(text: str) -> str:
    """Return ``refused`` where a message is a sentence, or what it lacks."""
    if "<class" in text or "Traceback" in text or " object at 0x" in text:
        return "shows insides"
    sentence = text.partition("\n")[0]  # a formula stands below, with a mark
    ends = re.search(r"[.?!)'`]$", sentence.strip()) or re.search(r"[.)]'?$", text.strip())
    if len(text) < 20 or not ends:
        return "no sentence"
    return "refused"


def at(error: BaseException) -> str:
    """Return the last line of the package that an error went through."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "alliance_stats/" in f.filename]
    here = [f for f in ours if "tests/" not in f.filename]
    if not here:
        return ""
    last = here[-1]
    return f"{last.filename.split('alliance_stats/')[-1]}:{last.lineno} {last.name}"


def run(names: list[str], share: float = 1.0, watch: Callable[[Outcome], Any] = id) -> Tally:
    """Make the calls of some functions, or always the same share of them."""
    tally = Tally()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        os.chdir(folder)
        try:
            for name in names:
                for argument, what, arguments in cases(name):
                    drawn = zlib.crc32(f"{name} {argument} {what}".encode()) / 2**32
                    if drawn < share:
                        tally.outcomes.append(call(name, argument, what, copy.copy(arguments)))
                        watch(tally.outcomes[-1])
        finally:
            os.chdir(here)
            import matplotlib.pyplot as plt

            plt.close("all")
    return tally


def main() -> None:
    given = sys.argv[1:]
    share = float(given.pop(given.index("--share") + 1)) if "--share" in given else 1.0
    names = [one for one in given if not one.startswith("--")] or list(CALLS)

    def show(one: Outcome) -> None:
        if one.wrong or one.seconds > 3:
            line = f"{one.function}({one.argument}={one.value}) {one.verdict} [{one.place}]"
            print(f"{line} {one.seconds:.1f}s {one.text[:160]!r}", flush=True)

    print(run(names, share, show).counts())


if __name__ == "__main__":
    main()
