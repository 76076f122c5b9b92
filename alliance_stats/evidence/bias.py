"""Do small studies show more? Tests of the funnel, and what the pool would be without it.

None of these tells publication bias from other reasons why small studies differ, and with few
studies none has power: read them as how far the pool might move, not as whether there is bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ..core.arguments import checked_choice
from ..core.results import Result
from ..errors import DesignError
from ..inference.distributions import t_two_sided
from .influence import two_level
from .likelihood import Effects, knapp_hartung_scale, solve, tau2_of
from .metrics import METRICS
from .pooled import PooledEffects
from .pooling import pool_effects


def small_study_test(result: PooledEffects) -> pd.DataFrame:
    """Are effects of imprecise studies larger (or smaller) than those of precise ones?

    Returns
    -------
    DataFrame
        Two rows: ``egger`` (weighted regression of the effect on its standard error; Egger et al.
        1997, doi 10.1136/bmj.315.7109.629) and ``egger_random`` (the same with tau2, estimated
        and tested as the pool was: by its method, and by t with k - 2 degrees of freedom where
        its test is Knapp and Hartung's), each with ``statistic, df, p_value`` and ``limit``, the
        effect a study without sampling error would show (own scale).
        ``.attrs["messages"]`` says what else there is to know of the tests.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> pool = al.pool_effects(pd.DataFrame(
    ...     {"estimate": [0.1, 0.2, 0.3, 0.5], "se": [0.05, 0.1, 0.15, 0.2]}), metric="smd")
    >>> al.small_study_test(pool)["test"].tolist()
    ['egger', 'egger_random']
    """
    y, v = two_level(result, "small_study_test", shares=False)
    if len(y) < 3:
        raise DesignError(f"A test of the funnel needs three effects or more, not {len(y)}.")
    se = np.sqrt(v)
    if np.ptp(se) < 1e-12 * se.max():
        raise DesignError("All effects have one standard error; a funnel has nothing to show.")
    data = Effects(y, v, np.column_stack([np.ones_like(y), se]))
    back = METRICS[result.metric].back
    rows, messages = [], []
    for name in ("egger", "egger_random"):
        tau2 = tau2_of(data, result.method) if name == "egger_random" else 0.0
        solution = solve(data, tau2)
        cov, df = solution.cov, np.inf
        if name == "egger":  # least squares estimates the residual's scale
            residual = (y - data.x @ solution.beta) / se
            scale = float(residual @ residual) / data.df
            if scale < 1e-12:
                raise DesignError(
                    "The effects lie on a line exactly: there is no spread to test a slope against."
                )
            cov, df = cov * scale, float(data.df)
        elif result.test == "knapp-hartung":
            scale, told = knapp_hartung_scale(data, tau2)
            cov, df = cov * scale, float(data.df)
            messages += [told] if told else []
        statistic = float(solution.beta[1] / np.sqrt(cov[1, 1]))
        p = float(t_two_sided(statistic, df))
        limit = float(back(solution.beta[:1])[0])
        rows.append({"test": name, "statistic": statistic, "df": df, "p_value": p, "limit": limit})
    table = pd.DataFrame(rows)
    table.attrs["messages"] = tuple(messages)
    return table


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
    checked_choice("estimator", estimator, ("L0", "R0"))
    y, v = two_level(result, "trim_and_fill", shares=False)
    if len(y) < 3:
        raise DesignError(f"Trim and fill needs three effects or more, not {len(y)}.")
    slope = _slope_on_error(y, v, result.method)
    side = "right" if slope < 0 else "left"
    sign = -1.0 if side == "right" else 1.0
    k0, center, order = _n_missing(sign * y, v, estimator, result.method)
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
    ties = len(y) - len(np.unique(y))
    messages = () if not ties else (
        f"{ties} effects equal another; of equal effects the less precise counts as further out.",
    )  # fmt: skip
    return TrimAndFill(result, adjusted, k0, side, estimator, messages)


def _on_scale(pool: PooledEffects, metric: str) -> PooledEffects:
    """Return a pool made on the pooling scale with its ends on the metric's own."""
    back = METRICS[metric].back
    names = ("estimate", "conf_low", "conf_high", "prediction_low", "prediction_high")
    ends: dict[str, Any] = {name: float(back(np.array(getattr(pool, name)))) for name in names}
    return replace(pool, metric=metric, **ends)


def _slope_on_error(y: np.ndarray, v: np.ndarray, method: str) -> float:
    data = Effects(y, v, np.column_stack([np.ones_like(y), np.sqrt(v)]))
    if np.linalg.matrix_rank(data.x) < 2:
        return 0.0
    return float(solve(data, tau2_of(data, method)).beta[1])


def _n_missing(
    y: np.ndarray, v: np.ndarray, estimator: str, method: str
) -> tuple[int, float, np.ndarray]:
    """Trim the right side until the number of missing studies no longer changes."""
    # Of equal effects the less precise is further out; the rows' order must not decide.
    order = np.lexsort((v, y))
    y, v, k, k0, center = y[order], v[order], len(y), 0, 0.0
    for _ in range(100):
        kept = Effects(y[: k - k0], v[: k - k0], np.ones((k - k0, 1)))
        center = float(solve(kept, tau2_of(kept, method)).beta[0])
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
