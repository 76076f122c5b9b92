"""Where the outcome follows the alliance and nothing ruptures, no effect of ruptures is told.

Sizes over many studies: tests/benchmarks/rupture_models.py, in docs/rupture-models.md.
"""

import numpy as np
import pytest

import alliance_stats as al

MEASURES = {"alliance": "wai-sr", "outcome": "core-10"}
ONE = {**MEASURES, "rule": "drop_stricter_sd", "k": 1.0}


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(rupture_rate=0.0, seed=1)


def step(result, term, model=None):
    table = result.tidy()
    if model:
        table = table[table["model"] == model]
    return table.set_index("term").loc[term]


def test_without_the_score_low_alliance_is_told_as_a_rupture_and_beside_it_not(study):
    asked = {**ONE, "levels": 2, "reverse": False, "lagged_outcome": False}
    alone = al.fit_rupture_repair(study, **asked, adjust_for_alliance=False)
    beside = al.fit_rupture_repair(study, **asked)
    which = {"term": "rupture_lag1_within", "model": "outcome, 2 levels"}
    assert step(alone, **which)["p_value"] < 0.01
    assert step(beside, **which)["p_value"] > 0.05
    assert step(beside, "alliance_lag1_within", "outcome, 2 levels")["p_value"] < 0.01
    assert any("cannot be told from the effect of a low alliance" in m for m in alone.messages)
    assert any("beyond its low score" in m for m in beside.messages)
    assert not any("alliance_lag1" in t for t in beside.fits["alliance, 2 levels"].params.index)


def test_the_multiverse_holds_the_score_and_can_be_asked_for_both(study):
    grid = {"rule": ["drop_within_sd", "drop_stricter_sd"], "k": [1.0, 1.5], "levels": 2}
    grid["lagged_outcome"] = False
    both = {**grid, "adjust_for_alliance": [True, False]}
    many = al.rupture_multiverse(study, **MEASURES, grid=both, permutations=0)
    table = many.specifications
    with_score = table[table["adjust_for_alliance"]]
    without = table[~table["adjust_for_alliance"]]
    assert (without["estimate"] > 0.45).all()
    assert (without["p_value"] < 0.05).sum() == 3
    assert (with_score["p_value"] > 0.05).all()
    assert any("answer two questions" in message for message in many.messages)
    asked = al.rupture_multiverse(study, **MEASURES, grid=grid, permutations=0).specifications
    assert asked["estimate"].tolist() == with_score["estimate"].tolist()


def test_reports_are_not_adjusted_unless_asked():
    study = al.simulate_study(n_therapists=6, n_clients=60, client_sensitivity=0.9, seed=2)
    model = al.fit_rupture_repair(study, **MEASURES, rule="direct_report", levels=2, reverse=False)
    assert "alliance_lag1_within" not in model.fits["outcome, 2 levels"].params.index
    assert model.choices.adjust_for_alliance is False


def test_the_event_study_holds_the_score_of_the_session_that_acts(study):
    other = al.simulate_study(rupture_rate=0.0, seed=2)
    alone = al.fit_event_study(other, **ONE, seed=1, adjust_for_alliance=False)
    beside = al.fit_event_study(other, **ONE, seed=1)
    assert step(alone, "difference: step")["p_value"] < 0.01
    assert step(beside, "difference: step")["p_value"] > 0.05
    assert beside.glance()["adjust_for_alliance"].item()
    window = beside.windows[beside.windows["event"] == 0].iloc[0]
    scores = other.select("wai-sr/total/client").set_index(["client_id", "session"])["score"]
    acting = window["event_session"] + 1 + window["clock"] - 1
    assert window["alliance"] == scores[window["client_id"], acting]


def test_the_event_study_with_the_score_is_least_squares_by_hand(study):
    import pandas as pd

    found = al.fit_event_study(study, **ONE, seed=1)
    rows = found.windows
    x = [
        np.where(rows["kind"] == kind, part, 0.0)
        for kind in ("rupture", "pseudo")
        for part in (rows["clock"].clip(upper=0), rows["clock"] >= 0, rows["clock"].clip(lower=0))
    ]
    levels = pd.get_dummies(rows["event"], dtype=float).to_numpy()
    slopes = np.linalg.lstsq(
        np.column_stack([*x, rows["alliance"], levels]), rows["value"], rcond=None
    )[0]
    tidy = found.tidy().set_index("term")["estimate"]
    assert tidy["difference: step"] == pytest.approx(slopes[1] - slopes[4], rel=1e-7)
    assert tidy["alliance"] == pytest.approx(slopes[6], rel=1e-7)
