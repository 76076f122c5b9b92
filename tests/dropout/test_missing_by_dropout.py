"""Delta adjustment and the two-stage joint look: known truth, and what is said of their limits."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout.end_scores.sensitivity import _barnard_rubin, _clustered
from alliance_stats.dropout.joint import expected_so_far


def made(penalty: float, seed: int = 3) -> tuple[al.Study, float]:
    """All clients fall by 1 point a session; dropouts' unseen ends are `penalty` worse."""
    rng = np.random.default_rng(seed)
    n, last = 600, 10
    start = rng.normal(22, 4, n)
    course = start[:, None] - np.arange(last) + rng.normal(0, 1, (n, last))
    # Leaving goes with the last seen score: missing at random given what is in the model.
    gone = rng.random(n) < 1 / (1 + np.exp(-(course[:, 3] - 20) / 3))
    ends = np.where(gone, 4, last)
    client, session = np.nonzero(np.arange(last) < ends[:, None])
    scores = pd.DataFrame(
        {
            "client_id": client.astype(str), "session": session + 1, "rater": "client",
            "measure": "core-10", "scale": "total", "score": course[client, session],
            "n_answered": 10, "n_items": 10,
        }
    )  # fmt: skip
    ids, therapist = np.arange(n).astype(str), (np.arange(n) % 30).astype(str)
    tables = {
        "clients": pd.DataFrame({"client_id": ids, "therapist_id": therapist}),
        "scores": scores,
        "terminations": pd.DataFrame(
            {"client_id": ids, "last_session": ends,
             "reason": np.where(gone, "dropout", "completed")}
        ),
    }  # fmt: skip
    truth = (course[:, -1] - course[:, 0] + penalty * gone).mean()
    return al.Study("made", tables), truth


@pytest.mark.parametrize("penalty", [0.0, 4.0])
def test_the_change_of_everybody_comes_back_under_the_right_delta(penalty):
    study, truth = made(penalty)
    found = al.dropout_sensitivity(
        study, measure="core-10", deltas=[penalty], imputations=20, seed=2
    )
    row = found.table.iloc[0]
    assert row["conf_low"] < truth < row["conf_high"]
    assert row["estimate"] == pytest.approx(truth, abs=0.3)  # the last observed would be 2 off
    assert found.n_imputed == (study.terminations["reason"] == "dropout").sum()


def sloped(seed: int) -> tuple[al.Study, float]:
    """Slopes differ between clients, who leave by the score last seen; some after one score."""
    rng = np.random.default_rng(seed)
    n, last = 400, 14
    start, slope = rng.normal(22, 4, n), rng.normal(-0.7, 0.9, n)
    course = start[:, None] + slope[:, None] * np.arange(last) + rng.normal(0, 2, (n, last))
    leaves = rng.random((n, last)) < 1 / (1 + np.exp(4.2 - (course - 20) / 2.5))
    leaves[:, -1] = False
    gone = leaves.any(axis=1)
    ends = np.where(gone, leaves.argmax(axis=1) + 1, last)
    client, session = np.nonzero(np.arange(last) < ends[:, None])
    ids = np.arange(n)
    tables = {
        "clients": pd.DataFrame({"client_id": ids, "therapist_id": ids % 40}),
        "scores": pd.DataFrame(
            {"client_id": client, "session": session + 1, "rater": "client", "measure": "core-10",
             "scale": "total", "score": course[client, session], "n_answered": 10, "n_items": 10}
        ),
        "terminations": pd.DataFrame(
            {"client_id": ids, "last_session": ends,
             "reason": np.where(gone, "dropout", "completed")}
        ),
    }  # fmt: skip
    return al.Study("made", tables), float((course[:, -1] - course[:, 0]).mean())


def test_missing_at_random_is_unbiased_with_slopes_of_ones_own():
    """A regression on those who never left, all sessions pooled, is 1.1 points off here."""
    off = []
    for seed in range(16):
        study, truth = sloped(seed)
        found = al.dropout_sensitivity(study, measure="core-10", deltas=[0], imputations=5)
        assert found.n_clients == 400
        off.append(found.table["estimate"].iloc[0] - truth)
    # The mean of 16 runs has a standard error of .09; three of them.
    assert abs(np.mean(off)) < 0.28


