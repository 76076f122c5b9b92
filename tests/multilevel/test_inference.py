"""Degrees of freedom and adjusted covariances against the formulas written with n by n matrices."""

import numpy as np
import pytest

from alliance_stats.multilevel import fit_multilevel
from alliance_stats.multilevel.after_fit.inference import independent_rows
from alliance_stats.multilevel.engine.deviance import chain, factors, profile_at

DENSE = 1e-8  # rounding in dense n by n inverses, relative
DIFFERENCES = 1e-5  # central differences of the covariance and Hessian, relative


def dense_pieces(fit):
    """X, V and V's derivatives in the random effects' covariances and the residual variance."""
    design = fit.design
    by_name = dict(design.fixed_terms.named_arrays())
    X = np.stack([by_name[name] for name in design.fixed_names], axis=1)
    derivatives = []
    V = fit.scale * np.eye(design.n)
    for number, level in enumerate(design.levels):
        rows = design.grouping.of_rows(number)
        same = (rows[:, None] == rows).astype(float)
        built = [array for term in design.effects[number].terms for array in term.arrays]
        Z = np.stack(built, axis=1)
        D = fit.random_covariances[design.grouping.names[number]].to_numpy()
        V += (Z @ D @ Z.T) * same
        for a, b in level.pairs:
            one = np.outer(Z[:, a], Z[:, b]) * same
            derivatives.append(one if a == b else one + one.T)
    return X, V, [*derivatives, np.eye(design.n)]


def kenward_roger_by_the_book(fit, L):
    """Kenward & Roger (1997), equations of section 2 and 3, literally."""
    X, V, derivatives = dense_pieces(fit)
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    P = [-X.T @ inverse @ G @ inverse @ X for G in derivatives]
    Q = [[X.T @ inverse @ G @ inverse @ H @ inverse @ X for H in derivatives] for G in derivatives]
    m = len(derivatives)
    information = np.empty((m, m))
    for i, G in enumerate(derivatives):
        for j, H in enumerate(derivatives):
            information[i, j] = 0.5 * (
                np.trace(inverse @ G @ inverse @ H)
                - 2 * np.trace(Phi @ Q[i][j])
                + np.trace(Phi @ P[i] @ Phi @ P[j])
            )
    W = np.linalg.inv(information)
    inner = sum(W[i, j] * (Q[i][j] - P[i] @ Phi @ P[j]) for i in range(m) for j in range(m))
    adjusted = Phi + 2 * Phi @ inner @ Phi
    q = len(L)
    Theta = L.T @ np.linalg.inv(L @ Phi @ L.T) @ L
    A1 = sum(
        W[i, j] * np.trace(Theta @ Phi @ P[i] @ Phi) * np.trace(Theta @ Phi @ P[j] @ Phi)
        for i in range(m)
        for j in range(m)
    )
    A2 = sum(
        W[i, j] * np.trace(Theta @ Phi @ P[i] @ Phi @ Theta @ Phi @ P[j] @ Phi)
        for i in range(m)
        for j in range(m)
    )
    B = (A1 + 6 * A2) / (2 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    d = 3 * q + 2 * (1 - g)
    c1, c2, c3 = g / d, (q - g) / d, (q + 2 - g) / d
    expectation = 1 / (1 - A2 / q)
    variance = (2 / q) * (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B))
    rho = variance / (2 * expectation**2)
    df = 4 + (q + 2) / (q * rho - 1)
    return adjusted, df, df / (expectation * (df - 2))


@pytest.fixture(scope="module")
def small(draw_sessions):
    return draw_sessions(7, clients=24, therapists=6, therapist_sd=1.5, client_sd=(1.5, 0.8))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ session + within + between + (1 + within | client) + (1 | therapist)",
        "y ~ within + between + (1 + within || client) + (1 | therapist)",
        "y ~ within * condition + (1 | client)",
    ],
)
def test_kenward_roger_by_the_book(small, formula):
    fit = fit_multilevel(formula, small, df="kenward-roger")
    L = np.eye(len(fit.params))[1:3]
    adjusted, df, scaling = kenward_roger_by_the_book(fit, L)
    np.testing.assert_allclose(fit.cov_params(), adjusted, rtol=1e3 * DENSE)
    joint = fit.test(L)
    assert joint.df_den == pytest.approx(df, rel=1e3 * DENSE)
    wald = fit.params[1:3] @ np.linalg.solve(adjusted[1:3, 1:3], fit.params[1:3])
    assert joint.statistic == pytest.approx(scaling * wald / 2, rel=1e3 * DENSE)
    one_at_a_time = [
        kenward_roger_by_the_book(fit, row[None])[1] for row in np.eye(len(fit.params))
    ]
    np.testing.assert_allclose(fit.df, one_at_a_time, rtol=1e3 * DENSE)


