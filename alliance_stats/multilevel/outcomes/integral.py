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

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..engine.batches import Array, Indices
from .families import Density, Family, Outcome


@dataclass(frozen=True)
class Piece:
    """Some top-level groups: their rows, sorted by unit, and where units and groups begin.

    Attributes
    ----------
    X, Z
        Columns of the coefficients and of the lowest level's effects, rows first.
    weights
        How often each row counts.
    starts
        The first row of each lowest unit.
    parents
        Where there is a level above: the first unit of each of its groups.
    above
        The place, among the lowest level's effects, of the intercept to which the level above
        adds.
    """

    outcome: Outcome
    X: Array
    Z: Array
    offset: Array
    weights: Array
    constant: float
    starts: Indices
    parents: Indices | None
    above: int = 0

    @property
    def sizes(self) -> Indices:
        """Rows of each unit."""
        return np.diff(self.starts, append=len(self.X))

    @property
    def children(self) -> Indices:
        """Units of each group above; one each where there is no level above."""
        if self.parents is None:
            return np.ones(len(self.starts), dtype=np.intp)
        return np.diff(self.parents, append=len(self.starts))

    @property
    def parent_of(self) -> Indices:
        """Each unit's group."""
        children = self.children
        return np.repeat(np.arange(len(children)), children)

    def over_parents(self, values: Array) -> Array:
        """Add up units, on the first axis, within their groups."""
        if self.parents is None:
            return values
        return np.asarray(np.add.reduceat(values, self.parents, axis=0))


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
class Nodes:
    """Where the nodes of every unit stand: centre and spread, and how they follow the top's.

    Attributes
    ----------
    centre, root, slope
        ``(units, q)``, ``(units, q, q)`` and ``(units, q)``: node ``x`` stands at ``centre + slope
        (v - top_centre) + root x``.
    top_centre, top_spread
        One a group above.
    moving
        Whether the slope is used.
    """

    centre: Array
    root: Array
    slope: Array
    top_centre: Array
    top_spread: Array
    moving: bool = False


class Points(NamedTuple):
    """How many nodes: of each of a client's effects, and of the top level.

    `even` ones stand at equal distances over `REACH` SDs to each side. Where random effects are
    much wider than the step of a single answer, they need fewer of them than Gauss-Hermite's rule:
    their number grows with the SD, not with its square.
    """

    inner: int
    top: int
    even: bool = False


REACH = 8.0


@lru_cache(maxsize=64)
def rule(nodes: int, size: int, even: bool = False) -> tuple[Array, Array]:
    """Return Gauss-Hermite nodes in some dimensions and the log weights over the density there.

    The weights are such that ``sum exp(w) g(x)`` is the integral of ``g`` itself. Corners whose
    share of a normal integral is below rounding are left out.
    """
    if even:
        step = 2.0 * REACH / (nodes - 1)
        return np.linspace(-REACH, REACH, nodes)[None], np.full(nodes, np.log(step))
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    with np.errstate(divide="ignore"):
        log_w = np.log(w) + 0.5 * x * x  # over exp(-x^2 / 2)
        mass = np.log(w) - 0.5 * np.log(2.0 * np.pi)
    grids = np.meshgrid(*[np.arange(nodes)] * size, indexing="ij")
    which = np.stack([grid.ravel() for grid in grids])
    kept = mass[which].sum(axis=0) > -(42.0 if size > 1 else 650.0)
    which = which[:, kept]
    return x[which], log_w[which].sum(axis=0)


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
    density, sums = _densities(piece, family, shape, at, grid)
    posterior, value = _weights(piece, grid, sums, nodes.moving)
    if not np.isfinite(value):
        nothing = np.zeros((shape.total, shape.total))
        return Evaluation(-np.inf, nothing[0], nothing)
    return Evaluation(value, *_derivatives(piece, shape, at, grid, density, posterior))


