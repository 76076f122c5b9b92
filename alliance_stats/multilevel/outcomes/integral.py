"""The likelihood of a nested model whose outcome is no measurement: an integral by client.

Given the effect ``v`` of a therapist, clients are independent, so the likelihood of a therapist
is ``int phi(v) prod_i A_i(v) dv`` with ``A_i(v) = int phi(c - v) f_i(c) dc``. The inner variable
is ``c``, a client's effects *with* the therapist's added to the intercept: the rows' densities
``f_i`` then depend on ``c`` alone, and one set of nodes for a client serves every node of the
therapist. Where a client says so little, or differs so little from the next, that its nodes must
move with ``v``, they do (`Nodes.slope`).

At fixed nodes the approximated log-likelihood has exact derivatives in all parameters, second
ones included: they are sums of products of scores under the nodes' weights (Louis 1982, JRSS-B
44:226). Everything is a sum over the groups of the top level (`evaluate` of one `Piece`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, product
from operator import add, mul

import numpy as np

from ..engine.batches import Array
from .families import Density, Family
from .nodes import Nodes, Points, rule
from .pieces import Piece


@dataclass(frozen=True)
class Shape:
    """How a vector of parameters is cut: coefficients, the family's own, factors, top SD."""

    coefficients: int
    own: int
    size: int
    """Number of the lowest level's effects."""
    pairs: tuple[tuple[int, int], ...]
    """Free elements of their lower-triangular factor."""
    top: bool

    @property
    def total(self) -> int:
        """Number of parameters."""
        return self.coefficients + self.own + len(self.pairs) + self.top

    @property
    def of_own(self) -> slice:
        """Where the family's own parameters stand."""
        return slice(self.coefficients, self.coefficients + self.own)

    @property
    def of_factor(self) -> slice:
        """Where the factor's elements stand."""
        start = self.coefficients + self.own
        return slice(start, start + len(self.pairs))

    def factor(self, at: Array) -> Array:
        """Return the lower-triangular factor."""
        lower = np.zeros((self.size, self.size))
        for pair, value in zip(self.pairs, at[self.of_factor], strict=True):
            lower[pair] = value
        return lower

    def top_sd(self, at: Array) -> float:
        """Return the SD of the level above."""
        return float(at[-1]) if self.top else 0.0


@dataclass(frozen=True)
class Evaluation:
    """The log-likelihood at nodes and its derivatives."""

    value: float
    gradient: Array
    hessian: Array

    def __add__(self, other: Evaluation) -> Evaluation:
        return Evaluation(
            self.value + other.value,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
        )


def evaluate(
    piece: Piece, family: Family, shape: Shape, at: Array, nodes: Nodes, points: Points
) -> Evaluation:
    """Return log-likelihood, gradient and Hessian of a piece at nodes."""
    grid = _grid(piece, shape, at, nodes, points)
    density, fits = _densities(piece, family, shape, at, grid)
    posterior, value = _posterior(piece, grid, fits)
    if not np.isfinite(value):
        nothing = np.zeros((shape.total, shape.total))
        return Evaluation(-np.inf, nothing[0], nothing)
    return Evaluation(value, *_derivatives(piece, shape, at, grid, density, posterior))


def moments(
    piece: Piece, family: Family, shape: Shape, at: Array, nodes: Nodes, points: Points
) -> Nodes:
    """Return nodes at the posterior mean and SD of each unit's one effect."""
    grid = _grid(piece, shape, at, nodes, points)
    _, fits = _densities(piece, family, shape, at, grid)
    marginal = _posterior(piece, grid, fits)[0].moments(grid.w)[:, :, 0]
    centre = np.einsum("uqok,uok->uq", grid.c, marginal)
    away = grid.c - centre[..., None, None]
    spread = np.sqrt(np.einsum("uqok,uok->uq", away * away, marginal))
    return Nodes(centre, spread[..., None], nodes.slope, nodes.top_centre, nodes.top_spread)


