"""Every estimator's trim and fill, three levels, CR2 and the binomial-normal model: as in R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

FOLDER = Path(__file__).parents[1] / "reference" / "evidence"
REFERENCE = json.loads((FOLDER / "levels.json").read_text())
LEVELS = pd.read_csv(FOLDER / "levels.csv")
COUNTS = pd.read_csv(FOLDER / "more_counts.csv")
SIMPLE = pd.concat(
    [pd.read_csv(FOLDER / "estimators.csv"), pd.read_csv(FOLDER / "sets.csv")], ignore_index=True
)
FITS = [(case, method) for case, found in REFERENCE["estimators"].items() for method in found]

EXACT = 1e-6  # both find the zero of the likelihood's slope, or a closed form
THREE = 1e-4  # two searches of two variances stop where the likelihood is flat to the last digit


def effects(table: pd.DataFrame, case: str) -> pd.DataFrame:
    rows = table[table["case"] == case].reset_index(drop=True)
    return rows.assign(estimate=rows["yi"], se=np.sqrt(rows["vi"]), label=rows.index.astype(str))


def close(found, reference, tolerance):
    np.testing.assert_allclose(np.asarray(found, float), reference, rtol=tolerance, atol=tolerance)


def test_there_are_eight_sets_or_more_of_each():
    assert len(REFERENCE["levels"]) >= 8
    assert len(REFERENCE["estimators"]) >= 8
    assert len(REFERENCE["glmm"]) >= 8


@pytest.mark.parametrize(("case", "method"), FITS)
def test_trim_and_fill_uses_the_pools_own_estimator(case, method):
    reference = REFERENCE["estimators"][case][method]
    pool = al.pool_effects(effects(SIMPLE, case), metric="generic", method=method, test="wald")
    found = al.trim_and_fill(pool)
    assert (found.n_filled, found.side) == (reference["k0"], reference["side"])
    close([found.adjusted.estimate, found.adjusted.std_error],
          [reference["beta"], reference["se"]], EXACT)  # fmt: skip


@pytest.mark.parametrize(("case", "method"), FITS)
def test_leaving_one_out_keeps_estimator_and_test(case, method):
    reference = REFERENCE["estimators"][case][method]["loo"]
    test = "wald" if method == "EE" else "knapp-hartung"
    pool = al.pool_effects(effects(SIMPLE, case), metric="generic", method=method, test=test)
    found = al.leave_one_out(pool).head(5)
    names = {"estimate": "estimate", "std_error": "se", "conf_low": "low", "conf_high": "high",
             "tau2": "tau2"}  # fmt: skip
    for ours, theirs in names.items():
        close(found[ours], reference[theirs], EXACT)


@pytest.mark.parametrize("case", REFERENCE["levels"])
def test_three_levels_are_tested_with_the_studies_as_degrees_of_freedom(case):
    reference = REFERENCE["levels"][case]
    rows = effects(LEVELS, case)
    found = al.pool_effects(rows, metric="generic", cluster="cluster")
    assert found.df == reference["df"] == rows["cluster"].nunique() - 1
    close(found.loglik, reference["loglik"], 1e-8)
    close([found.sigma2["between"], found.sigma2["within"]], reference["sigma2"], THREE)
    close([found.estimate, found.std_error], [reference["beta"], reference["se"]], THREE)
    close([found.conf_low, found.conf_high], reference["ci"], THREE)
    close([found.prediction_low, found.prediction_high], reference["pi"], THREE)
    close(found.p_value, reference["p"], THREE)


@pytest.mark.parametrize("case", REFERENCE["levels"])
def test_cr2_of_pools_in_three_and_in_two_levels(case):
    rows = effects(LEVELS, case)
    three = al.pool_effects(rows, metric="generic", cluster="cluster")
    two = al.pool_effects(rows, metric="generic")
    for found, name, tolerance in (
        (al.robust_test(three), "cr2", THREE),
        (al.robust_test(two, cluster=rows["cluster"]), "cr2_of_two_levels", EXACT),
    ):
        reference = REFERENCE["levels"][case][name]
        row = found.iloc[0][["estimate", "std_error", "df", "p_value"]]
        close(row, [reference[key] for key in ("beta", "se", "df", "p")], tolerance)


@pytest.mark.parametrize("case", REFERENCE["levels"])
def test_a_predictor_of_studies_has_the_studies_as_degrees_of_freedom(case):
    reference = REFERENCE["levels"][case]["regression"]
    fit = al.fit_meta_regression("x", effects(LEVELS, case), metric="generic", cluster="cluster")
    assert fit.tidy()["df"].tolist() == reference["df"]
    for ours, theirs in (("estimate", "beta"), ("std_error", "se"), ("p_value", "p")):
        close(fit.tidy()[ours], reference[theirs], THREE)
    robust = al.robust_test(fit)
    for ours, theirs in (("std_error", "se"), ("df", "df"), ("p_value", "p")):
        close(robust[ours], reference["cr2"][theirs], 10 * THREE)  # df of a flat search


@pytest.mark.parametrize("case", REFERENCE["glmm"])
def test_the_binomial_normal_model_reaches_the_maximum(case):
    reference = REFERENCE["glmm"][case]
    rows = COUNTS[COUNTS["case"] == case]
    found = al.pool_effects(rows, metric="proportion", method="GLMM", test="wald")
    close([found.pooled, found.std_error, found.tau2],
          [reference[name] for name in ("beta", "se", "tau2")], EXACT)  # fmt: skip
