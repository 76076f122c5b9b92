"""The engine against lme4, lmerTest and pbkrtest, design by design.

How the references were made, and where R has conventions of its own, is written in
``tests/reference/multilevel/README.md``.
"""

import functools
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
DESIGNS = json.loads((REFERENCE / "designs.json").read_text())
NAMES = [design["name"] for design in DESIGNS]
# Kenward-Roger is defined for REML, and pbkrtest leaves prior weights out
ADJUSTED = [one["name"] for one in DESIGNS if one["reml"] and "weights" not in one]
AT_LEAST, AT_LEAST_ADJUSTED = 59, 46  # the grid may grow, never shrink

LOG_LIKELIHOOD = 1e-6  # absolute: far below any difference that matters between models
ESTIMATE = 1e-5  # relative to the coefficient or its standard error, whichever is larger
STANDARD_ERROR = 1e-5  # relative
VARIANCE = 1e-4  # relative: the likelihood is flat around its top
DF = 1e-3  # relative: lmerTest's derivatives are numerical
MODE = 1e-4  # in residual standard deviations: as good as the variances they rest on
ZERO = 1e-7  # a variance of zero, as a share of the residual variance

# lmerTest's numerical second derivative is off where a covariance is nearly zero: the reference
# holds its df with a wider step too, and those agree to DF (see the README)
STEP_TOO_SMALL = {"clinic-main-ml": 1e-2}


@functools.cache
def reference_of(name):
    return json.loads((REFERENCE / "lme4" / f"{name}.json").read_text())


@functools.cache
def data_of(dataset):
    return pd.read_csv(REFERENCE / "data" / f"{dataset}.csv.gz")


@functools.cache
def fit_of(name, df="satterthwaite"):
    reference = reference_of(name)
    data = data_of(reference["data"])
    for column, levels in (reference["levels"] or {}).items():
        data = data.assign(**{column: pd.Categorical(data[column], levels)})
    options = {"reml": reference["reml"], "df": df, "weights": reference.get("weights")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)  # `test_variances` looks at it
        return al.fit_multilevel(reference["formula"], data, **options)


def r_name(term):
    """Return R's name of a coefficient: ``condition[T.usual]`` is ``conditionusual``."""
    return "(Intercept)" if term == "Intercept" else re.sub(r"\[(?:T\.)?([^\]]*)\]", r"\1", term)


def in_r_order(series, reference):
    ours = series.rename(index=r_name)
    assert sorted(ours.index) == sorted(reference["coef"])
    return ours[reference["coef"]].to_numpy()


def matrix_in_r_order(table, reference):
    named = table.rename(index=r_name, columns=r_name)
    return named.loc[reference["coef"], reference["coef"]].to_numpy()


def ours_of(fit, terms):
    """Return our names of the coefficients that R calls `terms`."""
    names = {r_name(term): term for term in fit.params.index}
    return [names[term] for term in terms]


def group_name(lme4_name):
    """Return a nested factor's name without lme4's brackets: ``a:(b:c)`` is ``a:b:c``."""
    return lme4_name.replace("(", "").replace(")", "")


def as_text(key):
    """Return a group's id as lme4 writes it: ``(1, "s1")`` is ``1:s1``."""
    return ":".join(map(str, key)) if isinstance(key, tuple) else str(key)


def by_term(rows):
    """Return {(group, terms): (vcov, sdcor)} from the rows of a table of variances."""
    found = {}
    for row in rows:
        terms = [row[key] for key in ("term1", "term2") if isinstance(row[key], str)]
        terms = frozenset("Intercept" if term == "(Intercept)" else term for term in terms)
        found[group_name(row["group"]), terms] = (row["vcov"], row["sdcor"])
    return found


def assert_covariances(found, expected, errors):
    """Compare covariances of coefficients, each measured by its two standard errors."""
    apart = np.abs(found - np.array(expected))
    assert (apart <= 4 * STANDARD_ERROR * np.outer(errors, errors)).all()


def assert_joint(fit, tests, df=DF):
    for expected in tests:
        found = fit.test(ours_of(fit, expected["terms"]))
        assert found.df_num == expected["num_df"]
        assert found.df_den == pytest.approx(expected["den_df"], rel=df)
        assert found.statistic == pytest.approx(expected["F"], rel=2 * STANDARD_ERROR)