Polynomial = list[Array]
"""In how far the top's effect is from where its nodes stand around; coefficients ``(units, …)``."""


@dataclass(frozen=True)
class _Grid:
    """The nodes themselves.

    Attributes
    ----------
    c
        A unit's nodes, ``(units, q, planes, inner)``: a plane for each node of the top where they
        move with it, one for all where they stay.
    a
        Each effect in units of its own spread. It is linear in the top's effect, and its square
        and score so many more of its powers: no array over both levels' nodes is needed for them.
    v, w
        The top's nodes, ``(groups, outer)``, and for units how far they are from the centre.
    """

    c: Array
    a: list[Polynomial]
    v: Array
    w: Array
    log_inner: Array
    log_top: Array
    unit_constant: Array
    inverse: Array


def _grid(piece: Piece, shape: Shape, at: Array, nodes: Nodes, points: Points) -> _Grid:
    x, log_inner = rule(points.inner, shape.size, points.even)
    L, sd = shape.factor(at), shape.top_sd(at)
    units, q = nodes.centre.shape
    inverse = np.linalg.inv(L)
    logdet = float(np.log(np.abs(np.diag(L))).sum())
    if shape.top:
        z, log_z = rule(points.top, 1)
        off = nodes.top_spread[:, None] * z[0]
        v = nodes.top_centre[:, None] + off
        log_top = log_z + np.log(nodes.top_spread)[:, None] - 0.5 * (v / sd) ** 2
        log_top = log_top - np.log(abs(sd)) - 0.5 * np.log(2.0 * np.pi)
    else:
        off = v = log_top = np.zeros((units, 1))
    w = np.repeat(off, piece.children, axis=0)
    own = nodes.centre[:, :, None] + nodes.root @ x
    lean = nodes.slope if nodes.moving else np.zeros((units, q))
    c = own[:, :, None]
    if nodes.moving:
        c = c + lean[:, :, None, None] * w[:, None, :, None]
    away, lean = own.copy(), lean.copy()
    away[:, piece.above] -= np.repeat(nodes.top_centre, piece.children)[:, None]
    lean[:, piece.above] -= 1.0
    g, h = np.tensordot(inverse, away, axes=(1, 1)), inverse @ lean.T
    roots = np.abs(np.diagonal(nodes.root, axis1=1, axis2=2))
    constant = np.log(roots).sum(axis=1) - logdet - 0.5 * q * np.log(2.0 * np.pi)
    a = [[g[r], h[r, :, None]] for r in range(q)]
    return _Grid(c, a, v, w, log_inner, log_top, constant, inverse)


def _densities(
    piece: Piece, family: Family, shape: Shape, at: Array, grid: _Grid
) -> tuple[Density, Array]:
    """Return every row's density at its unit's nodes, and the units' sums of their logs."""
    units, _, planes, inner = grid.c.shape
    c, sizes = grid.c.reshape(units, shape.size, -1), piece.sizes
    eta = piece.Z[:, 0, None] * np.repeat(c[:, 0], sizes, axis=0)
    for effect in range(1, shape.size):
        eta += piece.Z[:, effect, None] * np.repeat(c[:, effect], sizes, axis=0)
    eta += (piece.X @ at[: shape.coefficients] + piece.offset)[:, None]
    density = family.density(piece.outcome, eta, at[shape.of_own])
    return density, (piece.adding @ density.value).reshape(units, planes, inner)


@dataclass(frozen=True)
class _Posterior:
    """Weights of the nodes.

    Attributes
    ----------
    given
        Of a unit's nodes given the top's, ``(units, outer, inner)``.
    top, of_unit
        Of the top's nodes, by group and by unit, ``(…, outer)``.
    planes
        How many planes of nodes a unit has.
    """

    given: Array
    top: Array
    of_unit: Array
    planes: int

    def by_plane(self, values: Array) -> Array:
        """Cut the top's nodes, the second axis, by the plane of a unit's nodes they go with."""
        return values.reshape(len(values), self.planes, -1, values.shape[2])

    def moments(self, w: Array) -> Array:
        """Return each node's weight times powers of `w` up to the fourth, added over the top's.

        The shape is ``(units, planes, powers, inner)``.
        """
        powers = np.stack(list(accumulate([self.of_unit, w, w, w, w], mul)), axis=-1)
        return self.by_plane(powers).swapaxes(2, 3) @ self.by_plane(self.given)


