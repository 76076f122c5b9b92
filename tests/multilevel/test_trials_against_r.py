"""Covariances of residuals, marginal means and contrasts against nlme and emmeans."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.engine.structured import places_of
from alliance_stats.multilevel.result import MultilevelFit

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
EXPECTED = json.loads((REFERENCE / "trial.json").read_text())
TERMS = "distress ~ condition * C(occasion) + baseline"
DF = 2e-3  # relative: R's derivatives are numerical
EXACT = 1e-5  # relative: gls stops where its optimiser says so


@pytest.fixture(scope="module")
def trial():
    return pd.read_csv(REFERENCE / "data" / "trial.csv.gz")


@pytest.fixture(scope="module")
def unstructured(trial):
    return al.fit_multilevel(TERMS, trial, residual="unstructured", time="occasion")


def in_r_order(series, names):
    """Return a series in R's order of coefficients."""
    ours = {
        name.replace("[T.", "").replace("]", "").replace("C(occasion)", "occ"): value
        for name, value in series.items()
    }
    return np.array([ours[name.replace("(Intercept)", "Intercept")] for name in names])


def test_unstructured_covariance_is_that_of_gls(unstructured):
    expected = EXPECTED["fits"]["unstructured"]
    assert unstructured.converged
    assert unstructured.residual == "unstructured"
    assert unstructured.llf == pytest.approx(expected["loglik"], abs=1e-6)
    assert unstructured.llf == pytest.approx(expected["gls_loglik"], abs=1e-6)
    names = expected["coef"]
    for ours, theirs, tolerance in (
        (unstructured.params, "fixef", EXACT),
        (unstructured.bse, "se", EXACT),
        (unstructured.df, "df", DF),
    ):
        np.testing.assert_allclose(in_r_order(ours, names), expected[theirs], rtol=tolerance)
    np.testing.assert_allclose(unstructured.residual_covariance, expected["covariance"], rtol=1e-4)
    assert unstructured.df_model == 13 + 10


def test_the_time_stands_in_any_order_and_labels(trial, unstructured):
    words = trial.assign(visit=trial["occasion"].map(dict(enumerate("abcd", 1))))
    again = al.fit_multilevel(
        TERMS, words.sample(frac=1, random_state=1), residual="unstructured", time="visit"
    )
    assert again.llf == pytest.approx(unstructured.llf, abs=1e-8)
    np.testing.assert_allclose(again.df, unstructured.df, rtol=1e-6)


def test_a_residual_variance_a_group(trial):
    expected = EXPECTED["fits"]["by_group_and_client"]
    fit = al.fit_multilevel(TERMS + " + (1 | client_id)", trial, residual_by="condition")
    assert fit.llf == pytest.approx(expected["loglik"], abs=1e-6)
    names = EXPECTED["fits"]["unstructured"]["coef"]
    np.testing.assert_allclose(in_r_order(fit.params, names), expected["fixef"], rtol=EXACT)
    np.testing.assert_allclose(in_r_order(fit.bse, names), expected["se"], rtol=1e-4)
    found = fit.varcomp.set_index(["group", "term1"])["sdcor"]
    assert found["client_id", "Intercept"] == pytest.approx(expected["client_sd"], rel=1e-4)
    for group, sd in expected["sd"].items():
        assert found["Residual", group] == pytest.approx(sd, rel=1e-4)


def test_one_variance_for_all_groups_is_the_ordinary_model(trial):
    formula = "distress ~ condition + baseline + (1 | client_id)"
    plain = al.fit_multilevel(formula, trial)
    where = places_of(plain.design, trial, time=None, by=None)
    one = MultilevelFit.of_design(plain.design, reml=True, df="satterthwaite", where=where)
    assert one.llf == pytest.approx(plain.llf, abs=1e-8)
    np.testing.assert_allclose(one.bse, plain.bse, rtol=1e-6)
    np.testing.assert_allclose(one.df, plain.df, rtol=1e-5)
    np.testing.assert_allclose(one.resid, plain.resid, atol=1e-6)
    adjusted = al.fit_multilevel(formula, trial, df="kenward-roger")
    one = MultilevelFit.of_design(plain.design, reml=True, df="kenward-roger", where=where)
    np.testing.assert_allclose(one.bse, adjusted.bse, rtol=1e-6)
    np.testing.assert_allclose(one.df, adjusted.df, rtol=1e-5)


