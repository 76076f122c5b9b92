"""Profile intervals, the bootstrap, R², CR2 and prediction errors against R or dense matrices."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.engine import constrained
from alliance_stats.multilevel.engine.autocorrelated import _fit_at

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
ALL = {path.stem: json.loads(path.read_text()) for path in (REFERENCE / "lme4").glob("*.json")}
PROFILED = sorted(name for name, one in ALL.items() if one.get("profile"))
DEVIANCES = {
    path.stem: json.loads(path.read_text()) for path in (REFERENCE / "profiles").glob("*.json")
}
WITH_R2 = sorted(name for name, one in ALL.items() if one.get("r2"))
WITH_CR2 = sorted(name for name, one in ALL.items() if one.get("cr2"))

PROFILE = 2e-3  # of the width: lme4 interpolates its profiles between a dozen points
# The profile of an sd is curved near zero, where lme4's interpolation of few points is off: at
# lme4's end (0.773) its own deviance is 3.06 above the least one, at ours (0.492) 3.841459, the
# chi-square quantile it should be.
INTERPOLATED = {
    ("clinic-main", "sd Intercept therapist_id"): 0.491724,
    ("clinic-main-ml", "sd Intercept therapist_id"): 0.491724,
}
AT_THE_END = 1e-5  # of a correlation, found by root search in R and here: nothing is interpolated
R_SQUARED = 1e-6  # as good as the variances
ROBUST = 1e-6  # relative
EXACT = 1e-10  # relative, of dense linear algebra


def fit_of(name):
    one = ALL[name]
    data = pd.read_csv(REFERENCE / "data" / f"{one['data']}.csv.gz")
    for column, levels in (one["levels"] or {}).items():
        data = data.assign(**{column: pd.Categorical(data[column], levels)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)
        return al.fit_multilevel(one["formula"], data, reml=one["reml"])


def lme4_terms(terms):
    """Our names, ``sd Intercept client_id``, of lme4's, ``sd_(Intercept)|client_id``."""
    for term in terms:
        text = term.replace("(Intercept)", "Intercept")
        if text == "sigma":
            yield "sd Residual"
        elif "|" in text:
            what, group = text.split("|")
            kind, effects = what.split("_", 1)
            parts = effects.split(".") if kind == "cor" else [effects]
            yield " ".join([kind, *reversed(parts), group])
        else:
            yield text


@pytest.mark.parametrize("name", PROFILED)
def test_profiles_against_lme4(name):
    found = fit_of(name).profile_ci()
    ours = {
        f"{row.term} {row.group}".strip(): (row.conf_low, row.conf_high)
        for row in found.itertuples()
    }
    expected = ALL[name]["profile"]
    terms = list(lme4_terms(expected["term"]))
    assert sorted(terms) == sorted(ours)
    assert (found["note"] == "").all()
    for term, low, high in zip(terms, expected["low"], expected["high"], strict=True):
        tolerance = PROFILE * (high - low)
        low = INTERPOLATED.get((name, term), low)
        assert ours[term][0] == pytest.approx(low, abs=tolerance), term
        assert ours[term][1] == pytest.approx(high, abs=tolerance), term


