"""What a fit holds and does."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.core.results import TIDY_COLUMNS
from alliance_stats.errors import DesignError, FewClustersWarning

ROUNDING = 1e-8  # sums of thousands of products in another order, relative


@pytest.fixture(scope="module")
def fit(sessions, main_formula):
    return al.fit_multilevel(main_formula, sessions)


def test_the_names_of_statsmodels(fit, sessions):
    names = ["Intercept", "session", "within", "between"]
    for value in (fit.params, fit.bse, fit.tvalues, fit.df, fit.pvalues):
        assert list(value.index) == names
    assert list(fit.cov_params().index) == list(fit.cov_params().columns) == names
    assert fit.nobs == len(sessions)
    assert fit.n_groups == {"client": 60, "therapist": 12}
    assert fit.scale == pytest.approx(fit.varcomp["vcov"].iloc[-1])
    np.testing.assert_allclose(fit.tvalues, fit.params / fit.bse)
    np.testing.assert_allclose(fit.pvalues, 2 * stats.t.sf(fit.tvalues.abs(), fit.df))
    half = stats.t.ppf(0.95, fit.df) * fit.bse
    np.testing.assert_allclose(fit.conf_int(confidence=0.9)[1], fit.params + half)


def test_the_input_is_left_alone_and_the_fit_does_not_follow_it(sessions, main_formula):
    frame = sessions.copy()
    fit = al.fit_multilevel(main_formula, frame)
    pd.testing.assert_frame_equal(frame, sessions)
    frame.loc[:, "within"] = 0.0
    frame.loc[:, "y"] = 0.0
    again = al.fit_multilevel(main_formula, sessions)
    pd.testing.assert_series_equal(fit.fittedvalues, again.fittedvalues)


def test_order_of_rows_does_not_matter(fit, sessions, main_formula):
    shuffled = sessions.sample(frac=1.0, random_state=1)
    other = al.fit_multilevel(main_formula, shuffled)
    assert other.llf == pytest.approx(fit.llf, abs=1e-8)
    np.testing.assert_allclose(other.params, fit.params, rtol=ROUNDING)
    np.testing.assert_allclose(other.df, fit.df, rtol=1e-5)
    pd.testing.assert_series_equal(
        other.resid.sort_index(), fit.resid.sort_index(), rtol=1e-6, atol=1e-8
    )
    for group, modes in fit.random_effects.items():
        pd.testing.assert_frame_equal(
            other.random_effects[group].sort_index(), modes.sort_index(), rtol=1e-5
        )


def test_scale_of_predictors_and_outcome_does_not_matter(fit, sessions, main_formula):
    scaled = sessions.assign(
        y=1e3 * sessions["y"] + 1e5, within=1e-4 * sessions["within"], between=sessions["between"]
    )
    other = al.fit_multilevel(main_formula, scaled)
    assert other.params["within"] == pytest.approx(1e7 * fit.params["within"], rel=1e-7)
    assert other.params["Intercept"] == pytest.approx(1e3 * fit.params["Intercept"] + 1e5)
    np.testing.assert_allclose(other.df, fit.df, rtol=1e-6)
    np.testing.assert_allclose(other.tvalues[1:], fit.tvalues[1:], rtol=1e-6)


def test_a_predictor_far_from_zero_loses_no_digits(sessions):
    near = al.fit_multilevel("y ~ session + (1 | client)", sessions)
    moved = sessions.assign(session=sessions["session"] + 1e7)
    far = al.fit_multilevel("y ~ session + (1 | client)", moved)
    assert far.params["session"] == pytest.approx(near.params["session"], rel=1e-7)
    assert far.bse["session"] == pytest.approx(near.bse["session"], rel=1e-7)
    assert far.params["Intercept"] == pytest.approx(
        near.params["Intercept"] - 1e7 * near.params["session"], rel=1e-7
    )
    assert far.llf == pytest.approx(near.llf, abs=1e-6)
    np.testing.assert_allclose(far.fittedvalues, near.fittedvalues, rtol=1e-6)


def test_fitted_values_add_up(fit, sessions):
    np.testing.assert_allclose(fit.fittedvalues + fit.resid, sessions["y"], rtol=ROUNDING)
    np.testing.assert_allclose(fit.predict(sessions), fit.fittedvalues, rtol=ROUNDING)
    population = fit.predict(random_effects=False)
    np.testing.assert_allclose(fit.predict(sessions, random_effects=False), population)
    by_hand = fit.params["Intercept"] + sessions[["session", "within", "between"]] @ fit.params[1:]
    np.testing.assert_allclose(population, by_hand, rtol=ROUNDING)


def test_random_effects_are_the_best_linear_predictions(sessions):
    """In a two-level model the prediction is the shrunken mean residual."""
    fit = al.fit_multilevel("y ~ within + (1 | client)", sessions)
    raw = sessions["y"] - fit.predict(random_effects=False)
    n = sessions.groupby("client").size()
    tau2 = fit.varcomp["vcov"].iloc[0]
    shrunk = raw.groupby(sessions["client"]).mean() * tau2 / (tau2 + fit.scale / n)
    modes = fit.random_effects["client"]["Intercept"]
    np.testing.assert_allclose(modes.sort_index(), shrunk, rtol=1e-8)
    spread = np.sqrt(1 / (1 / tau2 + n / fit.scale))
    found = fit.random_effects_sd["client"]["Intercept"].sort_index()
    np.testing.assert_allclose(found, spread, rtol=1e-8)


def test_uncertainty_of_nested_random_effects_by_dense_matrices(fit, sessions):
    """Conditional covariance of all random effects: (Z'Z / s2 + G^-1)^-1, as one big matrix."""
    blocks, precisions = [], []
    for group in ("client", "therapist"):
        dummies = pd.get_dummies(sessions[group]).astype(float)
        D = fit.random_covariances[group]
        columns = [np.ones(len(sessions)) if c == "Intercept" else sessions[c] for c in D.columns]
        blocks += [dummies.mul(column, axis=0).to_numpy() for column in columns]
        precisions.append(np.kron(np.linalg.inv(D), np.eye(dummies.shape[1])))
    Z = np.hstack(blocks)
    size = [len(p) for p in precisions]
    G = np.zeros((sum(size), sum(size)))
    G[: size[0], : size[0]], G[size[0] :, size[0] :] = precisions
    spread = np.sqrt(np.diag(np.linalg.inv(Z.T @ Z / fit.scale + G)))
    client = fit.random_effects_sd["client"].sort_index()
    np.testing.assert_allclose(client["Intercept"], spread[:60], rtol=1e-7)
    np.testing.assert_allclose(client["within"], spread[60:120], rtol=1e-7)
    therapist = fit.random_effects_sd["therapist"].sort_index()
    np.testing.assert_allclose(therapist["Intercept"], spread[120:], rtol=1e-7)


def test_predictions_for_new_groups_and_incomplete_rows(fit, sessions):
    new = sessions.head(3).assign(client=["c000", "new", "c000"], therapist=["t00", "new", "new"])
    new.loc[new.index[2], "within"] = np.nan
    predicted = fit.predict(new)
    population = fit.predict(new, random_effects=False)
    assert predicted.iloc[1] == pytest.approx(population.iloc[1])
    assert predicted.iloc[0] != pytest.approx(population.iloc[0])
    assert np.isnan(predicted.iloc[2])
    with pytest.raises(DesignError, match="not fitted on these groups of 'client': new"):
        fit.predict(new, new_groups="error")
    with pytest.raises(al.ColumnError, match="lack the column client"):
        fit.predict(new.drop(columns="client"))
    assert fit.predict(new.drop(columns="client"), random_effects=False).notna().sum() == 2


def test_equal_prior_weights_only_rescale_the_residual_variance(sessions):
    heavy = al.fit_multilevel(
        "y ~ within + (1 | client)", sessions, reml=False, weights=[2.0] * len(sessions)
    )
    light = al.fit_multilevel("y ~ within + (1 | client)", sessions, reml=False)
    assert heavy.scale == pytest.approx(2 * light.scale, rel=1e-6)
    assert heavy.llf == pytest.approx(light.llf, abs=1e-7)
    np.testing.assert_allclose(heavy.params, light.params, rtol=1e-7)


def test_slash_equals_unique_ids(sessions, fit, main_formula):
    again = sessions.assign(
        client=sessions.groupby("therapist")["client"].transform(lambda c: pd.factorize(c)[0])
    )
    nested = al.fit_multilevel(
        "y ~ session + within + between + (1 + within | client:therapist) + (1 | therapist)", again
    )
    assert nested.llf == pytest.approx(fit.llf, abs=1e-8)
    slash = al.fit_multilevel("y ~ within + (1 | therapist/client)", again)
    assert list(slash.n_groups) == ["client:therapist", "therapist"]
    assert slash.random_effects["client:therapist"].index.names == ["client", "therapist"]


def test_missing_values_are_counted_by_variable(sessions, main_formula):
    holed = sessions.copy()
    holed.loc[holed.index[:5], "within"] = np.nan
    holed.loc[holed.index[3:10], "y"] = np.nan
    holed.loc[holed.index[20], "client"] = None
    fit = al.fit_multilevel(main_formula, holed)
    assert fit.rows_dropped == 11
    assert f"11 of {len(holed)} rows" in fit.messages[0]
    assert "y 7, within 5, client 1" in fit.messages[0]
    complete = al.fit_multilevel(main_formula, holed.dropna())
    assert fit.llf == pytest.approx(complete.llf, abs=1e-9)
    assert fit.fittedvalues.index.equals(holed.dropna().index)


def test_weights_follow_the_rows_that_are_kept(sessions):
    holed = sessions.assign(w=np.linspace(1, 2, len(sessions)))
    holed.loc[holed.index[::7], "y"] = np.nan
    fit = al.fit_multilevel("y ~ within + (1 | client)", holed, weights="w")
    complete = al.fit_multilevel("y ~ within + (1 | client)", holed.dropna(), weights="w")
    assert fit.llf == pytest.approx(complete.llf, abs=1e-9)


def test_refit_is_a_fit(fit, sessions, main_formula):
    new = fit.simulate(3)
    quick = fit.refit(new)
    slow = al.fit_multilevel(main_formula, sessions.assign(y=new))
    assert quick.llf == pytest.approx(slow.llf, abs=1e-8)
    np.testing.assert_allclose(quick.params, slow.params, rtol=1e-6)
    np.testing.assert_allclose(quick.df, slow.df, rtol=1e-4)
    np.testing.assert_allclose(quick.resid, slow.resid, atol=1e-5)
    with pytest.raises(DesignError, match="finite numbers"):
        fit.refit(new.to_numpy()[:-1])
    with pytest.raises(DesignError, match="index differs"):
        fit.refit(new.sort_values())


def test_simulated_outcomes_have_the_model_s_variance(fit):
    draws = np.stack([fit.simulate(seed) for seed in range(400)])
    pd.testing.assert_series_equal(fit.simulate(1), fit.simulate(1))
    rows = fit.design.frame
    D = fit.random_covariances["client"].to_numpy()
    z = np.stack([np.ones(len(rows)), rows["within"]])
    expected = np.einsum("an,ab,bn->n", z, D, z) + fit.scale
    expected = expected + fit.random_covariances["therapist"].iloc[0, 0]
    # 400 draws: the mean ratio over rows (few independent) varies by about a hundredth.
    assert (draws.var(axis=0) / expected).mean() == pytest.approx(1.0, abs=0.05)


def test_icc(sessions):
    fit = al.fit_multilevel("y ~ 1 + (1 | client) + (1 | therapist)", sessions)
    shares, v = fit.icc(), fit.varcomp["vcov"]
    assert list(shares["group"]) == ["client", "therapist", "Residual"]
    np.testing.assert_allclose(shares["icc"], v / v.sum())
    assert shares["icc_above"].iloc[0] == pytest.approx((v[0] + v[1]) / v.sum())


def test_compare_uses_the_mixture_for_one_variance(sessions, main_formula, fit):
    small = al.fit_multilevel(main_formula.replace(" + (1 | therapist)", ""), sessions)
    found = fit.compare(small)
    statistic = 2 * (fit.llf - small.llf)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(0.5 * stats.chi2.sf(statistic, 1))
    slope = al.fit_multilevel(main_formula.replace("1 + within |", "1 |"), sessions)
    found = slope.compare(fit)
    assert found.df == 2
    expected = 0.5 * (stats.chi2.sf(found.statistic, 1) + stats.chi2.sf(found.statistic, 2))
    assert found.p_value == pytest.approx(expected)


def test_compare_of_fixed_parts_is_by_maximum_likelihood(sessions, main_formula, fit):
    small = al.fit_multilevel(main_formula.replace("between + ", ""), sessions)
    found = fit.compare(small)
    by_ml = [
        al.fit_multilevel(formula, sessions, reml=False).llf
        for formula in (main_formula, main_formula.replace("between + ", ""))
    ]
    assert found.statistic == pytest.approx(2 * (by_ml[0] - by_ml[1]), abs=1e-7)
    assert "refitted by maximum likelihood" in found.messages[0]
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1))


