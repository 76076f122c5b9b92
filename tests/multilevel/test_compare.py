"""Which models are compared by a test, and what is said where there is none."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al

from .outcomes import sessions

YES = "yes ~ x + (1 | client_id)"
MORE = "yes ~ x + arm + (1 | client_id)"


@cache
def fitted(formula: str, family: str, **options: object) -> al.OutcomeFit:
    return al.fit_multilevel(formula, sessions(), family=family, **options)


def untested(one: al.OutcomeFit, other: al.OutcomeFit) -> str:
    found = one.compare(other)
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)
    assert found.messages[-1] == found.reason
    return found.reason


def test_likelihoods_that_were_integrated_otherwise_are_refused():
    small = fitted(YES, "binomial", method="laplace")
    with pytest.raises(al.DesignError, match=r"by Laplace's approximation and by quadrature\."):
        small.compare(fitted(MORE, "binomial"))
    with pytest.raises(al.DesignError, match="nodes=3"):
        fitted(YES, "binomial", nodes=3).compare(fitted(MORE, "binomial"))
    assert fitted(MORE, "binomial", method="laplace").compare(small).p_value < 1


def test_other_trials_are_another_outcome():
    data = sessions().assign(m=lambda rows: rows["n"] + 1)
    small = al.fit_multilevel("k ~ x + (1 | client_id)", data, family="binomial", trials="m")
    large = fitted("k ~ x + arm + (1 | client_id)", "binomial", trials="n")
    with pytest.raises(al.DesignError, match="same trials"):
        small.compare(large)


@pytest.mark.parametrize(
    ("family", "small", "large", "said"),
    [
        ("binomial", {}, {"link": "probit"}, r"the link differs \(logit and probit\)"),
        ("ordinal", {}, {"link": "probit"}, r"the link differs \(logit and probit\)"),
        ("poisson", {}, {"zero": "hurdle"}, r"the zero part differs \(none and hurdle\)"),
        ("poisson", {}, {"offset": "log(minutes)"}, "the offset differs"),
    ],
)
def test_what_is_no_special_case_has_no_test(family, small, large, said):
    outcome = {"binomial": "yes", "ordinal": "rating", "poisson": "count"}[family]
    one = fitted(f"{outcome} ~ x + (1 | client_id)", family, **small)
    other = fitted(f"{outcome} ~ x + arm + (1 | client_id)", family, **large)
    reason = untested(one, other)
    assert pd.Series([reason]).str.contains(said).all()
    found = one.compare(other)
    assert reason in found.text()
    assert reason in found.methods()
    assert "Likelihood ratio:" not in found.text()
    assert "likelihood-ratio test, referred" not in found.methods()
    assert "doi" not in found.methods()


def test_extra_zeros_are_on_their_boundary_without_them():
    plain = fitted("count ~ x + (1 | client_id)", "poisson")
    more = fitted("count ~ x + (1 | client_id)", "poisson", zero="inflated")
    found = more.compare(plain)
    assert "mixture" in found.distribution
    assert found.statistic == pytest.approx(2 * (more.llf - plain.llf))
    assert found.p_value == pytest.approx(0.5 * stats.chi2.sf(found.statistic, 1))


def test_a_larger_model_with_the_lower_likelihood_is_told(monkeypatch):
    small, large = fitted(YES, "binomial"), fitted(MORE, "binomial")
    lower = small.llf - 0.2
    monkeypatch.setattr(
        type(large), "llf", property(lambda fit: lower if fit is large else lower + 0.2)
    )
    assert "has the lower log-likelihood" in untested(small, large)


def test_nested_is_what_columns_say_and_not_their_names():
    data = sessions()
    curve = al.fit_multilevel("y ~ poly(x, 2) + (1 | client_id)", data.assign(y=data["x"] ** 3))
    line = al.fit_multilevel("y ~ x + (1 | client_id)", data.assign(y=data["x"] ** 3))
    assert np.isfinite(curve.compare(line).p_value)
    rng = np.random.default_rng(1)
    other = data.assign(y=data["x"] ** 3, x=rng.normal(size=len(data)))
    third = al.fit_multilevel("y ~ x + arm + (1 | client_id)", other)
    assert "no special case" in untested(line, third)


def test_groups_of_the_same_name_are_the_same_groups():
    rng, data = np.random.default_rng(1), sessions()
    again = rng.permutation(data["client_id"])
    levels = {name: rng.normal(size=2) for name in data["client_id"].unique()}
    data["y"] = data["x"] + [
        levels[a][0] + levels[b][1] for a, b in zip(data["client_id"], again, strict=True)
    ]
    one = al.fit_multilevel("y ~ session + (1 | client_id)", data)
    other = al.fit_multilevel("y ~ session + arm + (1 | client_id)", data.assign(client_id=again))
    assert "no special case" in untested(one, other)


def test_restricted_likelihoods_of_other_units_are_not_compared():
    data = sessions()
    small = al.fit_multilevel("rating ~ x + session + (1 | client_id)", data)
    large = al.fit_multilevel(
        "rating ~ x + session + (1 + x | client_id)", data.assign(session=data["session"] * 10)
    )
    found = small.compare(large)
    assert "refitted by maximum likelihood" in found.messages[0]


def test_a_penalty_has_no_likelihood_ratio():
    data = sessions()
    small = al.fit_multilevel("x ~ session + (1 | client_id)", data, prior="boundary")
    large = al.fit_multilevel("x ~ session + arm + (1 | client_id)", data, prior="boundary")
    assert "prior='boundary'" in untested(small, large)


def test_residuals_of_another_structure_are_no_special_case():
    data = sessions()
    by_arm = al.fit_multilevel("x ~ 1 + (1 | client_id)", data, residual_by="arm")
    plain = al.fit_multilevel("x ~ 1 + (1 | client_id)", data)
    assert np.isfinite(by_arm.compare(plain).p_value)
    ar1 = al.fit_multilevel(
        "x ~ arm + session + (1 | client_id)", data, residual="ar1", time="session"
    )
    assert "the residuals' structure differs" in untested(by_arm, ar1)


def test_extra_zeros_that_are_none_add_nothing():
    data = sessions().assign(count=lambda rows: rows["count"] + 1)
    plain = al.fit_multilevel("count ~ x + (1 | client_id)", data, family="poisson")
    more = al.fit_multilevel("count ~ x + (1 | client_id)", data, family="poisson", zero="inflated")
    found = more.compare(plain)
    assert (found.statistic, found.p_value) == (0.0, 1.0)
