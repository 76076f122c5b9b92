"""What the estimates mean: ratios, shares of variance, effects on the outcome's own scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, names, share
from ...errors import DesignError, did_you_mean, listing
from ...inference.distributions import half_width
from ...inference.rows import coefficient_rows
from ..engine.batches import Array
from ..formula.terms import INTERCEPT, Table
from . import rows
from .ordinal import Ordinal

if TYPE_CHECKING:
    from .result import OutcomeFit

SCALES = ("latent", "observed")
LATENT = {"logit": np.pi**2 / 3.0, "probit": 1.0, "cloglog": np.pi**2 / 6.0}
"""Variance of the error of the continuous variable that a link implies."""
MEDIAN = float(np.sqrt(2.0)) * 0.6744897501960817  # times an SD: the median distance of two units
STEP = 1e-4


def odds_ratios(fit: OutcomeFit, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return odds ratios of one unit more of each predictor, at the same client.

    They hold for one client (and therapist), not for the average of all: ``average_effects()``
    says what changes there.

    Returns
    -------
    pandas.DataFrame
        ``term, estimate, conf_low, conf_high, p_value``; intercepts and thresholds are left out.

    Raises
    ------
    DesignError
        Where the model is not one of odds.
    """
    if fit.link != "logit":
        raise DesignError(
            f"Odds ratios belong to the logit link; this model has the link '{fit.link}'. "
            f"{'Use rate_ratios().' if fit.link == 'log' else 'Use average_effects().'}"
        )
    return _ratios(fit, confidence)


