"""What a fit of yes/no, counts and answers says, and what it can be asked."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import alliance_stats as al
from alliance_stats.multilevel.after_fit.profiling import Parameter, profile_row

from .outcomes import few, sessions

YES = "yes ~ x + arm + session + (1 | client_id)"


@cache
def yes(**options: object) -> al.OutcomeFit:
    return al.fit_multilevel(YES, sessions(), family="binomial", **options)


@cache
def rating() -> al.OutcomeFit:
    return al.fit_multilevel("rating ~ x + arm + (1 | client_id)", sessions(), family="ordinal")


def test_the_ladder_is_shown_and_ends_where_nothing_moves():
    ladder = yes().nodes
    assert list(ladder["nodes"]) == sorted(ladder["nodes"])
    last = ladder.iloc[-1]
    assert last["distance_se"] < 1e-4
    assert abs(last["change"]) < 5e-5
    assert last["moved_se"] < 1e-4
    assert yes().converged


def test_a_number_of_nodes_is_one_step_to_the_maximum_of_that_approximation():
    fit = yes(nodes=5)
    assert list(fit.nodes["nodes"]) == [5]
    assert any("nodes=5 was asked for" in message for message in fit.messages)
    assert not any("asked for" in message for message in yes().messages)
    assert fit.llf == pytest.approx(yes().llf, abs=0.5)
    assert fit.llf != pytest.approx(yes().llf, abs=1e-3)
    value = fit.model.problem.evaluate(fit.best.point, fit.ladder.points, 1e-9).value
    for place in range(len(fit.best.point)):
        for side in (-0.02, 0.02):
            moved = fit.best.point.copy()
            moved[place] += side
            assert fit.model.problem.evaluate(moved, fit.ladder.points, 1e-9).value < value


def test_wide_random_effects_take_even_nodes():
    # clients who always say yes or always no: the SD is about seven on the logit
    rng = np.random.default_rng(4)
    client = np.repeat(np.arange(150), 5)
    eta = 7.0 * rng.normal(size=150)[client] + 0.5 * (x := rng.normal(size=750))
    data = pd.DataFrame({"y": rng.random(750) < special.expit(eta), "x": x, "client": client})
    fit = al.fit_multilevel("y ~ x + (1 | client)", data.astype({"y": int}), family="binomial")
    assert fit.converged
    assert fit.nodes["rule"].iloc[-1] == "even"
    assert fit.varcomp["sdcor"].iloc[0] == pytest.approx(7.0, abs=2.5)


def test_laplace_stands_beside_the_answer_and_is_told_where_it_is_far():
    assert yes().laplace.method == "laplace"
    assert yes().laplace.llf != yes().llf
    assert any("Laplace's approximation" in message for message in yes().messages)
    many = sessions().groupby("therapist_id").filter(lambda group: len(group) > 20)
    calm = al.fit_multilevel(
        "k ~ x + (1 | therapist_id)", many, family="binomial", trials="n", df="between-within"
    )
    assert not any("Laplace" in message for message in calm.messages)


def test_ratios_are_exponentials_of_the_coefficients():
    table = yes().odds_ratios().set_index("term")
    assert list(table.index) == ["x", "arm[T.b]", "session"]
    assert table.loc["x", "estimate"] == pytest.approx(np.exp(yes().params["x"]))
    low, high = yes().conf_int().loc["x"]
    assert table.loc["x", ["conf_low", "conf_high"]].tolist() == pytest.approx(
        [np.exp(low), np.exp(high)]
    )
    with pytest.raises(al.DesignError, match="odds_ratios"):
        yes().rate_ratios()


def test_median_odds_ratio_is_the_median_of_two_units():
    sd = float(yes().varcomp["sdcor"].iloc[0])
    u = sd * np.random.default_rng(1).normal(size=(2, 400_000))
    table = yes().median_odds_ratio()
    assert table["group"].tolist() == ["client_id"]
    expected = np.median(np.exp(np.abs(u[0] - u[1])))
    assert table["estimate"].iloc[0] == pytest.approx(expected, rel=0.01)  # 400,000 pairs
    assert table["conf_low"].iloc[0] < expected < table["conf_high"].iloc[0]


def test_a_median_odds_ratio_reaches_one_where_the_sd_may_be_zero():
    data = few(6)
    two = "yes ~ 1 + (1 | client_id) + (1 | therapist_id)"
    fit = al.fit_multilevel(two, data, family="binomial", df="between-within")
    sds = fit.profile_ci("random").set_index("group")
    table = fit.median_odds_ratio().set_index("group")
    assert sds.loc["therapist_id", "conf_low"] == 0 < sds.loc["client_id", "conf_low"]
    assert table.loc["therapist_id", "conf_low"] == 1.0
    for end in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(  # 0.954: the median of |u1 - u2| in SDs of u (Larsen & Merlo)
            np.log(table[end]), np.sqrt(2) * stats.norm.ppf(0.75) * sds.loc[table.index, end]
        )


def test_latent_icc_has_the_logistic_variance():
    sd = float(yes().varcomp["sdcor"].iloc[0])
    assert yes().icc()["icc"].iloc[0] == pytest.approx(sd**2 / (sd**2 + np.pi**2 / 3))


def test_observed_icc_is_the_correlation_of_two_answers_of_one_client():
    fit = yes()
    sd, eta = float(fit.varcomp["sdcor"].iloc[0]), float(fit.model.eta(fit.best.point).mean())
    rng = np.random.default_rng(2)
    p = special.expit(eta + sd * rng.normal(size=400_000))
    drawn = rng.random((2, len(p))) < p
    expected = np.corrcoef(drawn[0], drawn[1])[0, 1]
    assert fit.icc("observed")["icc"].iloc[0] == pytest.approx(expected, abs=0.01)


def test_probit_averages_have_a_closed_form():
    fit = al.fit_multilevel(YES, sessions(), family="binomial", link="probit")
    sd = float(fit.varcomp["sdcor"].iloc[0])
    eta = fit.predict(kind="link", random_effects=False)
    expected = stats.norm.cdf(eta / np.sqrt(1 + sd**2))
    np.testing.assert_allclose(fit.predict(average=True), expected, atol=1e-9)
    ends = [
        stats.norm.cdf(
            fit.predict(sessions().assign(arm=arm), kind="link", random_effects=False)
            / np.sqrt(1 + sd**2)
        ).mean()
        for arm in "ba"
    ]
    table = fit.average_effects("arm")
    assert table["term"].tolist() == ["arm[T.b]"]
    assert table["estimate"].iloc[0] == pytest.approx(ends[0] - ends[1], abs=1e-9)
    assert 0 < table["std_error"].iloc[0] < 0.2


def test_average_effect_of_a_number_is_the_mean_slope():
    fit, step = yes(), 0.001
    data = sessions()
    ends = [fit.predict(data.assign(x=data.x + s), average=True).mean() for s in (step, -step)]
    estimate = fit.average_effects("x")["estimate"].iloc[0]
    assert estimate == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)
    held = fit.average_effects("x", at={"session": 1})["estimate"].iloc[0]
    assert held != estimate
    with pytest.raises(al.DesignError, match="no predictor"):
        fit.average_effects("minutes")


def test_effects_on_answers_add_to_zero_and_probabilities_to_one():
    effects = rating().average_effects("arm")
    assert effects["category"].tolist() == ["1", "2", "3", "4"]
    assert effects["estimate"].sum() == pytest.approx(0, abs=1e-12)
    assert rating().predict().sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert list(rating().names[-3:]) == ["threshold[1]", "threshold[2]", "threshold[3]"]
    assert rating().params.iloc[-3:].is_monotonic_increasing


def test_predictions_of_new_rows_are_those_of_the_rows_fitted():
    fit, data = yes(), sessions()
    np.testing.assert_allclose(fit.predict(data), fit.fittedvalues)
    new = data.head(3).assign(client_id="new")
    typical = fit.predict(new)
    np.testing.assert_allclose(typical, fit.predict(new, random_effects=False))
    assert fit.predict(new.assign(x=[0.0, np.nan, 1.0])).isna().tolist() == [False, True, False]


def test_quantile_residuals_are_normal_where_the_model_holds():
    fit = al.fit_multilevel(
        "count ~ x + arm + (1 | client_id)",
        sessions(),
        family="negative_binomial",
        offset="log(minutes)",
    )
    again = fit.refit(fit.simulate(3))
    residuals = again.residuals(kind="quantile", seed=1)
    assert stats.kstest(residuals, "norm").pvalue > 0.01
    wrong = al.fit_multilevel(
        "count ~ 1 + (1 | therapist_id)", sessions(), family="poisson", df="between-within"
    )
    assert wrong.residuals().std() > 1.3  # counts that vary more than a Poisson's
    assert wrong.residuals(seed=1).equals(wrong.residuals(seed=1))


def test_draws_and_refits_recover_the_estimates():
    fit = yes()
    booted = fit.bootstrap(40, seed=5)
    assert booted.failed == 0
    spread = booted.draws.std().to_numpy()[: len(fit.bse)] / fit.bse.to_numpy()
    assert spread == pytest.approx(np.ones(len(spread)), abs=0.4)  # 40 draws: three errors of an SD


def test_profile_ends_have_the_likelihood_ratio_of_the_level():
    interval = yes().profile_ci(["x", "sd Intercept"]).set_index("term")
    assert yes().profile_ci("random")["term"].tolist() == ["sd Intercept"]
    low, high = yes().conf_int().loc["x"]
    assert interval.loc["x", "conf_low"] == pytest.approx(low, abs=0.1 * yes().bse["x"])
    assert interval.loc["x", "conf_high"] == pytest.approx(high, abs=0.1 * yes().bse["x"])
    sd = interval.loc["sd Intercept"]
    assert sd["conf_low"] < sd["estimate"] < sd["conf_high"]
    assert sd["conf_high"] - sd["estimate"] > sd["estimate"] - sd["conf_low"]


def test_a_variance_on_its_boundary_is_told_and_tested_by_a_mixture():
    data = sessions()
    rng = np.random.default_rng(1)
    data["y"] = rng.permutation(data["yes"].to_numpy())
    with pytest.warns(al.SingularFitWarning, match="'client_id' is estimated as zero"):
        fit = al.fit_multilevel("y ~ x + (1 | client_id)", data, family="binomial")
    assert fit.singular
    assert fit.varcomp["sdcor"].tolist() == [0.0]
    two = "yes ~ x + (1 | client_id) + (1 | therapist_id)"
    with pytest.warns(al.FewClustersWarning):
        large = al.fit_multilevel(two, sessions(), family="binomial")
    small = al.fit_multilevel("yes ~ x + (1 | client_id)", sessions(), family="binomial")
    test = large.compare(small)
    assert "mixture" in test.distribution
    assert test.statistic == pytest.approx(2 * (large.llf - small.llf))


def test_a_negative_binomial_is_a_poisson_with_one_variance_more():
    formula, data = "count ~ x + (1 | client_id)", sessions()
    poisson = al.fit_multilevel(formula, data, family="poisson")
    negative = al.fit_multilevel(formula, data, family="negative_binomial")
    assert "mixture" in negative.compare(poisson).distribution
    assert 1 < negative.dispersion < 5  # the truth is two
    assert np.isnan(poisson.dispersion)
    assert negative.tidy()["term"].iloc[-1] == "size"


def test_likelihoods_of_other_kinds_of_outcomes_are_not_compared():
    data = sessions()
    one = al.fit_multilevel("yes ~ x + (1 | client_id)", data, family="binomial")
    with pytest.raises(al.DesignError, match="kind"):
        one.compare(al.fit_multilevel("yes ~ x + arm + (1 | client_id)", data))


def test_between_within_counts_units_at_the_level_a_predictor_changes_at():
    data = sessions()
    two = "yes ~ x + arm + session + (1 | client_id) + (1 | therapist_id)"
    fit = al.fit_multilevel(two, data, family="binomial", df="between-within")
    rows, clients, therapists = len(data), 96, 16
    assert fit.df["x"] == rows - clients - 2
    assert fit.df["arm[T.b]"] == clients - therapists - 1
    assert fit.df["Intercept"] == therapists - 1
    assert fit.test(["x", "arm[T.b]"]).df_den == clients - therapists - 1


def test_equal_rows_are_counted_and_give_the_same_fit():
    data = sessions()[["yes", "arm", "client_id"]]
    fit = al.fit_multilevel("yes ~ arm + (1 | client_id)", data, family="binomial")
    assert sum(len(piece.X) for piece in fit.model.problem.pieces) < 0.5 * len(data)
    grouped = data.groupby(["client_id", "arm"], as_index=False).agg(
        k=("yes", "sum"), n=("yes", "size")
    )
    same = al.fit_multilevel("k ~ arm + (1 | client_id)", grouped, family="binomial", trials="n")
    np.testing.assert_allclose(fit.params, same.params, atol=1e-7)
    np.testing.assert_allclose(fit.bse, same.bse, rtol=1e-6)


def test_slopes_of_clients_may_be_correlated_or_not():
    data = slopes()
    full = al.fit_multilevel("y ~ x + (1 + x | client)", data, family="poisson")
    apart = al.fit_multilevel("y ~ x + (1 + x || client)", data, family="poisson")
    assert full.converged
    assert full.varcomp["term2"].notna().sum() == 1
    assert full.varcomp["sdcor"].iloc[2] > 0.4
    assert full.compare(apart).p_value < 0.001
    moved = al.fit_multilevel(
        "y ~ x + (1 + x | client)", data.assign(x=data.x + 3), family="poisson"
    )
    assert moved.llf == pytest.approx(full.llf, abs=1e-4)  # the origin of x is no part of the model


def slopes(n=80, rows=12) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    client = np.repeat(np.arange(n), rows)
    x = rng.normal(size=len(client))
    u = rng.normal(size=(n, 2))
    eta = 0.3 + u[client, 0] + (0.5 + 0.4 * u[client, 0] + 0.5 * u[client, 1]) * x
    return pd.DataFrame({"y": rng.poisson(np.exp(eta - 1)), "x": x, "client": client})


def test_a_correlation_has_the_likelihood_ratio_of_the_level_at_its_ends():
    fit = al.fit_multilevel("y ~ x + (1 + x | client)", slopes(), family="poisson")
    (row,) = fit.profile_ci(["cor Intercept x"]).to_dict("records")
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    shape, problem, points = fit.model.shape, fit.model.problem, fit.ladder.points

    def least(rho: float) -> float:  # over coefficients and SDs, by differences
        def deviance(z):
            a, b = np.exp(z[2:])
            at = np.array([z[0], z[1], a, b * rho, b * np.sqrt(1 - rho**2)])
            return -2 * problem.evaluate(at, points).value

        L = shape.factor(fit.best.point)
        start = [*fit.best.point[:2], np.log(L[0, 0]), 0.5 * np.log((L[1] ** 2).sum())]
        return optimize.minimize(deviance, start, method="BFGS", options={"gtol": 1e-4}).fun

    for end in ("conf_low", "conf_high"):
        assert least(row[end]) + 2 * fit.llf == pytest.approx(3.8415, abs=2e-3)


def test_profiles_do_not_hang_on_the_order_of_effects():
    data = slopes(60, 10).assign(i=1.0)
    one = al.fit_multilevel("y ~ x + (1 + x | client)", data, family="poisson")
    other = al.fit_multilevel("y ~ x + (0 + x + i | client)", data, family="poisson")
    ends = ["conf_low", "conf_high"]
    first = one.profile_ci(["cor Intercept x", "sd x"]).set_index("term")[ends]
    second = other.profile_ci(["cor x i", "sd x"]).set_index("term")[ends]
    np.testing.assert_allclose(first, second.loc[["sd x", "cor x i"]], atol=2e-4)


def test_the_size_of_a_negative_binomial_has_a_profile():
    fit = al.fit_multilevel("count ~ 1 + (1 | client_id)", few(), family="negative_binomial")
    (row,) = fit.profile_ci("size").to_dict("records")
    assert row["estimate"] == pytest.approx(fit.dispersion)
    problem, points, place = fit.model.problem, fit.ladder.points, 1

    def least(size: float) -> float:  # over the intercept and the SD, by differences
        def deviance(z):
            return -2 * problem.evaluate(np.array([z[0], np.log(size), z[1]]), points).value

        start = np.delete(fit.best.point, place)
        return optimize.minimize(deviance, start, method="BFGS", options={"gtol": 1e-4}).fun

    for end in ("conf_low", "conf_high"):
        if np.isfinite(row[end]):
            assert least(row[end]) + 2 * fit.llf == pytest.approx(3.8415, abs=2e-3)
    assert row["conf_low"] < fit.dispersion < row["conf_high"]


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("k ~ x + (1 | client_id)", {"family": "binomial", "trials": "n"}),
        ("rating ~ x + (1 | client_id)", {"family": "ordinal"}),
    ],
)
def test_averages_beside_fitted_values_are_in_the_outcomes_unit(formula, options):
    fit = al.fit_multilevel(formula, few(), **options, df="between-within")
    rows, average = fit.augment(), fit.predict(average=True)
    expected = average.to_numpy() @ [1, 2, 3, 4] if fit.family == "ordinal" else average * rows["n"]
    np.testing.assert_allclose(rows[".average"], expected)
    np.testing.assert_allclose(rows[".fitted"] + rows[".resid"], rows[fit.design.outcome])
    ax = fit.plot("curve", variable="x")
    unit = {"ordinal": "mean category of rating, from 1", "binomial": "k per trial of n"}
    assert ax.get_ylabel() == unit[fit.family]
    ax.figure.clear()


def test_pictures_are_drawn():
    for kind, options in (
        ("estimates", {}),
        ("caterpillar", {}),
        ("residuals", {}),
        ("curve", {"variable": "x"}),
    ):
        ax = yes().plot(kind, **options)
        assert ax.get_xlabel()
        assert ("log odds" in ax.get_xlabel()) == (kind in ("estimates", "caterpillar"))
        ax.figure.clear()
    with pytest.raises(al.DesignError, match="kind must be one of"):
        yes().plot("forest")
    with pytest.raises(al.DesignError, match="variable= must say which; there are x"):
        yes().plot("curve")


def band(fit: al.OutcomeFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the residuals drawn, and the ends of the range beside them in the same order."""
    ax = fit.plot("residuals")
    points, (cloud,) = ax.lines[-1].get_ydata(), ax.collections
    ends = cloud.get_paths()[0].vertices[1:, 1]
    ax.figure.clear()
    n = len(points)
    return points, ends[:n], ends[n + 1 : 2 * n + 1][::-1]


