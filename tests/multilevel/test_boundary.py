"""Variances kept off zero, and models as large as their data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

DATA = Path(__file__).parents[1] / "reference" / "multilevel" / "data"


def penalty(fit):
    """Return what the penalty adds to the deviance, by its formula."""
    found = [table.to_numpy() / fit.scale for table in fit.random_covariances.values()]
    return sum(-1.5 * np.linalg.slogdet(D)[1] for D in found)


def test_dyestuff2_is_that_of_blmer():
    """blme 1.0-5, its default prior; without it the standard deviation is zero."""
    data = pd.read_csv(DATA / "dyestuff2.csv.gz")
    fit = al.fit_multilevel("Yield ~ 1 + (1 | Batch)", data, prior="boundary")
    np.testing.assert_allclose(fit.varcomp["sdcor"], [1.4887, 3.6262], atol=5e-5)
    assert fit.params["Intercept"] == pytest.approx(5.6656, abs=5e-5)
    assert fit.bse["Intercept"] == pytest.approx(0.8987, abs=5e-5)
    assert not fit.singular
    assert "penalty" in fit.summary()


def test_sleepstudy_is_the_minimum_of_the_penalised_deviance():
    """blmer's default optimiser stops at 1747.922; the minimum is 1747.842."""
    data = pd.read_csv(DATA / "sleepstudy.csv.gz")
    fit = al.fit_multilevel("Reaction ~ Days + (Days | Subject)", data, prior="boundary")
    sd = fit.varcomp.set_index(["group", "term1"])["sdcor"]
    assert sd["Subject", "Intercept"].iloc[0] == pytest.approx(27.0129, abs=5e-5)
    assert sd["Subject", "Days"].item() == pytest.approx(6.3632, abs=5e-5)
    assert sd["Residual"].item() == pytest.approx(25.2655, abs=5e-5)
    assert -2 * fit.llf + penalty(fit) == pytest.approx(1747.842, abs=5e-4)


@pytest.mark.parametrize("random", ["(1 | client) + (1 | therapist)", "(1 + within || client)"])
def test_it_is_a_minimum_whatever_the_units(sessions, random):
    formula = "y ~ session + within + " + random
    fit = al.fit_multilevel(formula, sessions, prior="boundary")
    assert fit.converged
    assert fit.llf <= al.fit_multilevel(formula, sessions).llf
    larger = sessions.assign(y=sessions["y"] * 1000 + 7, within=sessions["within"] / 100)
    again = al.fit_multilevel(formula, larger, prior="boundary")
    np.testing.assert_allclose(again.df, fit.df, rtol=1e-4)
    np.testing.assert_allclose(again.tvalues[1:], fit.tvalues[1:], rtol=1e-6)
    refitted = fit.refit(fit.simulate(2))
    assert refitted.prior == "boundary"
    assert len(fit.bootstrap(3, seed=1).draws) == 3


def test_it_works_where_groups_cross():
    data = pd.read_csv(DATA / "changes_none_of_therapist.csv.gz")
    formula = "distress ~ session + (1 | client_id) + (1 | therapist_id)"
    with pytest.warns(al.SingularFitWarning):
        plain = al.fit_multilevel(formula, data)
    assert plain.varcomp["vcov"].iloc[1] == 0.0
    fit = al.fit_multilevel(formula, data, prior="boundary")
    assert fit.varcomp["sdcor"].iloc[1] > 0.1
    assert not fit.singular


def test_what_does_not_go_with_it(sessions):
    formula = "y ~ session + (1 | client)"
    with pytest.raises(al.AllianceStatsError, match="prior"):
        al.fit_multilevel(formula, sessions, prior="flat")
    with pytest.raises(al.DesignError, match="independent residuals"):
        al.fit_multilevel(formula, sessions, prior="boundary", residual="ar1", time="session")
    with pytest.raises(al.DesignError, match="bootstrap"):
        al.fit_multilevel(formula, sessions, prior="boundary").profile_ci()


def test_a_model_as_large_as_its_data_is_fitted_where_asked(sessions):
    first = sessions.groupby("client").head(2)
    formula = "y ~ within + (1 + within | client)"
    with pytest.raises(al.DesignError, match="cannot be told apart"):
        al.fit_multilevel(formula, first)
    fit = al.fit_multilevel(formula, first, allow_saturated=True)
    assert any("which was allowed" in message for message in fit.messages)
    assert np.isfinite(fit.params).all()
    known = al.fit_multilevel("y ~ within + (1 | client)", first, allow_saturated=True)
    assert not any("which was allowed" in message for message in known.messages)


@pytest.mark.parametrize("n", [2, 3])
def test_groups_so_few_that_the_penalty_has_no_end_are_refused(sessions, n):
    """REML's likelihood falls with the sd's power n - coefficients between groups, here 1.

    The penalty grows with its power 1.5.
    """
    group = sessions["client"].str[1:].astype(int) % n
    data = sessions.assign(few=group, first=(group == 0) * 1.0)
    formula = "y ~ " + "first + " * (n == 3) + "within + (1 | client) + (1 | few)"
    with pytest.raises(al.DesignError, match=f"no estimate with {n} groups of 'few'"):
        al.fit_multilevel(formula, data, prior="boundary")
    assert al.fit_multilevel(formula, data, prior="boundary", reml=False).converged
