"""A start without random effects, and predictors that tell the outcome without error.

Where a combination of predictors separates the outcomes, the likelihood rises for ever and no
estimate exists; a linear program finds the columns (Konis 2007, Computational algorithms for
detecting data separation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import DesignError, listing
from ..engine.batches import Array
from ..formula.terms import INTERCEPT
from .families import Outcome
from .maximise import FLAT

if TYPE_CHECKING:
    from .reading import Model

STEPS = 40
CLOSE = 1e-4
FAR = 12.0  # a linear predictor beyond which separation is asked for
FIRST_SD = 1.0
FAR_OUT = 3.0  # a third of its farthest, beyond which an own parameter starts anew: 2 % of zeros
LONGEST = 5.0  # how far one step may move a linear predictor


def first_guess(model: Model) -> Array:
    """Return starting values: a fit without random effects, and moderate standard deviations.

    Raises
    ------
    DesignError
        Where predictors separate the outcomes.
    """
    shape, family = model.shape, model.family
    at = np.zeros(shape.coefficients + shape.own)
    at[shape.coefficients :] = family.begin(model.outcome)
    weights = np.ones(len(model.X)) if model.design.weights is None else model.design.weights
    value, gradient, hessian = _pooled(model, weights, at)
    for _ in range(STEPS):
        size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-10))
        values, vectors = np.linalg.eigh(-hessian / np.outer(size, size))
        least = FLAT if values[0] > FLAT * values[-1] else 1e-7
        bent = np.maximum(np.abs(values), least * np.abs(values).max())
        step = (vectors @ (vectors.T @ (gradient / size) / bent)) / size
        if float(gradient @ step) < CLOSE**2:
            break
        longest = float(np.abs(model.X @ step[: shape.coefficients]).max(initial=0.0))
        step *= min(1.0, LONGEST / max(longest, 1e-300))
        for halvings in range(20):
            new = _pooled(model, weights, at + 0.5**halvings * step)
            if new[0] > value:
                break
        else:
            break
        at = at + 0.5**halvings * step
        value, gradient, hessian = new
    if float(np.abs(model.eta(at) - model.offset).max(initial=0.0)) > FAR:
        refuse_separation(model)
    start = np.zeros(shape.total)
    start[: len(at)] = at
    start = own_inside(model, start)
    diagonal = [shape.of_factor.start + i for i, (r, c) in enumerate(shape.pairs) if r == c]
    start[diagonal] = FIRST_SD
    if shape.top:
        start[-1] = FIRST_SD
    return start


def own_inside(model: Model, at: Array) -> Array:
    """Return a start whose own parameters are not far out, where the likelihood is flat.

    A search that begins there ends there: without random effects a negative binomial takes what
    they would explain into its size, and leaves no extra zeros, of which there may be many.
    """
    far = np.asarray(model.family.farthest) / FAR_OUT
    own, begin = at[model.shape.of_own], model.family.begin(model.outcome)
    inside = at.copy()
    inside[model.shape.of_own] = np.where(np.abs(own) > far, begin, own)
    return inside


def _pooled(model: Model, weights: Array, at: Array) -> tuple[float, Array, Array]:
    """Return log-likelihood, gradient and Hessian without random effects."""
    p, own = model.shape.coefficients, model.shape.own
    d = model.family.density(model.outcome, model.eta(at), at[p:])
    X = model.X
    gradient, hessian = np.empty(p + own), np.empty((p + own, p + own))
    gradient[:p] = X.T @ (weights * d.first)
    hessian[:p, :p] = X.T @ (X * (weights * d.second)[:, None])
    if d.own is not None and d.cross is not None and d.own2 is not None:
        gradient[p:] = (np.broadcast_to(d.own, (own, len(X))) * weights).sum(axis=1)
        hessian[:p, p:] = X.T @ (weights * d.cross).T
        hessian[p:, :p] = hessian[:p, p:].T
        hessian[p:, p:] = (np.broadcast_to(d.own2, (own, own, len(X))) * weights).sum(axis=2)
    return float((weights * d.value).sum()), gradient, hessian


def refuse_separation(model: Model) -> None:
    """Raise `DesignError` with the columns that tell the outcome without error, if any do."""
    found = separating_columns(model)
    if not found:
        return
    names = listing([f"'{name}'" for name in found])
    least = "ones (of those above zero)" if model.asked.zero == "hurdle" else "zeros"
    what = {"binomial": "yes and no apart", "ordinal": "the categories apart"}.get(
        model.asked.family, f"rows with nothing but {least} apart"
    )
    raise DesignError(
        f"{names} {'tells' if len(found) == 1 else 'tell'} {what} without error in some or all of "
        f"the {model.design.n} rows of '{model.design.outcome}' (separation), so the likelihood "
        "has no maximum and no estimate exists. Leave the column out, or join categories."
    )


def separating_columns(model: Model) -> list[str]:
    """Return the columns of X that separate the outcomes: one where one suffices, else several."""
    lower, equal = _directions(model)
    lower, equal = np.unique(lower, axis=0), np.unique(equal, axis=0)
    p, columns = model.shape.coefficients, np.arange(lower.shape[1])
    own = [i for i, name in enumerate(model.coefficients) if name != INTERCEPT]
    if not _separates(lower, equal, columns).any():
        return []
    alone = [
        model.coefficients[i]
        for i in own
        if _separates(lower, equal, np.setdiff1d(columns, [j for j in own if j != i]))[i]
    ]
    together = np.flatnonzero(_separates(lower, equal, columns)[:p])
    return alone or [model.coefficients[i] for i in together if i in own] or [INTERCEPT]


def _separates(lower: Array, equal: Array, columns: Array) -> Array:
    """Return which columns take part in separating, where only `columns` may."""
    from scipy import optimize

    free = np.isin(np.arange(lower.shape[1]), columns)
    best = optimize.linprog(
        -lower.sum(axis=0),
        A_ub=-lower,
        b_ub=np.zeros(len(lower)),
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=[(-1.0, 1.0) if one else (0.0, 0.0) for one in free],
    )
    if best.status != 0 or -best.fun < 1e-7:
        return np.zeros(len(free), dtype=bool)
    return np.abs(best.x) > 1e-7


def _directions(model: Model) -> tuple[Array, Array]:
    """Return rows whose product with a separating direction may not be negative, or is zero."""
    X, outcome = model.X, model.outcome
    none = np.empty((0, X.shape[1]))
    if model.asked.family == "binomial":
        yes, no = outcome.y == outcome.trials, outcome.y == 0
        return np.concatenate([X[yes], -X[no]]), X[~yes & ~no]
    if model.asked.zero == "hurdle":  # the counts are those above zero, and one is their least
        one = outcome.y == 1
        return (-X[one] if one.any() else none), X[outcome.y > 1]
    if model.asked.family != "ordinal":
        zero = outcome.y == 0
        return (-X[zero] if zero.any() else none), X[~zero]
    return _ordered(X, outcome, model.shape.own), np.empty((0, X.shape[1] + model.shape.own))


def _ordered(X: Array, outcome: Outcome, thresholds: int) -> Array:
    """Return rows for ``upper - x b >= 0`` and ``x b - lower >= 0``, thresholds last."""
    category, unit = outcome.y.astype(int), np.eye(thresholds)
    upper, lower = category < thresholds, category > 0
    return np.concatenate(
        [
            np.hstack([-X[upper], unit[category[upper]]]),
            np.hstack([X[lower], -unit[category[lower] - 1]]),
        ]
    )
