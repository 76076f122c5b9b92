"""Pool effects of several studies, and say how far a new study may lie from the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import chi2, norm, t

from ..errors import DesignError, did_you_mean, listing, require_columns
from .likelihood import Effects, Solution, estimate_variances, q_statistic, solve
from .metrics import Metric, checked_metric, effects_on_scale
from .pooled import PooledEffects

METHODS = ("REML", "ML", "DL", "EE", "GLMM")
TESTS = ("knapp-hartung", "wald")


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
        One row an effect: ``estimate`` and its precision (``se``, or ``n`` for a correlation, or
        ``events`` and ``n`` for a proportion, or a 95 % interval ``ci_low``, ``ci_high``);
        ``label`` or ``study_id`` names it.
    metric
        ``r``, ``smd``, ``proportion``, ``log_odds_ratio``, ``mean_difference`` or ``generic``.
    method
        ``REML``, ``ML``, ``DL`` (DerSimonian-Laird), ``EE`` (equal effects, no tau2) or, for
        proportions with counts, ``GLMM``: the binomial-normal model, in which no event is ever
        corrected by a half.
    test
        ``knapp-hartung`` (t with an adjusted standard error; the default, since few studies make
        the Wald interval too short) or ``wald``. With `cluster` and with ``GLMM``,
        ``knapp-hartung`` means a t with k - 1 degrees of freedom.
    cluster
        A column that names the study several effects come from: a three-level model.

    Returns
    -------
    PooledEffects

    Notes
    -----
    Viechtbauer (2005, doi 10.3102/10769986030003261) for REML; Knapp & Hartung (2003, doi
    10.1002/sim.1482); prediction interval with the t distribution of the test, as metafor gives
    it; I2 from tau2 and the typical sampling variance (Higgins & Thompson 2002, doi
    10.1002/sim.1186). A p value here tests a value of zero on the pooling scale.

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
    _check_choice("method", method, METHODS)
    check_effects(effects, metric, test, cluster)
    if method == "GLMM":
        from .binomial import pool_binomial

        return pool_binomial(effects, chosen, test=test, cluster=cluster, confidence=confidence)
    data, used, messages = usable_effects(effects, chosen, cluster)
    if cluster is not None and method not in ("REML", "ML"):
        raise DesignError(f"With cluster=, method must be 'REML' or 'ML', not {method!r}.")
    within, between = _variances(data, method)
    solution = solve(data, within, between, reml=method == "REML")
    parts = _interval(data, solution, within, between, test, confidence, messages)
    back = chosen.back
    ends: dict[str, Any] = {
        name: float(back(np.array(value))) for name, value in parts["ends"].items()
    }
    q = q_statistic(Effects(data.y, data.v, data.x))
    tau2 = within + between
    low, high = (np.nan, np.nan) if cluster else tau2_interval(data, confidence)
    return PooledEffects(
        **ends, p_value=parts["p"], std_error=parts["se"], df=parts["df"],
        tau2=tau2, tau2_low=low, tau2_high=high, i2=_i2(data, tau2),
        q=q, q_df=data.df, q_p_value=float(chi2.sf(q, data.df)) if data.df else np.nan,
        sigma2={"between": between, "within": within} if cluster else {},
        k=len(data.y), n_clusters=data.n_clusters, metric=metric, method=method, test=test,
        confidence=confidence, pooled=float(solution.beta[0]), loglik=solution.loglik,
        effects=used.assign(weight=_weights(data, within, between)), messages=tuple(messages),
    )  # fmt: skip


def check_effects(effects: pd.DataFrame, metric: str, test: str, cluster: str | None) -> None:
    """Refuse a test that is not there, metrics that mix, and studies that come twice."""
    _check_choice("test", test, TESTS)
    _refuse_mixed(effects, metric)
    if cluster is None:
        _refuse_repeated(effects)


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise DesignError(
            f"{name} must be one of {', '.join(allowed)}, not {value!r}."
            f"{did_you_mean(value, allowed)}"
        )


def _refuse_mixed(effects: pd.DataFrame, metric: str) -> None:
    """A table that says which metric its rows are in must say the one that is pooled."""
    if "metric" not in effects.columns:
        return
    other = effects[effects["metric"].notna() & (effects["metric"] != metric)]
    if metric != "generic" and not other.empty:
        raise DesignError(
            f"All effects must be in the metric '{metric}'; {len(other)} rows are in "
            f"{listing(sorted(other['metric'].astype(str).unique()))} (rows "
            f"{listing(other.index)}). Convert them, or pool them apart."
        )


def _refuse_repeated(effects: pd.DataFrame) -> None:
    """Two effects of one study are not independent."""
    if "study_id" not in effects.columns:
        return
    again = effects["study_id"][effects["study_id"].duplicated() & effects["study_id"].notna()]
    if not again.empty:
        raise DesignError(
            f"A study must come once; {listing(again.unique())} come more than once. Effects of "
            "one study depend on each other: give cluster='study_id' for a three-level model, or "
            "choose one effect a study."
        )


def usable_effects(
    effects: pd.DataFrame, metric: Metric, cluster: str | None
) -> tuple[Effects, pd.DataFrame, list[str]]:
    """Return the rows with effect and variance, and in words which rows have not."""
    if cluster is not None:
        require_columns(effects.columns, [cluster], what="the effects")
    table = effects_on_scale(effects, metric)
    table.insert(0, "label", labels(effects))
    if cluster is not None:
        table["cluster"] = effects[cluster]
        table.loc[effects[cluster].isna() & (table["why_not"] == ""), "why_not"] = "no cluster"
    out = table[table["why_not"] != ""]
    messages = [
        f"{len(rows)} of {len(table)} rows have {why} and are left out: {listing(rows['label'])}."
        for why, rows in out.groupby("why_not")
    ]
    used = table[table["why_not"] == ""].drop(columns="why_not")
    if used.empty:
        raise DesignError(
            "No row has both an effect and its variance; give 'se', or 'n' (correlations), or "
            "'events' and 'n' (proportions), or 'ci_low' and 'ci_high'."
        )
    codes = pd.factorize(used["cluster"])[0] if cluster is not None else None
    y, v = used["yi"].to_numpy(), used["vi"].to_numpy()
    return Effects(y, v, np.ones((len(y), 1)), codes), used, messages


def labels(effects: pd.DataFrame) -> pd.Series:
    """Return what to call each row: its label, study, or position."""
    for name in ("label", "study_id", "study"):
        if name in effects.columns:
            return effects[name].astype(str)
    return pd.Series([f"effect {i + 1}" for i in range(len(effects))], index=effects.index)


def _variances(data: Effects, method: str) -> tuple[float, float]:
    if method == "EE" or data.df == 0:
        return 0.0, 0.0
    if method == "DL":
        w = 1 / data.v
        c = w.sum() - (w**2).sum() / w.sum()
        return max(0.0, (q_statistic(data) - data.df) / c), 0.0
    return estimate_variances(data, reml=method == "REML")


def _interval(
    data: Effects,
    solution: Solution,
    within: float,
    between: float,
    test: str,
    confidence: float,
    messages: list[str],
) -> dict[str, Any]:
    """Return the interval, the prediction interval and the test, on the pooling scale."""
    se, df = float(np.sqrt(solution.cov[0, 0])), np.inf
    pooled = float(solution.beta[0])
    if test == "knapp-hartung" and data.df == 0:
        messages.append("With one effect there is no Knapp-Hartung test; the Wald test is shown.")
    elif test == "knapp-hartung":
        df = float(data.df)
        if data.cluster is None:
            se *= float(np.sqrt(q_statistic(data, within) / data.df))
    quantile = norm.ppf(0.5 + confidence / 2) if np.isinf(df) else t.ppf(0.5 + confidence / 2, df)
    statistic = abs(pooled) / se if se > 0 else np.inf
    spread = float(np.sqrt(se**2 + within + between))
    ends = {
        "estimate": pooled,
        "conf_low": pooled - quantile * se,
        "conf_high": pooled + quantile * se,
        "prediction_low": pooled - quantile * spread,
        "prediction_high": pooled + quantile * spread,
    }
    p = 2 * (norm.sf(statistic) if np.isinf(df) else t.sf(statistic, df))
    return {"ends": ends, "se": se, "df": df, "p": float(p)}


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
    high = max(float(np.var(data.y)), float(data.v.mean()))
    while q_statistic(data, high) > target:
        high *= 2
    return float(
        optimize.brentq(lambda x: q_statistic(data, x) - target, 0.0, high, xtol=1e-14, rtol=1e-12)
    )
