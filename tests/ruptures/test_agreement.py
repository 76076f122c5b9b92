"""Agreement of rules with each other, with reports and with codes."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.observers.kappa import kappa, kappa_of


def course(score, client="a"):
    return pd.DataFrame({"client_id": client, "session": range(1, len(score) + 1), "score": score})


def clinic(n=30, length=12, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "client_id": np.repeat([f"c{i:02d}" for i in range(n)], length),
            "session": np.tile(np.arange(1, length + 1), n),
            "score": rng.normal(5, 1, n * length).round(2),
        }
    )


def test_kappa_by_hand():
    # agreement .7 (20 + 15 of 50), chance .5 * .6 + .5 * .4 = .5: the textbook's .4
    assert kappa_of(np.array([20, 5, 10, 15])) == pytest.approx(0.4)
    assert np.isnan(kappa_of(np.array([0, 0, 0, 9])))


def test_the_jackknife_leaves_out_clients_one_at_a_time():
    cells = np.array([[3, 1, 0, 6], [2, 0, 1, 7], [0, 1, 2, 9], [4, 0, 0, 5.0]])
    found = kappa(cells)
    without = [float(kappa_of(np.delete(cells, i, axis=0).sum(axis=0))) for i in range(4)]
    error = np.sqrt(3 / 4 * np.square(np.array(without) - np.mean(without)).sum())
    assert found["kappa"] == pytest.approx(float(kappa_of(cells.sum(axis=0))))
    assert found["std_error"] == pytest.approx(error)
    assert found["conf_high"] == pytest.approx(min(1, found["kappa"] + 3.182446 * error))


def test_the_kappa_interval_covers_its_truth():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(200):
        one = rng.random((40, 15)) < 0.3
        other = np.where(rng.random((40, 15)) < 0.5, one, rng.random((40, 15)) < 0.3)
        cell = np.where(one, np.where(other, 0, 1), np.where(other, 2, 3))
        cells = np.stack([(cell == which).sum(axis=1) for which in range(4)], axis=1)
        found = kappa(cells.astype(float))
        inside.append(found["conf_low"] <= 0.5 <= found["conf_high"])
    # the other judges as the one does with probability .5, else by chance alone: kappa .5
    assert 0.90 <= np.mean(inside) <= 0.99


def test_two_rules_on_two_courses():
    frame = pd.concat([course([5, 3, 5, 5, 4.2, 5]), course([5, 5, 4.2, 5, 3, 5], "b")])
    rules = {
        "one": {"rule": "drop_points", "points": 0.5},
        "two": {"rule": "drop_points", "points": 1.5},
    }
    found = al.compare_rules(frame, rules)
    pair = found.pairs.iloc[0]
    assert pair[["both", "only_a", "only_b", "neither"]].tolist() == [2, 2, 0, 6]
    assert (pair["episodes_a"], pair["episodes_b"]) == (4, 2)
    assert (pair["shared_a"], pair["shared_b"]) == (2, 2)
    assert pair["n_change"] == 0
    assert found.matrix().loc["one", "two"] == pytest.approx(pair["kappa"])
    assert found.matrix().loc["one", "one"] == 1


def test_episodes_are_shared_within_one_session():
    early = al.detect_ruptures(course([5, 3, 3, 5, 5, 5]), rule="drop_points")
    late = al.detect_ruptures(course([5, 5, 3, 5, 5, 5]), rule="drop_points")
    later = al.detect_ruptures(course([5, 5, 5, 3, 5, 5]), rule="drop_points")
    found = al.compare_rules(course([5] * 6), {"early": early, "late": late, "later": later})
    shared = found.pairs.set_index(["rule_a", "rule_b"])["shared_a"]
    assert shared.to_dict() == {("early", "late"): 1, ("early", "later"): 0, ("late", "later"): 1}


def test_who_changes_class():
    frame = pd.concat([course([5, 4.2, 5, 5]), course([5, 5, 3, 5], "b")])
    rules = [{"rule": "drop_points", "points": k} for k in (0.5, 1.5)]
    found = al.compare_rules(frame, rules)
    assert found.pairs.loc[0, "n_change"] == 1
    assert found.glance().loc[0, "n_change_class"] == 1
    changes = found.class_changes(*found.results)
    assert changes.loc["repaired", "none"] == 1


def test_the_default_rules_run_and_say_what_they_are():
    found = al.compare_rules(clinic())
    assert len(found.pairs) == 15
    tidy = found.tidy()
    assert tidy["conf_low"].lt(tidy["estimate"]).all()
    assert found.classes.shape == (30, 7)


def test_common_parameters_reach_the_rules_that_have_them():
    found = al.compare_rules(
        clinic(), ["drop_points", "drop_within_sd"], direction="lower_is_better", k=2.0
    )
    assert found.results["drop_within_sd"].parameters["k"] == 2.0
    assert found.results["drop_points"].parameters["direction"] == "lower_is_better"
    with pytest.raises(al.DesignError, match="None of the rules has a parameter 'kk'"):
        al.compare_rules(clinic(), ["drop_points", "drop_within_sd"], kk=2.0)


def events():
    return pd.DataFrame(
        {
            "client_id": ["a", "a", "a", "b", "b"],
            "session": [2, 2, 5, 3, 4],
            "rater": ["client", "therapist", "client", "therapist", "client"],
            "kind": "rupture",
            "intensity": [4.0, 2.0, 3.0, 1.0, np.nan],
        }
    )


def test_a_rule_against_what_clients_said():
    frame = pd.concat([course([5, 3, 5, 5, 4.9, 5]), course([5, 5, 3, 5, 5, 5], "b")])
    found = al.compare_rules(frame, ["drop_points", "direct_report"], events=events())
    pair = found.pairs.iloc[0]
    # the first session of a course is not judged by the fall: 5 sessions a client
    assert pair["n_sessions"] == 10
    assert pair[["both", "only_a", "only_b", "neither"]].tolist() == [1, 1, 2, 6]
    assert pair["shared_a"] == 2  # b: fall in 3, report in 4


def test_four_cells_and_recognition():
    sessions = pd.concat([course([5] * 6), course([5] * 6, "b")])
    found = al.compare_reports(events(), sessions=sessions)
    cells = found.cells.set_index("cell")["n_sessions"]
    assert cells.to_dict() == {"both": 1, "client_only": 2, "therapist_only": 1, "neither": 8}
    tidy = found.tidy().set_index("term")
    assert tidy.loc["recognition", "estimate"] == pytest.approx(1 / 3)
    assert tidy.loc["client_recognition", "estimate"] == pytest.approx(1 / 2)
    assert tidy.loc["client_rate", "estimate"] == pytest.approx(3 / 12)
    assert tidy.loc["kappa", "estimate"] == pytest.approx(float(kappa_of([1, 2, 1, 8])))
    strong = al.compare_reports(events(), sessions=sessions, min_intensity=2)
    assert strong.cells["n_sessions"].tolist() == [1, 1, 0, 10]


def test_without_sessions_what_needs_the_silent_ones_is_missing():
    found = al.compare_reports(events())
    assert found.cells["n_sessions"].isna().tolist() == [False, False, False, True]
    tidy = found.tidy().set_index("term")["estimate"]
    assert tidy["recognition"] == pytest.approx(1 / 3)
    assert tidy[["client_rate", "therapist_rate", "kappa"]].isna().all()
    assert "Without sessions=" in found.messages[0]


def test_reports_outside_the_sessions_are_kept_and_told():
    found = al.compare_reports(events(), sessions=course([5] * 6))
    assert found.cells["n_sessions"].tolist() == [1, 2, 1, 4]
    assert found.messages == (
        "2 sessions with a report are not among the sessions; they were added.",
    )


def test_reports_of_one_rater_only_cannot_be_compared():
    one = events()[lambda e: e["rater"] == "client"]
    with pytest.raises(al.DesignError, match="must hold both raters"):
        al.compare_reports(one)


def test_one_rule_is_not_an_agreement():
    with pytest.raises(al.DesignError, match="two rules or more"):
        al.compare_rules(clinic(), ["drop_points"])
    with pytest.raises(al.DesignError, match="A rule is given by its name"):
        al.compare_rules(clinic(), ["drop_points", 3])
