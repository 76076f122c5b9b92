"""Leaving in trials where one arm has no therapists: its clients stay in every model."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


@pytest.fixture(scope="module")
def clients():
    """Three hundred clients with a time and an end, thirty therapists in one of two arms."""
    rng = np.random.default_rng(1)
    client = np.arange(300)
    treated = client % 2 == 0
    often = np.where(treated, rng.normal(-0.5, 0.7, 30)[client // 2 % 30], 0.3)
    return pd.DataFrame(
        {
            "client_id": client,
            "arm": np.where(treated, "cbt", "wait"),
            "therapist_id": np.where(treated, [f"t{i // 2 % 30}" for i in client], None),
            "time": np.ceil(rng.exponential(np.exp(-often) * 4)).clip(1, 8),
            "event": (rng.random(300) < 1 / (1 + np.exp(-often))).astype(int),
        }
    )


def test_a_client_without_a_therapist_is_a_cluster_of_its_own(clients):
    own = clients["therapist_id"].fillna("c" + clients["client_id"].astype(str))
    by_hand, blank = clients.assign(therapist_id=own), clients.assign(therapist_id=" ")
    for fit in (
        lambda data: al.fit_dropout_cox("event ~ arm", data, duration="time"),
        lambda data: al.fit_dropout_hazard("event ~ arm", data, cluster="therapist_id",
                                           duration="time"),
    ):  # fmt: skip
        found = fit(clients)
        pd.testing.assert_frame_equal(found.tidy(), fit(by_hand).tidy())
        told = " ".join(found.messages)
        assert "150 clients without 'therapist_id' stay: each is a cluster of its own" in told
        assert "from 30 groups" not in told  # thirty are enough
        assert fit(blank).tidy()["std_error"].notna().all()
    three = clients["therapist_id"].isin(["t0", "t1", "t2"])
    alone = clients.assign(therapist_id=clients["therapist_id"].where(three))
    few = al.fit_dropout_cox("event ~ arm", alone, duration="time")
    assert "Robust standard errors from 3 groups are too small" in " ".join(few.messages)


def test_an_intercept_of_therapists_is_of_those_who_have_one(clients):
    formula = "event ~ arm + (1 | therapist_id)"
    fit = al.fit_dropout_hazard(formula, clients, duration="time")
    treated = clients["arm"] == "cbt"
    apart = al.fit_dropout_hazard("event ~ 1 + (1 | therapist_id)", clients[treated],
                                  duration="time")  # fmt: skip
    events, rows = clients.loc[~treated, ["event", "time"]].sum()
    wait = np.log(events / (rows - events))
    # An arm with a coefficient of its own and no therapist says nothing of the other: the
    # likelihood is a product. 1e-4 is what two searches by quadrature leave.
    assert fit.params["Intercept"] == pytest.approx(apart.params["Intercept"], abs=1e-4)
    assert fit.variance == pytest.approx(apart.variance, abs=1e-4)
    assert fit.params.sum() == pytest.approx(wait, abs=1e-4)
    assert fit.n_groups == len(fit.therapists) == 30
    assert fit.therapists["events"].sum() == clients.loc[treated, "event"].sum()
    at_one = clients.assign(time=1, session=1)
    waiting = fit.predict(at_one)[~treated]
    np.testing.assert_allclose(waiting, events / rows, atol=1e-4)
    assert "have no effect of one" in " ".join(fit.messages)


def test_a_model_that_needs_therapists_names_those_it_lost(clients):
    data = clients.assign(score=clients["time"] + clients["client_id"] // 2 % 30)
    for family in ("gaussian", "binomial"):
        outcome = "score" if family == "gaussian" else "event"
        with pytest.raises(al.DesignError, match=r"only cbt is left.*\(0 \+ given \| therapist_id"):
            al.fit_multilevel(f"{outcome} ~ arm + (1 | therapist_id)", data, family=family)
    given = data.assign(given=data["therapist_id"].notna().astype(int))
    assert al.fit_multilevel("score ~ arm + (0 + given | therapist_id)", given).nobs == 300
    filled = given.assign(therapist_id=given["therapist_id"].fillna("none"))
    formula = "event ~ arm + (0 + given | therapist_id)"
    assert al.fit_multilevel(formula, filled, family="binomial").nobs == 300


def test_a_predictor_that_strata_hold_is_told_as_that(clients):
    for strata in ("arm", ["arm", "therapist_id"]):
        data = clients.fillna({"therapist_id": "none"}).assign(age=clients["client_id"] % 17)
        with pytest.raises(al.DesignError, match=r"all rows have the same arm\[T.wait\]"):
            al.fit_dropout_cox("event ~ arm + age", data, duration="time", strata=strata)


@pytest.mark.parametrize(
    ("how", "when"),
    [("log", "at time = 1"), ("linear", "at time = 0"), (3, "until 3"), (np.sqrt, "where sqrt(")],
)
def test_a_ratio_that_changes_is_shown_with_its_time(clients, how, when):
    data = clients.assign(age=clients["client_id"] % 17)
    fit = al.fit_dropout_cox("event ~ arm * age", data, duration="time", varying={"arm": how})
    assert f"Arm: wait ({when}" in str(fit)
    assert f"Arm: wait ({when}" in fit.text()
    assert set(fit.ratios_at([1, 4])["where"]) == {"age = 0"}
    plain = al.fit_dropout_cox("event ~ arm + age", data, duration="time", varying={"arm": how})
    assert "where" not in plain.ratios_at([1, 4])


def test_what_is_counted_and_whose_errors_is_told(clients):
    named = clients.rename(columns={"time": "weeks"})
    plain = al.fit_dropout_hazard("event ~ arm", named, duration="weeks")
    assert " rows (weeks) at risk" in plain.text()
    assert "sessions" not in plain.text() + plain.methods()
    robust = al.fit_dropout_hazard("event ~ arm", named, duration="weeks", cluster="therapist_id")
    assert "robust to 30 groups of therapist_id and 150 clients without one" in robust.methods()
    own = al.fit_dropout_hazard("event ~ arm + (1 | therapist_id)", named, duration="weeks")
    assert f"random intercepts of therapist_id (SD {np.sqrt(own.variance):.3f})" in own.text()


def test_grays_test_is_told_in_words(clients):
    reason = np.where(clients["event"] == 1, "dropout", "completed")
    ends = clients.assign(last_session=clients["time"].astype(int), reason=reason)
    found = al.dropout_incidence(ends, by="arm")
    for told in (found.text(), found.methods()):
        assert "compared by Gray's test" in told
    assert "Gray" not in al.dropout_incidence(ends).methods()


def test_who_was_measured_to_the_last_is_nobody_who_completed():
    seen = [(client, when, 10.0 + client) for client in range(12)
            for when in ("pre", "mid", "post")[: 1 + client % 3]]  # fmt: skip
    rows = pd.DataFrame(seen, columns=["client_id", "occasion", "score"])
    people = pd.DataFrame({"client_id": range(12), "condition": ["cbt", "wait"] * 6})
    study = al.Study("t", {"clients": people, "assessments": rows.assign(
        rater="client", measure="phq-9", scale="total")})  # fmt: skip
    found = al.dropout_incidence(study, by="condition")
    assert set(found.table["event"]) == set(found.tests["event"]) == {"dropout"}
    assert "ompleted" not in str(found)


def test_the_index_says_nothing_and_rows_of_clients_are_told_from_rows_of_sessions(clients):
    again = clients.set_index(pd.Index(np.arange(300) % 150))
    for fit, cluster in ((al.fit_dropout_cox, None), (al.fit_dropout_cox, "therapist_id"),
                         (al.fit_dropout_hazard, "therapist_id")):  # fmt: skip
        asked = {"duration": "time", "cluster": cluster}
        found = fit("event ~ arm", again, **asked)
        pd.testing.assert_frame_equal(found.tidy(), fit("event ~ arm", clients, **asked).tidy())
        if cluster:
            told = "robust to 30 groups of therapist_id and 150 clients without one"
            assert told in found.methods()
        with pytest.raises(al.DesignError, match="duration="):
            fit("event ~ arm", clients.assign(session=clients["time"]))
    with pytest.raises(al.DesignError, match="duration="):
        al.fit_dropout_hazard("event ~ arm", clients)


def test_everybody_may_have_left():
    """Without ties the score of four clients can be written down."""
    data = pd.DataFrame({"weeks": [1.0, 2, 3, 4], "left": 1, "x": [1, 0, 1, 0]})
    found = al.fit_dropout_cox("left ~ x", data, duration="weeks", cluster=None)
    ratio = np.exp(found.params["x"])  # the score: 2 = 2r/(2r + 2) + r/(r + 2) + r/(r + 1)
    expected = 2 * ratio / (2 * ratio + 2) + ratio / (ratio + 2) + ratio / (ratio + 1)
    assert expected == pytest.approx(2, rel=1e-6)
    with pytest.raises(al.DesignError, match="duration="):
        al.fit_dropout_cox("left ~ x", data.assign(session=data["weeks"]), cluster=None)
