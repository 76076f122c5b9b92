"""Client numbers that every therapist gives out anew, told apart from clients who moved."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.people import reused_ids

MADE_UNIQUE = "data['client_id'] = data['therapist_id'].astype(str) + '-' + data['client_id']"


@pytest.fixture
def clinic() -> pd.DataFrame:
    """Eight therapists, each with clients 1 to 4, each with five sessions: 32 people."""
    t, c, s = (a.ravel() for a in np.meshgrid(range(1, 9), range(1, 5), range(1, 6), indexing="ij"))
    rng = np.random.default_rng(3)
    x = rng.normal(size=160)
    own = rng.normal(0, 2, 9)[t] + rng.normal(0, 1.5, (9, 5))[t, c]
    y = 20 + own + 0.7 * x + rng.normal(size=160)
    return pd.DataFrame({"therapist_id": t, "client_id": c, "session": s, "x": x, "y": y})


@pytest.fixture
def unique(clinic) -> pd.DataFrame:
    return clinic.assign(client_id=clinic["therapist_id"] * 10 + clinic["client_id"])


@pytest.mark.parametrize("by", ["client_id", ["client_id", "therapist_id"]])
@pytest.mark.parametrize("columns", [["session"], []])
def test_decompose_sees_the_people_behind_the_numbers(clinic, unique, by, columns):
    clinic = clinic[["therapist_id", "client_id", "x", *columns]]
    found, wanted = al.decompose(clinic, "x", by=by), al.decompose(unique, "x", by=by)
    made = [name for name in found if name.startswith("x_")]
    pd.testing.assert_frame_equal(found[made], wanted[made])
    record = found.attrs["preparation"][0]
    assert record["clients"] == 32
    assert "32 clients" in record["message"]
    assert "(1 | therapist_id/client_id)" in record["message"]
    assert MADE_UNIQUE in record["message"]


def test_lags_and_reliability_are_of_the_people(clinic, unique):
    found, wanted = al.lag(clinic, "x"), al.lag(unique, "x")
    pd.testing.assert_series_equal(found["x_lag1"], wanted["x_lag1"])
    assert "stand for 32 people" in found.attrs["preparation"][0]["message"]
    found, wanted = al.mean_reliability(clinic, "y"), al.mean_reliability(unique, "y")
    assert (found.n_clients, found.icc) == (32, wanted.icc)
    assert "stand for 32 people" in found.messages[0]


def test_a_client_who_moved_stays_one(clinic):
    """Client 11 has sessions 1 to 3 with therapist 1 and 4, 5 with therapist 2: one person."""
    moved = clinic.assign(client_id=clinic["therapist_id"] * 10 + clinic["client_id"])
    late = (moved["client_id"] == 11) & (moved["session"] > 3)
    moved.loc[late, "therapist_id"] = 2
    assert reused_ids(moved) is None
    assert al.decompose(moved, "x").attrs["preparation"][0]["clients"] == 32
    with pytest.raises(al.DesignError, match="Each client must have one therapist"):
        al.decompose(moved, "x", by=["client_id", "therapist_id"])
    # without session numbers nothing tells the two apart; few such clients are taken to have moved
    assert reused_ids(moved.drop(columns="session")) is None


def test_only_the_numbers_that_are_used_again_are_parted(clinic):
    mixed = clinic.assign(
        client_id=np.where(clinic["client_id"] == 1, 1, clinic["therapist_id"] * 10)
    ).drop_duplicates(["client_id", "therapist_id", "session"])
    record = al.decompose(mixed, "x").attrs["preparation"][0]
    assert record["clients"] == 16
    assert "1 client_id (1) is used again" in record["message"]
    assert "stands for 8 people" in record["message"]


def test_models_say_what_one_number_stands_for(clinic, unique):
    told = al.fit_multilevel("y ~ 1 + (1 | client_id)", clinic[clinic["therapist_id"] < 4]).messages
    assert any("stand for 12 people" in m and "(1 | therapist_id/client_id)" in m for m in told)
    with pytest.raises(al.DesignError, match=r"write \(1 \| therapist_id/client_id\)"):
        al.fit_multilevel("y ~ x + (1 | client_id) + (1 | therapist_id)", clinic)
    for fine in (
        al.fit_multilevel("y ~ x + (1 | therapist_id/client_id)", clinic),
        al.fit_multilevel("y ~ x + (1 | client_id)", unique),
    ):
        assert not any("people" in m for m in fine.messages)
    assert fine.n_groups["client_id"] == 32


def test_models_know_clients_by_any_name_and_no_site_for_one(clinic, unique):
    fit = al.fit_multilevel
    other = {"client_id": "klient", "therapist_id": "therapeut"}
    told = fit("y ~ 1 + (1 | klient)", clinic.rename(columns={"client_id": "klient"})).messages
    assert any("stand for 32 people" in m and "(1 | therapist_id/klient)" in m for m in told)
    with pytest.raises(al.DesignError, match=r"write \(1 \| therapeut/klient\)"):
        fit("y ~ x + (1 | klient) + (1 | therapeut)", clinic.rename(columns=other))
    sites = unique.assign(team=unique["therapist_id"] % 4).drop(columns="client_id")
    unseen = unique.rename(columns={"client_id": "klient"})
    for fine in (fit("y ~ x + (1 | team)", sites), fit("y ~ x + (1 | klient)", unseen)):
        assert not any("people" in m for m in fine.messages)
    one = unique.assign(client_id=unique["client_id"].replace(21, 11))  # of therapists 1 and 2
    told = fit("y ~ x + (1 | client_id) + (1 | therapist_id)", one).messages
    assert any("1 client_id (11) is used again" in m and "2 people" in m for m in told)


def test_refusals_of_sessions_that_come_twice_say_why(clinic):
    scores = clinic.rename(columns={"y": "score"})
    dyads = pd.concat([scores.assign(rater=rater) for rater in ("client", "therapist")])
    ends = clinic.groupby(["therapist_id", "client_id"], as_index=False)["session"].max()
    ends = ends.rename(columns={"session": "last_session"}).assign(reason="dropout")
    calls = (
        lambda: al.detect_ruptures(scores, rule="drop_within_sd"),
        lambda: al.rating_gap(dyads),
        lambda: al.fit_truth_and_bias(clinic, truth="x", judgment="y", same_scale=True),
        lambda: al.dropout_incidence(ends),
        lambda: al.sudden_gains(scores, points=5, direction="lower_is_better"),
    )
    for call in calls:
        with pytest.raises(al.DesignError) as caught:
            call()
        assert "stand for 32 people" in str(caught.value)
        assert MADE_UNIQUE in str(caught.value)
