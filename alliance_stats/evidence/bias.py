"""Do small studies show more? Tests of the funnel, and what the pool would be without it.

None of these tells publication bias from other reasons why small studies differ, and with few
studies none has power: read them as how far the pool might move, not as whether there is bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import chi2, norm, rankdata, t

from ..errors import DesignError
from ..results import Result
from .influence import two_level
from .likelihood import Effects, estimate_variances, solve
from .metrics import METRICS
from .pooled import PooledEffects


def small_study_test(result: PooledEffects) -> pd.DataFrame:
    """Are effects of imprecise studies larger (or smaller) than those of precise ones?

    Returns
    -------
    DataFrame
        Two rows: ``egger`` (weighted regression of the effect on its standard error; Egger et al.
        1997, doi 10.1136/bmj.315.7109.629) and ``egger_random`` (the same with tau2, REML), each
        with ``statistic, df, p_value`` and ``limit``, the effect a study without sampling error
        would show (own scale).

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> pool = al.pool_effects(pd.DataFrame(
    ...     {"estimate": [0.1, 0.2, 0.3, 0.5], "se": [0.05, 0.1, 0.15, 0.2]}), metric="smd")
    >>> al.small_study_test(pool)["test"].tolist()
    ['egger', 'egger_random']
    """
    y, v = two_level(result, "small_study_test")
    if len(y) < 3:
        raise DesignError(f"A test of the funnel needs three effects or more, not {len(y)}.")
    se = np.sqrt(v)
    if np.ptp(se) < 1e-12 * se.max():
        raise DesignError("All effects have one standard error; a funnel has nothing to show.")
    data = Effects(y, v, np.column_stack([np.ones_like(y), se]))
    back = METRICS[result.metric].back
    rows = []
    for name in ("egger", "egger_random"):
        tau2 = estimate_variances(data)[0] if name == "egger_random" else 0.0
        solution = solve(data, tau2)
        cov, df = solution.cov, np.inf
        if name == "egger":  # least squares estimates the residual's scale
            residual = (y - data.x @ solution.beta) / se
            cov, df = cov * float(residual @ residual) / data.df, float(data.df)
        statistic = float(solution.beta[1] / np.sqrt(cov[1, 1]))
        p = 2 * (norm.sf(abs(statistic)) if np.isinf(df) else t.sf(abs(statistic), df))
        limit = float(back(solution.beta[:1])[0])
        rows.append(
            {"test": name, "statistic": statistic, "df": df, "p_value": float(p), "limit": limit}
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class TrimAndFill(Result):
    """The pool with the studies filled in that a symmetric funnel would have."""

    pool: PooledEffects
    adjusted: PooledEffects
    n_filled: int
    side: str
    estimator: str
    messages: tuple[str, ...] = ()
    title: str = "Trim and fill"

    def tidy(self) -> pd.DataFrame:
        """Return two rows: the pool as it is, and as filled."""
        both = pd.concat([self.pool.tidy(), self.adjusted.tidy()], ignore_index=True)
        both["term"] = ["pooled", "filled"]
        return both

    def glance(self) -> pd.DataFrame:
        """Return one row: how many studies were filled in, on which side."""
        return pd.DataFrame(
            [{"n_filled": self.n_filled, "side": self.side, "estimator": self.estimator}]
        )


def trim_and_fill(result: PooledEffects, *, estimator: str = "L0") -> TrimAndFill:
    """What would the pool be if the funnel's missing side were filled with mirror images?

    Duval & Tweedie (2000, doi 10.1111/j.0006-341X.2000.00455.x). Filled studies are no data; the
    answer is one of sensitivity.

    Parameters
    ----------
    result
        From `pool_effects`, without clusters.
    estimator
        ``L0`` or ``R0``, of the number of studies missing.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> pool = al.pool_effects(pd.DataFrame(
    ...     {"estimate": [0.1, 0.2, 0.3, 0.7], "se": [0.05, 0.1, 0.15, 0.2]}), metric="smd")
    >>> al.trim_and_fill(pool).side
    'left'
    """
    from .pooling import pool_effects

    if estimator not in ("L0", "R0"):
        raise DesignError(f"estimator must be 'L0' or 'R0', not {estimator!r}.")
    y, v = two_level(result, "trim_and_fill")
    if len(y) < 3:
        raise DesignError(f"Trim and fill needs three effects or more, not {len(y)}.")
    slope = _slope_on_error(y, v)
    side = "right" if slope < 0 else "left"
    sign = -1.0 if side == "right" else 1.0
    k0, center, order = _n_missing(sign * y, v, estimator, result)
    extreme = order[len(y) - k0 :]
    mirrored = sign * (2 * center - sign * y[extreme])
    rows = pd.DataFrame(
        {
            "label": [*result.effects["label"], *(f"filled {i + 1}" for i in range(k0))],
            "estimate": np.concatenate([y, mirrored]),
            "se": np.sqrt(np.concatenate([v, v[extreme]])),
        }
    )
    adjusted = pool_effects(
        rows, metric="generic", method=result.method, test=result.test,
        confidence=result.confidence,
    )  # fmt: skip
    adjusted = _on_scale(adjusted, result.metric)
    return TrimAndFill(result, adjusted, k0, side, estimator)


def _on_scale(pool: PooledEffects, metric: str) -> PooledEffects:
    """Return a pool made on the pooling scale with its ends on the metric's own."""
    from dataclasses import replace

    back = METRICS[metric].back
    names = ("estimate", "conf_low", "conf_high", "prediction_low", "prediction_high")
    ends: dict[str, Any] = {name: float(back(np.array(getattr(pool, name)))) for name in names}
    return replace(pool, metric=metric, **ends)