def test_residuals_lie_in_the_range_of_the_model_and_leave_it_where_it_is_wrong():
    rng = np.random.default_rng(2)
    client, x = np.repeat(np.arange(60), 10), rng.uniform(-2.0, 2.0, 600)
    u = rng.normal(0.0, 0.7, 60)[client]
    odds = np.exp(1.5 * x**2 - 2.0 + u)
    data = pd.DataFrame({"client_id": client, "x": x, "square": x**2})
    data["yes"] = (rng.random(600) < odds / (1.0 + odds)).astype(int)
    data["count"] = rng.negative_binomial(0.7, 0.7 / (0.7 + np.exp(0.8 + u)))
    shares = {}
    for formula, family in (
        ("yes ~ x + square", "binomial"),
        ("yes ~ x", "binomial"),
        ("count ~ x", "negative_binomial"),
        ("count ~ x", "poisson"),
    ):
        fit = al.fit_multilevel(f"{formula} + (1 | client_id)", data, family=family)
        points, low, high = band(fit)
        assert (low <= high).all()
        shares[formula, family] = float(((points < low) | (points > high)).mean())
    right, straight, size, poisson = shares.values()
    assert max(right, size) < 0.15  # 0.05 of independent points
    assert min(straight, poisson) > 0.3


def test_a_picture_of_estimates_holds_effects_of_predictors_only():
    assert ticks(rating().plot("estimates"))[0] == "x"
    assert not [name for name in ticks(rating().plot("estimates")) if "hreshold" in name]
    answers = ticks(rating().plot("estimates", intercept=True))
    assert any(name.startswith("Threshold 1 | 2") for name in answers)
    assert ticks(varied("negative_binomial", zero="hurdle").plot("estimates")) == ["x"]


