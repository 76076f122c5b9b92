"""What is compared is the same thing, and the sentence beside a number is true of it."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.models.design import Choices, lagged, model_data
from alliance_stats.ruptures.multiverse.fitting import within_weights
from alliance_stats.ruptures.observers.principles import rupture_sessions

EXACT = 1e-10
"""Two ways of one least-squares slope differ by rounding only."""


def courses(*series):
    """Return scores of clients 0, 1, ... with sessions 1, 2, ..."""
    parts = [
        pd.DataFrame({"client_id": i, "session": range(1, len(x) + 1), "score": np.array(x, float)})
        for i, x in enumerate(series)
    ]
    return pd.concat(parts, ignore_index=True)


def drifting(n=60, length=12, phi=0.7, seed=1):
    """Return courses of clients of one level whose scores drift."""
    rng = np.random.default_rng(seed)
    course = np.zeros((n, length))
    for t in range(length):
        course[:, t] = (phi * course[:, t - 1] if t else 0) + rng.normal(size=n)
    return courses(*(50 + course))


@pytest.mark.parametrize("null", ["permutation", "ar1"])
def test_chance_is_asked_for_falls_of_the_same_size(null):
    scores = drifting()
    pairs = scores.assign(before=scores.groupby("client_id")["score"].shift()).dropna()
    given = float(np.corrcoef(pairs["before"], pairs["score"])[0, 1])
    ask = {"rule": "drop_reliable_change", "null": null, "replicates": 60, "seed": 3}
    estimated = al.expected_by_chance(scores, **ask)
    pd.testing.assert_frame_equal(
        estimated, al.expected_by_chance(scores, **ask, reliability=given), check_like=True
    )
    assert estimated.attrs["parameters"]["reliability"] == pytest.approx(given)


def test_a_loss_from_a_score_of_zero_is_a_loss():
    found = al.detect_ruptures(
        courses([0, 0, 0, 12, 12, 12]),
        rule="sudden_loss",
        points=5,
        direction="lower_is_better",
    )
    assert found.episodes["rupture_session"].tolist() == [4]
    assert found.episodes["depth"].tolist() == [12.0]


def test_clients_whom_one_rule_cannot_judge_do_not_change_class():
    short, long = [5, 5, 4, 5, 5], [5, 5, 2, 5, 5, 5, 5, 5, 5]
    found = al.compare_rules(
        courses(short, long), [{"rule": "drop_points", "points": 2}, "control_chart"]
    )
    assert found.classes["control_chart"].tolist()[0] == "too_few_sessions"
    pair = found.pairs.loc[0]
    assert (pair["n_classified"], pair["n_judged_once"]) == (1, 1)
    assert found.classes.loc[1].tolist() == [1, "repaired", "repaired"]
    assert pair["n_change"] == 0  # client 0 has no class to change to
    assert found.glance().loc[0, "n_change_class"] == pair["n_change"]


def detrended_by_hand(rows, name):
    parts = []
    for _, own in rows.groupby("client_id", sort=False):
        slope, level = np.polyfit(own["session"], own[name], 1)
        parts.append(own[name] - (level + slope * own["session"]) + own[name].mean())
    return pd.concat(parts)


def test_predictors_that_are_not_centred_are_detrended_where_that_is_said():
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({"client_id": np.repeat(range(8), 7), "session": np.tile(range(1, 8), 8)})
    rows = rows.assign(
        rupture=rng.integers(0, 2, 56).astype(float),
        repair=rng.integers(0, 2, 56).astype(float),
        outcome=rng.normal(size=56),
        _row=np.arange(56.0),
    )
    together = lagged(rows, ["rupture", "repair", "outcome", "_row"], 1)
    c = Choices(("rupture", "repair"), centring="none", detrending="predictor")
    data = model_data(together, "outcome", c, keep=["_row", "_row_lag1"])
    raw = together.dropna(subset=["rupture_lag1", "outcome"])
    wanted = detrended_by_hand(raw, "rupture_lag1").to_numpy()
    assert data.rows["rupture_lag1"].to_numpy() == pytest.approx(wanted, abs=EXACT)
    # its within-client slope is that of the predictor split from its trend
    split = model_data(
        together,
        "outcome",
        Choices(("rupture", "repair"), detrending="predictor"),
        keep=["_row", "_row_lag1"],
    )
    assert within_weights(data)[1] == pytest.approx(within_weights(split)[1], abs=EXACT)


def test_a_multiverse_of_the_series_the_rules_read_says_that_it_tests_nothing():
    rng = np.random.default_rng(2)
    scores = courses(*rng.normal(5, 1, (20, 8))).rename(columns={"score": "wai"})
    scores["core"] = rng.normal(size=len(scores))
    ask = {"alliance": "wai", "outcome": "core", "permutations": 9, "n_jobs": 1}
    grid = {"rule": ["drop_within_sd"]}
    read = al.rupture_multiverse(scores, grid=grid, response="alliance", **ask)
    assert any("test nothing" in said for said in read.messages)
    other = al.rupture_multiverse(scores, grid=grid, **ask)
    assert not any("test nothing" in said for said in other.messages)


def test_coders_who_take_turns_or_work_alone_are_told_what_is_wrong():
    rng = np.random.default_rng(3)
    sessions = [(i, 1) for i in range(30)]
    pairs = [("x", "y"), ("y", "z"), ("x", "z")]
    rows = [
        (client, session, coder, "validate", int(rng.integers(0, 5)))
        for (client, session), pair in zip(sessions, pairs * 10, strict=True)
        for coder in pair
    ]
    table = pd.DataFrame(rows, columns=["client_id", "session", "coder_id", "principle", "extent"])
    with pytest.raises(al.DesignError, match="by every one of the 3 coders"):
        al.coder_reliability(table)
    with pytest.raises(al.DesignError, match="one coder"):
        al.coder_reliability(table.assign(coder_id="x"))


def test_the_last_session_of_a_repair_window_cannot_be_repaired_next():
    scores = courses([5, 5, 2, 2, 5, 5])
    coded = scores[["client_id", "session"]]
    ask = {"rule": "drop_points", "points": 2}
    shut, said = rupture_sessions(al.detect_ruptures(scores, repair_window=1, **ask), coded)
    assert shut["session"].tolist() == [3]
    assert "1 more are the last of the repair window" in said[1]
    whole, _ = rupture_sessions(al.detect_ruptures(scores, **ask), coded)
    assert whole["repaired_next"].tolist() == [0.0, 1.0]


def test_ruptures_of_clients_without_the_series_are_counted_as_not_used():
    rng = np.random.default_rng(4)
    dip = np.array([5, 5, 5, 2, 5, 5, 5, 5])
    scores = courses(*(dip + rng.normal(0, 0.1, 8) for _ in range(12)))
    scores = scores.rename(columns={"score": "wai"}).assign(core=rng.normal(size=96))
    scores["core"] = scores["core"].mask(scores["client_id"] < 2)
    found = al.fit_event_study(scores, alliance="wai", outcome="core", rule="drop_points", points=2)
    assert found.counts["ruptures"] == len(found.ruptures.episodes) == 12
    assert found.counts["used"] == 10
    assert any("10 of 12 ruptures" in said for said in found.messages)


def test_the_direction_of_a_study_is_that_of_the_card():
    study = al.simulate_study(n_therapists=6, n_clients=30, seed=2)
    ask = {"rule": "drop_pooled_sd", "measure": "core-10"}
    found = al.detect_ruptures(study, **ask)
    assert found.parameters["direction"] == "lower_is_better"
    worse = found.episodes["nadir_level"] > found.episodes["pre_level"]
    assert len(worse) > 0
    assert worse.all()
    stated = al.detect_ruptures(study, **ask, direction="higher_is_better")
    assert stated.parameters["direction"] == "higher_is_better"
    null = al.expected_by_chance(study, **ask, replicates=5)
    assert null.attrs["parameters"]["direction"] == "lower_is_better"


def test_only_ruptures_read_from_the_series_make_it_circular():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=2)
    ask = {"alliance": "wai-sr", "outcome": "core-10"}

    def says(result, words):
        return any(words in said for said in result.messages)

    for rule, circular in (("drop_pooled_sd", True), ("direct_report", False)):
        model = al.fit_rupture_repair(study, rule=rule, levels=2, reverse=False, **ask)
        assert says(model, "test nothing") == circular
        events = al.fit_event_study(study, rule=rule, series="alliance", **ask)
        assert says(events, "the one the rule reads") == circular
        grid = {"rule": [rule]}
        many = al.rupture_multiverse(
            study, grid=grid, response="alliance", permutations=9, n_jobs=1, **ask
        )
        assert says(many, "test nothing") == circular


def test_a_share_of_clients_with_a_rupture_is_told_to_be_no_prevalence():
    told = al.detect_ruptures(drifting(n=30), rule="drop_points").messages
    assert any("no prevalence" in message for message in told)
