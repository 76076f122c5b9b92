"""Cluster-robust standard errors (CR2) for effects that depend on each other.

The three-level model says how effects of one study hang together; where it says so wrongly, its
standard errors are wrong. CR2 needs no such model, corrects for few clusters, and tests with
Satterthwaite degrees of freedom.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from ..core.arguments import share
from ..errors import DesignError
from .pooled import PooledEffects
from .regression import MetaRegression


def robust_test(
    result: PooledEffects | MetaRegression,
    *,
    cluster: pd.Series | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """What do the coefficients' tests say when effects of one study may depend in any way?

    Parameters
    ----------
    result
        A pooled effect or a meta-regression, with or without clusters of its own.
    cluster
        The study of each effect, with the index of the effects that were pooled; by default the
        clusters of the model.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        The columns of ``tidy()``, on the pooling scale. ``df`` below 4 means that the p value
        cannot be trusted.

    Notes
    -----
    Bell & McCaffrey's adjustment as Pustejovsky & Tipton (2018, doi
    10.1080/07350015.2016.1247004) give it, with the model's covariance as working covariance.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> table = pd.DataFrame({
    ...     "estimate": [0.2, 0.25, 0.3, 0.1, 0.4, 0.35], "n": [80, 80, 60, 60, 90, 90],
    ...     "study": ["A", "A", "B", "B", "C", "C"],
    ... })
    >>> pool = al.pool_effects(table, metric="r", cluster="study")
    >>> float(round(al.robust_test(pool).loc[0, "df"], 2))
    1.97
    """
    share(confidence)
    if not isinstance(result, (PooledEffects, MetaRegression)):
        raise DesignError(
            "robust_test takes what pool_effects or fit_meta_regression returns, not "
            f"{type(result).__name__}; pool first."
        )
    if isinstance(result, PooledEffects) and result.method == "GLMM":
        raise DesignError(
            "robust_test is not for the binomial-normal model (GLMM): its pool is no weighted "
            "mean of effects. Pool the shares by method='REML' first."
        )
    effects = result.effects
    codes = pd.factorize(_clusters(effects, cluster))[0]
    if codes.max() == 0:
        raise DesignError("All effects are of one study; CR2 needs two studies or more.")
    x, terms = _design(result)
    work = _working_covariance(result)
    y = effects["yi"].to_numpy()
    beta, cov, df = cr2(y, x, work, codes)
    se = np.sqrt(np.diag(cov))
    half = t.ppf(0.5 + confidence / 2, df) * se
    if np.any(se < 1e-12 * np.sqrt(np.diag(work).max())):
        raise DesignError(
            "The studies' effects are all alike (or lie on the line exactly): CR2 has no spread to "
            "take standard errors from."
        )
    return pd.DataFrame(
        {
            "effect": "fixed", "group": "", "term": terms, "estimate": beta, "std_error": se,
            "statistic": beta / se, "df": df, "p_value": 2 * t.sf(np.abs(beta / se), df),
            "conf_low": beta - half, "conf_high": beta + half,
        }
    )  # fmt: skip


def _clusters(effects: pd.DataFrame, cluster: pd.Series | None) -> pd.Series:
    """Return the study of each effect that was pooled."""
    if cluster is None:
        if "cluster" not in effects:
            raise DesignError("The model has no clusters; give cluster=, the study of each effect.")
        return effects["cluster"]
    if not isinstance(cluster, pd.Series):
        raise DesignError(
            "cluster must be a column (a Series) with the index of the effects, such as "
            f"effects['study_id'], not {type(cluster).__name__}."
        )
    if not cluster.index.is_unique:  # pooling counted such rows from 0
        cluster = cluster.reset_index(drop=True)
    names = cluster.reindex(effects.index)
    if names.isna().any():
        raise DesignError("cluster= must name a study for every effect that was pooled.")
    return names


def _design(result: PooledEffects | MetaRegression) -> tuple[np.ndarray, list[str]]:
    if isinstance(result, MetaRegression):
        return result.design.to_numpy(dtype=float), list(result.design.columns)
    return np.ones((result.k, 1)), ["pooled"]


def _working_covariance(result: PooledEffects | MetaRegression) -> np.ndarray:
    """Return the covariance the model gives the effects."""
    v = result.effects["vi"].to_numpy()
    if not result.sigma2 or np.isnan(result.sigma2["within"]):  # or every study has one effect
        return np.diag(v + np.nan_to_num(result.tau2))
    codes = pd.factorize(result.effects["cluster"])[0]
    same = codes[:, None] == codes[None, :]
    return np.diag(v + result.sigma2["within"]) + result.sigma2["between"] * same


def cr2(
    y: np.ndarray, x: np.ndarray, work: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients, their CR2 covariance and Satterthwaite degrees of freedom."""
    weight = np.linalg.inv(work)
    bread = np.linalg.inv(x.T @ weight @ x)
    beta = bread @ x.T @ weight @ y
    residual = y - x @ beta
    maker = np.eye(len(y)) - x @ bread @ x.T @ weight
    meat, influence = np.zeros_like(bread), []
    for j in range(codes.max() + 1):
        rows = np.flatnonzero(codes == j)
        # Rows of weight, not its block alone: clusters here may cut through the model's own.
        pull = _adjusted(x, work, bread, maker, rows) @ weight[rows] @ x @ bread
        score = pull.T @ residual[rows]
        meat += np.outer(score, score)
        influence.append(maker[rows].T @ pull)
    df = np.array(
        [_satterthwaite(np.column_stack([g[:, c] for g in influence]), work)
         for c in range(x.shape[1])]
    )  # fmt: skip
    return beta, meat, df


def _adjusted(
    x: np.ndarray, work: np.ndarray, bread: np.ndarray, maker: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the transposed adjustment of one cluster: it makes the estimate of its part exact."""
    own = work[np.ix_(rows, rows)]
    root = np.linalg.cholesky(own).T
    expected = maker[rows] @ work @ maker[rows].T
    values, vectors = np.linalg.eigh(root @ expected @ root.T)
    kept = values > 1e-10 * max(values.max(), 1e-300)
    inverse_root = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
    return root.T @ inverse_root @ root


def _satterthwaite(influence: np.ndarray, work: np.ndarray) -> float:
    product = influence.T @ work @ influence
    return float(np.trace(product) ** 2 / (product**2).sum())
