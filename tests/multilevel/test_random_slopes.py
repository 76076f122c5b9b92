"""Effects that vary between clients: which slopes a model gets, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

SAME = 1e-6  # two searches for one minimum end this close, in units of the estimates
FIXED = "y ~ session + within + between"
BARE = f"{FIXED} + (1 | client)"


def study(slope_sd: float, trend_sd: float, *, clients=60, sessions=8, seed=3) -> pd.DataFrame:
    """Return sessions in clients in therapists whose slope and trend have these SDs."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), sessions)
    session = np.tile(np.arange(1.0, sessions + 1), clients)
    raw = rng.normal(0, 1, len(client))
    within = raw - (np.bincount(client, raw) / sessions)[client]
    level, slope, trend = rng.normal(0, 1, (3, clients))
    y = (
        20
        + 3 * level[client]
        + (-0.3 + trend_sd * trend)[client] * session
        + (-1 + slope_sd * slope)[client] * within
        + rng.normal(0, 2, len(client))
    )
    return pd.DataFrame(
        {
            "y": y,
            "session": session,
            "within": within,
            "between": rng.normal(0, 1, clients)[client],
            "client": client,
            "therapist": client % 12,
        }
    )


def said(fit: al.MultilevelFit, words: str) -> bool:
    return any(words in message for message in fit.messages)


def test_every_predictor_that_changes_within_clients_gets_a_slope():
    fit = al.fit_multilevel(BARE, study(0.8, 0.3), slopes="all")
    assert fit.formula == f"{FIXED} + (1 + session | client) + (0 + within | client)"
    assert said(fit, "Effects that vary between groups of 'client': 'session' (SD 0.")


def test_the_fit_is_that_of_the_formula_it_shows():
    data = study(0.8, 0.3)
    chosen = al.fit_multilevel(f"{BARE} + (1 | therapist)", data, slopes="all")
    by_hand = al.fit_multilevel(chosen.formula, data)
    pd.testing.assert_series_equal(chosen.params, by_hand.params, rtol=SAME)
    pd.testing.assert_series_equal(chosen.bse, by_hand.bse, rtol=SAME)


def test_a_slope_without_variance_goes_and_no_estimate_changes():
    data = study(0.0, 0.3, seed=5)
    fit = al.fit_multilevel(BARE, data, slopes="all")
    full = al.fit_multilevel(
        f"{FIXED} + (1 + session | client) + (1 | therapist)", data, slopes="none"
    )
    assert fit.formula == f"{FIXED} + (1 + session | client)"
    assert said(fit, "No variance between groups of 'client' is found in the effect of 'within'")
    assert not fit.singular
    with pytest.warns(al.SingularFitWarning):
        kept = al.fit_multilevel(f"{fit.formula} + (0 + within | client)", data)
    pd.testing.assert_series_equal(fit.params, kept.params, rtol=SAME)
    assert full.formula.endswith("(1 | therapist)")


def test_a_centred_effect_may_vary_between_therapists_too():
    data = study(0.0, 0.3)
    steeper = np.random.default_rng(2).normal(0, 1, 12)[data["therapist"]]
    data["y"] += steeper * data["within"]
    fit = al.fit_multilevel(f"{BARE} + (1 | therapist)", data, slopes="all")
    assert fit.formula.endswith("+ (1 | therapist) + (0 + within | therapist)")
    assert said(fit, "Effects that vary between groups of 'therapist': 'within' (SD ")
    assert fit.df["within"] < 12


def test_four_therapists_do_not_tell_how_therapists_differ():
    data = study(0.8, 0.3).assign(therapist=lambda f: f["client"] % 4)
    fit = al.fit_multilevel(f"{BARE} + (1 | therapist)", data, slopes="all")
    assert "within | therapist" not in fit.formula


def test_named_slopes_are_the_only_ones_added():
    fit = al.fit_multilevel(BARE, study(0.8, 0.3), slopes=["within"])
    assert fit.formula == f"{FIXED} + (1 | client) + (0 + within | client)"


def test_slopes_that_are_written_stay():
    fit = al.fit_multilevel(f"{FIXED} + (1 + within | client)", study(0.8, 0.3), slopes="all")
    assert fit.formula == f"{FIXED} + (1 + within + session | client)"


def test_products_and_categories_keep_what_is_written():
    data = study(0.8, 0.3).assign(phase=lambda f: np.where(f["session"] > 4, "late", "early"))
    fit = al.fit_multilevel("y ~ phase + within:between + (1 | client)", data, slopes="all")
    assert fit.formula == "y ~ phase + within:between + (1 | client)"


def test_what_the_data_cannot_carry_is_given_up_from_the_last_and_told():
    data = study(0.8, 0.0, clients=40, sessions=2)
    fit = al.fit_multilevel(BARE, data, slopes="all")
    assert "session" not in fit.formula.split("+ between")[1]
    assert fit.converged
    assert said(fit, "These data cannot carry effects of 'within', 'session' that vary")


def test_a_column_with_an_odd_name_can_vary():
    data = study(0.8, 0.3).rename(columns={"within": "alliance (own)"})
    fit = al.fit_multilevel("y ~ session + `alliance (own)` + (1 | client)", data, slopes="all")
    assert "(0 + `alliance (own)` | client)" in fit.formula


def test_rows_left_out_and_missing_slopes_do_not_mix():
    data = study(0.8, 0.3)
    data.loc[::7, "within"] = np.nan
    fit = al.fit_multilevel(BARE, data, slopes="all")
    assert fit.rows_dropped == data["within"].isna().sum()
    assert "(0 + within | client)" in fit.formula


@pytest.mark.parametrize("wrong", ["some", 1, ["training"]])
def test_slopes_that_cannot_be_are_refused(wrong):
    with pytest.raises(al.DesignError, match="slopes"):
        al.fit_multilevel(BARE, study(0.8, 0.3), slopes=wrong)


def test_with_autocorrelated_residuals_slopes_are_added_too():
    data = study(0.8, 0.0)
    fit = al.fit_multilevel(BARE, data, slopes=["within"], residual="ar1", time="session")
    assert "(0 + within | client)" in fit.formula


def test_the_interval_of_an_effect_that_varies_is_wider():
    data = study(0.8, 0.3)
    one = al.fit_multilevel(BARE, data)
    each = al.fit_multilevel(BARE, data, slopes="all")
    # variance of the mean of 60 slopes with SD .8 is added to that of the same effect for all
    assert each.bse["within"] ** 2 > one.bse["within"] ** 2 + 0.5 * 0.8**2 / 60


def test_parts_within_that_were_split_off_on_other_rows_are_told():
    data = study(0.8, 0.3)[["y", "session", "within", "client"]].rename(columns={"within": "x"})
    data.loc[::7, "y"] = np.nan
    formula = "y ~ session + x_within + x_between + (1 | client)"
    late = al.fit_multilevel(formula, al.decompose(data, ["x"], by="client"))
    first = al.fit_multilevel(formula, al.decompose(data.dropna(), ["x"], by="client"))
    assert said(late, "'x_within' does not have a mean of zero in 60 of 60 groups of 'client'")
    assert not said(first, "mean of zero")
