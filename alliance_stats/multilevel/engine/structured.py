"""Residuals with a covariance of their own: of the occasions of a client, or a variance a group.

The covariance of a unit's residuals is the part of one small matrix C that belongs to the places
(occasions, groups) of its rows. Units that have the same places add up to a few sums of products,
so that a search costs what the number of patterns costs, not that of clients. C is absolute: there
is no residual variance beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from ...errors import ColumnError, DesignError, did_you_mean, listing
from ..after_fit.inference import Inference, KenwardRoger, Method, Satterthwaite, positive_inverse
from .batches import Array, Indices
from .design import Design
from .deviance import Profile, covariances
from .grouping import CrossedGrouping
from .likelihood import Contribution, Level, Partition, contribute
from .optimise import Optimum, free_elements, minimise
from .patterns import Moments, Places, moments, state, whitened

TOGETHER, LEAST = 0.9, 0.05  # where a search begins: covariances shrunken, nothing near zero
NOTHING_LEFT = 1e-6  # residual degrees of freedom of a place that are none
MOST_OCCASIONS = 20  # 210 variances and covariances, more than any trial can tell


class Absolute(Profile):
    """A profile whose covariance is absolute: there is no residual variance beside it."""

    variance = 1.0  # type: ignore[assignment]

    @cached_property
    def deviance(self) -> float:
        """Minus twice the (restricted) log-likelihood."""
        if not np.isfinite(self.contribution.logdet):
            return float("inf")
        total = self.contribution.logdet + self.denominator * np.log(2.0 * np.pi)
        total += self.sum_of_squares
        if self.reml:
            total += np.linalg.slogdet(self.precision)[1]
        return float(total)

    @cached_property
    def gradient(self) -> Array:
        """Gradient of the deviance."""
        return self.logdet1 + self.sum_of_squares1

    @cached_property
    def hessian(self) -> Array:
        """Hessian of the deviance."""
        return self.logdet2 + self.sum_of_squares2


class Scored(Absolute):
    """A likelihood whose curvature is the expected one of V: enough to find the optimum by.

    It needs no second derivatives of the cross-products, which with many occasions are many.
    """

    @cached_property
    def hessian(self) -> Array:
        """Minus the Hessian of ``log |V|``, which is what the deviance's is on average."""
        return -self.contribution.logdet2


@dataclass(frozen=True)
class Sums:
    """What the likelihood needs of rows whose residuals have a covariance of their own.

    Attributes
    ----------
    parts, narrow
        Sums of products of all columns; and of those with random effects alone.
    level, levels
        The free elements of the covariance, and the random effects above the residuals.
    starts
        As in `Partition`.
    size
        The number of columns, and of the groups that parts are added up by.
    """

    parts: tuple[Moments, ...]
    narrow: tuple[Moments, ...]
    level: Level
    levels: tuple[Level, ...]
    starts: tuple[Indices, ...]
    size: tuple[int, int]

    @classmethod
    def of(cls, design: Design, where: Places) -> Sums:
        """Add up the rows of a design."""
        units, starts, levels = design.grouping.units, design.partition.starts, design.levels
        sizes = [len(design.grouping.order), *map(len, starts), 1]
        if where.whole_units:
            above = design.grouping.parents
            parents = above[0] if above else np.zeros(sizes[0], dtype=np.intp)
            units, sizes, levels, starts = parents[units], sizes[1:], levels[1:], starts[1:]
        columns = scaled_columns(design)
        used = [place for level in levels for place in level.columns]
        return cls(
            tuple(moments(columns, where, units)),
            tuple(moments(columns[used], where, units)),
            where.level,
            tuple(levels),
            tuple(starts),
            (len(columns), sizes[0]),
        )

    @property
    def everything(self) -> list[Level]:
        """All that is searched for: the covariance's elements, and those of the random effects."""
        return [self.level, *self.levels]

    def contribution(self, theta: Array, order: int, *, narrow: bool = False) -> Contribution:
        """Return what the rows add to the likelihood."""
        C, *relative = covariances(self.everything, theta)
        parts, (k, groups), levels = self.parts, self.size, list(self.levels)
        if narrow:
            parts, k = self.narrow, 0
            for number, level in enumerate(levels):
                columns = tuple(range(k, k + len(level.columns)))
                levels[number], k = replace(level, columns=columns), k + len(columns)
        begun = state(parts, self.level, C, order, (k, groups))
        return contribute(Partition(begun.cross, self.starts), levels, relative, order, begin=begun)

    def scored(self, theta: Array, fixed: tuple[int, ...], n: int, reml: bool) -> Scored:
        """Return the likelihood with its gradient and the expected curvature."""
        curved = self.contribution(theta, 2, narrow=True).logdet2
        return Scored(replace(self.contribution(theta, 1), logdet2=curved), fixed, n, reml)