def test_the_grid_does_not_shrink():
    assert len(NAMES) == len(set(NAMES)) >= AT_LEAST
    assert len(ADJUSTED) >= AT_LEAST_ADJUSTED
    assert {path.stem for path in (REFERENCE / "lme4").glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_likelihood_and_sizes(name):
    fit, reference = fit_of(name), reference_of(name)
    assert fit.converged
    assert fit.llf == pytest.approx(reference["loglik"], abs=LOG_LIKELIHOOD)
    assert fit.aic == pytest.approx(reference["aic"], abs=4 * LOG_LIKELIHOOD)
    assert fit.bic == pytest.approx(reference["bic"], abs=4 * LOG_LIKELIHOOD)
    assert fit.nobs == reference["nobs"]
    sizes = {group_name(group): size for group, size in reference["n_groups"].items()}
    if name == "partly":
        sizes["therapist_id"] -= 1  # lme4 counts the word for clients without a therapist
    assert fit.n_groups == sizes


@pytest.mark.parametrize("name", NAMES)
def test_coefficients(name):
    fit, reference = fit_of(name), reference_of(name)
    expected, errors = np.array(reference["fixef"]), np.array(reference["se"])
    apart = np.abs(in_r_order(fit.params, reference) - expected)
    assert (apart <= ESTIMATE * np.maximum(np.abs(expected), errors)).all()
    assert in_r_order(fit.bse, reference) == pytest.approx(errors, rel=STANDARD_ERROR)
    covariance = matrix_in_r_order(fit.cov_params(), reference)
    assert_covariances(covariance, reference["vcov"], errors)


@pytest.mark.parametrize("name", NAMES)
def test_variances(name):
    fit, reference = fit_of(name), reference_of(name)
    ours, theirs = by_term(fit.varcomp.to_dict("records")), by_term(reference["varcorr"])
    assert set(ours) == set(theirs)
    zero = ZERO * reference["sigma"] ** 2
    for (group, terms), (vcov, sdcor) in theirs.items():
        found = ours[group, terms]
        if len(terms) == 2:  # a covariance is measured by the standard deviations it joins
            scale = np.prod([theirs[group, frozenset([term])][1] for term in terms])
            assert found[0] == pytest.approx(vcov, abs=VARIANCE * scale + zero), (group, terms)
            continue
        assert found[0] == pytest.approx(vcov, rel=VARIANCE, abs=zero), (group, terms)
        assert found[1] == pytest.approx(sdcor, rel=VARIANCE, abs=np.sqrt(zero)), (group, terms)
    assert fit.scale == pytest.approx(reference["sigma"] ** 2, rel=VARIANCE)
    assert fit.singular == reference["singular"]


@pytest.mark.parametrize("name", NAMES)
def test_satterthwaite(name):
    fit, reference = fit_of(name), reference_of(name)
    expected = reference["satterthwaite"]
    df = in_r_order(fit.df, reference)
    for theirs, tolerance in (
        (expected, STEP_TOO_SMALL.get(name, DF)),
        (expected["wider_step"], DF),
    ):
        assert df == pytest.approx(np.array(theirs["df"]), rel=tolerance)
        assert_joint(fit, theirs["joint"], tolerance)
    t = in_r_order(fit.tvalues, reference)
    assert t == pytest.approx(np.array(expected["t"]), rel=2 * ESTIMATE, abs=2 * ESTIMATE)


@pytest.mark.parametrize("name", ADJUSTED)
def test_kenward_roger(name):
    fit, reference = fit_of(name, "kenward-roger"), reference_of(name)
    expected = reference["kenward_roger"]
    errors = np.array(expected["se"])
    assert in_r_order(fit.bse, reference) == pytest.approx(errors, rel=STANDARD_ERROR)
    covariance = matrix_in_r_order(fit.cov_params(), reference)
    assert_covariances(covariance, expected["vcov"], errors)
    assert in_r_order(fit.df, reference) == pytest.approx(np.array(expected["df"]), rel=DF)
    assert_joint(fit, expected["joint"])


@pytest.mark.parametrize("name", NAMES)
def test_conditional_modes(name):
    fit, reference = fit_of(name), reference_of(name)
    for lme4_group, expected in reference["ranef"].items():
        group = group_name(lme4_group)
        terms = [term.replace("(Intercept)", "Intercept") for term in expected["terms"]]
        modes, deviations = fit.random_effects[group], fit.random_effects_sd[group]
        keys = [as_text(key) for key in modes.index]
        rows = [keys.index(key) for key in expected["group"]]
        size = MODE * reference["sigma"]
        assert modes.iloc[rows][terms].to_numpy() == pytest.approx(
            np.array(expected["mode"]), abs=size
        )
        if expected["variance"]:
            variance = np.array(expected["variance"])
            assert deviations.iloc[rows][terms].to_numpy() == pytest.approx(
                np.sqrt(np.einsum("iaa->ia", variance)), abs=np.sqrt(ZERO) * reference["sigma"]
            )


@pytest.mark.parametrize("name", NAMES)
def test_predictions(name):
    fit, reference = fit_of(name), reference_of(name)
    expected, size = reference["predict"], MODE * reference["sigma"]
    rows = data_of(reference["data"]).iloc[np.array(expected["row"]) - 1]
    conditional = np.array(expected["conditional"])
    assert fit.fittedvalues[rows.index].to_numpy() == pytest.approx(conditional, abs=size)
    assert fit.predict(rows).to_numpy() == pytest.approx(conditional, abs=size)
    population = fit.predict(rows, random_effects=False).to_numpy()
    assert population == pytest.approx(np.array(expected["population"]), abs=size)
    newcomer = expected["new_group"]
    if newcomer:  # the other levels are known, so their effects stay
        found = fit.predict(rows.assign(**{newcomer["group"]: "somebody new"})).to_numpy()
        assert found == pytest.approx(np.array(newcomer["value"]), abs=size)
