"""What could not be judged is missing, not zero; what a scale hides is told."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def frame(courses, **columns):
    parts = [
        pd.DataFrame({"client_id": client, "session": session, "score": score})
        for client, (session, score) in courses.items()
    ]
    return pd.concat(parts, ignore_index=True).assign(**columns)


@pytest.fixture
def scores():
    return frame(
        {
            "seen": ([1, 2, 3, 4, 5], [4.0, 4, 2, 4, 4]),
            "calm": ([1, 2, 3], [4.0, 4, 4]),
            "gaps": ([1, 3, 5, 7], [4.0, 1, 4, 1]),
        }
    )


def test_clients_without_a_judged_session_have_no_number_of_ruptures(scores):
    found = al.detect_ruptures(scores, rule="drop_points", points=1)
    clients = found.clients.set_index("client_id")
    assert clients.loc["gaps", "class"] == "too_few_sessions"
    for name in ("n_ruptures", "n_repaired", "n_unrepaired", "n_censored"):
        assert pd.isna(clients.loc["gaps", name])
        assert clients.loc["calm", name] == 0
    glance = found.glance().iloc[0]
    assert (glance["n_ruptures"], glance["n_repaired"], glance["n_clients_judged"]) == (1, 1, 2)


def test_rates_are_of_those_who_could_be_judged(scores):
    found = al.detect_ruptures(scores, rule="drop_points", points=1)
    rates = found.tidy().set_index("term")["estimate"]
    assert rates["clients_with_rupture"] == 1 / 2
    assert rates["ruptures_per_session"] == pytest.approx(1 / 6)  # sessions 2-5 and 2-3
    assert rates["repaired_within_1"] == 1


def test_the_range_of_a_study_is_that_of_the_card():
    study = al.simulate_study(n_therapists=4, n_clients=20, seed=2)
    ask = {"rule": "drop_pooled_sd", "measure": "wai-sr", "subscale": "total", "rater": "client"}
    found = al.detect_ruptures(study, **ask)
    low, high = al.measure("wai-sr").scale_range("total")
    assert found.parameters["range"] == (low, high)
    assert {"share_ceiling", "share_floor"} <= set(found.clients.columns)
    given = al.detect_ruptures(study, **ask, range=(0, 9))
    assert given.parameters["range"] == (0, 9)
    without = al.detect_ruptures(study, **ask, range=None)
    assert "share_ceiling" not in without.clients.columns


@pytest.mark.parametrize(
    "fit",
    [
        lambda data, **given: al.fit_event_study(data, alliance="wai-sr", **given),
        lambda data, **given: al.fit_rupture_outcome(
            data, alliance="wai-sr", outcome="core-10", **given
        ),
        lambda data, **given: al.fit_rupture_repair(
            data, alliance="wai-sr", outcome="core-10", levels=2, reverse=False, **given
        ),
    ],
    ids=["event study", "landmark", "repair"],
)
def test_models_of_ruptures_know_the_range_of_the_card_too(fit):
    study = al.simulate_study(n_therapists=5, n_clients=40, seed=2)
    found = fit(study).ruptures
    assert found.parameters["range"] == al.measure("wai-sr").scale_range("total")
    best = found.sessions["score"] == 5
    assert (found.sessions["at_ceiling"] == best).all()
    assert fit(study, range=(0, 9)).ruptures.parameters["range"] == (0, 9)


def test_a_long_table_tells_models_the_range_of_its_measure():
    study = al.simulate_study(n_therapists=5, n_clients=40, seed=2)
    found = al.fit_event_study(study.scores, alliance="wai-sr").ruptures
    assert found.parameters["range"] == al.measure("wai-sr").scale_range("total")


def test_the_range_of_a_table_is_that_of_its_measure_where_the_scores_keep_it(scores):
    low, high = al.measure("wai-sr").scale_range("total")
    own = scores.assign(measure="wai-sr", scale="total")
    assert al.detect_ruptures(own, rule="drop_points").parameters["range"] == (low, high)
    sums = own.assign(score=own["score"] * 12)
    assert al.detect_ruptures(sums, rule="drop_points").parameters["range"] is None
    unknown = scores.assign(measure="mine")
    assert al.detect_ruptures(unknown, rule="drop_points").parameters["range"] is None


def test_falls_that_the_end_of_the_scale_hides_are_told():
    low = frame({"a": ([1, 2, 3, 4], [2.0, 1, 3, 1.5])})
    found = al.detect_ruptures(low, rule="drop_points", points=1.5, range=(1, 5))
    # from 2 and from 1 no fall of 1.5 fits above 1; from 3 one does
    assert any("In 2 of 3 judged sessions (of 1 clients)" in said for said in found.messages)
    turned = low.assign(score=6 - low["score"])
    found = al.detect_ruptures(
        turned, rule="drop_points", points=1.5, range=(1, 5), direction="lower_is_better"
    )
    assert any("In 2 of 3 judged sessions" in said for said in found.messages)
    wide = al.detect_ruptures(low, rule="drop_points", points=1.5, range=(-5, 5))
    assert not any("judged sessions" in said for said in wide.messages)


def test_sudden_gains_that_cannot_be_judged_are_not_none():
    course = frame(
        {
            "gain": (range(1, 7), [30.0, 31, 30, 18, 17, 18]),
            "calm": (range(1, 7), [30.0, 31, 30, 30, 31, 30]),
            "gaps": ([1, 3, 5, 7], [30.0, 10, 30, 10]),
        }
    )
    account = al.sudden_gains(course, points=7).attrs["sudden_gains"]
    assert account["gains_of_clients"]["gain"] == 1
    assert account["gains_of_clients"]["calm"] == 0
    assert np.isnan(account["gains_of_clients"]["gaps"])
    assert account["gains"] == 1
    assert any("1 of 3 clients could not be judged" in said for said in account["messages"])
    alone = al.sudden_gains(course[course["client_id"] == "gaps"], points=7)
    assert np.isnan(alone.attrs["sudden_gains"]["gains"])
