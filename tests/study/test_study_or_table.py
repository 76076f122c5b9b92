"""Whatever takes a study takes its scores as a table, and the other way round: one answer."""

import inspect

import pandas as pd
import pytest

import alliance_stats as al

ALLIANCE, OUTCOME = "wai-sr/total/client", "core-10/total/client"
RULE = {"rule": "drop_pooled_sd"}
TWO = {"alliance": ALLIANCE, "outcome": OUTCOME}
FEW = {"replicates": 20, "seed": 1}

CALLS = {
    "detect_ruptures": (al.detect_ruptures, OUTCOME, RULE),
    "compare_rules": (al.compare_rules, ALLIANCE, {"rules": ["drop_points", "drop_pooled_sd"]}),
    "expected_by_chance": (al.expected_by_chance, OUTCOME, {**RULE, **FEW}),
    "recommend_rule": (al.recommend_rule, ALLIANCE, {"rules": ["drop_pooled_sd"], **FEW}),
    "mean_course": (al.mean_course, ALLIANCE, {}),
    "sudden_gains": (al.sudden_gains, OUTCOME, {"points": 3.0}),
    "rating_gap": (al.rating_gap, "wai-sr/bond", FEW),
    "who_leads": (al.who_leads, "wai-sr/total", {}),
    "one_with_many": (al.one_with_many, "wai-sr/total", FEW),
    "gap_feedback": (al.gap_feedback, "wai-sr/total", {"therapist": "T01"}),
    "gap_by_scale": (al.gap_by_scale, "wai-sr", FEW),
}
MODELS = {
    "fit_rupture_repair": (al.fit_rupture_repair, {**TWO, **RULE, "levels": 2}),
    "fit_event_study": (al.fit_event_study, {**TWO, **RULE, "seed": 1}),
    "fit_asymmetric_change": (al.fit_asymmetric_change, TWO),
    "fit_rupture_outcome": (al.fit_rupture_outcome, {**TWO, **RULE, "landmark": 5}),
}
STUDY_ONLY = {
    "person_period": "reads the ends of therapy",
    "fit_alliance_and_dropout": "reads the ends of therapy",
    "dropout_sensitivity": "reads the ends of therapy",
    "dropout_incidence": "its table is one of ends, not of scores",
    "outcome_gap": "reads the forecasts",
    "check_parallel_forms": "reads items",
    "scale_reliability": "reads items",
    "measurement_invariance": "reads items",
    "fit_factor_model": "reads items",
    "study_flow": "counts the study's own clients",
    "sample_table": "counts the study's own clients",
    "trial_flow": "counts the study's own clients",
    "choose_measure": "asks which measures a study has",
}


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=8, n_clients=80, seed=2)


def long_scores(study):
    return study.scores.merge(study.clients[["client_id", "therapist_id"]], on="client_id")


def table_of(found):
    return found.tidy() if hasattr(found, "tidy") else found


def score_of(found):
    return getattr(found, "score", "") or getattr(found, "attrs", {}).get("score")


@pytest.mark.parametrize("name", CALLS)
def test_a_study_and_its_scores_give_the_same(study, name):
    ask, score, options = CALLS[name]
    long = long_scores(study)
    of_study = ask(study, measure=score, **options)
    of_table = ask(long, measure=score, **options)
    pd.testing.assert_frame_equal(
        table_of(of_study), table_of(of_table), check_dtype=False, check_categorical=False
    )
    if name not in ("compare_rules", "gap_by_scale"):
        assert score_of(of_study) == score_of(of_table) == score
        if hasattr(of_study, "summary"):
            assert score in of_study.summary()
            assert score in of_study._repr_html_()


@pytest.mark.parametrize("name", ["detect_ruptures", "mean_course", "sudden_gains"])
def test_a_selected_score_needs_no_name(study, name):
    ask, score, options = CALLS[name]
    found = ask(study.select(score), **options)
    pd.testing.assert_frame_equal(
        table_of(found), table_of(ask(study, measure=score, **options)), check_categorical=False
    )


@pytest.mark.parametrize("name", MODELS)
def test_models_of_two_scores_take_a_study_or_its_scores(study, name):
    ask, options = MODELS[name]
    of_study, of_table = ask(study, **options), ask(long_scores(study), **options)
    pd.testing.assert_frame_equal(of_study.tidy(), of_table.tidy(), check_categorical=False)
    assert of_study.score == of_table.score == f"{ALLIANCE}, {OUTCOME}"


def test_first_and_last_scores_come_from_occasions_or_sessions(study):
    whole = al.first_and_last(study, measure=OUTCOME)
    pd.testing.assert_frame_equal(
        whole, al.first_and_last(study.select(OUTCOME, at="occasion")), check_categorical=False
    )
    only = study.with_tables(assessments=None)
    pd.testing.assert_frame_equal(
        al.first_and_last(only, measure=OUTCOME), al.first_and_last(only.select(OUTCOME))
    )


def test_the_arguments_of_their_own_say_the_same_as_the_string(study):
    string = al.detect_ruptures(study, measure="wai-sr/task/therapist", **RULE)
    parts = al.detect_ruptures(study, measure="wai-sr", subscale="task", rater="therapist", **RULE)
    pd.testing.assert_frame_equal(string.sessions, parts.sessions)
    assert string.score == parts.score
    by_string = al.person_period(study, measure="wai-sr/bond/therapist")
    by_parts = al.person_period(study, measure="wai-sr", scale="bond", rater="therapist")
    pd.testing.assert_frame_equal(by_string, by_parts)


def test_every_function_that_takes_a_measure_is_looked_at_here():
    first = {"scores", "data", "study", "study_or_data"}
    takes = {
        name
        for name in al.__all__
        if inspect.isfunction(getattr(al, name))
        and "measure" in (parameters := inspect.signature(getattr(al, name)).parameters)
        and next(iter(parameters)) in first
    }
    change = {"reliable_change", "clinically_significant_change", "change_by_therapist"}
    known = {*CALLS, *STUDY_ONLY, *change, "first_and_last"}
    assert sorted(takes - known) == []