def ticks(ax) -> list[str]:
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    ax.figure.clear()
    return names


@cache
def varied(family: str, **options: object) -> al.OutcomeFit:
    rng = np.random.default_rng(6)
    client = np.repeat(np.arange(30), 10)
    data = pd.DataFrame({"client": client, "x": rng.normal(size=300), "g": "a"})
    data["log_g"] = rng.uniform(1, 5, 300)
    data["whole"] = np.arange(300) % 3 + 1
    mean = data["log_g"] * np.exp(0.3 * data["x"] + rng.normal(0, 0.5, 30)[client])
    data["y"] = rng.negative_binomial(1.5, 1.5 / (1.5 + mean))
    options = {"offset": "log(log_g)"} | options
    return al.fit_multilevel("y ~ x + (1 | client)", data, family=family, **options)


def test_a_curve_says_at_which_exposure_it_stands():
    # 'g', a column of text, stands in the name of the offset's column and is none of it
    ax = varied("poisson").plot("curve", variable="x")
    assert ax.get_ylabel() == f"expected y at log_g = {ax_mean():.3g}"
    ax.figure.clear()


def ax_mean() -> float:
    return float(varied("poisson").design.frame["log_g"].mean())


def test_counts_that_vary_more_than_a_poisson_are_told():
    (said,) = [m for m in varied("poisson").messages if "vary more than a Poisson" in m]
    better = varied("negative_binomial").llf - varied("poisson").llf
    higher = float(said.split("at least ")[1].split(" higher")[0])
    assert 0.9 * better < higher <= better + 0.05
    assert not any("vary more" in m for m in varied("negative_binomial").messages)
    plain = al.fit_multilevel("y ~ x + (1 + x | client)", slopes(), family="poisson")
    assert not any("vary more" in m for m in plain.messages)


