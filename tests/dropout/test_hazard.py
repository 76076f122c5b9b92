"""The discrete-time hazard against lme4's adaptive quadrature, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout import frailty

REFERENCE = Path(__file__).parents[1] / "reference" / "dropout"
LOGLIK = 1e-8  # both evaluate 25-point adaptive quadrature
ESTIMATE = 2e-5  # lme4's optimiser stops there
FORMULA = "event ~ session + x + (1 | therapist_id)"


def data() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "person_period.csv")


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_equals_lme4(link):
    reference = json.loads((REFERENCE / "references.json").read_text())[link]
    found = al.fit_dropout_hazard(FORMULA, data(), link=link)
    assert found.converged
    assert found.llf == pytest.approx(reference["llf"], abs=LOGLIK)
    np.testing.assert_allclose(found.params, reference["beta"], rtol=ESTIMATE)
    np.testing.assert_allclose(found.bse, reference["se"], rtol=ESTIMATE)
    assert np.sqrt(found.variance) == pytest.approx(reference["sd"], rel=ESTIMATE)
    latent = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6}[link]
    assert found.icc == pytest.approx(reference["sd"] ** 2 / (reference["sd"] ** 2 + latent), 1e-4)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_the_gradient_is_that_of_the_likelihood(link):
    table = data()
    x = np.column_stack([np.ones(len(table)), table["session"], table["x"]])
    y, codes = table["event"].to_numpy(float), table["therapist_id"].to_numpy()
    sample = frailty.Sample(y, x, codes, 30, link)
    at, step = np.array([-2.5, 0.02, -0.3, 0.5]), 1e-6

    def value(theta):
        return frailty.log_likelihood(sample, theta[:3], theta[3])[0]

    numeric = [(value(at + step * e) - value(at - step * e)) / (2 * step) for e in np.eye(4)]
    analytic = frailty.log_likelihood(sample, at[:3], at[3])[1]
    np.testing.assert_allclose(analytic, numeric, atol=1e-5)  # differences of sums near 600


def test_without_a_random_intercept_it_is_the_logistic_regression():
    found = al.fit_dropout_hazard("event ~ x", data())
    table = data()
    # The score equations of a logistic regression vanish at its maximum.
    p = 1 / (1 + np.exp(-(found.params["Intercept"] + found.params["x"] * table["x"])))
    residual = table["event"] - p
    assert abs(residual.sum()) < 1e-6
    assert abs((residual * table["x"]).sum()) < 1e-6
    robust = al.fit_dropout_hazard("event ~ x", data(), cluster="therapist_id")
    np.testing.assert_allclose(robust.params, found.params)
    assert not np.allclose(robust.bse, found.bse)
    assert robust.n_groups == 30


def test_no_difference_between_therapists_gives_zero_and_says_so():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"event": np.tile([0, 0, 0, 1], 60), "therapist_id": np.repeat(range(6), 40)}
    )
    table["x"] = rng.normal(size=240)
    found = al.fit_dropout_hazard("event ~ x + (1 | therapist_id)", table)
    assert found.variance == 0
    assert found.variance_p_value == 1.0
    assert "estimated as zero" in found.messages[-1]
    assert found.converged


def test_rows_with_gaps_are_counted_by_variable():
    table = data()
    table.loc[[3, 9], "x"] = np.nan
    found = al.fit_dropout_hazard(FORMULA, table)
    assert found.nobs == len(table) - 2
    assert found.messages[0] == f"2 of {len(table)} rows lack a value (x 2)."


def test_separation_is_told():
    table = pd.DataFrame({"event": [0] * 30 + [1] * 5, "marker": [0] * 30 + [1] * 5})
    found = al.fit_dropout_hazard("event ~ marker", table)
    assert "runs to infinity" in " ".join(found.messages)


def test_odds_ratios_are_exponentials_with_their_limits():
    found = al.fit_dropout_hazard(FORMULA, data())
    plain, ratio = found.tidy(), found.tidy(exponentiate=True)
    np.testing.assert_allclose(ratio["estimate"][:3], np.exp(plain["estimate"][:3]))
    np.testing.assert_allclose(ratio["conf_high"][:3], np.exp(plain["conf_high"][:3]))
    assert ratio["estimate"].iloc[3] == found.variance


@pytest.mark.parametrize(
    ("formula", "error", "text"),
    [
        ("event ~ sesion", al.ColumnError, "Did you mean 'session'"),
        ("event ~ x + (1 | therapist)", al.ColumnError, "'therapist', which is no column"),
        ("event ~ x + (1 + x | therapist_id)", al.FormulaError, "one random intercept"),
        ("x + session", al.FormulaError, "needs '~'"),
        ("x ~ session", al.ColumnError, "must hold 0 and 1 only"),
        ("event ~ x + I(2 * x)", al.DesignError, "linearly dependent"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(formula, error, text):
    with pytest.raises(error, match=text):
        al.fit_dropout_hazard(formula, data())


def test_no_event_is_refused():
    with pytest.raises(al.DesignError, match="There is no event among"):
        al.fit_dropout_hazard("event ~ x", data().assign(event=0))