def scaled_columns(design: Design) -> Array:
    """Return the columns as the fit works with them."""
    return np.stack(design.columns) / design.scale[:, None]


@dataclass(frozen=True)
class ResidualCovariance:
    """The estimated covariance of the residuals.

    Attributes
    ----------
    where
        Where each row stands in it.
    scaled
        The covariance, in units of the scaled outcome.
    found, sums, theta
        The likelihood at the optimum; what it is made of; and the free elements of the factors of
        the covariance (first) and of the random effects.
    """

    where: Places
    scaled: Array
    found: Profile
    sums: Sums
    theta: Array

    @cached_property
    def profile(self) -> Profile:
        """The likelihood at the optimum, with all derivatives in the elements of the factors."""
        everything = self.sums.contribution(self.theta, 2)
        return Absolute(everything, self.found.fixed, self.found.n, self.found.reml)

    def inference(self, levels: Sequence[Level], method: Method) -> Inference:
        """Return the method of inference that counts all elements as estimated."""
        everything = [self.where.level, *levels]
        if method == "kenward-roger":
            relative = covariances(everything, self.theta)
            free = [D[p] for D, lv in zip(relative, everything, strict=True) for p in lv.pairs]
            return KenwardRogerOfAll(self.profile, everything, np.array(free))
        return SatterthwaiteOfAll(self.profile, everything, self.theta)

    @property
    def of_rows(self) -> Array:
        """Each row's residual variance, in units of the scaled outcome."""
        return np.diag(self.scaled)[self.where.place]

    def draw(self, rng: np.random.Generator) -> Array:
        """Draw the residuals of every row."""
        size = int(self.where.unit.max()) + 1
        values, vectors = np.linalg.eigh(self.scaled)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn = rng.standard_normal((size, len(values))) @ root.T
        return drawn[self.where.unit, self.where.place]

    def between(self, rows: Indices) -> Array:
        """Return the covariance of the residuals of some rows."""
        place, unit = self.where.place[rows], self.where.unit[rows]
        return self.scaled[np.ix_(place, place)] * np.equal.outer(unit, unit)

    def elements(self, scale: float) -> list[tuple[str, object, object, float, float]]:
        """Return variances and covariances as rows of ``varcomp``; `scale` is the outcome's."""
        sd, apart = np.sqrt(np.diag(self.scaled)), self.where.apart
        rows: list[tuple[str, object, object, float, float]] = []
        pairs = sorted(self.where.level.pairs, key=lambda pair: (pair[0] != pair[1], pair))
        for a, b in pairs:
            value, size = np.nan if (a, b) in apart else self.scaled[a, b], sd[a] * sd[b]
            label = self.where.labels[b]
            if a == b:
                rows.append(("Residual", label, None, value * scale**2, sd[a] * scale))
            else:
                other = self.where.labels[a]
                rows.append(("Residual", label, other, value * scale**2, value / size))
        return rows


