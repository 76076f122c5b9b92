"""Meta-regression and subgroups: does the effect depend on how a study was made?"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice
from ..core.results import Result
from ..errors import ArgumentError, DesignError, did_you_mean, listing, require_columns
from ..inference.distributions import chi2_upper, f_upper
from ..inference.rows import coefficient_rows
from .design import design_of
from .likelihood import Effects, containment_df, knapp_hartung_scale, q_statistic, solve, tau2_of
from .metrics import checked_metric
from .pooling import pool_effects, usable_effects, variances
from .rows import check_effects, with_single_rows

ESTIMATORS = ("REML", "ML", "DL", "EE")


@dataclass(frozen=True)
class MetaRegression(Result):
    """Coefficients of a meta-regression, on the pooling scale (Fisher z for r, logit for shares).

    Attributes
    ----------
    table
        The columns of `tidy`.
    tau2, sigma2
        What differs between effects beyond the predictors; with clusters by level.
    qm, qm_df, qm_df2, qm_p_value
        Test that all coefficients but the intercept are zero (an F under Knapp-Hartung).
    qe, qe_p_value
        Cochran's test of what is left.
    r2
        Share of tau2 that the predictors explain; never below 0. NaN with clusters.
    """

    table: pd.DataFrame
    tau2: float
    sigma2: dict[str, float]
    qm: float
    qm_df: int
    qm_df2: float
    qm_p_value: float
    qe: float
    qe_df: int
    qe_p_value: float
    r2: float
    k: int
    n_clusters: int
    metric: str
    formula: str
    test: str
    effects: pd.DataFrame
    design: pd.DataFrame
    messages: tuple[str, ...] = ()
    title: str = "Meta-regression (mixed-effects model)"
    method: str = "REML"

    def tidy(self) -> pd.DataFrame:
        """Return one row a coefficient."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: heterogeneity and the test of all predictors."""
        names = ("k", "n_clusters", "metric", "formula", "method", "test", "tau2", "r2", "qm",
                 "qm_df", "qm_df2", "qm_p_value", "qe", "qe_df", "qe_p_value")  # fmt: skip
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def fit_meta_regression(
    formula: str,
    effects: pd.DataFrame,
    *,
    metric: str,
    method: str = "REML",
    test: str = "knapp-hartung",
    cluster: str | None = None,
    confidence: float = 0.95,
) -> MetaRegression:
    """Does the effect differ with year, setting, rater, or another mark of the studies?

    Parameters
    ----------
    formula
        The right-hand side, as ``"year + setting"``; words become categories. A row
        that lacks a predictor is left out and counted in ``messages``.
    effects, metric, cluster
        As in `pool_effects`.
    method
        ``REML``, ``ML``, ``DL`` or ``EE``; with `cluster` ``REML`` or ``ML``. Give the pool's own.
    test
        ``knapp-hartung`` (t and F tests) or ``wald``. With `cluster`, ``knapp-hartung`` means t
        tests: of predictors that do not vary within a study (and the intercept) with as many
        degrees of freedom as studies less coefficients, of others with effects less coefficients.
    confidence
        Level of the intervals.

    Returns
    -------
    MetaRegression
        Coefficients stay on the pooling scale: a difference of Fisher's z is no difference of r.

    Notes
    -----
    Knapp & Hartung (2003, doi 10.1002/sim.1482). Studies are few and were not assigned to
    their marks: a difference between them is no effect of the mark.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> table = pd.DataFrame({
    ...     "estimate": [0.1, 0.25, 0.3, 0.45], "n": [80, 90, 70, 60], "year": [0, 10, 15, 20],
    ... })
    >>> fit = al.fit_meta_regression("year", table, metric="r")
    >>> float(fit.tidy().set_index("term").loc["year", "estimate"].round(3))
    0.018
    """
    chosen = checked_metric(metric)
    checked_choice("method", method, ESTIMATORS if cluster is None else ESTIMATORS[:2])
    effects = with_single_rows(effects)
    messages = check_effects(effects, metric, test, cluster, confidence)
    design, complete = design_of(formula, effects)
    _, used, more = usable_effects(effects, chosen, cluster)
    messages += more
    has = complete.loc[used.index]
    if not has.all():
        out = used.loc[~has, "label"]
        messages.append(f"{len(out)} rows lack a predictor and are left out: {listing(out)}.")
    used = used[has]
    design = design.loc[used.index]
    codes = pd.factorize(used["cluster"])[0] if cluster is not None else None
    x = design.to_numpy(dtype=float)
    data = Effects(used["yi"].to_numpy(), used["vi"].to_numpy(), x, codes)
    _check_rank(design, len(used))
    if codes is not None and data.n_clusters <= x.shape[1]:
        raise DesignError(
            f"The regression has {x.shape[1]} coefficients and effects of {data.n_clusters} "
            "studies; it needs more studies than coefficients."
        )
    within, between, sigma2 = variances(data, method, messages)
    solution = solve(data, within, between)
    cov, df = solution.cov, np.full(x.shape[1], np.inf)
    if test == "knapp-hartung" and codes is not None:
        df = containment_df(data)
    elif test == "knapp-hartung":
        df = np.full(x.shape[1], float(data.df))
        scale, told = knapp_hartung_scale(data, within)
        cov = cov * scale
        messages += [told] if told else []
    se = np.sqrt(np.diag(cov))
    table = coefficient_rows(design.columns, solution.beta, se, df, confidence=confidence)
    qm = _omnibus(solution.beta, cov, list(design.columns), df)
    qe = q_statistic(Effects(data.y, data.v, x))
    r2 = _explained(data, within, list(design.columns), method) if codes is None else np.nan
    if codes is None and np.isnan(r2):
        messages.append(
            "No R2: it compares with a model of an intercept alone, and this one has none."
            if "Intercept" not in design.columns
            else "No R2: equal effects (EE) leave no variance for the predictors to explain."
            if method == "EE"
            else "No R2: without predictors the effects differ no more than chance would have it "
            "(tau2 is estimated as zero), so there is nothing for the predictors to explain."
        )
    return MetaRegression(
        table=table, tau2=within + between,
        sigma2=sigma2,
        **qm, qe=qe, qe_df=data.df, qe_p_value=chi2_upper(qe, data.df),
        r2=r2, k=len(used),
        n_clusters=data.n_clusters, metric=metric, formula=formula, test=test, effects=used,
        design=design, messages=tuple(messages), method=method,
    )  # fmt: skip


