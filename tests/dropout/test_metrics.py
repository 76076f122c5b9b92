"""Metrics of predicted probabilities against formulas, scikit-learn and statsmodels."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from alliance_stats.dropout.prediction import intervals, metrics, therapists
from alliance_stats.dropout.prediction.metrics import Predictions

EXACT = 1e-12
NEWTON = 1e-7  # both stop at their own gradient


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    n = 600
    cluster = rng.integers(0, 30, n)
    z = rng.normal(-1.2, 1.0, n)
    p = 1 / (1 + np.exp(-z))
    y = (rng.random(n) < 1 / (1 + np.exp(-(0.4 + 0.7 * z)))).astype(float)
    return Predictions(y, p, np.full(n, y.mean()), np.zeros(n, dtype=int), cluster)


def test_auc_and_brier_equal_scikit_learn(data):
    right, pairs = metrics.concordance(data)
    assert metrics.auc(right, pairs, np.ones(30)) == pytest.approx(
        roc_auc_score(data.y, data.p), abs=EXACT
    )
    assert metrics.brier(data, np.ones(600)) == pytest.approx(
        brier_score_loss(data.y, data.p), abs=EXACT
    )


def test_a_weighted_auc_is_that_of_repeated_therapists(data):
    weight = np.random.default_rng(1).integers(0, 3, 30)
    right, pairs = metrics.concordance(data)
    rows = np.repeat(np.arange(600), weight[data.cluster])
    expected = roc_auc_score(data.y[rows], data.p[rows])
    assert metrics.auc(right, pairs, weight) == pytest.approx(expected, abs=EXACT)


def test_clients_of_different_folds_are_not_compared(data):
    fold = (np.arange(600) % 2).astype(int)
    shifted = Predictions(data.y, np.clip(data.p + fold * 0.2, 0, 1), data.base, fold, data.cluster)
    right, pairs = metrics.concordance(shifted)
    parts = [roc_auc_score(data.y[fold == f], shifted.p[fold == f]) for f in (0, 1)]
    size = [data.y[fold == f].sum() * (1 - data.y[fold == f]).sum() for f in (0, 1)]
    expected = np.average(parts, weights=size)
    assert metrics.auc(right, pairs, np.ones(30)) == pytest.approx(expected, abs=EXACT)


def test_calibration_equals_logistic_regression(data):
    import statsmodels.api as sm

    z = metrics.logit(data.p)
    model = sm.GLM(data.y, sm.add_constant(z), family=sm.families.Binomial()).fit()
    each = np.ones(600)
    assert metrics.calibration_slope(data, each) == pytest.approx(model.params[1], abs=NEWTON)
    shift = sm.GLM(data.y, np.ones(600), family=sm.families.Binomial(), offset=z).fit()
    assert metrics.calibration_intercept(data, each) == pytest.approx(shift.params[0], abs=NEWTON)
    # Planted: intercept .4, slope .7; four standard errors.
    assert metrics.calibration_slope(data, each) == pytest.approx(0.7, abs=4 * model.bse[1])


def test_the_flexible_curve_finds_the_planted_one_and_ici_its_distance(data):
    at = np.array([0.1, 0.2, 0.4])
    truth = 1 / (1 + np.exp(-(0.4 + 0.7 * metrics.logit(at))))
    np.testing.assert_allclose(metrics.observed_curve(data, np.ones(600), at), truth, atol=0.1)
    expected = np.abs(1 / (1 + np.exp(-(0.4 + 0.7 * metrics.logit(data.p)))) - data.p).mean()
    assert metrics.ici(data, np.ones(600)) == pytest.approx(expected, abs=0.03)


def test_net_benefit_by_hand():
    y, p = np.array([1, 1, 0, 0, 0.0]), np.array([0.9, 0.2, 0.6, 0.3, 0.1])
    # At .25: true positives 1, false positives 2 of 5: .2 - .4 * (1/3).
    value = metrics.net_benefit(y, p, np.ones(5), 0.25)
    assert value == pytest.approx(1 / 5 - 2 / 5 / 3)
    everybody = metrics.net_benefit(y, np.ones(5), np.ones(5), 0.25)
    assert everybody == pytest.approx(2 / 5 - 3 / 5 / 3)


def test_intervals_draw_whole_therapists(data):
    weights = intervals.draws(30, 400, seed=1)
    halves = np.arange(600) % 2
    data = Predictions(data.y, data.p, data.base, halves, data.cluster)
    assert (weights.sum(axis=1) == 30).all()
    table = intervals.performance(data, weights, 0.95, constant=False).set_index("metric")
    assert (
        table.loc["auc", "conf_low"] < table.loc["auc", "estimate"] < table.loc["auc", "conf_high"]
    )
    # Hanley-McNeil's error for independent clients is near, since these therapists do not differ.
    area, error = therapists._area(data.y, data.p)
    width = table.loc["auc", "conf_high"] - table.loc["auc", "conf_low"]
    # Two folds widen by sqrt(1 + 2 / 1) for their training.
    assert width == pytest.approx(2 * 1.96 * error * np.sqrt(3), rel=0.3)
    assert area == pytest.approx(table.loc["auc", "estimate"], abs=0.01)  # halves apart


def test_therapists_that_differ_widen_the_prediction_interval():
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(60), 30)
    z = rng.normal(-1, 0.8, 1800)
    own = rng.normal(0, 0.7, 60)[cluster]
    y = (rng.random(1800) < 1 / (1 + np.exp(-(z + own)))).astype(float)
    p = 1 / (1 + np.exp(-z))
    data = Predictions(y, p, np.full(1800, y.mean()), np.zeros(1800, dtype=int), cluster)
    table = therapists.by_therapist(data, np.arange(60))
    found, why = therapists.new_therapist(data, table, 0.95)
    row = found.set_index("metric").loc["calibration_intercept"]
    assert row["sd_between"] == pytest.approx(0.7, abs=0.25)
    assert row["prediction_low"] < row["conf_low"] < row["conf_high"] < row["prediction_high"]
    assert row["prediction_high"] - row["prediction_low"] > 2 * 1.96 * 0.6
    assert why == []
    few = Predictions(y[:90], p[:90], data.base[:90], data.fold[:90], cluster[:90])
    none, why = therapists.new_therapist(few, therapists.by_therapist(few, np.arange(3)), 0.95)
    assert none["estimate"].isna().all()
    assert len(why) == 2
