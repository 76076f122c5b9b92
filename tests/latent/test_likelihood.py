"""The likelihood by chains of patterns, against what defines it."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from alliance_stats.latent.dynamics.panel_models import Panel, ri_clpm
from alliance_stats.latent.engine.likelihood import Likelihood
from alliance_stats.latent.engine.maximise import maximise
from alliance_stats.latent.engine.patterns import Sample
from alliance_stats.latent.engine.structure import Model

WAVES = 4


@pytest.fixture(scope="module", params=[0.0, 0.15], ids=["dropout", "holes"])
def of_panel(request, panels):
    """Return the likelihood of a panel model, and a point that is not its maximum."""
    data = panels.panel(3, 60, WAVES, dropout=0.2, holes=request.param)
    values = data[[f"{v}{t}" for t in range(1, WAVES + 1) for v in "xy"]].to_numpy()
    moments = [f(values, axis=0).reshape(WAVES, 2).T for f in (np.nanmean, np.nanvar)]
    structure = ri_clpm(Panel(np.arange(WAVES), *moments))
    columns = [2 * (int(name[1:]) - 1) + "xy".index(name[0]) for name in structure.observed]
    model = Model.of(structure)
    sample = Sample.of(values[np.isfinite(values).any(axis=1)][:, columns])
    return Likelihood(model, [sample]), model.start + 0.03


def test_patterns_of_dropout_are_one_chain_and_every_pattern_is_in_one(of_panel):
    sample = of_panel[0].samples[0]
    rows = [row for chain in sample.chains for of in chain.rows for row in of]
    assert sorted(rows) == list(range(sample.n))
    nested = len(sample.patterns) == WAVES
    assert len(sample.chains) == 1 if nested else 1 < len(sample.chains) < len(sample.patterns)


def test_the_deviance_is_that_of_each_persons_normal_density(of_panel):
    likelihood, theta = of_panel
    implied = likelihood.model.moments(theta)[0]
    each = [
        multivariate_normal.logpdf(row[seen], implied.mu[seen], implied.sigma[np.ix_(seen, seen)])
        for row in likelihood.samples[0].values
        for seen in [np.isfinite(row)]
    ]
    assert likelihood.deviance(theta)[0] == pytest.approx(-2 * sum(each), rel=1e-12)


def test_derivatives_are_those_of_the_deviance(of_panel):
    # central differences with steps of 1e-5: their error is about 1e-10 of the third derivative
    likelihood, theta = of_panel
    steps = 1e-5 * np.eye(len(theta))
    ends = [[likelihood.deviance(theta + sign * h) for sign in (1, -1)] for h in steps]
    slopes = np.array([(up[0] - down[0]) / 2e-5 for up, down in ends])
    bends = np.array([(up[1] - down[1]) / 2e-5 for up, down in ends])
    _, gradient = likelihood.deviance(theta)
    assert gradient == pytest.approx(slopes, rel=1e-6, abs=1e-4)
    assert likelihood.hessian(theta) == pytest.approx(bends, rel=1e-5, abs=1e-3)
    assert likelihood.scores(theta, 0).sum(axis=0) == pytest.approx(-gradient / 2, rel=1e-9)


def test_the_information_is_what_the_second_derivatives_are_in_expectation(of_panel):
    # a sample with the implied moments in each pattern has its expectation as observed
    likelihood, theta = of_panel
    implied = likelihood.model.moments(theta)[0]
    samples = deepcopy(likelihood.samples)
    for chain in samples[0].chains:
        chain.means = implied.mu[chain.order] * chain.seen
        chain.products = implied.sigma[np.ix_(chain.order, chain.order)] * chain.both
    expected = Likelihood(likelihood.model, samples)
    assert expected.hessian(theta) == pytest.approx(expected.information(theta), rel=1e-9, abs=1e-7)


def test_where_the_last_second_derivatives_do_again_the_maximum_is_the_same(of_panel):
    likelihood, _ = of_panel
    found = maximise(likelihood, likelihood.model.start)
    assert found.converged
    again = maximise(likelihood, found.theta)
    assert again.theta == pytest.approx(found.theta, abs=1e-6)
    assert again.deviance == pytest.approx(found.deviance, abs=1e-9)