def fit_of_deviances(name):
    one = DEVIANCES[name]
    data = pd.read_csv(REFERENCE / "data" / f"{one['data']}.csv.gz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)
        return al.fit_multilevel(one["formula"], data, reml=one["reml"])


@pytest.mark.parametrize("name", sorted(DEVIANCES))
def test_profiles_of_correlations_against_lme4s_deviance(name):
    """With r held an sd must not turn negative: the deviance at r would be that at -r."""
    found = fit_of_deviances(name).profile_ci(["random"]).set_index(["group", "term"])
    correlations = [place for place in found.index if place[1].startswith("cor")]
    expected = {
        (one["group"], " ".join(["cor", *one["pair"]]).replace("one", "Intercept")): one
        for one in DEVIANCES[name]["exact"]
    }
    assert set(correlations) == set(expected)
    for place, one in expected.items():
        row = found.loc[place]
        for ours, theirs in {
            "estimate": "estimate",
            "conf_low": "low",
            "conf_high": "high",
        }.items():
            assert row[ours] == pytest.approx(one[theirs], abs=AT_THE_END), (place, ours)
        assert row["note"] == ""


@pytest.mark.parametrize(
    "name", sorted(name for name, one in DEVIANCES.items() if one.get("confint"))
)
def test_profiles_of_lopsided_samples_against_confint(name):
    found = fit_of_deviances(name).profile_ci()
    ours = {
        f"{row.term} {row.group}".strip(): (row.conf_low, row.conf_high)
        for row in found.itertuples()
    }
    expected = DEVIANCES[name]["confint"]
    ends = zip(expected["low"], expected["high"], strict=True)
    theirs = dict(zip(lme4_terms(expected["term"]), ends, strict=True))
    assert set(theirs) == set(ours)
    for term, (low, high) in theirs.items():
        assert ours[term] == pytest.approx((low, high), abs=PROFILE * (high - low)), term


def test_profile_ends_are_where_the_likelihood_has_fallen(sessions):
    """Without interpolation: at an end of a coefficient's interval the deviance is 3.84 higher."""
    fit = al.fit_multilevel("y ~ within + (1 | client)", sessions, reml=False)
    ends = fit.profile_ci(["within"]).iloc[0]
    for end in (ends["conf_low"], ends["conf_high"]):
        moved = sessions.assign(y=sessions["y"] - end * sessions["within"])
        held = al.fit_multilevel("y ~ 1 + (1 | client)", moved, reml=False)
        assert 2 * (fit.llf - held.llf) == pytest.approx(3.841458820694124, abs=1e-4)


def test_profile_of_phi_ends_where_the_likelihood_has_fallen():
    data = pd.read_csv(REFERENCE / "data" / "autocorrelated.csv.gz")
    fit = al.fit_multilevel(
        "distress ~ session + (1 | client_id)", data, reml=False, residual="ar1", time="session"
    )
    found = fit.profile_ci(["phi", "session"]).set_index("term")
    for end in found.loc["phi", ["conf_low", "conf_high"]]:
        at = _fit_at(fit.design, fit.autocorrelation.neighbours, False, end, None)
        rise = at.best.profile.deviance - fit.optimum.profile.deviance
        assert rise == pytest.approx(3.841458820694124, abs=1e-3)
    wald = fit.conf_int().loc["session"]
    assert found.loc["session", "conf_low"] == pytest.approx(
        wald[0], abs=0.05 * (wald[1] - wald[0])
    )


def test_profile_of_a_variance_at_zero(draw_sessions):
    data = draw_sessions(therapist_sd=0.0, seed=6)
    with pytest.warns(al.SingularFitWarning):
        fit = al.fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", data)
    row = fit.profile_ci(["random"]).set_index("group").loc["therapist"]
    assert row["estimate"] == row["conf_low"] == 0.0
    assert 0.1 < row["conf_high"] < 2.0


def test_unknown_parameter_is_named(sessions):
    fit = al.fit_multilevel("y ~ within + (1 | client)", sessions)
    with pytest.raises(al.DesignError, match="Did you mean 'within'"):
        fit.profile_ci(["witin"])


@pytest.mark.parametrize("name", WITH_R2)
def test_r_squared_against_r(name):
    found, expected = fit_of(name).r_squared(), ALL[name]["r2"]
    assert found.marginal == pytest.approx(expected["marginal"], abs=R_SQUARED)
    assert found.conditional == pytest.approx(expected["conditional"], abs=R_SQUARED)
    assert found.parts["total"].sum() == pytest.approx(1.0)
    for where in ("within", "between") if fit_of(name).grouping == "nested" else ():
        assert found.parts[where].sum() == pytest.approx(1.0)


def test_rights_and_sterba_by_their_formulas(sessions):
    """Two levels, cluster-mean-centred: f1, f2, v, m and sigma2 written out."""
    means = sessions.groupby("client")["within"].transform("mean")
    data = sessions.assign(x=sessions["within"] - means, mean=means)
    fit = al.fit_multilevel("y ~ x + mean + (1 + x | client)", data)
    found = fit.r_squared()
    n, T = len(data), fit.random_covariances["client"]
    variance_x = (data["x"] ** 2).mean()
    parts = {
        ("fixed", "within"): fit.params["x"] ** 2 * variance_x * n / (n - 1),
        ("fixed", "between"): fit.params["mean"] ** 2 * data["mean"].var(),
        ("slopes", "within"): T.loc["x", "x"] * variance_x,
        ("levels", "between"): T.loc["Intercept", "Intercept"],
        ("residual", "within"): fit.scale,
    }
    ours = found.parts.set_index(["source", "where"])["variance"]
    assert set(ours.index) == set(parts)
    for key, value in parts.items():
        assert ours[key] == pytest.approx(value, rel=EXACT)
    assert found.not_centred == ()
    assert found.messages == ()


def test_r_squared_names_what_is_not_centred(sessions):
    found = al.fit_multilevel("y ~ within + (1 | client)", sessions).r_squared()
    assert found.not_centred == ("within",)
    assert "alliance_stats.decompose" in found.messages[0]


def test_rows_of_clients_who_take_turns_are_read_without_a_warning():
    rng = np.random.default_rng(3)
    client = np.tile(np.arange(20), 6)  # no two neighbouring rows are of one client
    rows = pd.DataFrame({"client": client, "x": rng.normal(size=20)[client]})
    rows = rows.assign(x=rows["x"] + rng.normal(size=120), y=rng.normal(size=120))
    found = al.fit_multilevel("y ~ x + (1 | client)", rows)
    assert any("'x' varies within 'client' and between" in said for said in found.messages)


@pytest.mark.parametrize("name", WITH_CR2)
def test_cr2_against_club_sandwich(name):
    found, expected = fit_of(name).robust(), ALL[name]["cr2"]
    assert found.cluster == expected["cluster"]
    np.testing.assert_allclose(found.bse, expected["se"], rtol=ROBUST)
    np.testing.assert_allclose(found.df, expected["df"], rtol=ROBUST)
    np.testing.assert_allclose(found.pvalues, expected["p"], rtol=1e-4)


def dense_cr2(X, V, residual, clusters):
    """CR2 and its df by Pustejovsky & Tipton's formulas, n by n."""
    n, names = len(X), np.unique(clusters)
    W = np.linalg.inv(V)
    M = np.linalg.inv(X.T @ W @ X)
    H = X @ M @ X.T @ W
    left = np.eye(n) - H
    meat, vectors = np.zeros((X.shape[1],) * 2), []
    for name in names:
        rows = clusters == name
        upper = np.linalg.cholesky(V[np.ix_(rows, rows)]).T
        B = upper @ (left[rows] @ V @ left[rows].T) @ upper.T
        values, basis = np.linalg.eigh((B + B.T) / 2)
        root = (basis / np.sqrt(values)) @ basis.T
        A = upper.T @ root @ upper
        half = M @ X[rows].T @ W[np.ix_(rows, rows)] @ A
        meat += np.outer(half @ residual[rows], half @ residual[rows])
        vectors.append(half @ left[rows])
    df = []
    for c in range(X.shape[1]):
        P = np.stack([one[c] for one in vectors])
        G = P @ V @ P.T
        df.append(np.trace(G) ** 2 / (G**2).sum())
    return meat, np.array(df)


@pytest.mark.parametrize("residual", ["independent", "ar1"])
def test_cr2_by_dense_matrices(draw_sessions, residual):
    data = draw_sessions(seed=2, clients=30, therapists=6)
    data = data.assign(site=np.where(data["therapist"] < "t02", "a", data["therapist"]))
    options = {"residual": "ar1", "time": "session"} if residual == "ar1" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)
        fit = al.fit_multilevel(
            "y ~ session + within + (1 | client) + (1 | therapist)", data, **options
        )
    arrays = {name: data[name].to_numpy() for name in ("client", "therapist", "session")}
    same = {name: values[:, None] == values for name, values in arrays.items()}
    vcov = fit.varcomp.set_index("group")["vcov"]
    apart = np.abs(arrays["session"][:, None] - arrays["session"])
    R = fit.phi**apart if residual == "ar1" else np.eye(len(data))
    V = same["client"] * (vcov["client"] + fit.scale * R) + same["therapist"] * vcov["therapist"]
    X = np.column_stack([np.ones(len(data)), data["session"], data["within"]])
    residuals = data["y"].to_numpy() - X @ fit.params.to_numpy()
    for cluster in ("therapist", "site"):
        meat, df = dense_cr2(X, V, residuals, data[cluster].to_numpy())
        found = fit.robust(cluster)
        np.testing.assert_allclose(found.cov_params(), meat, rtol=1e-7)
        np.testing.assert_allclose(found.df, df, rtol=1e-7)
        assert list(found.tidy()["term"]) == list(fit.params.index)


