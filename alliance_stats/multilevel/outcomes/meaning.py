"""What the estimates mean: ratios, shares of variance, effects on the outcome's own scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, share
from ...errors import DesignError
from ..engine.batches import Array
from ..engine.variances import shares_of_variance
from ..formula.terms import INTERCEPT
from . import profiling, rows

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

    With ``zero="hurdle"`` they are ratios of the rate before zeros are cut off, not of expected
    counts.

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
        A row a group: ``group, estimate, conf_low, conf_high``, the interval that of the SD by
        its profile likelihood (`profile_ci`), so that it reaches one where the SD may be zero; NaN
        where the profile has no end.
    """
    if fit.link not in ("logit", "log"):
        raise DesignError(
            f"A median odds ratio belongs to the logit link (or the log link of counts), not to "
            f"'{fit.link}'."
        )
    level = share(confidence)
    if not any(INTERCEPT in frame.index for frame in fit.random_covariances.values()):
        raise DesignError("A median odds ratio is one of random intercepts; this model has none.")
    sds = profiling.profile_ci(fit, [f"sd {INTERCEPT}"], confidence=level)
    sds.loc[sds["note"] != "", ["conf_low", "conf_high"]] = np.nan
    values = ["estimate", "conf_low", "conf_high"]
    sds[values] = np.exp(MEDIAN * sds[values])
    return sds[["group", *values]]


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
    return shares_of_variance(groups, values, above)


def _latent(fit: OutcomeFit, own: list[float], eta: float) -> Array:
    if fit.link in LATENT:
        return np.array([*own, LATENT[fit.link]])
    mean = np.exp(eta + sum(own) / 2.0)
    more = 0.0 if np.isnan(fit.dispersion) else 1.0 / fit.dispersion
    return np.array([*own, float(np.log1p(1.0 / mean + more))])


def _observed(fit: OutcomeFit, own: list[float], eta: float) -> Array:
    """Return the variances of the outcome at each level, by two integrals in each other."""
    x, w = rows.normal_rule(rows.DENSE)
    lower, upper = np.sqrt(own[0]), np.sqrt(own[1]) if len(own) > 1 else 0.0
    points = eta + upper * x[:, None] + lower * x
    parameters, one = rows.own_values(fit), np.ones(points.shape)
    mean = fit.model.family.mean(points, parameters, one)
    residual = float(w @ (fit.model.family.variance(points, parameters, one) @ w))
    of_upper = mean @ w
    within = float(w @ ((mean - of_upper[:, None]) ** 2 @ w))
    between = float(w @ (of_upper - w @ of_upper) ** 2)
    return np.array([within, *([between] if len(own) > 1 else []), residual])