def test_every_client_is_counted_and_only_dropouts_get_the_delta():
    study, _ = sloped(1)
    ends = study.terminations
    stayed = ends.index[ends["reason"] == "completed"]
    reason = ends["reason"].copy()
    reason[stayed[:30]] = ["ongoing"] * 10 + ["transferred"] * 10 + ["administrative"] * 10
    scores = study.scores[study.scores["client_id"] != ends["client_id"].iloc[stayed[40]]]
    changed = study.with_tables(terminations=ends.assign(reason=reason), scores=scores)
    found = al.dropout_sensitivity(changed, measure="core-10", deltas=[0, 10], imputations=5)
    said = " ".join(found.messages)
    assert "1 client has no score" in said
    assert "30 other clients is not known (ongoing 10, transferred 10, administrative 10" in said
    assert "one score only; it serves as the start" in said
    step = np.diff(found.table["estimate"])[0]
    assert step == pytest.approx(10 * (ends["reason"] == "dropout").sum() / 399)


@pytest.mark.parametrize("therapists", [None, "one", "gaps"])
def test_without_therapists_clients_are_independent_and_it_is_said(therapists):
    study, _ = sloped(2)
    clients = study.clients[["client_id"]]
    if therapists == "one":
        clients = clients.assign(therapist_id="t")
    if therapists == "gaps":
        clients = study.clients.assign(
            therapist_id=study.clients["therapist_id"].where(study.clients["client_id"] % 7 > 0)
        )
    found = al.dropout_sensitivity(
        study.with_tables(clients=clients), measure="core-10", deltas=0, imputations=3
    )
    assert np.isfinite(found.table.to_numpy(dtype=float)).all()
    assert "as independent" in " ".join(found.messages)


def test_a_tipping_point_is_found_and_each_delta_costs_its_share():
    study, _ = made(0.0)
    deltas = [0, 10, 40]
    found = al.dropout_sensitivity(study, measure="core-10", deltas=deltas, imputations=5)
    share = found.n_imputed / found.n_clients
    steps = np.diff(found.table["estimate"])
    np.testing.assert_allclose(steps, share * np.diff(deltas))
    assert found.tipping_point == 40  # the side has changed, though no interval holds 0
    even = -found.table["estimate"].iloc[0] / share
    tipped = al.dropout_sensitivity(study, measure="core-10", deltas=[0, even], imputations=5)
    assert tipped.tipping_point == pytest.approx(even)
    assert tipped.tidy()["term"].iloc[0] == "delta = 0"


def test_the_variance_of_a_mean_by_therapist():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(200), 5)
    values = rng.normal(0, 1, 200)[cluster] + rng.normal(0, 1, 1000)
    # Var = between / therapists + within / clients = 1/200 + 1/1000; 10 % is two standard errors.
    assert _clustered(values, cluster) == pytest.approx(1 / 200 + 1 / 1000, rel=0.2)


def test_degrees_of_freedom_of_barnard_and_rubin():
    # Without missing information they are nearly those of the complete data; with much, m decides.
    assert _barnard_rubin(50, 0.0, 1.0, 30) == pytest.approx(31 / 33 * 30)
    assert _barnard_rubin(5, 0.5, 1.0, 10_000) == pytest.approx(4 / 0.6**2, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"measure": "oq-45"}, "no scores of oq-45"),
        ({"measure": "core-10", "imputations": 2.5}, "not 2.5"),
        ({"measure": "core-10", "deltas": []}, "at least one"),
        ({"measure": "core-10", "deltas": [float("nan")]}, "finite number, not nan"),
        ({"measure": "core-10", "deltas": "05"}, "list of numbers, not '05'"),
        ({"measure": "core-10", "confidence": 0}, "between 0 and 1"),
        ({"measure": "core-10", "seed": "x"}, "seed must be"),
        ({"measure": "core-10", "imputations": 1}, "imputations must be a whole number of 2"),
    ],
)
def test_what_cannot_be_imputed_is_said(arguments, text):
    with pytest.raises(al.DesignError, match=text):
        al.dropout_sensitivity(made(0.0)[0], **arguments)


