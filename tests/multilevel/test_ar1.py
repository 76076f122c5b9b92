"""AR(1) residuals against nlme's corCAR1, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.engine.autocorrelated import (
    _fit_at,
    chain_beside,
    profile_with_correlation,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
DESIGNS = [d for d in json.loads((REFERENCE / "designs_car1.json").read_text()) if d["form"]]
RANDOM = {
    "~ 1 | client_id": "(1 | client_id)",
    "~ 1 + alliance_within | client_id": "(1 + alliance_within | client_id)",
    "~ 1 | therapist_id/client_id": "(1 | client_id) + (1 | therapist_id)",
}
SLOPES = "(1 + alliance_within | client_id) + (1 | therapist_id)"

LOG_LIKELIHOOD = 1e-6  # absolute, as for independent residuals
ESTIMATE = 1e-5  # relative to the standard error
PHI = 1e-5  # absolute: nlme stops where the likelihood is flat to about 1e-9
VARIANCE = 1e-4  # relative
DERIVATIVE = 1e-5  # relative, of central differences


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "data" / "autocorrelated.csv.gz")


def formula_of(design):
    random = design["random"]
    return f"{design['fixed']} + {RANDOM[random] if isinstance(random, str) else SLOPES}"


@pytest.fixture(scope="module")
def fits(data):
    def fit_of(design):
        return al.fit_multilevel(
            formula_of(design), data, reml=design["reml"], residual="ar1", time="session"
        )

    return {design["name"]: fit_of(design) for design in DESIGNS}


@pytest.mark.parametrize("name", [design["name"] for design in DESIGNS])
def test_against_nlme(fits, name):
    fit, expected = fits[name], json.loads((REFERENCE / "nlme" / f"{name}.json").read_text())
    errors = np.array(expected["se"])
    assert fit.converged
    assert fit.llf == pytest.approx(expected["loglik"], abs=LOG_LIKELIHOOD)
    assert fit.phi == pytest.approx(expected["phi"], abs=PHI)
    assert (np.abs(fit.params.to_numpy() - expected["fixef"]) < ESTIMATE * errors).all()
    np.testing.assert_allclose(fit.bse, errors, rtol=ESTIMATE)
    np.testing.assert_allclose(fit.scale, expected["sigma"] ** 2, rtol=VARIANCE)
    for group, matrix in expected["covariance"].items():
        found = fit.random_covariances[group].to_numpy()
        size = np.sqrt(np.outer(np.diag(matrix), np.diag(matrix)))
        np.testing.assert_allclose(found / size, np.array(matrix) / size, atol=VARIANCE)


def dense_log_likelihood(fit, data):
    """The ML log-likelihood from n by n matrices of a client intercept and AR(1) residuals."""
    session, client = data["session"].to_numpy(), data["client_id"].to_numpy()
    apart, same = np.abs(session[:, None] - session), client[:, None] == client
    V = same * (fit.scale * fit.phi**apart + fit.varcomp["vcov"].iloc[0])
    X = np.column_stack([np.ones(len(data)), data["session"], data["alliance_within"]])
    residual = data["distress"].to_numpy() - X @ fit.params.to_numpy()
    quadratic = residual @ np.linalg.solve(V, residual)
    return -0.5 * (len(data) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + quadratic)


def test_likelihood_is_the_dense_one(fits, data):
    fit = fits["car1-client-ml"]
    assert fit.llf == pytest.approx(dense_log_likelihood(fit, data), abs=LOG_LIKELIHOOD)


def test_derivatives_in_the_correlation(fits):
    fit = fits["car1-three-levels-slope"]
    near, theta, levels = fit.autocorrelation.neighbours, fit.optimum.theta, fit.design.levels

    def slopes(rho):
        p = profile_with_correlation(fit.design, near, rho, theta, reml=True)
        return p.deviance, *chain_beside(levels, theta, p.gradient, p.hessian)

    step = 1e-4
    _, gradient, hessian = slopes(0.4)
    (low, first, _), (high, second, _) = slopes(0.4 - step), slopes(0.4 + step)
    assert gradient[0] == pytest.approx((high - low) / (2 * step), rel=DERIVATIVE)
    np.testing.assert_allclose(hessian[0], (second - first) / (2 * step), rtol=DERIVATIVE)


def test_interval_of_phi_is_the_delta_method_on_the_logit(fits):
    fit = fits["car1-three-levels"]
    ar1, step = fit.autocorrelation, 1e-3
    deviances = [
        _fit_at(
            fit.design, ar1.neighbours, True, fit.phi + d, fit.optimum.theta
        ).best.profile.deviance
        for d in (-step, 0.0, step)
    ]
    curvature = (deviances[0] - 2 * deviances[1] + deviances[2]) / step**2
    error = np.sqrt(2 / curvature) / (fit.phi * (1 - fit.phi))
    ends = np.log(fit.phi / (1 - fit.phi)) + np.array([-1, 1]) * 1.959963984540054 * error
    found = fit.tidy().iloc[-1][["conf_low", "conf_high"]].astype(float)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-ends)), rtol=1e-4)  # second differences


def test_satterthwaite_counts_the_correlation(fits, data):
    """The df equal the delta method's with derivatives of the covariance by differences."""
    fit = fits["car1-client"]
    near, theta = fit.autocorrelation.neighbours, fit.optimum.theta
    at = np.array([fit.autocorrelation.rho, *theta, np.sqrt(fit.optimum.profile.variance)])

    def criterion(x):
        p = profile_with_correlation(fit.design, near, x[0], x[1:-1], reml=True)
        logdet = p.contribution.logdet + np.linalg.slogdet(p.precision)[1]
        free = 2 * p.denominator * np.log(x[-1])
        return logdet + free + p.sum_of_squares / x[-1] ** 2, x[-1] ** 2 * p.unscaled

    steps, m = np.eye(3) * 1e-4, len(at)
    hessian = np.array(
        [
            [
                sum(
                    a * b * criterion(at + a * steps[i] + b * steps[j])[0]
                    for a in (-1, 1)
                    for b in (-1, 1)
                )
                / (4 * 1e-8)
                for j in range(m)
            ]
            for i in range(m)
        ]
    )
    slopes = np.array([(criterion(at + s)[1] - criterion(at - s)[1]) / 2e-4 for s in steps])
    C = criterion(at)[1]
    spread = 2 * np.linalg.inv(hessian)
    for row, df in zip(fit.to_user_scale, fit.df, strict=True):
        g = slopes @ row @ row
        expected = 2 * (row @ C @ row) ** 2 / (g @ spread @ g)
        assert df == pytest.approx(expected, rel=1e-3)  # second differences of the likelihood
    independent = al.fit_multilevel(formula_of(DESIGNS[0]), data)
    assert fit.df["session"] < independent.df["session"] / 2