@pytest.mark.parametrize("reml", [True, False])
def test_satterthwaite_by_differences(small, main_formula, reml):
    """Fai and Cornelius's formula with every derivative taken numerically."""
    fit = fit_multilevel(main_formula, small, reml=reml)
    design, best = fit.design, fit.optimum
    sigma = np.sqrt(best.profile.variance)
    at = np.append(best.theta, sigma)

    def pieces(point):
        profile = profile_at(design, point[:-1], reml, order=0)
        deviance = (
            profile.contribution.logdet
            + 2 * profile.denominator * np.log(point[-1])
            + profile.sum_of_squares / point[-1] ** 2
        )
        if reml:
            deviance += np.linalg.slogdet(profile.precision)[1]
        return deviance, point[-1] ** 2 * profile.unscaled

    step, size = 1e-4, len(at)
    steps = step * np.eye(size)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [
                s * t * pieces(at + s * steps[i] + t * steps[j])[0]
                for s in (1, -1)
                for t in (1, -1)
            ]
            hessian[i, j] = sum(corners) / (4 * step**2)
    slopes = [(pieces(at + e)[1] - pieces(at - e)[1]) / (2 * step) for e in steps]
    A = 2 * np.linalg.inv(hessian)
    T = fit.to_user_scale
    for name, row in zip(fit.params.index, T, strict=True):
        g = np.array([row @ s @ row for s in slopes])
        variance = row @ pieces(at)[1] @ row
        assert fit.df[name] == pytest.approx(2 * variance**2 / (g @ A @ g), rel=100 * DIFFERENCES)


def test_balanced_one_way_design_has_exact_degrees_of_freedom(draw_sessions):
    """In a balanced one-way layout the mean has (groups - 1) df by both methods."""
    rng = np.random.default_rng(4)
    frame = draw_sessions(clients=12).groupby("client").head(3)
    frame = frame.assign(y=rng.normal(size=12).repeat(3) * 2 + rng.normal(size=36))
    for method in ("satterthwaite", "kenward-roger"):
        fit = fit_multilevel("y ~ 1 + (1 | client)", frame, df=method)
        assert fit.df["Intercept"] == pytest.approx(11.0, rel=1e-6)


def test_joint_test_of_one_contrast_is_the_square_of_t(small, main_formula):
    for method in ("satterthwaite", "kenward-roger", "normal"):
        with pytest.warns() if method == "normal" else _nothing():
            fit = fit_multilevel(main_formula, small, df=method)
        found = fit.test("within")
        assert found.statistic == pytest.approx(fit.tvalues["within"] ** 2)
        assert found.df_den == pytest.approx(fit.df["within"])
        assert found.p_value == pytest.approx(fit.pvalues["within"])


class _nothing:  # noqa: N801
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


def test_dependent_contrasts_count_once(small, main_formula):
    for method in ("satterthwaite", "kenward-roger"):
        fit = fit_multilevel(main_formula, small, df=method)
        rows = np.array([[0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 1.0, 1.0, 0]])
        twice, once = fit.test(rows), fit.test(rows[:2])
        assert twice.df_num == once.df_num == 2
        assert twice.statistic == pytest.approx(once.statistic)
        if method == "kenward-roger":  # lmerTest's df depend on how the contrasts are written
            assert twice.df_den == pytest.approx(once.df_den)
    assert len(independent_rows(rows)) == 2


def test_on_the_boundary_a_zero_variance_adds_nothing(small):
    """lmerTest's convention: the df are those of the model without the term."""
    flat = small.assign(y=small["y"] - small.groupby("therapist")["y"].transform("mean"))
    with pytest.warns():
        singular = fit_multilevel("y ~ within + (1 | client) + (1 | therapist)", flat)
    without = fit_multilevel("y ~ within + (1 | client)", flat)
    assert singular.singular
    np.testing.assert_allclose(singular.df, without.df, rtol=1e-6)


def test_hessian_at_the_optimum_is_positive(small, main_formula):
    fit = fit_multilevel(main_formula, small)
    gradient, hessian = chain(
        fit.design.levels,
        fit.optimum.theta,
        fit.optimum.profile.gradient,
        fit.optimum.profile.hessian,
    )
    assert np.linalg.eigvalsh(hessian).min() > 0
    assert np.abs(gradient).max() < 1e-5 * np.abs(hessian).max()
    assert len(factors(fit.design.levels, fit.optimum.theta)) == 2
