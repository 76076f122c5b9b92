"""Numbers that two calls can give: each is one number. A row of the docstring is a test below.

======================================  =========================================================
number                                  calls
======================================  =========================================================
share improved, deteriorated            reliable_change, outcome_gap, clinically_significant_change,
                                        define_dropout, the report
reliability, SD and points of a change  the same, by `.criterion`
number of clients judged                the same
mean gap                                rating_gap, gap_by_scale, gap_by_therapist, the report. (The
                                        directional bias of fit_truth_and_bias has a name of its
                                        own: its model lets force and bias differ between dyads.)
level of an interval                    `confidence`, .95, wherever there is one
what is drawn at random                 `seed`, 0, `replicates`, 1000, wherever there is one
                                        (simulate_study: no seed)
outcome measure where none is named     outcome_gap, define_dropout, the report
======================================  =========================================================
"""

import dataclasses
import inspect

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.inference.shares import wilson
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections.criterion import judged

EXACT = 1e-12


@pytest.fixture(scope="module", params=["oq-45", "core-10"])
def study(request):
    """The OQ-45's card has alpha and retest, neither read in its source; the CORE-10's an alpha."""
    return al.simulate_study(
        outcome_measure=request.param, n_therapists=8, n_clients=70, planned_sessions=8, seed=11
    )


def name_of(study) -> str:
    return next(name for name in ("oq-45", "core-10") if (study.scores["measure"] == name).any())


def answers(study, **asked):
    """Return each call's criterion, and each client whom it judges with the verdict 'improved'."""
    name = name_of(study)
    pairs = al.first_and_last(study, measure=name)
    of_table = al.reliable_change(pairs, pre="pre", post="post", measure=name, **asked)
    of_study = al.reliable_change(study, measure=name, **asked)
    gap = al.outcome_gap(study, measure=name, replicates=2, **asked)
    ends = al.define_dropout(
        study, definition="before_reliable_change", measure=name, **asked
    )  # fmt: skip
    clients = gap.clients.query("target == 'improved'").dropna(subset=["observed"])
    found = {
        "reliable_change": (of_table.criterion, verdicts(of_table)),
        "of a study": (of_study.criterion, verdicts(of_study)),
        "outcome_gap": (gap.criterion, clients.set_index("client_id")["observed"] == 1),
        "define_dropout": (ends.criterion, ends.set_index("client_id")["reason"] != "dropout"),
    }
    report, _ = judged(Context(study, Options(**asked)), Context(study, Options()).outcome, pairs)
    found["report"] = (dataclasses.replace(report, cutoff=None), None)
    return found


def verdicts(changed):
    known = changed.dropna(subset=["category"]).set_index("client_id")["category"]
    return known == "improved"


@pytest.mark.parametrize("asked", [{}, {"criterion": "published"}])
def test_reliable_change_is_one_answer(study, asked):
    found = answers(study, **asked)
    criterion, improved = found.pop("reliable_change")
    assert 0 < improved.sum() < len(improved)
    over = study.terminations.set_index("client_id")["reason"]
    for name, (other, verdict) in found.items():
        assert str(other) == str(criterion), name
        assert other.messages == criterion.messages, name
        if name == "define_dropout":  # who ends otherwise keeps the reason on record
            verdict = verdict[over[verdict.index].isin(["dropout", "completed", "mutual"])]
        if verdict is not None:
            both = verdict.index.intersection(improved.index)
            assert len(both) > 40
            pd.testing.assert_series_equal(
                verdict[both], improved[both], check_names=False, check_dtype=False, obj=name
            )


def test_the_criterion_of_one_result_is_taken_by_the_others(study):
    own = al.reliable_change(study, measure=name_of(study), criterion="alpha").criterion
    assert own.kind == "alpha here"
    name = name_of(study)
    pairs = al.first_and_last(study, measure=name)
    asked = {"criterion": own}
    same = al.reliable_change(pairs, pre="pre", post="post", measure=name, **asked)
    gap = al.outcome_gap(study, measure=name, replicates=2, **asked)
    ends = al.define_dropout(study, definition="before_reliable_change", measure=name, **asked)
    assert [str(x.criterion) for x in (same, gap, ends)] == [str(own)] * 3
    with pytest.raises(al.DesignError, match="criterion= already holds a reliability"):
        al.outcome_gap(study, measure=name, reliability=0.8, criterion=own)


