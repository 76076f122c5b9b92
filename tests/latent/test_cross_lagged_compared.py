"""Cross-lagged models beside one another: which is tested against which, and readings."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

from .tables import call, wide


def test_the_smaller_model_is_tested_against_the_larger():
    free, equal = (al.fit_cross_lagged(wide(), lags=lags, **call()) for lags in ("free", "equal"))
    test = equal.compare(free)
    assert test.statistic == pytest.approx(equal.chi2 - free.chi2, abs=1e-6)
    assert test.df == 12
    lasting = equal.compare(al.fit_cross_lagged(wide(), model="clpm", **call()))
    assert lasting.p_value < 0.001
    assert "edge" in lasting.messages[0]
    with pytest.raises(al.DesignError, match="same scores, clients, waves"):
        equal.compare(al.fit_cross_lagged(wide(seed=1), **call()))


def test_readings_part_what_lasts_from_what_carries_over():
    found = al.fit_cross_lagged(wide(1500, 5), **call()).readings()
    values = found.wide()
    for term in ("x_on_x", "y_on_y"):
        assert values.loc[term, "latent levels"] == pytest.approx(0.3, abs=0.08)
        assert values.loc[term, "observed means"] < 0.1  # -(1 + .3) / (5 - 1) about
        assert values.loc[term, "nothing lasting"] > 0.5
    assert len(found.messages) == 3
    with pytest.raises(al.DesignError, match="ri-clpm"):
        al.fit_cross_lagged(wide(), model="clpm", **call()).readings()


def test_at_once_is_the_same_model_in_other_words():
    fit = al.fit_cross_lagged(wide(800), residuals="equal", **call())
    p, values = fit.params, fit.readings().wide()["x at once"]
    b = p["cov_within[later]"] / p["var_x_within[later]"]
    assert values["y_on_x_now"] == pytest.approx(b)
    assert values["y_on_x"] == pytest.approx(p["y_on_x"] - b * p["x_on_x"])
    assert values["y_on_y"] == pytest.approx(p["y_on_y"] - b * p["x_on_y"])


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({}, {"model": "lcm-sr"}),  # means free, and means of a straight course
        ({}, {"model": "clpm", "lags": "free"}),
        ({"reliability": {"x": 0.8}}, {"lags": "free"}),
        ({"model": "clpm", "covariates": ["v"]}, {"covariates": ["v"]}),
    ],
)
def test_models_that_are_not_nested_are_not_tested(small, large):
    data = wide(v=np.random.default_rng(1).normal(size=200))
    one, other = (al.fit_cross_lagged(data, **call(), **more) for more in (small, large))
    with pytest.raises(al.DesignError, match=rf"special case.* AIC \({one.glance()['aic'][0]:.1f}"):
        one.compare(other)


@pytest.mark.parametrize(
    ("small", "large", "df"),
    [
        ({"model": "clpm"}, {}, 3),
        ({"model": "clpm"}, {"lags": "free"}, 15),
        ({"residuals": "equal"}, {"lags": "free"}, 21),
        ({"reliability": {"x": 0.9}}, {"reliability": {"x": 0.9}, "lags": "free"}, 12),
    ],
)
def test_models_that_are_nested_are_tested(small, large, df):
    one, other = (al.fit_cross_lagged(wide(), **call(), **more) for more in (small, large))
    test = one.compare(other)
    assert (test.df, test.statistic) == (df, pytest.approx(one.chi2 - other.chi2, abs=1e-6))


def test_the_larger_model_short_of_its_maximum_is_no_difference_of_zero():
    one, other = (al.fit_cross_lagged(wide(), lags=lags, **call()) for lags in ("equal", "free"))
    short = replace(other, estimates=replace(other.estimates, deviance=one.estimates.deviance + 1))
    with pytest.raises(al.DesignError, match="less likely than its special case"):
        one.compare(short)


def test_a_difference_by_clusters_is_told_to_be_tested_by_f():
    data = wide(300, v=np.arange(300) % 30)
    one, other = (
        al.fit_cross_lagged(data, lags=lags, cluster="v", **call()) for lags in ("equal", "free")
    )
    assert one.compare(other).distribution.startswith("F with 12 and 29 df")


def test_readings_do_not_claim_lasting_differences_that_are_not_there():
    rng, columns = np.random.default_rng(7), {}
    within = rng.normal(size=(300, 2))
    for t in range(1, 6):
        within = 0.4 * within + 0.9 * rng.normal(size=(300, 2))
        columns |= {f"x{t}": within[:, 0], f"y{t}": within[:, 1]}
    none = " ".join(al.fit_cross_lagged(pd.DataFrame(columns), **call()).readings().messages)
    assert "would pass for it, but that there are any is not shown (χ²(3) = " in none
    known = al.fit_cross_lagged(wide(), reliability={"x": 0.8}, **call()).readings().messages
    assert "lasting differences pass for it (χ²(3) = " in known[1]
    assert "and of its error, which the known reliabilities take out" in known[0]
