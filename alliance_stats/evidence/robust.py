"""Cluster-robust standard errors (CR2) for effects that depend on each other.

The three-level model says how effects of one study hang together; where it says so wrongly, its
standard errors are wrong. CR2 needs no such model, corrects for few clusters, and tests with
Satterthwaite degrees of freedom.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.arguments import share
from ..errors import DesignError
from ..inference.cluster_robust import BiasReduced, Cluster, runs
from ..inference.rows import coefficient_rows
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
    pooled = pd.DataFrame({"pooled": np.ones(result.k)})
    design = result.design if isinstance(result, MetaRegression) else pooled
    order = np.argsort(codes, kind="stable")
    x, y = design.to_numpy(dtype=float)[order], effects["yi"].to_numpy()[order]
    work = _working_covariance(result)[np.ix_(order, order)]
    weighted = np.linalg.solve(work, x)
    M = np.linalg.inv(x.T @ weighted)
    beta = M @ weighted.T @ y
    residual = y - x @ beta
    # Rows of W X are given, for clusters here may cut through the model's own.
    found = BiasReduced(
        [Cluster(x[at], work[at, at], residual[at], weighted[at]) for at in runs(codes[order])], M
    )
    se = np.sqrt(np.diag(found.covariance))
    if np.any(se < 1e-12 * np.sqrt(np.diag(work).max())):
        raise DesignError(
            "The studies' effects are all alike (or lie on the line exactly): CR2 has no spread to "
            "take standard errors from."
        )
    df = found.degrees_of_freedom(np.eye(len(beta)), work)
    return coefficient_rows(design.columns, beta, se, df, confidence=confidence)


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


def _working_covariance(result: PooledEffects | MetaRegression) -> np.ndarray:
    """Return the covariance the model gives the effects."""
    v = result.effects["vi"].to_numpy()
    if not result.sigma2 or np.isnan(result.sigma2["within"]):  # or every study has one effect
        return np.diag(v + np.nan_to_num(result.tau2))
    codes = pd.factorize(result.effects["cluster"])[0]
    same = codes[:, None] == codes[None, :]
    return np.diag(v + result.sigma2["within"]) + result.sigma2["between"] * same
