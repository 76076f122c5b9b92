"""The discrete-time hazard against lme4's adaptive quadrature, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "dropout"
LOGLIK = 1e-8  # both evaluate 25-point adaptive quadrature
ESTIMATE = 2e-5  # lme4's optimiser stops there
FORMULA = "event ~ session + x + (1 | therapist_id)"


def data() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "person_period.csv")


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_equals_lme4(link):
    reference = json.loads((REFERENCE / "references.json").read_text())[link]
    found = al.fit_dropout_hazard(FORMULA, data(), link=link)
    assert found.converged
    assert found.llf == pytest.approx(reference["llf"], abs=LOGLIK)
    np.testing.assert_allclose(found.params, reference["beta"], rtol=ESTIMATE)
    np.testing.assert_allclose(found.bse, reference["se"], rtol=ESTIMATE)
    assert np.sqrt(found.variance) == pytest.approx(reference["sd"], rel=ESTIMATE)
    latent = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6}[link]
    assert found.icc == pytest.approx(reference["sd"] ** 2 / (reference["sd"] ** 2 + latent), 1e-4)


def clients() -> pd.DataFrame:
    table = data()
    return table.assign(client_id=table["therapist_id"].astype(str) + "-" + table["c"].astype(str))


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_a_clients_own_intercept_equals_lme4(link):
    reference = json.loads((REFERENCE / "references.json").read_text())["frailty"][link]
    found = al.fit_dropout_hazard("event ~ x + (1 | client_id)", clients(), link=link)
    assert found.converged
    assert found.llf == pytest.approx(reference["llf"], abs=1e-6)  # lme4's at its 75 nodes
    np.testing.assert_allclose(found.params, reference["beta"], rtol=2e-4)
    np.testing.assert_allclose(found.bse, reference["se"], rtol=1e-3)
    assert np.sqrt(found.frailty) == pytest.approx(reference["sd"], rel=1e-3)
    plain = al.fit_dropout_hazard("event ~ x", clients(), link=link)
    ratio = 2 * (reference["llf"] - plain.llf)
    assert found.frailty_p_value == pytest.approx(0.5 * stats.chi2.sf(ratio, 1), abs=1e-4)
    assert found.group == ""
    assert found.therapists.empty
    row = found.tidy().set_index("term").loc["sd Intercept"]
    assert (row["group"], row["estimate"]) == ("client_id", np.sqrt(found.frailty))
    assert any("hangs on the baseline" in message for message in found.messages)


def frail(n: int, sd: float, therapists: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(24)
    last, therapist = 20, np.arange(n) % therapists
    level = sd * rng.normal(size=n) + rng.normal(0, 0.5, therapists)[therapist]
    x, z = rng.normal(size=(n, last)), rng.normal(size=n)
    eta = -3.0 + 0.05 * np.arange(1, last + 1) - 0.5 * x + (level + 0.5 * z)[:, None]
    leaves = rng.random((n, last)) < 1 / (1 + np.exp(-eta))
    end = np.where(leaves.any(axis=1), leaves.argmax(axis=1), last - 1)
    client, session = np.nonzero(np.arange(last) <= end[:, None])
    return pd.DataFrame(
        {
            "event": leaves[client, session].astype(int), "session": session + 1,
            "x": x[client, session], "z": z[client], "client_id": client,
            "therapist_id": therapist[client],
        }
    )  # fmt: skip


def test_clients_and_therapists_who_differ_both_come_back():
    table = frail(4000, 1.5)
    fit = al.fit_dropout_hazard(
        "event ~ session + x + z + (1 | client_id) + (1 | therapist_id)", table
    )
    truth = np.array([-3.0, 0.05, -0.5, 0.5])
    assert (np.abs(fit.params - truth) < 3.5 * fit.bse).all()
    assert np.sqrt(fit.frailty) == pytest.approx(1.5, abs=0.35)
    assert np.sqrt(fit.variance) == pytest.approx(0.5, abs=0.15)
    assert fit.icc == pytest.approx(
        fit.variance / (fit.variance + fit.frailty + np.pi**2 / 3), rel=1e-12
    )
    assert max(fit.frailty_p_value, fit.variance_p_value) < 0.001
    # without it who stays looks like less risk: the course bends down, `z` loses its effect
    plain = al.fit_dropout_hazard("event ~ session + x + z + (1 | therapist_id)", table)
    assert plain.params["session"] < 0
    assert plain.params["z"] < 0.4
    # those still there are not those who began: the mean hazard follows what was seen
    hazard = fit.predict(table, therapists="known")
    by = table.assign(hazard=hazard).groupby("session")[["event", "hazard"]].mean()
    assert np.abs(by["event"] - by["hazard"]).max() < 0.03
    assert by["hazard"].iloc[-1] < 0.6 * by["hazard"].iloc[0]


def test_the_hazard_of_those_there_is_that_of_a_sum_over_clients():
    fit = al.fit_dropout_hazard("event ~ session + (1 | client_id)", frail(600, 1.5))
    rows = pd.DataFrame({"client_id": 1, "session": [1, 2, 3, 4]})
    z = np.linspace(-9, 9, 6001)
    weight = np.exp(-(z**2) / 2)
    eta = fit.params["Intercept"] + fit.params["session"] * rows["session"].to_numpy()[:, None]
    leaves = 1 / (1 + np.exp(-(eta + np.sqrt(fit.frailty) * z)))
    there = np.vstack([np.ones_like(z), np.cumprod(1 - leaves, axis=0)[:-1]]) * weight
    expected = (leaves * there).sum(axis=1) / there.sum(axis=1)
    np.testing.assert_allclose(fit.predict(rows), expected, atol=1e-6)
    shuffled = rows.sample(frac=1, random_state=1)
    np.testing.assert_allclose(fit.predict(shuffled), expected[shuffled.index], atol=1e-6)
    with pytest.raises(al.DesignError, match="Sessions must run from 1 without gaps"):
        fit.predict(rows.tail(2))


def test_a_clients_own_intercept_counts_along_a_duration_too():
    table = frail(600, 1.5)
    ends = table.groupby("client_id").agg(weeks=("session", "max"), left=("event", "max"))
    fit = al.fit_dropout_hazard(
        "left ~ weeks + (1 | client_id)", ends.reset_index(), duration="weeks"
    )
    same = al.fit_dropout_hazard("event ~ session + (1 | client_id)", table)
    assert fit.frailty == pytest.approx(same.frailty, rel=1e-6)
    rows = table[["client_id", "session"]].rename(columns={"session": "weeks"})
    np.testing.assert_allclose(fit.predict(rows), same.predict(table), atol=1e-8)


def test_without_a_random_intercept_it_is_the_logistic_regression():
    found = al.fit_dropout_hazard("event ~ x", data())
    table = data()
    # The score equations of a logistic regression vanish at its maximum.
    p = 1 / (1 + np.exp(-(found.params["Intercept"] + found.params["x"] * table["x"])))
    residual = table["event"] - p
    assert abs(residual.sum()) < 1e-6
    assert abs((residual * table["x"]).sum()) < 1e-6
    robust = al.fit_dropout_hazard("event ~ x", data(), cluster="therapist_id")
    np.testing.assert_allclose(robust.params, found.params)
    assert not np.allclose(robust.bse, found.bse)
    assert robust.n_groups == 30


def test_no_difference_between_therapists_gives_zero_and_says_so():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"event": np.tile([0, 0, 0, 1], 60), "therapist_id": np.repeat(range(6), 40)}
    )
    table["x"] = rng.normal(size=240)
    found = al.fit_dropout_hazard("event ~ x + (1 | therapist_id)", table)
    assert found.variance == 0
    assert found.variance_p_value == 1.0
    assert "estimated as zero" in found.messages[-1]
    assert found.converged


def test_rows_with_gaps_are_counted_by_variable():
    table = data()
    table.loc[[3, 9], "x"] = np.nan
    found = al.fit_dropout_hazard(FORMULA, table)
    assert found.nobs == len(table) - 2
    assert found.messages[0] == f"2 of {len(table)} rows lack a value (x 2)."


def test_separation_is_told():
    table = pd.DataFrame({"event": [0] * 30 + [1] * 5, "marker": [0] * 30 + [1] * 5})
    found = al.fit_dropout_hazard("event ~ marker", table)
    assert "runs to infinity" in " ".join(found.messages)


def test_separation_beside_a_random_intercept_is_refused_with_its_column():
    table = data().assign(marker=lambda d: d["event"] * (d["c"] % 3 == 0))
    with pytest.raises(al.DesignError, match="'marker' tells yes and no apart"):
        al.fit_dropout_hazard("event ~ x + marker + (1 | therapist_id)", table)


def test_odds_ratios_are_exponentials_with_their_limits():
    found = al.fit_dropout_hazard(FORMULA, data())
    plain, ratio = found.tidy(), found.tidy(exponentiate=True)
    np.testing.assert_allclose(ratio["estimate"][:3], np.exp(plain["estimate"][:3]))
    np.testing.assert_allclose(ratio["conf_high"][:3], np.exp(plain["conf_high"][:3]))
    assert ratio["estimate"].iloc[3] == np.sqrt(found.variance)  # a random row is an sd


@pytest.mark.parametrize(
    ("formula", "error", "text"),
    [
        ("event ~ sesion", al.FormulaError, "Did you mean 'session'"),
        ("event ~ x + (1 | therapist)", al.FormulaError, "'therapist', which the data do not"),
        ("event ~ x + (1 + x | therapist_id)", al.FormulaError, "one random intercept"),
        ("x + session", al.FormulaError, "needs exactly one '~'"),
        ("x ~ session", al.ColumnError, "must hold 0 and 1 only"),
        ("event ~ x + I(2 * x)", al.DesignError, "linearly dependent"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(formula, error, text):
    with pytest.raises(error, match=text):
        al.fit_dropout_hazard(formula, data())


def test_no_event_is_refused():
    with pytest.raises(al.DesignError, match="There is no event among"):
        al.fit_dropout_hazard("event ~ x", data().assign(event=0))


def test_predictions_for_known_average_and_new_therapists():
    fit = al.fit_dropout_hazard(FORMULA, data())
    table = data().head(40)
    average = fit.predict(table, therapists="average")
    eta = fit.params["Intercept"] + table[["session", "x"]] @ fit.params[["session", "x"]]
    np.testing.assert_allclose(average, 1 / (1 + np.exp(-eta)))
    known = fit.predict(table, therapists="known")
    own = table["therapist_id"].map(fit.therapists.set_index("therapist_id")["effect"])
    np.testing.assert_allclose(known, 1 / (1 + np.exp(-(eta + own))))
    # New: averaged over therapists, by plain summation over a fine grid instead of quadrature.
    grid = np.linspace(-8, 8, 4001)
    weight = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()
    shifted = eta.to_numpy()[:, None] + np.sqrt(fit.variance) * grid
    expected = (weight / (1 + np.exp(-shifted))).sum(axis=1)
    np.testing.assert_allclose(fit.predict(table), expected, atol=1e-9)
    unseen = fit.predict(table.assign(therapist_id=-1), therapists="known")
    np.testing.assert_allclose(unseen, expected, atol=1e-9)
    with pytest.raises(al.DesignError, match="must be one of new, known, average"):
        fit.predict(table, therapists="all")


def test_therapists_events_add_up_and_modes_are_shrunken():
    fit = al.fit_dropout_hazard(FORMULA, data())
    assert fit.therapists["events"].sum() == fit.n_events
    assert fit.therapists["n"].sum() == fit.nobs
    assert fit.therapists["effect"].var() < fit.variance
    modes = fit.random_effects["therapist_id"]["Intercept"]
    assert modes.tolist() == fit.therapists["effect"].tolist()


def test_a_smooth_baseline_predicts_new_rows_with_the_old_knots():
    fit = al.fit_dropout_hazard("event ~ bs(session, df=4) + x", data())
    whole = fit.predict(data())
    np.testing.assert_allclose(fit.predict(data().head(3)), whole.head(3))
    assert whole.mean() == pytest.approx(data()["event"].mean())  # the score equation says so


def test_one_event_is_fitted_with_a_warning():
    table = data().head(200).assign(event=0)
    table.loc[5, "event"] = 1
    fit = al.fit_dropout_hazard("event ~ x", table)
    assert any("1 event for 2 coefficients" in m for m in fit.messages)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_planted_coefficients_and_frailty_come_back(link):
    rng = np.random.default_rng(12)
    clients, last, therapists = 3000, 20, 120
    own = rng.normal(0, 0.6, therapists)
    therapist = rng.integers(0, therapists, clients)
    x = rng.normal(size=(clients, last))
    eta = -3.0 + 0.03 * np.arange(1, last + 1) - 0.5 * x + own[therapist][:, None]
    hazard = 1 / (1 + np.exp(-eta)) if link == "logit" else -np.expm1(-np.exp(eta))
    leaves = rng.random((clients, last)) < hazard
    end = np.where(leaves.any(axis=1), leaves.argmax(axis=1), last - 1)
    client, session = np.nonzero(np.arange(last) <= end[:, None])
    table = pd.DataFrame(
        {
            "event": leaves[client, session].astype(int), "session": session + 1,
            "x": x[client, session], "therapist_id": therapist[client],
        }
    )  # fmt: skip
    fit = al.fit_dropout_hazard(FORMULA, table, link=link)
    truth = np.array([-3.0, 0.03, -0.5])
    assert (np.abs(fit.params - truth) < 3.5 * fit.bse).all()  # 1 seed in 700 would fail
    assert np.sqrt(fit.variance) == pytest.approx(0.6, abs=0.15)  # SE about 0.05


def test_a_random_slope_or_two_groups_are_refused():
    for formula in ("event ~ x + (1 | therapist_id) + (1 | c)", "event ~ (1 | therapist_id/c)"):
        with pytest.raises(al.FormulaError, match="one random intercept of a group"):
            al.fit_dropout_hazard(formula, data())


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_separation_is_told_in_any_unit_and_a_large_honest_coefficient_is_not(unit):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"marker": np.repeat([0.0, unit], [160, 40]), "x": rng.normal(size=200)})
    table["event"] = np.where(table["marker"] > 0, 1, rng.random(200) < 0.2).astype(int)
    found = al.fit_dropout_hazard("event ~ marker + x", table)
    (said,) = [m for m in found.messages if "infinity" in m]
    assert "coefficient of marker runs" in said
    row = found.tidy().set_index("term")
    assert row.loc["marker", ["estimate", "std_error", "p_value", "conf_low"]].isna().all()
    assert np.isfinite(row.loc["x", "estimate"])
    honest = pd.DataFrame({"x": rng.normal(0, 0.01 * unit, 2000)})
    chance = 1 / (1 + np.exp(-(-1 - 60 * honest["x"] / unit)))
    honest["event"] = (rng.random(2000) < chance).astype(int)
    fit = al.fit_dropout_hazard("event ~ x", honest)
    assert not any("infinity" in m for m in fit.messages)


@pytest.mark.parametrize("formula", ["event ~ session + x", FORMULA])
def test_a_predictor_far_from_zero_keeps_its_coefficient(formula):
    """A shift of the predictor moves the intercept and nothing else."""
    near = al.fit_dropout_hazard(formula, data())
    table = data().assign(x=lambda d: d["x"] + 3e7)
    far = al.fit_dropout_hazard(formula, table)
    names = ["session", "x"]
    # x itself is known to 4e-9 only after adding 3e7 in double precision.
    np.testing.assert_allclose(far.params[names], near.params[names], rtol=1e-5)
    np.testing.assert_allclose(far.bse[names], near.bse[names], rtol=1e-5)
    assert far.params["Intercept"] == pytest.approx(
        near.params["Intercept"] - 3e7 * far.params["x"], rel=1e-6
    )
    np.testing.assert_allclose(far.predict(table), near.predict(data()), rtol=1e-5)


def test_robust_errors_need_groups_and_few_are_told():
    with pytest.raises(al.DesignError, match="need two groups or more; there is 1"):
        al.fit_dropout_hazard("event ~ x", data().assign(g=1), cluster="g")
    few = al.fit_dropout_hazard("event ~ x", data().assign(g=lambda d: d["c"] % 5), cluster="g")
    assert any(m.startswith("Robust standard errors from 5 groups are too") for m in few.messages)


def test_a_missing_category_has_no_prediction():
    table = data().assign(arm=np.where(data()["c"] % 2, "a", "b"))
    fit = al.fit_dropout_hazard("event ~ arm + x", table)
    new = table.head(4).assign(arm=["a", "b", None, "a"])
    assert fit.predict(new).isna().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"formula": None}, "formula must be a text"),
        ({"data": None}, "Data must be a DataFrame"),
        ({"nodes": 0}, "nodes must be a whole number of 2 to 201"),
        ({"nodes": 2.5}, "not 2.5"), ({"nodes": True}, "not True"), ({"nodes": 500}, "not 500"),
        ({"confidence": 95}, "between 0 and 1"), ({"confidence": float("nan")}, "between 0 and 1"),
        ({"formula": "event ~ zero"}, "zero has the same value in every row"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be(changes, text):
    given = {"formula": "event ~ x", "data": data().assign(zero=0.0), **changes}
    with pytest.raises((al.DesignError, al.FormulaError), match=text):
        al.fit_dropout_hazard(**given)


def test_a_session_that_stands_twice_and_a_name_used_twice_are_refused():
    table = data().assign(client_id=lambda d: d["therapist_id"] * 1000 + d["c"])
    with pytest.raises(al.DesignError, match="1 stand more than once"):
        al.fit_dropout_hazard("event ~ x", pd.concat([table, table.head(1)]))
    named = pd.concat([table, table[["x"]]], axis=1)
    with pytest.raises(al.ColumnError, match="x come more than once"):
        al.fit_dropout_hazard("event ~ session", named)
