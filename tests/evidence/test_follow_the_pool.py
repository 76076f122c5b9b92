"""What is asked further of a pool is estimated and tested as the pool was: equal to metafor."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "evidence"
POOLS = json.loads((REFERENCE / "pool_tests.json").read_text())
SETS = pd.read_csv(REFERENCE / "sets.csv")
ITERATED = 1e-6  # both find the zero of the likelihood's slope; R stops at 1e-12 in tau2
REFIT = 1e-4  # leave1out pools by R's usual threshold of 1e-5
EXACT = 1e-9  # closed formulas
TESTS = {"z": "wald", "knha": "knapp-hartung"}
CASES = list(product(sorted(POOLS["pools"]), ("REML", "ML", "DL", "EE"), sorted(TESTS)))


def data(case: str) -> pd.DataFrame:
    rows = pd.DataFrame(POOLS["five"]) if case == "five" else SETS[SETS["case"] == case]
    return rows.reset_index(drop=True).assign(
        estimate=lambda d: d["yi"], se=lambda d: d["vi"] ** 0.5
    )


def close(found, reference, tolerance=ITERATED):
    np.testing.assert_allclose(found, reference, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("case", "method", "test"), CASES)
def test_egger_regression_and_leave_one_out_follow_the_pool(case, method, test):
    reference = POOLS["pools"][case][f"{method} {test}"]
    options = {"metric": "generic", "method": method, "test": TESTS[test]}
    pool = al.pool_effects(data(case), **options)
    egger, row = reference["egger"], al.small_study_test(pool).set_index("test").loc["egger_random"]
    close(row[["statistic", "p_value", "limit"]].astype(float),
          [egger["statistic"], egger["p"], egger["limit"]])  # fmt: skip
    assert row["df"] == (egger["df"] or np.inf)
    once = al.leave_one_out(pool)
    for ours, theirs in (("std_error", "se"), ("conf_low", "low"), ("conf_high", "high")):
        close(once[ours], reference["leave_one_out"][theirs], REFIT)
    fit = al.fit_meta_regression("x", data(case), **options)
    table, wanted = fit.tidy(), reference["regression"]
    close(table["estimate"], wanted["beta"])
    close(table["std_error"], wanted["se"])
    close(table["p_value"], wanted["p"])
    close([fit.tau2, fit.qm, fit.qm_p_value], [wanted["tau2"], wanted["qm"], wanted["qm_p"]])
    assert fit.glance().loc[0, ["method", "test"]].tolist() == [method, TESTS[test]]


def test_the_filled_pool_has_the_method_and_the_test_of_the_pool():
    found = al.trim_and_fill(al.pool_effects(data("bcg"), metric="generic", method="DL"))
    assert (found.adjusted.method, found.adjusted.test) == ("DL", "knapp-hartung")


def test_pools_tested_by_t_are_compared_by_welchs_test():
    """With one standard error for all, Knapp and Hartung's is that of the plain mean."""
    rows = pd.DataFrame(POOLS["kinds"]).assign(estimate=lambda d: d["yi"], se=0.1)
    for name, part in (("three", rows), ("two", rows[rows["kind"] != "c"])):
        found = al.pool_subgroups(part, by="kind", metric="smd").attrs["test"]
        wanted = POOLS["welch"][name]
        close([found["f"], found["df2"], found["p_value"]],
              [wanted["f"], wanted["df2"], wanted["p"]], EXACT)  # fmt: skip
    wald = al.pool_subgroups(rows, by="kind", metric="smd", test="wald").attrs["test"]
    assert wald["df2"] == np.inf


def test_a_funnel_of_effects_on_a_line_keeps_the_wald_error_and_says_so():
    se = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    near = pd.DataFrame({"estimate": 0.1 + se + np.array([1, -1, 1, -1, 0]) * 1e-5, "se": se})
    told = al.small_study_test(al.pool_effects(near, metric="smd")).attrs["messages"]
    assert "Wald standard error is kept" in told[0]


def test_a_regression_in_levels_takes_no_estimator_for_independent_effects():
    rows = pd.DataFrame({"estimate": [0.1, 0.2, 0.3, 0.4], "se": 0.1, "x": [1, 2, 4, 3],
                         "s": list("abcd")})  # fmt: skip
    with pytest.raises(al.DesignError, match="method must be one of REML, ML"):
        al.fit_meta_regression("x", rows, metric="smd", method="DL", cluster="s")
    equal = al.fit_meta_regression("x", rows, metric="smd", method="EE")
    assert "equal effects" in equal.messages[-1]


def test_two_outcomes_of_one_study_with_equal_numbers_are_no_copies():
    rows = pd.DataFrame({"study": ["A", "A", "B"], "outcome": ["bdi", "phq", "bdi"],
                         "estimate": [0.1, 0.1, 0.3], "n": [50, 50, 60]})  # fmt: skip
    told = al.pool_effects(rows, metric="r")
    assert told.k == 3
    assert "cluster='study' gives the three-level model" in told.messages[0]
    with pytest.raises(al.DesignError, match=r"Copies must be dropped.*cluster='study'"):
        al.pool_effects(rows.assign(outcome="bdi"), metric="r")
    assert al.pool_effects(rows, metric="r", cluster="study").n_clusters == 2
