"""Proportions by the binomial-normal model: counts are binomial, their logits are normal.

A study with no event needs no correction here. It is the multilevel model of successes among
trials with a random intercept of the study.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, xlogy
from scipy.stats import binom, chi2

from ..core.arguments import numbers
from ..errors import DesignError, listing, require_columns
from ..inference.distributions import half_width
from ..multilevel.fit import fitted_outcome
from ..multilevel.outcomes.reading import Asked
from .metrics import Metric
from .pooled import NO_PREDICTION, PooledEffects, no_test_of_a_share
from .reported import check_reported
from .rows import labels

NODES = 101  # rare events: 25 err by 6e-4


def pool_binomial(
    effects: pd.DataFrame,
    metric: Metric,
    *,
    test: str,
    cluster: str | None,
    confidence: float,
    messages: list[str],
) -> PooledEffects:
    """Pool proportions on the logit scale without touching the counts.

    Stijnen, Hamza & Ozdemir (2010, doi 10.1002/sim.4040).
    """
    if metric.name != "proportion" or cluster is not None:
        raise DesignError(
            "method='GLMM' pools proportions with counts, and without cluster=; use 'REML' here."
        )
    used, left_out = _counts(effects)
    messages = [*messages, *left_out]
    x, n = used["events"].to_numpy(float), used["n"].to_numpy(float)
    if x.sum() in (0, n.sum()):
        raise DesignError(
            f"{int(x.sum())} of {int(n.sum())} people in all studies together had the event; the "
            "binomial-normal model has no maximum there. Report the counts, with an exact interval."
        )
    logit, tau, se, loglik = _maximum(x, n)
    if len(x) == 1:
        messages.append("With one study the variance between studies cannot be estimated.")
        messages.append(NO_PREDICTION["one"])
    elif tau == 0:
        messages.append("The variance between studies is estimated as zero.")
    messages.append("The binomial-normal model gives no Q-profile interval of tau2.")
    no_test_of_a_share("proportion", np.nan, messages)
    return _as_result(used, logit, tau, se, loglik, test, confidence, messages)


def _counts(effects: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with counts, and in words those without."""
    require_columns(effects.columns, ["events", "n"], what="the effects")
    table = pd.DataFrame({"label": labels(effects)}, index=effects.index)
    reported = {name: numbers(effects, name, "the effects") if name in effects.columns
                else np.full(len(effects), np.nan)
                for name in ("estimate", "se", "ci_low", "ci_high", "n", "events")}  # fmt: skip
    check_reported(effects.index, "proportion", reported)
    table["events"], table["n"] = reported["events"], reported["n"]
    has = table["events"].notna() & (table["n"] > 0)
    if not has.any():
        raise DesignError("No row has counts; method='GLMM' needs 'events' and 'n'.")
    out = table[~has]
    messages = [] if out.empty else [
        f"{len(out)} of {len(table)} rows have no counts and are left out: "
        f"{listing(out['label'])}."
    ]  # fmt: skip
    return table[has], messages


def _maximum(x: np.ndarray, n: np.ndarray) -> tuple[float, float, float, float]:
    """Return logit and tau at the maximum, the logit's error, and the log-likelihood."""
    if len(x) == 1:
        p = x[0] / n[0]
        error = float(1 / np.sqrt(n[0] * p * (1 - p)))
        return float(np.log(p / (1 - p))), 0.0, error, float(binom.logpmf(x[0], n[0], p))
    rows = pd.DataFrame({"events": x, "n": n, "study": np.arange(len(x))})
    asked = Asked("binomial", trials="n")
    fit = fitted_outcome("events ~ 1 + (1 | study)", rows, asked, nodes=NODES)
    fit = fit.refit(x)  # from the maximum, so that the curvature is taken there
    tau = float(fit.varcomp["sdcor"].iloc[0])
    return float(fit.params.iloc[0]), tau, float(fit.bse.iloc[0]), fit.llf


def likelihood_ratio_q(x: np.ndarray, n: np.ndarray) -> float:
    """Return the likelihood-ratio test that all proportions are one."""
    share, common = x / n, x.sum() / n.sum()
    saturated = xlogy(x, share) + xlogy(n - x, 1 - share)
    one = xlogy(x, common) + xlogy(n - x, 1 - common)
    return float(2 * (saturated - one).sum())


def _as_result(
    used: pd.DataFrame,
    logit: float,
    tau: float,
    se: float,
    loglik: float,
    test: str,
    confidence: float,
    messages: list[str],
) -> PooledEffects:
    x, n = used["events"].to_numpy(float), used["n"].to_numpy(float)
    k = len(x)
    df = float(k - 1) if test == "knapp-hartung" and k > 1 else np.inf
    half = half_width(se, df, confidence)
    edge = 0.5 * ((x == 0) | (x == n))
    vi = 1 / (x + edge) + 1 / (n - x + edge)
    w = 1 / vi
    typical = (k - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()) if k > 1 else np.nan
    further = half_width(np.hypot(se, tau), df, confidence) if k > 1 else np.nan
    rows = used.assign(yi=np.log((x + edge) / (n - x + edge)), vi=vi)
    rows["weight"] = 100 / (vi + tau**2) / (1 / (vi + tau**2)).sum()
    q = likelihood_ratio_q(x, n)
    return PooledEffects(
        estimate=float(expit(logit)), conf_low=float(expit(logit - half)),
        conf_high=float(expit(logit + half)), p_value=np.nan, std_error=se, df=df,
        prediction_low=float(expit(logit - further)),
        prediction_high=float(expit(logit + further)),
        tau2=tau**2 if k > 1 else np.nan, tau2_low=np.nan, tau2_high=np.nan,
        i2=float(tau**2 / (tau**2 + typical)), q=q, q_df=k - 1,
        q_p_value=float(chi2.sf(q, k - 1)) if k > 1 else np.nan, sigma2={}, k=k, n_clusters=k,
        metric="proportion", method="GLMM", test=test, confidence=confidence, pooled=logit,
        loglik=loglik, effects=rows, messages=tuple(messages),
        title="Pooled proportion (binomial-normal model)",
    )  # fmt: skip