class SatterthwaiteOfAll(Satterthwaite):
    """Satterthwaite's method where no residual variance stands beside the other parameters."""

    @cached_property
    def variance_parameters(self) -> Array:
        """Twice the inverse Hessian of the deviance."""
        return 2.0 * positive_inverse(self._chain(self.profile.gradient, self.profile.hessian))

    @cached_property
    def covariance1(self) -> Array:
        """Derivatives of `covariance` in the parameters."""
        p = self.profile
        return np.einsum("iab,ij->jab", -p.unscaled @ p.precision1 @ p.unscaled, self._jacobian)


class KenwardRogerOfAll(KenwardRoger):
    """Kenward and Roger's method where no residual variance stands beside the other parameters."""

    @cached_property
    def _derivatives(self) -> tuple[Array, Array, Array]:
        p = self.profile
        return p.precision1, p.precision2, p.contribution.logdet2


def fit_structured(
    design: Design, where: Places, *, reml: bool, theta: Array | None = None
) -> tuple[Design, Optimum, ResidualCovariance]:
    """Fit a design whose residuals have a covariance of their own.

    Returns
    -------
    design, optimum, covariance
        The design with its cross-products through the inverse covariance, the optimum of the
        random effects there, and the residuals' covariance.
    """
    sums = Sums.of(design, where)
    if theta is None:
        theta = near_the_residuals(design, where, sums)
    best = minimise(
        lambda at: sums.scored(at, design.fixed, design.n, reml), sums.everything, theta
    )
    C = covariances([where.level], best.theta)[0]
    where.refuse_singular(C)
    white = whitened(scaled_columns(design), where, C, design.grouping.units)
    design = replace(design, partition=Partition(white, design.partition.starts))
    own = best.theta[len(where.level.pairs) :]
    zeros = tuple((number - 1 + where.whole_units, a) for number, a in best.on_boundary if number)
    covariance = ResidualCovariance(where, C, best.profile, sums, best.theta)
    converged = best.converged and not any(number == 0 for number, _ in best.on_boundary)
    here = Optimum(
        own, _known(design, own, best, reml), converged, best.slope, best.evaluations, zeros
    )
    return design, here, covariance


def near_the_residuals(design: Design, where: Places, sums: Sums) -> Array:
    """Return where to begin: the covariance of the residuals of least squares, place by place."""
    columns = scaled_columns(design)
    X, y = columns[list(design.fixed)].T, columns[-1]
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    wide = np.zeros((int(where.unit.max()) + 1, len(where.labels)))
    known = np.zeros_like(wide)
    wide[where.unit, where.place], known[where.unit, where.place] = rest, 1.0
    where.refuse_dependent(wide, known)
    free = np.zeros((len(where.labels),) * 2)
    for row, column in where.level.pairs:
        free[row, column] = free[column, row] = 1.0 if row == column else TOGETHER
    C = free * (wide.T @ wide) / np.maximum(known.T @ known, 1.0)
    values, axes = np.linalg.eigh(C)
    C = (axes * np.maximum(values, LEAST * values.max())) @ axes.T
    above = [np.sqrt(LEAST) * np.eye(len(level.columns)) for level in sums.levels]
    return free_elements(sums.everything, [np.linalg.cholesky(C), *above])


def _known(design: Design, theta: Array, best: Optimum, reml: bool) -> Profile:
    """Return the likelihood at the optimum with derivatives in the random effects alone."""
    relative = covariances(design.levels, theta)
    found = design.partition.contribution(design.levels, relative, 2)
    logdet = best.profile.contribution.logdet
    return Absolute(replace(found, logdet=logdet), design.fixed, design.n, reml)