def test_the_shares_and_their_intervals_are_one(study):
    name = name_of(study)
    changed = al.reliable_change(study, measure=name)
    by_change = changed.tidy().set_index("term")
    gap = al.outcome_gap(study, measure=name, replicates=2).tidy().set_index("term")
    pairs = al.first_and_last(study, measure=name)
    line = al.clinically_significant_change(pairs, pre="pre", post="post", measure=name)
    every = line.table.query("denominator == 'all'").set_index("category")
    n = int(changed["category"].notna().sum())
    for category in ("improved", "deteriorated"):
        share = by_change.loc[category, "estimate"]
        assert gap.loc[f"{category}:observed", "estimate"] == pytest.approx(share, abs=EXACT)
        ends = by_change.loc[category, ["conf_low", "conf_high"]].astype(float)
        assert ends.tolist() == pytest.approx(wilson(round(share * n), n))
    better = every.loc[["recovered", "improved"], "share"].sum()
    assert better == pytest.approx(by_change.loc["improved", "estimate"], abs=EXACT)
    assert str(line.criterion).startswith(str(changed.criterion))
    glance = changed.glance().iloc[0]
    assert n == glance["n_judged"] == line.glance().loc[0, "n"] == every["n_of"].iloc[0]


def test_the_order_of_reliabilities_is_given_then_the_card_then_the_data():
    """OQ-45: retest .84 before alpha .93; no card: alpha of the items, where there are any."""
    pairs = pd.DataFrame({"pre": [60.0, 70, 80, 95], "post": [50.0, 71, 60, 99]})
    asked = {"pre": "pre", "post": "post", "measure": "oq-45"}
    by_card = al.reliable_change(pairs, **asked).criterion
    assert (by_card.kind, by_card.reliability) == ("retest", 0.84)
    given = al.reliable_change(pairs, **asked, reliability=0.7).criterion
    assert (given.kind, given.reliability) == ("given", 0.7)
    assert given.points == pytest.approx(1.96 * np.std(pairs["pre"], ddof=1) * np.sqrt(0.6))
    study = al.simulate_study(n_therapists=6, n_clients=40, planned_sessions=4, seed=3)
    card = dataclasses.replace(study.measures["core-10"], reliabilities=())
    tables = {**study.tables, "scores": study.scores}
    bare = al.Study("s", tables, measures={**study.measures, "core-10": card})
    here = al.reliable_change(bare, measure="core-10").criterion
    table = al.scale_reliability(study, measure="core-10").set_index(["rater", "scale"])
    assert here.kind == "alpha here"
    assert here.reliability == pytest.approx(table.loc[("client", "total"), "alpha"], abs=EXACT)
    with pytest.raises(al.DesignError, match="items of ten clients or more"):
        al.reliable_change(pairs, **asked, criterion="alpha")


def test_every_share_is_shown_with_its_criterion(study):
    name = name_of(study)
    pairs = al.first_and_last(study, measure=name)
    results = [
        al.reliable_change(study, measure=name),
        al.outcome_gap(study, measure=name, replicates=2),
        al.clinically_significant_change(pairs, pre="pre", post="post", measure=name),
    ]
    for result in results:
        assert f"Criterion: {result.criterion}." in result.summary()
        glance = result.glance().iloc[0]
        assert glance["reliability"] == result.criterion.reliability
        assert glance["sd"] == result.criterion.sd


def fits():
    """Return what gives intervals at a level of the caller's, by the default and by a level."""
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"g": np.repeat(range(12), 5), "x": rng.normal(size=60)})
    data["y"] = data["x"] + rng.normal(size=12)[data["g"]] + rng.normal(size=60)
    fit = al.fit_multilevel("y ~ x + (1 | g)", data)
    draws = fit.bootstrap(20, seed=1)
    return {
        "conf_int": fit.conf_int,
        "robust": fit.robust("g").conf_int,
        "bootstrap": draws.conf_int,
        "profile_ci": lambda **level: fit.profile_ci(["x"], **level)[["conf_low", "conf_high"]],
        "predict_interval": lambda **level: fit.predict_interval(data.head(2), **level),
    }


def test_the_level_is_called_confidence_and_its_old_names_say_so():
    for name, call in fits().items():
        pd.testing.assert_frame_equal(call(), call(confidence=0.95), obj=name)
        with pytest.warns(DeprecationWarning, match="alpha=0.1 is an old name"):
            old = call(alpha=0.1)
        pd.testing.assert_frame_equal(old, call(confidence=0.9), obj=name)
        with pytest.raises(al.DesignError, match="confidence must be a number between 0 and 1"):
            call(confidence=95)


