"""Metrics of predicted probabilities against formulas, scikit-learn and statsmodels."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from alliance_stats.dropout.prediction import intervals, metrics, therapists
from alliance_stats.dropout.prediction.metrics import Predictions
from alliance_stats.inference.cluster_bootstrap import times_drawn

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
    weights = times_drawn(30, 400, seed=1)
    halves = np.arange(600) % 2
    data = Predictions(data.y, data.p, data.base, halves, data.cluster)
    assert (weights.sum(axis=1) == 30).all()
    found, why = intervals.performance(data, weights, 0.95, constant=False)
    table = found.set_index("metric")
    assert why == []
    assert (
        table.loc["auc", "conf_low"] < table.loc["auc", "estimate"] < table.loc["auc", "conf_high"]
    )
    # These therapists do not differ, so DeLong's error for independent clients is near. It is
    # widened by t for 30 clusters, and not for the training: .5 lies far outside.
    area, error = therapists._shown_area(data.y, data.p)
    width = table.loc["auc", "conf_high"] - table.loc["auc", "conf_low"]
    assert width == pytest.approx(2 * 1.96 * error * intervals.for_few(30, 0.95), rel=0.3)
    assert area == pytest.approx(table.loc["auc", "estimate"], abs=0.01)  # halves apart


def test_therapists_that_differ_widen_the_prediction_interval():
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(60), 30)
    z = rng.normal(-1, 0.8, 1800)
    own = rng.normal(0, 0.7, 60)[cluster]
    y = (rng.random(1800) < 1 / (1 + np.exp(-(z + own)))).astype(float)
    p = 1 / (1 + np.exp(-z))
    data = Predictions(y, p, np.full(1800, y.mean()), np.zeros(1800, dtype=int), cluster)
    found, why = therapists.new_therapist(data, 0.95)
    row = found.set_index("metric").loc["calibration_intercept"]
    assert row["sd_between"] == pytest.approx(0.7, abs=0.25)
    assert row["prediction_low"] < row["conf_low"] < row["conf_high"] < row["prediction_high"]
    assert row["prediction_high"] - row["prediction_low"] > 2 * 1.96 * 0.6
    assert why == []
    few = Predictions(y[:90], p[:90], data.base[:90], data.fold[:90], cluster[:90])
    none, why = therapists.new_therapist(few, 0.95)
    assert none["estimate"].isna().all()
    assert len(why) == 2


def test_a_slope_of_nearly_equal_predictions_is_not_shown(data):
    flat = Predictions(data.y, 0.25 + 0.004 * (data.p - 0.3), data.base, data.fold, data.cluster)
    weights = times_drawn(30, 40, seed=1)
    found, why = intervals.performance(flat, weights, 0.95, constant=False)
    assert np.isnan(found.set_index("metric").loc["calibration_slope", "estimate"])
    assert "could not tell a right model (1) from a worthless one (0)" in why[0]


def test_the_slope_is_taken_within_folds(data):
    """Folds whose models were trained on other shares of dropouts: that is not the slope."""
    fold = (np.arange(600) % 3).astype(int)
    z = metrics.logit(data.p) - np.array([0.0, 1.5, -1.5])[fold]
    shifted = Predictions(data.y, 1 / (1 + np.exp(-z)), data.base, fold, data.cluster)
    own = []
    for f in range(3):
        here = fold == f
        part = Predictions(*(column[here] for column in (data.y, data.p, data.base, fold, fold)))
        own.append(metrics.calibration_slope(part, np.ones(here.sum())))
    assert min(own) < metrics.calibration_slope(shifted, np.ones(600)) < max(own)


def test_the_ici_of_right_predictions_is_above_zero_and_said(data):
    y = (np.random.default_rng(6).random(600) < data.p).astype(float)
    right = Predictions(y, data.p, data.base, data.fold, data.cluster)
    floor = metrics.ici_if_calibrated(right, seed=1)
    assert 0.005 < floor < 0.04
    assert metrics.ici(right, np.ones(600)) == pytest.approx(floor, abs=0.03)


def test_the_interval_of_a_base_rate_is_that_of_a_mean():
    """Brier of a constant, one client a cluster: t times the error of a mean of 200."""
    y = (np.arange(200) % 4 == 0).astype(float)
    p = np.full(200, 0.25)
    data = Predictions(y, p, p, np.arange(200) % 5, np.arange(200))
    table, _ = intervals.performance(data, times_drawn(200, 2000, 1), 0.95, constant=True)
    row = table.set_index("metric").loc["brier"]
    error = np.std((y - p) ** 2, ddof=1) / np.sqrt(200)
    assert row["conf_high"] - row["conf_low"] == pytest.approx(2 * 1.972 * error, rel=0.06)


def noise_run(seed):
    """Return limits of the AUC, widened and not, of so strong a ridge that only its way counts."""
    rng = np.random.default_rng(seed)
    cluster, fold = np.arange(200) % 25, (np.arange(200) % 25) % 5
    x, y = rng.normal(size=(200, 6)), (rng.random(200) < 0.22).astype(float)
    p = np.empty(200)
    for f in range(5):
        train = fold != f
        way = x[train & (y == 1)].mean(axis=0) - x[train & (y == 0)].mean(axis=0)
        p[fold == f] = 1 / (1 + np.exp(1.3 - 0.1 * x[fold == f] @ way))
    data = Predictions(y, p, np.full(200, 0.22), fold, cluster)
    weights = times_drawn(25, 150, seed)
    table, _ = intervals.performance(
        data, weights, 0.95, constant=True, but=tuple(intervals.METRICS)
    )
    right, pairs = metrics.concordance(data)
    again = np.array([metrics.auc(right, pairs, w) for w in weights])
    plain = intervals.limits(again, table.loc[0, "estimate"], 0.95, 1.0)
    return table.loc[0, ["conf_low", "conf_high"]].tolist(), plain


def test_with_noise_the_interval_of_the_auc_holds_one_half():
    """Truth: no fold's model knows anything, so .5. Drawing clusters alone held it in too few."""
    runs = [noise_run(seed) for seed in range(150)]
    widened, plain = (np.mean([low <= 0.5 <= high for low, high in part]) for part in
                      zip(*runs, strict=True))  # fmt: skip
    assert widened >= 0.93  # .95 less one binomial error of 150 runs
    assert plain < 0.91