def _posterior(piece: Piece, grid: _Grid, fits: Array) -> tuple[_Posterior, float]:
    """Return the nodes' posterior weights, and the log-likelihood."""
    square = _sum([_product(one, one) for one in grid.a])
    log_joint = grid.w[:, :, None] * (-0.5 * square[1])[:, None]
    log_joint += fits + (grid.log_inner - 0.5 * square[0])[:, None]
    given, by_unit = _shares(log_joint)
    by_unit = by_unit + grid.unit_constant[:, None] - 0.5 * square[2] * grid.w**2
    top, by_group = _shares(piece.over_parents(by_unit) + grid.log_top)
    of_unit = np.repeat(top, piece.children, axis=0)
    value = float(by_group.sum()) + piece.constant
    return _Posterior(given, top, of_unit, grid.c.shape[2]), value


def _product(one: Polynomial, other: Polynomial) -> Polynomial:
    found: Polynomial = [np.zeros(1)] * (len(one) + len(other) - 1)
    for (i, x), (j, y) in product(enumerate(one), enumerate(other)):
        found[i + j] = found[i + j] + x * y
    return found


def _sum(polynomials: Sequence[Polynomial]) -> Polynomial:
    return [reduce(add, same) for same in zip(*polynomials, strict=True)]


def _shares(logs: Array) -> tuple[Array, Array]:
    """Turn logs into shares of the sum over the last axis, in place; return its log with them."""
    peak = logs.max(axis=-1, keepdims=True)
    logs -= peak
    shares = np.exp(logs, out=logs)
    total = shares.sum(axis=-1, keepdims=True)
    shares /= total
    return shares, (peak + np.log(total))[..., 0]


def _derivatives(
    piece: Piece,
    shape: Shape,
    at: Array,
    grid: _Grid,
    density: Density,
    posterior: _Posterior,
) -> tuple[Array, Array]:
    """Return the exact gradient and Hessian at fixed nodes (Louis' formula, level by level)."""
    given, q, moments = posterior.given, posterior.top, posterior.moments(grid.w)
    by_unit, marginal = moments.sum(axis=1).swapaxes(0, 1), moments[:, :, 0]
    units, outer, _ = given.shape
    f, total = shape.coefficients + shape.own, shape.total
    scores = _scores_of_rows(piece, shape, density)  # f, units * points
    factor = _scores_of_factor(shape, grid)
    hessian = np.zeros((total, total))
    hessian[:f, :f] = _curvature_of_rows(piece, shape, density, marginal)
    hessian[shape.of_factor, shape.of_factor] = _curvature_of_factor(shape, grid, by_unit)
    # products of a client's scores, and the mean scores at each node of the top level
    hessian[:f, :f] += (scores * marginal.ravel()) @ scores.T
    means = np.empty((units, outer, total - shape.top))
    by_node = np.moveaxis(scores.reshape(f, *marginal.shape), 0, -1)
    means[..., :f] = (posterior.by_plane(given) @ by_node).reshape(units, outer, f)
    for i, one in enumerate(factor):
        constant, linear = np.moveaxis(given @ np.stack(one[:2], axis=-1), -1, 0)
        means[..., f + i] = constant + grid.w * (linear + grid.w * one[2])
        of_nodes = reduce(add, (x[:, None] * moments[:, :, d] for d, x in enumerate(one)))
        cross = scores @ of_nodes.ravel()
        hessian[:f, f + i] += cross
        hessian[f + i, :f] += cross
        for j, other in enumerate(factor[: i + 1]):
            both = _expected(_product(one, other), by_unit)
            hessian[f + i, f + j] += both
            if i != j:
                hessian[f + j, f + i] += both
    flat = means.reshape(units * outer, -1)
    inside = slice(0, means.shape[2])
    hessian[inside, inside] -= flat.T @ (flat * posterior.of_unit.reshape(-1, 1))
    groups = np.empty((len(q), outer, total))
    groups[..., inside] = piece.over_parents(means)
    if shape.top:
        sd = shape.top_sd(at)
        groups[..., -1] = grid.v**2 / sd**3 - 1.0 / sd
        hessian[-1, -1] += float((q * (1.0 / sd**2 - 3.0 * grid.v**2 / sd**4)).sum())
    flat = groups.reshape(-1, total)
    hessian += flat.T @ (flat * q.reshape(-1, 1))
    gradients = (groups * q[..., None]).sum(axis=1)
    hessian -= gradients.T @ gradients
    return gradients.sum(axis=0), hessian


