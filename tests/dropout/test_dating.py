"""Predictors that know the future are refused; dated ones are carried forward."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout.dating import late_predictors


@pytest.fixture(scope="module")
def study():
    bare = dict.fromkeys(["assessments", "forecasts", "observer_codes", "principle_codes"], False)
    return al.simulate_study(n_therapists=8, n_clients=80, dropout_hazard=0.06, seed=5, **bare)


@pytest.fixture(scope="module")
def rows(study):
    data = al.person_period(study)
    course = data.groupby("client_id")
    return data.assign(
        whole_mean=course["alliance"].transform("mean"),
        from_whole=lambda d: d["alliance"] - course["alliance"].transform("mean"),
        following=course["alliance"].shift(-1),
        attended=course["session"].transform("max") * 2.0 + 1,
        outcome=1 - data["event"],
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("whole_mean", "mean of 'alliance' over the client's whole therapy"),
        ("from_whole", "deviation of 'alliance' from its mean over the whole therapy"),
        ("following", "next session's 'alliance'"),
        ("attended", "number of sessions attended"),
        ("outcome", "outcome itself"),
        ("ended_as", "how or when the therapy ended"),
    ],
)
def test_every_planted_look_ahead_is_found(rows, name, why):
    assert why in dict(late_predictors(rows, [name], "event"))[name]
    if name not in {"outcome", "ended_as"}:
        with pytest.raises(al.DesignError, match="knows more than was known"):
            al.fit_dropout_hazard(f"event ~ {name}", rows)


def test_what_was_known_passes(rows):
    names = ["alliance", "alliance_between", "alliance_within", "alliance_change", "condition"]
    assert late_predictors(rows, names, "event") == []
    fit = al.fit_dropout_hazard("event ~ alliance_within + alliance_between", rows)
    assert fit.nobs > 0


def test_decompose_over_the_whole_therapy_is_refused(rows):
    known = rows.drop(columns=["alliance_within", "alliance_between", "whole_mean", "from_whole"])
    split = al.decompose(known.dropna(subset=["alliance"]), ["alliance"])
    with pytest.raises(al.DesignError, match="whole therapy"):
        al.fit_dropout_hazard("event ~ alliance_within + alliance_between", split)


def test_dated_predictors_are_carried_forward_and_late_ones_counted(study):
    ends = study.terminations.set_index("client_id")["last_session"]
    client = ends.index[ends >= 5][0]
    dated = pd.DataFrame(
        {"client_id": [client] * 3, "session": [0, 3, 400], "distress": [20.0, 12.0, 1.0]}
    )
    data = al.person_period(study, predictors=dated)
    own = data[data["client_id"] == client]
    expected = np.where(own["session"] < 3, 20.0, 12.0)
    np.testing.assert_array_equal(own["distress"], expected)
    assert data.loc[data["client_id"] != client, "distress"].isna().all()
    assert any("1 predictor values became known after" in m for m in data.attrs["messages"])
    assert data["session"].dtype.kind == "i"


def test_undated_predictors_are_refused(study):
    with pytest.raises(al.ColumnError, match="0 for intake"):
        al.person_period(study, predictors=pd.DataFrame({"client_id": ["C001"], "x": [1]}))
    undated = pd.DataFrame({"client_id": ["C001"], "session": [None], "x": [1]})
    with pytest.raises(al.ColumnError, match=r"no session from which .* C001"):
        al.person_period(study, predictors=undated)


def test_a_rupture_in_the_very_session_is_a_predictor(study):
    own = study.scores.query("measure == 'wai-sr' and scale == 'total' and rater == 'client'")
    found = al.detect_ruptures(own, rule="drop_running_mean")
    data = al.person_period(study, ruptures=found.sessions)
    flagged = found.sessions.query("flag")[["client_id", "session"]].apply(tuple, axis=1)
    marked = data.query("rupture == 1")[["client_id", "session"]].apply(tuple, axis=1)
    assert set(marked) <= set(flagged)
    assert len(marked) > 0
    fit = al.fit_dropout_hazard("event ~ session + rupture", data)
    assert "rupture" in fit.params.index


def test_ratings_after_the_end_are_told(study):
    ends = study.terminations
    long = ends["last_session"] >= 4
    short = ends.assign(last_session=np.where(long, 3, ends["last_session"]))
    data = al.person_period(study.with_tables(terminations=short))
    assert data["session"].max() == 3
    assert any("stand after the session at which the client ended" in m
               for m in data.attrs["messages"])  # fmt: skip
