"""A simulated study has the tables it promises, and the seed fixes all of them."""

import inspect

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import DesignError, MeasureError
from alliance_stats.simulation.parameters import Parameters
from alliance_stats.study.tables import table_schema

SMALL = {"n_therapists": 6, "n_clients": 40}
MEASURES = {"wai-sr": (1, 5, 12), "core-10": (0, 4, 10)}


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(**SMALL, seed=11)


def test_every_table_of_the_field_is_made(study):
    assert set(study.tables) == {
        "therapists", "clients", "sessions", "ratings", "terminations", "events",
        "assessments", "forecasts", "observer_codes", "principle_codes",
    }  # fmt: skip
    assert study.synthetic


def test_tables_have_the_columns_and_unique_keys_of_their_schemas(study):
    for name, frame in study.tables.items():
        schema = table_schema(name)
        # a simulated study counts sessions and has no time in days, weeks or months beside them,
        # and nobody changes therapist between occasions
        absent = {"time", "therapist_id"} if name == "assessments" else {"time"}
        assert {field.name for field in schema.fields} - absent <= set(frame.columns), name
        assert not frame.duplicated(list(schema.primary_key)).any(), name
        for key in schema.foreign_keys:
            if absent & set(key.fields):
                continue
            target = study.tables[key.table]
            there = set(target[list(key.reference)].itertuples(index=False, name=None))
            here = set(frame[list(key.fields)].itertuples(index=False, name=None))
            assert here <= there, (name, key)


def test_answers_lie_in_the_range_of_their_measure(study):
    for measure, (low, high, n_items) in MEASURES.items():
        part = study.ratings[study.ratings["measure"] == measure]
        values = part["value"].dropna()
        assert set(values) <= set(range(low, high + 1))
        assert set(part["item"]) == set(range(1, n_items + 1))
        assert not part.duplicated(["client_id", "session", "rater", "item"]).any()


def test_nobody_rates_a_missed_session_and_no_session_follows_the_end(study):
    sessions = study.sessions
    missed = set(map(tuple, sessions.loc[~sessions["attended"], ["client_id", "session"]].values))
    rated = set(map(tuple, study.ratings[["client_id", "session"]].values))
    assert missed
    assert not missed & rated
    last = sessions.groupby("client_id")["session"].max()
    stated = study.terminations.set_index("client_id")["last_session"]
    assert (last == stated.loc[last.index]).all()


def test_dates_of_a_client_go_forward_by_five_days_or_more(study):
    gaps = study.sessions.groupby("client_id")["date"].diff().dropna()
    assert gaps.dt.days.min() >= 5


def test_the_same_seed_gives_the_same_study_and_another_seed_another(study):
    again = al.simulate_study(**SMALL, seed=11)
    other = al.simulate_study(**SMALL, seed=12)
    for name, frame in study.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name])
    pd.testing.assert_frame_equal(study.truth.sessions, again.truth.sessions)
    assert not study.ratings["value"].equals(other.ratings["value"])


def test_without_a_seed_one_is_drawn_and_kept():
    first = al.simulate_study(**SMALL)
    again = al.simulate_study(**SMALL, seed=first.truth["seed"])
    assert first.equals(again)


def test_switching_tables_off_leaves_the_rest_as_it_was(study):
    off = dict.fromkeys(["assessments", "forecasts", "observer_codes", "principle_codes"], False)
    bare = al.simulate_study(**SMALL, **off, seed=11)
    assert set(study.tables) - set(bare.tables) == set(off)
    for name, frame in bare.tables.items():
        pd.testing.assert_frame_equal(frame, study.tables[name])


def test_missing_forms_do_not_move_the_latent_course(study):
    fuller = al.simulate_study(**SMALL, client_form_missing_rate=0.0, seed=11)
    pd.testing.assert_frame_equal(study.truth.sessions, fuller.truth.sessions)


def test_the_truth_holds_every_parameter_and_reads_like_a_mapping(study):
    names = set(inspect.signature(al.simulate_study).parameters)
    assert set(study.truth.parameters) == names
    assert dict(study.truth)["n_clients"] == 40
    assert study.truth["seed"] == 11
    with pytest.raises(KeyError, match="Did you mean 'truth_force'"):
        study.truth["truth_forse"]


