"""What a fitted model says of rows and units: residuals, predictions, random effects, draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.arguments import checked_choice
from ...core.display.shown import shown
from ...errors import ColumnError, DesignError, listing
from ..engine.batches import Array, Indices
from ..engine.grouping import NOBODY
from ..engine.membership import Memberships, members_of
from ..formula.terms import Table
from .effects import draw_effects, effects_of_rows, unit_effects

if TYPE_CHECKING:
    from ..result import MultilevelFit

MODES = "Predicted effects of each group (conditional modes)"
MODES_SD = "Standard deviations of the predicted effects, given the data"


def residuals(fit: MultilevelFit) -> pd.Series:
    """Outcome minus fitted value, random effects included."""
    design = fit.design
    known = fit.unit_effects
    combination = known.residual_combination / design.scale[:, None] * design.scale[-1]
    units, total = design.grouping.units, np.zeros(design.n)
    if combination.shape[-1] == 1:  # of all units alike: effects were not taken off
        units = np.zeros(design.n, dtype=np.intp)
        total -= effects_of_rows(design, known.modes) * design.scale[-1]
    for column, weights in zip(design.columns, combination, strict=True):
        total += column * weights[units]
    return pd.Series(total, index=design.frame.index, name="resid")


def random_effects(fit: MultilevelFit) -> dict[str, pd.DataFrame]:
    """Conditional modes (BLUPs): for each group a frame with a row a unit."""
    modes = enumerate(fit.unit_effects.modes)
    values = [fit.design.to_user(number) @ of_units for number, of_units in modes]
    return _frames(fit, values, MODES)


def random_effects_sd(fit: MultilevelFit) -> dict[str, pd.DataFrame]:
    """Conditional standard deviations of `random_effects`, as lme4's ``condVar``."""
    design, best = fit.design, fit.optimum
    found = unit_effects(
        design.partition, design.levels, best.theta, best.profile, uncertainty=True
    )
    variances = []
    for number, spread in enumerate(found.covariances):
        T = design.to_user(number)
        variances.append(best.profile.variance * np.einsum("ia,abu,ib->iu", T, spread, T))
    return _frames(fit, [np.sqrt(values) for values in variances], MODES_SD)


def _frames(fit: MultilevelFit, values: list[Array], title: str) -> dict[str, pd.DataFrame]:
    design = fit.design
    frames: dict[str, pd.DataFrame] = {}
    for number, name in enumerate(design.grouping.names):
        if not design.terms[number]:
            continue
        frame = pd.DataFrame(
            values[number][:, : design.grouping.sizes[number]].T,
            index=design.grouping.labels[number],
            columns=list(design.effects[number].names),
        )
        frames[name] = shown(frame, title)
    return frames


def predict(
    fit: MultilevelFit,
    newdata: pd.DataFrame | None = None,
    *,
    random_effects: bool = True,
    new_groups: str = "zero",
    membership: Memberships | None = None,
) -> pd.Series:
    """Predict the outcome, for the rows fitted or for new ones.

    Parameters
    ----------
    newdata
        Rows with the model's predictors and, with `random_effects`, its groups. A row that
        lacks a predictor gets NaN.
    random_effects
        Whether to add the random effects of the row's groups.
    new_groups
        What a group the model was not fitted on gets: ``"zero"`` (the population's value at
        that level) or ``"error"``.
    membership
        Of groups that the fit took from `membership`: the same table for the new rows.
    """
    checked_choice("new_groups", new_groups, ("zero", "error"))
    if newdata is None:
        if random_effects:
            return fit.fittedvalues
        return pd.Series(fixed_of_rows(fit), index=fit.design.frame.index, name="fixed")
    complete = _complete(fit, newdata, random_effects, membership or {})
    table = Table(newdata[complete])
    arrays = fit.design.fixed_terms.rebuild(table)
    total = np.zeros(len(table))
    for name, array in zip(fit.design.fixed_terms.names, arrays, strict=True):
        if name in fit.params.index:
            total = total + array * fit.params[name]
    if random_effects:
        total = total + _random_part(fit, table, new_groups, membership or {})
    predicted = pd.Series(np.nan, index=newdata.index, name="predicted")
    predicted[complete] = total
    return predicted


def fixed_of_rows(fit: MultilevelFit) -> Array:
    """Return the fixed part of every row's value."""
    beta = fit.optimum.profile.beta
    total = np.full(fit.nobs, fit.design.outcome_shift)
    for position, value in zip(fit.design.fixed, beta, strict=True):
        total += fit.design.columns[position] * (
            value * fit.design.scale[-1] / fit.design.scale[position]
        )
    return total


