"""What walks along time takes ``time=``: another column at the place of ``session``."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.stages import stage_of

REASONS = {
    "decompose": "the column of time is named by detrend=",
    "fit_dropout_hazard": "the formula names the time",
    "fit_competing_hazards": "the formula names the time",
    "predict_dropout": "a landmark is a session after which a clinic is warned",
    "gap_by_therapist": "takes what rating_gap gives",
    "check_parallel_forms": "compares forms of one session; their order does not matter",
    "compare_reports": "compares reports of one session; their order does not matter",
    "coder_reliability": "compares codes of one session; their order does not matter",
    "summarise_codes": "sums up codes of one session; their order does not matter",
    "outcome_gap": "takes the first and the last score, as first_and_last finds them",
    "missing_by_session": "counts appointments, which are sessions",
    "missing_ratings": "counts forms, in any order",
    "study_flow": "counts clients",
    "sample_table": "describes who is in a study, before treatment",
    "trial_flow": "counts clients; times= are those at which",
    "scale_reliability": "takes one form a client, in any order",
    "score": "scores each form by itself",
    "write_report": "finds out which time the study has",
    "scan_identifiers": "looks at columns, not at courses",
    "change_by_therapist": "takes two columns, pre and post",
    "simulate_study": "makes sessions",
    "score_partitions": "scores each form by itself, whatever its time",
    "clinic_file": "the formula names the time",
    "combine_clinics": "the files name the time",
    "synthetic_study": "draws sessions",
    "check_synthetic": "compares two studies",
    "suggest_mapping": "finds the column of time itself",
    "mean_reliability": "takes a client's mean, in any order",
    "fit_response_surface": "takes time as a covariate",
    "fit_actor_partner": "takes time as a covariate",
    "correct_between": "takes a fitted model",
    "compare_published": "compares numbers",
    "run_notebook": "hands parameters to a notebook",
    "rupture_rules": "lists the rules",
    "model_table": "takes fitted models",
    "check_model": "takes a fitted model",
    "check_plan": "takes a fitted model, or counts the sessions of a study",
    "fit_factor_model": "takes one form a row",
    "measurement_invariance": "compares what across= names: raters, sessions or a column",
}


NO_COURSE = ("plot_", "choose_measure", "needs", "new_study", "open_study", "pseudonymise", "read_",
             "list_", "fit_ladder", "register_")  # fmt: skip


def about_sessions() -> list[str]:
    names = [n for n in al.__all__ if inspect.isfunction(getattr(al, n))]
    names = [n for n in names if not n.startswith(NO_COURSE)]
    return [n for n in names if re.search(r"\bsessions?\b", getattr(al, n).__doc__)]


def test_whatever_speaks_of_sessions_takes_another_time_or_says_why_not():
    takes = {n for n in al.__all__ if inspect.isfunction(getattr(al, n))
             and "time" in inspect.signature(getattr(al, n)).parameters}  # fmt: skip
    assert sorted(set(about_sessions()) - takes - set(REASONS)) == []
    assert sorted(takes & set(REASONS)) == []
    assert {*CALLS, *STUDY_CALLS, *MODELS} <= takes


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=8, n_clients=60, coded_share=0.4, seed=4)


@pytest.fixture(scope="module")
def scores(study):
    wanted = study.scores.query("measure == 'wai-sr' and scale == 'total'")
    people = study.clients[["client_id", "therapist_id"]]
    return wanted.merge(people, on="client_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def ratings(scores, study):
    own = scores[scores["rater"] == "client"]
    keys = ["client_id", "session"]
    other = study.select("core-10")[[*keys, "score"]].rename(columns={"score": "distress"})
    wide = own.merge(other, on=keys).rename(columns={"score": "alliance"})
    return wide[[*keys, "therapist_id", "alliance", "distress"]]


@pytest.fixture(scope="module")
def ends(study):
    return study.terminations.merge(study.clients, on="client_id")


POINTS = {"rule": "drop_points", "points": 0.8}
BOTH = {"alliance": "alliance", "outcome": "distress"}
ALONE = {"alliance": "alliance", "rule": "drop_points", "points": 0.8}
WAI = {"measure": "wai-sr", "scale": "total"}
CALLS = {
    "lag": ("ratings", {"columns": "alliance"}),
    "mean_course": ("scores", {"rater": "client"}),
    "sudden_gains": ("ratings", {"score": "distress", "points": 3, "min_around": 2}),
    "detect_ruptures": ("ratings", {**POINTS, "column": "alliance"}),
    "compare_rules": ("ratings", {"rules": ["drop_within_sd", "drop_trend"], "column": "alliance"}),
    "expected_by_chance": ("ratings", {**POINTS, "column": "alliance", "replicates": 5}),
    "recommend_rule": (
        "ratings",
        {"column": "alliance", "rules": ["drop_within_sd"], "replicates": 1},
    ),
    "fit_rupture_repair": ("ratings", {**BOTH, **ALONE, "slopes": "none", "reverse": False}),
    "fit_event_study": ("ratings", {**BOTH, **ALONE}),
    "fit_rupture_outcome": ("ratings", {**BOTH, **ALONE, "slopes": "none"}),
    "fit_asymmetric_change": ("ratings", BOTH),
    "rupture_multiverse": (
        "ratings",
        {
            **BOTH,
            "grid": {"rule": ["drop_stricter_sd"]},
            "permutations": 0,
            "n_jobs": 1,
        },
    ),
    "rating_gap": ("scores", {"replicates": 5}),
    "gap_by_scale": ("scores", {"measure": "wai-sr", "replicates": 5}),
    "gap_feedback": ("scores", {"therapist": "T01"}),
    "one_with_many": ("scores", {"replicates": 5}),
    "who_leads": ("scores", {}),
    "first_and_last": ("scores", {"rater": "client"}),
    "dropout_incidence": ("ends", {"by": "condition"}),
    "define_dropout": ("ends", {"definition": "median_split"}),
    "compare_dropout_definitions": ("ends", {"definitions": ["recorded", "premature"]}),
}
STUDY_CALLS = {
    "person_period": {},
    "fit_alliance_and_dropout": {},
    "dropout_sensitivity": {"measure": "core-10", "deltas": [0.0], "imputations": 2},
    "fit_principles_repair": {"alliance": "wai-sr", "k": 1.0},  # many sessions in rupture
    "fit_rupture_count": {"alliance": "wai-sr", "predictors": "site_id"},
    "reliable_change": {"measure": "core-10"},
}
MODELS = ("fit_cross_lagged", "fit_multilevel", "fit_truth_and_bias", "fit_dropout_cox")


def numbers_of(result) -> np.ndarray:
    """Return all that a result says in numbers, whatever its columns are called."""
    if isinstance(result, pd.DataFrame):
        frame = (
            result.assign(reason=result["reason"] == "dropout") if "reason" in result else result
        )
    else:
        frame = result.specifications if hasattr(result, "specifications") else result.tidy()
    named = frame.drop(columns=["session", "week", "last_session"], errors="ignore")
    return named.select_dtypes(["number", "bool"]).to_numpy(dtype=float)


@pytest.mark.filterwarnings("ignore::alliance_stats.errors.AllianceStatsWarning")
@pytest.mark.parametrize("name", CALLS)
def test_another_column_is_walked_along_as_sessions_are(name, request):
    source, options = CALLS[name]
    table = request.getfixturevalue(source)
    place = "last_session" if source == "ends" else "session"
    # the numbers stand in another column, and the usual one holds what would give other answers
    moved = table.assign(week=table[place]).assign(**{place: table[place].to_numpy()[::-1]})
    expected = numbers_of(getattr(al, name)(table, **options))
    found = numbers_of(getattr(al, name)(moved, **options, time="week"))
    np.testing.assert_array_equal(found, expected)
    assert expected.size


@pytest.mark.filterwarnings("ignore::alliance_stats.errors.AllianceStatsWarning")
@pytest.mark.parametrize("name", STUDY_CALLS)
def test_a_study_is_walked_along_a_column_of_its_sessions(name, study):
    later = {
        table: study.tables[table].assign(week=lambda t: t["session"] + 0)
        for table in ("sessions",)
    }
    moved = study.with_tables(**later, assessments=None)
    function, options = getattr(al, name), STUDY_CALLS[name]
    expected = numbers_of(function(study.with_tables(assessments=None), **options))
    np.testing.assert_allclose(numbers_of(function(moved, **options, time="week")), expected)
    assert expected.size


def trial(alliance: bool = True) -> al.Study:
    """Four occasions, two arms, therapists in one of them, nobody has a session."""
    rng = np.random.default_rng(1)
    rows = []
    for client in range(80):
        treated = client % 2
        level, stays = rng.normal(18, 4), rng.choice([4, 4, 4, 3, 2, 1])
        for place, occasion in enumerate(["pre", "mid", "post", "followup"][:stays]):
            phq = np.clip(
                round(level - (2 + 2 * treated) * min(place, 2) + rng.normal(0, 2)), 0, 27
            )
            rows.append((client, occasion, "client", "phq-9", phq))
            if alliance and treated and occasion in ("mid", "post"):
                bond = rng.normal(3.6, 0.5)
                rows += [
                    (client, occasion, rater, "wai-sr", bond + rng.normal(0, 0.3))
                    for rater in ("client", "therapist")
                ]
    columns = ["client_id", "occasion", "rater", "measure", "score"]
    assessments = pd.DataFrame(rows, columns=columns).assign(scale="total")
    ids = pd.RangeIndex(80)
    therapists = [f"T{i % 16 // 2}" if i % 2 else None for i in ids]
    clients = pd.DataFrame(
        {"client_id": ids, "therapist_id": therapists,
         "condition": ["therapy" if i % 2 else "waiting" for i in ids]}
    )  # fmt: skip
    return al.Study("trial", {"clients": clients, "assessments": assessments})


def test_occasions_come_in_their_order_and_under_their_names():
    course = al.mean_course(trial(), measure="phq-9", by="condition")
    assert course["occasion"].tolist() == ["pre", "mid", "post", "followup"] * 2
    own = trial().assessments.merge(trial().clients)
    own = own[(own["measure"] == "phq-9") & (own["condition"] == "waiting")]
    means = own.groupby("occasion")["score"].mean()
    waiting = course[course["condition"] == "waiting"].set_index("occasion")["mean"]
    pd.testing.assert_series_equal(
        waiting, means[waiting.index], check_names=False, check_index_type=False
    )


def test_who_was_lost_to_assessment_is_told_by_arm():
    found = al.dropout_incidence(trial(alliance=False), by="condition")
    rows = trial(alliance=False).assessments.groupby("client_id")["occasion"].size()
    lost = found.table.query("by == 'therapy' and event == 'dropout'").set_index("occasion")
    for place, occasion in enumerate(["pre", "mid", "post"], 1):
        assert lost.loc[occasion, "incidence"] == pytest.approx((rows[1::2] <= place).mean())
    assert "lost to assessment" in found.messages[0]


def test_endings_in_sessions_stay_in_sessions_where_scores_have_occasions_only():
    ends = pd.DataFrame({"client_id": range(80), "last_session": range(1, 81), "reason": "dropout"})
    study = trial().with_tables(terminations=ends)
    assert al.dropout_incidence(study).table["time"].tolist() == list(range(1, 81))


def test_the_gap_and_the_change_of_a_trial():
    gap = al.rating_gap(trial(), measure="wai-sr", replicates=20)
    assert gap.by_session["session"].tolist() == [2, 3]
    assert gap.n_dyads < 40
    assert gap.tidy().set_index("term")["estimate"].drop("r_within").notna().all()
    change = al.reliable_change(trial(), measure="phq-9")
    later = al.reliable_change(trial(), measure="phq-9", pre="pre", post="followup")
    assert change["post"].notna().sum() > later["post"].notna().sum() > 20
    assert set(later["post_when"]) == {"followup"}


def test_the_occasion_before_is_found_by_its_order():
    rows = trial().assessments.query("measure == 'phq-9' and client_id < 40")
    seen = (rows["occasion"] != "mid") | (rows["client_id"] >= 20)
    mixed = rows[seen].sample(frac=1, random_state=1)
    lagged = al.lag(mixed, "score", time="occasion").set_index(["client_id", "occasion"])
    scores = rows.set_index(["client_id", "occasion"])["score"]
    for (client, occasion), value in lagged["score_lag1"].items():
        before = {"mid": "pre", "post": "mid", "followup": "post"}.get(occasion)
        if before is None or (before == "mid" and client < 20):  # never the one before that
            assert np.isnan(value)
        else:
            assert value == scores[(client, before)]


def test_what_asks_for_the_next_session_is_refused_unless_occasions_are_meant():
    with pytest.raises(al.DesignError, match=r"none at sessions.*time='occasion'"):
        al.detect_ruptures(trial(), measure="phq-9", **POINTS)
    found = al.detect_ruptures(trial(), measure="phq-9", time="occasion", **POINTS)
    assert set(found.sessions["session"]) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["post", "followup", "pre", "mid"], ["pre", "mid", "post", "followup"]),
        (["t3", "t10", "t1"], ["t1", "t3", "t10"]),
        (["12", "0", "3"], ["0", "3", "12"]),
        (["once"], ["once"]),
        (["post", "week 8", "baseline", "week 4"], ["baseline", "week 4", "week 8", "post"]),
        (["follow-up 2", "follow-up 1", "Prä", "Post"], ["Prä", "Post", "follow-up 1",
                                                       "follow-up 2"]),
    ],
)  # fmt: skip
def test_the_order_of_occasions_is_what_their_labels_say(labels, order):
    table = pd.DataFrame({"client_id": 1, "occasion": labels, "rater": "client", "score": 1.0})
    assert al.mean_course(table, time="occasion")["occasion"].tolist() == order


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"],
        ["week 4", "month 3"],
        ["0", "12", "post"],
        ["post", "6 months", "pre"],
        ["vor Therapie", "nach Therapie", "6 Monate"],
    ],
)
def test_an_order_that_nobody_said_is_asked_for(labels):
    table = pd.DataFrame({"client_id": 1, "occasion": labels, "rater": "client", "score": 1.0})
    with pytest.raises(al.DesignError, match="order of the occasions is not known"):
        al.mean_course(table, time="occasion")
    told = table.assign(week=[5.0, 1.0, 3.0][: len(labels)])
    by_week = [label for _, label in sorted(zip(told["week"], labels, strict=True))]
    assert al.mean_course(told, time="occasion")["occasion"].tolist() == by_week
    kind = pd.CategoricalDtype(labels[::-1], ordered=True)
    told = table.astype({"occasion": kind})
    assert al.mean_course(told, time="occasion")["occasion"].tolist() == labels[::-1]


def test_decimals_are_a_time_but_have_no_neighbours():
    table = pd.DataFrame(
        {"client_id": 1, "month": [0.0, 1.5, 3.0], "rater": "client", "score": [5.0, 3.0, 4.0]}
    )
    assert al.mean_course(table, time="month")["month"].tolist() == [0.0, 1.5, 3.0]
    with pytest.raises(al.ColumnError, match=r"decimals, such as 1.5 .*rank\(\)"):
        al.detect_ruptures(table, time="month", **POINTS)
    dates = table.assign(month=pd.date_range("2020-01-01", periods=3))
    with pytest.raises(al.ColumnError, match="holds dates"):
        al.mean_course(dates, time="month")
    with pytest.raises(al.ColumnError, match="column weeks"):
        al.mean_course(table.rename(columns={"month": "week"}), time="weeks")


@pytest.mark.parametrize("name", ["rating_gap", "gap_by_scale", "gap_feedback", "one_with_many"])
def test_the_gap_asks_for_no_neighbours_and_takes_decimals(name, scores):
    options = CALLS[name][1]
    months = scores.assign(month=scores["session"] / 4).drop(columns="session")
    if name == "gap_feedback":
        options = {**options, "stages": ((1, 10000),)}
        months = months.assign(month=months["month"] + 1)
    found = getattr(al, name)(months, **options, time="month")
    expected = getattr(al, name)(scores, **options)
    if name != "gap_feedback":
        found, expected = (
            one if isinstance(one, pd.DataFrame) else one.tidy() for one in (found, expected)
        )
        slope = expected["term"] == "change_per_session"
        scaled = expected["estimate"].where(~slope, 4 * expected["estimate"])
        np.testing.assert_allclose(found["estimate"], scaled, rtol=1e-4)
    assert len(found.tidy() if hasattr(found, "tidy") else found)


@pytest.mark.parametrize("name", ["person_period", "fit_alliance_and_dropout"])
def test_rows_at_risk_are_counted_in_whole_numbers(name, study):
    sessions = study.sessions.assign(month=study.sessions["session"] / 4)
    with pytest.raises(al.ColumnError, match="time='month' holds decimals"):
        getattr(al, name)(study.with_tables(sessions=sessions, assessments=None), time="month")


def test_a_study_says_what_has_no_such_time():
    with pytest.raises(al.DesignError, match=r"Nothing in the study 'trial' has the time 'month'"):
        al.mean_course(trial(), measure="phq-9", time="month")
    sessions = pd.DataFrame({"client_id": ["a", "b"], "session": 1, "rater": "client",
                             "measure": "core-10", "scale": "total", "score": 1.0})  # fmt: skip
    only = trial().with_tables(assessments=None, scores=sessions)
    with pytest.raises(al.DesignError, match=r"no scores at occasions.*at sessions it has core-10"):
        al.mean_course(only, measure="core-10", time="occasion")
    with pytest.raises(al.ColumnError, match="no scores of core-10 at occasions; there are phq-9"):
        al.mean_course(trial(), measure="core-10", time="occasion")
    some = trial().assessments
    some = some.assign(week=some["occasion"].map({"pre": 0.0, "mid": 6.0}))
    with pytest.warns(al.AllianceStatsWarning, match=r"scores have no 'week' and are left out"):
        course = al.mean_course(trial().with_tables(assessments=some), measure="phq-9", time="week")
    assert course["week"].tolist() == [0, 6]


@pytest.mark.parametrize(
    ("label", "stage"),
    [
        ("Eingang", "intake"), ("Beginn", "pre"), ("vor der Therapie", "pre"),
        ("Voormeting", "pre"),
        ("Verlauf", "mid"), ("Mitte", "mid"), ("Nachmessung", "post"), ("Entlassung", "post"),
        ("después", "post"), ("after treatment", "post"), ("6-Monats-Katamnese", "followup"),
        ("3 Monate nach Therapie", None), ("nach Sitzung", None), ("Zeit A", None),
    ],
)  # fmt: skip
def test_the_stage_a_label_names(label, stage):
    assert stage_of(label) == stage
