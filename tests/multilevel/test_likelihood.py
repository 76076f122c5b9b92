"""The likelihood against dense matrices, its derivatives against differences, and the seam."""

import numpy as np
import pytest

from alliance_stats.multilevel.engine.deviance import Profile, chain, covariances
from alliance_stats.multilevel.engine.likelihood import Contribution, Level, Partition, contribute

DENSE = 1e-9  # rounding of dense n by n determinants and inverses, relative
DIFFERENCES = 1e-6  # central differences with step 1e-5, relative to the largest derivative
SUMS = 1e-11  # the same sums in another order, relative

FIXED = (0, 1, 2, 3)
BLOCKS = {
    "slopes": ((2,), (1, 1), (1,)),
    "three correlated": ((3,), (2,), (1,)),
    "independent": ((1, 1), (1,), (1,)),
    "two blocks": ((1, 2), (2,), (1, 1)),
}


def nested_rows(seed=0, units=30, parents=8, tops=3, columns=6):
    """Rows in units in parents in tops; the last column is the outcome, the first ones."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 8, units)
    unit = np.repeat(np.arange(units), sizes)
    parent = np.sort(np.r_[np.arange(parents), rng.integers(0, parents, units - parents)])
    top = np.sort(np.r_[np.arange(tops), rng.integers(0, tops, parents - tops)])
    W = rng.normal(size=(unit.size, columns))
    W[:, 0] = 1.0
    return W, unit, parent, top


def partition_of(W, unit, parent, top):
    cross = np.stack([W[unit == u].T @ W[unit == u] for u in range(unit.max() + 1)], axis=-1)
    starts = tuple(np.flatnonzero(np.diff(p, prepend=-1)) for p in (parent, top))
    return Partition(cross, starts)


def levels_of(name):
    return [Level(tuple(range(sum(blocks))), blocks) for blocks in BLOCKS[name]]


def some_theta(levels, seed=1):
    size = sum(len(level.pairs) for level in levels)
    return 0.6 * np.random.default_rng(seed).normal(size=size)


def dense_relative_covariance(W, memberships, levels, theta):
    V = np.eye(len(W))
    for member, level, D in zip(memberships, levels, covariances(levels, theta), strict=True):
        Z = W[:, list(level.columns)]
        V += (Z @ D @ Z.T) * (member[:, None] == member)
    return V


@pytest.fixture(params=BLOCKS)
def levels(request):
    return levels_of(request.param)


@pytest.mark.parametrize("reml", [True, False])
def test_deviance_is_that_of_the_normal_distribution(levels, reml):
    W, unit, parent, top = nested_rows()
    theta = some_theta(levels)
    total = contribute(partition_of(W, unit, parent, top), levels, covariances(levels, theta))
    profile = Profile(total, FIXED, len(W), reml)
    V = dense_relative_covariance(W, (unit, parent[unit], top[parent[unit]]), levels, theta)
    X, y = W[:, FIXED], W[:, -1]
    inverse = np.linalg.inv(V)
    precision = X.T @ inverse @ X
    beta = np.linalg.solve(precision, X.T @ inverse @ y)
    squares = (y - X @ beta) @ inverse @ (y - X @ beta)
    nu = len(W) - len(FIXED) if reml else len(W)
    deviance = np.linalg.slogdet(V)[1] + nu * (1 + np.log(2 * np.pi * squares / nu))
    if reml:
        deviance += np.linalg.slogdet(precision)[1]
    assert profile.deviance == pytest.approx(deviance, rel=DENSE)
    np.testing.assert_allclose(profile.beta, beta, rtol=DENSE)
    np.testing.assert_allclose(profile.precision, precision, rtol=DENSE)


@pytest.mark.parametrize("reml", [True, False])
def test_derivatives_are_those_of_the_deviance(levels, reml):
    W, *members = nested_rows()
    partition = partition_of(W, *members)
    theta = some_theta(levels)

    def at(point):
        total = contribute(partition, levels, covariances(levels, point), 2)
        profile = Profile(total, FIXED, len(W), reml)
        return profile.deviance, *chain(levels, point, profile.gradient, profile.hessian)

    _, gradient, hessian = at(theta)
    step = 1e-5
    ahead = [at(theta + step * e) for e in np.eye(len(theta))]
    behind = [at(theta - step * e) for e in np.eye(len(theta))]
    by_difference = np.array(
        [(a[0] - b[0]) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    )
    np.testing.assert_allclose(gradient, by_difference, atol=DIFFERENCES * np.abs(gradient).max())
    by_difference = np.array(
        [(a[1] - b[1]) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    )
    np.testing.assert_allclose(hessian, by_difference, atol=DIFFERENCES * np.abs(hessian).max())


def test_first_derivatives_alone_are_the_same(levels):
    partition = partition_of(*nested_rows())
    relative = covariances(levels, some_theta(levels))
    one, two = (contribute(partition, levels, relative, order) for order in (1, 2))
    np.testing.assert_array_equal(one.cross1, two.cross1)
    np.testing.assert_array_equal(one.logdet1, two.logdet1)
    assert one.logdet2.size == 0


def assert_same(left: Contribution, right: Contribution):
    for name in ("logdet", "cross", "logdet1", "cross1", "logdet2", "cross2"):
        expected = np.asarray(getattr(right, name))
        np.testing.assert_allclose(
            getattr(left, name), expected, atol=SUMS * max(np.abs(expected).max(), 1.0)
        )


@pytest.mark.parametrize("at", [1, 2])
def test_partitions_add_up_to_the_whole(levels, at):
    partition = partition_of(*nested_rows())
    relative = covariances(levels, some_theta(levels))
    left, right = (contribute(part, levels, relative, 2) for part in partition.cut([0, at]))
    assert_same(left + right, contribute(partition, levels, relative, 2))


def test_pieces_are_the_whole(monkeypatch, levels):
    monkeypatch.setattr("alliance_stats.multilevel.engine.likelihood.PIECE", 7)
    partition = partition_of(*nested_rows(tops=6))
    relative = covariances(levels, some_theta(levels))
    assert len(partition.pieces) > 2
    total = contribute(partition.pieces[0], levels, relative, 2)
    for piece in partition.pieces[1:]:
        total = total + contribute(piece, levels, relative, 2)
    assert_same(total, contribute(partition, levels, relative, 2))


def test_one_level_needs_no_parents():
    W, unit, *_ = nested_rows()
    cross = np.stack([W[unit == u].T @ W[unit == u] for u in range(unit.max() + 1)], axis=-1)
    levels = [Level((0, 1), (2,))]
    relative = covariances(levels, np.array([1.0, 0.2, 0.5]))
    partition = Partition(cross, ())
    left, right = (contribute(part, levels, relative, 2) for part in partition.cut([0, 11]))
    assert_same(left + right, contribute(partition, levels, relative, 2))


def test_a_variance_of_zero_is_an_ordinary_point():
    partition = partition_of(*nested_rows())
    levels = levels_of("slopes")
    nothing = [np.zeros((len(level.columns),) * 2) for level in levels]
    total = contribute(partition, levels, nothing, 2)
    assert total.logdet == 0.0
    np.testing.assert_allclose(total.cross, partition.cross.sum(axis=-1), rtol=SUMS)
    assert np.isfinite(total.logdet2).all()
