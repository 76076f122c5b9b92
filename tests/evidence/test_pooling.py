"""Pooling against R's metafor, on seven sets of effects, and by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.evidence.plots import forest_rows, published_points

REFERENCE = Path(__file__).parents[1] / "reference" / "evidence"
CASES = json.loads((REFERENCE / "references.json").read_text())["cases"]
EFFECTS = pd.read_csv(REFERENCE / "effects.csv")
SIMPLE = [(case, call) for case, calls in CASES.items() for call in calls if call != "three level"]
THREE_LEVEL = [case for case, calls in CASES.items() if "three level" in calls]

LOGLIK = 1e-7  # both stop at an optimum; the likelihood is flat there
ESTIMATE = 1e-6  # both find the zero of the likelihood's slope; metafor stops at 1e-12 in tau2
THREE = 1e-4  # nlminb and our simplex stop at different distances from one optimum


def data(case: str) -> pd.DataFrame:
    rows = EFFECTS[EFFECTS["case"] == case]
    return pd.DataFrame(
        {"estimate": rows["yi"], "se": np.sqrt(rows["vi"]), "cluster": rows["cluster"]}
    ).reset_index(drop=True)


def test_the_grid_of_references_has_not_shrunk():
    assert len(CASES) == 7
    assert len(SIMPLE) == 49
    assert len(THREE_LEVEL) == 3


@pytest.mark.parametrize(("case", "call"), SIMPLE)
def test_equals_metafor(case, call):
    method, test = call.split()
    reference = CASES[case][call]
    found = al.pool_effects(
        data(case),
        metric="generic",
        method=method,
        test={"z": "wald", "knha": "knapp-hartung"}[test],
    )
    assert found.k == reference["k"]
    assert found.estimate == pytest.approx(reference["beta"], rel=ESTIMATE)
    assert found.std_error == pytest.approx(reference["se"], rel=ESTIMATE)
    np.testing.assert_allclose([found.conf_low, found.conf_high], reference["ci"], atol=ESTIMATE)
    # metafor gives no prediction interval where all effects are taken as one, and neither do we.
    prediction = reference["pi"] or [np.nan, np.nan]
    np.testing.assert_allclose(
        [found.prediction_low, found.prediction_high], prediction, atol=ESTIMATE
    )
    assert found.p_value == pytest.approx(reference["pval"], rel=1e-5, abs=1e-12)
    assert found.tau2 == pytest.approx(reference["tau2"], rel=ESTIMATE, abs=1e-9)
    assert found.q == pytest.approx(reference["q"], rel=1e-9)
    assert found.q_p_value == pytest.approx(reference["qp"], rel=1e-6)
    if method != "EE":
        assert found.i2 == pytest.approx(reference["i2"], rel=ESTIMATE, abs=1e-8)
    if method in ("REML", "ML", "EE"):
        assert found.loglik == pytest.approx(reference["loglik"], abs=LOGLIK)
    if method == "REML":
        np.testing.assert_allclose(
            [found.tau2_low, found.tau2_high], reference["tau2_ci"], atol=1e-4
        )  # metafor finds the ends to 1e-4


@pytest.mark.parametrize("case", THREE_LEVEL)
def test_three_levels_equal_metafor(case):
    reference = CASES[case]["three level"]
    found = al.pool_effects(data(case), metric="generic", cluster="cluster", test="wald")
    assert found.loglik == pytest.approx(reference["loglik"], abs=LOGLIK)
    assert found.estimate == pytest.approx(reference["beta"], rel=THREE)
    assert found.std_error == pytest.approx(reference["se"], rel=THREE)
    got = [found.sigma2["between"], found.sigma2["within"]]
    np.testing.assert_allclose(got, reference["sigma2"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(
        [found.prediction_low, found.prediction_high], reference["pi"], atol=THREE
    )


def test_correlations_go_through_fishers_z_and_back():
    table = pd.DataFrame(
        {"label": ["A", "B", "C"], "estimate": [0.2, 0.3, 0.5], "n": [43, 103, 28]}
    )
    found = al.pool_effects(table, metric="r", method="EE", test="wald")
    weights = np.array([40, 100, 25])
    z = np.arctanh(table["estimate"]) @ weights / weights.sum()
    assert found.estimate == pytest.approx(np.tanh(z))
    assert found.conf_low == pytest.approx(np.tanh(z - 1.959963985 / np.sqrt(165)))
    assert found.effects["weight"].tolist() == pytest.approx(list(100 * weights / 165))


def test_an_interval_stands_in_for_a_standard_error():
    by_se = pd.DataFrame({"estimate": [0.1, 0.4], "se": [0.1, 0.2]})
    half = 1.959963984540054 * by_se["se"]
    by_interval = pd.DataFrame(
        {
            "estimate": by_se["estimate"],
            "ci_low": by_se["estimate"] - half,
            "ci_high": by_se["estimate"] + half,
        }
    )
    one = al.pool_effects(by_se, metric="smd")
    two = al.pool_effects(by_interval, metric="smd")
    assert one.estimate == pytest.approx(two.estimate)
    assert one.conf_high == pytest.approx(two.conf_high)


def test_proportions_from_counts_with_none_and_all():
    table = pd.DataFrame({"events": [0, 5, 10], "n": [10, 20, 10]})
    found = al.pool_effects(table, metric="proportion", method="EE", test="wald")
    logits = np.log([0.5 / 10.5, 5 / 15, 10.5 / 0.5])
    w = 1 / np.array([1 / 0.5 + 1 / 10.5, 1 / 5 + 1 / 15, 1 / 10.5 + 1 / 0.5])
    pooled = logits @ w / w.sum()
    assert found.estimate == pytest.approx(1 / (1 + np.exp(-pooled)))


def test_rows_without_what_is_needed_are_named():
    table = pd.DataFrame(
        {"label": ["A", "B", "C"], "estimate": [0.2, None, 0.3], "n": [50, 60, None]}
    )
    found = al.pool_effects(table, metric="r", test="wald")
    assert found.k == 1
    assert found.messages[:2] == (
        "1 of 3 rows have no estimate and are left out: B.",
        "1 of 3 rows have no variance and are left out: C.",
    )


def test_impossible_values_are_refused_by_row():
    with pytest.raises(al.ColumnError, match=r"rows 1 hold 1\.2"):
        al.pool_effects(pd.DataFrame({"estimate": [0.1, 1.2], "n": [9, 9]}), metric="r")
    with pytest.raises(al.DesignError, match="Did you mean 'smd'"):
        al.pool_effects(pd.DataFrame({"estimate": [0.1], "se": [1.0]}), metric="smds")
    with pytest.raises(al.DesignError, match="No row has both"):
        al.pool_effects(pd.DataFrame({"estimate": [0.1]}), metric="smd")


def test_the_forest_draws_every_effect_and_the_pool():
    found = al.pool_effects(data("few studies"), metric="generic")
    rows = forest_rows(found)
    assert len(rows) == 4
    assert rows["weight"].sum() == pytest.approx(100)
    names = [label.get_text() for label in found.forest().get_yticklabels()]
    assert names[-2:] == ["Pooled", "New study"]
    assert found.funnel().get_ylabel() == "Standard error"


def test_a_mean_or_a_share_without_its_count_gets_no_binomial_interval():
    # Kullgard et al. 2022: .0889 is a mean of 116 estimates (SD .0834, so [.074, .104]); Wilson's
    # interval of 10 "events" among 116 would be three times as wide.
    rows = pd.DataFrame(
        {
            "label": ["mean", "domains", "share"], "estimate": [0.0889, np.nan, 0.25],
            "ci_low": np.nan, "ci_high": np.nan, "n": [116, 12, 129],
            "events": [np.nan, 11, np.nan], "kind": ["mean", "mean", "study"],
            "metric": "proportion", "verified": True,
        }
    )  # fmt: skip
    points = published_points(rows)
    assert points["estimate"].tolist() == pytest.approx([0.0889, 11 / 12, 0.25])
    assert points[["conf_low", "conf_high"]].isna().all(axis=None)


def test_published_points_keep_own_intervals_and_take_wilsons_for_counts():
    rows = pd.DataFrame(
        {
            "label": ["pooled", "counted", "told"], "estimate": [0.2, np.nan, np.nan],
            "ci_low": [0.1, np.nan, np.nan], "ci_high": [0.3, np.nan, np.nan],
            "n": [np.nan, 50, 10], "events": [np.nan, 10, np.nan],
            "kind": ["pooled", "study", "finding"], "metric": "proportion",
            "verified": [True, False, True],
        }
    )  # fmt: skip
    points = published_points(rows)
    assert points["label"].tolist() == ["pooled", "counted"]
    assert points.loc[0, ["conf_low", "conf_high"]].tolist() == [0.1, 0.3]
    # Wilson (1927): (p + z2/2n -+ z sqrt(pq/n + z2/4n2)) / (1 + z2/n) for 10 of 50
    assert points.loc[1, ["conf_low", "conf_high"]].tolist() == pytest.approx(
        [0.1124, 0.3304], abs=5e-5
    )
    ax = al.plot_published(rows, xlabel="Share", claimed=0.25)
    assert ax.get_xlabel() == "Share; 2 published numbers"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["pooled", "counted"]