def test_a_yes_or_no_fitted_as_a_count_is_told():
    fit = al.fit_multilevel("yes ~ x + (1 | client_id)", sessions(), family="poisson")
    assert any("'yes' holds only 0 and 1" in message for message in fit.messages)


def test_an_exposure_whose_log_was_not_taken_is_told():
    raw = varied("poisson", offset="whole").messages
    assert any("give its log: offset='log(whole)'" in message for message in raw)
    assert not any("give its log" in message for message in varied("poisson").messages)


def test_counts_no_more_varied_than_a_poisson_say_so():
    rng = np.random.default_rng(2)
    client = np.repeat(np.arange(60), 6)
    data = pd.DataFrame({"y": rng.binomial(4, 0.5, 360), "x": rng.normal(size=360), "g": client})
    with pytest.warns(al.SingularFitWarning):
        poisson = al.fit_multilevel("y ~ x + (1 | g)", data, family="poisson")
    with pytest.warns(al.SingularFitWarning):
        negative = al.fit_multilevel("y ~ x + (1 | g)", data, family="negative_binomial")
    assert negative.converged
    assert negative.llf == pytest.approx(poisson.llf, abs=1e-3)
    assert any("no more than a Poisson" in message for message in negative.messages)
    size = negative.tidy().set_index("term").loc["size"]
    assert np.isinf(negative.dispersion)  # as large as can be, and no number the search ended at
    assert size[["std_error", "conf_low", "conf_high"]].isna().all()
    assert negative.compare(poisson).p_value > 0.9
    draws = negative.bootstrap(3, seed=1).tidy().set_index("term")
    assert draws.loc["size", "conf_high"] == np.inf
    assert np.isfinite(draws.loc["x", ["std_error", "conf_low", "conf_high"]].astype(float)).all()
    mean = float(np.exp(negative.params["Intercept"]))
    ends = negative.profile_ci("random").iloc[0]
    assert ends["conf_low"] == 0
    assert 0.05 < ends["conf_high"] < 0.5
    # what was asked before, at other variances, leaves no trace in the effects
    assert negative.fittedvalues.to_numpy() == pytest.approx(mean, rel=0.01)


