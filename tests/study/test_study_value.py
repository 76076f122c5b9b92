"""A study is a value: it says what it holds, and nothing done to its tables reaches it."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import DesignError


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=6, n_clients=30, seed=21)


@pytest.fixture
def by_hand():
    """Two clients, three sessions, one missed, two forms of the PHQ-9 and one given total."""
    sessions = pd.DataFrame(
        {
            "client_id": ["a", "a", "b"],
            "session": [1, 2, 1],
            "attended": [True, True, False],
            "date": pd.to_datetime(["2024-01-01", "2024-01-08", "2024-02-01"]),
        }
    )
    answers = [1.0] * 9 + [2.0] * 8 + [np.nan]
    ratings = pd.DataFrame(
        {
            "client_id": "a",
            "session": [1] * 9 + [2] * 9,
            "rater": "client",
            "measure": "phq-9",
            "item": [*range(1, 10)] * 2,
            "value": answers,
        }
    )
    clients = pd.DataFrame(
        {"client_id": ["a", "b"], "therapist_id": ["t", None], "site_id": ["x", "x"]}
    )
    given = pd.DataFrame(
        {
            "client_id": ["a", "a"],
            "session": [1, 2],
            "rater": "client",
            "measure": ["phq-9", "oq-45"],
            "scale": "total",
            "score": [99.0, 70.0],
        }
    )
    tables = {"clients": clients, "sessions": sessions, "ratings": ratings, "scores": given}
    return al.Study("by hand", tables)


def test_each_table_is_an_attribute_and_an_entry(study):
    assert list(study.tables)[:3] == ["therapists", "clients", "sessions"]
    pd.testing.assert_frame_equal(study.events, study.tables["events"])
    assert "ratings" in dir(study)
    assert study.has("events")
    assert not study.has("effects")


def test_an_absent_table_is_named_with_what_there_is(by_hand):
    with pytest.raises(AttributeError, match=r"has no table 'session'.*Did you mean 'sessions'"):
        _ = by_hand.session
    with pytest.raises(DesignError, match="The study 'by hand' has no table 'events'; it holds"):
        by_hand.table("events")
    with pytest.raises(DesignError, match=r"A study has no table 'rating'.*'ratings'"):
        al.Study("x", {"rating": pd.DataFrame()})


def test_nothing_done_to_a_table_reaches_the_study(study):
    before = study.sessions
    frame = study.sessions
    frame.loc[0, "session"] = 99
    frame["new"] = 1
    study.tables["sessions"].drop(columns="date")
    study.tables.clear()
    pd.testing.assert_frame_equal(study.sessions, before)
    with pytest.raises(AttributeError, match="A study never changes"):
        study.name = "other"
    with pytest.raises(AttributeError, match="A study never changes"):
        del study.name


def test_changing_the_frames_it_was_made_from_does_not_change_the_study(by_hand):
    frame = by_hand.sessions
    made = al.Study("copy", {"sessions": frame})
    frame.loc[0, "session"] = 99
    assert made.sessions["session"].tolist() == [1, 2, 1]


def test_with_tables_gives_another_study(by_hand):
    fewer = by_hand.with_tables(scores=None, sessions=by_hand.sessions.head(2))
    assert "scores" not in fewer.tables
    assert len(fewer.sessions) == 2
    assert len(by_hand.sessions) == 3
    with pytest.raises(DesignError, match="no table 'sesions'"):
        by_hand.with_tables(sesions=by_hand.sessions)


def test_a_study_can_be_pickled_and_copied(study):
    assert pickle.loads(pickle.dumps(study)).equals(study)
    assert copy.copy(study).equals(study)


def test_scores_are_computed_once_and_join_given_ones(by_hand):
    scores = by_hand.scores.set_index(["session", "measure"])["score"]
    assert scores[(1, "phq-9")] == 9.0  # computed from the items, not the 99 that was given
    assert scores[(2, "phq-9")] == 18.0  # eight answers of 2; the missing one gets their mean
    assert scores[(2, "oq-45")] == 70.0
    assert len(scores) == 3
    assert by_hand._scores is by_hand._scores


def test_a_measure_without_a_card_is_kept_and_said(by_hand):
    ratings = by_hand.ratings.replace({"measure": {"phq-9": "own-scale"}})
    study = by_hand.with_tables(ratings=ratings, scores=None)
    assert len(study.scores) == 0
    assert study.scores.attrs["messages"] == (
        "The measure 'own-scale' has no card, so its answers are not scored.",
    )


def test_a_study_without_ratings_or_scores_has_no_scores(by_hand):
    empty = by_hand.with_tables(ratings=None, scores=None)
    assert empty.scores.columns.tolist()[:6] == [
        "client_id", "session", "rater", "measure", "scale", "score",
    ]  # fmt: skip
    assert len(empty.scores) == 0
    with pytest.raises(DesignError, match="has no scores to lay out"):
        empty.to_xarray()


def test_describe_counts_units_and_what_is_missing(by_hand):
    told = by_hand.describe().set_index(["about", "group", "quantity"])["value"]
    assert told["units", "", "clients"] == 2
    assert told["units", "", "therapists"] == 1
    assert told["units", "", "sessions that took place"] == 2
    assert told["units", "", "sessions missed"] == 1
    assert told["sessions per client", "", "maximum"] == 2
    assert told["clients per therapist", "", "clients without a therapist"] == 1
    assert told["missing", "client, phq-9", "forms filled in"] == 2
    assert told["missing", "client, phq-9", "share of sessions without the form"] == 0
    left_out = told["missing", "client, phq-9", "share of answers left out in filled forms"]
    assert left_out == pytest.approx(1 / 18)
    assert told["missing", "client, oq-45", "scores given"] == 1
    assert told["missing", "client, oq-45", "share of sessions without a score"] == 0.5


def test_arrays_hold_each_score_at_its_client_session_and_rater(by_hand):
    arrays = by_hand.to_xarray()
    assert set(arrays.dims) == {"client", "session", "rater"}
    assert set(arrays.data_vars) == {"phq_9_total", "oq_45_total"}
    assert arrays.phq_9_total.dims == ("client", "session", "rater")
    assert float(arrays.phq_9_total.sel(client="a", session=1, rater="client")) == 9.0
    assert np.isnan(float(arrays.oq_45_total.sel(client="b", session=1, rater="client")))
    assert arrays.therapist.sel(client="a") == "t"
    assert pd.isna(arrays.therapist.sel(client="b").item())
    assert arrays.site.sel(client="b") == "x"
    assert str(arrays.date.sel(client="a", session=2).values)[:10] == "2024-01-08"
    assert arrays.attended.sel(client="b", session=1) == 0
    assert arrays.phq_9_total.attrs["direction"] == "lower_is_better"
    assert arrays.phq_9_total.attrs["highest"] == 27


def test_arrays_of_a_whole_study_equal_its_scores(study):
    arrays = study.to_xarray()
    long = arrays.wai_sr_total.to_series().dropna()
    scores = study.scores.query("measure == 'wai-sr' and scale == 'total'").dropna()
    assert len(long) == len(scores)
    by_key = scores.set_index(["client_id", "session", "rater"])["score"]
    assert np.array_equal(long.to_numpy(), by_key.loc[list(long.index)].to_numpy())


def test_a_study_shows_itself_and_says_that_it_is_synthetic(study, by_hand):
    assert repr(study).startswith("<Study simulated-21, synthetic: therapists 6, clients 30")
    assert "(synthetic data)" in study._repr_html_()
    hostile = al.Study("<script>", by_hand.tables, notes=("<b>x</b>",))
    assert "<script>" not in hostile._repr_html_()
    assert "<b>x" not in hostile._repr_html_()


def test_columns_stand_in_the_order_of_the_schema_with_further_ones_after(by_hand):
    mixed = by_hand.sessions[["attended", "session", "client_id", "date"]].assign(room=1)
    study = by_hand.with_tables(sessions=mixed[["room", *mixed.columns[:-1]]])
    assert study.sessions.columns.tolist() == ["client_id", "session", "date", "attended", "room"]
