"""Every wrong input is one clear error, or one sentence in the result."""

import warnings

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def refuses(error, message, formula, frame, **options):
    with pytest.raises(error, match=message):
        al.fit_multilevel(formula, frame, **options)


def test_clients_who_changed_therapist_are_counted(sessions):
    moved = sessions.copy()
    moved.loc[moved.groupby("client").head(1).index[:3], "therapist"] = "t99"
    fit = al.fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", moved)
    assert fit.grouping == "crossed"
    assert any("3 of 60 groups of 'client'" in m and "c000, c001, c002" in m for m in fit.messages)


def test_constant_predictor_is_left_out_and_named(sessions):
    fit = al.fit_multilevel("y ~ within + k + (1 | client)", sessions.assign(k=3.0))
    assert list(fit.params.index) == ["Intercept", "within"]
    assert "The predictor 'k' is constant (3) and was left out." in fit.messages


def test_dependent_predictor_is_left_out_and_named(sessions):
    twice = sessions.assign(twice=2 * sessions["within"] - 1 + sessions["between"])
    fit = al.fit_multilevel("y ~ within + between + twice + session + (1 | client)", twice)
    assert list(fit.params.index) == ["Intercept", "within", "between", "session"]
    assert any("'twice' is a linear combination of" in message for message in fit.messages)
    np.testing.assert_allclose(
        fit.predict(twice),
        al.fit_multilevel("y ~ within + between + session + (1 | client)", twice).fittedvalues,
    )


def test_nearly_dependent_predictors_are_kept(sessions):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=len(sessions))
    frame = sessions.assign(noise=noise, close=sessions["within"] + 1e-5 * noise)
    close = al.fit_multilevel("y ~ within + close + (1 | client)", frame)
    apart = al.fit_multilevel("y ~ within + noise + (1 | client)", frame)
    assert close.params["close"] == pytest.approx(1e5 * apart.params["noise"], rel=1e-6)
    assert close.bse["close"] == pytest.approx(1e5 * apart.bse["noise"], rel=1e-6)
    assert close.df["within"] == pytest.approx(apart.df["noise"], rel=1e-4)
    np.testing.assert_allclose(close.fittedvalues, apart.fittedvalues, rtol=1e-8)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_placed(sessions, value):
    frame = sessions.copy()
    frame.loc[frame.index[7], "within"] = value
    refuses(
        al.DesignError,
        r"'within' is infinite.*in 1 row \(index 7\)",
        "y ~ within + (1 | client)",
        frame,
    )


def test_undefined_transformations_are_placed(sessions):
    refuses(
        al.DesignError,
        r"'log\(within\)' is infinite or undefined",
        "y ~ log(within) + (1 | client)",
        sessions,
    )


def test_groups_that_are_rows(sessions):
    rows = sessions.assign(row=np.arange(len(sessions)))
    refuses(
        al.DesignError, "cannot be told apart from the residual", "y ~ within + (1 | row)", rows
    )


def test_more_random_effects_than_rows(sessions):
    short = sessions.groupby("client").head(2)
    refuses(
        al.DesignError,
        r"60 groups with 2 random effects each, 120 in all, for 120 rows",
        "y ~ within + (1 + within | client)",
        short,
    )


def test_some_groups_smaller_than_their_effects(sessions):
    formula = "y ~ within + session + (1 + within + session || client)"
    frame = sessions[(sessions["client"] > "c010") | (sessions["session"] <= 2)]
    with pytest.warns(al.SingularFitWarning):
        fit = al.fit_multilevel(formula, frame)
    assert any("11 of 60 groups of 'client' have fewer rows than the 3" in m for m in fit.messages)


def test_slope_that_does_not_vary_within_groups(sessions):
    with pytest.warns(al.SingularFitWarning):
        fit = al.fit_multilevel("y ~ between + (1 + between || client)", sessions)
    assert any("'between' does not vary within any group of 'client'" in m for m in fit.messages)


def test_one_group(sessions):
    refuses(al.DesignError, "has one group only", "y ~ within + (1 | g)", sessions.assign(g="a"))


def test_no_random_term(sessions):
    refuses(al.DesignError, "needs a random term", "y ~ within", sessions)


def test_outcomes_that_cannot_be(sessions):
    refuses(al.ColumnError, "must hold numbers", "client ~ within + (1 | therapist)", sessions)
    refuses(al.DesignError, "same value, 2", "y ~ within + (1 | client)", sessions.assign(y=2.0))
    copy = sessions.assign(x=sessions["y"])
    refuses(al.DesignError, "without residual variance", "y ~ x + (1 | client)", copy)
    means = sessions.assign(y=sessions.groupby("client")["y"].transform("mean"))
    refuses(al.DesignError, "constant within every group", "y ~ 1 + (1 | client)", means)