def test_extra_zeros_that_are_none_have_no_standard_error():
    data = sessions()
    data["y"] = 1 + np.random.default_rng(3).poisson(3.0, len(data))
    with pytest.warns(al.SingularFitWarning):
        fit = al.fit_multilevel("y ~ x + (1 | client_id)", data, family="poisson", zero="inflated")
    assert fit.converged
    assert fit.params["zero:Intercept"] == -np.inf
    assert np.isnan(fit.bse["zero:Intercept"])
    assert np.isfinite(fit.bse[["Intercept", "x"]]).all()
    assert any("no more zeros" in message for message in fit.messages)
    assert fit.test("x").p_value == pytest.approx(fit.pvalues["x"])
    with pytest.raises(al.DesignError, match="zero:Intercept grows without end"):
        fit.test("zero:Intercept")
    assert fit.profile_ci("zero:Intercept")["note"].item() == "It grows without end."


def test_trials_offset_and_weights_stand_in_summary_and_methods():
    data = sessions()
    k = al.fit_multilevel("k ~ x + (1 | client_id)", data, family="binomial", trials="n")
    assert ", successes among 'n' trials" in k.methods()
    assert ", successes among 'n' trials" in str(k.summary())
    formula, offset = "count ~ x + (1 | client_id)", "log(minutes)"
    count = al.fit_multilevel(formula, data, family="poisson", offset=offset, weights="n")
    said = ", with the offset log(minutes), with prior weights: count ~ x"
    assert said in count.methods()
    assert "fitted by maximum likelihood" in count.text()
    assert "with prior weights" not in yes().methods()


