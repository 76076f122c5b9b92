"""A second way to every number: densities of SciPy, integrated by the trapezoidal rule."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import alliance_stats as al
from alliance_stats.multilevel.formula.model_formula import parse_formula
from alliance_stats.multilevel.outcomes.extra_zeros import ExtraZeros
from alliance_stats.multilevel.outcomes.families import (
    Binomial,
    NegativeBinomial,
    Outcome,
    Poisson,
)
from alliance_stats.multilevel.outcomes.nodes import Points
from alliance_stats.multilevel.outcomes.ordinal import Ordinal
from alliance_stats.multilevel.outcomes.reading import Asked, read_model

from .outcomes import few, over_a_line, sessions

EXACT = 2e-5  # the ladder stops where the deviance changes by less than 5e-5


def log_density(fit: al.OutcomeFit, rows: pd.DataFrame, eta: np.ndarray) -> np.ndarray:
    """Return the log density of rows (first axis) at linear predictors, by SciPy."""
    y = rows[fit.design.outcome].to_numpy(dtype=float)[:, None]
    if fit.family == "binomial":
        p = {"logit": special.expit, "probit": special.ndtr}.get(
            fit.link, lambda at: -np.expm1(-np.exp(at))
        )(eta)
        n = rows["n"].to_numpy()[:, None] if fit.model.asked.trials else 1
        return stats.binom.logpmf(y, n, p)
    if fit.family == "ordinal":
        cdf = special.expit if fit.link == "logit" else special.ndtr
        cuts = [-np.inf, *(fit.params[name] for name in fit.names if "threshold" in name), np.inf]
        k = y[:, 0].astype(int)
        upper, lower = np.array(cuts)[k][:, None], np.array(cuts)[k - 1][:, None]
        return np.log(np.maximum(cdf(upper - eta) - cdf(lower - eta), 1e-300))
    mean = np.exp(eta)
    if fit.family == "poisson":
        found, zero = stats.poisson.logpmf(y, mean), np.exp(-mean)
    else:
        size = fit.dispersion
        found = stats.nbinom.logpmf(y, size, size / (size + mean))
        zero = (size / (size + mean)) ** size
    if fit.zero == "none":
        return found
    pi = special.expit(fit.params["zero:Intercept"])
    if fit.zero == "hurdle":
        return np.where(y == 0, np.log(pi), np.log1p(-pi) + found - np.log1p(-zero))
    return np.where(y == 0, np.log(pi + (1 - pi) * zero), np.log1p(-pi) + found)


def by_brute_force(fit: al.OutcomeFit, data: pd.DataFrame, params: pd.Series) -> float:
    """Return the log-likelihood of clients in therapists, or of clients alone."""
    sds = [float(np.sqrt(frame.iloc[0, 0])) for frame in fit.random_covariances.values()]
    eta = fit.model.offset.copy()
    for name, column in fit.design.fixed_terms.named_arrays():
        if name in params.index:
            eta = eta + params[name] * column
    eta = pd.Series(eta, index=data.index)

    def of_client(rows: pd.DataFrame, above: np.ndarray) -> np.ndarray:
        fixed = eta[rows.index].to_numpy()[:, None]

        def inner(u: np.ndarray) -> np.ndarray:
            at = fixed + (u[:, None] + above).ravel()
            return log_density(fit, rows, at).sum(axis=0).reshape(len(u), len(above))

        return over_a_line(inner, sds[0])

    if len(sds) == 1:
        return float(sum(of_client(rows, np.zeros(1))[0] for _, rows in data.groupby("client_id")))
    return float(
        sum(
            over_a_line(
                lambda v, rows=rows: sum(of_client(c, v) for _, c in rows.groupby("client_id"))[
                    :, None
                ],
                sds[1],
                points=61,
            )[0]
            for _, rows in data.groupby("therapist_id")
        )
    )


BOTH = "(1 | client_id) + (1 | therapist_id)"
FITS = {
    "binary": ("yes ~ x", {"family": "binomial"}),
    "probit": ("yes ~ x", {"family": "binomial", "link": "probit"}),
    "cloglog": ("k ~ x", {"family": "binomial", "trials": "n", "link": "cloglog"}),
    "poisson": ("count ~ x", {"family": "poisson", "offset": "log(minutes)"}),
    "negative_binomial": ("count ~ x", {"family": "negative_binomial"}),
    "inflated": ("count ~ x", {"family": "poisson", "zero": "inflated"}),
    "hurdle": ("count ~ x", {"family": "negative_binomial", "zero": "hurdle"}),
    "ordinal": ("rating ~ x + arm", {"family": "ordinal"}),
    "ordered_probit": ("rating ~ x + arm", {"family": "ordinal", "link": "probit"}),
}


@pytest.mark.parametrize("name", FITS)
def test_two_levels_equal_brute_force(name):
    formula, options = FITS[name]
    data = sessions()
    fit = al.fit_multilevel(f"{formula} + (1 | client_id)", data, **options)
    assert fit.converged
    assert fit.llf == pytest.approx(by_brute_force(fit, data, fit.params), abs=EXACT)
    for side in (-1, 1):  # and no step leads higher
        moved = fit.params + side * 0.1 * fit.bse * (fit.params.index == "x")
        assert by_brute_force(fit, data, moved) < fit.llf - 0.003


@pytest.mark.filterwarnings("ignore::alliance_stats.AllianceStatsWarning")
@pytest.mark.parametrize("name", ["binary", "cloglog", "poisson", "ordinal"])
def test_three_levels_equal_brute_force(name):
    formula, options = FITS[name]
    data = few()
    fit = al.fit_multilevel(f"{formula} + {BOTH}", data, **options)
    assert fit.converged
    assert fit.llf == pytest.approx(by_brute_force(fit, data, fit.params), abs=EXACT)


def test_nodes_follow_the_therapist_in_the_narrow_direction_of_correlated_effects():
    """Where a slope is a multiple of the intercept, nodes that stay put lie off the effects."""
    data = few(3)
    formula = "yes ~ x + (1 + x | client_id) + (1 | therapist_id)"
    model = read_model(parse_formula(formula).over(data.columns), data, Asked("binomial"))
    a, b, d, top = 1.2, -0.27, 1e-3, 0.8
    at = np.array([-0.2, 0.4, a, b, d, top])
    found = model.problem.evaluate(at, Points(27, 27)).value
    eta = pd.Series(model.eta(at), index=data.index)
    lower = model.shape.factor(at) / model.effect_scale[:, None]

    def of_client(rows: pd.DataFrame, v: np.ndarray) -> np.ndarray:
        x = rows["x"].to_numpy()[:, None]
        yes = rows["yes"].to_numpy()[:, None] == 1
        fixed = eta[rows.index].to_numpy()[:, None]

        def inner(z: np.ndarray) -> np.ndarray:
            each = lower[0, 0] * z[:, None] + v
            slope = np.broadcast_to(lower[1, 0] * z[:, None], each.shape)
            p = special.expit(fixed + each.ravel() + x * slope.ravel())
            return np.log(np.where(yes, p, 1 - p)).sum(axis=0).reshape(each.shape)

        return over_a_line(inner, 1.0)

    def of_therapist(rows: pd.DataFrame) -> float:
        clients = [client for _, client in rows.groupby("client_id")]
        return over_a_line(
            lambda v: sum(of_client(c, v) for c in clients)[:, None], top, points=61
        )[0]

    right = sum(of_therapist(rows) for _, rows in data.groupby("therapist_id"))
    assert found == pytest.approx(right, abs=1e-5)  # the SD of 1e-3 beside the line is left out


OUTCOME = Outcome(np.array([0.0, 1.0, 2.0, 3.0, 1.0]), np.array([3.0, 4.0, 2.0, 5.0, 1.0]))
DENSITIES = {
    "logit": (Binomial("logit"), []),
    "probit": (Binomial("probit"), []),
    "cloglog": (Binomial("cloglog"), []),
    "poisson": (Poisson(), []),
    "negative_binomial": (NegativeBinomial(), [0.4]),
    "inflated": (ExtraZeros(Poisson(), "inflated"), [-0.7]),
    "inflated_nb": (ExtraZeros(NegativeBinomial(), "inflated"), [0.4, -0.7]),
    "hurdle": (ExtraZeros(Poisson(), "hurdle"), [-0.7]),
    "hurdle_nb": (ExtraZeros(NegativeBinomial(), "hurdle"), [0.4, -0.7]),
    "ordinal": (Ordinal(("a", "b", "c", "d"), "logit"), [-1.0, 0.3, 1.1]),
    "ordered_probit": (Ordinal(("a", "b", "c", "d"), "probit"), [-1.0, 0.3, 1.1]),
}
STEP = 1e-5
OF_DIFFERENCES = 1e-6  # what differences by that step leave of a derivative's digits


@pytest.mark.parametrize("name", DENSITIES)
def test_derivatives_are_those_of_the_density(name):
    family, own = DENSITIES[name]
    own, eta = np.array(own), np.linspace(-2.0, 2.0, 5)[:, None] + np.array([-1.0, 0.4])

    def at(shift: float, which: int) -> object:
        moved = own.copy()
        if which:
            moved[which - 1] += shift
        return family.density(OUTCOME, eta + shift * (which == 0), moved)

    found = family.density(OUTCOME, eta, own)
    for which in range(len(own) + 1):
        high, low = at(STEP, which), at(-STEP, which)
        slope = (high.value - low.value) / (2 * STEP)
        bend = (high.first - low.first) / (2 * STEP)
        expected = found.first if which == 0 else np.broadcast_to(found.own[which - 1], eta.shape)
        np.testing.assert_allclose(slope, expected, atol=OF_DIFFERENCES)
        curved = found.second if which == 0 else found.cross[which - 1]
        np.testing.assert_allclose(bend, curved, atol=OF_DIFFERENCES)
        for other in range(len(own) if which else 0):
            twice = (high.own[other] - low.own[other]) / (2 * STEP)
            exact = np.broadcast_to(found.own2[which - 1, other], eta.shape)
            np.testing.assert_allclose(
                np.broadcast_to(twice, eta.shape), exact, atol=OF_DIFFERENCES
            )


@pytest.mark.parametrize("name", DENSITIES)
def test_draws_have_the_mean_variance_and_distribution(name):
    family, own = DENSITIES[name]
    own, n = np.array(own), 40_000
    eta, trials = np.full(n, 0.3), np.full(n, 4.0)
    drawn = family.draw(np.random.default_rng(1), eta, own, trials)
    value = drawn + (name.startswith("ord"))
    one = slice(0, 1)
    mean = family.mean(eta[one], own, trials[one])[0]
    variance = family.variance(eta[one], own, trials[one])[0]
    assert value.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / n))
    assert value.var() == pytest.approx(variance, rel=0.06)  # five errors of the widest
    for y in (0.0, 1.0, 2.0):
        below = family.cdf(np.array([y]), eta[one], own, trials[one])[0]
        assert (drawn <= y).mean() == pytest.approx(below, abs=5 * np.sqrt(0.25 / n))


@pytest.mark.parametrize("counts", [Poisson(), NegativeBinomial()])
def test_counts_above_zero_are_drawn_where_nearly_all_are_zero(counts):
    # drawing again until a count comes would take a thousand million times
    eta, own = np.array([-20.0, -1.0, 3.0]).repeat(20_000), np.array([0.4])
    drawn = counts.draw_above_zero(np.random.default_rng(1), eta, own).reshape(3, -1)
    one = np.ones(3)
    points = np.array([-20.0, -1.0, 3.0])
    zero = counts.cdf(np.zeros(()), points, own, one)
    assert (drawn[0] == 1).all()
    assert drawn.min() == 1
    expected = (counts.mean(points, own, one) / (1.0 - zero))[1:]
    # four standard errors of a mean of 20,000
    assert np.abs(drawn.mean(axis=1)[1:] - expected).max() < 4 * drawn.std() / np.sqrt(20_000)
    share = (counts.cdf(np.ones(()), points, own, one) - zero) / (1.0 - zero)
    assert (drawn == 1).mean(axis=1)[1:] == pytest.approx(share[1:], abs=4 * 0.5 / np.sqrt(20_000))
