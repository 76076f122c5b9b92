import numpy as np
import pandas as pd
import pytest

from alliance_stats.errors import SingularFitWarning
from alliance_stats.multilevel import fit_multilevel
from alliance_stats.multilevel.engine.deviance import profile_at, start
from alliance_stats.multilevel.engine.likelihood import Level
from alliance_stats.multilevel.engine.moments import by_moments
from alliance_stats.multilevel.engine.optimise import minimise, semidefinite_factor
from alliance_stats.multilevel.fit import fitted

FEW = 8  # evaluations; steps in the SDs alone take 10 here, and 20 where it is flattest
SAME_DEVIANCE = 1e-6  # differences of a deviance that no test of models could see


def test_the_same_minimum_from_anywhere(sessions, main_formula):
    fit = fit_multilevel(main_formula, sessions)
    rng = np.random.default_rng(0)
    starts = [np.zeros(4), 10 * start(fit.design.levels), *rng.normal(size=(6, 4))]
    for theta in starts:
        found = minimise(lambda at: profile_at(fit.design, at, True), fit.design.levels, theta)
        assert found.converged
        assert found.profile.deviance == pytest.approx(
            fit.optimum.profile.deviance, abs=SAME_DEVIANCE
        )
        np.testing.assert_allclose(found.theta, fit.optimum.theta, atol=1e-6)


def test_few_evaluations_do(sessions, main_formula):
    assert fit_multilevel(main_formula, sessions).optimum.evaluations <= 25


def test_a_slope_that_does_not_vary_takes_few_evaluations():
    """Near a variance of zero the deviance in the SD may be as flat as a fourth power."""
    formula = "y ~ x + (1 | client) + (0 + x | client)"
    client = np.repeat(np.arange(60), 6)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"client": client, "x": rng.normal(size=360)})
        frame["y"] = 2 * rng.normal(size=60)[client] + rng.normal(size=360)
        fit = fitted(formula, frame)
        assert fit.converged
        assert fit.optimum.evaluations <= FEW
        again = fitted(formula, frame, near=fit)
        assert again.optimum.evaluations <= 2
        np.testing.assert_allclose(again.params, fit.params, rtol=1e-9)


def test_a_variance_of_zero_is_named(sessions):
    flat = sessions.assign(y=sessions["y"] - sessions.groupby("therapist")["y"].transform("mean"))
    with pytest.warns(SingularFitWarning, match="variance of 'Intercept' for 'therapist'"):
        fit = fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", flat)
    assert fit.singular
    assert fit.converged
    assert fit.varcomp.set_index("group").loc["therapist", "vcov"] == 0.0
    assert any("therapist" in message and "singular" in message for message in fit.messages)


def test_a_correlation_of_one_is_named(draw_sessions):
    rng = np.random.default_rng(6)
    frame = draw_sessions(2)
    codes = frame["client"].str[1:].astype(int)
    common = rng.normal(size=60)[codes]
    frame = frame.assign(y=common * (2 + frame["within"]) + 2 * rng.normal(size=len(frame)))
    with pytest.warns(SingularFitWarning, match="correlation of one in size"):
        fit = fit_multilevel("y ~ within + (1 + within | client)", frame)
    correlation = fit.varcomp.query("term2 == 'within'")["sdcor"].item()
    assert correlation == pytest.approx(1.0, abs=1e-9)
    assert fit.converged


def test_a_point_that_is_no_minimum_is_left(sessions, main_formula):
    """At theta = 0 every slope in theta is zero; only the check in the covariances sees more."""
    fit = fit_multilevel(main_formula, sessions)
    found = minimise(lambda at: profile_at(fit.design, at, True), fit.design.levels, np.zeros(4))
    assert found.on_boundary == ()
    assert found.converged


def test_factor_of_a_singular_covariance():
    for covariance in ([[4.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]], [[0.0]]):
        covariance = np.array(covariance)
        factor = semidefinite_factor(covariance)
        np.testing.assert_allclose(factor @ factor.T, covariance, atol=1e-12)
        assert (np.triu(factor, 1) == 0).all()
        assert (np.diag(factor) >= 0).all()


def test_pairs_follow_lme4():
    assert Level((0, 1, 2), (2, 1)).pairs == ((0, 0), (1, 0), (1, 1), (2, 2))


def groups_of(*sizes, clients=8):
    rng = np.random.default_rng(5)
    rows = [
        {"therapist": t, "client": f"{t}/{c}", "time": s, "arm": t % 2}
        for t in range(clients)
        for c in range(4)
        for s in range(sizes[(t + c) % len(sizes)])
    ]
    table = pd.DataFrame(rows)
    level = rng.standard_normal(clients)[table["therapist"]]
    own = dict(zip(table["client"].unique(), rng.standard_normal(4 * clients), strict=True))
    return table.assign(y=level + table["client"].map(own) + rng.standard_normal(len(table)))


def test_mean_squares_of_equal_groups_are_the_estimates_and_a_refit_takes_one_look():
    rows = groups_of(5)
    fit = fitted("y ~ arm + time + (1 | therapist/client)", rows)
    design = fit.design
    theta = by_moments(design.partition, design.levels, design.fixed)
    np.testing.assert_allclose(theta, fit.optimum.theta, rtol=1e-6)  # the search's own end
    again = fit.refit(rows["y"] + np.tile([0.0, 1.0, 0.5, -1.0, 0.2], len(rows) // 5))
    assert again.optimum.evaluations == 1
    assert again.converged


def test_refits_of_unequal_groups_end_where_fits_do():
    rows = groups_of(1, 3, 6)
    formula = "y ~ arm + time + (1 | therapist/client)"
    other = rows.assign(y=rows["y"][::-1].to_numpy())
    again, anew = fitted(formula, rows).refit(other["y"]), fitted(formula, other)
    assert again.llf == pytest.approx(anew.llf, abs=SAME_DEVIANCE)
    np.testing.assert_allclose(again.params, anew.params, rtol=1e-6)


def test_with_random_slopes_there_are_no_mean_squares():
    design = fitted("y ~ time + (time | client)", groups_of(4)).design
    assert by_moments(design.partition, design.levels, design.fixed) is None