def gaps():
    """Return every answer about the gap with intervals of its own."""
    study = al.simulate_study(n_therapists=12, n_clients=60, planned_sessions=6, seed=2)
    few = {"replicates": 20}
    gap = al.rating_gap(study, measure="wai-sr", scale="total", **few)
    pairs = gap.pairs.assign(next=gap.pairs["client"].shift(-1).fillna(3.0))
    pairs["after"] = pairs["therapist"].shift(-1).fillna(3.0)
    judged = {"truth": "client", "judgment": "therapist"}
    surface = {"x": "client", "y": "therapist", "outcome": "next"}
    two = {"predictors": ("client", "therapist"), "outcomes": ("next", "after"), "by": None}
    return {
        "rating_gap": lambda **c: al.rating_gap(study, measure="wai-sr", scale="bond", **few, **c),
        "gap_by_scale": lambda **c: al.gap_by_scale(study, measure="wai-sr", **few, **c),
        "gap_by_therapist": lambda **c: al.gap_by_therapist(gap, **c),
        "gap_feedback": lambda **c: al.gap_feedback(gap, therapist="T01", **c),
        "forms": lambda **c: al.check_parallel_forms(study, measure="wai-sr", **few, **c),
        "one_with_many": lambda **c: al.one_with_many(gap, **few, **c),
        "who_leads": lambda **c: al.who_leads(gap, **c),
        "outcome_gap": lambda **c: al.outcome_gap(study, **few, **c),
        "truth_and_bias": lambda **c: al.fit_truth_and_bias(pairs, **judged, **c),
        "response_surface": lambda **c: al.fit_response_surface(pairs, **surface, **c),
        "actor_partner": lambda **c: al.fit_actor_partner(pairs, **two, **c),
    }


def test_every_interval_of_the_gap_has_the_level_that_was_asked_for():
    for name, call in gaps().items():
        usual, same, less = call(), call(confidence=0.95), call(confidence=0.5)
        usual, same, less = (
            one if isinstance(one, pd.DataFrame) else one.tidy() for one in (usual, same, less)
        )
        pd.testing.assert_frame_equal(usual, same, obj=name)
        there = usual["conf_high"] > usual["conf_low"]
        assert there.any(), name
        wide = (usual["conf_high"] - usual["conf_low"])[there]
        narrow = (less["conf_high"] - less["conf_low"])[there]
        assert (narrow < wide).all(), name


def test_the_outcome_measure_that_nobody_named_is_one():
    study = al.simulate_study(n_therapists=8, n_clients=60, planned_sessions=6, seed=5)
    scores = study.scores
    other = scores[(scores["measure"] == "core-10") & (scores["session"] <= 2)]
    first = other.assign(measure="oq-45")  # stands first, and has fewer scores
    tables = {**study.tables, "scores": pd.concat([first, scores], ignore_index=True)}
    both = study.with_tables(**tables)
    ends = al.define_dropout(both, definition="before_reliable_change")
    report = Context(both, Options()).outcome.measure
    assert al.outcome_gap(both, replicates=2).used["measure"] == report == "core-10"
    assert any("core-10" in str(value) for value in ends.attrs.values())


def test_the_mean_gap_is_one_number():
    study = al.simulate_study(n_therapists=8, n_clients=60, planned_sessions=6, seed=5)
    found = al.rating_gap(study, measure="wai-sr", scale="total", replicates=20)
    mean = found.tidy().set_index("term").loc["mean_gap"]
    assert al.gap_by_therapist(found).attrs["average"] == pytest.approx(mean["estimate"], rel=1e-8)
    scales = al.gap_by_scale(study, measure="wai-sr", replicates=20)
    total = scales.query("scale == 'total'").set_index("term").loc["mean_gap"]
    for column in ("estimate", "std_error", "df", "conf_low", "conf_high"):
        assert total[column] == pytest.approx(mean[column], rel=1e-8)
    bias = al.fit_truth_and_bias(found.pairs, truth="client", judgment="therapist").tidy()
    assert "mean_gap" not in set(bias["term"])  # another question, and another name


@pytest.mark.parametrize(
    ("name", "value"), [("confidence", 0.95), ("seed", 0), ("replicates", 1000)]
)
def test_an_argument_of_one_name_has_one_default(name, value):
    defaults = {}
    for public in set(al.__all__) - {"simulate_study"}:
        one = getattr(al, public)
        methods = vars(one).items() if inspect.isclass(one) else [("", one)]
        for method, function in methods:
            if public == "recommend_rule" and name == "replicates":
                continue  # copies of the study: as many as make enough clients
            if not inspect.isfunction(function):
                continue
            there = inspect.signature(function).parameters.get(name)
            if there is not None and there.default is not inspect.Parameter.empty:
                defaults[f"{public}.{method}".rstrip(".")] = there.default
    assert len(defaults) > 5
    assert {key: found for key, found in defaults.items() if found != value} == {}
