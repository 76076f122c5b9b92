"""Cross-lagged models: effects are what was planted, on any scale, with groups and distances."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

from .tables import EXACT, armed, call, long, wide


def test_true_effects_are_found_and_the_empty_one_is_not():
    fit = al.fit_cross_lagged(wide(3000), **call())
    true = {"x_on_x": 0.3, "x_on_y": 0.25, "y_on_x": 0.0, "y_on_y": 0.3}
    table = fit.tidy().set_index("term")
    for term, value in true.items():
        row = table.loc[term]
        assert abs(row["estimate"] - value) < 3.5 * row["std_error"]
    assert table.loc["var_x_between", "estimate"] == pytest.approx(1.0, abs=0.15)


def test_scores_on_another_scale_move_estimates_as_they_should():
    data = long(wide())
    a = al.fit_cross_lagged(data, x="x", y="y").params
    b = al.fit_cross_lagged(data.assign(x=1000 + 50 * data["x"]), x="x", y="y").params
    assert b["x_on_y"] == pytest.approx(50 * a["x_on_y"], rel=1e-5)
    assert b["y_on_x"] == pytest.approx(a["y_on_x"] / 50, rel=1e-5)


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
    with pytest.raises(al.DesignError, match="Both are the same model"):
        together.compare(together)


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
