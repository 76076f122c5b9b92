"""Between effects corrected for the unreliability of clients' means."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def fit_of(between, within, *, variances=(0.04, 0.01), covariance=0.0, further=()):
    names = ["Intercept", "x_within", "x_between", *further]
    params = pd.Series([1.0, within, between, *[0.0] * len(further)], index=names)
    cov = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    cov.loc["x_between", "x_between"], cov.loc["x_within", "x_within"] = variances
    cov.loc["x_between", "x_within"] = cov.loc["x_within", "x_between"] = covariance
    return SimpleNamespace(params=params, cov_params=lambda: cov)


def test_the_formula_by_hand():
    # λ = .8: (-1.7 - .2 * -.5) / .8 = -2; variance (.04 + .2² * .01) / .8²
    found = al.correct_between(fit_of(-1.7, -0.5), "x", 0.8)
    assert found.between == pytest.approx(-2.0)
    assert found.contextual == pytest.approx(-1.5)
    assert found.std_error == pytest.approx(np.sqrt(0.04 + 0.04 * 0.01) / 0.8)
    assert found.conf_high - found.conf_low == pytest.approx(2 * 1.959964 * found.std_error)
    assert found.tidy()["estimate"].tolist() == pytest.approx([-2.0, -1.7])


def test_the_covariance_of_the_two_effects_counts():
    found = al.correct_between(fit_of(-1.7, -0.5, covariance=0.01), "x", 0.8)
    assert found.std_error == pytest.approx(np.sqrt(0.04 + 0.0004 - 2 * 0.2 * 0.01) / 0.8)


def test_perfect_reliability_changes_nothing():
    found = al.correct_between(fit_of(-1.7, -0.5), "x", 1.0)
    assert (found.between, found.std_error) == (-1.7, pytest.approx(0.2))


def test_it_recovers_the_truth_that_the_observed_effect_misses():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(8)
    clients, sessions = 4000, 3
    level = np.repeat(rng.normal(size=clients), sessions)
    x = level + rng.normal(size=len(level))
    y = 1.5 * level + 0.3 * (x - level) + 0.5 * rng.normal(size=len(level))
    data = pd.DataFrame({"client_id": np.repeat(np.arange(clients), sessions), "x": x, "y": y})
    fit = smf.ols("y ~ x_within + x_between", al.decompose(data, "x")).fit()
    found = al.mean_reliability(data, "x").correct_between(fit)
    # λ = 3/4, so the observed effect is .75 * 1.5 + .25 * .3 = 1.2; 4000 clients: error about .02
    assert found.between_observed == pytest.approx(1.2, abs=0.05)
    assert found.between == pytest.approx(1.5, abs=0.05)


def test_low_reliability_and_further_terms_are_told():
    messages = " ".join(al.correct_between(fit_of(-1, 0, further=["age"]), "x", 0.3).messages)
    assert "only 0.30" in messages
    assert "further terms (age)" in messages
    plain = al.correct_between(fit_of(-1, 0), "x", 0.9).messages
    assert len(plain) == 1


def test_means_without_information_cannot_be_corrected():
    data = pd.DataFrame({"client_id": list("aabb"), "x": [1.0, 5, 5, 1]})
    found = al.mean_reliability(data, "x").correct_between(fit_of(-1, 0))
    assert np.isnan(found.between)
    assert "the reliability is 0" in found.messages[0]
    one = al.mean_reliability(data.iloc[:2], "x").correct_between(fit_of(-1, 0))
    assert np.isnan(one.between)
    assert one.glance().loc[0, "between_observed"] == -1
    assert "Not corrected" in one.summary()


def test_what_cannot_be_done_is_said():
    with pytest.raises(al.ColumnError, match=r"coefficients must have the columns z_between, z_w"):
        al.correct_between(fit_of(-1, 0), "z", 0.8)
    for wrong in (0.0, 1.2, "high"):
        with pytest.raises(al.ColumnError, match=r"a number above 0 and at most 1"):
            al.correct_between(fit_of(-1, 0), "x", wrong)