def test_order_of_rows_does_not_matter(fits, data):
    shuffled = data.sample(frac=1.0, random_state=1)
    fit = al.fit_multilevel(formula_of(DESIGNS[0]), shuffled, residual="ar1", time="session")
    assert fit.phi == pytest.approx(fits["car1-client"].phi, abs=1e-7)
    np.testing.assert_allclose(fit.resid[data.index], fits["car1-client"].resid, atol=1e-5)


def test_phi_is_per_unit_of_time(fits, data):
    """Sessions counted in twos: the correlation one unit apart is the root."""
    fit = al.fit_multilevel(
        "distress ~ session + alliance_within + (1 | client_id)",
        data.assign(day=2.0 * data["session"]),
        residual="ar1",
        time="day",
    )
    assert fit.phi**2 == pytest.approx(fits["car1-client"].phi, abs=1e-7)
    assert fit.llf == pytest.approx(fits["car1-client"].llf, abs=LOG_LIKELIHOOD)


def test_negative_autocorrelation_ends_at_zero():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(40, 11))
    data = pd.DataFrame(
        {
            "client": np.repeat(np.arange(40), 10),
            "session": np.tile(np.arange(10), 40),
            "y": (noise[:, 1:] - 0.6 * noise[:, :-1] + rng.normal(size=(40, 1))).ravel(),
        }
    )
    fit = al.fit_multilevel("y ~ 1 + (1 | client)", data, residual="ar1", time="session")
    plain = al.fit_multilevel("y ~ 1 + (1 | client)", data)
    assert fit.phi == 0.0
    assert fit.llf == pytest.approx(plain.llf, abs=LOG_LIKELIHOOD)
    assert fit.df["Intercept"] == pytest.approx(plain.df["Intercept"])
    assert any("phi is estimated as zero" in message for message in fit.messages)
    row = fit.tidy().iloc[-1]
    assert row["term"] == "phi"
    assert np.isnan(row["conf_low"])


def test_recovers_phi_and_weights_matter():
    rng = np.random.default_rng(5)
    clients, sessions, phi = 150, 12, 0.5
    e = rng.normal(size=(clients, sessions))
    for t in range(1, sessions):
        e[:, t] = phi * e[:, t - 1] + np.sqrt(1 - phi**2) * e[:, t]
    data = pd.DataFrame(
        {
            "client": np.repeat(np.arange(clients), sessions),
            "session": np.tile(np.arange(sessions), clients),
            "y": (e + rng.normal(size=(clients, 1))).ravel(),
        }
    )
    fit = al.fit_multilevel("y ~ 1 + (1 | client)", data, residual="ar1", time="session")
    row = fit.tidy().iloc[-1]
    assert row["conf_low"] < phi < row["conf_high"]
    twice = al.fit_multilevel(
        "y ~ 1 + (1 | client)", data, residual="ar1", time="session", weights=np.full(len(data), 2)
    )
    assert twice.scale == pytest.approx(2 * fit.scale, rel=1e-6)
    assert twice.phi == pytest.approx(fit.phi, abs=1e-6)