def test_cr2_refuses_clusters_that_cut_groups(sessions):
    fit = al.fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", sessions)
    with pytest.raises(al.DesignError, match="depend on each other through 'therapist'"):
        fit.robust("client")
    with pytest.raises(al.DesignError, match="cut through"):
        fit.robust("condition")
    with pytest.raises(al.ColumnError, match=r"There is no column 'therapst'.*'therapist'"):
        fit.robust("therapst")


def mixed_model_equations(fit, data):
    """Henderson's C^-1 of coefficients and effects, and the rows of [X Z]."""
    X = np.column_stack([np.ones(len(data)), data[["session", "within", "between"]]])
    client, clients = pd.factorize(data["client"], sort=True)
    therapist, therapists = pd.factorize(data["therapist"], sort=True)
    Zc = np.eye(len(clients))[client]
    Z = np.hstack([Zc, Zc * data[["within"]].to_numpy(), np.eye(len(therapists))[therapist]])
    D = fit.random_covariances["client"].to_numpy()
    G = np.zeros((Z.shape[1],) * 2)
    G[: 2 * len(clients), : 2 * len(clients)] = np.kron(D, np.eye(len(clients)))
    G[2 * len(clients) :, 2 * len(clients) :] = np.eye(len(therapists)) * (
        fit.random_covariances["therapist"].to_numpy()
    )
    rows = np.hstack([X, Z])
    C = rows.T @ rows / fit.scale
    C[4:, 4:] += np.linalg.inv(G)
    return np.linalg.inv(C), rows