def test_the_joint_look_states_its_bias_and_finds_the_sign():
    bare = dict.fromkeys(["assessments", "forecasts", "observer_codes", "principle_codes"], False)
    study = al.simulate_study(
        n_therapists=20, n_clients=300, dropout_hazard=0.05, dropout_between_effect=-2.0,
        alliance_client_sd=0.8, alliance_mean=3.0, seed=3, **bare,
    )  # fmt: skip
    found = al.fit_alliance_and_dropout(study)
    assert found.hazard.params["level"] < -2 * found.hazard.bse["level"]
    assert "standard errors leave the first stage out" in found.messages[0]
    assert found.glance()["n_clients"].iloc[0] == len(found.clients)
    assert found.tidy()["term"].tolist() == ["Intercept", "session", "level", "slope", "deviation"]


def test_the_expected_course_so_far_ends_in_the_model_s_own_modes():
    study = al.load_dataset("demo-trial")
    own = study.scores.query("measure == 'wai-sr' and rater == 'client' and scale == 'total'")
    own = own.dropna(subset=["score"])[["client_id", "session", "score"]]
    course = al.fit_multilevel("score ~ session + (1 + session | client_id)", own)
    last = expected_so_far(own, course).groupby("client_id").last()
    modes = course.random_effects["client_id"].loc[last.index]
    # All ratings are in at the last session; both solve the same equations.
    np.testing.assert_allclose(last["level"], modes["Intercept"], atol=1e-6)
    np.testing.assert_allclose(last["slope"], modes["session"], atol=1e-6)


def test_level_and_slope_take_nothing_of_the_session_before_leaving():
    """Truth: -.9 for the deviation, nothing for level and slope; eight runs of 500 clients."""
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        n, last = 500, 15
        level, slope = rng.normal(0, 0.6, n), rng.normal(0, 0.03, n)
        state, time = rng.normal(0, 0.5, (n, last)), np.arange(1, last + 1)
        rating = 4 + 0.02 * time + level[:, None] + slope[:, None] * time + state
        leaves = rng.random((n, last)) < 1 / (1 + np.exp(2.8 + 0.9 * state))
        gone = leaves.any(axis=1)
        end = np.where(gone, leaves.argmax(axis=1), last - 1)
        client, session = np.nonzero(np.arange(last) <= end[:, None])
        tables = {
            "clients": pd.DataFrame({"client_id": range(n), "therapist_id": np.arange(n) % 40}),
            "scores": pd.DataFrame(
                {"client_id": client, "session": session + 1, "rater": "client",
                 "measure": "wai-sr", "scale": "total", "score": rating[client, session],
                 "n_answered": 12, "n_items": 12}
            ),
            "terminations": pd.DataFrame(
                {"client_id": range(n), "last_session": end + 1,
                 "reason": np.where(gone, "dropout", "completed")}
            ),
        }  # fmt: skip
        fit = al.fit_alliance_and_dropout(al.Study("made", tables), link="logit")
        assert not any("infinity" in message for message in fit.messages)
        found.append(fit.hazard.params[["level", "slope", "deviation"]])
    found = np.array(found)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    # Three standard errors of the mean of eight runs; .03 of deviation is the logit's curvature.
    assert (np.abs(found.mean(axis=0) - [0, 0, -0.9]) < 3 * error + [0, 0, 0.03]).all()


def test_the_tipping_point_is_where_the_side_changes_even_if_the_grid_jumps_over_none():
    from alliance_stats.dropout.end_scores.sensitivity import _tipping

    table = pd.DataFrame(
        {"delta": [0.0, 60.0, 30.0], "conf_low": [-5.0, 6.0, -4.0], "conf_high": [-4.0, 13.0, -1.0]}
    )
    assert _tipping(table) == 60
    assert np.isnan(_tipping(table.iloc[[0, 2]]))
    assert _tipping(table.assign(conf_high=[1.0, 13.0, -1.0])) == 0
