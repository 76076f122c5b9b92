"""Pool effects of several studies, and say how far a new study may lie from the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import chi2

from ..core.arguments import checked_choice
from ..errors import DesignError, listing, require_columns
from ..inference.distributions import half_width, t_two_sided
from .binomial import pool_binomial
from .likelihood import (
    Effects,
    Solution,
    containment_df,
    estimate_variances,
    knapp_hartung_scale,
    q_statistic,
    solve,
    tau2_of,
)
from .metrics import Metric, checked_metric, effects_on_scale
from .pooled import NO_PREDICTION, PooledEffects, no_test_of_a_share
from .rows import check_effects, labels, with_single_rows

METHODS = ("REML", "ML", "DL", "EE", "GLMM")


def pool_effects(
    effects: pd.DataFrame,
    *,
    metric: str,
    method: str = "REML",
    test: str = "knapp-hartung",
    cluster: str | None = None,
    confidence: float = 0.95,
) -> PooledEffects:
    """What is the average effect, how far do studies differ, and where would a new one lie?

    Parameters
    ----------
    effects
        One row an effect: ``estimate`` and its precision, by the first of these a row has: ``se``;
        a 95 % interval ``ci_low``, ``ci_high``; ``n`` for a correlation, ``events`` and ``n`` for
        a proportion. Rows where they contradict each other are told in ``messages``.
        ``label`` or ``study_id`` names the row.
    metric
        ``r``, ``smd``, ``proportion``, ``log_odds_ratio``, ``mean_difference`` or ``generic``.
    method
        ``REML``, ``ML``, ``DL`` (DerSimonian-Laird), ``EE`` (equal effects, no tau2) or, for
        proportions with counts, ``GLMM``: the binomial-normal model, in which no event is ever
        corrected by a half. The others take each logit as normal with a known variance, since
        published shares often come without counts.
    test
        ``knapp-hartung`` (t with an adjusted standard error; the default, since few studies make
        the Wald interval too short) or ``wald``. With `cluster`, ``knapp-hartung`` means a t with
        as many degrees of freedom as studies less one (metafor's ``dfs="contain"``: effects of
        one study are no independent news of the pool); with ``GLMM``, one with k - 1.
    cluster
        A column that names the study several effects come from: a three-level model.
    confidence
        Level of the intervals, between 0 and 1.

    Returns
    -------
    PooledEffects

    Notes
    -----
    Viechtbauer (2005, doi 10.3102/10769986030003261) for REML; Knapp & Hartung (2003, doi
    10.1002/sim.1482); prediction interval with the t distribution of the test, as metafor gives
    it (none for one effect and for equal effects); I2 from tau2 and the typical sampling variance
    (Higgins & Thompson 2002, doi 10.1002/sim.1186). A p value tests an effect of zero; a share
    has none.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> found = al.pool_effects(
    ...     pd.DataFrame({"estimate": [0.2, 0.3, 0.35], "n": [80, 120, 60]}), metric="r"
    ... )
    >>> round(found.estimate, 3)
    0.282
    """
    chosen = checked_metric(metric)
    checked_choice("method", method, METHODS)
    effects = with_single_rows(effects)
    messages = check_effects(effects, metric, test, cluster, confidence)
    if method == "GLMM":
        return pool_binomial(effects, chosen, test=test, cluster=cluster, confidence=confidence,
                             messages=messages)  # fmt: skip
    if cluster is not None and method not in ("REML", "ML"):
        raise DesignError(f"With cluster=, method must be 'REML' or 'ML', not {method!r}.")
    data, used, more = usable_effects(effects, chosen, cluster)
    messages += more
    within, between, sigma2 = variances(data, method, messages)
    solution = solve(data, within, between, reml=method == "REML")
    parts = _interval(data, solution, within, between, method, test, confidence, messages)
    ends: dict[str, Any] = {
        name: float(chosen.back(np.array(value))) for name, value in parts["ends"].items()
    }
    p = no_test_of_a_share(metric, parts["p"], messages)
    q = q_statistic(Effects(data.y, data.v, data.x))
    tau2 = within + between if data.df else np.nan
    low, high = (np.nan, np.nan) if cluster else tau2_interval(data, confidence)
    return PooledEffects(
        **ends, p_value=p, std_error=parts["se"], df=parts["df"],
        tau2=tau2, tau2_low=low, tau2_high=high, i2=_i2(data, tau2),
        q=q, q_df=data.df, q_p_value=float(chi2.sf(q, data.df)) if data.df else np.nan,
        sigma2=sigma2,
        k=len(data.y), n_clusters=data.n_clusters, metric=metric, method=method, test=test,
        confidence=confidence, pooled=float(solution.beta[0]), loglik=solution.loglik,
        effects=used.assign(weight=_weights(data, within, between)), messages=tuple(messages),
    )  # fmt: skip


def usable_effects(
    effects: pd.DataFrame, metric: Metric, cluster: str | None
) -> tuple[Effects, pd.DataFrame, list[str]]:
    """Return the rows with effect and variance, and in words which rows have not."""
    if cluster is not None:
        require_columns(effects.columns, [cluster], what="the effects")
    table, told = effects_on_scale(effects, metric)
    table.insert(0, "label", labels(effects))
    if cluster is not None:
        table["cluster"] = effects[cluster]
        table.loc[effects[cluster].isna() & (table["why_not"] == ""), "why_not"] = "no cluster"
    out = table[table["why_not"] != ""]
    messages = [
        f"{len(rows)} of {len(table)} rows have {why} and are left out: {listing(rows['label'])}."
        for why, rows in out.groupby("why_not")
    ] + told
    used = table[table["why_not"] == ""].drop(columns="why_not")
    if used.empty:
        raise DesignError(
            "No row has both an effect and its variance; give 'se', or 'ci_low' and 'ci_high', or "
            "'n' (correlations), or 'events' and 'n' (proportions)."
        )
    codes = pd.factorize(used["cluster"])[0] if cluster is not None else None
    if codes is not None and codes.max() == 0:
        raise DesignError(
            f"All {len(used)} effects are of one study ('{cluster}' is "
            f"{used['cluster'].iloc[0]!r}): nothing tells how studies differ. Leave cluster= out "
            "for what this study shows, and say that it is one."
        )
    y, v = used["yi"].to_numpy(), used["vi"].to_numpy()
    return Effects(y, v, np.ones((len(y), 1)), codes), used, messages


def variances(
    data: Effects, method: str, messages: list[str]
) -> tuple[float, float, dict[str, float]]:
    """Return the variances within and between clusters, and what is shown of the two."""
    if data.df == 0:
        messages.append("With one effect the variance between effects cannot be estimated.")
        return 0.0, 0.0, {}
    if data.cluster is None:
        return tau2_of(data, method), 0.0, {}
    if data.n_clusters == len(data.y):
        messages.append(
            "Every study has one effect: only the sum of the variances between and within studies "
            "can be known, and it is tau2."
        )
        alone = tau2_of(Effects(data.y, data.v, data.x), method)
        return 0.0, alone, {"between": np.nan, "within": np.nan}
    within, between = estimate_variances(data, reml=method == "REML")
    return within, between, {"between": between, "within": within}


def _interval(
    data: Effects,
    solution: Solution,
    within: float,
    between: float,
    method: str,
    test: str,
    confidence: float,
    messages: list[str],
) -> dict[str, Any]:
    """Return the interval, the prediction interval and the test, on the pooling scale."""
    se, df = float(np.sqrt(solution.cov[0, 0])), np.inf
    pooled = float(solution.beta[0])
    if test == "knapp-hartung" and data.df == 0:
        messages.append("With one effect there is no Knapp-Hartung test; the Wald test is shown.")
    elif test == "knapp-hartung" and data.cluster is not None:
        df = float(containment_df(data)[0])
    elif test == "knapp-hartung":
        df = float(data.df)
        scale, told = knapp_hartung_scale(data, within)
        wald = half_width(1.0, confidence=confidence)
        narrow = half_width(np.sqrt(scale), df, confidence) < wald
        if told:
            messages.append(told)
        elif narrow:
            messages.append(
                "Effects differ less than their standard errors lead to expect: the Knapp-Hartung "
                "interval is narrower than the Wald one (test='wald'); report the wider."
            )
        se *= float(np.sqrt(scale))
    half = half_width(se, df, confidence)
    further = half_width(np.sqrt(se**2 + within + between), df, confidence)
    if data.df == 0 or method == "EE":
        messages.append(NO_PREDICTION["one" if data.df == 0 else "EE"])
        further = np.nan
    ends = {
        "estimate": pooled,
        "conf_low": pooled - half,
        "conf_high": pooled + half,
        "prediction_low": pooled - further,
        "prediction_high": pooled + further,
    }
    return {"ends": ends, "se": se, "df": df, "p": float(t_two_sided(pooled / se, df))}


def _i2(data: Effects, tau2: float) -> float:
    """tau2 over tau2 plus the typical sampling variance."""
    if data.df == 0:
        return float("nan")
    w = 1 / data.v
    typical = data.df * w.sum() / (w.sum() ** 2 - (w**2).sum())
    return float(tau2 / (tau2 + typical))


def _weights(data: Effects, within: float, between: float) -> np.ndarray:
    """Return each effect's weight in the pool, in percent."""
    w = 1 / (data.v + within)
    if data.cluster is not None:
        total = np.bincount(data.cluster, w)
        w = w / (1 + between * total)[data.cluster]
    return 100 * w / w.sum()


def tau2_interval(data: Effects, confidence: float) -> tuple[float, float]:
    """Return the Q-profile interval of tau2 (Viechtbauer 2007, doi 10.1002/sim.2514)."""
    if data.df == 0:
        return float("nan"), float("nan")
    ends = []
    for level in (0.5 + confidence / 2, 0.5 - confidence / 2):
        target = chi2.ppf(level, data.df)
        ends.append(_where_q_equals(data, target))
    return ends[0], ends[1]


def _where_q_equals(data: Effects, target: float) -> float:
    if q_statistic(data) <= target:
        return 0.0
    high = data.scale
    while q_statistic(data, high) > target:
        high *= 2
    return float(
        optimize.brentq(
            lambda x: q_statistic(data, x) - target, 0.0, high, xtol=1e-13 * high, rtol=1e-12
        )
    )