def _check_rank(design: pd.DataFrame, k: int) -> None:
    p = design.shape[1]
    if k <= p:
        raise DesignError(
            f"The regression has {p} coefficients and {k} effects; it needs more effects than "
            "coefficients."
        )
    if np.linalg.matrix_rank(design.to_numpy(dtype=float)) < p:
        raise DesignError(
            f"The predictors {listing(design.columns)} carry each other's information (one is "
            "constant, or the sum of others); leave one out."
        )


def _omnibus(beta: np.ndarray, cov: np.ndarray, names: list[str], df: np.ndarray) -> dict[str, Any]:
    """Return the joint test of all coefficients but the intercept."""
    tested = np.array([name != "Intercept" for name in names])
    m = int(tested.sum())
    if m == 0:
        return {"qm": np.nan, "qm_df": 0, "qm_df2": float(df[0]), "qm_p_value": np.nan}
    wald = float(beta[tested] @ np.linalg.solve(cov[np.ix_(tested, tested)], beta[tested]))
    rest = float(df[tested].min())
    statistic = wald if np.isinf(rest) else wald / m
    p = f_upper(wald / m, m, rest)
    return {"qm": statistic, "qm_df": m, "qm_df2": rest, "qm_p_value": p}


def _explained(data: Effects, left: float, names: list[str], method: str) -> float:
    if "Intercept" not in names:
        return float("nan")
    whole = tau2_of(Effects(data.y, data.v, np.ones((len(data.y), 1))), method)
    return max(0.0, 1 - left / whole) if whole > 0 else float("nan")


