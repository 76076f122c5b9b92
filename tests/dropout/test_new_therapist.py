"""What to expect of a therapist not seen before, against simulated truth and by hand."""

import numpy as np
import pytest

from alliance_stats.dropout.prediction import therapists
from alliance_stats.dropout.prediction.metrics import Predictions


def clients_of(rng, n_therapists, clients, slope_sd=0.0):
    """Return clients and predictions; therapists differ in level, and in slope if asked."""
    cluster = np.repeat(np.arange(n_therapists), np.maximum(rng.poisson(clients, n_therapists), 2))
    z = rng.normal(size=len(cluster))
    slope = 1.1 + rng.normal(0, slope_sd, n_therapists)
    level = -1.2 + rng.normal(0, 0.4, n_therapists)
    eta = level[cluster] + slope[cluster] * z
    y = (rng.random(len(z)) < 1 / (1 + np.exp(-eta))).astype(float)
    p = 1 / (1 + np.exp(1.2 - 1.1 * z))
    return Predictions(y, p, np.full(len(z), 0.25), np.zeros(len(z), dtype=int), cluster)


def true_area(slope, level=-1.2):
    """Return the area of a logistic model of a standard normal predictor, by quadrature."""
    z = np.linspace(-6, 6, 1201)
    density = np.exp(-(z**2) / 2)
    p = 1 / (1 + np.exp(-(level + slope * z)))
    gone, stay = density * p, density * (1 - p)
    below = np.cumsum(stay) - stay / 2
    return float((gone * below).sum() / (gone.sum() * stay.sum()))


def test_a_new_therapists_area_is_unbiased_with_few_clients_and_its_interval_holds():
    """40 therapists who do not differ, 8 clients each: inverse variances gave .85 for .76."""
    rng, truth = np.random.default_rng(8), true_area(1.1)
    found = []
    for _ in range(150):
        data = clients_of(rng, 40, 8)
        found.append(therapists._discrimination(therapists.areas(data), 0.95))
    mean, low, high, between, far_low, far_high = np.array(found).T
    # Four standard errors of 150 runs.
    assert mean.mean() == pytest.approx(truth, abs=4 * mean.std() / np.sqrt(150))
    held = np.mean((low <= truth) & (truth <= high))
    assert 0.88 <= held <= 0.995  # .95 within four binomial errors of 150 runs
    assert between.mean() < 0.07
    assert np.mean((far_low <= truth) & (truth <= far_high)) >= 0.92


def test_the_prediction_interval_holds_new_therapists_who_differ():
    rng = np.random.default_rng(9)
    new = np.array([true_area(1.1 + step) for step in rng.normal(0, 0.8, 200)])
    held, spread = [], []
    for _ in range(60):
        data = clients_of(rng, 40, 15, slope_sd=0.8)
        row = therapists._discrimination(therapists.areas(data), 0.95)
        held.append(np.mean((row[4] <= new) & (new <= row[5])))
        spread.append(row[3] ** 2)
    assert 0.92 <= np.mean(held) <= 0.98
    # Four standard errors of 60 runs, and that of the variance of 200 new therapists.
    assert np.mean(spread) == pytest.approx(new.var(), abs=4 * np.std(spread) / np.sqrt(60) + 0.003)


def test_the_error_variance_of_an_area_by_hand():
    """Two who left and two who stayed, one pair out of order."""
    y, p = np.array([1, 1, 0, 0.0]), np.array([0.9, 0.3, 0.5, 0.2])
    data = Predictions(y, p, p, np.zeros(4, dtype=int), np.zeros(4, dtype=int))
    found = therapists.areas(data)
    assert found.area[0] == 0.75
    # Pairs that share nobody: (.9 > .5) with (.3 > .2) are 1 * 1, (.9 > .2) with (.3 < .5) 1 * 0.
    assert found.variance[0] == pytest.approx(0.75**2 - 0.5)
    assert found.weight[0] == pytest.approx(4 / 5)


def test_too_few_therapists_with_both_outcomes_have_no_area():
    data = clients_of(np.random.default_rng(1), 12, 3)
    found, why = therapists.new_therapist(data, 0.95)
    assert found.set_index("metric").loc["auc"].isna().all()
    assert "10 are needed" in why[-1]


def test_the_prediction_interval_of_calibration_holds_new_therapists():
    """12 therapists with 8 clients: with the SD's estimate taken as the truth it held .84."""
    rng, held = np.random.default_rng(2), []
    new = rng.normal(0, 0.5, 400)
    for _ in range(25):
        cluster = np.repeat(np.arange(12), np.maximum(rng.poisson(8, 12), 2))
        eta = -1.2 + 0.5 * rng.normal(size=len(cluster))
        level = rng.normal(0, 0.5, 12)[cluster]
        y = (rng.random(len(eta)) < 1 / (1 + np.exp(-(eta + level)))).astype(float)
        p = 1 / (1 + np.exp(-eta))
        data = Predictions(y, p, p, np.zeros(len(y), dtype=int), cluster)
        row = therapists._calibration(data, 0.95)
        held.append(np.mean((row[4] <= new) & (new <= row[5])))
    assert np.mean(held) >= 0.92