def test_prediction_errors_are_hendersons(sessions, main_formula):
    fit = al.fit_multilevel(main_formula, sessions)
    C, rows = mixed_model_equations(fit, sessions)
    expected = np.sqrt(np.einsum("na,ab,nb->n", rows, C, rows))
    found = fit.predict_interval()
    np.testing.assert_allclose(found["std_error"], expected, rtol=1e-7)
    again = fit.predict_interval(sessions)
    np.testing.assert_allclose(again["std_error"], found["std_error"], rtol=1e-9)
    wide = fit.predict_interval(kind="prediction")
    np.testing.assert_allclose(wide["std_error"] ** 2, expected**2 + fit.scale, rtol=1e-7)


def test_new_groups_add_their_variance(sessions, main_formula):
    fit = al.fit_multilevel(main_formula, sessions)
    C, rows = mixed_model_equations(fit, sessions)
    row = sessions.head(1)
    fresh = pd.concat(
        [row.assign(client="new"), row.assign(client="new", therapist="new")], ignore_index=True
    )
    x = np.array([1.0, row["within"].iloc[0]])
    of_client = x @ fit.random_covariances["client"].to_numpy() @ x
    of_therapist = fit.random_covariances["therapist"].iloc[0, 0]
    clients = sessions["client"].nunique()
    known = rows[0].copy()
    known[4 : 4 + 2 * clients] = 0.0
    expected = [
        known @ C @ known + of_client,
        rows[0, :4] @ C[:4, :4] @ rows[0, :4] + of_client + of_therapist,
    ]
    found = fit.predict_interval(fresh)
    np.testing.assert_allclose(found["std_error"] ** 2, expected, rtol=1e-7)
    population = fit.predict_interval(row, random_effects=False, kind="prediction")
    assert population["std_error"].iloc[0] ** 2 == pytest.approx(expected[1] + fit.scale)
    np.testing.assert_allclose(found["predicted"], fit.predict(fresh))
    with pytest.raises(al.DesignError, match="under another 'therapist'"):
        fit.predict_interval(
            row.assign(therapist="t11" if row["therapist"].iloc[0] != "t11" else "t10")
        )


