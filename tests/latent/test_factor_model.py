"""Factor models: lavaan's numbers, reliability, and what is said of what cannot be."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.latent.engine.likelihood import Likelihood
from alliance_stats.latent.measurement.two_level_likelihood import Answered, LevelLikelihood

from .tables import of_two_groups

HERE = Path(__file__).parents[1] / "reference" / "latent"
REFERENCES = json.loads((HERE / "factor_references.json").read_text())
HOLZINGER = REFERENCES["holzinger"]
FACTORS = {
    "visual": ["x1", "x2", "x3"],
    "textual": ["x4", "x5", "x6"],
    "speed": ["x7", "x8", "x9"],
}
NEAR = 1e-4  # lavaan's search ends within 1e-6 of ours


@pytest.fixture(scope="module")
def schools(answers):
    return answers.schools()


@pytest.fixture(scope="module")
def fit(schools):
    return al.fit_factor_model(schools, FACTORS)


def test_loadings_and_their_standard_form_are_lavaans(fit):
    there = pd.DataFrame(HOLZINGER["loadings"]).set_index("term")
    rows = fit.tidy().set_index("term")
    free = [term for term in there.index if term in rows.index]
    assert len(free) == 6  # the first of each is 1
    np.testing.assert_allclose(rows.loc[free, "estimate"], there.loc[free, "est"], atol=NEAR)
    np.testing.assert_allclose(rows.loc[free, "std_error"], there.loc[free, "se"], atol=NEAR)
    standard = fit.standardised().set_index("term").loc[there.index]
    np.testing.assert_allclose(standard["estimate"], there["std"], atol=NEAR)
    np.testing.assert_allclose(standard["std_error"], there["std_se"], atol=NEAR)


def test_omega_is_that_of_lavaans_defined_parameter(fit):
    row = fit.omega().iloc[0]
    assert row["omega"] == pytest.approx(HOLZINGER["omega"]["est"], abs=NEAR)
    assert row["std_error"] == pytest.approx(HOLZINGER["omega"]["se"], abs=NEAR)
    assert 0 < row["conf_low"] < row["omega"] < row["conf_high"] < 1


def test_how_a_factor_is_scaled_changes_no_fit(schools, fit):
    other = al.fit_factor_model(schools, FACTORS, identify="variance")
    assert other.chi2 == pytest.approx(fit.chi2, abs=NEAR)
    pd.testing.assert_frame_equal(other.omega(), fit.omega(), atol=1e-5)


@pytest.mark.parametrize("step", HOLZINGER["steps"])
def test_steps_of_two_schools_are_those_published(schools, step):
    equal = {"configural": (), "metric": ["loadings"], "scalar": ["loadings", "intercepts"]}
    equal["strict"] = ["loadings", "intercepts", "residuals"]
    fit = al.fit_factor_model(schools, FACTORS, group="school", equal=equal[step])
    there = HOLZINGER["steps"][step]
    assert (fit.chi2, fit.chi2_df) == (pytest.approx(there["chisq"], abs=1e-3), there["df"])
    for index in ("cfi", "rmsea", "srmr"):
        assert fit.fit_indices()[index] == pytest.approx(there[index], abs=NEAR)


def test_items_that_run_against_the_first_are_no_trouble(schools, fit):
    turned = al.fit_factor_model(schools.assign(x2=-schools["x2"]), FACTORS)
    assert turned.chi2 == pytest.approx(fit.chi2, abs=NEAR)
    assert turned.params["visual=~x2"] == pytest.approx(-fit.params["visual=~x2"], abs=NEAR)


def test_missing_answers_count_as_far_as_they_go(answers):
    data = answers.groups(5, missing=0.1)
    full = al.fit_factor_model(data, answers.FACTORS)
    listwise = al.fit_factor_model(data, answers.FACTORS, missing="listwise")
    complete = int(data[answers.ITEMS].notna().all(axis=1).sum())
    assert (full.n_people, listwise.n_people) == (360, complete)
    assert f"{360 - complete} rows lack an answer" in listwise.messages[0]
    assert full.bse["bond=~i6"] < listwise.bse["bond=~i6"]


def test_means_of_factors_are_seen_where_intercepts_are_equal(answers):
    data = answers.groups(1, n=(2000, 2000)).assign(i3=lambda d: d["i3"] - 0.5 * (d.clinic == "B"))
    equal = ["loadings", "intercepts"]
    fit = al.fit_factor_model(
        data, answers.FACTORS, group="clinic", equal=equal, identify="variance"
    )
    for factor in ("task", "bond"):
        true, name = 0.3, f"{factor}~1@1"
        assert abs(fit.params[name] - true) < 3.5 * fit.bse[name]


@pytest.mark.parametrize(("name", "missing"), [("levels", 0.0), ("levels missing", 0.1)])
def test_two_levels_are_those_of_lavaan(answers, name, missing):
    data, reference = answers.sessions(6, missing=missing), REFERENCES[name]
    fit = al.fit_factor_model(data, answers.FACTORS, by="client_id")
    there, indices = reference["fit"], fit.fit_indices()
    assert fit.llf == pytest.approx(there["logl"], abs=NEAR)
    assert fit.chi2_df == there["df"]
    indices_there = ["aic", "bic"]
    if not missing:
        chi2 = 2 * (reference["free"] - there["logl"])  # lavaan's own stops short of its maximum
        assert fit.chi2 == pytest.approx(chi2, abs=1e-3)
        assert there["chisq"] < fit.chi2 < there["chisq"] + 0.01
        indices_there += ["cfi", "tli", "rmsea", "srmr_within", "srmr_between"]
    for index in indices_there:  # lavaan's free model is short of its maximum
        near = 1e-3 if index in ("aic", "bic") else 2e-4
        assert indices[index] == pytest.approx(there[index], abs=near), index
    table = fit.tidy().set_index(["term", "level"])
    for row in reference["loadings"]:
        if row["se"] > 0:
            own = table.loc[
                (f"{row['lhs']}=~{row['rhs']}", ["within", "between"][row["level"] - 1])
            ]
            assert own["estimate"] == pytest.approx(row["est"], abs=1e-3)
            assert own["std_error"] == pytest.approx(row["se"], abs=1e-3)
    omega = fit.omega().query("factor == 'bond'").set_index("level")
    for row in reference["omega"]:
        own = omega.loc[row["lhs"].removeprefix("omega_")]
        assert own["omega"] == pytest.approx(row["est"], abs=1e-3)
        assert own["std_error"] == pytest.approx(row["se"], abs=1e-3)


def log_likelihood(data, items, mu, within, between):
    """Return the log-likelihood of two levels, client by client, as of one long vector each."""
    total = 0.0
    for _, own in data.groupby("client_id"):
        seen = own[items].notna().to_numpy().ravel()
        n = len(own)
        V = np.kron(np.eye(n), within) + np.kron(np.ones((n, n)), between)
        V, d = V[np.ix_(seen, seen)], (own[items].to_numpy() - mu).ravel()[seen]
        total -= (seen.sum() * np.log(2 * np.pi) + np.linalg.slogdet(V)[1]) / 2
        total -= d @ np.linalg.solve(V, d) / 2
    return total


def test_without_structure_two_levels_with_missing_answers_are_likelier_than_lavaans(answers):
    data = answers.sessions(6, missing=0.1)
    fit = al.fit_factor_model(data, answers.FACTORS, by="client_id")
    free, p = fit.estimates.free, len(answers.ITEMS)
    for one in (fit.estimates, free):
        within, whole = one.moments[0], one.moments[-1]
        mu = one.params[[f"{item}~1" for item in answers.ITEMS]].to_numpy()
        levels = within.sigma, whole.omega[-p:, -p:]
        direct = log_likelihood(data, answers.ITEMS, mu, *levels)
        assert one.llf == pytest.approx(direct, abs=1e-7)
    # lavaan's chi-square rests on a model without structure that is less likely than ours
    assert fit.chi2 > REFERENCES["levels missing"]["fit"]["chisq"]


def test_both_likelihoods_of_two_levels_are_one_where_nothing_is_missing(answers):
    data = answers.sessions(6, n=60)
    fit = al.fit_factor_model(data, answers.FACTORS, by="client_id").estimates
    codes = data["client_id"].to_numpy()
    most = float(np.bincount(codes).max())
    answered = Answered.of(data[answers.ITEMS].to_numpy(), codes)
    other = LevelLikelihood(fit.model, fit.samples, answered, most, exact=True)
    plain = Likelihood(fit.model, fit.samples)
    away = fit.theta * 1.05
    for own, theirs in zip(other.deviance(away), plain.deviance(away), strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(other.hessian(away), plain.hessian(away), rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(
        -2 * other.scores(away, 0).sum(0), plain.deviance(away)[1], atol=1e-6
    )


def test_robust_errors_of_two_levels_hardly_move_where_one_answer_is_missing(answers):
    data = answers.sessions(6)
    whole = al.fit_factor_model(data, answers.FACTORS, by="client_id", errors="robust")
    data.loc[3, "i2"] = np.nan
    less = al.fit_factor_model(data, answers.FACTORS, by="client_id", errors="robust")
    np.testing.assert_allclose(less.bse, whole.bse, rtol=0.03)


def test_two_levels_of_a_study_and_what_cannot_have_two(answers):
    study = al.simulate_study(n_therapists=20, n_clients=120, seed=3)
    fit = al.fit_factor_model(study, measure="wai-sr/bond", by="client_id")
    assert fit.omega()["level"].tolist() == ["within", "between"]
    assert fit.heading.endswith("wai-sr/bond/client")
    first = al.fit_factor_model(study, measure="wai-sr/bond")
    assert any("first session" in one for one in first.messages)
    data = answers.sessions(6)
    fixed = data.assign(i1=data.groupby("client_id")["i1"].transform("first"))
    for table, more, said in (
        (fixed, {}, "i1 does not vary within clients"),
        (data[data["client_id"] < 6], {}, "6 clients"),
        (data.groupby("client_id").head(1), {}, "clients with .* rows .*several rows of many"),
        (data, {"group": "client_id"}, "one group"),
        (data.drop(columns="client_id"), {}, "must have the column client_id"),
    ):
        with pytest.raises(al.AllianceStatsError, match=said):
            al.fit_factor_model(table, answers.FACTORS, by="client_id", **more)


def test_the_methods_name_levels_rows_and_losses(answers, schools):
    data = answers.sessions(6)
    data.iloc[::7, data.columns.get_loc("i1")] = np.nan
    complete = data[answers.ITEMS].notna().all(axis=1)
    n, lost = int(complete.sum()), int((~complete).sum())
    clients = data.loc[complete, "client_id"].nunique()
    whole = al.fit_factor_model(data, answers.FACTORS, by="client_id").methods()
    assert f"fitted to {len(data)} rows of 150 clients by full information maximum" in whole
    assert "Sources of the method: Jöreskog 1969, doi 10.1007/BF02289343; Enders" in whole
    assert "Geldhof, Preacher & Zyphur 2014" in whole
    fit = al.fit_factor_model(
        data, answers.FACTORS, by="client_id", errors="robust", missing="listwise"
    )
    said = fit.methods()
    assert "of two levels" in said
    assert "Yuan & Bentler 2000" in said
    assert "Enders" not in said  # complete rows lack nothing
    assert f"fitted to {n} complete rows of {clients} clients ({lost} rows left out)" in said
    assert "by maximum likelihood. Standard errors are robust by client. The test of the" in said
    assert "The test of the fit is that of normal theory." in said
    assert "group" not in said
    assert fit.glance()[["n_rows", "n_groups"]].iloc[0].tolist() == [n, 1]
    two = al.fit_factor_model(schools, FACTORS, group="school").methods()
    assert "the answers of 301 people in 2 groups by full information maximum likelihood" in two


def test_the_picture_is_drawn(fit):
    assert len(fit.plot().get_yticks()) == 9


def test_two_levels_are_drawn_and_told_apart(answers):
    levels = al.fit_factor_model(answers.sessions(6), answers.FACTORS, by="client_id")
    drawn = [one.get_text() for one in levels.plot().get_legend().get_texts()]
    assert drawn == ["within", "between"]
    told = levels.text().splitlines()
    assert len({*told}) == len(told)
    assert [line for line in told if "(within)" in line]


def test_a_pair_that_nobody_answered_leaves_no_chi_square(schools):
    half = np.arange(len(schools)) % 2 == 0
    apart = schools.assign(x1=schools["x1"].where(half), x2=schools["x2"].where(~half))
    fit = al.fit_factor_model(apart, FACTORS)
    assert np.isnan(fit.chi2)
    assert any("pairs that nobody has both" in one for one in fit.messages)


def test_items_of_few_answers_are_told(schools):
    coarse = schools.assign(x1=(schools["x1"] > 5).astype(int))
    said = al.fit_factor_model(coarse, FACTORS).messages
    assert [one for one in said if one.startswith("x1: 3 different answers or fewer")]


def test_one_row_lacks_and_several_lack(schools):
    one = schools.assign(x1=schools["x1"].where(schools.index != schools.index[0]))
    fit = al.fit_factor_model(one, FACTORS, missing="listwise")
    assert fit.messages[0] == "1 row lacks an answer and is left out."


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        ({}, {"factors": {"visual": ["x1"]}}, "The factor 'visual' has 1 item"),
        ({}, {"factors": {"visual": ["x1", "x2"]}}, "more parameters|The model has"),
        ({}, {"factors": ["x1"]}, "factors must be such as"),
        ({}, {"factors": {"visual": ["x1", "x2", "y3"]}}, "must have the column y3"),
        ({"x2": 3.0}, {}, "x2 does not vary"),
        ({"x2": "a"}, {}, "must hold finite numbers"),
        ({"g": ["A"] * 5 + ["B"] * 296}, {"group": "g"}, "The group 'A' has 5 rows"),
        ({"g": ["A"] * 10 + ["B"] * 291}, {"group": "g"}, "9 items need 18 or more"),
        ({}, {"equal": ["loading"]}, "Did you mean 'loadings'"),
        ({"x9": lambda d: d["x8"]}, {}, "x8 and x9 move exactly together"),
    ],
)
def test_bad_input_is_one_sentence(schools, change, arguments, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.fit_factor_model(schools.assign(**change), **{"factors": FACTORS, **arguments})


def test_two_levels_show_the_residuals_of_both():
    rng = np.random.default_rng(2)
    level, of = rng.normal(size=80), np.repeat(np.arange(80), 4)
    rows = level[of, None] + rng.normal(size=(320, 1)) + rng.normal(size=(320, 4))
    data = pd.DataFrame(rows, columns=list("abcd")).assign(client_id=of)
    fit = al.fit_factor_model(data, {"f": list("abcd")}, by="client_id")
    for said in (fit._repr_html_(), fit.shown()[1]):
        assert "SRMR (within clients) = " in said
        assert "SRMR (between clients) = " in said


@pytest.mark.parametrize(
    ("factors", "measure", "said"),
    [
        (None, "wai-sr/bondage", "no scale 'bondage'"),
        ({"b": ["i3", "i5", "i7"]}, "wai-sr", "'i3' is no item of wai-sr: .* 1 to 12"),
        ({"b": [3, 5, 77]}, "wai-sr", "'77' is no item"),
    ],
)
def test_scales_and_items_that_a_card_does_not_have(factors, measure, said):
    study = al.load_dataset("demo-trial")
    with pytest.raises(al.AllianceStatsError, match=said):
        al.fit_factor_model(study, factors, measure=measure)
    with pytest.raises(al.AllianceStatsError, match=said):
        al.measurement_invariance(study, factors=factors, measure=measure)


def test_an_item_named_twice_is_told(schools):
    with pytest.raises(al.DesignError, match="x1 is named twice"):
        al.fit_factor_model(schools, {"f": ["x1", "x1", "x2"]})


def test_several_rows_of_a_client_are_not_taken_as_independent(schools):
    twice = pd.concat([schools, schools]).assign(client_id=[*range(len(schools))] * 2)
    with pytest.raises(al.DesignError, match="several rows, which are not independent"):
        al.fit_factor_model(twice, FACTORS)
    assert al.fit_factor_model(twice, FACTORS, cluster="client_id").estimates.clusters == 301


def test_the_first_session_is_the_first_that_was_answered():
    study = al.load_dataset("demo-trial")
    fit = al.fit_factor_model(study, measure="wai-sr/bond/client")
    arms = al.measurement_invariance(study, measure="wai-sr/bond/client", across="condition")
    assert fit.n_people == arms.n_people
    said = "The first session that a client answered counts"
    for messages in (fit.messages, arms.messages):
        assert any(one.startswith(said) for one in messages)


def test_rows_of_no_client_are_left_out_and_are_not_one_client():
    data = of_two_groups(0, 0, 0, n=80).assign(client_id=lambda d: [f"c{i}" for i in d.index])
    factors = {"f": ["i1", "i2", "i3"]}
    data.loc[:2, "client_id"] = None
    fit = al.fit_factor_model(data, factors)
    assert (fit.n_people, fit.n_left_out) == (77, 3)
    assert "3 rows lack every answer or 'client_id' and are left out." in fit.messages
    assert al.fit_factor_model(data.assign(client_id=None), factors).n_people == 80


@pytest.mark.parametrize(("n", "there"), [(40, True), (80, False)])
def test_clients_too_few_for_two_levels_are_told(n, there):
    data = of_two_groups(0, 0, 0, 0, n=2 * n).assign(client_id=lambda d: d.index // 2)
    fit = al.fit_factor_model(data, {"f": ["i1", "i2", "i3", "i4"]}, by="client_id")
    told = " ".join(fit.messages)
    assert (f"{n} clients are few for 12 parameters between clients" in told) is there
    assert ("of two levels are not corrected for few clients" in told) is there
