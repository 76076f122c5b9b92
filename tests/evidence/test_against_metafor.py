"""Regression, influence, bias, CR2, proportions, effect sizes: equal to metafor, clubSandwich."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binom, norm

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "evidence"
MORE = json.loads((REFERENCE / "more.json").read_text())
SETS = pd.read_csv(REFERENCE / "sets.csv")
COUNTS = pd.read_csv(REFERENCE / "counts.csv")
STUDIES = sorted(MORE["studies"])

EXACT = 1e-9  # closed formulas
ITERATED = 1e-6  # both find the zero of the likelihood's slope; R stops at 1e-12 in tau2
LME4 = 2e-3  # its optimiser stops early where the likelihood is flat: ours is higher (tested)
NUMERIC = 1e-6  # the same, one step on
REFIT = 1e-4  # trimfill pools the filled set by R's usual threshold; levels.json has it tighter
SEARCH = 1e-4  # both maximise a likelihood numerically, and stop where it is flat
SELECTION = (
    2e-3  # R maximises over log tau and delta by nlminb, which stops at 1e-8 of the deviance
)


def data(case: str) -> pd.DataFrame:
    rows = SETS[SETS["case"] == case].reset_index(drop=True)
    return rows.assign(estimate=rows["yi"], se=np.sqrt(rows["vi"]))


def pool(case: str, **options):
    return al.pool_effects(data(case), metric="generic", **{"test": "wald", **options})


def close(found, reference, tolerance=ITERATED):
    np.testing.assert_allclose(found, reference, rtol=tolerance, atol=tolerance)


def test_the_reference_holds_what_the_tests_need():
    assert len(STUDIES) == 10
    assert set(COUNTS["case"]) == set(MORE["glmm"])


@pytest.mark.parametrize("case", STUDIES)
def test_reml_on_published_sets(case):
    reference = MORE["studies"][case]["reml"]
    found = pool(case, test="knapp-hartung")
    close([found.estimate, found.std_error], [reference["beta"], reference["se"]])
    close(found.tau2, reference["tau2"])
    close([found.prediction_low, found.prediction_high], reference["pi"])


@pytest.mark.parametrize("case", STUDIES)
def test_meta_regression(case):
    reference = MORE["studies"][case]["regression"]
    found = al.fit_meta_regression("x", data(case), metric="generic")
    table = found.tidy()
    close(table["estimate"], reference["beta"], NUMERIC)  # years near 2000: the intercept is far
    close(table["std_error"], reference["se"], NUMERIC)
    close(table["p_value"], reference["p"], NUMERIC)
    close(found.tau2, reference["tau2"], NUMERIC)
    close([found.qm, found.qm_p_value], [reference["qm"], reference["qm_p"]], NUMERIC)
    close(found.qe, reference["qe"])
    if MORE["studies"][case]["reml"]["tau2"] == 0:  # nothing to explain: metafor says 0
        assert np.isnan(found.r2)
        assert "nothing for the predictors to explain" in found.messages[-1]
    else:
        close(found.r2, reference["r2"], NUMERIC)


@pytest.mark.parametrize("case", STUDIES)
def test_leave_one_out_and_influence(case):
    found = al.leave_one_out(pool(case))
    once = MORE["studies"][case]["leave_one_out"]
    for ours, theirs in (("estimate", "estimate"), ("std_error", "se"), ("tau2", "tau2"),
                         ("q", "q")):  # fmt: skip
        close(found[ours], once[theirs], NUMERIC)
    influence = MORE["studies"][case]["influence"]
    for ours, theirs in (("studentised", "rstudent"), ("dffits", "dffits"), ("cook", "cook"),
                         ("cov_ratio", "cov_r"), ("hat", "hat")):  # fmt: skip
        close(found[ours], influence[theirs], NUMERIC)


@pytest.mark.parametrize("case", STUDIES)
def test_small_study_tests(case):
    found = al.small_study_test(pool(case)).set_index("test")
    egger = MORE["studies"][case]["egger"]
    close(found.loc["egger", ["statistic", "p_value", "df", "limit"]].astype(float),
          [egger["statistic"], egger["p"], egger["df"], egger["intercept"]])  # fmt: skip
    random = MORE["studies"][case]["egger_re"]
    close(found.loc["egger_random", ["statistic", "p_value"]].astype(float),
          [random["statistic"], random["p"]], NUMERIC)  # fmt: skip


@pytest.mark.parametrize("case", STUDIES)
def test_trim_and_fill(case):
    reference = MORE["studies"][case]["trim_fill"]
    found = al.trim_and_fill(pool(case))
    assert (found.n_filled, found.side) == (reference["k0"], reference["side"])
    close(found.adjusted.estimate, reference["beta"], NUMERIC)
    close(found.adjusted.std_error, reference["se"], REFIT)
    close(found.adjusted.tau2, reference["tau2"], REFIT)
    other = MORE["studies"][case]["trim_fill_r0"]
    found = al.trim_and_fill(pool(case), estimator="R0")
    assert (found.n_filled, found.side) == (other["k0"], other["side"])
    close(found.adjusted.estimate, other["beta"], NUMERIC)


@pytest.mark.parametrize("case", STUDIES)
def test_selection_model(case):
    reference = MORE["studies"][case]["selection"]
    whole = pool(case)
    if reference is None:  # no significant result in the set: metafor stops as well
        with pytest.raises(al.DesignError, match="both sides of the step; 0 of 12"):
            al.selection_model(whole)
        return
    found = al.selection_model(whole, direction="less" if whole.estimate < 0 else "greater")
    close(found.estimate, reference["beta"], SELECTION)
    close(found.std_error, reference["se"], SELECTION)
    close(found.tau2, reference["tau2"], SELECTION)
    close(found.weight, reference["delta"], SELECTION)
    close(found.lrt, reference["lrt"], SEARCH)
    close(found.p_value, reference["p"], SEARCH)


def test_a_selection_model_of_negative_effects_mirrors_that_of_positive_ones():
    rows = data("passive smoking")
    plus = al.selection_model(al.pool_effects(rows, metric="generic"))
    mirrored = rows.assign(estimate=-rows["estimate"])
    minus = al.selection_model(al.pool_effects(mirrored, metric="generic"), direction="less")
    assert minus.estimate == pytest.approx(-plus.estimate)
    assert minus.conf_low == pytest.approx(-plus.conf_high)


def test_three_levels_and_cr2_equal_clubsandwich():
    reference = MORE["robust"]["three"]
    found = pool("school calendar", cluster="cluster")
    close([found.sigma2["between"], found.sigma2["within"]], reference["sigma2"], NUMERIC)
    row = al.robust_test(found).iloc[0]
    close([row["estimate"], row["std_error"], row["df"], row["p_value"]],
          [reference[name] for name in ("beta", "se", "df", "p")], NUMERIC)  # fmt: skip


def test_cr2_of_a_regression_in_three_levels():
    reference = MORE["robust"]["three_x"]
    rows = data("school calendar")
    centred = rows.assign(x=rows["x"] - 1990)  # a year near 2000 leaves X'X near singular
    fit = al.fit_meta_regression("x", centred, metric="generic", cluster="cluster")
    slope = al.robust_test(fit).iloc[1]
    close([slope["estimate"], slope["std_error"], slope["df"], slope["p_value"]],
          [reference[name][1] for name in ("beta", "se", "df", "p")], NUMERIC)  # fmt: skip


def test_cr2_with_clusters_the_model_does_not_have():
    reference = MORE["robust"]["one"]
    row = al.robust_test(pool("school calendar"), cluster=data("school calendar")["cluster"])
    close(row.loc[0, ["estimate", "std_error", "df", "p_value"]].astype(float),
          [reference[name] for name in ("beta", "se", "df", "p")])  # fmt: skip


def log_likelihood(logit, tau, rows):
    """Sum over a fine grid of studies' logits: nothing that the model's own integral rests on."""
    u = np.linspace(-9, 9, 20_001)
    each = binom.pmf(rows["events"].to_numpy()[:, None], rows["n"].to_numpy()[:, None],
                     expit(logit + tau * u))  # fmt: skip
    return np.log(each @ norm.pdf(u) * (u[1] - u[0])).sum()


@pytest.mark.parametrize("case", sorted(MORE["glmm"]))
def test_the_binomial_normal_model(case):
    reference = MORE["glmm"][case]
    rows = COUNTS[COUNTS["case"] == case]
    found = al.pool_effects(rows, metric="proportion", method="GLMM", test="wald")
    close(found.pooled, reference["beta"], SEARCH)
    close(found.std_error, reference["se"], LME4)
    close(found.tau2, reference["tau2"], LME4)
    at_theirs = log_likelihood(reference["beta"], reference["tau2"] ** 0.5, rows)
    assert found.loglik >= at_theirs - EXACT
    at_ours = log_likelihood(found.pooled, found.tau2**0.5, rows)
    close(found.loglik, at_ours, EXACT)
    close(found.q, reference["q_lrt"])
    ends = 1 / (1 + np.exp(-np.array(reference["ci"])))
    close([found.conf_low, found.conf_high], ends, LME4)


SIZES = {
    "smd": ("means", {"mean1": [10.5, 3], "sd1": [4, 1.2], "n1": [20, 9], "mean2": [8, 3.4],
                      "sd2": [5, 0.9], "n2": [25, 11]}),
    "or": ("odds_ratio", {"events1": [4, 0], "n1": [20, 12], "events2": [9, 3], "n2": [20, 12]}),
    "rr": ("risk_ratio", {"events1": [4, 0], "n1": [20, 12], "events2": [9, 3], "n2": [20, 12]}),
    "rd": ("risk_difference", {"events1": [4, 2], "n1": [20, 12], "events2": [9, 3],
                               "n2": [20, 12]}),
    "smcr": ("pre_post", {"mean_post": [20, 31], "mean_pre": [25, 30], "sd_pre": [6, 8],
                          "n": [30, 15], "r": [0.5, 0.7]}),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_effect_sizes_equal_escalc(name):
    kind, columns = SIZES[name]
    found = al.effect_sizes(pd.DataFrame(columns), kind=kind)
    close(found["estimate"], MORE["sizes"][name]["yi"], EXACT)
    close(found["se"] ** 2, MORE["sizes"][name]["vi"], EXACT)


def test_correlations_and_counts_go_to_the_pool_as_escalc_has_them():
    r = pd.DataFrame({"estimate": [0.3, -0.5], "n": [40, 22]})
    counts = pd.DataFrame({"events": [3, 0], "n": [20, 12]})
    for name, pool in (("zcor", al.pool_effects(r, metric="r")),
                       ("plo", al.pool_effects(counts, metric="proportion"))):  # fmt: skip
        close(pool.effects["yi"], MORE["sizes"][name]["yi"], EXACT)
        close(pool.effects["vi"], MORE["sizes"][name]["vi"], EXACT)