def test_help_lists_each_parameter_with_meaning_and_unit():
    text = inspect.getdoc(al.simulate_study)
    for name in inspect.signature(al.simulate_study).parameters:
        assert f"\n{name}\n" in text
    assert "{parameters}" not in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_client": 5}, "simulate_study has no parameter 'n_client'. Did you mean 'n_clients'?"),
        ({"n_clients": 2.5}, "n_clients must be a whole number of 1 or more"),
        ({"n_clients": True}, "n_clients must be a whole number"),
        ({"dropout_hazard": 1.5}, "dropout_hazard must be a number from 0 to 1 (probability)"),
        ({"autocorrelation": 1.0}, "autocorrelation must be a number from -0.999 to 0.999"),
        ({"rupture_depth": float("nan")}, "rupture_depth must be a number of 0 or more"),
        ({"outcome_mean": 99}, "outcome_mean must lie in the range of core-10, from 0 to 40"),
        ({"alliance_mean": 6}, "alliance_mean must lie in the range of wai-sr, from 1 to 5"),
        ({"start_date": "1.2.2021"}, "start_date must be a day such as '2021-01-11'"),
        ({"forecasts": 1}, "forecasts must be True or False"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, not -1"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"n_clients": 3, "n_therapists": 5}, "n_clients must be n_therapists (5) or more"),
        ({"n_sites": 50}, "n_sites must be at most n_therapists (40), and is 50"),
        ({"dropout_hazard": 0.9, "mutual_hazard": 0.2}, "together they must be at most 1"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_was_expected(given, message):
    with pytest.raises(DesignError) as caught:
        al.simulate_study(**given)
    assert message in str(caught.value)


def test_a_measure_without_a_plain_total_is_refused_in_words():
    with pytest.raises(MeasureError, match=r"qids-sr16.*cannot be simulated"):
        al.simulate_study(outcome_measure="qids-sr16")
    with pytest.raises(MeasureError, match=r"must have a form for client, therapist.*knows client"):
        al.simulate_study(alliance_measure="phq-9")
    with pytest.raises(MeasureError, match="'wai-xr' is not known"):
        al.simulate_study(alliance_measure="wai-xr")


@pytest.mark.parametrize(
    "edge",
    [
        {"n_therapists": 1, "n_clients": 1, "n_sites": 1, "planned_sessions": 1.0,
         "planned_sessions_sd": 0.0},
        {"dropout_hazard": 1.0, "transfer_hazard": 0.0, "administrative_hazard": 0.0,
         "mutual_hazard": 0.0},
        {"dropout_hazard": 0.0},
        {"missed_rate": 1.0},
        {"client_form_missing_rate": 1.0, "therapist_form_missing_rate": 1.0},
        {"ongoing_share": 1.0},
        {"rupture_rate": 1.0, "repair_probability": 0.0},
        {"alliance_within_sd": 0.0, "alliance_client_sd": 0.0, "rupture_rate": 0.0},
        {"outcome_lag": 200},
        {"coded_share": 0.0},
    ],
)  # fmt: skip
def test_edges_of_the_parameters_give_a_study(edge):
    study = al.simulate_study(**{**SMALL, **edge}, seed=3)
    assert len(study.clients) == edge.get("n_clients", 40)
    assert (study.terminations["last_session"] >= 1).all()
    assert study.truth.sessions["alliance"].notna().all()


def test_a_hazard_of_one_ends_every_therapy_after_its_first_session():
    ends = {"transfer_hazard": 0.0, "administrative_hazard": 0.0, "mutual_hazard": 0.0}
    study = al.simulate_study(**SMALL, dropout_hazard=1.0, **ends, seed=3)
    assert set(study.terminations["reason"]) == {"dropout"}
    assert set(study.terminations["last_session"]) == {1}


def test_one_therapy_of_one_session():
    study = al.simulate_study(
        n_therapists=1, n_clients=1, n_sites=1, planned_sessions=1, planned_sessions_sd=0, seed=1
    )
    assert len(study.sessions) == 1
    assert study.terminations["reason"].tolist() in (["completed"], ["dropout"])


@pytest.mark.parametrize("measure", ["phq-9", "oq-45", "ors"])
def test_other_outcome_measures_score_back_to_their_latent_outcome(measure):
    middle = {"phq-9": 14.0, "oq-45": 90.0, "ors": 20.0}[measure]
    study = al.simulate_study(
        **SMALL, outcome_measure=measure, outcome_mean=middle, item_missing_rate=0.0, seed=2
    )
    scores = study.scores.query("measure == @measure and scale == 'total'")
    both = scores.merge(study.truth.sessions, on=["client_id", "session"])
    top = study.measures[measure].scale_range("total").high
    assert len(both) > 100
    assert (both["score"] - both["outcome"].clip(0, top)).abs().max() <= 0.5 + 1e-9


def test_parameters_have_a_unit_and_a_meaning():
    for name, one in Parameters.__dataclass_fields__.items():
        assert one.metadata["unit"], name
        assert one.metadata["meaning"], name
    assert np.isfinite(Parameters().n_clients)
