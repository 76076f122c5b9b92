"""Ratings nobody wants to get: copies, constants, two scales, one rater missing."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

CLIENT = np.random.default_rng(0).normal(4, 0.7, 80)
BASE = pd.DataFrame(
    {"client_id": np.repeat(range(20), 4), "session": np.tile(range(1, 5), 20),
     "therapist_id": np.repeat(range(5), 16)}
)  # fmt: skip


def scores(therapist):
    return pd.concat(
        [BASE.assign(rater="client", score=CLIENT), BASE.assign(rater="therapist", score=therapist)]
    )


def test_a_gap_without_variance_is_described_and_told():
    found = al.rating_gap(scores(CLIENT - 0.5), replicates=20)
    table = found.tidy().set_index("term")
    assert table.loc["mean_gap", "estimate"] == pytest.approx(-0.5)
    assert np.isnan(table.loc["mean_gap", "std_error"])
    assert np.isnan(table.loc["standardised_gap_of_differences", "estimate"])
    assert any("same in every session" in message for message in found.messages)


def test_a_rater_whose_scale_runs_backwards_is_told():
    therapist = CLIENT + np.random.default_rng(1).normal(0, 0.2, 80)
    found = al.rating_gap(scores(8 - therapist), replicates=20)
    assert any("go against each other" in message for message in found.messages)
    found = al.rating_gap(scores(therapist), replicates=20)
    assert not any("go against each other" in message for message in found.messages)


WIDE = BASE.assign(client=CLIENT, therapist=CLIENT - 0.5)
COPIED = {
    "leads": lambda data: al.who_leads(data),
    "therapists": lambda data: al.gap_by_therapist(al.rating_gap(data, replicates=2)),
    "truth": lambda data: al.fit_truth_and_bias(WIDE, truth="client", judgment="therapist"),
}


@pytest.mark.parametrize("call", COPIED.values(), ids=COPIED)
def test_a_copied_rating_gives_no_model(call):
    data = scores(CLIENT - 0.5)
    with pytest.raises(al.DesignError, match=r"copy|same in every"):
        call(data)


def test_a_therapist_who_always_gives_the_same_number_leaves_no_correlation():
    found = al.rating_gap(scores(np.full(80, 4.0)), replicates=20)
    table = found.tidy().set_index("term")["estimate"]
    assert table[["r_between", "r_within", "icc"]].isna().all()
    assert np.isfinite(table["mean_gap"])
    assert len(found.messages) >= 2


def test_two_scales_are_refused_until_they_are_said_to_be_one():
    with pytest.raises(al.DesignError, match="must be on one scale"):
        al.rating_gap(scores(CLIENT * 14))
    found = al.rating_gap(scores(CLIENT * 14), same_scale=True, replicates=2)
    assert found.n_dyads == 20


def test_one_rater_missing_is_told():
    data = scores(CLIENT)
    with pytest.raises(al.DesignError, match="No session was rated by both"):
        al.who_leads(data[data["rater"] == "client"])