def test_therapists_beside_the_covariance_of_clients(trial):
    data = trial.assign(distress=trial["distress"] + trial["therapist_id"].str[1:].astype(int) % 4)
    fit = al.fit_multilevel(
        TERMS + " + (1 | therapist_id)", data, residual="unstructured", time="occasion"
    )
    assert fit.n_groups == {"client_id": 90, "therapist_id": 15}
    assert list(fit.random_effects) == ["therapist_id"]
    assert fit.llf == pytest.approx(dense_log_likelihood(fit, data), abs=1e-7)
    again = fit.refit(fit.simulate(1))
    assert again.converged
    assert len(fit.bootstrap(3, seed=1).draws) == 3
    assert fit.robust().n_clusters == 15


def dense_log_likelihood(fit, data):
    """Return the REML log-likelihood from the n by n covariance."""
    X = np.stack(fit.design.fixed_terms.arrays, axis=1)
    y, place = data["distress"].to_numpy(), data["occasion"].to_numpy() - 1
    therapist, client = data["therapist_id"].to_numpy(), data["client_id"].to_numpy()
    V = fit.residual_covariance.to_numpy()[np.ix_(place, place)] * np.equal.outer(client, client)
    V = V + fit.varcomp["vcov"].iloc[0] * np.equal.outer(therapist, therapist)
    A = np.linalg.solve(V, X)
    beta = np.linalg.solve(X.T @ A, A.T @ y)
    np.testing.assert_allclose(fit.params, beta, rtol=1e-6)
    np.testing.assert_allclose(fit.bse, np.sqrt(np.diag(np.linalg.inv(X.T @ A))), rtol=1e-6)
    rest = y - X @ beta
    total = np.linalg.slogdet(V)[1] + np.linalg.slogdet(X.T @ A)[1]
    total += rest @ np.linalg.solve(V, rest) + (len(y) - X.shape[1]) * np.log(2 * np.pi)
    return -total / 2


def test_drawn_residuals_have_the_covariance(unstructured, trial):
    drawn = [np.asarray(unstructured.simulate(seed)) for seed in range(200)]
    rest = np.array(drawn) - unstructured.predict(random_effects=False).to_numpy()
    whole = trial.groupby("client_id")["occasion"].transform("size").to_numpy() == 4
    wide = rest[:, whole].reshape(-1, 4)
    np.testing.assert_allclose(np.cov(wide.T), unstructured.residual_covariance, rtol=0.06)


def test_what_does_not_go_with_a_covariance_of_residuals(trial, unstructured):
    for options, said in (
        ({"residual": "unstructured"}, "needs time="),
        ({"residual": "unstructured", "time": "week"}, "no column 'week'"),
        ({"residual": "unstructured", "time": "condition"}, "have several"),
        ({"residual": "ar1", "time": "occasion", "residual_by": "condition"}, "residual_by="),
    ):
        with pytest.raises(al.AllianceStatsError, match=said):
            al.fit_multilevel("distress ~ occasion + (1 | therapist_id)", trial, **options)
    with pytest.raises(al.DesignError, match=r"leave \(… \| client_id\) out"):
        al.fit_multilevel(
            "distress ~ occasion + (1 | client_id)", trial, residual="unstructured", time="occasion"
        )
    with pytest.raises(al.DesignError, match="bootstrap"):
        unstructured.profile_ci()
    assert unstructured.predict_interval(random_effects=False)["std_error"].gt(0).all()


