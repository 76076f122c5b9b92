"""Which study carries the pool? Every study left out in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from ..errors import DesignError
from .likelihood import Effects, estimate_variances, q_statistic, solve
from .metrics import METRICS
from .pooled import PooledEffects

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def leave_one_out(result: PooledEffects) -> pd.DataFrame:
    """How does the pool change when a study is left out, and which study stands apart?

    Parameters
    ----------
    result
        From `pool_effects`, without clusters, by REML, ML, DL or EE (tau2 is estimated anew by
        REML, or kept at zero for EE).

    Returns
    -------
    DataFrame
        A row a study left out: ``label``; ``estimate, conf_low, conf_high`` (Wald, on the
        metric's own scale), ``tau2``, ``q`` of the others; ``studentised`` (its distance from the
        pool of the others in standard errors), ``dffits``, ``cook``, ``cov_ratio``, ``hat``.
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
    weight = 1 / (v + whole[2])
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


def two_level(result: PooledEffects, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return effects and variances, or say that `what` is for independent effects."""
    if result.sigma2 or result.method == "GLMM":
        raise DesignError(
            f"{what} works on independent effects pooled by REML, ML, DL or EE; pool one effect a "
            "study without cluster= first."
        )
    return result.effects["yi"].to_numpy(), result.effects["vi"].to_numpy()


def _fit(y: np.ndarray, v: np.ndarray, result: PooledEffects) -> tuple[float, float, float, float]:
    """Return pool, its Wald variance, tau2 and Q."""
    data = Effects(y, v, np.ones((len(y), 1)))
    tau2 = 0.0 if result.method == "EE" else estimate_variances(data, reml=result.method != "ML")[0]
    solution = solve(data, tau2)
    return float(solution.beta[0]), float(solution.cov[0, 0]), tau2, q_statistic(data)


def _without(
    i: int,
    y: np.ndarray,
    v: np.ndarray,
    result: PooledEffects,
    whole: tuple[float, float, float, float],
    hat: np.ndarray,
) -> dict[str, float]:
    others = np.arange(len(y)) != i
    pooled, variance, tau2, q = _fit(y[others], v[others], result)
    back = METRICS[result.metric].back
    half = norm.ppf(0.5 + result.confidence / 2) * np.sqrt(variance)
    return {
        "estimate": float(back(np.array(pooled))),
        "conf_low": float(back(np.array(pooled - half))),
        "conf_high": float(back(np.array(pooled + half))),
        "std_error": float(np.sqrt(variance)),
        "tau2": tau2,
        "q": q,
        "studentised": (y[i] - pooled) / np.sqrt(v[i] + tau2 + variance),
        "dffits": (whole[0] - pooled) / np.sqrt(hat[i] * (tau2 + v[i])),
        "cook": (whole[0] - pooled) ** 2 / whole[1],
        "cov_ratio": variance / whole[1],
        "hat": hat[i],
    }


def plot_leave_one_out(result: PooledEffects, ax: Axes | None = None) -> Axes:
    """Draw the pool without each study, against the pool of all."""
    rows = leave_one_out(result)
    if ax is None:
        from matplotlib.figure import Figure

        height = 1.4 + 0.28 * len(rows)
        ax = Figure(figsize=(6.5, height), layout="constrained").add_subplot()
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
