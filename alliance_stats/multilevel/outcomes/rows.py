"""What a fit says of rows and units: effects, predictions, residuals, draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice
from ...core.display.shown import shown
from ...errors import DesignError
from ..after_fit import prediction
from ..engine.batches import Array
from ..formula.factors import learn_outcome
from ..formula.model_formula import Part, parse_formula
from ..formula.terms import Table
from .nodes import Nodes
from .ordinal import Ordinal

if TYPE_CHECKING:
    from .result import OutcomeFit

KINDS = ("response", "link")
RESIDUALS = ("quantile", "response", "pearson")
WIDE = 1.5  # SD of the random part above which an average over it takes the dense rule
NODES, DENSE = 31, 101


def _nodes(fit: OutcomeFit) -> tuple[Array, Array, Array, Array, Array]:
    """Return modes and spreads of all units: centre, root, slope, and the top's two."""
    found: list[Nodes] = fit.model.problem.modes(fit.best.point)[0]
    parts = ("centre", "root", "slope", "top_centre", "top_spread")
    centre, root, slope, top, spread = (
        np.concatenate([getattr(one, part) for one in found]) for part in parts
    )
    return centre, root, slope, top, spread


def random_effects(fit: OutcomeFit) -> dict[str, pd.DataFrame]:
    """Conditional modes: for each group a frame with a row a unit, on the scale of the link."""
    centre, _, _, top, _ = _nodes(fit)
    design, grouping = fit.design, fit.design.grouping
    values = [centre]
    if fit.model.shape.top:
        centre[:, fit.model.problem.pieces[0].above] -= top[grouping.parents[0]]
        values.append(top[:, None])
    values[0] = centre / fit.model.effect_scale
    return {
        name: shown(
            pd.DataFrame(value, index=labels, columns=list(effects.names)), prediction.MODES
        )
        for name, value, labels, effects in zip(
            grouping.names, values, grouping.labels, design.effects, strict=True
        )
    }


def random_effects_sd(fit: OutcomeFit) -> dict[str, pd.DataFrame]:
    """Conditional standard deviations of `random_effects`, from the curvature at the modes."""
    _, root, slope, _, spread = _nodes(fit)
    variance = (root**2).sum(axis=2)
    found = {name: frame.copy() for name, frame in fit.random_effects.items()}
    names = list(found)
    if fit.model.shape.top:
        along = slope.copy()
        along[:, fit.model.problem.pieces[0].above] -= 1.0
        parents = fit.design.grouping.parents[0]
        variance = variance + (along * spread[parents][:, None]) ** 2
        found[names[1]].iloc[:, 0] = spread
    found[names[0]].iloc[:, :] = np.sqrt(variance) / fit.model.effect_scale
    return found


def eta_of_rows(fit: OutcomeFit) -> Array:
    """Return the linear predictor of the rows fitted, with their groups' modes."""
    centre = _nodes(fit)[0]
    units = fit.design.grouping.units
    return np.asarray(fit.model.eta(fit.best.point) + (fit.model.Z * centre[units]).sum(axis=1))


def random_sd(fit: OutcomeFit, Z: Array) -> Array:
    """Return the SD of the whole random part of rows; `Z` are the user's columns."""
    covariances = [frame.to_numpy() for frame in fit.random_covariances.values()]
    variance = np.einsum("na,ab,nb->n", Z, covariances[0], Z)
    return np.sqrt(variance + (covariances[1][0, 0] if len(covariances) > 1 else 0.0))


def user_effect_columns(fit: OutcomeFit) -> Array:
    """Return the columns of the lowest level's effects as the user wrote them."""
    return np.asarray(fit.model.Z * fit.model.effect_scale)


def own_values(fit: OutcomeFit) -> Array:
    """Return the family's own parameters."""
    return np.asarray(fit.best.point[fit.model.shape.of_own])


def fitted_values(fit: OutcomeFit) -> pd.Series:
    """Expected outcomes of the rows, at their groups' modes (category numbers for answers)."""
    mean = fit.model.family.mean(eta_of_rows(fit), own_values(fit), fit.model.outcome.trials)
    return pd.Series(mean, index=fit.design.frame.index, name="fitted")


