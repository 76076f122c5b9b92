"""How sure a prediction is: standard errors and intervals, with random effects or without.

A prediction with random effects errs through the coefficients, through the effects that were
predicted with them, and, for groups the model has not seen, through effects it knows only the
variance of. One pass down the levels carries two small matrices for every unit: ``T``, what is
left of a row's columns when the effects follow the coefficients, and ``S``, the covariance of the
effects given the coefficients. A row ``r`` of the unit has the variance ``r (T C T' + S) r'``,
which is Henderson's prediction error variance. Variances count as known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ...core.arguments import checked_choice, level_of
from ...errors import DesignError, listing
from ...inference.distributions import half_width
from ..engine.batches import Array, Indices, fixed_times, inverse_of_one_plus, times, transpose
from ..engine.crossed import CrossedPartition, block_columns
from ..engine.deviance import covariances
from ..engine.grouping import CrossedGrouping
from ..engine.membership import Memberships
from ..formula.terms import Table
from . import prediction
from .crossed_effects import Posterior
from .effects import parents_of, spread_down, upward

if TYPE_CHECKING:
    from ..result import MultilevelFit

KINDS = ("confidence", "prediction")


def predict_interval(
    fit: MultilevelFit,
    newdata: pd.DataFrame | None = None,
    *,
    random_effects: bool = True,
    new_groups: str = "zero",
    kind: str = "confidence",
    confidence: float = 0.95,
    alpha: float | None = None,
    membership: Memberships | None = None,
) -> pd.DataFrame:
    """Predict with standard errors and intervals.

    Parameters
    ----------
    newdata
        As `MultilevelFit.predict` takes it; the rows fitted if left out.
    random_effects
        Whether a row's groups count. Without them the interval is that of the average over
        clients and therapists; with them it is that of this client, and a group the model has not
        seen adds its whole variance.
    new_groups
        ``"zero"`` or ``"error"``, as in `MultilevelFit.predict`.
    kind
        ``"confidence"``: of the expected value; ``"prediction"``: of one new observation (without
        `random_effects`, one of a new client of a new therapist).
    confidence
        Level of the intervals (`alpha`, one minus it, is an old name).
    membership
        As `MultilevelFit.predict` takes it.

    Returns
    -------
    pandas.DataFrame
        ``predicted, std_error, df, conf_low, conf_high``, a row a row. Without random effects
        the df of a confidence interval are those of the model's method; else normal quantiles are
        used. AR(1) residuals of earlier sessions are not carried over to new ones.
    """
    level = level_of(confidence, alpha=alpha)
    checked_choice("kind", kind, KINDS)
    shared = membership or {}
    predicted = prediction.predict(
        fit, newdata, random_effects=random_effects, new_groups=new_groups, membership=shared
    )
    if fit.structured is not None and (kind == "prediction" or random_effects):
        raise DesignError(
            "Where residuals have a covariance of their own, only the interval of the average over "
            "clients is given: use random_effects=False, kind='confidence'."
        )
    known = predicted.notna().to_numpy()
    needs_effects = random_effects or kind == "prediction"
    if newdata is None:
        rows = _rows_fitted(fit, random_effects)
    else:
        rows = _rows_new(fit, Table(newdata[known]), needs_effects, random_effects, shared)
    if needs_effects:
        of = _with_effects if rows.members is None else _with_crossed_effects
        variance, df = of(fit, rows), np.full(int(known.sum()), np.inf)
    else:
        C = fit.inference.covariance
        variance = np.einsum("na,ab,nb->n", rows.fixed, C, rows.fixed)
        df = fit.inference.df(rows.fixed)
    if kind == "prediction":
        variance = variance + fit.optimum.profile.variance
    found = pd.DataFrame({"predicted": predicted}, index=predicted.index)
    for name in ("std_error", "df", "conf_low", "conf_high"):
        found[name] = np.nan
    error = np.sqrt(variance) * fit.design.scale[-1]
    half = half_width(error, df, level)
    values = predicted[known].to_numpy()
    found.loc[known, ["std_error", "df", "conf_low", "conf_high"]] = np.stack(
        [error, df, values - half, values + half], axis=1
    )
    return found


@dataclass(frozen=True)
class _Rows:
    """Rows in the scaled columns' units: columns of X, of each level, and each level's unit.

    Where groups cross: the weights of each level's groups, and the squared ones of unknown groups.
    """

    fixed: Array
    effects: tuple[Array, ...]
    units: tuple[Indices, ...]
    members: tuple[tuple[Any, Array], ...] | None = None


def _nobody(fit: MultilevelFit, rows: int) -> tuple[Indices, ...]:
    """Return units of rows whose groups do not count: unknown at every level."""
    return tuple(np.full(rows, -1) for _ in fit.design.levels)


def _rows_fitted(fit: MultilevelFit, random_effects: bool) -> _Rows:
    design = fit.design
    of_rows = tuple(design.grouping.of_rows(number) for number in range(len(design.levels)))
    members = None
    if isinstance(design.grouping, CrossedGrouping):
        weights = design.grouping.weights
        members = tuple(
            (w if random_effects else w * 0, _missed(w, random_effects)) for w in weights
        )
    columns = np.stack(design.columns, axis=1) / design.scale
    return _Rows(
        columns[:, list(design.fixed)],
        tuple(columns[:, list(level.columns)] for level in design.levels),
        of_rows if random_effects else _nobody(fit, design.n),
        members,
    )


def _missed(weights: Any, random_effects: bool) -> Array:
    """Return the squared weights of groups that do not count in the rows fitted."""
    squares = np.asarray(weights.multiply(weights).sum(axis=1)).ravel()
    return np.zeros(len(squares)) if random_effects else squares


def _rows_new(
    fit: MultilevelFit,
    table: Table,
    needs_effects: bool,
    random_effects: bool,
    membership: Memberships,
) -> _Rows:
    design = fit.design
    arrays = dict(zip(design.fixed_terms.names, design.fixed_terms.rebuild(table), strict=True))
    X = np.stack([arrays[name] for name in design.fixed_names], axis=1)
    fixed = X @ np.linalg.inv(design.fixed_basis) / design.scale[list(design.fixed)]
    effects = []
    for level, of_level in zip(design.levels, design.effects, strict=True):
        if needs_effects:
            built = [array for term in of_level.terms for array in term.rebuild(table)]
            user = np.stack(built, axis=1)
            working = user @ np.linalg.inv(of_level.basis)
            effects.append(working / design.scale[list(level.columns)])
    if isinstance(design.grouping, CrossedGrouping) and needs_effects:
        members = []
        for number, size in enumerate(design.grouping.sizes):
            if random_effects:
                rows = prediction.rows_of_level(fit, table, number, membership)
                members.append((rows.weights, rows.unknown))
            else:
                members.append((sparse.csr_matrix((len(table), size)), np.ones(len(table))))
        return _Rows(fixed, tuple(effects), (), tuple(members))
    if not random_effects:
        return _Rows(fixed, tuple(effects), _nobody(fit, len(table)))
    units = [prediction.units_of(fit, table, number) for number in range(len(design.levels))]
    _check_nested(fit, units)
    return _Rows(fixed, tuple(effects), tuple(units))


def _check_nested(fit: MultilevelFit, units: Sequence[Indices]) -> None:
    """Refuse rows whose client is known but stands under another therapist than before."""
    names, parents = fit.design.grouping.names, fit.design.grouping.parents
    for number in range(len(units) - 1):
        seen = units[number] >= 0
        wrong = seen & (parents[number][np.maximum(units[number], 0)] != units[number + 1])
        if wrong.any():
            labels = fit.design.grouping.labels[number][units[number][wrong]]
            raise DesignError(
                f"{int(wrong.sum())} new rows put a '{names[number]}' under another "
                f"'{names[number + 1]}' than in the fit (first: {listing(pd.unique(labels))})."
            )


def _with_effects(fit: MultilevelFit, rows: _Rows) -> Array:
    """Return the prediction error variance of rows, over the squared scale of the outcome."""
    design, best = fit.design, fit.optimum
    C, sigma2 = fit.inference.covariance, best.profile.variance
    relative = covariances(design.levels, best.theta)
    errors = _error_matrices(fit, relative, C, sigma2)
    k = len(design.columns)
    full = np.zeros((len(rows.fixed), k))
    full[:, list(design.fixed)] = rows.fixed
    for level, Z in zip(design.levels, rows.effects, strict=True):
        full[:, list(level.columns)] = Z
    variance = np.empty(len(full))
    unknown = np.ones(len(full), dtype=bool)
    extra = np.zeros(len(full))
    for number, units in enumerate(rows.units):  # the lowest level that knows the row decides
        here = unknown & (units >= 0)
        Q = errors[number][:, :, units[here]]
        variance[here] = np.einsum("na,abn,nb->n", full[here], Q, full[here]) + extra[here]
        unknown &= units < 0
        Z = rows.effects[number]
        extra += np.einsum("na,ab,nb->n", Z, sigma2 * relative[number], Z)
    X = rows.fixed[unknown]
    variance[unknown] = np.einsum("na,ab,nb->n", X, C, X) + extra[unknown]
    return variance


def _with_crossed_effects(fit: MultilevelFit, rows: _Rows) -> Array:
    """Return the prediction error variance of rows where groups cross."""
    design, best = fit.design, fit.optimum
    C, sigma2 = fit.inference.covariance, best.profile.variance
    relative = covariances(design.levels, best.theta)
    assert isinstance(design.partition, CrossedPartition)
    assert rows.members is not None
    known = Posterior(design.partition, design.levels, relative)
    weights = [of_level for of_level, _ in rows.members]
    first = np.asarray(weights[0].argmax(axis=1)).ravel()
    lowest = np.where(np.asarray(weights[0].sum(axis=1)).ravel() > 0, first, -1)
    Z = block_columns(weights[1:], [of.T for of in rows.effects[1:]], len(rows.fixed))
    left, variance = known.errors(rows.fixed, Z, rows.effects[0], lowest, design.fixed)
    for Zs, D, (_, unknown) in zip(rows.effects, relative, rows.members, strict=True):
        variance += unknown * np.einsum("na,ab,nb->n", Zs, D, Zs)
    return np.einsum("na,ab,nb->n", left, C, left) + sigma2 * variance


def _error_matrices(
    fit: MultilevelFit, relative: Sequence[Array], C: Array, sigma2: float
) -> list[Array]:
    """Return every unit's ``T C T' + S``, for each level (the lowest first)."""
    design = fit.design
    crosses = upward(design.partition, design.levels, relative)
    k = len(design.columns)
    spread = np.zeros((k, k, 1))
    left = np.zeros((k, len(design.fixed), 1))
    left[list(design.fixed), np.arange(len(design.fixed)), 0] = 1.0
    errors: list[Array] = []
    for number in reversed(range(len(design.levels))):
        z, D, cross = list(design.levels[number].columns), relative[number], crosses[number]
        parents = parents_of(design.partition, number, cross.shape[-1])
        left, spread = left[..., parents], spread[..., parents]
        A_z = cross[z]
        E, _ = inverse_of_one_plus(A_z[:, z], D)
        K = fixed_times(D, E)
        left[z] -= times(times(K, A_z), left)
        spread, _ = spread_down(spread, A_z, K, z)
        half = times(left, np.repeat(C[:, :, None], left.shape[-1], axis=2))
        errors.insert(0, times(half, transpose(left)) + sigma2 * spread)
    return errors
