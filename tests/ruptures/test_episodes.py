"""Where an episode begins and ends, and what becomes of it."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def course(score, session=None, client="a"):
    session = range(1, len(score) + 1) if session is None else session
    return pd.DataFrame({"client_id": client, "session": list(session), "score": score})


def detect(score, session=None, **options):
    return al.detect_ruptures(
        course(score, session), **{"rule": "drop_points", "points": 1, **options}
    )


def only(found):
    assert len(found.episodes) == 1
    return found.episodes.iloc[0]


def test_rupture_nadir_repair_depth_and_length():
    episode = only(detect([5, 4, 3.5, 4.2, 5, 5]))
    assert episode["rupture_session"] == 2
    assert episode["nadir_session"] == 3
    assert episode["repair_session"] == 5
    assert episode["depth"] == 1.5
    assert episode["length"] == 3
    assert episode["outcome"] == "repaired"
    assert (episode["pre_level"], episode["nadir_level"]) == (5, 3.5)


def test_further_falls_within_an_episode_belong_to_it():
    found = detect([6, 5, 4, 3, 6])
    assert found.sessions["flag"].tolist() == [False, True, True, True, False]
    assert only(found)["nadir_session"] == 4
    assert found.sessions["episode"].tolist() == [-1, 0, 0, 0, 0]


def test_two_episodes_of_one_client():
    found = detect([5, 3, 5, 5, 3, 5])
    assert found.episodes["rupture_session"].tolist() == [2, 5]
    assert found.episodes["repair_session"].tolist() == [3, 6]
    assert found.clients.loc[0, "n_repaired"] == 2


def test_the_first_session_cannot_be_a_rupture_and_the_last_is_censored():
    found = detect([1, 5, 5, 3])
    assert not found.sessions.loc[0, "judged"]
    assert only(found)["outcome"] == "censored"
    assert found.clients.loc[0, "class"] == "censored"
    assert found.episodes["repair_session"].isna().all()


@pytest.mark.parametrize(
    ("n_after", "outcome"), [(1, "censored"), (2, "censored"), (3, "unrepaired")]
)
def test_without_a_window_three_sessions_without_a_repair_make_it_unrepaired(n_after, outcome):
    assert only(detect([5, 5, 3, *[3.5] * n_after]))["outcome"] == outcome


def test_without_a_window_a_late_repair_is_one():
    assert only(detect([5, 5, 3, 3, 3, 3, 3, 5]))["outcome"] == "repaired"


@pytest.mark.parametrize(("n_after", "outcome"), [(2, "censored"), (3, "unrepaired")])
def test_with_a_window_the_whole_window_must_be_observed(n_after, outcome):
    assert only(detect([5, 5, 3, *[3.5] * n_after], repair_window=3))["outcome"] == outcome


def test_a_repair_after_the_window_is_none_and_a_new_episode_can_begin():
    found = detect([5, 3, 3, 3, 5, 3.5, 5], repair_window=2)
    assert found.episodes["outcome"].tolist() == ["unrepaired", "repaired"]
    assert found.episodes["rupture_session"].tolist() == [2, 6]
    assert found.episodes["last_session"].tolist() == [4, 7]
    assert found.clients.loc[0, "class"] == "unrepaired"


def test_a_repair_in_the_last_session_of_the_window_counts():
    assert only(detect([5, 3, 3, 5], repair_window=2))["outcome"] == "repaired"


def test_repair_level_asks_for_a_share_of_the_whole_fall():
    # fall 5 -> 3, deepened to 1: half of 4 regained is 3
    assert only(detect([5, 3, 1, 2.9, 3, 4]))["repair_session"] == 5
    assert only(detect([5, 3, 1, 2.9, 3, 4], repair_level=1))["outcome"] == "unrepaired"


def test_repair_level_threshold_is_back_above_the_level_of_a_flag():
    # flagged at or below 4; 4 is not above it, 4.1 is
    assert only(detect([5, 3, 4, 4.1, 4], repair_level="threshold"))["repair_session"] == 4


def test_no_fall_and_no_repair_is_seen_across_an_unobserved_session():
    session = [1, 2, 4, 5, 6]
    found = detect([5, 5, 3, 3, 5], session)
    assert found.episodes.empty
    assert found.sessions["judged"].tolist() == [False, True, False, True, True]
    assert "1 sessions follow a gap" in found.messages[0]
    near = only(detect([5, 5, 3, 3, 5], session, max_gap=2))
    assert (near["rupture_session"], near["repair_session"]) == (4, 6)


def test_an_episode_ends_where_observation_breaks_off():
    session = [1, 2, 4, 5]
    assert only(detect([5, 3, 5, 5], session))["outcome"] == "censored"
    assert only(detect([5, 3, 3, 5], [1, 2, 3, 5], repair_window=1))["outcome"] == "unrepaired"
    windowed = only(detect([5, 3, 3, 5], [1, 2, 3, 5], repair_window=3))
    assert windowed["outcome"] == "censored"


def test_a_missing_score_is_an_unobserved_session_and_its_row_stays():
    found = detect([5, 5, np.nan, 3, 3, 5])
    assert len(found.sessions) == 6
    assert found.episodes.empty
    assert found.clients.loc[0, "n_sessions"] == 5
    assert not found.sessions.loc[2, "flag"]
    assert np.isnan(found.sessions.loc[2, "distance"])


def test_a_constant_course_has_no_rupture_by_any_rule():
    rules = al.rupture_rules()
    for rule in rules.loc[
        (rules["needs"] == "scores") & (rules["name"] != "shape_clusters"), "name"
    ]:
        found = al.detect_ruptures(course([4.2] * 12), rule=rule)
        assert found.episodes.empty, rule
        own_unit = rule not in ("drop_points", "sudden_loss", "state_model")
        assert found.clients.loc[0, "class"] == ("no_spread" if own_unit else "none"), rule


def test_clients_who_cannot_be_judged_are_a_class_and_stay():
    frame = pd.concat(
        [
            course([5, 3, 5, 5]),
            course([5, 3], client="short"),
            course([np.nan] * 3, client="silent"),
            course([5, 3, 5, 3], [1, 3, 5, 7], client="gaps"),
        ]
    )
    found = al.detect_ruptures(frame, rule="drop_within_sd")
    clients = found.clients.set_index("client_id")
    assert clients["class"].to_dict() == {
        "a": "repaired",
        "short": "too_few_sessions",
        "silent": "too_few_sessions",
        "gaps": "too_few_sessions",
    }
    assert clients.loc["silent", "n_sessions"] == 0
    assert len(found.sessions) == len(frame)
    assert any("3 of 4 clients could not be judged" in message for message in found.messages)


def test_the_worst_outcome_gives_the_class():
    assert detect([5, 3, 5, 3]).clients.loc[0, "class"] == "censored"
    assert detect([5, 3, 5, 3, *[3.9] * 3]).clients.loc[0, "class"] == "unrepaired"
    assert detect([5, 5.5, 5]).clients.loc[0, "class"] == "none"
    both = detect([5, 3, 3, 5, 3], repair_window=1)
    assert both.episodes["outcome"].tolist() == ["unrepaired", "censored"]
    assert both.clients.loc[0, "class"] == "unrepaired"


@pytest.mark.parametrize(
    "rule", ["drop_within_sd", "drop_trend", "control_chart", "ewma", "cusum", "change_point"]
)
def test_direction_mirrors_everything(rule):
    rng = np.random.default_rng(3)
    score = np.concatenate([rng.normal(4, 0.5, 20), rng.normal(1, 0.5, 4), rng.normal(4, 0.5, 6)])
    up = al.detect_ruptures(course(score), rule=rule)
    down = al.detect_ruptures(course(10 - score), rule=rule, direction="lower_is_better")
    assert len(up.episodes) > 0
    assert up.sessions["flag"].tolist() == down.sessions["flag"].tolist()
    assert up.episodes["depth"].to_numpy() == pytest.approx(down.episodes["depth"], abs=1e-9)
    assert (10 - up.sessions["reference"]).to_numpy() == pytest.approx(
        down.sessions["reference"], abs=1e-9, nan_ok=True
    )
    if up.limits is not None and rule != "cusum":
        assert 10 - up.limits.loc[0, "lower"] == pytest.approx(
            down.limits.loc[0, "upper"], abs=1e-9
        )


def test_ceiling_and_floor_are_told():
    found = detect([7, 7, 7, 5, 7], range=(1, 7))
    assert found.sessions["at_ceiling"].tolist() == [True, True, True, False, True]
    assert found.clients.loc[0, "share_ceiling"] == 0.8
    assert found.clients.loc[0, "ceiling"]
    assert not found.clients.loc[0, "floor"]
    assert any("at the ceiling" in message for message in found.messages)
    turned = detect([7, 7, 7, 5, 7], range=(1, 7), direction="lower_is_better")
    assert turned.clients.loc[0, "floor"]


def test_rows_may_come_in_any_order_and_the_input_stays_as_it_was():
    frame = pd.concat([course([5, 3, 5, 5]), course([4, 4, 2, 4], client="b")])
    mixed = frame.sample(frac=1, random_state=1)
    before = mixed.copy()
    found = al.detect_ruptures(mixed, rule="drop_points")
    pd.testing.assert_frame_equal(mixed, before)
    straight = al.detect_ruptures(frame, rule="drop_points")
    columns = ["client_id", "rupture_session", "repair_session"]
    pd.testing.assert_frame_equal(
        found.episodes[columns].sort_values("client_id", ignore_index=True),
        straight.episodes[columns],
    )


def test_rates_take_clients_as_the_unit():
    frame = pd.concat([course([5, 3, 5, 5, 5]), course([4, 4, 4], client="b")])
    tidy = al.detect_ruptures(frame, rule="drop_points").tidy().set_index("term")
    # one rupture in 4 + 2 judged sessions; residuals 1 - 4/6 and 0 - 2/6
    assert tidy.loc["ruptures_per_session", "estimate"] == pytest.approx(1 / 6)
    error = np.sqrt(2 * ((1 / 3) ** 2 + (1 / 3) ** 2)) / 6
    assert tidy.loc["ruptures_per_session", "std_error"] == pytest.approx(error)
    assert tidy.loc["clients_with_rupture", "estimate"] == 0.5
    assert tidy.loc["repaired_within_1", "estimate"] == 1


def test_the_result_says_what_it_is():
    found = detect([5, 3, 5, 5])
    first, rule = found.summary().split("\n\n")[:2]
    assert first == "Ruptures: fall from the session before by so many points"
    assert rule.startswith("Rule drop_points: ")
    assert "points=1" in rule
    assert "(rule drop_points: fall from" in found.text()
    assert found.glance().loc[0, "n_ruptures"] == 1
    assert found.parameters["max_gap"] == 1
