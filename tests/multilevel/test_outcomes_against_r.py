"""Exact fits of lme4 and ordinal (31 nodes and more) of the same sessions."""

import json

import pytest

import alliance_stats as al

from .outcomes import REFERENCE, sessions

CASES = json.loads((REFERENCE / "references.json").read_text())["cases"]
YES = "yes ~ x + arm + session + (1 | client_id)"
K = "k ~ x + arm + (1 | client_id)"
RATING = "rating ~ x + arm + (1 | client_id)"
CALLS = {
    "yes_logit": (YES, {"family": "binomial"}),
    "yes_probit": (YES, {"family": "binomial", "link": "probit"}),
    "yes_cloglog": (YES, {"family": "binomial", "link": "cloglog"}),
    "k_of_n": (K, {"family": "binomial", "trials": "n"}),
    "k_of_n_cloglog": (K, {"family": "binomial", "trials": "n", "link": "cloglog"}),
    "by_therapist": ("k ~ x*arm + (1 | therapist_id)", {"family": "binomial", "trials": "n"}),
    "weighted": ("yes ~ x + (1 | client_id)", {"family": "binomial", "weights": "n"}),
    "count": (
        "count ~ x + arm + (1 | client_id)",
        {"family": "poisson", "offset": "log(minutes)"},
    ),
    "rating_logit": (RATING, {"family": "ordinal"}),
    "rating_probit": (RATING, {"family": "ordinal", "link": "probit"}),
}
OF_A_STANDARD_ERROR = 1e-4  # clmm stops 7e-5 short; lme4's fits agree to 2e-6
OF_ITSELF = 1e-4  # of standard errors, which R takes from differences
LOG_LIKELIHOOD = 1e-5
CONSTANT = 411.43183613  # lme4 leaves the binomial coefficients out where it has several nodes


def renamed(name: str) -> str:
    if "|" in name:
        return f"threshold[{name[0]}]"
    return name.replace("(Intercept)", "Intercept").replace("armb", "arm[T.b]")


@pytest.mark.filterwarnings("ignore::alliance_stats.FewClustersWarning")
@pytest.mark.parametrize("case", CALLS)
def test_equal_to_an_exact_fit_in_r(case):
    formula, options = CALLS[case]
    fit = al.fit_multilevel(formula, sessions(), **options)
    expected = CASES[case]
    assert fit.converged
    assert {renamed(name) for name in expected["params"]} == set(fit.names)
    for name, value in expected["params"].items():
        mine, error = fit.params[renamed(name)], fit.bse[renamed(name)]
        assert abs(mine - value) < OF_A_STANDARD_ERROR * error, name
        assert error == pytest.approx(expected["bse"][name], rel=OF_ITSELF), name
    sd = float(fit.varcomp["sdcor"].iloc[0])
    place = fit.model.shape.of_factor.start
    assert (
        abs(sd - expected["sd"]) < OF_A_STANDARD_ERROR * fit.best.covariance()[place, place] ** 0.5
    )
    if case == "count":
        return  # what lme4 leaves out here depends on the data
    constant = CONSTANT if "trials" in options else 0.0
    assert fit.llf == pytest.approx(expected["llf"] - constant, abs=LOG_LIKELIHOOD)


def test_every_case_is_asked():
    assert set(CASES) == {*CALLS, "laplace"}


LAPLACE = 5e-3  # of a standard error: both search by differences


@pytest.mark.filterwarnings("ignore::alliance_stats.FewClustersWarning")
def test_laplace_is_what_lme4_says():
    two = f"{YES} + (1 | therapist_id)"
    fit = al.fit_multilevel(two, sessions(), family="binomial", method="laplace")
    expected = CASES["laplace"]
    assert fit.converged
    assert list(fit.nodes["nodes"]) == [1]
    assert fit.llf == pytest.approx(expected["llf"], abs=1e-4)
    for name, value in expected["params"].items():
        error = expected["bse"][name]
        assert fit.params[renamed(name)] == pytest.approx(value, abs=LAPLACE * error)
        assert fit.bse[renamed(name)] == pytest.approx(error, rel=LAPLACE)
    assert fit.varcomp["sdcor"].tolist() == pytest.approx(expected["sd"], abs=1e-3)
    assert any("Laplace" in message for message in fit.messages)
