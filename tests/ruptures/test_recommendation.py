"""Error rates of rules where the truth is planted, by hand and by theory."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import alliance_stats as al
from alliance_stats.ruptures.courses import Courses
from alliance_stats.ruptures.parameters import complete
from alliance_stats.ruptures.performance.planting import Planted, error_rates, plant, repairs_dated
from alliance_stats.ruptures.rules import find_rule

MONTE_CARLO = 4
"""Standard errors by which a simulated share may miss its theory."""


def flat(clients, sessions, level=5.0):
    session = np.tile(np.arange(1, sessions + 1), clients)
    return Courses(session, np.full(session.size, level), np.arange(clients) * sessions)


def noisy(clients=60, sessions=12, seed=1, phi=0.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(clients, sessions))
    for t in range(1, sessions):
        z[:, t] = phi * z[:, t - 1] + np.sqrt(1 - phi**2) * z[:, t]
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), sessions),
            "session": np.tile(np.arange(1, sessions + 1), clients),
            "score": (5 + rng.normal(size=(clients, 1)) + z).ravel(),
        }
    )


def test_ruptures_are_planted_where_they_say_and_repaired_after_them():
    planted = plant(flat(200, 10), depth=2, duration=3, base_rate=0.5, rng=np.random.default_rng(1))
    inside = planted.inside >= 0
    assert (planted.courses.value == np.where(inside, 3.0, 5.0)).all()
    assert np.unique(np.bincount(planted.inside[inside])).tolist() == [3]
    assert (planted.repair == planted.begins + 3).all()
    position = planted.begins % 10
    assert (position.min(), position.max()) == (3, 6)  # a session is left after each
    assert planted.begins.size == pytest.approx(100, abs=MONTE_CARLO * np.sqrt(50))


def test_ruptures_that_are_not_repaired_last_to_the_end():
    planted = plant(
        flat(50, 8), depth=2, duration=2, base_rate=1, rng=np.random.default_rng(1), repaired=0
    )
    assert (planted.repair == -1).all()
    assert (planted.inside.reshape(50, 8)[:, -1] == np.arange(50)).all()


def test_rates_by_hand():
    # client 0: planted in sessions 4-5, seen at 4; client 1: a false fall at 3; client 2: calm
    value = np.array([[5, 5, 5, 3, 3, 5], [5, 5, 3, 5, 5, 5], [5, 5, 5, 5, 5, 5]], float)
    courses = Courses(np.tile(np.arange(1, 7), 3), value.ravel(), np.arange(3) * 6)
    inside = np.full(18, -1)
    inside[3:5] = 0
    planted = Planted(courses, np.array([3]), inside, np.array([5]))
    rule = find_rule("drop_points")
    found = error_rates(planted, rule, complete(rule, {"points": 1.0}))
    assert found["sensitivity"] == 1
    assert found["ppv"] == 1 / 2
    assert found["false_alarms"] == 1 / 2
    assert found["flagged_outside"] == 1 / 13  # 15 judged sessions, two of them inside
    assert (found["delay"], found["judged"]) == (0, 1)
    dated = repairs_dated(planted, rule, complete(rule, {"points": 1.0}))
    assert dated["right"] == 1
    assert np.isnan(dated["called_repaired"])


def test_a_fall_in_points_is_found_as_often_as_the_normal_distribution_says():
    # independent scores of SD 1: the first session falls by points where N(-depth, 2) < -points
    rng = np.random.default_rng(2)
    courses = flat(4000, 8)
    courses = Courses(courses.session, rng.normal(size=courses.value.size), courses.start)
    planted = plant(courses, depth=2.0, duration=1, base_rate=1.0, rng=rng)
    rule = find_rule("drop_points")
    found = error_rates(planted, rule, complete(rule, {"points": 2.5}))
    theory = norm.cdf((2.0 - 2.5) / np.sqrt(2))
    error = np.sqrt(theory * (1 - theory) / 4000)
    assert found["sensitivity"] == pytest.approx(theory, abs=MONTE_CARLO * error)


def test_the_design_is_read_from_the_scores():
    advice = al.recommend_rule(noisy(200, 12, phi=0.4), rules=["drop_points"], replicates=2)
    assert advice.design["autocorrelation"] == pytest.approx(0.4, abs=0.1)
    assert advice.design["sd"] == pytest.approx(1, abs=0.1)
    assert advice.design["depth_points"] == 2 * advice.design["sd"]
    assert advice.design["median_sessions"] == 12
    assert "no agreed rule" in advice.messages[0]
    assert "order is that of f1" in advice.messages[1]
    assert "not told apart" in advice.messages[1]
    assert "state_model, which takes longer, was not tried" in advice.messages[2]


def test_deeper_and_longer_ruptures_are_found_more_often_and_rare_ones_trusted_less():
    def row(**design):
        rule = ("points", "drop_points", {"points": 2.5})
        return al.recommend_rule(noisy(), rules=[rule], **design).table.iloc[0]

    usual = row()
    assert row(depth=3.0)["sensitivity"] > usual["sensitivity"]
    assert row(duration=4)["sensitivity"] > usual["sensitivity"]
    assert row(base_rate=0.05)["ppv"] < usual["ppv"]


def test_rules_come_best_first_and_one_that_cannot_be_applied_is_told():
    data = noisy().assign(score=lambda frame: frame["score"] - 5)
    rules = ["drop_within_sd", "control_chart", ("losses", "sudden_loss", {"percent": 1.0})]
    advice = al.recommend_rule(data, rules=rules, replicates=5, seed=3)
    assert advice.table["f1"].dropna().is_monotonic_decreasing
    last = advice.table.iloc[-1]
    assert last["label"] == "losses"
    assert np.isnan(last["sensitivity"])
    assert any(said.startswith("losses could not be applied") for said in advice.messages)
    again = al.recommend_rule(data, rules=rules, replicates=5, seed=3)
    pd.testing.assert_frame_equal(advice.table, again.table)
    assert len(advice.plot().texts) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 0}, "points must be|depth must be"),
        ({"duration": 0}, "duration must be a whole number"),
        ({"base_rate": 1.5}, "base_rate must be a share"),
        ({"rules": ["shape_clusters"]}, "nothing can be planted"),
        ({"rules": ["drop_point"]}, "Did you mean 'drop_points'"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, words):
    with pytest.raises(al.DesignError, match=words):
        al.recommend_rule(noisy(10, 6), **options)


def test_courses_too_short_to_plant_into_are_refused():
    with pytest.raises(al.DesignError, match="No rupture could be planted"):
        al.recommend_rule(noisy(10, 3))