def _complete(
    fit: MultilevelFit, newdata: pd.DataFrame, random_effects: bool, membership: Memberships
) -> NDArray[np.bool_]:
    """Return which rows have all that the prediction needs."""
    formula = fit.design.formula
    if random_effects:
        _refuse_without_memberships(fit, membership)
    needed = list(formula.fixed.columns) if formula.fixed else []
    if random_effects:
        for term in formula.random:
            needed += term.columns
    there = {*newdata.columns, *membership}
    lacking = [name for name in dict.fromkeys(needed) if name not in there]
    if lacking:
        raise ColumnError(
            f"The new data lack the column{'s' * (len(lacking) > 1)} {listing(lacking)}, which "
            "the prediction needs; without groups use random_effects=False."
        )
    predictors = [name for name in needed if not _is_group(fit, name)]
    return newdata[predictors].notna().all(axis=1).to_numpy()


def _refuse_without_memberships(fit: MultilevelFit, membership: Memberships) -> None:
    """Refuse to take a column for groups whose weights the fit took from a table."""
    of_columns = {term.label for term in fit.design.formula.random if term.multiple}
    lacking = [
        factor.name
        for factor in getattr(fit.design.grouping, "factors", ())
        if factor.members is not None and factor.name not in {*of_columns, *membership}
    ]
    if lacking:
        raise DesignError(
            f"The fit took the groups of {listing(lacking)} and their weights from membership=: "
            f"give membership={{'{lacking[0]}': frame}} for the new rows, with columns row, "
            f"{lacking[0]} and weight, or random_effects=False."
        )


def _is_group(fit: MultilevelFit, name: str) -> bool:
    """Say whether a column is a group's only: one that new rows may lack."""
    in_terms = {c for t in fit.design.formula.random for c in (*t.part.columns, *t.weights)}
    fixed = fit.design.formula.fixed
    return name not in in_terms and name not in (fixed.columns if fixed else ())


def units_of(fit: MultilevelFit, table: Table, number: int) -> Indices:
    """Return each row's unit at a nested level, -1 where the model was not fitted on it."""
    keys = table.frame[list(fit.design.grouping.columns[number])]
    index = pd.MultiIndex.from_frame(keys) if keys.shape[1] > 1 else pd.Index(keys.iloc[:, 0])
    labels = fit.design.grouping.labels[number]
    units = labels.get_indexer(index)
    if NOBODY in labels:
        units[keys.isna().any(axis=1).to_numpy()] = labels.get_indexer(pd.Index([NOBODY]))[0]
    return units


@dataclass(frozen=True)
class OfLevel:
    """What rows have of a level: its effects' columns, and which groups count in them.

    Attributes
    ----------
    columns
        ``(q, rows)``: the user's columns of the effects.
    weights
        ``(rows, groups)``: the weight of each group that the model knows.
    unknown
        The squared weights of all other groups in each row; one where a group is needed and
        missing.
    """

    columns: Array
    weights: Any
    unknown: Array


def rows_of_level(
    fit: MultilevelFit, table: Table, number: int, membership: Memberships
) -> OfLevel:
    """Return what new rows have of a level."""
    design = fit.design
    columns = [a for term in design.effects[number].terms for a in term.rebuild(table)]
    used = np.any([column != 0 for column in columns], axis=0)
    known, strange, any_group = members_of(
        design.terms[number][0], table, membership, design.grouping.labels[number]
    )
    return OfLevel(np.stack(columns), known, np.where(any_group, strange, 1.0) * used)


def _random_part(
    fit: MultilevelFit, table: Table, new_groups: str, membership: Memberships
) -> Array:
    grouping, total = fit.design.grouping, np.zeros(len(table))
    for number, name in enumerate(grouping.names):
        if not fit.design.terms[number]:
            continue
        rows = rows_of_level(fit, table, number, membership)
        if new_groups == "error" and rows.unknown.any():
            there = [column for column in grouping.columns[number] if column in table.frame]
            new = table.frame.loc[rows.unknown > 0, there].drop_duplicates().to_numpy().tolist()
            raise DesignError(
                f"The model was not fitted on these groups of '{name}': "
                f"{listing(row[0] if len(row) == 1 else tuple(row) for row in new)}. "
                "new_groups='zero' predicts the population's value for them."
            )
        effects = rows.weights @ fit.random_effects[name].to_numpy()
        for column, effect in zip(rows.columns, effects.T, strict=True):
            total += effect * column
    return total


def simulate(fit: MultilevelFit, seed: int | np.random.Generator) -> pd.Series:
    """Draw a new outcome from the fitted model, with new random effects for every unit."""
    design, best, rng = fit.design, fit.optimum, np.random.default_rng(seed)
    sigma = np.sqrt(best.profile.variance)
    ar1 = fit.autocorrelation
    if fit.structured is not None:
        total = fit.structured.draw(rng)
    else:
        total = rng.standard_normal(design.n) if ar1 is None else ar1.neighbours.draw(ar1.rho, rng)
    if design.weights is not None:
        total /= np.sqrt(design.weights)
    draws = draw_effects(design.levels, best.theta, design.grouping.sizes, rng)
    total += effects_of_rows(design, draws)
    total *= sigma * design.scale[-1]
    return pd.Series(fixed_of_rows(fit) + total, index=design.frame.index, name=design.outcome)