def moments(
    piece: Piece, family: Family, shape: Shape, at: Array, nodes: Nodes, points: Points
) -> Nodes:
    """Return nodes at the posterior mean and SD of each unit's one effect."""
    grid = _grid(piece, shape, at, nodes, points)
    _, sums = _densities(piece, family, shape, at, grid)
    posterior, _ = _weights(piece, grid, sums, nodes.moving)
    centre = np.einsum("uqm,um->uq", grid.c, posterior.marginal)
    away = grid.c - centre[..., None]
    spread = np.sqrt(np.einsum("uqm,um->uq", away * away, posterior.marginal))
    return Nodes(centre, spread[..., None], nodes.slope, nodes.top_centre, nodes.top_spread)


def _weights(piece: Piece, grid: _Grid, sums: Array, moving: bool) -> tuple[_Posterior, float]:
    """Return the nodes' posterior weights, and the log-likelihood."""
    units, inner = len(grid.a), grid.a.shape[2]
    log_joint = sums.reshape(units, inner, -1) - 0.5 * (grid.a**2).sum(axis=1)
    p, by_unit = _shares(log_joint + grid.log_inner[:, None])
    by_unit = by_unit + grid.unit_constant[:, None]
    q, by_group = _shares(piece.over_parents(by_unit) + grid.log_top)
    of_unit = np.repeat(q, piece.children, axis=0)
    joint = p * of_unit[:, None, :]
    marginal = joint.reshape(units, -1) if moving else joint.sum(axis=2)
    return _Posterior(p, q, of_unit, joint, marginal), float(by_group.sum()) + piece.constant


def _shares(logs: Array) -> tuple[Array, Array]:
    """Return the exponentials divided by their sum over the second axis, and the log of it."""
    peak = logs.max(axis=1, keepdims=True)
    shares = np.exp(logs - peak)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total
    return shares, (peak + np.log(total))[:, 0]


@dataclass(frozen=True)
class _Posterior:
    """Weights of the nodes: of units given the top's, of the top, and of both together."""

    given: Array
    top: Array
    of_unit: Array
    joint: Array
    marginal: Array


@dataclass(frozen=True)
class _Grid:
    """The nodes themselves: ``c`` (units, q, points), ``a`` (units, q, inner, outer), ``v``."""

    c: Array
    a: Array
    v: Array
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
        v = nodes.top_centre[:, None] + nodes.top_spread[:, None] * z[0]
        log_top = log_z + np.log(nodes.top_spread)[:, None] - 0.5 * (v / sd) ** 2
        log_top = log_top - np.log(abs(sd)) - 0.5 * np.log(2.0 * np.pi)
    else:
        v, log_top = np.zeros((units, 1)), np.zeros((units, 1))
    v_unit = np.repeat(v, piece.children, axis=0)
    c = nodes.centre[:, :, None] + nodes.root @ x
    if nodes.moving:
        off = v_unit - np.repeat(nodes.top_centre, piece.children)[:, None]
        c = c[..., None] + nodes.slope[:, :, None, None] * off[:, None, None, :]
    else:
        c = c[..., None]
    away = np.repeat(c, 1 if nodes.moving else v.shape[1], axis=3)
    away[:, piece.above] -= v_unit[:, None, :]
    a = away * inverse[0, 0] if q == 1 else np.einsum("rc,uclk->urlk", inverse, away)
    roots = np.abs(np.diagonal(nodes.root, axis1=1, axis2=2))
    constant = np.log(roots).sum(axis=1) - logdet - 0.5 * q * np.log(2.0 * np.pi)
    return _Grid(c.reshape(units, q, -1), a, v, log_inner, log_top, constant, inverse)


def _densities(
    piece: Piece, family: Family, shape: Shape, at: Array, grid: _Grid
) -> tuple[Density, Array]:
    """Return every row's density at its unit's nodes, and the units' sums of their logs."""
    sizes = piece.sizes
    eta = piece.Z[:, 0, None] * np.repeat(grid.c[:, 0], sizes, axis=0)
    for effect in range(1, shape.size):
        eta += piece.Z[:, effect, None] * np.repeat(grid.c[:, effect], sizes, axis=0)
    eta += (piece.X @ at[: shape.coefficients] + piece.offset)[:, None]
    density = family.density(piece.outcome, eta, at[shape.of_own])
    return density, np.add.reduceat(piece.weights[:, None] * density.value, piece.starts, axis=0)


