"""Each thing that can be wrong has its sentence."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def scores(**columns):
    table = {
        "client_id": ["a"] * 4 + ["b"] * 4,
        "session": [1, 2, 3, 4] * 2,
        "score": [5.0, 3, 5, 5, 4, 4, 2, 4],
    }
    return pd.DataFrame(table | columns)


def test_an_unknown_rule_names_the_nearest():
    with pytest.raises(al.DesignError) as caught:
        al.detect_ruptures(scores(), rule="drop_within_sds")
    assert str(caught.value).startswith(
        "There is no rupture rule 'drop_within_sds'. Did you mean 'drop_within_sd'? The rules are"
    )


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(al.DesignError, match=r"has no parameter 'repair_windw'. Did you mean"):
        al.detect_ruptures(scores(), rule="drop_within_sd", repair_windw=3)


@pytest.mark.parametrize(
    ("rule", "options", "words"),
    [
        ("drop_within_sd", {"k": 0}, "k must be a number above 0; it is 0"),
        ("drop_within_sd", {"k": "1"}, "k must be a number above 0; it is '1'"),
        ("drop_points", {"points": -2}, "the size of the fall"),
        ("drop_points", {"repair_level": 1.5}, "repair_level must be a share"),
        ("drop_points", {"repair_window": 0}, "repair_window must be a whole number of 1"),
        ("drop_points", {"max_gap": 0}, "max_gap must be a whole number of 1 or more, or None"),
        ("drop_points", {"min_sessions": 2.5}, "min_sessions must be a whole number"),
        ("drop_points", {"direction": "up"}, "direction must be one of 'higher_is_better'"),
        ("drop_points", {"range": (7, 1)}, "range must be a pair"),
        ("drop_reliable_change", {"reliability": 1.2}, "reliability must be a number between"),
        ("drop", {"scale": "within_sdd"}, "Did you mean 'within_sd'"),
        ("drop_within_sd", {"scale": "points"}, "use the rule 'drop', which leaves every choice"),
        ("drop_trend", {"min_sessions": 2}, "min_sessions=2 is too few for the rule 'drop_trend'"),
        ("sudden_loss", {"percent": 0}, "percent must be a number above 0 and at most 100"),
        ("sudden_loss", {"percent_of": "range"}, "needs range=\\(lowest, highest"),
        ("control_chart", {"baseline": 1}, "baseline must be a whole number of 3"),
        ("ewma", {"smoothing": 0}, "smoothing must be a number above 0 and at most 1"),
        ("observer_codes", {"families": ["x"]}, "families must be a list of withdrawal"),
    ],
)
def test_impossible_parameters(rule, options, words):
    with pytest.raises(al.DesignError, match=words):
        al.detect_ruptures(scores(), rule=rule, **options)


def test_no_client_has_enough_sessions():
    with pytest.raises(al.DesignError) as caught:
        al.detect_ruptures(scores(), rule="control_chart")
    assert str(caught.value).startswith(
        "The rule 'control_chart' needs 8 observed sessions of a client, and none of the 2 clients "
        "has as many (the longest course has 4)."
    )


def test_all_scores_missing():
    with pytest.raises(al.DesignError, match="Not one value of 'score' is observed"):
        al.detect_ruptures(scores(score=np.nan), rule="drop_points")


def test_a_session_twice():
    with pytest.raises(al.DesignError, match=r"2 rows repeat one \(client: session a: 1, b: 1\)"):
        al.detect_ruptures(scores(session=[1, 1, 2, 3] * 2), rule="drop_points")


def test_two_raters_mixed_and_how_to_choose_one():
    both = pd.concat([scores(rater="client"), scores(rater="therapist")])
    with pytest.raises(al.DesignError, match=r"mix 2 raters: client, therapist.*rater='client'"):
        al.detect_ruptures(both, rule="drop_points")
    found = al.detect_ruptures(both, rule="drop_points", rater="therapist")
    assert len(found.sessions) == 8


def test_two_measures_or_scales_mixed():
    measures = pd.concat([scores(measure="wai-sr"), scores(measure="oq-45")])
    with pytest.raises(al.DesignError, match="measure='oq-45'"):
        al.detect_ruptures(measures, rule="drop_points")
    scales = pd.concat([scores(scale="bond"), scores(scale="goal")])
    with pytest.raises(al.DesignError, match="subscale='bond'"):
        al.detect_ruptures(scales, rule="drop_points")
    assert len(al.detect_ruptures(scales, rule="drop_points", subscale="goal").sessions) == 8
    with pytest.raises(al.DesignError, match="no scores with scale 'task'; there are bond, goal"):
        al.detect_ruptures(scales, rule="drop_points", subscale="task")
    with pytest.raises(al.ColumnError, match="no column 'rater'"):
        al.detect_ruptures(scales, rule="drop_points", subscale="goal", rater="client")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"session": [1, 2, 3.5, 4] * 2}, r"not in 2 rows \(client: session a: 3.5"),
        ({"session": [1, 2, None, 4] * 2}, "session must be a whole number"),
        ({"client_id": ["a", None] * 4}, "client_id is missing in 4 of 8 rows"),
        ({"score": ["5", "x"] * 4}, r"4 values are not \(x\)"),
        ({"score": [np.inf] * 8}, "'score' is infinite in 8 rows"),
    ],
)
def test_columns_that_do_not_hold_what_they_should(columns, words):
    with pytest.raises(al.ColumnError, match=words):
        al.detect_ruptures(scores(**columns), rule="drop_points")


def test_missing_columns_name_the_nearest():
    with pytest.raises(al.ColumnError, match="Did you mean 'scores'"):
        al.detect_ruptures(scores().rename(columns={"score": "scores"}), rule="drop_points")
    found = al.detect_ruptures(
        scores().rename(columns={"score": "wai"}), rule="drop_points", column="wai"
    )
    assert len(found.episodes) == 2
    with pytest.raises(al.DesignError, match="There are no rows"):
        al.detect_ruptures(scores().iloc[:0], rule="drop_points")
    with pytest.raises(al.ColumnError, match="must be a Study"):
        al.detect_ruptures([1, 2, 3], rule="drop_points")


def test_scores_outside_the_range():
    with pytest.raises(al.ColumnError, match=r"4 scores lie outside range=\(1, 4\) \(clients a\)"):
        al.detect_ruptures(
            scores(score=[5.0, 5, 5, 5, 4, 4, 2, 4]), rule="drop_points", range=(1, 4)
        )


def test_rules_that_need_reports_or_codes():
    with pytest.raises(al.DesignError, match="reads the table 'events', and there is none"):
        al.detect_ruptures(scores(), rule="direct_report")
    with pytest.raises(al.DesignError, match="or codes=a table"):
        al.detect_ruptures(scores(), rule="observer_codes")
    events = pd.DataFrame(
        {"client_id": ["a"], "session": [2], "rater": ["client"], "kind": ["rupture"]}
    )
    with pytest.raises(al.DesignError, match="no events reported by rater 'therapist'"):
        al.detect_ruptures(scores(), rule="direct_report", events=events, rater="therapist")


def test_percent_of_a_score_below_zero_has_no_meaning():
    with pytest.raises(al.DesignError, match="the lowest here is -1"):
        al.detect_ruptures(scores(score=[-1.0, 3, 5, 5, 4, 4, 2, 4]), rule="sudden_loss", points=1)


def test_more_clusters_than_courses():
    data = scores()
    with pytest.raises(al.DesignError, match="4 clusters need at least 4 clients"):
        al.detect_ruptures(data, rule="shape_clusters", min_sessions=4)
