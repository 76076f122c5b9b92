"""Tables and options nobody should give: each has its sentence, none a library's traceback."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.plots import plot_heatmap


def scores():
    return pd.DataFrame(
        {
            "client_id": ["a"] * 4 + ["b"] * 4,
            "session": [1, 2, 3, 4] * 2,
            "score": [5.0, 3, 5, 5, 4, 4, 2, 4],
        }
    )


def ratings(clients=12, sessions=6):
    random = np.random.default_rng(3)
    rows = [(f"c{i}", t) for i in range(clients) for t in range(1, sessions + 1)]
    frame = pd.DataFrame(rows, columns=["client_id", "session"])
    return frame.assign(
        alliance=random.normal(4, 1, len(frame)), distress=random.normal(20, 4, len(frame))
    )


def reports():
    return pd.DataFrame(
        {
            "client_id": ["a", "a", "b"],
            "session": [1, 1, 2],
            "rater": ["client", "therapist", "client"],
            "kind": "rupture",
            "intensity": [3.0, 2, 4],
        }
    )


def marks():
    rows = [
        (client, session, segment, coder, family)
        for client in "abcdef"
        for session in (1, 2)
        for segment, family in enumerate(("withdrawal", "resolution")[: 1 + (client < "c")], 1)
        for coder in ("k1", "k2")
    ]
    return pd.DataFrame(rows, columns=["client_id", "session", "segment", "coder_id", "family"])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("session", np.inf, "session must be a whole number in every row"),
        ("session", 1e300, "session must be a whole number in every row"),
        ("session", pd.Timestamp("2020-01-01"), "the column holds datetime64"),
        ("session", True, "the column holds bool"),
        ("score", 1 + 1j, "'score' of the table `scores` holds complex numbers"),
        ("score", pd.Timestamp("2020-01-01"), "'score' must hold numbers"),
        ("score", 1e200, "'score' is beyond 1e\\+100 in 8 rows"),
    ],
)
def test_values_no_course_can_have(column, value, words):
    with pytest.raises(al.ColumnError, match=words):
        al.detect_ruptures(scores().assign(**{column: value}), rule="drop_within_sd")


def test_ids_that_are_lists():
    frame = scores().assign(client_id=[["a"]] * 8)
    with pytest.raises(al.ColumnError, match="client_id must hold a word or a number"):
        al.detect_ruptures(frame, rule="drop_within_sd")


def test_a_column_that_is_there_twice():
    frame = pd.concat([scores(), scores()[["score"]]], axis=1)
    with pytest.raises(al.ColumnError, match="'score' is there 2 times"):
        al.detect_ruptures(frame, rule="drop_within_sd")


@pytest.mark.parametrize("k", [np.inf, 10**400])
def test_a_fall_beyond_all_numbers(k):
    with pytest.raises(al.DesignError, match="k must be a number above 0"):
        al.detect_ruptures(scores(), rule="drop_within_sd", k=k)


def test_change_points_need_room_on_both_sides():
    with pytest.raises(al.DesignError, match="exists from 200 sessions on"):
        al.detect_ruptures(scores(), rule="change_point", min_length=100)


@pytest.mark.parametrize("seed", [-1, 1.5, "x"])
def test_seeds(seed):
    with pytest.raises(al.DesignError, match="seed must be a whole number of 0 or more"):
        al.expected_by_chance(scores(), rule="drop_within_sd", replicates=9, seed=seed)
    with pytest.raises(al.DesignError, match="seed must be a whole number of 0 or more"):
        al.fit_event_study(ratings(), alliance="alliance", seed=seed)


@pytest.mark.parametrize("within", [-1, 1.5, np.nan, "x"])
def test_nearness_of_episodes(within):
    with pytest.raises(al.DesignError, match="within must be a whole number"):
        al.compare_rules(scores(), ["drop_within_sd", "drop_pooled_sd"], within=within)


def test_rules_that_are_no_list():
    with pytest.raises(al.DesignError, match="rules must be a list of rules, not 3"):
        al.compare_rules(scores(), 3)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("intensity", "high", "intensity must be a number from 0 to 5 or missing"),
        ("intensity", 99, "intensity must be a number from 0 to 5 or missing"),
        ("session", 1.5, "session must be a whole number in every row of the events"),
        ("client_id", None, "client_id is missing in 3 of 3 rows of the events"),
        ("kind", ["rupture", "ruptur", "rupture"], "kind must be .*1 rows \\(ruptur\\).*'rupture'"),
        ("rater", ["client", "therapist", None], "rater must be .*not in 1 rows"),
    ],
)
def test_reports_that_would_be_passed_over(column, value, words):
    events = reports().assign(**{column: value})
    held = scores()[["client_id", "session"]]
    with pytest.raises(al.AllianceStatsError, match=words):
        al.compare_reports(events, sessions=held)
    with pytest.raises(al.AllianceStatsError, match=words):
        al.detect_ruptures(scores(), rule="direct_report", events=events)


def test_sessions_of_other_clients():
    held = scores()[["client_id", "session"]].assign(client_id=1)
    with pytest.raises(al.DesignError, match="No client_id of `sessions` is one of"):
        al.compare_reports(reports(), sessions=held)
    with pytest.raises(al.DesignError, match="the sessions have no rows"):
        al.compare_reports(reports(), sessions=held.iloc[:0])


@pytest.mark.parametrize("least", [-1, 6, np.nan, "x", None])
def test_intensity_nobody_can_report(least):
    held = scores()[["client_id", "session"]]
    with pytest.raises(al.DesignError, match="min_intensity must be a number from 1 to 5"):
        al.compare_reports(reports(), sessions=held, min_intensity=least)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("family", "withdrawl", "family must be .* in every row of the observer codes"),
        ("coder_id", None, "coder_id is missing in 32 of 32 rows"),
        ("segment", None, "segment is missing in 32 of 32 rows"),
        ("session", 1.5, "session must be a whole number in every row of the observer codes"),
    ],
)
def test_codes_that_would_be_passed_over(column, value, words):
    codes = marks().assign(**{column: value})
    with pytest.raises(al.AllianceStatsError, match=words):
        al.coder_reliability(codes)
    with pytest.raises(al.AllianceStatsError, match=words):
        al.detect_ruptures(scores(), rule="observer_codes", codes=codes)


def test_principles_beyond_their_scale():
    rated = marks().assign(principle="validate", extent=9).drop(columns="family")
    with pytest.raises(al.ColumnError, match="extent must be a number from 0 to 4 or missing"):
        al.coder_reliability(rated)


def test_coders_who_agree_wholly():
    table = al.coder_reliability(marks()).table
    assert 1.0 in table["estimate"].tolist()


MODELS = [al.fit_rupture_repair, al.fit_asymmetric_change, al.fit_event_study]


@pytest.mark.parametrize("fit", MODELS)
@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("distress", "much", "'distress' must hold numbers in the data"),
        ("distress", np.inf, "'distress' is infinite"),
        ("session", 1.5, "session must be a whole number"),
        ("session", 1, "A client can have a session once"),
        ("client_id", None, "client_id is missing"),
    ],
)
def test_ratings_no_model_can_have(fit, column, value, words):
    with pytest.raises(al.AllianceStatsError, match=words):
        fit(ratings().assign(**{column: value}), alliance="alliance", outcome="distress")


@pytest.mark.parametrize("fit", MODELS)
def test_a_key_is_no_rating(fit):
    with pytest.raises(al.DesignError, match="'session' says whose row it is"):
        fit(ratings(), alliance="alliance", outcome="session")


def test_an_outcome_that_never_changes():
    with pytest.raises(al.DesignError, match="nothing for rises and falls to explain"):
        al.fit_asymmetric_change(
            ratings().assign(distress=5.0), alliance="alliance", outcome="distress"
        )


@pytest.mark.parametrize("levels", [[], np.nan, (2, "x"), 4])
def test_levels_there_are_none_of(levels):
    with pytest.raises(al.DesignError, match="levels must be one of 2, 3, or a list of both"):
        al.fit_rupture_repair(ratings(), alliance="alliance", outcome="distress", levels=levels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grid": [1]}, "Choices are given as a mapping"),
        ({"primary": "x"}, "Choices are given as a mapping"),
        ({"plan": 3}, "A plan is an AnalysisPlan or the path of one"),
        ({"cache": 3}, "cache must be the path of a folder"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_multiverses_nobody_can_mean(options, words):
    with pytest.raises(al.DesignError, match=words):
        al.rupture_multiverse(ratings(), alliance="alliance", outcome="distress", **options)


def test_a_cache_where_a_file_is(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(al.DesignError, match="cannot be made"):
        al.rupture_multiverse(
            ratings(), alliance="alliance", outcome="distress", cache=tmp_path / "file"
        )


def test_plans_that_are_none(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("a: " + "[" * 3000)
    with pytest.raises(al.DesignError, match=r"nested|nesting"):
        al.read_analysis_plan(path)
    path.write_text("alliance: [x]\noutcome: y\nprimary: {rule: drop_within_sd}")
    with pytest.raises(al.DesignError, match="alliance must be the name of a measure"):
        al.read_analysis_plan(path)
    plan = al.AnalysisPlan(alliance="x", outcome="y", primary={"rule": "drop_within_sd"})
    with pytest.raises(al.DesignError, match="There is no folder"):
        plan.save(tmp_path / "nowhere" / "plan.yaml")


def test_the_heat_map_leaves_sessions_nobody_had_empty():
    gap = scores().assign(session=[1, 2, 3, 9] * 2)
    mesh = plot_heatmap(al.detect_ruptures(gap, rule="drop_within_sd")).collections[0]
    widths = np.diff(mesh.get_coordinates()[0, :, 0])
    cells = np.ma.getmaskarray(np.ma.masked_invalid(mesh.get_array()))
    assert widths.tolist() == [1, 1, 1, 5, 1]
    assert cells[:, 3].all()