def pool_subgroups(effects: pd.DataFrame, *, by: str, metric: str, **options: Any) -> pd.DataFrame:
    """Pool the studies of each kind apart, and test whether the pools differ.

    Parameters
    ----------
    effects, metric, **options
        As in `pool_effects`.
    by
        The column that names the kind.

    Returns
    -------
    DataFrame
        A row a kind: ``subgroup, k, estimate, conf_low, conf_high, prediction_low,
        prediction_high, tau2``. ``.attrs["test"]`` has ``q, df, p_value`` of the difference
        between the pools, each with its own tau2. `q` takes each pool's standard error as known;
        where the pools are tested by t, p is that of Welch's (1951, doi 10.1093/biomet/38.3-4.330)
        ``f`` with ``df`` and ``df2``. ``.attrs["messages"]`` tells what each pool says, which rows
        are in no group, and which studies in several.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> table = pd.DataFrame({
    ...     "estimate": [0.1, 0.2, 0.4, 0.5], "n": [80, 90, 70, 60],
    ...     "rater": ["therapist", "therapist", "client", "client"],
    ... })
    >>> al.pool_subgroups(table, by="rater", metric="r", test="wald")["subgroup"].tolist()
    ['client', 'therapist']
    """
    if not isinstance(by, str):
        raise DesignError(f"by must be the name of one column, not {by!r}.")
    known = list(inspect.signature(pool_effects).parameters)
    if unknown := [name for name in options if name not in known]:
        raise ArgumentError(
            f"pool_subgroups has no argument '{unknown[0]}'.{did_you_mean(unknown[0], known)}"
        )
    effects = with_single_rows(effects)
    require_columns(effects.columns, [by], what="the effects")
    messages = _across(effects, by, options.get("cluster"))
    rows, pools = [], []
    for name, part in effects.groupby(by, observed=True):
        pool = pool_effects(part, metric=metric, **options)
        pools.append((pool.pooled, pool.std_error, pool.df))
        messages += [f"{name}: {message}" for message in pool.messages]
        rows.append(
            {"subgroup": name, "k": pool.k, "estimate": pool.estimate, "conf_low": pool.conf_low,
             "conf_high": pool.conf_high, "prediction_low": pool.prediction_low,
             "prediction_high": pool.prediction_high, "tau2": pool.tau2}
        )  # fmt: skip
    if len(rows) < 2:
        raise DesignError(f"Column '{by}' must name two kinds of study or more, not {len(rows)}.")
    table = pd.DataFrame(rows)
    table.attrs["test"] = _difference(*(np.array(x) for x in zip(*pools, strict=True)))
    table.attrs["messages"] = tuple(messages)
    return table


def _difference(pooled: np.ndarray, se: np.ndarray, df: np.ndarray) -> dict[str, float]:
    """Return the test that pools are one: chi-squared, or Welch's F where they have a t test."""
    w = 1 / se**2
    q = float(w @ (pooled - w @ pooled / w.sum()) ** 2)
    m = len(pooled)
    unsure = float(((1 - w / w.sum()) ** 2 / df).sum())
    if unsure == 0:
        return {"q": q, "df": m - 1, "f": np.nan, "df2": np.inf, "p_value": chi2_upper(q, m - 1)}
    f = q / (m - 1) / (1 + 2 * (m - 2) / (m**2 - 1) * unsure)
    df2 = (m**2 - 1) / (3 * unsure)
    return {"q": q, "df": m - 1, "f": f, "df2": df2, "p_value": f_upper(f, m - 1, df2)}


def _across(effects: pd.DataFrame, by: str, cluster: Any) -> list[str]:
    """Tell which rows are in no group, and which studies are in several."""
    messages = []
    none = effects.index[effects[by].isna()]
    if len(none):
        messages.append(
            f"{len(none)} of {len(effects)} rows name no '{by}' and are in no group: rows "
            f"{listing(none)}."
        )
    study = cluster if isinstance(cluster, str) else "study_id"
    if study in effects.columns:
        groups = effects.dropna(subset=[by]).groupby(study, observed=True)[by].nunique()
        several = groups.index[groups > 1]
        if len(several):
            messages.append(
                f"{listing(several)} are in several groups; the test of the difference takes the "
                f"groups as independent. fit_meta_regression('{by}', ..., cluster='{study}') does "
                "not."
            )
    return messages