@pytest.fixture(scope="module", params=["satterthwaite", "kenward-roger"])
def mixed(request, trial):
    fit = al.fit_multilevel(TERMS + " + (1 | client_id)", trial, df=request.param)
    return fit, EXPECTED["means"][request.param]


def assert_rows(ours, theirs, value="emmean"):
    for row, (_, found) in zip(theirs, ours.iterrows(), strict=True):
        assert found["estimate"] == pytest.approx(row[value], rel=EXACT)
        assert found["std_error"] == pytest.approx(row["SE"], rel=EXACT)
        assert found["df"] == pytest.approx(row["df"], rel=DF)


def test_marginal_means(mixed):
    fit, expected = mixed
    found = fit.marginal_means("condition")
    assert list(found["term"]) == [row["condition"] for row in expected["condition"]]
    assert_rows(found, expected["condition"])
    np.testing.assert_allclose(
        found["conf_low"], [row["lower.CL"] for row in expected["condition"]], rtol=1e-4
    )
    assert_rows(fit.marginal_means("condition", by="occasion"), expected["by_occasion"])
    at = fit.marginal_means("condition", at={"baseline": 30, "occasion": 4})
    assert_rows(at, expected["at"])


@pytest.mark.parametrize("adjust", ["none", "holm", "bonferroni", "tukey"])
def test_contrasts_and_their_adjustment(mixed, adjust):
    fit, expected = mixed
    found = fit.contrasts("condition", adjust=adjust)
    rows = expected["pairs"][adjust]
    assert list(found["term"]) == [row["contrast"] for row in rows]
    assert_rows(found, rows, "estimate")
    p = [row["p.value"] for row in rows]
    np.testing.assert_allclose(found["p_adjusted"], p, rtol=1e-3, atol=1e-9)
    if adjust != "holm":  # emmeans gives Bonferroni's intervals there
        np.testing.assert_allclose(found["conf_low"], [r["lower.CL"] for r in rows], rtol=1e-3)


def test_contrasts_with_a_reference_at_each_occasion(mixed):
    fit, expected = mixed
    found = fit.contrasts("condition", by="occasion", reference="wait", adjust="none")
    assert_rows(found, expected["reference"], "estimate")
    assert found["occasion"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_wrong_questions_of_means(mixed):
    fit = mixed[0]
    for call, said in (
        (lambda: fit.marginal_means("arm"), "no predictor"),
        (lambda: fit.marginal_means("baseline"), "is a number"),
        (lambda: fit.contrasts("condition", adjust="sidak"), "adjust"),
        (lambda: fit.contrasts("condition", reference="act"), "no category"),
        (lambda: fit.contrasts("condition", by="condition"), "'condition' is named twice"),
        (lambda: fit.contrasts("condition", reference="wait", adjust="tukey"), "all pairs"),
    ):
        with pytest.raises(al.AllianceStatsError, match=said):
            call()


def test_groups_without_a_residual_variance_of_their_own_are_refused(trial):
    waiting = trial["condition"] == "wait"
    flat = trial.assign(distress=trial["distress"].where(~waiting, 3.0))
    for data, column, words in (
        (trial.assign(all="a"), "all", "needs two groups or more, and all rows are of one"),
        (trial.assign(own=range(len(trial))), "own", "has one value only where that is 0, 1, 2"),
        (flat, "condition", "'distress' has one value only where that is wait"),
    ):
        with pytest.raises(al.DesignError, match=words):
            al.fit_multilevel("distress ~ condition + (1 | client_id)", data, residual_by=column)
    first = trial.assign(distress=trial["distress"].where(trial["occasion"] > 1, 3.0))
    with pytest.raises(al.DesignError, match=r"Each 'occasion' .* one value only where that is 1"):
        al.fit_multilevel(TERMS, first, residual="unstructured", time="occasion")
