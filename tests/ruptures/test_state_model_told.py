"""What the state model says of itself: expected numbers, intervals, and where not to trust it."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def courses(rng, clients=100, sessions=12, opening=0.05, skewed=False):
    """AR(1) courses (phi .3) with ruptures of 2 SD that close with .4; and which client had any."""
    e = rng.normal(0, 1, (clients, sessions))
    if skewed:
        e = -(rng.gamma(1.5, 1, e.shape) - 1.5) / np.sqrt(1.5)
    for t in range(1, sessions):
        e[:, t] = 0.3 * e[:, t - 1] + np.sqrt(1 - 0.09) * e[:, t]
    inside = np.zeros((clients, sessions), bool)
    opened = np.zeros(clients)
    for t in range(1, sessions):
        new = ~inside[:, t - 1] & (rng.random(clients) < opening)
        inside[:, t] = new | (inside[:, t - 1] & (rng.random(clients) > 0.4))
        opened += new
    depth = 2.0 * (1 + 0.3 * rng.normal(size=(clients, 1)))
    data = pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), sessions),
            "session": np.tile(np.arange(1, sessions + 1), clients),
            "score": (rng.normal(0, 1, (clients, 1)) + e - depth * inside).ravel(),
        }
    )
    return data, opened


@pytest.fixture(scope="module")
def ruptured():
    data, opened = courses(np.random.default_rng(5), 200)
    return al.detect_ruptures(data, rule="state_model"), opened


def test_rates_are_what_the_probabilities_expect(ruptured):
    found, opened = ruptured
    tidy = found.tidy().set_index("term")
    assert tidy.loc["ruptures_per_session", "estimate"] == pytest.approx(
        found.sessions["probability_begins"].sum() / 2200
    )
    flagged = (found.clients["n_ruptures"] > 0).mean()
    row = tidy.loc["clients_with_rupture"]
    assert flagged + 0.1 < row["estimate"] < 1
    assert row["conf_low"] < (opened > 0).mean() < row["conf_high"]
    row = tidy.loc["ruptures_per_session"]
    assert row["conf_low"] < opened.sum() / 2200 < row["conf_high"]
    closing = found.estimates["closing"]
    assert tidy.loc["repaired_within_2", "estimate"] == pytest.approx(1 - (1 - closing) ** 2)


def test_the_probability_of_any_is_between_the_largest_and_the_sum(ruptured):
    sessions = ruptured[0].sessions
    by_client = sessions.groupby("client_id", sort=False)
    any_ = ruptured[0].clients["probability"].to_numpy()
    slack = 1e-6
    assert (any_ >= by_client["probability"].max().to_numpy() - slack).all()
    assert (any_ <= by_client["probability_begins"].sum().to_numpy() + slack).all()


def test_intervals_hold_the_truth_and_the_note_has_them(ruptured):
    e = ruptured[0].estimates
    assert e["depth_low"] < 2.0 < e["depth_high"]
    assert e["opening_low"] < 0.05 < e["opening_high"]
    assert e["closing_low"] < 0.4 < e["closing_high"]
    said = next(m for m in ruptured[0].messages if m.startswith("State model of"))
    assert "If there are ruptures" in said
    assert f"[{e['depth_low']:.3g}, {e['depth_high']:.3g}]" in said
    assert e["likelihood_ratio"] > 5
    assert not any("nearly as probable without" in m for m in ruptured[0].messages)


def test_the_methods_name_model_and_sources(ruptured):
    said = ruptured[0].methods()
    assert "Markov-switching autoregression" in said
    assert "10.2307/1912559" in said
    assert "200 clients" in said


def test_without_ruptures_it_is_said_that_none_are_needed():
    data, _ = courses(np.random.default_rng(6), 60, opening=0.0)
    found = al.detect_ruptures(data, rule="state_model")
    assert found.estimates["likelihood_ratio"] < 5
    assert any("nearly as probable without any rupture" in m for m in found.messages)
    assert any("With 60 clients depth, opening and closing are rough" in m for m in found.messages)


def test_skewed_drift_is_told_and_makes_no_ruptures():
    data, _ = courses(np.random.default_rng(7), 60, opening=0.0, skewed=True)
    found = al.detect_ruptures(data, rule="state_model")
    assert found.estimates["skew"] < -1
    assert any("rules of falls and charts do not" in m for m in found.messages)
    assert found.sessions["probability"].mean() < 0.05
    assert found.estimates["likelihood_ratio"] < 5
    normal = al.detect_ruptures(data, rule="state_model", skew=0.0)
    assert normal.sessions["probability"].mean() > 0.1


def test_few_values_are_told():
    data, _ = courses(np.random.default_rng(8), 40, opening=0.0)
    item = data.assign(score=(4 + 0.7 * data["score"]).round().clip(1, 5))
    found = al.detect_ruptures(item, rule="state_model", range=(1, 5))
    assert any("The scores take 5 values only" in m for m in found.messages)


def test_what_was_given_has_no_interval():
    data, _ = courses(np.random.default_rng(9), 40)
    found = al.detect_ruptures(data, rule="state_model", depth=2.0, opening=0.05)
    assert "likelihood_ratio" not in found.estimates
    assert "one is 2 points deep" in found.messages[0]
    assert "opens in 5.0% of" in found.messages[0]
