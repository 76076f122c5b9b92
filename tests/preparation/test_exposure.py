"""Shares of therapists in the sessions so far, by pencil."""

import pandas as pd
import pytest

import alliance_stats as al


@pytest.fixture
def sessions():
    return pd.DataFrame(
        {
            "client_id": ["c1"] * 4 + ["c2"] * 3,
            "session": [1, 2, 3, 5, 1, 2, 3],
            "therapist_id": ["a", "a", "b", "a", "b", None, "c"],
        }
    )


def test_shares_are_counted_up_to_the_session(sessions):
    found = al.therapist_exposure(sessions).set_index(["row", "therapist_id"])["weight"]
    by_hand = {
        (0, "a"): 1,
        (1, "a"): 1,
        (2, "a"): 2 / 3,
        (2, "b"): 1 / 3,
        (3, "a"): 3 / 4,
        (3, "b"): 1 / 4,
        (4, "b"): 1,
        (5, "b"): 1,  # nobody is known for this session
        (6, "b"): 1 / 2,
        (6, "c"): 1 / 2,
    }
    assert found.to_dict() == pytest.approx(by_hand)


def test_order_and_repeated_rows_do_not_count(sessions):
    twice = pd.concat([sessions, sessions.iloc[:3]], ignore_index=True).sample(
        frac=1, random_state=2
    )
    found = al.therapist_exposure(twice).set_index(["row", "therapist_id"])["weight"]
    expected = al.therapist_exposure(sessions).set_index(["row", "therapist_id"])["weight"]
    assert found[2].to_dict() == expected[2].to_dict() == found[9].to_dict()


def test_a_study_gives_its_sessions():
    study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
    found = al.therapist_exposure(study)
    assert set(found["row"]) <= set(study.tables["sessions"].index)
    assert (found.groupby("row")["weight"].sum() - 1).abs().max() < 1e-12


def test_what_is_no_table_is_refused(sessions):
    with pytest.raises(al.ColumnError):
        al.therapist_exposure(sessions.drop(columns="session"))
    with pytest.raises(al.DesignError, match="names several rows"):
        al.therapist_exposure(sessions.set_axis([0] * 7))