def rate_ratios(fit: OutcomeFit, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return rate ratios of one unit more of each predictor; columns as `odds_ratios`.

    Raises
    ------
    DesignError
        Where the outcome is no count.
    """
    if fit.link != "log":
        raise DesignError(
            f"Rate ratios belong to counts; this model has the link '{fit.link}'. "
            f"{'Use odds_ratios().' if fit.link == 'logit' else 'Use average_effects().'}"
        )
    return _ratios(fit, confidence)


def _ratios(fit: OutcomeFit, confidence: float) -> pd.DataFrame:
    interval = np.exp(fit.conf_int(confidence=confidence))
    table = pd.DataFrame(
        {
            "term": list(fit.names),
            "estimate": np.exp(fit.params.to_numpy()),
            "conf_low": interval[0].to_numpy(),
            "conf_high": interval[1].to_numpy(),
            "p_value": fit.pvalues.to_numpy(),
        }
    )
    kept = [name in fit.model.coefficients and name != INTERCEPT for name in table["term"]]
    return table[kept].reset_index(drop=True)


def median_odds_ratio(fit: OutcomeFit, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return how much two units differ in the median, as an odds (or rate) ratio.

    Of two clients (or therapists) drawn at random, alike in the predictors, the one with the
    higher odds has this many times the odds of the other, in the median (Larsen & Merlo 2005, doi
    10.1093/aje/kwi017): ``exp(sqrt(2) * 0.6745 * sd)``, with the SD of the intercepts.

    Returns
    -------
    pandas.DataFrame
        A row a group: ``group, estimate, conf_low, conf_high`` (from the log of the SD; NaN where
        the SD is estimated as zero).
    """
    if fit.link not in ("logit", "log"):
        raise DesignError(
            f"A median odds ratio belongs to the logit link (or the log link of counts), not to "
            f"'{fit.link}'."
        )
    level, found = share(confidence), []
    for number, (group, frame) in enumerate(fit.random_covariances.items()):
        if INTERCEPT not in frame.index:
            continue
        place = list(frame.index).index(INTERCEPT)
        sd = float(np.sqrt(frame.to_numpy()[place, place]))
        error = error_of_sd(fit, number, place, sd)
        width = float(half_width(error / sd, confidence=level)) if sd > 0 else np.nan
        ends = [np.exp(MEDIAN * sd * np.exp(side * width)) for side in (-1.0, 1.0)]
        found.append((group, float(np.exp(MEDIAN * sd)), *ends))
    return pd.DataFrame(found, columns=["group", "estimate", "conf_low", "conf_high"])


def error_of_sd(fit: OutcomeFit, number: int, effect: int, sd: float) -> float:
    """Return the standard error of a random effect's SD, by the delta method."""
    shape, covariance = fit.model.shape, fit.best.covariance()
    if number == 1:
        return float(np.sqrt(covariance[-1, -1]))
    L, slope = shape.factor(fit.best.point), np.zeros(shape.total)
    for place, (row, column) in enumerate(shape.pairs):
        if row == effect and sd > 0:
            size = fit.model.effect_scale[effect]
            slope[shape.of_factor.start + place] = L[row, column] / size**2 / sd
    return float(np.sqrt(slope @ covariance @ slope))


def icc(fit: OutcomeFit, scale: str = "latent") -> pd.DataFrame:
    """Return the share of the variance that lies at each level.

    Parameters
    ----------
    scale
        ``"latent"``: of the continuous variable behind the outcome, whose error has the variance
        pi^2 / 3 (logit), 1 (probit) or pi^2 / 6 (cloglog); for counts log(1 + 1 / mean [+ 1 /
        size]) (Nakagawa, Johnson & Schielzeth 2017, doi 10.1098/rsif.2017.0213). ``"observed"``:
        of the outcome itself (of one trial; of category numbers), at the mean of the fixed part,
        with the random effects integrated (Goldstein, Browne & Rasbash 2002, doi
        10.1207/S15328031US0104_02); smaller than the latent one, and dependent on how common a
        yes is.

    Returns
    -------
    pandas.DataFrame
        ``group, variance, icc, icc_above`` as for measurements; random slopes count with the mean
        of ``z' D z`` over the rows.
    """
    checked_choice("scale", scale, SCALES)
    if fit.zero != "none":
        raise DesignError(
            "An intraclass correlation of counts with extra zeros is not defined by one formula; "
            "compare the standard deviations, or fit.median_odds_ratio()."
        )
    Z, found = rows.user_effect_columns(fit), list(fit.random_covariances.values())
    own = [float(np.einsum("na,ab,nb->n", Z, found[0].to_numpy(), Z).mean())]
    own += [float(frame.to_numpy()[0, 0]) for frame in found[1:]]
    eta = float(fit.model.eta(fit.best.point).mean())
    values = _latent(fit, own, eta) if scale == "latent" else _observed(fit, own, eta)
    part = values / values.sum()
    above = np.append(np.cumsum(part[:-1][::-1])[::-1], np.nan)
    groups = [*fit.n_groups, "Residual"]
    return pd.DataFrame({"group": groups, "variance": values, "icc": part, "icc_above": above})


def _latent(fit: OutcomeFit, own: list[float], eta: float) -> Array:
    if fit.link in LATENT:
        return np.array([*own, LATENT[fit.link]])
    mean = np.exp(eta + sum(own) / 2.0)
    more = 0.0 if np.isnan(fit.dispersion) else 1.0 / fit.dispersion
    return np.array([*own, float(np.log1p(1.0 / mean + more))])


def _observed(fit: OutcomeFit, own: list[float], eta: float) -> Array:
    """Return the variances of the outcome at each level, by two integrals in each other."""
    x, w = np.polynomial.hermite_e.hermegauss(rows.DENSE)
    w = w / w.sum()
    lower, upper = np.sqrt(own[0]), np.sqrt(own[1]) if len(own) > 1 else 0.0
    points = eta + upper * x[:, None] + lower * x
    parameters, one = rows.own_values(fit), np.ones(points.shape)
    mean = fit.model.family.mean(points, parameters, one)
    residual = float(w @ (fit.model.family.variance(points, parameters, one) @ w))
    of_upper = mean @ w
    within = float(w @ ((mean - of_upper[:, None]) ** 2 @ w))
    between = float(w @ (of_upper - w @ of_upper) ** 2)
    return np.array([within, *([between] if len(own) > 1 else []), residual])


def average_effects(
    fit: OutcomeFit,
    variables: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return how much the outcome changes with a predictor, averaged over clients and therapists.

    The random effects are integrated out, so this is what changes in the population, in
    probability (of one trial), count or probability of a category, averaged over the rows.

    Parameters
    ----------
    variables
        Columns of the data; all predictors if left out.
    at
        Values that columns take in all rows, such as ``{"session": 1}``.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        As ``tidy()``. For a column of 0 and 1 the estimate is the difference between them, for
        categories that to the first (``arm[T.b]``), for other numbers the change by one unit at
        the margin (the mean derivative). Ordered outcomes have a row a category, named in
        ``category``. Standard errors by the delta method, the uncertainty of the variances
        included; z.

    Raises
    ------
    DesignError
        Where a column is no predictor of the model.
    """
    level, frame = share(confidence), fit.design.frame
    known = list(fit.design.formula.fixed.columns) if fit.design.formula.fixed else []
    wanted = known if variables is None else names(variables, "variables")
    given = dict(at or {})
    for name in [*wanted, *given]:
        if name not in known:
            raise DesignError(
                f"'{name}' is no predictor of the model.{did_you_mean(name, known)} There are "
                f"{listing(known, 12)}."
            )
    for name, value in given.items():
        frame = frame.assign(**{name: _like(frame[name], value)})
    covariance, found = fit.best.covariance(), []
    for name in wanted:
        for term, high, low, size in _contrasts(fit, frame, name):
            columns = [_columns(fit, one) for one in (high, low)]

            def change(
                vector: Array, columns: list[_Columns] = columns, size: float = size
            ) -> Array:
                moved = replace(
                    fit, ladder=replace(fit.ladder, best=replace(fit.best, point=vector))
                )
                one, other = (_mean(moved, each) for each in columns)
                return (one - other) / size

            estimate, slope = change(fit.best.point), _slopes(change, fit.best.point)
            error = np.sqrt(np.einsum("ip,pq,iq->i", slope, covariance, slope))
            table = coefficient_rows([term] * len(estimate), estimate, error, confidence=level)
            if isinstance(fit.model.family, Ordinal):
                table["category"] = list(fit.model.family.categories)
            found.append(table)
    return pd.concat(found, ignore_index=True)


_Columns = tuple[Array, Array, Array]


def _columns(fit: OutcomeFit, frame: pd.DataFrame) -> _Columns:
    """Return fixed columns, effects' columns and offset of a frame."""
    arrays = dict(
        zip(fit.design.fixed_terms.names, fit.design.fixed_terms.rebuild(Table(frame)), strict=True)
    )
    kept = [arrays[name] for name in fit.model.coefficients]
    X = np.stack(kept, axis=1) if kept else np.zeros((len(frame), 0))
    offset = fit.model.offset
    return X / fit.model.scale, rows.effect_columns(fit, frame), offset


def _mean(fit: OutcomeFit, columns: _Columns) -> Array:
    """Return the mean outcome of rows over random effects and rows."""
    X, Z, offset = columns
    eta = X @ fit.best.point[: X.shape[1]] + offset
    values = rows.averaged(fit, eta, rows.random_sd(fit, Z), rows.own_values(fit))
    return np.atleast_1d(values.mean(axis=0))


def _slopes(function: Any, at: Array) -> Array:
    steps = STEP * np.eye(len(at))
    return np.stack([(function(at + s) - function(at - s)) / (2.0 * STEP) for s in steps], axis=1)


def _contrasts(
    fit: OutcomeFit, frame: pd.DataFrame, name: str
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, float]]:
    """Yield, for a column, the two frames to compare and what their difference is divided by."""
    column = frame[name]
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=float)
        if set(np.unique(fit.design.frame[name].to_numpy(dtype=float))) <= {0.0, 1.0}:
            yield (name, frame.assign(**{name: 1.0}), frame.assign(**{name: 0.0}), 1.0)
            return
        step = 1e-3 * float(fit.design.frame[name].std() or 1.0)
        yield (
            name,
            frame.assign(**{name: values + step}),
            frame.assign(**{name: values - step}),
            2.0 * step,
        )
        return
    whole = fit.design.frame[name]
    if isinstance(whole.dtype, pd.CategoricalDtype):
        levels = list(whole.cat.remove_unused_categories().cat.categories)
    else:
        levels = sorted(whole.unique())
    first = frame.assign(**{name: _like(whole, levels[0])})
    for level in levels[1:]:
        yield (f"{name}[T.{level}]", frame.assign(**{name: _like(whole, level)}), first, 1.0)


def _like(column: pd.Series, value: Any) -> pd.Series:
    """Return a column of one value, of the same kind."""
    kind = column.dtype if isinstance(column.dtype, pd.CategoricalDtype) else None
    return pd.Series([value] * len(column), index=column.index, dtype=kind)