def test_simulated_residuals_have_the_correlation(fits):
    fit = fits["car1-client"]
    bare = replace(fit, optimum=replace(fit.optimum, theta=np.zeros(1)))
    fixed = fit.predict(random_effects=False)
    frame = fit.design.frame.assign(e=0.0)
    products, squares = [], []
    for seed in range(60):
        frame["e"] = bare.simulate(seed) - fixed
        before = frame.groupby("client_id")["e"].shift()
        near = frame.groupby("client_id")["session"].diff() == 1
        products.append((frame["e"] * before)[near].mean())
        squares.append((frame["e"] ** 2).mean())
    assert np.mean(squares) == pytest.approx(fit.scale, rel=0.03)  # 60 draws of 570 rows
    assert np.mean(products) / np.mean(squares) == pytest.approx(fit.phi, abs=0.03)


def test_compare_tests_phi_on_its_boundary(fits, data):
    plain = al.fit_multilevel(formula_of(DESIGNS[0]), data)
    test = fits["car1-client"].compare(plain)
    assert "mixture of chi-square on 0 and 1 df" in test.distribution
    assert test.statistic == pytest.approx(2 * (fits["car1-client"].llf - plain.llf))


def test_missing_times_are_counted(data):
    holes = data.assign(session=data["session"].where(data.index % 50 != 7).astype(float))
    holes.loc[3, "distress"] = np.nan
    fit = al.fit_multilevel(
        "distress ~ alliance_within + (1 | client_id)", holes, residual="ar1", time="session"
    )
    lacking = int(holes["session"].isna().sum())
    assert fit.nobs == len(data) - lacking - 1
    assert fit.rows_dropped == lacking + 1
    assert f"{lacking} of 570 rows were left out because 'session' is missing." in fit.messages


def test_summary_names_phi(fits):
    assert "Residuals: AR(1) over 'session', phi 0.5317" in fits["car1-client"].summary()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"residual": "ar1"}, al.DesignError, "needs time="),
        ({"residual": "ar2", "time": "session"}, al.DesignError, "Did you mean 'ar1'"),
        ({"time": "session"}, al.DesignError, "only with residual='ar1'"),
        (
            {"residual": "ar1", "time": "session", "df": "kenward-roger"},
            al.DesignError,
            "linear in their parameters",
        ),
        ({"residual": "ar1", "time": "sesion"}, al.ColumnError, "Did you mean 'session'"),
        ({"residual": "ar1", "time": "client_id"}, al.ColumnError, "must be numbers"),
    ],
)
def test_refusals(data, options, error, text):
    with pytest.raises(error, match=text):
        al.fit_multilevel("distress ~ 1 + (1 | client_id)", data, **options)


def test_two_rows_of_one_session_are_refused(data):
    doubled = pd.concat([data, data.head(1)])
    with pytest.raises(al.DesignError, match=r"2 rows share theirs .*first: c001"):
        al.fit_multilevel("distress ~ 1 + (1 | client_id)", doubled, residual="ar1", time="session")


def test_uneven_times_reach_the_dense_optimum():
    """Times in fractions, some very close: the dense likelihood is flat where the search ended."""
    rng = np.random.default_rng(11)
    clients, rows, phi = 60, 10, 0.7
    times = np.sort(rng.uniform(0, 8, (clients, rows)), axis=1)
    times[0, 1] = times[0, 0] + 0.001
    apart = np.abs(times[:, :, None] - times[:, None, :])
    noise = np.linalg.cholesky(phi**apart) @ rng.normal(size=(clients, rows, 1))
    data = pd.DataFrame(
        {
            "client": np.repeat(np.arange(clients), rows),
            "week": times.ravel(),
            "y": (noise[:, :, 0] + 0.7 * rng.normal(size=(clients, 1))).ravel(),
        }
    )
    fit = al.fit_multilevel("y ~ 1 + (1 | client)", data, reml=False, residual="ar1", time="week")

    def log_likelihood(phi, scale, intercept):
        V = scale * phi**apart + intercept
        e = data["y"].to_numpy().reshape(clients, rows) - fit.params.iloc[0]
        quadratic = np.einsum("cr,crs,cs->", e, np.linalg.inv(V), e)
        size = clients * rows * np.log(2 * np.pi)
        return -0.5 * (size + np.linalg.slogdet(V)[1].sum() + quadratic)

    at = np.array([fit.phi, fit.scale, fit.varcomp["vcov"].iloc[0]])
    assert fit.llf == pytest.approx(log_likelihood(*at), abs=LOG_LIKELIHOOD)
    for step in np.eye(3) * 1e-4:
        slope = (log_likelihood(*(at + step)) - log_likelihood(*(at - step))) / 2e-4
        assert abs(slope) < 1e-2  # the curvatures are about 1e3, so the optimum is met to 1e-5
    low, high = fit.tidy().iloc[-1][["conf_low", "conf_high"]]
    assert low < phi < high
