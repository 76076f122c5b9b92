"""Cross-lagged models: what may be asked, in which tables, and what is said of what cannot be."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.latent.engine.patterns import copies

EXACT = 1e-8  # the same numbers by another way in


def wide(n=200, waves=5, seed=0, **more):
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, 2)) @ [[1, 0.4], [0, 0.9]]
    within = rng.normal(size=(n, 2))
    columns = {}
    for t in range(1, waves + 1):
        if t > 1:
            within = within @ [[0.3, 0.0], [0.25, 0.3]] + rng.normal(0, 0.9, (n, 2))
        columns |= {f"x{t}": 3 + level[:, 0] + within[:, 0], f"y{t}": level[:, 1] + within[:, 1]}
    return pd.DataFrame({"client_id": [f"c{i}" for i in range(n)], **columns, **more})


def long(data, waves=5):
    parts = [
        data[["client_id"]].assign(session=t, x=data[f"x{t}"], y=data[f"y{t}"])
        for t in range(1, waves + 1)
    ]
    return pd.concat(parts, ignore_index=True)


def call(waves=5):
    return {v: [f"{v}{t}" for t in range(1, waves + 1)] for v in "xy"}


def test_true_effects_are_found_and_the_empty_one_is_not():
    fit = al.fit_cross_lagged(wide(3000), **call())
    true = {"x_on_x": 0.3, "x_on_y": 0.25, "y_on_x": 0.0, "y_on_y": 0.3}
    table = fit.tidy().set_index("term")
    for term, value in true.items():
        row = table.loc[term]
        assert abs(row["estimate"] - value) < 3.5 * row["std_error"]
    assert table.loc["var_x_between", "estimate"] == pytest.approx(1.0, abs=0.15)


def test_long_wide_and_turned_rows_give_the_same():
    data = wide()
    a = al.fit_cross_lagged(data, **call())
    b = al.fit_cross_lagged(long(data).sample(frac=1, random_state=1), x="x", y="y")
    assert a.llf == pytest.approx(b.llf, abs=EXACT)
    pd.testing.assert_frame_equal(a.tidy(), b.tidy(), rtol=1e-6)


def test_occasions_count_in_their_order():
    data = long(wide(waves=4), 4)
    words = dict(enumerate(["pre", "mid", "post", "followup"], 1))
    words = data.assign(occasion=data["session"].map(words))
    a = al.fit_cross_lagged(data, x="x", y="y")
    b = al.fit_cross_lagged(words.drop(columns="session"), x="x", y="y", time="occasion")
    assert a.llf == pytest.approx(b.llf, abs=EXACT)
    assert b.waves == (1.0, 2.0, 3.0, 4.0)


def test_scores_on_another_scale_move_estimates_as_they_should():
    data = long(wide())
    a = al.fit_cross_lagged(data, x="x", y="y").params
    b = al.fit_cross_lagged(data.assign(x=1000 + 50 * data["x"]), x="x", y="y").params
    assert b["x_on_y"] == pytest.approx(50 * a["x_on_y"], rel=1e-5)
    assert b["y_on_x"] == pytest.approx(a["y_on_x"] / 50, rel=1e-5)


def test_a_study_goes_in_directly_and_clients_who_left_count():
    study = al.simulate_study(n_therapists=15, n_clients=150, seed=4)
    fit = al.fit_cross_lagged(study, x="wai-sr", y="core-10", cluster="therapist_id")
    assert (fit.x, fit.y) == ("wai-sr/total/client", "core-10/total/client")
    assert fit.n_clients > 140
    assert fit.estimates.clusters == 15
    assert any("left out" in message for message in fit.messages)
    assert any("15 clusters" in message for message in fit.messages)
    assert fit.tidy()["df"].eq(14).all()


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
    assert f"CFI = {fit['cfi']:.3f}".replace("0.", ".") in said
    assert "There is no scaled chi-square" in said
    assert "There is no scaled chi-square" in clustered.text()


def test_scores_of_a_study_are_called_as_elsewhere_or_as_asked(clustered):
    assert "WAI-SR (client) on CORE-10 (client) before" in clustered.text()
    labels = {"wai-sr/total/client": "Alliance"}
    for result in (clustered, clustered.readings()):
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


def test_improper_solutions_name_scores_and_waves():
    data = long(wide(60, seed=1)).rename(columns={"x": "bond", "y": "distress"})
    fit = al.fit_cross_lagged(data, x="bond", y="distress", model="lcm-sr")
    said = " ".join(message for message in fit.messages if "Improper" in message)
    assert "below zero, of the trend of distress (" in said
    assert not any(name in said for name in ("between_", "slope_", "wx", "wy"))


def test_a_study_counts_days_by_its_dates():
    study = al.simulate_study(n_therapists=15, n_clients=150, seed=4)
    weeks = al.fit_cross_lagged(study, x="wai-sr", y="core-10", time="days", step=14, waves=[42])
    assert weeks.waves[:3] == (0.0, 14.0, 28.0)
    undated = study.with_tables(sessions=study.tables["sessions"].drop(columns="date"))
    with pytest.raises(al.DesignError, match="dates of sessions"):
        al.fit_cross_lagged(undated, x="wai-sr", y="core-10", time="days", step=7)


def test_lagged_effects_by_wave_are_told_with_their_wave():
    fit = al.fit_cross_lagged(wide(), lags="free", **call())
    rows = fit.tidy().query("term == 'x_on_y'")
    assert rows["wave"].tolist() == [2.0, 3.0, 4.0, 5.0]
    equal = al.fit_cross_lagged(wide(), **call())
    assert equal.tidy().query("term == 'x_on_y'")["wave"].isna().all()
    assert (equal.chi2_df, fit.chi2_df) == (33, 21)


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


def test_standardised_effects_are_effects_times_the_ratio_of_spreads():
    fit = al.fit_cross_lagged(wide(), model="clpm", lags="free", **call())
    row = fit.standardised().query("term == 'x_on_y' and wave == 2").iloc[0]
    implied = fit.estimates.moments[0].sigma  # nothing but the within part in this model
    ratio = np.sqrt(implied[5, 5] / implied[1, 1])
    assert row["estimate"] == pytest.approx(fit.params["x_on_y[2]"] * ratio, abs=EXACT)


def test_correlations_are_those_of_the_covariances():
    fit = al.fit_cross_lagged(wide(), **call())
    table, p = fit.correlations(), fit.params
    r = p["cov_between"] / np.sqrt(p["var_x_between"] * p["var_y_between"])
    assert table.query("term == 'cor_between'")["estimate"].iloc[0] == pytest.approx(r)
    own = table.query("term == 'cor_within' and wave == 3").iloc[0]
    r = p["cov_within[3]"] / np.sqrt(p["var_x_within[3]"] * p["var_y_within[3]"])
    assert own["estimate"] == pytest.approx(r)
    below = al.fit_cross_lagged(wide(60, seed=1), model="lcm-sr", **call())
    between = below.correlations().query("term == 'cor_between'")["estimate"]
    assert between.isna().all() == (
        min(below.params["var_x_between"], below.params["var_y_between"]) < 0
    )


def test_known_unreliability_moves_carry_over_up():
    rng = np.random.default_rng(5)
    data = wide(2000)
    noisy = data.copy()
    for name in call()["x"] + call()["y"]:
        noisy[name] += rng.normal(0, np.sqrt(0.2 * data[name].var()), len(data))
    plain = al.fit_cross_lagged(noisy, **call()).params["x_on_x"]
    known = al.fit_cross_lagged(noisy, reliability={"x": 1 / 1.2, "y": 1 / 1.2}, **call())
    assert known.params["x_on_x"] == pytest.approx(0.3, abs=3.5 * known.bse["x_on_x"])
    assert plain < known.params["x_on_x"] - 0.05


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


def armed(n=200, waves=4, **more):
    data = wide(n, waves, **more)
    return data.assign(arm=np.where(np.arange(n) % 2, "B", "A"))


def test_groups_have_their_own_effects_and_are_tested_against_being_the_same():
    data, given = armed(400), call(4)
    turned = {f"{v}{t}": f"{w}{t}" for v, w in ("xy", "yx") for t in range(1, 5)}
    swapped = data.rename(columns=turned)
    data = pd.concat([data[data["arm"] == "A"], swapped[swapped["arm"] == "B"]])
    free = al.fit_cross_lagged(data, group="arm", **given)
    alone = al.fit_cross_lagged(data[data["arm"] == "A"], **given)
    own = free.tidy().query("subgroup == 'A'")
    np.testing.assert_allclose(own["estimate"], alone.tidy()["estimate"], atol=1e-5)
    same = al.fit_cross_lagged(data, group="arm", equal=["lags"], **given)
    assert same.tidy().query("term == 'x_on_y'")["subgroup"].tolist() == [""]
    test = free.compare(same)
    assert (test.df, test.statistic) == (4, pytest.approx(same.chi2 - free.chi2, abs=1e-6))
    assert test.p_value < 0.05  # x leads in the one arm, y in the other
    apart = free.group_differences().set_index("term")["estimate"]
    for term in apart.index:
        values = free.tidy().query("term == @term")["estimate"].to_numpy()
        assert apart[term] == pytest.approx(values[1] - values[0])
    together = al.fit_cross_lagged(data, **given)
    assert together.compare(free).df == len(free.params) - len(together.params)
    assert set(free.standardised()["subgroup"]) == {"A", "B"}
    assert "(B)" in free.text()
    other = al.fit_cross_lagged(data, group="arm", equal=["lags"], lags="free", **given)
    with pytest.raises(al.DesignError, match="special case"):  # each frees what the other holds
        other.compare(free)


def test_a_third_score_that_goes_with_nothing_changes_no_effect():
    rng = np.random.default_rng(9)
    data = wide(3000, 4)
    data = data.assign(**{f"z{t}": rng.normal(size=3000) for t in range(1, 5)})
    three = al.fit_cross_lagged(data, z=[f"z{t}" for t in range(1, 5)], **call(4))
    two = al.fit_cross_lagged(data, **call(4))
    for term in ("x_on_x", "x_on_y", "y_on_x", "y_on_y"):
        assert three.params[term] == pytest.approx(two.params[term], abs=0.02)
        for other in ("x", "y"):
            assert abs(three.params[f"z_on_{other}"]) < 3.5 * three.bse[f"z_on_{other}"]
    assert {"cov_between_x_z", "var_z_between"} <= set(three.tidy()["term"])


def test_sessions_not_equally_far_apart_have_the_effects_of_a_step():
    data, kept = wide(2000, 8), (1, 2, 4, 5, 8)
    columns = {v: [f"{v}{t}" for t in kept] for v in "xy"}
    steps = al.fit_cross_lagged(data, waves=kept, step=1, **columns)
    counted = al.fit_cross_lagged(data, waves=kept, **columns)
    assert steps.waves == kept
    for term, true in (("x_on_x", 0.3), ("x_on_y", 0.25), ("y_on_x", 0.0), ("y_on_y", 0.3)):
        assert abs(steps.params[term] - true) < 3.5 * steps.bse[term]
    assert abs(counted.params["x_on_x"] - 0.3) > 3.5 * counted.bse["x_on_x"]
    # elapsed days a client, each a day or so off its week
    rng = np.random.default_rng(2)
    days = long(data, 8).assign(day=lambda d: 7 * d["session"] + rng.integers(-2, 3, len(d)))
    days = days[days["session"].isin(kept)]
    weeks = al.fit_cross_lagged(days, x="x", y="y", time="day", step=7)
    assert weeks.params["x_on_x"] == pytest.approx(steps.params["x_on_x"], abs=0.03)
    assert "nearest" in weeks.messages[0]


def measured_apart(late):
    """Return scores by day, y in a row of its own a day later for a share of them."""
    rows = long(wide(200, 4), 4).assign(day=lambda d: 7 * d["session"])
    late = np.random.default_rng(3).random(len(rows)) < late
    after = rows.loc[late, ["client_id", "day", "y"]].assign(day=lambda d: d["day"] + 1)
    return pd.concat([rows.assign(y=rows["y"].mask(late)), after])


@pytest.mark.parametrize("late", [0.4, 1.0])
def test_scores_of_one_step_need_not_be_of_one_day(late):
    rows = measured_apart(late)
    fit = al.fit_cross_lagged(rows, x="x", y="y", time="day", step=7)
    same_day = al.fit_cross_lagged(long(wide(200, 4), 4), x="x", y="y", residuals="equal")
    assert fit.llf == pytest.approx(same_day.llf, abs=1e-6)
    assert not any("left out" in message for message in fit.messages)
    assert f"on average: x 0, y {0.41 if late < 1 else 1}" in fit.messages[0]


def test_values_left_out_within_a_step_are_counted_by_score():
    rows = measured_apart(0.4)
    again = rows[rows["y"].notna()].head(30).assign(day=lambda d: d["day"] + 2, y=99.0)
    rows = pd.concat([rows, again.assign(x=np.nan)]).sample(frac=1, random_state=1)
    fit = al.fit_cross_lagged(rows, x="x", y="y", time="day", step=7)
    assert not (fit.data.scores["y"] == 99).any()
    assert any("left out: 30 of y; of each score the nearest" in one for one in fit.messages)


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


def bad(**more):
    data = long(wide(), 5)
    return data.assign(**more)


@pytest.mark.parametrize(
    ("data", "arguments", "said"),
    [
        (bad().query("session == 1"), {}, "needs 3 waves or more; there is 1"),
        (bad().query("session != 3"), {}, "Wave 3 has no value of x"),
        (bad(y=lambda d: d["y"].where(d["session"] != 2)), {}, "Wave 2 has no value of y"),
        (bad(y=lambda d: d["y"].where(d["session"] != 2, 7)), {}, "y does not vary at wave 2"),
        (bad().head(0), {}, "there are 0"),
        (bad(y=3.0), {}, "y never varies, so"),
        (bad(y=lambda d: 0.0), {}, "y never varies, so"),
        (bad(t=lambda d: d["client_id"].str[1:].astype(int) % 9), {"cluster": "t"},
         "'t' has 9 values, and errors that allow for clusters need 10 or more"),
        (bad(x=lambda d: d["x"].where(d.index != 0, np.inf)), {}, r"\(first value inf; rows 0\)"),
        (bad(g=lambda d: np.where(d["client_id"].isin(["c1", "c2", "c3", "c4", "c5"]), "A", "B")),
         {"group": "g"}, "as waves from 1 on .* in the group 'A', which .* keep them.$"),
        (bad(x=lambda d: d["x"].astype(str) + "a"), {}, "must hold finite numbers"),
        (pd.concat([bad(), bad().head(2)]), {}, "one row for each client_id and session"),
        (bad(), {"y": "x"}, "x and y are both 'x'"),
        (bad(y=lambda d: 2 * d["x"]), {}, "x at wave 1 and y at wave 1 move exactly together"),
        (bad(), {"x": [], "y": []}, "x has 0 columns and y 0"),
        (bad(), {"y": "z"}, "must have the column z"),
        (bad(), {"y": ["x", "y"]}, "must all be one name"),
        (bad(z=1.0), {"covariates": ["z"]}, "does not vary over clients"),
        (bad(), {"model": "riclpm"}, "Did you mean 'ri-clpm'"),
        (bad(), {"reliability": {"x": 1.2}}, "between 0 and 1"),
        (bad(t=None), {"cluster": "t"}, "without a value of 't'"),
        (bad(g="A"), {"group": "g"}, "'g' has one value"),
        (bad(g=lambda d: np.where(d["client_id"].isin(["c1", "c2", "c3", "c4", "c5"]), "A", "B")),
         {"group": "g", "waves": [1, 2, 3]}, "only 5 clients in the group 'A'"),
        (bad(), {"equal": ["lags"]}, "name them in group="),
        (bad(g=lambda d: d["client_id"].str[-1]), {"group": "g", "equal": ["lag"]}, "'lags'"),
        (bad(), {"step": 0}, "above zero"),
        (bad(), {"step": 1, "lags": "free"}, "lags='equal'"),
        (bad(), {"step": 0.001}, "at most 200"),
        (bad(), {"z": "x"}, "x and z are both 'x'"),
        (bad(w=lambda d: d["x"] + 1), {"z": "w", "model": "dynamic-panel"}, "y by x alone"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(data, arguments, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.fit_cross_lagged(data, **{"x": "x", "y": "y", **arguments})


def test_more_variables_than_clients_are_refused_and_thin_waves_left_out():
    with pytest.raises(al.DesignError, match="10 variables, but only 10 clients"):
        al.fit_cross_lagged(wide(10), **call())
    with pytest.raises(al.DesignError, match=r"ri-clpm needs 3 waves .* left out"):
        al.fit_cross_lagged(long(wide(10)), x="x", y="y")


def test_a_client_with_nothing_is_counted():
    data = wide()
    data.loc[3, data.columns[1:]] = np.nan
    fit = al.fit_cross_lagged(data, **call())
    assert fit.n_clients == 199
    assert "1 client without any value of x and y left out: c3." in fit.messages


def test_unless_said_waves_count_that_five_clients_a_variable_reached():
    data = long(wide(100, 7), 7)
    left = data["client_id"].str[1:].astype(int) > 62
    data = data[
        ~left | (data["session"] < 5)
    ]  # 63 clients have wave 5 and later: six waves need 60
    fit = al.fit_cross_lagged(data, x="x", y="y")
    assert fit.waves == (1, 2, 3, 4, 5, 6)
    assert "Waves from 7 on are left out: fewer than 5 clients a variable" in fit.messages[0]
    assert np.isfinite(fit.chi2)


def test_clients_too_few_for_errors_and_chi_square_are_told():
    none, few, many = (al.fit_cross_lagged(wide(n), **call()) for n in (20, 60, 500))
    for fit, n in ((none, 20), (few, 60)):
        assert any(f"{n} clients are few for 32 parameters" in one for one in fit.messages)
    assert any("no p value is shown" in one for one in none.messages)
    assert "no p value (too few people); CFI" in none.shown()[1]
    said, row = few.shown()[1].replace("\u00a0", " "), few.fit_indices()
    assert f"corrected for few people {row['chi2_corrected']:.2f}, p = " in said
    assert any("for which its p is corrected" in one for one in few.messages)
    assert not any("few" in one for one in many.messages)
    assert "corrected" not in many.shown()[1]


def test_the_corrected_chi_square_is_as_large_as_its_degrees_of_freedom_where_clients_drop_out():
    rng, ratios = np.random.default_rng(8), []
    for seed in range(20):
        data = wide(80, 7, seed=seed)
        left = rng.geometric(0.06, 80)  # the wave before which a client left
        for t in range(2, 8):
            data.loc[left < t, [f"x{t}", f"y{t}"]] = np.nan
        row = al.fit_cross_lagged(data, **call(7)).fit_indices()
        ratios.append(row[["chi2", "chi2_corrected"]] / row["df"])
    plain, corrected = np.mean(ratios, axis=0)
    error = np.sqrt(2 / row["df"] / len(ratios))  # of a mean of chi-squares over their df
    assert abs(corrected - 1) < 2.5 * error
    assert plain > 1 + 2.5 * error


@pytest.mark.parametrize(("n", "settled"), [(110, False), (300, True)])
def test_without_a_maximum_of_the_model_without_structure_there_is_no_chi_square(n, settled):
    data = wide(n, 8)
    scores = data.columns[1:]
    holes = np.random.default_rng(4).random((n, 8)) < np.linspace(0, 0.6, 8)  # few are there late
    data[scores] = data[scores].mask(holes.repeat(2, axis=1))
    fit = al.fit_cross_lagged(data, residuals="equal", **call(8))
    assert np.isfinite(fit.chi2) == settled
    told = any("without structure cannot be estimated" in one for one in fit.messages)
    assert told != settled


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


def test_nothing_that_was_given_is_changed():
    data = long(wide())
    before = data.copy()
    al.fit_cross_lagged(data, x="x", y="y")
    pd.testing.assert_frame_equal(data, before)


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


@pytest.mark.parametrize("waves", [[5, 4, 3, 2, 1], [1, 3, 2, 4], [1, 2, 2, 3], "1,2"])
def test_waves_that_do_not_rise_are_refused(waves):
    with pytest.raises(al.DesignError, match="waves must"):
        al.fit_cross_lagged(long(wide()), x="x", y="y", waves=waves)
    with pytest.raises(al.DesignError, match="waves must"):
        al.fit_cross_lagged(wide(), **call(), waves=waves)


def test_two_waves_that_two_clients_have_both_are_no_copies():
    values = np.random.default_rng(1).normal(size=(60, 2))
    values[:29, 0] = values[31:, 1] = np.nan  # two points lie on a line
    assert copies(values) is None
    values[:, 0] = 2 * values[:, 1]
    assert copies(values) == (0, 1)


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


def test_values_after_the_last_step_named_are_counted():
    data = long(wide(100, 6), 6).assign(day=lambda d: 7 * d["session"])
    fit = al.fit_cross_lagged(data, x="x", y="y", time="day", step=7, waves=[28])
    assert "400 values after 28 left out, where waves= ends." in fit.messages


def test_a_score_as_covariate_and_a_number_as_group_are_refused():
    data = wide(v=np.random.default_rng(1).normal(size=200))
    with pytest.raises(al.DesignError, match="'x1' is a score and a covariate"):
        al.fit_cross_lagged(data, covariates=["x1"], **call())
    with pytest.raises(al.DesignError, match="'v' has 200 values of 200 clients: groups need"):
        al.fit_cross_lagged(data, group="v", **call())


def test_a_result_is_short_where_it_is_typed():
    assert len(repr(al.fit_cross_lagged(armed(), group="arm", **call(4)))) < 8000