def test_compare_refuses_what_cannot_be_compared(sessions, main_formula, fit):
    fewer = al.fit_multilevel("y ~ within + (1 | client)", sessions.iloc[5:])
    with pytest.raises(DesignError, match="same rows"):
        fit.compare(fewer)
    with pytest.raises(DesignError, match="Both models have"):
        fit.compare(fit)
    other = al.fit_multilevel("y ~ condition + (1 | client)", sessions)
    found = fit.compare(other)
    assert np.isnan(found.p_value)
    assert "special case" in " ".join(found.messages)


def test_the_three_verbs(fit, sessions):
    tidy = fit.tidy()
    assert list(tidy.columns) == list(TIDY_COLUMNS)
    assert list(tidy["effect"]) == ["fixed"] * 4 + ["random"] * 5
    assert list(tidy["term"][4:]) == [
        "sd Intercept",
        "sd within",
        "cor Intercept within",
        "sd Intercept",
        "sd",
    ]
    glance = fit.glance()
    assert len(glance) == 1
    assert glance["llf"].item() == fit.llf
    augmented = fit.augment()
    assert {".fitted", ".resid", ".fixed"} <= set(augmented.columns)
    assert len(augmented) == len(sessions)
    text = fit.summary()
    for part in ("REML", "client 60", "therapist 12", "within", "Satterthwaite"):
        assert part in text
    assert "<table" in fit._repr_html_()


