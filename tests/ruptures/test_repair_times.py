"""How soon ruptures are repaired, how far they were followed, and intervals of shares."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.inference.shares import clustered, wilson

SURVIVAL = {  # tests/reference/ruptures/repair_times.R: robust standard errors of 148 clients
    1: 0.03607984754,
    2: 0.03683957271,
    3: 0.03556839973,
    4: 0.03178791802,
}


@pytest.fixture(scope="module")
def found():
    study = al.open_study("demo-trial")
    return al.detect_ruptures(study, measure="wai-sr/total/client", rule="drop_within_sd", k=1.5)


def test_the_time_to_repair_is_kaplan_meier_with_survivals_errors(found):
    times = found.repair_times().set_index("sessions")
    assert times["n_at_risk"].tolist() == [185, 70, 23, 12, 3]
    assert times["n_repaired"].tolist() == [86, 35, 8, 5, 3]
    assert times["repaired"].round(2).tolist() == [0.46, 0.73, 0.83, 0.90, 1.0]
    # three of three repaired at the end say little alone; the share cannot fall below that before
    assert times["conf_low"].is_monotonic_increasing
    assert times.loc[5, "conf_low"] == times.loc[4, "conf_low"]
    for t, error in SURVIVAL.items():
        ours = times.loc[t, "std_error"] / np.sqrt(148 / 147)
        assert ours == pytest.approx(error, rel=1e-8)
    tidy = found.tidy().set_index("term")["estimate"]
    assert tidy["repaired_within_2"] == times.loc[2, "repaired"]


def test_the_times_show_all_of_themselves_and_stay_a_table(found):
    times = found.repair_times()
    with pd.option_context("display.width", 40, "display.max_columns", 3):
        text = str(times)
    assert "..." not in text
    assert "46.5%" in text
    assert "Repaired by then" in times._repr_html_()
    assert type(times.set_index("sessions")) is pd.DataFrame


def test_what_ended_the_following_is_told(found):
    said = " ".join(found.messages)
    open_ = found.episodes["outcome"] == "censored"
    assert f"Of 265 ruptures {open_.sum()} were followed for fewer than 3 session(s)" in said
    assert ".repair_times() has it right" in said
    assert "50 % of the ruptures found that were never repaired are called repaired" in said


def test_unrepaired_is_only_what_was_followed_for_three_sessions_and_the_rest_is_censored(found):
    followed = found.episodes["last_session"] - found.episodes["rupture_session"]
    outcome = found.episodes["outcome"]
    assert (followed[outcome == "unrepaired"] >= 3).all()
    assert (followed[outcome == "censored"] < 3).all()
    assert (outcome == "unrepaired").any()


def test_never_an_interval_of_no_width():
    rng = np.random.default_rng(3)
    flat = pd.DataFrame(
        {
            "client_id": np.repeat(range(30), 8),
            "session": np.tile(range(1, 9), 30),
            "score": np.tile(np.linspace(4, 5, 8), 30) + rng.normal(0, 0.001, 240),
        }
    )
    none = al.detect_ruptures(flat, rule="drop_points", points=1).tidy()
    assert none["estimate"].tolist() == [0, 0]
    assert none["conf_low"].tolist() == [0, 0]
    assert none["conf_high"].round(3).tolist() == [0.114, 0.114]  # 3.84 / (30 + 3.84)
    dip = flat.assign(score=flat["score"] - 3.0 * (flat["session"] == 4))
    all_ = al.detect_ruptures(dip, rule="drop_points", points=1).tidy().set_index("term")
    assert all_.loc["clients_with_rupture", "estimate"] == 1
    assert all_.loc["repaired_within_1", "estimate"] == 1
    assert (all_["conf_low"] < all_["conf_high"]).all()
    assert all_.loc["clients_with_rupture", "conf_low"] == pytest.approx(0.886, abs=1e-3)


def test_a_clustered_share_is_wilsons_of_the_effective_number():
    alone = np.sqrt(0.2 * 0.8 / 100)
    assert clustered(0.2, alone, 100, 100) == pytest.approx(wilson(20, 100))
    assert clustered(0.2, 2 * alone, 100, 30) == pytest.approx(wilson(5, 25))
    assert clustered(0.0, 0.0, 500, 40) == wilson(0, 40)
    assert np.isnan(clustered(0.2, 0.0, 0, 0)).all()


def test_chance_shows_its_warning_and_names_what_its_limits_are():
    study = al.open_study("demo-trial")
    ask = {"measure": "wai-sr/total/client", "rule": "drop_within_sd", "k": 1.5}
    table = al.expected_by_chance(study, **ask, replicates=19, seed=1)
    assert table["null_low"].tolist() == table["conf_low"].tolist()
    assert table["null_high"].tolist() == table["conf_high"].tolist()
    for shown in (str(table), table.summary(), table._repr_html_()):
        assert "8 % of the scores are the lowest or highest" in shown
        assert "one-sided" in shown
        assert "CI" not in shown
    assert "one-sided p" in table.text()
    assert "one-sided" in table.methods()
    assert type(table.T) is pd.DataFrame
