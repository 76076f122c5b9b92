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
from .elimination import State
from .grouping import CrossedGrouping
from .likelihood import Level, Partition, contribute
from .optimise import Optimum, minimise

MOST_OCCASIONS = 20  # 210 variances and covariances, more than any trial can tell


@dataclass(frozen=True)
class Places:
    """Where each row stands in the covariance of residuals.

    Attributes
    ----------
    place
        Each row's place in C.
    unit
        Each row's unit: residuals of different units are independent.
    labels
        What the places are called.
    level
        Which elements of C are free.
    whole_units
        Whether units are those of the lowest grouping, which then has no effects of its own.
    """

    place: Indices
    unit: Indices
    labels: tuple[str, ...]
    level: Level
    whole_units: bool


@dataclass(frozen=True)
class Moments:
    """Sums over the units of one pattern: products of its rows' columns, by place and group."""

    places: Indices
    units: int
    products: Array  # T, T, k, k, groups


def moments(columns: Array, where: Places, groups: Indices, n_groups: int) -> list[Moments]:
    """Add up products of columns (k, rows) within units, by the units' pattern and group."""
    order = np.lexsort((where.place, where.unit))
    unit, place = where.unit[order], where.place[order]
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    held = np.zeros((len(starts), len(where.labels)), dtype=bool)
    held[np.repeat(np.arange(len(starts)), np.diff(starts, append=len(unit))), place] = True
    patterns, of_unit = np.unique(held, axis=0, return_inverse=True)
    found = []
    for number, pattern in enumerate(patterns):
        first = starts[np.flatnonzero(of_unit.ravel() == number)]
        rows = order[first[:, None] + np.arange(pattern.sum())]
        by_group = groups[rows[:, 0]]
        T, k = rows.shape[1], len(columns)
        products = np.zeros((T, T, k, k, n_groups))
        for t in range(T):
            for s in range(t + 1):
                for a in range(k):
                    values = columns[a, rows[:, t]] * columns[:, rows[:, s]]
                    sums = [np.bincount(by_group, one, n_groups) for one in values]
                    products[t, s, a] = sums
                products[s, t] = np.swapaxes(products[t, s], 0, 1)
        found.append(Moments(np.flatnonzero(pattern), len(rows), products))
    return found


def state(parts: Sequence[Moments], level: Level, C: Array, order: int) -> State:
    """Return the cross-products through the inverse of C, with derivatives in its elements."""
    k, groups = parts[0].products.shape[2], parts[0].products.shape[-1]
    m = len(level.pairs)
    begun = State.begin(np.zeros((k, k, groups)))
    if order:
        begun = replace(
            begun,
            cross1=np.zeros((m, k, k, groups)),
            cross2=np.zeros((m, m, k, k, groups)),
            logdet1=np.zeros(m),
            logdet2=np.zeros((m, m)),
        )
    logdet, cross = 0.0, begun.cross
    for part in parts:
        own = C[np.ix_(part.places, part.places)]
        sign, size = np.linalg.slogdet(own)
        if not sign > 0:
            return replace(begun, logdet=float("inf"))
        inverse, T = np.linalg.inv(own), len(own)
        logdet += part.units * float(size)
        flat = part.products.reshape(T * T, -1)
        cross += (inverse.ravel() @ flat).reshape(cross.shape)
        if not order:
            continue
        at = {place: i for i, place in enumerate(part.places.tolist())}
        free = [i for i, (a, b) in enumerate(level.pairs) if a in at and b in at]
        moves = np.zeros((len(free), T, T))
        for row, i in enumerate(free):
            a, b = (at[place] for place in level.pairs[i])
            moves[row, a, b] = moves[row, b, a] = 1.0
        moved = inverse @ moves  # C^-1 dC
        first = moved @ inverse
        begun.cross1[free] -= (first.reshape(len(free), -1) @ flat).reshape(-1, *cross.shape)
        begun.logdet1[free] += part.units * np.trace(moved, axis1=1, axis2=2)
        second = np.einsum("iab,jbc->ijac", moved, first)
        second = second + np.swapaxes(second, 2, 3)
        bent = second.reshape(len(free) ** 2, -1) @ flat
        begun.cross2[np.ix_(free, free)] += bent.reshape(len(free), len(free), *cross.shape)
        traces = np.einsum("iab,jba->ij", moved, moved)
        begun.logdet2[np.ix_(free, free)] -= part.units * traces
    return replace(begun, logdet=logdet)


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


@dataclass(frozen=True)
class ResidualCovariance:
    """The estimated covariance of the residuals.

    Attributes
    ----------
    where
        Where each row stands in it.
    scaled
        The covariance, in units of the scaled outcome.
    profile, theta
        The likelihood at the optimum, with derivatives in the elements of the covariance (first)
        and those of the random effects, and the free elements of their factors.
    """

    where: Places
    scaled: Array
    profile: Profile
    theta: Array

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
        sd = np.sqrt(np.diag(self.scaled))
        rows: list[tuple[str, object, object, float, float]] = []
        pairs = sorted(self.where.level.pairs, key=lambda pair: (pair[0] != pair[1], pair))
        for a, b in pairs:
            value, size = self.scaled[a, b], sd[a] * sd[b]
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
    scaled = np.stack(design.columns) / design.scale[:, None]
    units, starts, levels = design.grouping.units, design.partition.starts, design.levels
    sizes = [len(design.grouping.order), *map(len, starts), 1]
    if where.whole_units:
        parents = design.grouping.parents[0] if design.grouping.parents else np.zeros(sizes[0], int)
        units, sizes, levels, starts = parents[units], sizes[1:], levels[1:], starts[1:]
    parts = moments(scaled, where, units, sizes[0])
    everything = [where.level, *levels]

    def evaluate(at: Array) -> Profile:
        C, *relative = covariances(everything, at)
        begun = state(parts, where.level, C, 2)
        partition = Partition(begun.cross, tuple(starts))
        return Absolute(
            contribute(partition, levels, relative, 2, begin=begun), design.fixed, design.n, reml
        )

    best = minimise(evaluate, everything, theta)
    C = covariances([where.level], best.theta)[0]
    by_unit = moments(scaled, where, design.grouping.units, len(design.grouping.order))
    white = state(by_unit, where.level, C, 0)
    design = replace(design, partition=Partition(white.cross, design.partition.starts))
    own = best.theta[len(where.level.pairs) :]
    zeros = tuple((number - 1 + where.whole_units, a) for number, a in best.on_boundary if number)
    covariance = ResidualCovariance(where, C, best.profile, best.theta)
    converged = best.converged and not any(number == 0 for number, _ in best.on_boundary)
    here = Optimum(
        own, _known(design, own, best, reml), converged, best.slope, best.evaluations, zeros
    )
    return design, here, covariance


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
    if time is None:
        level = Level(tuple(range(len(names))), (1,) * len(names))
        return Places(group, np.arange(design.n), tuple(names), level, False)
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
    return Places(group * T + occasion, unit, labels, level, True)


def _for_groups_that_cross(design: Design, time: str | None, by: str | None) -> str:
    """Say why residuals have no covariance of their own there, and what is the same model."""
    why = (
        "A covariance of the residuals goes into sums over each client's rows, and groups that "
        f"cross ({listing(design.grouping.names)}) need the rows themselves: it needs groups that "
        "are nested, and that each row has."
    )
    if time is None or by is not None:
        return f"{why} Name those without a group, or take one group for each client."
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
