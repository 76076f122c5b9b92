"""The one form of every model here: loadings, paths, covariances, intercepts.

``y = nu + Lambda eta + e`` and ``eta = alpha + B eta + z`` give, with ``A = (I - B)^-1``,
``Omega = A Psi A'``, the moments ``mu = nu + Lambda A alpha`` and
``Sigma = Lambda Omega Lambda' + Theta``. A model is a list of cells of these matrices; cells of
the same label are one parameter, a cell without label is fixed.

Every cell moves the moments along columns of one basis ``X = [Lambda A, Lambda Omega, I]``:
``dSigma = h (x_u x_v' + x_v x_u')`` and ``dmu = c x_u``. So derivatives need products of the basis
only, whatever the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
MATRICES = ("loading", "path", "covariance", "residual", "intercept", "mean")
SYMMETRIC = ("covariance", "residual")


class Cell(NamedTuple):
    """One cell of a matrix: fixed at `value`, or free under a label and started there.

    `matrix` is ``loading`` (observed, latent), ``path`` (latent, latent before), ``covariance``
    (of latents' disturbances), ``residual`` (covariance of observed variables' errors),
    ``intercept`` (of an observed variable) or ``mean`` (of a latent one).
    """

    matrix: str
    row: str
    column: str = ""
    label: str = ""
    value: float = 0.0


@dataclass(frozen=True, eq=False)
class Structure:
    """The model of one group of people: what is observed, what is latent, and its cells.

    `words` holds what variables are called in sentences, where that is not their name.
    """

    observed: Sequence[str]
    latent: Sequence[str]
    cells: Sequence[Cell]
    words: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each matrix."""
        p, m = len(self.observed), len(self.latent)
        sizes = ((p, m), (m, m), (m, m), (p, p), (p,), (m,))
        return dict(zip(MATRICES, sizes, strict=True))

    @cached_property
    def free(self) -> list[Cell]:
        """The cells that are estimated."""
        return [cell for cell in self.cells if cell.label]

    def place(self, cell: Cell) -> tuple[int, ...]:
        """Return row and column of a cell in its matrix."""
        rows = self._number["latent" if cell.matrix in ("path", "covariance", "mean") else ""]
        if cell.matrix in ("intercept", "mean"):
            return (rows[cell.row],)
        return rows[cell.row], self._number["" if cell.matrix == "residual" else "latent"][
            cell.column
        ]

    @cached_property
    def _number(self) -> dict[str, dict[str, int]]:
        named = {"": self.observed, "latent": self.latent}
        return {kind: {name: i for i, name in enumerate(names)} for kind, names in named.items()}

    @cached_property
    def _fixed(self) -> dict[str, Array]:
        filled = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        for cell in self.cells:
            if not cell.label:
                place = self.place(cell)
                filled[cell.matrix][place] = cell.value
                if cell.matrix in SYMMETRIC:
                    filled[cell.matrix][place[::-1]] = cell.value
        return filled

    @cached_property
    def _places(self) -> dict[str, tuple[Array, Array]]:
        """Of each matrix, which free cells are its own, and where they stand in it (flat)."""
        found = {}
        for name, shape in self.shapes.items():
            own = [i for i, cell in enumerate(self.free) if cell.matrix == name]
            at = [self.place(self.free[i]) for i in own]
            if name in SYMMETRIC:
                own, at = own * 2, at + [place[::-1] for place in at]
            flat = [int(np.ravel_multi_index(place, shape)) for place in at]
            found[name] = (np.array(own, dtype=int), np.array(flat, dtype=int))
        return found

    def matrices(self, values: Array) -> dict[str, Array]:
        """Return the matrices with the values of the free cells filled in."""
        filled = {}
        for name, fixed in self._fixed.items():
            own, at = self._places[name]
            matrix = fixed.astype(values.dtype)
            matrix.reshape(-1)[at] = values[own]
            filled[name] = matrix
        return filled

    def moments(self, values: Array) -> Moments:
        """Return what the model implies where the free cells have these values."""
        m = self.matrices(values)
        lam = m["loading"]
        A = np.linalg.inv(np.eye(len(self.latent)) - m["path"]) if len(self.latent) else m["path"]
        omega = A @ m["covariance"] @ A.T
        level = A @ m["mean"]
        X = np.hstack([lam @ A, lam @ omega, np.eye(len(self.observed))])
        u, v, half = self._basis
        mean = np.where(self._level >= 0, np.append(level, 0)[self._level], self._moves_mean)
        return Moments(
            mu=m["intercept"] + lam @ level,
            sigma=lam @ omega @ lam.T + m["residual"],
            X=X,
            u=u,
            v=v,
            half=half,
            mean=mean,
            omega=omega,
            A=A,
            level=level,
            matrices=m,
            structure=self,
        )

    @cached_property
    def _basis(self) -> tuple[Array, Array, Array]:
        m = len(self.latent)
        start = {"loading": (2 * m, m), "path": (0, m), "covariance": (0, 0)}
        start |= {"residual": (2 * m, 2 * m), "intercept": (2 * m, 2 * m), "mean": (0, 0)}
        u, v, half = [], [], []
        for cell in self.free:
            place = self.place(cell)
            row, column = place[0], place[-1]
            u.append(start[cell.matrix][0] + row)
            v.append(start[cell.matrix][1] + column)
            own = 0.5 if row == column and cell.matrix in SYMMETRIC else 1.0
            half.append(0.0 if cell.matrix in ("intercept", "mean") else own)
        return np.array(u, dtype=int), np.array(v, dtype=int), np.array(half, dtype=float)

    @cached_property
    def _level(self) -> Array:
        """The latent whose mean a cell carries to the observed means; -1 where none."""
        carries = ("loading", "path")
        return np.array(
            [self.place(c)[1] if c.matrix in carries else -1 for c in self.free], dtype=int
        )

    def _of(self, *kinds: str) -> tuple[Array, Array, Array]:
        """Return which free cells are of these matrices, with their rows and columns."""
        own = [i for i, cell in enumerate(self.free) if cell.matrix in kinds]
        at = [self.place(self.free[i]) for i in own]
        ends = ([place[k] for place in at] for k in (0, -1))
        row, column = (np.array(one, dtype=int) for one in ends)
        return np.array(own, dtype=int), row, column

    @cached_property
    def _carriers(self) -> tuple[Array, Array, Array]:
        """The cells that carry a latent to something, with their rows and columns."""
        return self._of("loading", "path")

    @cached_property
    def _moves_mean(self) -> Array:
        return np.array([float(c.matrix in ("intercept", "mean")) for c in self.free])