def averages(fit: OutcomeFit) -> pd.Series:
    """Expected outcomes of the rows over all clients and therapists, in the unit of `fitted`."""
    model, own, sd = fit.model, own_values(fit), random_sd(fit, user_effect_columns(fit))
    eta, trials = model.eta(fit.best.point), model.outcome.trials
    mean = over_effects(lambda at: model.family.mean(at, own, trials), eta, sd)
    return pd.Series(mean, index=fit.design.frame.index, name="average")


def observed(fit: OutcomeFit) -> pd.Series:
    """Return the outcome; categories count from 1."""
    y = fit.model.outcome.y + (fit.family == "ordinal")
    return pd.Series(y, index=fit.design.frame.index, name=fit.design.outcome)


def response_residuals(fit: OutcomeFit) -> pd.Series:
    """Outcome minus fitted value."""
    return (observed(fit) - fit.fittedvalues).rename("resid")


def residuals(fit: OutcomeFit, kind: str = "quantile", *, seed: int = 0) -> pd.Series:
    """Return residuals of the rows fitted.

    Parameters
    ----------
    kind
        ``"quantile"``: the normal quantile of the probability of the outcome or less, drawn
        evenly within the outcome's own probability (Dunn & Smyth 1996, doi
        10.1080/10618600.1996.10474708). The random effects are integrated out, so they are
        standard normal where the model holds, whatever the size of the groups; those of one
        client resemble each other. ``"response"``: outcome minus fitted value; ``"pearson"``: that
        over the SD the model expects.
    seed
        Of the draws within an outcome's probability.
    """
    checked_choice("kind", kind, RESIDUALS)
    if kind == "response":
        return fit.resid
    model, own = fit.model, own_values(fit)
    if kind == "pearson":
        expected = model.family.variance(eta_of_rows(fit), own, model.outcome.trials)
        return (fit.resid / np.sqrt(expected)).rename("pearson")
    values = quantile_residuals(fit, model.outcome.y, np.random.default_rng(seed))
    return pd.Series(values, index=fit.design.frame.index, name="quantile")


def quantile_residuals(fit: OutcomeFit, y: Array, rng: np.random.Generator) -> Array:
    """Return the quantile residuals that an outcome would have, answers counted from 0."""
    from scipy import special

    eta, sd = fit.model.eta(fit.best.point), random_sd(fit, user_effect_columns(fit))
    upper, lower = (_below(fit, y - less, eta, sd, own_values(fit)) for less in (0.0, 1.0))
    share = lower + rng.random(fit.nobs) * (upper - lower)
    return np.asarray(special.ndtri(np.clip(share, 1e-12, 1.0 - 1e-12)))


def _below(fit: OutcomeFit, y: Array, eta: Array, sd: Array, own: Array) -> Array:
    trials, family = fit.model.outcome.trials, fit.model.family
    return np.clip(over_effects(lambda at: family.cdf(y, at, own, trials), eta, sd), 0.0, 1.0)


def predict(
    fit: OutcomeFit,
    newdata: pd.DataFrame | None = None,
    *,
    kind: str = "response",
    random_effects: bool = True,
    new_groups: str = "zero",
    average: bool = False,
) -> pd.Series | pd.DataFrame:
    """Predict for the rows fitted or for new ones.

    Parameters
    ----------
    newdata
        Rows with the model's predictors, the columns of its offset and, with `random_effects`,
        its groups. A row that lacks a predictor gets NaN.
    kind
        ``"response"``: the probability of a yes (of one trial), the expected count, or a frame of
        the categories' probabilities; ``"link"``: the linear predictor.
    random_effects
        Whether to add the effects of the row's groups. Without them the prediction is that of a
        typical client: one whose effects are zero.
    new_groups
        What a group the model was not fitted on gets: ``"zero"`` or ``"error"``.
    average
        Whether to average over clients and therapists instead (population-averaged; random
        effects are integrated out, and none of the rows' groups counts).
    """
    checked_choice("kind", kind, KINDS)
    own, frame = own_values(fit), fit.design.frame if newdata is None else newdata
    if newdata is None and random_effects and not average:
        eta = eta_of_rows(fit)
    elif newdata is None:
        eta = fit.model.eta(fit.best.point)
    else:
        with_groups = random_effects and not average
        linear = prediction.predict(
            fit,  # type: ignore[arg-type]
            newdata,
            random_effects=with_groups,
            new_groups=new_groups,
        )
        eta = linear.to_numpy() + offset_of(fit, newdata)
    if kind == "link":
        return pd.Series(eta, index=frame.index, name="link")
    sd = np.zeros(len(frame))
    if average:
        known = np.isfinite(eta)
        Z = (
            user_effect_columns(fit)
            if newdata is None
            else effect_columns(fit, Table(newdata[known]))
        )
        sd[known] = random_sd(fit, Z)
    values = averaged(fit, eta, sd, own)
    if isinstance(fit.model.family, Ordinal):
        return pd.DataFrame(values, index=frame.index, columns=list(fit.model.family.categories))
    return pd.Series(values, index=frame.index, name="predicted")