def places_of(
    design: Design,
    frame: pd.DataFrame,
    *,
    time: str | None,
    by: str | None,
) -> Places:
    """Read where each row stands in the covariance: its occasion (if `time`) and group (`by`).

    Raises
    ------
    ColumnError, DesignError
        Where columns are missing, groups cross, or a client has two rows at one occasion.
    """
    if isinstance(design.grouping, CrossedGrouping):
        raise DesignError(_for_groups_that_cross(design, time, by))
    if design.weights is not None:
        raise DesignError("Prior weights and a covariance of the residuals do not go together.")
    group, names = np.zeros(design.n, dtype=np.intp), [""]
    if by is not None:
        group, names = _codes(frame, by)
        if len(names) < 2:
            raise DesignError(
                f"residual_by='{by}' needs two groups or more, and all rows are of one "
                f"({names[0]}): leave it out."
            )
    if time is None:
        level = Level(tuple(range(len(names))), (1,) * len(names))
        where = Places(group, np.arange(design.n), tuple(names), level, False)
        _refuse_places_without_variance(design, where, f"group of '{by}'")
        return where
    occasion, occasions = _codes(frame, time)
    T = len(occasions)
    if T > MOST_OCCASIONS:
        raise DesignError(
            f"'{time}' has {T} occasions, so {T * (T + 1) // 2} variances and covariances: too "
            f"many (at most {MOST_OCCASIONS} occasions). Use residual='ar1', or random slopes."
        )
    unit, lowest = design.grouping.units, design.grouping.names[0]
    twice = pd.DataFrame({"unit": unit, "time": occasion}).duplicated()
    if twice.any():
        who = pd.unique(design.grouping.labels[0][unit[twice]])
        raise DesignError(
            f"residual='unstructured' needs one row for each '{lowest}' and '{time}'; {len(who)} "
            f"have several (first: {listing(who)})."
        )
    changing = pd.DataFrame({"unit": unit, "group": group}).drop_duplicates()["unit"].duplicated()
    if changing.any():
        raise DesignError(f"'{by}' must be the same in all rows of one '{lowest}'.")
    G = len(names)
    level = Level(tuple(range(G * T)), (T,) * G)
    labels = tuple(f"{g} {o}".strip() for g in names for o in occasions)
    where = Places(group * T + occasion, unit, labels, level, True)
    _refuse_places_without_variance(design, where, f"'{time}'" + f" and '{by}'" * (by is not None))
    return where


def _refuse_places_without_variance(design: Design, where: Places, what: str) -> None:
    """Refuse places whose rows are one, or all alike: their residuals have no variance to find."""
    values = pd.Series(design.columns[-1]).groupby(where.place)
    Q = np.linalg.qr(np.stack(design.columns)[list(design.fixed)].T)[0]
    left = np.bincount(where.place, 1.0 - (Q**2).sum(axis=1), len(where.labels))
    for bare, why in (
        (values.nunique().to_numpy() < 2, f"'{design.outcome}' has one value only"),
        (left < NOTHING_LEFT, "there are no more rows than coefficients that they alone tell"),
    ):
        flat = [where.labels[place] for place in np.flatnonzero(bare)]
        if flat:
            raise DesignError(
                f"Each {what} has a residual variance of its own, and {why} where that is "
                f"{listing(flat)}. Leave those rows out, or give them no variance of their own."
            )


def _for_groups_that_cross(design: Design, time: str | None, by: str | None) -> str:
    """Say why residuals have no covariance of their own there, and what is the same model."""
    why = (
        "A covariance of the residuals goes into sums over each client's rows, and groups that "
        f"cross ({listing(design.grouping.names)}) need the rows themselves: it needs groups that "
        "are nested."
    )
    if time is None or by is not None:
        return (
            f"{why} Take one group for each client (the last, or that of most rows), or leave "
            f"residual_by='{by}' out."
        )
    return (
        f"{why} The same model, exactly, is (0 + C({time}) | {design.grouping.names[0]}) in place "
        "of residual='unstructured', with allow_saturated=True: the covariance of the residuals is "
        "then that of its effects, with the residual variance added to each variance."
    )


def _codes(frame: pd.DataFrame, column: str) -> tuple[Indices, list[str]]:
    if column not in frame.columns:
        raise ColumnError(
            f"The data have no column '{column}'.{did_you_mean(column, frame.columns)}"
        )
    codes, labels = pd.factorize(frame[column], sort=True)
    return codes, [f"{label:g}" if isinstance(label, float) else str(label) for label in labels]