def _derivatives(
    piece: Piece,
    shape: Shape,
    at: Array,
    grid: _Grid,
    density: Density,
    posterior: _Posterior,
) -> tuple[Array, Array]:
    """Return the exact gradient and Hessian at fixed nodes (Louis' formula, level by level)."""
    p, q, joint, marginal = posterior.given, posterior.top, posterior.joint, posterior.marginal
    units, inner, outer = joint.shape
    f, m, total = shape.coefficients + shape.own, len(shape.pairs), shape.total
    scores = _scores_of_rows(piece, shape, density)  # units, points, f
    factor = _scores_of_factor(shape, grid)  # units, pairs, inner, outer
    hessian = np.zeros((total, total))
    hessian[:f, :f] = _curvature_of_rows(piece, shape, density, marginal)
    hessian[shape.of_factor, shape.of_factor] = _curvature_of_factor(shape, grid, joint)
    # products of a client's scores, and the mean scores at each node of the top level
    flat = scores.reshape(-1, f)
    hessian[:f, :f] += flat.T @ (flat * marginal.reshape(-1, 1))
    means = np.empty((units, outer, total - shape.top))
    per_node = scores.reshape(units, inner, -1, f)
    if per_node.shape[2] == 1:
        means[..., :f] = np.swapaxes(p, 1, 2) @ per_node[:, :, 0]
    else:
        means[..., :f] = np.einsum("ulk,ulkf->ukf", p, per_node)
    weighted = factor * joint[:, None]
    for i in range(m):
        means[..., f + i] = np.einsum("ulk,ulk->uk", p, factor[:, i])
        of_points = weighted[:, i].reshape((*marginal.shape, -1)).sum(axis=2)
        cross = flat.T @ of_points.ravel()
        hessian[:f, f + i] += cross
        hessian[f + i, :f] += cross
        for j in range(i + 1):
            both = float((weighted[:, i] * factor[:, j]).sum())
            hessian[f + i, f + j] += both
            if i != j:
                hessian[f + j, f + i] += both
    flat = means.reshape(-1, f + m)
    inside = slice(0, f + m)
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
    first = density.first * piece.weights[:, None]
    found = [
        np.add.reduceat(piece.X[:, j, None] * first, piece.starts, axis=0)
        for j in range(shape.coefficients)
    ]
    for own in density.own if density.own is not None else ():
        each = np.broadcast_to(own, first.shape) * piece.weights[:, None]
        found.append(np.add.reduceat(each, piece.starts, axis=0))
    return np.stack(found, axis=-1)


def _curvature_of_rows(piece: Piece, shape: Shape, density: Density, marginal: Array) -> Array:
    """Return the expected second derivatives in coefficients and own parameters."""
    posterior = np.repeat(marginal, piece.sizes, axis=0) * piece.weights[:, None]
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


def _scores_of_factor(shape: Shape, grid: _Grid) -> Array:
    """Return the derivatives of the effects' log density in the free elements of the factor."""
    a, inverse = grid.a, grid.inverse
    if shape.size == 1:
        return (a * a - 1.0) * inverse[0, 0]
    b = np.einsum("cr,uclk->urlk", inverse, a)  # the transposed inverse times a
    return np.stack(
        [b[:, r] * a[:, c] - (inverse[r, r] if r == c else 0.0) for r, c in shape.pairs], axis=1
    )


def _curvature_of_factor(shape: Shape, grid: _Grid, joint: Array) -> Array:
    """Return the expected second derivatives of the effects' log density in the factor."""
    a, inverse, q = grid.a, grid.inverse, shape.size
    if q == 1:
        moments = np.array([[float((joint * a[:, 0] ** 2).sum())]])
    else:
        flat = np.moveaxis(a, 1, 0).reshape(q, -1)
        moments = (flat * joint.ravel()) @ flat.T
    precision, count = inverse.T @ inverse, float(len(a))
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