def averaged(fit: OutcomeFit, eta: Array, sd: Array, own: Array) -> Array:
    """Return probabilities or expected counts, averaged over a random part with this SD."""
    family = fit.model.family
    if isinstance(family, Ordinal):
        return over_effects(lambda at: family.probabilities(at, own), eta, sd)
    one = np.ones(len(eta))
    return over_effects(lambda at: family.mean(at, own, one), eta, sd)


def over_effects(function: Callable[[Array], Array], eta: Array, sd: Array) -> Array:
    """Return the mean of a function of the linear predictor over a normal part with this SD."""
    if not sd.any():
        return np.asarray(function(eta))
    x, w = normal_rule(DENSE if sd.max() > WIDE else NODES)
    return np.asarray(sum(b * function(eta + a * sd) for a, b in zip(x, w, strict=True)))


@cache
def normal_rule(points: int) -> tuple[Array, Array]:
    """Return places and weights for the mean of a function of a standard normal variable."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    return x, w / w.sum()


def effect_columns(fit: OutcomeFit, table: Table) -> Array:
    """Return the lowest level's columns for new rows."""
    built = [array for term in fit.design.effects[0].terms for array in term.rebuild(table)]
    return np.stack(built, axis=1)


def offset_of(fit: OutcomeFit, newdata: pd.DataFrame) -> Array:
    """Return the offset of new rows, from the column that was named."""
    offset = fit.model.asked.offset
    if offset is None:
        return np.zeros(len(newdata))
    if not isinstance(offset, str):
        raise DesignError(
            "The offset was given as numbers, so that of new rows is not known: fit with "
            "offset= the name of a column, or a formula of one such as 'log(minutes)'."
        )
    part = _offset_part(offset, newdata)
    return np.asarray(learn_outcome(part.tree, part.source, Table(newdata)))


def _offset_part(offset: str, frame: pd.DataFrame) -> Part:
    text = f"`{offset}`" if offset in frame.columns else offset
    return parse_formula(f"{text} ~ 1").over(frame.columns).response


def offset_columns(fit: OutcomeFit, frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that the offset is made of; none of one given as numbers."""
    offset = fit.model.asked.offset
    return tuple(_offset_part(offset, frame).columns) if isinstance(offset, str) else ()


def simulate(fit: OutcomeFit, seed: int | np.random.Generator) -> pd.Series:
    """Draw a new outcome from the fitted model, with new random effects for every unit."""
    rng = np.random.default_rng(seed)
    model, grouping = fit.model, fit.design.grouping
    covariances = [frame.to_numpy() for frame in fit.random_covariances.values()]
    L = _root(covariances[0])
    effects = rng.standard_normal((grouping.sizes[0], len(L))) @ L.T
    eta = model.eta(fit.best.point) + (user_effect_columns(fit) * effects[grouping.units]).sum(
        axis=1
    )
    if len(covariances) > 1:
        top = rng.standard_normal(grouping.sizes[1]) * np.sqrt(covariances[1][0, 0])
        eta = eta + top[grouping.of_rows(1)]
    drawn = model.family.draw(rng, eta, own_values(fit), model.outcome.trials)
    drawn = drawn + (fit.family == "ordinal")
    return pd.Series(drawn, index=fit.design.frame.index, name=fit.design.outcome)


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
