"""What cross-lagged models say and draw: names, methods, solutions that cannot be."""

import numpy as np
import pytest

import alliance_stats as al

from .tables import EXACT, armed, call, long, wide


@pytest.fixture(scope="module")
def clustered():
    study = al.simulate_study(n_therapists=12, n_clients=120, seed=4)
    given = {"x": "wai-sr", "y": "core-10", "cluster": "therapist_id"}
    return al.fit_cross_lagged(study, waves=[1, 2, 3, 4], **given)


def test_where_there_is_no_scaled_chi_square_that_of_normal_theory_is_shown(clustered):
    fit = clustered.fit_indices()
    assert np.isnan(fit["chi2_scaled"])  # 12 clusters, 44 moments
    said = clustered.summary().replace("\n", " ")
    assert f"normal-theory χ²(17) = {fit['chi2']:.2f}, " in said
    assert f"CFI = {fit['cfi_corrected']:.3f}".replace("0.", ".") in said
    assert "There is no scaled chi-square" in said
    assert "which takes people as independent: where they are not, the chi-square may" in said
    assert "There is no scaled chi-square" in clustered.text()
    assert "normal theory: there are too few clusters to scale it." in clustered.methods()
    plain = al.fit_cross_lagged(wide(60), **call())
    assert not any(one in plain.methods() for one in ("normal theory", "scaled"))
    robust = al.fit_cross_lagged(wide(60, 3), errors="robust", **call(3))
    assert "TLI and RMSEA made of it, were scaled." in robust.methods()


def test_scores_of_a_study_are_called_as_elsewhere_or_as_asked(clustered):
    assert "WAI-SR (client) on CORE-10 (client) before" in clustered.text()
    labels = {"wai-sr/total/client": "Alliance"}
    readings = clustered.readings()
    assert any("pass for it (F(3, 11) = " in one for one in readings.messages)  # p is of F
    assert sum("no scaled chi-square" in one for one in readings.messages) == 1  # of both models
    for result in (clustered, readings):
        said = result.text(labels=labels)
        assert "Alliance on CORE-10 (client) before" in said
        assert "WAI-SR" not in said
    for axes in (clustered.plot(), clustered.plot_course()):
        legend = axes.get_legend()
        texts = [one.get_text() for one in (*axes.texts, *(legend.texts if legend else ()))]
        assert any("CORE-10 (client)" in one for one in texts)
        assert not any("/" in one for one in texts)


def test_the_methods_name_clusters_and_groups():
    data = long(wide()).assign(team=lambda d: d["client_id"].str[1:].astype(int) % 40)
    data["arm"] = np.where(data["team"] < 20, "a", "b")
    fit = al.fit_cross_lagged(data, x="x", y="y", cluster="team", group="arm", equal=["lags"])
    said = fit.methods()
    assert "200 clients in 2 groups (the same in all: lags) by full" in said
    assert "clients of one team being alike (40 clusters, t with 39 degrees of freedom)" in said
    assert "Yuan & Bentler 2000" in said


def test_improper_solutions_name_scores_and_waves():
    data = long(wide(60, seed=1)).rename(columns={"x": "bond", "y": "distress"})
    fit = al.fit_cross_lagged(data, x="bond", y="distress", model="lcm-sr")
    said = " ".join(message for message in fit.messages if "Improper" in message)
    assert "below zero, of the trend of distress (" in said
    assert not any(name in said for name in ("between_", "slope_", "wx", "wy"))


def test_lagged_effects_by_wave_are_told_with_their_wave():
    fit = al.fit_cross_lagged(wide(), lags="free", **call())
    rows = fit.tidy().query("term == 'x_on_y'")
    assert rows["wave"].tolist() == [2.0, 3.0, 4.0, 5.0]
    equal = al.fit_cross_lagged(wide(), **call())
    assert equal.tidy().query("term == 'x_on_y'")["wave"].isna().all()
    assert (equal.chi2_df, fit.chi2_df) == (33, 21)


def test_a_negative_variance_is_told():
    fit = al.fit_cross_lagged(wide(60, seed=1), model="lcm-sr", **call())
    value = fit.params["var_y_slope"]
    assert value < 0
    said = f"below zero, of the trend of y ({value:.3g});"
    assert said in " ".join(fit.messages)
    assert said in fit.text()


def test_a_correlation_of_one_or_more_is_told():
    fit = al.fit_cross_lagged(wide(60, seed=3), model="lcm-sr", **call())
    slope, level = fit.params["var_x_slope"], fit.params["var_x_between"]
    r = fit.params["cov_x_between_x_slope"] / np.sqrt(slope * level)
    assert r > 1
    assert f"the trend of x and the lasting level of x ({r:.2f})" in " ".join(fit.messages)


