"""What differently used items add to a mean gap, in points."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DesignError
from ...inference.distributions import half_width
from ..engine.fit import Estimates
from .factor_structure import Factors
from .steps import STEPS, Compared, Freed

PARTS = ["estimate", "std_error", "conf_low", "conf_high", "from_people"]


def in_points(
    compared: Compared,
    partial: Estimates,
    freed: Freed,
    confidence: float,
    untold: Collection[str] = (),
) -> pd.DataFrame:
    """Return for each condition beyond the first, by item and for the scale, gap and its parts.

    Items that the partial model holds equal are set free one at a time, as far as another item of
    their factor stays equal. Of the factors `untold`, and of a scale with one, only gaps are given.
    """
    scored, equal = compared.held.scored, STEPS["scalar"]
    table = _parts(compared.shape(equal, freed), partial, scored, confidence)
    own = {item for _, item in freed}
    if not partial.converged:
        table[["gap", *PARTS]] = np.nan
        return table.assign(freed=table["item"].isin(own))
    for item in compared.shape(equal).items:
        of = [items for items in compared.held.factors.values() if item in items]
        if untold and any(item in compared.held.factors[name] for name in untold):
            continue
        if item in own or not all({*items} - own - {item} for items in of):
            continue
        more = freed | {("intercept", item)}
        fit = _settled(compared, more)
        if fit is None:
            continue
        alone = _parts(compared.shape(equal, more), fit, scored, confidence)
        table = table.where(table["item"] != item, alone)
    is_own = table["item"].isin(own) | ((table["item"] == "scale") & bool(own))
    if untold:
        hidden = {"scale", *(item for name in untold for item in compared.held.factors[name])}
        table.loc[table["item"].isin(hidden), PARTS] = np.nan
    return table.assign(freed=is_own)


def _settled(compared: Compared, freed: Freed) -> Estimates | None:
    """Return the fit in which an item more is free, where the data settle it."""
    try:
        fit = compared.fit(STEPS["scalar"], freed)
    except DesignError:
        return None
    return fit if fit.converged else None


def _parts(shape: Factors, fit: Estimates, scored: str, confidence: float) -> pd.DataFrame:
    """Return gap and parts as one model has them.

    Item i under condition k has the mean ``nu_ik + lambda_ik kappa_k``; the first has
    ``kappa = 0``. What comes from the item: ``nu_ik - nu_i0 + (lambda_ik - lambda_i0) kappa_k``.
    """
    n = len(shape.items)
    weight = np.full(n, 1.0 if scored == "sum" else 1.0 / n)
    tables = []
    for k in range(1, len(shape.conditions)):

        def parts(theta: Any, k: int = k) -> Any:
            (nu0, lam0, _), (nu, lam, kappa) = (_of(shape, fit, theta, c) for c in (0, k))
            gap = nu - nu0 + lam @ kappa
            own = nu - nu0 + (lam - lam0) @ kappa
            return np.concatenate([gap, [weight @ gap], own, [weight @ own]])

        value, covariance = fit.delta(parts)
        error = np.sqrt(np.maximum(np.diag(covariance), 0.0))[n + 1 :]
        estimate = value[n + 1 :]
        found = np.abs(error) > 1e-12  # what is held equal adds nothing by assumption: no estimate
        estimate, error = np.where(found, estimate, np.nan), np.where(found, error, np.nan)
        half = half_width(error, fit.df, confidence)
        tables.append(
            pd.DataFrame(
                {
                    "item": [*shape.items, "scale"],
                    "gap": value[: n + 1],
                    "estimate": estimate,
                    "std_error": error,
                    "conf_low": estimate - half,
                    "conf_high": estimate + half,
                    "from_people": value[: n + 1] - estimate,
                    "compared": f"{shape.conditions[k]} minus {shape.conditions[0]}",
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _of(shape: Factors, fit: Estimates, theta: Any, k: int) -> tuple[Any, Any, Any]:
    """Return intercepts, loadings and factor means of a condition."""
    group = 0 if shape.repeated else k
    structure = fit.model.structures[group]
    m = structure.matrices(fit.model.values(theta, group))
    rows = [structure.observed.index(shape.named(item, k)) for item in shape.items]
    columns = [list(structure.latent).index(shape.named(factor, k)) for factor in shape.factors]
    return m["intercept"][rows], m["loading"][np.ix_(rows, columns)], m["mean"][columns]
