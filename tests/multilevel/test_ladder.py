"""Ladders and comparisons of several models."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def test_a_ladder_stops_at_the_first_model_the_data_can_carry(draw_sessions):
    data = draw_sessions(seed=4, client_sd=(1.5, 0.0), therapist_sd=0.0)
    ladder = al.fit_ladder("y ~ within + (1 + within | client) + (1 | therapist)", data)
    assert (
        list(ladder.log["change"])
        == [
            "the full model",
            "no correlations of random effects",
            "no slope of 'within' for 'client'",
            "no random effects of 'therapist'",
        ][: len(ladder.log)]
    )
    assert ladder.log["verdict"].iloc[-1] == "chosen"
    assert (ladder.log["singular"] == [True] * (len(ladder.log) - 1) + [False]).all()
    assert "singular" in ladder.log["verdict"].iloc[0]
    assert ladder.fit is ladder.fits[-1]
    assert ladder.fit.formula == ladder.log["formula"].iloc[-1]
    assert "no correlations" in ladder.summary()
    pd.testing.assert_frame_equal(ladder.tidy(), ladder.fit.tidy())


def test_the_lowest_level_is_simplified_last(sessions):
    ladder = al.fit_ladder(
        "y ~ within + (1 + session | therapist) + (1 + within + session | client)",
        sessions,
        fit_all=True,
    )
    assert list(ladder.log["change"])[1:] == [
        "no correlations of random effects",
        "no slope of 'session' for 'therapist'",
        "no slope of 'session' for 'client'",
        "no slope of 'within' for 'client'",
        "no random effects of 'therapist'",
    ]
    assert ladder.log["formula"].iloc[-1] == "y ~ within + (1 | client)"
    assert (ladder.log["verdict"] == "chosen").sum() == 1


def test_given_formulas_are_tried_in_their_order(sessions):
    formulas = ["y ~ within + (1 + within | client)", "y ~ within + (1 | client)"]
    ladder = al.fit_ladder(formulas, sessions, df="kenward-roger")
    assert ladder.fit.formula == formulas[0]
    assert ladder.fit.df_method == "kenward-roger"
    assert len(ladder.log) == 1


def test_what_the_data_cannot_carry_is_logged_and_passed_over(sessions):
    few = sessions.groupby("client").head(2)
    formulas = ["y ~ within + (1 + within + session | client)", "y ~ within + (1 | client)"]
    ladder = al.fit_ladder(formulas, few)
    assert ladder.log["verdict"].iloc[0].startswith("not possible: 'client' has")
    assert ladder.fit.formula == formulas[1]
    with pytest.raises(al.DesignError, match="No model of the ladder can be fitted"):
        al.fit_ladder(formulas[:1], few)
    with pytest.raises(al.DesignError, match="at least one formula"):
        al.fit_ladder([], few)


def test_nothing_estimable_gives_the_last_and_says_so(draw_sessions):
    data = draw_sessions(seed=6, therapist_sd=0.0)
    formula = "y ~ within + (1 | client) + (1 | therapist)"
    ladder = al.fit_ladder([formula], data)
    assert ladder.fit.singular
    assert "free of variances on the boundary" in ladder.messages[0]


def test_compare_models_tests_each_against_the_one_before(sessions):
    formulas = [
        "y ~ within + (1 | client)",
        "y ~ within + (1 + within || client)",
        "y ~ within + between + (1 + within || client)",
    ]
    fits = [al.fit_multilevel(formula, sessions) for formula in formulas]
    table = al.compare_models(fits[2], fits[0], fits[1])
    assert list(table["formula"]) == formulas
    assert np.isnan(table["p_value"].iloc[0])
    ml = [al.fit_multilevel(formula, sessions, reml=False) for formula in formulas]
    np.testing.assert_allclose(table["llf"], [fit.llf for fit in ml], atol=1e-6)
    np.testing.assert_allclose(table["aic"], [fit.aic for fit in ml], atol=2e-6)
    assert "mixture" in table["distribution"].iloc[1]
    assert table["p_value"].iloc[2] == pytest.approx(ml[2].compare(ml[1]).p_value, rel=1e-4)
    with pytest.raises(al.DesignError, match="two models or more"):
        al.compare_models(fits[0])


def test_functions_in_random_terms_are_slopes_too(sessions):
    ladder = al.fit_ladder(
        "y ~ within + (1 + I(session**2) + within | client)", sessions, fit_all=True
    )
    assert list(ladder.log["formula"])[1:] == [
        "y ~ within + (1 + I(session**2) + within || client)",
        "y ~ within + (1 + I(session**2) || client)",
        "y ~ within + (1 | client)",
    ]


def test_a_slope_without_intercept_stays(sessions):
    ladder = al.fit_ladder("y ~ within + (0 + within | client)", sessions, fit_all=True)
    assert list(ladder.log["change"]) == ["the full model"]
