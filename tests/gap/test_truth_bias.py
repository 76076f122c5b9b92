"""Truth and bias against lme4, hand calculation, and planted truth at two and three levels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

HERE = Path(__file__).parents[1] / "reference" / "gap"
REFERENCE = json.loads((HERE / "references.json").read_text())
DATA = pd.read_csv(HERE / "dyads.csv")
OPTIMISERS = 1e-4  # relative; two optimisers stop within this of one REML optimum
COLUMNS = {"truth": "client", "judgment": "therapist"}
BOTH = ["client_id", "therapist_id"]


def fixed(found):
    return found.tidy().query("effect == 'fixed'").set_index("term")


def simulate(seed, therapists=20, each=6, sessions=8, of_therapist=(0.0, 0.0)):
    """Sessions with bias -.4 (SD .35), force .5 (SD .2), correlation -.3 between dyads."""
    rng = np.random.default_rng(seed)
    n = therapists * each
    client = np.repeat(np.arange(n), sessions)
    truth = 4 + rng.normal(0, 0.5, n)[client] + rng.normal(0, 0.6, len(client))
    mean = (np.bincount(client, truth) / sessions)[client]
    covariance = np.array([[0.35**2, -0.3 * 0.35 * 0.2], [-0.3 * 0.35 * 0.2, 0.2**2]])
    effects = rng.multivariate_normal([-0.4, 0.5], covariance, n)
    effects = effects + rng.normal(0, of_therapist, (therapists, 2))[np.arange(n) // each]
    bias, force = effects[client].T
    judgment = mean + bias + force * (truth - mean) + rng.normal(0, 0.4, len(client))
    return pd.DataFrame(
        {"client_id": client, "therapist_id": client // each, "client": truth,
         "therapist": judgment, "session": np.tile(np.arange(1, sessions + 1), n)}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("by", "key"), [("client_id", "truth_bias_2"), (BOTH, "truth_bias_3")], ids=["two", "three"]
)
def test_the_estimates_are_lme4s(by, key):
    found = al.fit_truth_and_bias(DATA, **COLUMNS, by=by)
    expected = REFERENCE[key]
    table = fixed(found).loc[["directional_bias", "truth_force"]]
    assert table["estimate"].to_numpy() == pytest.approx(expected["estimate"], rel=OPTIMISERS)
    assert table["std_error"].to_numpy() == pytest.approx(expected["se"], rel=OPTIMISERS * 10)
    # three levels lie on the boundary here, where lmerTest differentiates across: see below
    if key == "truth_bias_2":
        assert table["df"].to_numpy() == pytest.approx(expected["df"], rel=1e-2)
    theirs = [row["vcov"] for row in expected["varcomp"]]
    assert found.varcomp["vcov"].to_numpy() == pytest.approx(theirs, rel=2e-3, abs=2e-5)


def test_three_levels_inside_their_bounds_are_lmertests_and_nlmes():
    expected = json.loads((HERE / "three_levels.json").read_text())
    data = pd.read_csv(HERE / "three_levels.csv")
    found = al.fit_truth_and_bias(data, **COLUMNS, by=BOTH)
    table = fixed(found)
    assert table["estimate"].to_numpy() == pytest.approx(expected["estimate"], rel=OPTIMISERS)
    assert table["std_error"].to_numpy() == pytest.approx(expected["se"], rel=OPTIMISERS)
    # lmerTest differentiates numerically
    assert table["df"].to_numpy() == pytest.approx(expected["df"], rel=1e-3)
    assert found.varcomp["vcov"].to_numpy() == pytest.approx(expected["varcomp"], rel=1e-3)
    # nlme's intervals rest on the observed information, ours on the expected one, and nlme takes
    # correlations' limits on another scale: SDs agree to 1 %, correlations to .05
    rows = found.tidy().set_index(["group", "term"])
    terms = ["sd directional_bias", "sd truth_force", "cor directional_bias truth_force"]
    for group in BOTH:
        ours = rows.loc[[(group, t) for t in terms], ["conf_low", "conf_high"]].to_numpy()
        theirs = np.array(expected["intervals"][group])[:, [0, 2]]
        assert ours[:2] == pytest.approx(theirs[:2], rel=1e-2)
        assert ours[2] == pytest.approx(theirs[2], abs=0.05)
        cov = rows.loc[(group, "cov directional_bias truth_force")]
        assert cov["conf_low"] < cov["estimate"] < cov["conf_high"]


def test_a_variance_on_its_edge_has_no_interval_and_no_perfect_correlation():
    data = simulate(0).assign(therapist_id=lambda d: d["client_id"] % 20)
    found = al.fit_truth_and_bias(data, **COLUMNS, by=BOTH)
    rows = found.tidy().set_index(["group", "term"])
    edge = rows.loc[("therapist_id", "cor directional_bias truth_force")]
    assert np.isnan(edge["estimate"])
    assert any("lies on its edge" in message for message in found.messages)
    flat = data.assign(therapist=data["client"] - 0.4 + np.tile([0.3, -0.3], len(data) // 2))
    found = al.fit_truth_and_bias(flat, **COLUMNS)
    with pytest.raises(al.DesignError, match="a line that the model made"):
        found.plot()


def test_session_slopes_that_vary_widen_the_interval_of_their_mean():
    """With slopes of SD .15 in 60 dyads their mean cannot be surer than .15 / sqrt(60)."""
    data = simulate(6, therapists=10)
    slope = np.random.default_rng(9).normal(0, 0.15, 60)
    data["therapist"] += slope[data["client_id"]] * (data["session"] - 4.5)
    found = al.fit_truth_and_bias(data, **COLUMNS, time="session")
    error = fixed(found).loc["directional_bias:session", "std_error"]
    assert error > 0.9 * slope.std(ddof=1) / np.sqrt(60)
    plain = al.fit_truth_and_bias(data, **COLUMNS, time="session", random="intercepts")
    assert error > 1.3 * fixed(plain).loc["directional_bias:session", "std_error"]
    claim = found.claims.set_index("term")
    assert "at the own mean" in claim.loc["directional_bias:session", "supports"]
    assert "held equal" in claim.loc["truth_force", "supports"]


def test_unused_therapists_and_exact_copies_are_told():
    found = al.fit_truth_and_bias(DATA, **COLUMNS)
    assert any("20 therapists, but the model does not use them" in m for m in found.messages)
    one = DATA.drop_duplicates("client_id")
    with pytest.raises(al.DesignError, match="exact function"):
        al.fit_truth_and_bias(one.assign(therapist=one["client"] - 1), **COLUMNS, by=None)
    with pytest.raises(al.DesignError, match="named for two parts"):
        al.fit_truth_and_bias(DATA, truth="client", judgment="client")
    with pytest.raises(al.DesignError, match="share 'client_id' and session"):
        al.fit_truth_and_bias(pd.concat([DATA, DATA.head(4)]), **COLUMNS)
    single = al.fit_truth_and_bias(DATA, **COLUMNS, moderators="training")
    assert "truth_force:training" in fixed(single).index


def test_moderators_are_centred_and_enter_bias_and_force():
    found = al.fit_truth_and_bias(DATA, **COLUMNS, moderators=["training"])
    table = fixed(found)
    names = ["directional_bias", "truth_force", "directional_bias:training", "truth_force:training"]
    expected = REFERENCE["truth_bias_moderated"]
    assert table.loc[names, "estimate"].to_numpy() == pytest.approx(
        expected["estimate"], rel=OPTIMISERS * 10
    )
    assert table.loc[names, "std_error"].to_numpy() == pytest.approx(expected["se"], rel=1e-3)
    assert found.moderator_means["training"] == pytest.approx(DATA["training"].mean())


def test_one_row_a_dyad_is_a_regression_on_the_grand_mean():
    data = DATA.drop_duplicates("client_id").assign(prior=lambda d: d["therapist"].shift(1))
    data = data.dropna()
    found = fixed(al.fit_truth_and_bias(data, **COLUMNS, by=None, bias="prior"))
    mean = data["client"].mean()
    X = np.column_stack([np.ones(len(data)), data["client"] - mean, data["prior"] - mean])
    beta = np.linalg.lstsq(X, data["therapist"] - mean, rcond=None)[0]
    assert found["estimate"].to_numpy() == pytest.approx(beta)
    assert list(found.index) == ["directional_bias", "truth_force", "bias_force"]
    assert (found["df"] == len(data) - 3).all()


@pytest.mark.parametrize("levels", [2, 3])
def test_planted_truth_is_covered(levels):
    # the full benchmark draws 2000; 60 draws tell an interval that is wrong from one that is right
    spread = (0.25, 0.1) if levels == 3 else (0.0, 0.0)
    by = BOTH if levels == 3 else "client_id"
    hits = np.zeros(2)
    variances = []
    for seed in range(60):
        found = al.fit_truth_and_bias(simulate(seed, of_therapist=spread), **COLUMNS, by=by)
        table = fixed(found)
        hits += (table["conf_low"] <= [-0.4, 0.5]) & (table["conf_high"] >= [-0.4, 0.5])
        variances.append(found.varcomp.query("group == 'client_id'")["vcov"].to_numpy())
    # binomial(60, .95) is 52 or more in 99 of 100 runs; seeds are fixed
    assert (hits >= 52).all()
    mean = np.mean(variances, axis=0)
    assert mean == pytest.approx([0.1225, 0.04, -0.021], rel=0.15)


def test_a_bias_variable_has_its_own_force():
    data = simulate(1, therapists=40)
    data["other"] = np.random.default_rng(5).normal(4, 1, len(data))
    mean = data.groupby("client_id")["client"].transform("mean")
    data["therapist"] += 0.3 * (data["other"] - mean)
    row = fixed(al.fit_truth_and_bias(data, **COLUMNS, bias="other")).loc["bias_force"]
    assert row["conf_low"] < 0.3 < row["conf_high"]


def test_a_force_that_grows_over_sessions_is_found():
    data = simulate(2, therapists=40)
    mean = data.groupby("client_id")["client"].transform("mean")
    data["therapist"] += 0.05 * (data["session"] - 4.5) * (data["client"] - mean)
    row = fixed(al.fit_truth_and_bias(data, **COLUMNS, time="session")).loc["truth_force:session"]
    assert row["conf_low"] < 0.05 < row["conf_high"]
    assert row["p_value"] < 1e-3


def test_standardised_within_each_dyad_the_force_is_the_mean_correlation():
    data = simulate(3, sessions=6)
    found = fixed(al.fit_truth_and_bias(data, **COLUMNS, standardise="dyad", random="intercepts"))
    r = [g["client"].corr(g["therapist"]) for _, g in data.groupby("client_id")]
    # balanced data: every dyad's standardised slope is its r, and all weigh alike
    assert found.loc["truth_force", "estimate"] == pytest.approx(np.mean(r), rel=1e-8)


def test_pooled_standardising_divides_by_the_sds_within_dyads():
    raw = fixed(al.fit_truth_and_bias(DATA, **COLUMNS)).loc["truth_force", "estimate"]
    pooled = fixed(al.fit_truth_and_bias(DATA, **COLUMNS, standardise="pooled"))
    own = DATA[["client", "therapist"]] - DATA.groupby("client_id")[
        ["client", "therapist"]
    ].transform("mean")
    sd = own.std()  # the common divisor of both cancels
    ratio = pooled.loc["truth_force", "estimate"] / raw
    assert ratio == pytest.approx(sd["client"] / sd["therapist"], rel=1e-4)


def test_each_number_comes_with_its_claim_and_its_limit():
    for kind in (None, "pooled", "dyad"):
        found = al.fit_truth_and_bias(DATA, **COLUMNS, standardise=kind, moderators=["training"])
        terms = list(fixed(found).index)
        assert list(found.claims["term"])[: len(terms)] == terms
        assert found.claims["term"].tolist()[len(terms) :] == [
            "sd directional_bias [client_id]", "sd truth_force [client_id]",
            "cor directional_bias truth_force [client_id]",
            "cov directional_bias truth_force [client_id]",
        ]  # fmt: skip
        assert found.claims[["supports", "does_not_show"]].map(len).gt(30).all(axis=None)
    raw = al.fit_truth_and_bias(DATA, **COLUMNS).claims.set_index("term")
    assert raw.loc["truth_force", "does_not_show"].startswith("A correlation")


def test_dyads_have_their_own_bias_and_force():
    data = simulate(4, of_therapist=(0.2, 0.05))
    found = al.fit_truth_and_bias(data, **COLUMNS, by=BOTH)
    assert len(found.dyads) == 120
    gap = (data["therapist"] - data["client"]).groupby(data["client_id"]).mean().to_numpy()
    assert np.corrcoef(gap, found.dyads["directional_bias"])[0, 1] > 0.95
    assert "n = 120 dyads" in found.plot().get_title(loc="left")


def test_single_sessions_count_for_the_bias_and_are_told():
    data = simulate(5)
    data = data[(data["client_id"] > 9) | (data["session"] == 1)]
    found = al.fit_truth_and_bias(data, **COLUMNS)
    assert found.messages[0].startswith("10 of 120 dyads have one session")
    assert found.n_rows == len(data)


def test_a_client_who_changed_therapist_is_a_dyad_with_each():
    moved = (DATA["session"] > 4) & (DATA["client_id"] < 5)
    data = DATA.assign(therapist_id=DATA["therapist_id"].where(~moved, 1))
    found = al.fit_truth_and_bias(data, **COLUMNS, by=BOTH)
    assert any("5 of 'client_id' (0, 1, 2, 3, 4) lie in several" in m for m in found.messages)
    each = data.assign(client_id=data["client_id"].where(~moved, -1 - data["client_id"]))
    expected = al.fit_truth_and_bias(each, **COLUMNS, by=BOTH)
    pd.testing.assert_series_equal(found.tidy()["estimate"], expected.tidy()["estimate"])


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda d: d[d["session"] == 2], {"by": BOTH}, "has one row, .* by=None"),
        (lambda d: d.assign(therapist=d["therapist"] * 20), {}, "on one scale"),
        (lambda d: d.assign(client=3.0), {}, "same value in all"),
        (lambda d: d, {"standardise": "dyads"}, "Did you mean 'dyad'"),
        (lambda d: d, {"truth": "klient"}, "Did you mean 'client'"),
        (lambda d: d, {"by": 3}, "by must|not iterable"),
    ],
)
def test_bad_input_is_told(change, options, said):
    with pytest.raises((ValueError, TypeError), match=said):
        al.fit_truth_and_bias(change(DATA), **{**COLUMNS, **options})


def test_a_study_is_refused_with_the_way_to_its_pairs():
    with pytest.raises(al.ColumnError, match=r"rating_gap\(study, ...\).pairs"):
        al.fit_truth_and_bias("demo-trial", **COLUMNS)