def test_thresholds_are_no_odds_ratios():
    lines = rating().text().splitlines()
    assert not any("OR =" in line for line in lines if line.startswith("Threshold"))
    assert any("OR =" in line for line in lines if line.startswith("x:"))


def test_a_predictor_far_from_zero_changes_nothing_but_the_intercept():
    data = sessions()
    far = al.fit_multilevel(YES, data.assign(x=data["x"] + 1e5), family="binomial")
    assert far.converged
    assert far.llf == pytest.approx(yes().llf, abs=1e-6)
    assert far.params["x"] == pytest.approx(yes().params["x"], rel=1e-6)
    assert far.bse["x"] == pytest.approx(yes().bse["x"], rel=1e-4)  # of 1e5 squared, digits go
    assert far.laplace.llf == pytest.approx(yes().laplace.llf, abs=1e-5)


def test_a_hurdle_says_what_its_predictors_are_about():
    formula = "count ~ x + (1 | client_id)"
    fit = al.fit_multilevel(formula, sessions(), family="poisson", zero="hurdle")
    (told,) = [message for message in fit.messages if "any at all" in message]
    assert "(data['count'] > 0)" in told
    assert "RR before truncation [95% CI]" in str(fit.summary())
    for words in (str(fit.summary()), fit.methods()):
        assert "one probability of a zero for all rows" in words
    row = fit.tidy().set_index("term").loc["zero:Intercept"]
    assert row[["statistic", "p_value"]].isna().all()
    assert np.isfinite(row["conf_low"])
    assert "Any zero (logit)" in str(fit.summary())
    assert "Any zero (logit)" in str(al.model_table([fit]))


