"""What would the pool be if results that are not significant were published less often?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import chi2, norm

from ..core.arguments import checked_choice, is_number
from ..core.results import Result
from ..errors import DesignError
from ..inference.distributions import half_width
from ..inference.rows import coefficient_rows
from .influence import two_level
from .likelihood import Effects, solve, tau2_of
from .metrics import METRICS
from .pooled import PooledEffects


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
        tested = coefficient_rows("pooled", self.pooled, self.std_error)
        limits = {"conf_low": self.conf_low, "conf_high": self.conf_high}
        return tested.assign(estimate=self.estimate, **limits)

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
    checked_choice("direction", direction, ("greater", "less"))
    if not is_number(cutoff) or not 0 < cutoff < 1:
        raise DesignError(f"cutoff must be a one-sided p between 0 and 1, not {cutoff!r}.")
    y, v = two_level(result, "selection_model", shares=False)
    sign = 1.0 if direction == "greater" else -1.0
    below = norm.sf(sign * y / np.sqrt(v)) <= cutoff
    if below.all() or not below.any():
        raise DesignError(
            "A selection model needs studies on both sides of the step; "
            f"{int(below.sum())} of {len(y)} have a one-sided p of {cutoff:g} or less."
        )
    unit = float(np.sqrt(v.mean()))  # the search takes steps of one size: give it effects of one
    found = _maximise(sign * y / unit, v / unit**2, below, cutoff)
    found |= {"mean": found["mean"] * unit, "se": found["se"] * unit,
              "tau2": found["tau2"] * unit**2,
              "loglik": found["loglik"] - len(y) * float(np.log(unit))}  # fmt: skip
    plain = Effects(sign * y, v, np.ones((len(y), 1)))
    tau2 = tau2_of(plain, "ML")
    without = solve(plain, tau2, reml=False)
    lrt = max(0.0, 2 * (found["loglik"] - without.loglik))
    back = METRICS[result.metric].back
    half = half_width(found["se"], confidence=result.confidence)
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
    at = np.array([mean, abs(tau), log_weight])
    free = [0, 2] if abs(tau) < 1e-4 else [0, 1, 2]

    def reduced(part: np.ndarray) -> float:
        whole = at.copy()
        whole[free] = part
        return minus(whole)

    cov = np.linalg.pinv(hessian(reduced, at[free]))
    return {"mean": mean, "tau2": tau**2, "weight": float(np.exp(log_weight)),
            "loglik": -float(best.fun), "se": float(np.sqrt(cov[0, 0]))}  # fmt: skip


def hessian(f: Callable[[np.ndarray], float], at: np.ndarray, h: float = 1e-3) -> np.ndarray:
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