@dataclass(frozen=True, eq=False)
class Moments:
    """Implied moments, and how each free cell moves them (see the module's first lines)."""

    mu: Array
    sigma: Array
    X: Array
    u: Array
    v: Array
    half: Array
    mean: Array
    omega: Array
    A: Array
    level: Array
    matrices: Mapping[str, Array]
    structure: Structure

    def gradient(self, G: Array, g: Array) -> Array:
        """Return the gradient by cells of what has the gradients G by Sigma and g by mu."""
        XG = self.X.T @ G
        by_sigma = np.einsum("ij,ji->i", XG[self.u], self.X[:, self.v])
        return 2.0 * self.half * by_sigma + self.mean * (self.X.T @ g)[self.u]

    def bending(self, G: Array, g: Array) -> Array:
        """Return how `gradient` changes with each cell while G and g stay: the moments' own bend.

        A cell j moves the basis by ``dX = x_u r' + x_v s'``, with rows r and s of A and Omega.
        """
        Q, q, u, v = self.X.T @ G @ self.X, self.X.T @ g, self.u, self.v
        r, s = self._turns
        by_sigma = r[:, u] * Q[np.ix_(u, v)] + s[:, u] * Q[np.ix_(v, v)]
        by_sigma += r[:, v] * Q[np.ix_(u, u)] + s[:, v] * Q[np.ix_(v, u)]
        by_mean = (r[:, u].T * q[u] + s[:, u].T * q[v]).T * self.mean
        return (2.0 * self.half * by_sigma + by_mean + self._level_moves * q[u]).T

    @cached_property
    def _turns(self) -> tuple[Array, Array]:
        m = len(self.structure.latent)
        r, s = (np.zeros((len(self.u), self.X.shape[1])) for _ in range(2))
        carry, row, column = self.structure._carriers
        r[carry, :m], r[carry, m : 2 * m] = self.A[column], self.omega[column]
        path, row, column = self.structure._of("path")
        s[path, m : 2 * m] = self.A[:, row].T
        free, row, column = self.structure._of("covariance")
        half = self.half[free, None]
        r[free, m : 2 * m] = half * self.A[:, column].T
        s[free, m : 2 * m] = half * self.A[:, row].T
        return r, s

    @cached_property
    def _level_moves(self) -> Array:
        """How the latent level behind each cell (column) moves with each cell (row)."""
        carried = self.structure._level
        out = np.zeros((len(self.u), len(self.u)))
        behind = np.flatnonzero(carried >= 0)
        for kind in ("path", "mean"):
            own, row, column = self.structure._of(kind)
            by = self.level[column] if kind == "path" else np.ones(len(own))
            out[np.ix_(own, behind)] = self.A[np.ix_(carried[behind], row)].T * by[:, None]
        return out


@dataclass(frozen=True, eq=False)
class Model:
    """Structures of one or several groups that share parameters.

    Attributes
    ----------
    structures
        One a group.
    names
        The free parameters.
    combine
        For each group, the matrix from parameters to the values of its free cells; so cells can
        be equal, or a linear function of several parameters.
    start
        Where estimation starts.
    """

    structures: Sequence[Structure]
    names: Sequence[str]
    combine: Sequence[Array]
    start: Array
    plus: Sequence[Array] = field(default=())

    @classmethod
    def of(
        cls,
        *structures: Structure,
        linear: Mapping[str, tuple[float, Mapping[str, float]]] | None = None,
    ) -> Model:
        """Return a model; `linear` makes a label a constant plus a weighted sum of others."""
        given = dict(linear or {})
        start: dict[str, list[float]] = {}
        for one in structures:
            for cell in one.free:
                start.setdefault(cell.label, []).append(cell.value)
        names = [label for label in start if label not in given]
        number = {label: i for i, label in enumerate(names)}
        combine, plus = [], []
        for one in structures:
            C, c = np.zeros((len(one.free), len(names))), np.zeros(len(one.free))
            for i, cell in enumerate(one.free):
                constant, weights = given.get(cell.label, (0.0, {cell.label: 1.0}))
                c[i] = constant
                for label, weight in weights.items():
                    C[i, number[label]] += weight
            combine.append(C)
            plus.append(c)
        first = np.array([float(np.mean(start[label])) for label in names])
        return cls(structures, names, combine, first, plus)

    def values(self, theta: Array, group: int = 0) -> Array:
        """Return the values of a group's free cells."""
        return self.combine[group] @ theta + self.plus[group]

    def moments(self, theta: Array) -> list[Moments]:
        """Return the implied moments of each group."""
        return [one.moments(self.values(theta, g)) for g, one in enumerate(self.structures)]
