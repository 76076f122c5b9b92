"""Which study carries the pool? Every study left out in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.drawing import new_axes
from ..errors import DesignError
from ..inference.distributions import half_width
from .likelihood import Effects, knapp_hartung_scale, q_statistic, solve, tau2_of
from .metrics import METRICS
from .pooled import PooledEffects

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def leave_one_out(result: PooledEffects) -> pd.DataFrame:
    """How does the pool change when a study is left out, and which study stands apart?

    Parameters
    ----------
    result
        From `pool_effects`, without clusters; tau2 is estimated anew by the pool's own method,
        and the pool's own test makes the intervals.

    Returns
    -------
    DataFrame
        A row a study left out: ``label``; ``estimate, conf_low, conf_high`` (on the metric's own
        scale), ``std_error`` (on the pooling scale), ``tau2``, ``q`` of the others;
        ``studentised`` (its distance from the pool of the others in standard errors), ``dffits``,
        ``cook``, ``cov_ratio``, ``hat``.
        ``influential`` is true where a measure exceeds the bounds of Viechtbauer & Cheung (2010,
        doi 10.1002/jrsm.11).

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> pool = al.pool_effects(
    ...     pd.DataFrame({"estimate": [0.2, 0.25, 0.3, 0.8], "n": [80, 90, 70, 60]}), metric="r"
    ... )
    >>> al.leave_one_out(pool)["studentised"].abs().idxmax()
    3
    """
    y, v = two_level(result, "leave_one_out")
    if len(y) < 3:
        raise DesignError(f"Leaving one out needs three effects or more, not {len(y)}.")
    whole = _fit(y, v, result)
    weight = 1 / (v + whole.tau2)
    hat = weight / weight.sum()
    rows = [_without(i, y, v, result, whole, hat) for i in range(len(y))]
    table = pd.DataFrame(rows, index=result.effects.index)
    table.insert(0, "label", result.effects["label"])
    k = len(y)
    table["influential"] = (
        (table["dffits"].abs() > 3 * np.sqrt(1 / (k - 1))) | (table["cook"] > 0.4549)
        | (table["hat"] > 3 / k)
    )  # fmt: skip
    return table


def two_level(
    result: PooledEffects, what: str, *, shares: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return effects and variances, or say that `what` is for independent effects.

    With `shares` false, proportions are refused: the variance of a logit depends on the share
    itself, so that shares of any kind make a funnel that leans.
    """
    if not isinstance(result, PooledEffects):
        raise DesignError(
            f"{what} takes what pool_effects returns, not {type(result).__name__}; pool first."
        )
    if result.sigma2 or result.method == "GLMM":
        raise DesignError(
            f"{what} works on independent effects pooled by REML, ML, DL or EE; pool one effect a "
            "study without cluster= first."
        )
    if result.metric == "proportion" and not shares:
        raise DesignError(
            f"{what} is not for proportions: the standard error of a logit depends on the "
            "share itself, so the funnel leans (and the test is significant) without any bias. "
            "Compare small and large studies by fit_meta_regression with their size as predictor."
        )
    return result.effects["yi"].to_numpy(), result.effects["vi"].to_numpy()


@dataclass(frozen=True)
class _Pool:
    """A pool of some of the studies: as it is tested, and by its Wald variance."""

    estimate: float
    variance: float
    tau2: float
    q: float
    std_error: float
    half: float


def _fit(y: np.ndarray, v: np.ndarray, result: PooledEffects) -> _Pool:
    """Pool by the estimator and the test of the whole pool."""
    data = Effects(y, v, np.ones((len(y), 1)))
    tau2 = tau2_of(data, result.method)
    solution = solve(data, tau2)
    variance, scale, df = float(solution.cov[0, 0]), 1.0, np.inf
    if result.test == "knapp-hartung":
        scale, df = knapp_hartung_scale(data, tau2)[0], data.df
    error = float(np.sqrt(variance * scale))
    half = float(half_width(error, df, result.confidence))
    return _Pool(float(solution.beta[0]), variance, tau2, q_statistic(data), error, half)


def _without(
    i: int, y: np.ndarray, v: np.ndarray, result: PooledEffects, whole: _Pool, hat: np.ndarray
) -> dict[str, float]:
    others = np.arange(len(y)) != i
    found = _fit(y[others], v[others], result)
    back = METRICS[result.metric].back
    return {
        "estimate": float(back(np.array(found.estimate))),
        "conf_low": float(back(np.array(found.estimate - found.half))),
        "conf_high": float(back(np.array(found.estimate + found.half))),
        "std_error": found.std_error,
        "tau2": found.tau2,
        "q": found.q,
        # The measures of influence are defined by the Wald variance.
        "studentised": (y[i] - found.estimate) / np.sqrt(v[i] + found.tau2 + found.variance),
        "dffits": (whole.estimate - found.estimate) / np.sqrt(hat[i] * (found.tau2 + v[i])),
        "cook": (whole.estimate - found.estimate) ** 2 / whole.variance,
        "cov_ratio": found.variance / whole.variance,
        "hat": hat[i],
    }


def plot_leave_one_out(result: PooledEffects, ax: Axes | None = None) -> Axes:
    """Draw the pool without each study, against the pool of all."""
    rows = leave_one_out(result)
    if ax is None:
        ax = new_axes(6.5, 1.4 + 0.28 * len(rows))
    y = np.arange(len(rows), 0, -1)
    ax.axvspan(result.conf_low, result.conf_high, color="#eeeeee", zorder=0)
    ax.axvline(result.estimate, color="#555555", lw=0.8)
    ax.hlines(y, rows["conf_low"], rows["conf_high"], color="#444444", lw=1)
    ax.scatter(rows["estimate"], y, s=22, color="#0072B2", zorder=3)
    ax.set_yticks(y, [f"without {label}" for label in rows["label"]])
    ax.set_xlabel(f"{METRICS[result.metric].title}; k = {result.k} (band: all studies)")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax
