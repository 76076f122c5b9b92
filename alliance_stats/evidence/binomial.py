"""Proportions by the binomial-normal model: counts are binomial, their logits are normal.

A study with no event needs no correction here. The integral over each study's logit is by adaptive
Gauss-Hermite quadrature, around the mode of its integrand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.special import expit, gammaln, xlogy
from scipy.stats import chi2

from ..core.arguments import numbers
from ..errors import DesignError, listing, require_columns
from ..inference.distributions import half_width
from .metrics import Metric
from .pooled import NO_PREDICTION, PooledEffects, no_test_of_a_share
from .reported import check_reported
from .rows import labels

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(101)  # rare events: 25 err by 6e-4
LOG_WEIGHTS = np.log(WEIGHTS) - 0.5 * np.log(2 * np.pi)


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
    logit, tau, cov, loglik = _maximum(x, n)
    if len(x) == 1:
        messages.append("With one study the variance between studies cannot be estimated.")
        messages.append(NO_PREDICTION["one"])
    elif tau == 0:
        messages.append("The variance between studies is estimated as zero.")
    messages.append("The binomial-normal model gives no Q-profile interval of tau2.")
    no_test_of_a_share("proportion", np.nan, messages)
    return _as_result(used, logit, tau, cov, loglik, test, confidence, messages)


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


def log_likelihood(logit: float, tau: float, x: np.ndarray, n: np.ndarray) -> float:
    """Return the marginal log-likelihood of the counts."""
    constant = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    if tau == 0:
        return float((constant + x * logit - n * np.logaddexp(0, logit)).sum())
    mode = np.zeros_like(x)
    for _ in range(60):
        p = expit(logit + tau * mode)
        curvature = 1 + tau**2 * n * p * (1 - p)
        step = (tau * (x - n * p) - mode) / curvature
        mode = mode + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    scale = 1 / np.sqrt(1 + tau**2 * n * expit(logit + tau * mode) * expit(-logit - tau * mode))
    u = mode[:, None] + scale[:, None] * NODES
    eta = logit + tau * u
    integrand = x[:, None] * eta - n[:, None] * np.logaddexp(0, eta) - 0.5 * u**2 + 0.5 * NODES**2
    inside = np.logaddexp.reduce(integrand + LOG_WEIGHTS, axis=1)
    return float((constant + inside + np.log(scale)).sum())


def _maximum(x: np.ndarray, n: np.ndarray) -> tuple[float, float, np.ndarray, float]:
    """Return logit and tau at the maximum, their covariance, and the log-likelihood."""
    p = np.clip(x.sum() / n.sum(), 0.5 / n.sum(), 1 - 0.5 / n.sum())
    start = float(np.log(p / (1 - p)))
    if len(x) == 1:
        return start, 0.0, _flat_cov(start, n), log_likelihood(start, 0.0, x, n)

    def minus(point: np.ndarray) -> float:
        return -log_likelihood(float(point[0]), abs(float(point[1])), x, n)

    best = min(
        (optimize.minimize(minus, [start, tau], method="Nelder-Mead",
                           options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
         for tau in (0.3, 1.0)),
        key=lambda found: found.fun,
    )  # fmt: skip
    logit, tau = float(best.x[0]), abs(float(best.x[1]))
    if tau < 1e-4:
        return start, 0.0, _flat_cov(start, n), log_likelihood(start, 0.0, x, n)
    return logit, tau, np.linalg.inv(hessian(minus, np.array([logit, tau]))), -float(best.fun)


def _flat_cov(logit: float, n: np.ndarray) -> np.ndarray:
    return np.array([[1 / (n.sum() * expit(logit) * expit(-logit))]])


def hessian(f: Any, at: np.ndarray, h: float = 1e-3) -> np.ndarray:
    """Return second derivatives by central differences."""
    k = len(at)
    out = np.empty((k, k))
    e = np.eye(k) * h
    for i in range(k):
        near = f(at + e[i]) + f(at - e[i])
        far = f(at + 2 * e[i]) + f(at - 2 * e[i])
        out[i, i] = (16 * near - far - 30 * f(at)) / (12 * h**2)
        for j in range(i):
            corners = (
                f(at + e[i] + e[j]) - f(at + e[i] - e[j])
                - f(at - e[i] + e[j]) + f(at - e[i] - e[j])
            )  # fmt: skip
            out[i, j] = out[j, i] = corners / (4 * h**2)
    return out


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
    cov: np.ndarray,
    loglik: float,
    test: str,
    confidence: float,
    messages: list[str],
) -> PooledEffects:
    x, n = used["events"].to_numpy(float), used["n"].to_numpy(float)
    k, se = len(x), float(np.sqrt(cov[0, 0]))
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