def test_pictures_are_drawn():
    fit = al.fit_cross_lagged(wide(), **call())
    assert len(fit.plot().texts) == 4 + 4 + 4 + 4  # boxes, arrows, numbers, correlations
    third = {f"v{t}": np.random.default_rng(t).normal(size=200) for t in range(1, 6)}
    arms = al.fit_cross_lagged(armed(waves=5, **third), group="arm", z=[*third], **call())
    assert len(arms.plot().texts) == 6 + 9 + 9
    assert len(arms.plot_course().get_legend().texts) == 6
    course = fit.course()
    assert course["n"].eq(200).all()
    np.testing.assert_allclose(course["observed"], course["implied"], atol=1e-6)
    own = fit.tidy().query("term == 'mean_x'")[["conf_low", "conf_high"]].to_numpy()
    band = course.query("score == 'x'")[["conf_low", "conf_high"]].to_numpy()
    np.testing.assert_allclose(band, own, atol=EXACT)  # the mean of a wave is a parameter here
    assert len(fit.plot_course().collections) == 2
    assert len(fit.plot_course().lines) >= 4


def test_clients_too_few_for_errors_and_chi_square_are_told():
    none, few, many = (al.fit_cross_lagged(wide(n), **call()) for n in (20, 60, 500))
    for fit, n in ((none, 20), (few, 60)):
        assert any(f"{n} clients are few for 32 parameters" in one for one in fit.messages)
    assert any("no p value is shown" in one for one in none.messages)
    assert "no p value (too few people); CFI" in none.shown()[1]
    said, row = few.shown()[1].replace("\u00a0", " "), few.fit_indices()
    assert f"corrected for few people {row['chi2_corrected']:.2f}, p = " in said
    assert f"CFI = {row['cfi_corrected']:.3f}".replace("0.", ".") in said.replace("0.", ".")
    plain = [f"{n.upper()} = {row[n]:.3f}".replace("= 0.", "= .") for n in ("cfi", "tli", "rmsea")]
    assert (
        f"(indices of the corrected χ²; uncorrected, as in lavaan and Mplus: {', '.join(plain)}"
        in said
    )
    assert "uncorrected" not in none.shown()[1]
    assert "(indices of a χ² that is too large)" in none.shown()[1]
    assert any("its p, CFI, TLI and RMSEA are told corrected" in one for one in few.messages)
    for fit, there in ((few, True), (none, False), (many, False)):
        assert ("corrected for few people, as Swain's" in fit.methods()) is there
        assert ("10.1080/10705510701301602" in fit.methods()) is there
        assert ("Herzog & Boomsma 2009" in fit.methods()) is there
    assert not any("few" in one for one in many.messages)
    assert "corrected" not in many.shown()[1]


def test_a_score_of_two_values_is_told():
    data = long(wide()).assign(y=lambda d: (d["y"] > d["y"].mean()).astype(int))
    fit = al.fit_cross_lagged(data, x="x", y="y")
    assert [one for one in fit.messages if one.startswith("y has two values only")]
    assert not [one for one in al.fit_cross_lagged(long(wide()), x="x", y="y").messages
                if "values only" in one]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "source"),
    [("ri-clpm", "Hamaker"), ("lcm-sr", "Curran"), ("dynamic-panel", "Allison")],
)
def test_the_methods_name_the_source_of_the_model(model, source):
    said = al.fit_cross_lagged(long(wide()), x="x", y="y", model=model).methods()
    assert f"Sources of the method: {source}" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "lcm-sr"}, "A latent curve model with structured residuals (lagged effects"),
        ({"reliability": {"x": 0.8}}, "Reliabilities were taken as known: x 0.8."),
        ({"residuals": "equal"}, "were equal from the second wave on."),
        ({"covariates": ["v"]}, "Covariates: v."),
        ({"step": 7, "waves": [7, 14, 21, 28, 42]}, "steps are 7 (session) long."),
        ({"errors": "robust"}, "Standard errors are robust."),
    ],
)
def test_the_methods_tell_what_was_assumed(more, said):
    data = wide(v=np.random.default_rng(1).normal(size=200))
    assert said in al.fit_cross_lagged(data, **call(), **more).methods()


def test_terms_are_called_what_they_are_in_each_model():
    data = wide(v=np.random.default_rng(1).normal(size=200))
    said = {
        model: al.fit_cross_lagged(data, model=model, covariates=["v"], **call()).text()
        for model in ("clpm", "lcm-sr")
    }
    assert "within clients" not in said["clpm"]  # nothing is parted there
    assert "(Residual) variance of x (wave 1)" in said["clpm"]
    for words in ("Trend of x on v", "Variance of the trend of y"):
        assert words in said["lcm-sr"]


def test_a_result_is_short_where_it_is_typed():
    assert len(repr(al.fit_cross_lagged(armed(), group="arm", **call(4)))) < 8000