def test_population_interval_uses_the_contrast_df(sessions, main_formula):
    fit = al.fit_multilevel(main_formula, sessions, df="kenward-roger")
    row = pd.DataFrame({"session": [3.0, np.nan], "within": [0.5, 0.0], "between": [0.2, 0.0]})
    found = fit.predict_interval(row, random_effects=False)
    weights = {"Intercept": 1.0, "session": 3.0, "within": 0.5, "between": 0.2}
    expected = fit.test(weights).tidy().iloc[0]
    for ours, theirs in (("predicted", "estimate"), ("df", "df"), ("conf_low", "conf_low")):
        assert found[ours].iloc[0] == pytest.approx(expected[theirs])
    assert found.iloc[1].isna().all()


def test_bootstrap_is_the_same_in_parallel_and_covers(sessions):
    fit = al.fit_multilevel("y ~ within + (1 | client)", sessions)
    one = fit.bootstrap(60, seed=7)
    two = fit.bootstrap(60, seed=7, n_jobs=2)
    pd.testing.assert_frame_equal(one.draws, two.draws)
    assert len(one.draws) == 60
    assert one.failed == 0
    tidy = one.tidy().set_index("term")
    # 60 draws know a standard deviation to about a tenth (1 / sqrt(120)); three of those
    assert tidy.loc["within", "std_error"] == pytest.approx(fit.bse["within"], rel=0.3)
    ends = np.quantile(one.draws["within"], [0.025, 0.975])
    np.testing.assert_allclose(tidy.loc["within", ["conf_low", "conf_high"]].astype(float), ends)
    np.testing.assert_allclose(
        one.bias["within"], one.draws["within"].mean() - fit.params["within"]
    )
    assert "use 1,000" in one.messages[0]
    assert not fit.bootstrap(5, seed=8).draws.equals(one.draws.head(5))


def test_bootstrap_of_autocorrelated_residuals_draws_phi():
    data = pd.read_csv(REFERENCE / "data" / "autocorrelated.csv.gz")
    fit = al.fit_multilevel(
        "distress ~ session + (1 | client_id)", data, residual="ar1", time="session"
    )
    draws = fit.bootstrap(20, seed=1).draws["Residual phi"]
    assert abs(draws.mean() - fit.phi) < 0.1  # three standard errors of the mean of 20 draws
    with pytest.raises(al.DesignError, match="2 or more replicates"):
        fit.bootstrap(1, seed=1)


@pytest.mark.parametrize("residual", ["independent", "ar1"])
def test_derivatives_of_the_constrained_deviance(residual):
    data = pd.read_csv(REFERENCE / "data" / "autocorrelated.csv.gz")
    options = {"residual": "ar1", "time": "session"} if residual == "ar1" else {}
    formula = "distress ~ session + (1 + session | client_id) + (1 | therapist_id)"
    fit = al.fit_multilevel(formula, data, reml=False, **options)
    surface = constrained.Surface(fit.design, fit.autocorrelation)
    made_of = constrained.hold_sd(fit.design.levels, 0, 0)(0.6)
    deviance = constrained._Deviance(surface, made_of, None, None)
    x = deviance.pack(constrained.Point(-0.3, 0.4, np.array([0.2, 0.5, 0.3])))
    _, gradient, hessian = deviance(x)
    for i, step in enumerate(np.eye(len(x)) * 1e-5):
        (low, first, _), (high, second, _) = deviance(x - step), deviance(x + step)
        assert gradient[i] == pytest.approx((high - low) / 2e-5, rel=1e-5)  # central differences
        np.testing.assert_allclose(hessian[i], (second - first) / 2e-5, rtol=1e-4, atol=1e-3)