def _slope_on_error(y: np.ndarray, v: np.ndarray) -> float:
    data = Effects(y, v, np.column_stack([np.ones_like(y), np.sqrt(v)]))
    if np.linalg.matrix_rank(data.x) < 2:
        return 0.0
    return float(solve(data, estimate_variances(data)[0]).beta[1])


def _n_missing(
    y: np.ndarray, v: np.ndarray, estimator: str, result: PooledEffects
) -> tuple[int, float, np.ndarray]:
    """Trim the right side until the number of missing studies no longer changes."""
    order = np.argsort(y, kind="stable")
    y, v, k, k0, center = y[order], v[order], len(y), 0, 0.0
    for _ in range(100):
        kept = Effects(y[: k - k0], v[: k - k0], np.ones((k - k0, 1)))
        tau2 = 0.0 if result.method == "EE" else estimate_variances(
            kept, reml=result.method != "ML"
        )[0]  # fmt: skip
        center = float(solve(kept, tau2).beta[0])
        ranks = np.sign(y - center) * rankdata(np.abs(y - center), method="ordinal")
        if estimator == "L0":
            above = ranks[ranks > 0].sum()
            found = (4 * above - k * (k + 1)) / (2 * k - 1)
        else:
            below = -ranks[ranks < 0]
            found = k - (below.max() if len(below) else 0) - 1
        previous, k0 = k0, int(min(max(0, round(float(found))), k - 2))
        if k0 == previous:
            break
    return k0, center, order