def test_summary_repeats_how_the_data_were_prepared(sessions):
    frame = sessions.copy()
    frame.attrs["preparation"] = ["alliance was centred on the client's mean of sessions"]
    fit = al.fit_multilevel("y ~ within + (1 | client)", frame)
    assert "centred on the client's mean" in fit.summary()


def test_structure_and_advice(draw_sessions):
    frame = draw_sessions(3, clients=30, therapists=24)
    mixed = frame.assign(alliance=frame["within"] + frame["between"])
    fit = al.fit_multilevel("y ~ session + alliance + (1 | client) + (1 | therapist)", mixed)
    structure = fit.structure.set_index("group")
    sizes = mixed.groupby("client").size()
    assert structure.loc["client", "min"] == sizes.min()
    assert structure.loc["client", "median"] == sizes.median()
    per_therapist = mixed.groupby("therapist")["client"].nunique()
    assert structure.loc["therapist", "singles"] == (per_therapist == 1).sum()
    notes = " ".join(fit.messages)
    assert "'alliance' varies within 'client' and between" in notes
    assert "'session' varies" not in notes
    assert "hold one 'client' only" in notes


def test_few_therapists_are_told(draw_sessions):
    frame = draw_sessions(4, therapists=6)
    fit = al.fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", frame)
    assert any("only 6 groups of 'therapist'" in message for message in fit.messages)
    with pytest.warns(FewClustersWarning, match="too liberal"):
        z = al.fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", frame, df="normal")
    assert np.isinf(z.df).all()
    np.testing.assert_allclose(z.pvalues, 2 * stats.norm.sf(z.tvalues.abs()))