def _scores_of_rows(piece: Piece, shape: Shape, density: Density) -> Array:
    """Return units' derivatives in coefficients and the family's own parameters, by point."""
    first = density.first
    found = (piece.adding_times(piece.X) @ first).reshape(shape.coefficients, -1)
    if density.own is None:
        return found
    own = [(piece.adding @ np.broadcast_to(one, first.shape)).ravel() for one in density.own]
    return np.concatenate([found, own])


def _curvature_of_rows(piece: Piece, shape: Shape, density: Density, marginal: Array) -> Array:
    """Return the expected second derivatives in coefficients and own parameters."""
    posterior = np.repeat(marginal.reshape(len(marginal), -1), piece.sizes, axis=0)
    posterior *= piece.weights[:, None]
    p, f = shape.coefficients, shape.coefficients + shape.own
    found = np.empty((f, f))
    found[:p, :p] = piece.X.T @ (piece.X * (posterior * density.second).sum(axis=1)[:, None])
    if density.cross is not None and density.own2 is not None:
        for i in range(shape.own):
            along = piece.X.T @ (posterior * density.cross[i]).sum(axis=1)
            found[:p, p + i] = found[p + i, :p] = along
            for j in range(i + 1):
                both = float((posterior * density.own2[i, j]).sum())
                found[p + i, p + j] = found[p + j, p + i] = both
    return found


def _scores_of_factor(shape: Shape, grid: _Grid) -> list[Polynomial]:
    """Return the derivatives of the effects' log density in the free elements of the factor."""
    a, inverse = grid.a, grid.inverse
    b = [_sum([[x * y for y in one] for x, one in zip(row, a, strict=True)]) for row in inverse.T]
    found = [_product(b[r], a[c]) for r, c in shape.pairs]
    for one, (r, c) in zip(found, shape.pairs, strict=True):
        one[0] = one[0] - (inverse[r, r] if r == c else 0.0)
    return found


def _expected(polynomial: Polynomial, moments: Array) -> float:
    """Return the sum over units of a polynomial's expectation; moments' powers come first."""
    return float(sum((x * m).sum() for x, m in zip(polynomial, moments, strict=False)))


def _curvature_of_factor(shape: Shape, grid: _Grid, by_unit: Array) -> Array:
    """Return the expected second derivatives of the effects' log density in the factor."""
    a, inverse = grid.a, grid.inverse
    moments = np.array([[_expected(_product(x, y), by_unit) for y in a] for x in a])
    precision, count = inverse.T @ inverse, float(by_unit.shape[1])
    ba = inverse.T @ moments
    found = np.empty((len(shape.pairs), len(shape.pairs)))
    for i, (r, c) in enumerate(shape.pairs):
        for j, (u, w) in enumerate(shape.pairs):
            value = -inverse[w, r] * ba[u, c] - precision[r, u] * moments[w, c]
            value -= inverse[c, u] * ba[r, w]
            if r == c and i == j:
                value += count * inverse[r, r] ** 2
            found[i, j] = value
    return found