def test_a_hurdle_without_zeros_is_a_truncated_model():
    data = sessions().assign(count=lambda rows: rows["count"] + 1)
    fit = al.fit_multilevel("count ~ x + (1 | client_id)", data, family="poisson", zero="hurdle")
    assert any("zero-truncated" in message for message in fit.messages)
    assert not any("no more zeros" in message for message in fit.messages)
    assert not any("any at all" in message for message in fit.messages)


def test_thresholds_are_called_by_the_answers_they_part():
    words = ["none", "little", "some", "much"]
    data = sessions()
    data["rating"] = pd.Categorical.from_codes(data["rating"] - 1, words, ordered=True)
    fit = al.fit_multilevel("rating ~ x + (1 | client_id)", data, family="ordinal")
    assert "Threshold none | little" in str(fit.summary())
    assert "Answers in their order: none, little, some, much" in str(fit.summary())
    assert fit.text().count("Threshold ") == 3
    assert "Threshold some | much" in str(al.model_table([fit]))
    assert "Threshold: 3" in str(al.model_table([fit, rating()], names=["a", "b"]))


def test_tables_of_outcomes_name_family_and_link_and_no_explained_variance():
    note = al.model_table([yes(), rating()], names=["a", "b"]).table.note
    assert "a: Multilevel binomial model (logit)" in note
    assert "b: Multilevel cumulative model of ordered answers (logit)" in note
    assert "Nakagawa" not in note


def test_formulas_are_told_as_they_were_written():
    data = sessions().assign(day_of_week=lambda rows: rows["session"])
    tight = "yes~day_of_week+(1|client_id)"
    fit = al.fit_multilevel(tight, data, family="binomial")
    assert f": {tight}." in fit.text()
    assert f": {tight}." in fit.methods()


def test_text_and_methods_tell_how_random_effects_spread():
    sd = yes().varcomp["sdcor"].iloc[0]
    assert f"Random effects: client: SD of intercept = {sd:.3f}." in yes().text().splitlines()
    assert "singular" not in yes().methods()