def test_contrasts(fit):
    single = fit.test({"within": 1, "between": -1})
    row = single.tidy().iloc[0]
    assert row["estimate"] == pytest.approx(fit.params["within"] - fit.params["between"])
    c = np.array([0, 0, 1, -1])
    assert row["std_error"] == pytest.approx(np.sqrt(c @ fit.cov_params().to_numpy() @ c))
    with pytest.raises(DesignError, match="Did you mean 'within'"):
        fit.test("withn")
    with pytest.raises(DesignError, match="one weight for each of the 4 coefficients"):
        fit.test([[1.0, 0.0]])


def test_transformed_outcome(sessions):
    positive = sessions.assign(y=np.exp(sessions["y"] / 10))
    fit = al.fit_multilevel("log(y) ~ within + (1 | client)", positive)
    direct = al.fit_multilevel("z ~ within + (1 | client)", positive.assign(z=sessions["y"] / 10))
    assert fit.llf == pytest.approx(direct.llf, abs=1e-8)


def test_no_fixed_effects_at_all(sessions):
    fit = al.fit_multilevel("y ~ 0 + (1 | client)", sessions)
    assert fit.converged
    assert len(fit.params) == 0
    assert len(fit.tidy()) == 2


def test_text_and_methods_tell_spread_formula_and_boundary(sessions):
    tight = "y~between+(1|client)+(1|therapist)"
    fit = al.fit_multilevel(tight, sessions)
    (line,) = [line for line in fit.text().splitlines() if line.startswith("Random effects")]
    assert f"residual SD = {np.sqrt(fit.scale):.2f}." in line
    assert f": {tight}." in fit.methods()
    rng = np.random.default_rng(1)
    flat = sessions.assign(y=rng.permutation(sessions["y"].to_numpy()))
    with pytest.warns(al.SingularFitWarning):
        fit = al.fit_multilevel(tight, flat)
    for told in (fit.text(), fit.methods()):
        assert "The fit is singular: the variance of 'Intercept' for" in told