def test_data_that_cannot_be(sessions):
    formula = "y ~ within + (1 | client)"
    refuses(al.DesignError, "no rows", formula, sessions.iloc[:0])
    refuses(al.DesignError, "No row has a value", formula, sessions.assign(within=np.nan))
    refuses(al.ColumnError, "folder of Parquet files, not dict", formula, sessions.to_dict())
    twice = pd.concat([sessions, sessions[["within"]]], axis=1)
    refuses(al.ColumnError, "several columns called 'within'", formula, twice)
    dates = sessions.assign(within=pd.Timestamp("2024-01-01"))
    refuses(al.ColumnError, "holds dates", formula, dates)


def test_weights_that_cannot_be(sessions):
    formula = "y ~ within + (1 | client)"
    refuses(al.ColumnError, "which the data lack", formula, sessions, weights="w")
    refuses(al.DesignError, "must be one number a row", formula, sessions, weights=[1.0])
    bad = np.ones(len(sessions))
    bad[2] = 0.0
    refuses(al.DesignError, r"1 are not \(rows 2\)", formula, sessions, weights=bad)


def test_methods_that_cannot_be(sessions):
    formula = "y ~ within + (1 | client)"
    refuses(al.DesignError, "Did you mean 'satterthwaite'", formula, sessions, df="satterthwait")
    refuses(al.DesignError, "needs a REML fit", formula, sessions, df="kenward-roger", reml=False)


def test_terms_that_cannot_be(sessions):
    twice = "y ~ within + (1 | client) + (1 + within | client)"
    refuses(al.DesignError, "'Intercept' stands twice for 'client'", twice, sessions)
    unknown = "y ~ nosuch(within) + (1 | client)"
    refuses(al.FormulaError, r"'nosuch' in 'nosuch.within.' is no function", unknown, sessions)
    clash = sessions.assign(Intercept=sessions["within"])
    refuses(al.DesignError, "are called 'Intercept'", "y ~ Intercept + (1 | client)", clash)


def arbitrary(fit):
    return [message for message in fit.messages if "arbitrary" in message]


def test_dependent_random_effects_are_told(sessions):
    frame = sessions.assign(twice=2 * sessions["within"])
    fit = al.fit_multilevel("y ~ within + (1 + within + twice | client)", frame)
    once = al.fit_multilevel("y ~ within + (1 + within | client)", frame)
    assert fit.llf == pytest.approx(once.llf, abs=1e-8)
    assert arbitrary(fit)[0].startswith("The random effects of 'client' (Intercept, within, twice)")
    assert not arbitrary(once)


@pytest.mark.parametrize(
    ("random", "told"),
    [
        ("(1 | client) + (0 + g | client)", True),  # any covariance holds an intercept already
        ("(1 | client) + (0 + g || client)", False),  # compound symmetry with unequal variances
        ("(1 + g | client)", False),
    ],
)
def test_an_intercept_beside_all_categories_depends_on_the_covariances(sessions, random, told):
    rng = np.random.default_rng(4)
    frame = sessions.assign(g=rng.choice(list("ab"), len(sessions)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)
        fit = al.fit_multilevel(f"y ~ g + {random}", frame)
    assert bool(arbitrary(fit)) is told


def test_a_level_whose_groups_hold_one_unit_each_is_told(sessions):
    one = al.fit_multilevel("y ~ within + (1 | client)", sessions)
    two = al.fit_multilevel(
        "y ~ within + (1 | client) + (1 | copy)", sessions.assign(copy=sessions["client"])
    )
    assert two.llf == pytest.approx(one.llf, abs=1e-8)
    assert len(arbitrary(two)) == 1
    assert "only the sum of the variances" in arbitrary(two)[0]


def test_a_category_without_rows_is_no_reference(sessions):
    rng = np.random.default_rng(4)
    chosen = rng.choice(list("abc"), len(sessions))
    frame = sessions.assign(g=pd.Categorical(chosen, categories=list("zcba")))
    fit = al.fit_multilevel("y ~ g + (1 | client)", frame)
    assert list(fit.params.index) == ["Intercept", "g[T.b]", "g[T.a]"]
    assert not any("linear combination" in message for message in fit.messages)
    np.testing.assert_allclose(fit.predict(frame), fit.fittedvalues)
    text = al.fit_multilevel("y ~ g + (1 | client)", frame.assign(g=chosen))
    assert fit.params["g[T.a]"] == pytest.approx(-text.params["g[T.c]"], rel=1e-6)


def test_models_with_other_weights_are_not_compared(sessions):
    weights = np.linspace(0.5, 2.0, len(sessions))
    small = al.fit_multilevel("y ~ within + (1 | client)", sessions, weights=weights)
    large = al.fit_multilevel("y ~ within + session + (1 | client)", sessions)
    with pytest.raises(al.DesignError, match="same prior weights"):
        small.compare(large)
    same = al.fit_multilevel("y ~ within + session + (1 | client)", sessions, weights=weights)
    assert 0 <= small.compare(same).p_value <= 1


def test_a_function_no_formula_knows_is_named_with_a_way_out():
    data = pd.DataFrame({"y": range(12), "x": range(12), "client": [1, 2, 3] * 4})
    with pytest.raises(al.FormulaError, match=r"'offset' in .* offset='log\(minutes\)'"):
        al.fit_multilevel("y ~ offset(x) + (1 | client)", data)
