"""Clients without spread are not judged; how large falls are is told; where a scale ends."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def frame(values):
    n, sessions = np.shape(values)
    return pd.DataFrame(
        {
            "client_id": np.repeat([f"c{i}" for i in range(n)], sessions),
            "session": np.tile(np.arange(1, sessions + 1), n),
            "score": np.ravel(values),
        }
    )


@pytest.fixture(scope="module")
def some_constant():
    values = np.random.default_rng(3).normal(4, 0.5, (30, 10))
    values[:20] = 4.0
    return frame(values)


@pytest.mark.parametrize("rule", ["drop_within_sd", "drop_trend", "control_chart", "cusum", "ewma"])
def test_who_never_moves_has_no_unit_and_is_in_no_share(some_constant, rule):
    found = al.detect_ruptures(some_constant, rule=rule)
    assert found.clients["class"].eq("no_spread").sum() == 20
    assert found.clients.loc[found.clients["class"] == "no_spread", "n_ruptures"].isna().all()
    assert found.glance()["n_clients_judged"].item() == 10
    alone = al.detect_ruptures(some_constant[some_constant["client_id"] > "c19"], rule=rule)
    share = found.tidy().set_index("term").loc["clients_with_rupture", "estimate"]
    moving = found.clients[found.clients["class"] != "no_spread"]
    assert share == (moving["n_ruptures"] > 0).mean()
    assert any("20 of 30 clients have scores that never move" in m for m in found.messages)
    assert not any("could not be judged (class too_few" in m for m in found.messages)
    assert alone.rule == rule


def test_a_pooled_unit_judges_them(some_constant):
    found = al.detect_ruptures(some_constant, rule="drop_pooled_sd")
    assert found.clients["class"].eq("none").sum() >= 20


def test_small_falls_are_told_in_points():
    steps = (np.arange(30)[:, None] + np.arange(10)) % 10
    tiny = frame(np.where(steps == 0, 4.9, 5.0))
    found = al.detect_ruptures(tiny, rule="drop_within_sd", range=(1, 5))
    said = [m for m in found.messages if "Half of the falls" in m]
    assert said == [
        "Half of the falls called ruptures are of 0.1 points or less (2% of the scale's range): "
        "hardly more than the steps of a scale or the error of a rating."
    ]
    without = al.detect_ruptures(tiny, rule="drop_within_sd").messages
    assert any("only the measure can say" in m for m in without)


@pytest.mark.parametrize(("clients", "sessions"), [(4, 10), (3, 12), (6, 8)])
def test_a_lone_extreme_is_no_end_of_the_scale(clients, sessions):
    values = np.random.default_rng(8).normal(4, 0.5, (clients, sessions))
    found = al.detect_ruptures(frame(values), rule="state_model")
    assert found.estimates["at_ends"] == 0
    assert not any("end of" in m and "range" in m for m in found.messages)


def test_ends_that_are_assumed_are_named():
    values = np.minimum(np.random.default_rng(8).normal(4.5, 0.5, (20, 8)), 5.0)
    found = al.detect_ruptures(frame(values), rule="state_model")
    assert found.estimates["at_ends"] == (values == 5.0).mean()
    assert any("The range of the scale is not known: 5, where many" in m for m in found.messages)
