"""Cluster-robust tests of a multilevel fit; its own covariance is the working covariance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import level_of
from ...core.results import Result
from ...errors import ColumnError, DesignError, did_you_mean, listing
from ...inference.cluster_robust import BiasReduced, Cluster
from ...inference.distributions import half_width, t_two_sided
from ...inference.rows import coefficient_rows
from ..engine.batches import Array, Indices
from ..engine.deviance import covariances
from ..engine.grouping import CrossedGrouping

if TYPE_CHECKING:
    from ..result import MultilevelFit

TOO_FEW_DF = 4.0  # below, the approximation itself is poor (Tipton 2015, doi 10.1037/met0000011)


@dataclass(frozen=True, eq=False)
class RobustFit(Result):
    """Coefficients of a multilevel fit with CR2 standard errors and Satterthwaite df.

    Attributes
    ----------
    cluster, n_clusters
        What the errors may be dependent within, and how many there are.
    params, bse, df
        Estimates (the model's), robust standard errors, degrees of freedom.
    """

    cluster: str
    n_clusters: int
    params: pd.Series
    bse: pd.Series
    df: pd.Series
    covariance: pd.DataFrame
    messages: tuple[str, ...] = ()
    title = "Cluster-robust tests (CR2)"

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over robust standard errors."""
        return self.params / self.bse

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p values."""
        values = t_two_sided(self.tvalues.to_numpy(), self.df.to_numpy())
        return pd.Series(values, index=self.params.index)

    def cov_params(self) -> pd.DataFrame:
        """Return the robust covariance of the coefficients."""
        return self.covariance

    def conf_int(self, alpha: float | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
        """Return intervals with t quantiles, columns 0 (low) and 1 (high)."""
        level = level_of(confidence, alpha=alpha)
        half = half_width(self.bse, self.df.to_numpy(), level)
        return pd.DataFrame({0: self.params - half, 1: self.params + half})

    def tidy(self) -> pd.DataFrame:
        """Return one row a coefficient."""
        return coefficient_rows(self.params.index, self.params, self.bse, self.df)

    def glance(self) -> pd.DataFrame:
        """Return cluster and number of clusters in one row."""
        row = {"cluster": self.cluster, "n_clusters": self.n_clusters, "smallest_df": self.df.min()}
        return pd.DataFrame([row])


def cluster_robust(fit: MultilevelFit, cluster: str | None = None) -> RobustFit:
    """Return CR2 cluster-robust tests with Satterthwaite degrees of freedom.

    Does a coefficient differ from zero, whatever the errors within a cluster look like? The
    estimates stay those of the model; only their standard errors and degrees of freedom change.

    Parameters
    ----------
    cluster
        The top level of the model (the default), or a column that its groups lie in, such as the
        site of therapists. A lower level cannot be used: clients of one therapist are not
        independent in the model.

    Returns
    -------
    RobustFit
        As clubSandwich's ``vcovCR(type = "CR2")`` and ``coef_test``.

    Raises
    ------
    DesignError
        Where the clusters would cut through a group of the model.
    """
    found, name = bias_reduced(fit, cluster)
    clusters = found.clusters
    user = fit.to_user_scale @ found.covariance @ fit.to_user_scale.T
    names = list(fit.params.index)
    df = pd.Series(found.degrees_of_freedom(fit.to_user_scale), index=names)
    few = df.index[df < TOO_FEW_DF]
    note = (
        f"With {len(clusters)} clusters of '{name}' the degrees of freedom of {listing(few)} are "
        f"below {TOO_FEW_DF:g}, where the approximation is poor: take p values near .05 as "
        "undecided."
    )
    return RobustFit(
        name,
        len(clusters),
        fit.params,
        pd.Series(np.sqrt(np.diag(user)), index=names),
        df,
        pd.DataFrame(user, index=names, columns=names),
        (note,) if len(few) else (),
    )


def bias_reduced(fit: MultilevelFit, cluster: str | None) -> tuple[BiasReduced, str]:
    """Return the robust covariance (of the scaled coefficients) and the name of the clusters."""
    codes, name = _clusters(fit, cluster)
    return BiasReduced(list(_read(fit, codes)), fit.optimum.profile.unscaled), name


def _clusters(fit: MultilevelFit, cluster: str | None) -> tuple[Indices, str]:
    """Return each row's cluster and the name of the clustering."""
    grouping, frame = fit.design.grouping, fit.design.frame
    top = len(grouping.names) - 1
    if isinstance(grouping, CrossedGrouping):
        return _around_all(fit, grouping, cluster)
    if cluster is None or cluster == grouping.names[top]:
        return grouping.of_rows(top), grouping.names[top]
    if cluster in grouping.names:
        raise DesignError(
            f"The model lets groups of '{cluster}' depend on each other through "
            f"'{grouping.names[top]}', so they cannot be the clusters: use "
            f"cluster='{grouping.names[top]}', or fit the model without (… | "
            f"{grouping.names[top]})."
        )
    if cluster not in frame.columns:
        raise ColumnError(
            f"There is no column '{cluster}' in the rows of the model."
            f"{did_you_mean(cluster, [*grouping.names, *frame.columns])} Clusters are the top "
            f"level, '{grouping.names[top]}', or a column its groups lie in."
        )
    codes = pd.factorize(frame[cluster])[0]
    if (codes < 0).any():
        raise DesignError(f"The cluster '{cluster}' is missing in {int((codes < 0).sum())} rows.")
    correlated = fit.residual in ("ar1", "unstructured")  # residuals, within the lowest groups
    for number, level in enumerate(fit.design.levels):
        rows = grouping.of_rows(number)
        # a group whose columns are zero (clients without a therapist) has nothing in common
        held = np.full(len(rows), number == 0 and correlated)
        for place in level.columns:
            held |= fit.design.columns[place] != 0
        pairs = pd.DataFrame({"group": rows, "code": codes})[held].drop_duplicates()["group"]
        cut = pairs[pairs.duplicated()].unique()
        if len(cut):
            raise DesignError(
                f"The clusters of '{cluster}' cut through {len(cut)} groups of "
                f"'{grouping.names[number]}' (first: {listing(grouping.labels[number][cut])}); "
                "every group must lie in one cluster."
            )
    return codes, cluster


def _around_all(
    fit: MultilevelFit, grouping: CrossedGrouping, cluster: str | None
) -> tuple[Indices, str]:
    """Return clusters that hold every group whole, where the groups are not nested."""
    frame = fit.design.frame
    if cluster is None or cluster not in frame.columns:
        raise DesignError(
            f"The groups ({listing(grouping.names)}) are not nested, so none of them can be the "
            "clusters: name a column of the data that each of them lies in whole, such as the "
            f"site.{did_you_mean(cluster, frame.columns) if cluster else ''}"
        )
    codes = pd.factorize(frame[cluster])[0]
    if (codes < 0).any():
        raise DesignError(f"The cluster '{cluster}' is missing in {int((codes < 0).sum())} rows.")
    for name, weights, labels in zip(
        grouping.names, grouping.weights, grouping.labels, strict=True
    ):
        at = weights.tocoo()
        pairs = pd.DataFrame({"group": at.col, "code": codes[at.row]}).drop_duplicates()
        cut = pairs.loc[pairs["group"].duplicated(), "group"].unique()
        if len(cut):
            raise DesignError(
                f"The clusters of '{cluster}' cut through {len(cut)} groups of '{name}' (first: "
                f"{listing(labels[cut])}); every group must lie in one cluster."
            )
    return codes, cluster


def _read(fit: MultilevelFit, codes: Indices) -> Iterator[Cluster]:
    """Return every cluster's rows, in the scaled columns' units."""
    design = fit.design
    columns = np.stack(design.columns, axis=1) / design.scale
    relative = covariances(design.levels, fit.optimum.theta)
    units = design.grouping.units
    times = None if fit.autocorrelation is None else fit.autocorrelation.neighbours.times()
    direction = fit.optimum.profile.direction
    used = [*design.fixed, columns.shape[1] - 1]
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        here = columns[rows]
        V = np.zeros((len(rows), len(rows)))
        for number, (level, D) in enumerate(zip(design.levels, relative, strict=True)):
            Z = here[:, list(level.columns)]
            V += (Z @ D @ Z.T) * design.grouping.in_common(number, rows)
        V += _residual_covariance(fit, rows, units, times)
        yield Cluster(here[:, list(design.fixed)], V, here[:, used] @ direction)


def _residual_covariance(
    fit: MultilevelFit, rows: Indices, units: Indices, times: Array | None
) -> Array:
    if fit.structured is not None:
        return fit.structured.between(rows)
    if times is None:
        R = np.eye(len(rows))
    else:
        assert fit.autocorrelation is not None
        apart = np.abs(np.subtract.outer(times[rows], times[rows]))
        R = fit.autocorrelation.rho**apart * np.equal.outer(units[rows], units[rows])
    if fit.design.weights is not None:
        root = np.sqrt(fit.design.weights[rows])
        R = R / np.outer(root, root)
    return R