def test_laplace_is_told_only_where_it_matters(monkeypatch):
    many = sessions().groupby("therapist_id").filter(lambda group: len(group) > 20)
    calm = al.fit_multilevel(
        "k ~ x + (1 | therapist_id)", many, family="binomial", trials="n", df="between-within"
    )
    monkeypatch.setattr("alliance_stats.multilevel.outcomes.advice.laplace_is_far", lambda _: True)
    assert calm.laplace.llf != calm.llf
    assert not any("Laplace" in message for message in calm.messages)


def zeros_beside_a_negative_binomial() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    client = np.repeat(np.arange(25), 8)
    mean = np.exp(0.5 + rng.normal(0.0, 0.9, 25)[client])
    zero = rng.random(200) < 0.3
    y = np.where(zero, 0, rng.negative_binomial(2, 2 / (2 + mean)))
    return pd.DataFrame({"y": y, "client": client})


def test_extra_zeros_are_found_beside_a_negative_binomial():
    # without random effects its size takes all zeros; a search that begins there stayed, 4.6 below
    fit = al.fit_multilevel(
        "y ~ 1 + (1 | client)",
        zeros_beside_a_negative_binomial(),
        family="negative_binomial",
        zero="inflated",
    )
    # R 4.2.2, glmmTMB(y ~ 1 + (1 | client), family = nbinom2, ziformula = ~1), by Laplace's
    # approximation: logLik -337.2601, 0.5242, zero -0.8998, size 2.8289, SD 1.0189
    assert fit.llf > -337.2601
    assert fit.params["Intercept"] == pytest.approx(0.5242, abs=0.02)
    assert fit.params["zero:Intercept"] == pytest.approx(-0.8998, abs=0.05)
    assert fit.dispersion == pytest.approx(2.8289, rel=0.05)
    assert fit.varcomp["sdcor"].item() == pytest.approx(1.0189, rel=0.05)


def test_a_refit_leaves_the_end_that_the_first_fit_lay_at():
    data = zeros_beside_a_negative_binomial()
    counts = np.random.default_rng(1).poisson(np.exp(0.5), len(data))
    asked = {"family": "poisson", "zero": "inflated"}
    with pytest.warns(al.SingularFitWarning):
        none = al.fit_multilevel("y ~ 1 + (1 | client)", data.assign(y=counts), **asked)
    assert none.params["zero:Intercept"] == -np.inf
    again = none.refit(data["y"].to_numpy())
    new = al.fit_multilevel("y ~ 1 + (1 | client)", data, **asked)
    assert again.params.to_numpy() == pytest.approx(new.params.to_numpy(), abs=1e-3)


def test_a_correlation_that_may_be_anything_reaches_from_minus_one():
    with pytest.warns(al.FewClustersWarning):
        fit = al.fit_multilevel("y ~ x + (1 + x | client)", slopes(12, 4), family="poisson")
    (row,) = fit.profile_ci("cor Intercept x").to_dict("records")
    assert (row["conf_low"], row["conf_high"]) == (-1.0, 1.0)  # zero is the least of an SD only


def test_a_profile_may_end_at_the_bound_of_a_correlation():
    # a search from there and one from the estimate end apart by rounding, over the same values
    fit = al.fit_multilevel("y ~ x + (1 + x | client)", slopes(30, 4), family="poisson")
    (row,) = fit.profile_ci("cor Intercept x").to_dict("records")
    assert row["conf_low"] < row["estimate"] < row["conf_high"] <= 1.0


def test_notes_of_what_is_not_the_case_are_empty():
    measured = al.fit_multilevel("x ~ session + (1 | client_id)", sessions())
    for fit in (yes(), measured):
        assert fit.converged
        assert fit.singular == bool(fit.singular_note)
        assert fit.convergence_note == ""
    assert yes().singular_note == ""


def test_an_end_that_only_rounding_keeps_from_a_bound_is_the_bound():
    critical = 1.96

    def end(rise: float) -> object:
        one = Parameter(
            "random", "", "cor", 0.5, 0.15, lambda x: ((critical + rise) * (x - 0.5) / 0.5) ** 2,
            lowest=-1.0, highest=1.0,
        )  # fmt: skip
        return profile_row(one, 0.0, critical)["conf_high"]

    assert end(5e-4) == 1.0
    assert end(0.01) == pytest.approx(0.5 + 0.5 * critical / (critical + 0.01), abs=1e-6)