@dataclass(frozen=True)
class SelectionModel(Result):
    """A pool that allows for results not significant to be published less often.

    `weight` is how likely a study with a one-sided p above `cutoff` is to be seen, relative to one
    below; 1 means no selection, and a value near 0 with few studies rests on very few of them.
    """

    estimate: float
    conf_low: float
    conf_high: float
    std_error: float
    tau2: float
    weight: float
    cutoff: float
    lrt: float
    p_value: float
    unadjusted: float
    k: int
    metric: str
    pooled: float
    loglik: float
    messages: tuple[str, ...] = ()
    title: str = "Selection model (one step)"

    def tidy(self) -> pd.DataFrame:
        """Return one row: the pool under selection."""
        statistic = self.pooled / self.std_error
        row = {
            "effect": "fixed", "group": "", "term": "pooled", "estimate": self.estimate,
            "std_error": self.std_error, "statistic": statistic, "df": np.inf,
            "p_value": float(2 * norm.sf(abs(statistic))),
            "conf_low": self.conf_low, "conf_high": self.conf_high,
        }  # fmt: skip
        return pd.DataFrame([row])

    def glance(self) -> pd.DataFrame:
        """Return one row: weight of the step and its likelihood-ratio test."""
        names = ("k", "metric", "tau2", "weight", "cutoff", "lrt", "p_value", "unadjusted")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def selection_model(
    result: PooledEffects, *, cutoff: float = 0.025, direction: str = "greater"
) -> SelectionModel:
    """What is the pool if results that are not significant were published less often?

    Vevea & Hedges (1995, doi 10.1007/BF02294384), with one step at the one-sided p of `cutoff`;
    maximum likelihood.

    Parameters
    ----------
    result
        From `pool_effects`, without clusters.
    cutoff
        One-sided p value of the step.
    direction
        ``greater`` where a positive effect is what gets published, else ``less``.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> pool = al.pool_effects(pd.DataFrame({
    ...     "estimate": [0.1, 0.3, 0.35, 0.6, 0.05], "se": [0.1, 0.12, 0.15, 0.25, 0.2]}),
    ...     metric="smd")
    >>> al.selection_model(pool).cutoff
    0.025
    """
    if direction not in ("greater", "less"):
        raise DesignError(f"direction must be 'greater' or 'less', not {direction!r}.")
    y, v = two_level(result, "selection_model")
    sign = 1.0 if direction == "greater" else -1.0
    below = norm.sf(sign * y / np.sqrt(v)) <= cutoff
    if below.all() or not below.any():
        raise DesignError(
            "A selection model needs studies on both sides of the step; "
            f"{int(below.sum())} of {len(y)} have a one-sided p of {cutoff:g} or less."
        )
    found = _maximise(sign * y, v, below, cutoff)
    plain = Effects(sign * y, v, np.ones((len(y), 1)))
    tau2, _ = estimate_variances(plain, reml=False)
    without = solve(plain, tau2, reml=False)
    lrt = max(0.0, 2 * (found["loglik"] - without.loglik))
    back = METRICS[result.metric].back
    half = norm.ppf(0.5 + result.confidence / 2) * found["se"]
    ends = [float(back(np.array(sign * found["mean"] + d))) for d in (-half, 0.0, half)]
    return SelectionModel(
        estimate=ends[1], conf_low=ends[0], conf_high=ends[2], std_error=found["se"],
        tau2=found["tau2"], weight=found["weight"], cutoff=cutoff, lrt=lrt,
        p_value=float(chi2.sf(lrt, 1)), unadjusted=result.estimate, k=len(y),
        metric=result.metric, pooled=sign * found["mean"], loglik=found["loglik"],
    )  # fmt: skip


def _maximise(y: np.ndarray, v: np.ndarray, below: np.ndarray, cutoff: float) -> dict[str, float]:
    edge = norm.isf(cutoff) * np.sqrt(v)

    def minus(point: np.ndarray) -> float:
        mean, tau, log_weight = point
        spread = np.sqrt(v + tau**2)
        weight = np.exp(log_weight)
        seen = norm.sf((edge - mean) / spread)
        total = seen + weight * (1 - seen)
        return -float(
            norm.logpdf(y, mean, spread).sum() + (~below).sum() * log_weight - np.log(total).sum()
        )

    center = float(np.average(y, weights=1 / v))
    starts = [(center, tau, w) for tau in (0.05, 0.5 * y.std() + 1e-3) for w in (0.0, -1.0, 1.0)]
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 6000, "maxfev": 6000}
    best = min(
        (optimize.minimize(minus, start, method="Nelder-Mead", options=options)
         for start in starts),
        key=lambda found: found.fun,
    )  # fmt: skip
    mean, tau, log_weight = (float(value) for value in best.x)
    from .binomial import hessian

    at = np.array([mean, abs(tau), log_weight])
    free = [0, 2] if abs(tau) < 1e-4 else [0, 1, 2]

    def reduced(part: np.ndarray) -> float:
        whole = at.copy()
        whole[free] = part
        return minus(whole)

    cov = np.linalg.pinv(hessian(reduced, at[free]))
    return {"mean": mean, "tau2": tau**2, "weight": float(np.exp(log_weight)),
            "loglik": -float(best.fun), "se": float(np.sqrt(cov[0, 0]))}  # fmt: skip
