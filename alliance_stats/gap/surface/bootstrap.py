"""Cluster bootstrap of a response surface: whole dyads or therapists are drawn anew."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import flag, whole
from ...core.parallel import in_pieces, workers
from ...core.results import Result
from ...errors import AllianceStatsError, ConvergenceWarning, DesignError
from ...inference.cluster_bootstrap import FEW_CLUSTERS, percentiles, times_drawn
from ...inference.rows import tidy_rows
from . import geometry
from .design import fit_design

if TYPE_CHECKING:
    from .result import ResponseSurface

Array = np.ndarray
BATCH = 20


@dataclass(frozen=True, eq=False)
class SurfaceBootstrap(Result):
    """Draws of a cluster bootstrap.

    Attributes
    ----------
    draws
        A row a replicate; columns ``b0``-``b5``, ``a1``-``a5``, ``x0``, ``y0``, ``p10`` ...
        (``<surface>:<term>`` where the model has two surfaces).
    n_clusters, failed
        Number of clusters drawn from; replicates that could not be fitted, which are left out.
    """

    draws: pd.DataFrame
    estimates: pd.Series
    n_clusters: int
    failed: int
    messages: tuple[str, ...] = ()
    title: str = "Cluster bootstrap of a response surface"
    words: Mapping[str, str] = field(default_factory=dict, repr=False)

    def term_labels(self) -> dict[str, str]:
        """Return what the surface calls its coefficients."""
        return dict(self.words)

    def tidy(self) -> pd.DataFrame:
        """Return estimate, SD of the draws and 95 % percentile interval of each term."""
        low, high = percentiles(self.draws)
        error = self.draws.std()
        return tidy_rows(self.draws.columns, self.estimates, error, conf_low=low, conf_high=high)

    def glance(self) -> pd.DataFrame:
        """Return numbers of replicates and clusters in one row."""
        row = {"replicates": len(self.draws), "failed": self.failed, "n_clusters": self.n_clusters}
        return pd.DataFrame([row])


def bootstrap(
    result: ResponseSurface, replicates: int, *, seed: int, n_jobs: int | None, progress: bool
) -> SurfaceBootstrap:
    """Draw clusters with replacement and fit the surface to each draw.

    Clusters are the top-level groups; without levels the groups of ``cluster``, else rows. The
    same seed gives the same draws, whatever `n_jobs` is.
    """
    whole(replicates, "replicates", 2)
    whole(seed, "seed", 0)
    workers(n_jobs)
    flag(progress, "progress")
    codes = _clusters(result)
    n = int(codes.max()) + 1
    if n < 3:
        raise DesignError(f"A cluster bootstrap needs at least 3 clusters; there are {n}.")
    if result.linear.fit is None:
        drawn = _least_squares(result, codes, n, replicates, seed)
    else:
        drawn = _multilevel(result, codes, n, replicates, seed, n_jobs, progress)
    good = np.isfinite(drawn).all(axis=1)
    names, values = _expanded(result, drawn[good])
    _, estimate = _expanded(result, result.linear.params[_columns(result)].to_numpy()[None])
    messages = [
        f"{int((~good).sum())} of {replicates} draws could not be fitted and are left out."
    ] * bool((~good).any())
    if n < FEW_CLUSTERS:
        messages.append(
            f"Only {n} clusters: a cluster bootstrap with so few gives intervals that are too "
            "narrow."
        )
    return SurfaceBootstrap(
        pd.DataFrame(values, columns=names),
        pd.Series(estimate[0], index=names),
        n,
        int((~good).sum()),
        tuple(messages),
        words=result.term_labels(),
    )


def _clusters(result: ResponseSurface) -> Array:
    rows = result.rows
    if result.spec.levels:
        return pd.factorize(rows[f"level{len(result.spec.levels)}"])[0]
    return pd.factorize(rows["cluster"])[0] if "cluster" in rows else np.arange(len(rows))


def _columns(result: ResponseSurface) -> list[str]:
    return [column for part in result.parts for column in part.columns]


def _expanded(result: ResponseSurface, drawn: Array) -> tuple[list[str], Array]:
    """Return draws of the coefficients with what follows from them, for each surface."""
    names: list[str] = []
    pieces = []
    start = 0
    for part in result.parts:
        b = drawn[:, start : start + len(part.columns)]
        start += len(part.columns)
        shape = {**geometry.SHAPE, **(geometry.CUBIC_SHAPE if result.spec.cubic else {})}
        pieces += [b, b @ geometry.contrasts(shape, part.names).T]
        terms = [*part.names, *shape]
        if not result.spec.cubic:
            with np.errstate(divide="ignore", invalid="ignore"):
                pieces.append(geometry.axes(b.T).T)
            terms += geometry.AXES
        names += [f"{part.group}:{term}" if part.group else term for term in terms]
    return names, np.concatenate(pieces, axis=1)


def _least_squares(
    result: ResponseSurface, codes: Array, n: int, replicates: int, seed: int
) -> Array:
    """Return draws from each cluster's cross-products: no second look at the rows."""
    X = np.column_stack([np.ones(len(codes)), result.frame.drop(columns="outcome")])
    names = ["Intercept", *result.frame.columns.drop("outcome")]
    size = np.sqrt((X**2).mean(axis=0))
    X, z = X / size, result.frame["outcome"].to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(n))
    cross = np.add.reduceat(X[order, :, None] * X[order, None, :], starts)
    right = np.add.reduceat(X[order] * z[order, None], starts)
    rng = np.random.default_rng(seed)
    out = np.full((replicates, X.shape[1]), np.nan)
    for start in range(0, replicates, 200):
        batch = min(200, replicates - start)
        weights = times_drawn(n, batch, rng).astype(float)
        left = np.einsum("rc,cij->rij", weights, cross, optimize=True)
        for i, (A, rhs) in enumerate(zip(left, weights @ right, strict=True)):
            if np.linalg.cond(A) < 1e14:
                out[start + i] = np.linalg.solve(A, rhs)
    return (out / size)[:, [names.index(column) for column in _columns(result)]]


def _multilevel(
    result: ResponseSurface,
    codes: Array,
    n: int,
    replicates: int,
    seed: int,
    n_jobs: int | None,
    progress: bool,
) -> Array:
    seeds = np.random.SeedSequence(seed).spawn(replicates)
    batches = [seeds[start : start + BATCH] for start in range(0, replicates, BATCH)]
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    work = partial(_batch, result.frame, result.spec, _columns(result), rows_of)
    words = "Bootstrap" if progress else ""
    found = in_pieces(work, batches, n_jobs=n_jobs, progress=words)
    return np.concatenate(list(found))


def _batch(
    frame: pd.DataFrame, spec: Any, columns: list[str], rows_of: list[Array], seeds: list[Any]
) -> Array:
    out = np.full((len(seeds), len(columns)), np.nan)
    quick = replace(spec, df="normal")
    for i, seed in enumerate(seeds):
        drawn = np.random.default_rng(seed).integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[c] for c in drawn])
        copy = np.repeat(np.arange(len(drawn)), [len(rows_of[c]) for c in drawn])
        again = frame.iloc[rows].reset_index(drop=True)
        for level in range(len(spec.levels)):  # a cluster drawn twice is two clusters
            old = pd.factorize(again[f"level{level + 1}"])[0]
            again[f"level{level + 1}"] = pd.factorize(copy * (old.max() + 1) + old)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                found = fit_design(again, quick)
            except AllianceStatsError:
                continue
        if found.fit is not None and found.fit.converged:
            out[i] = found.params[columns].to_numpy()
    return out
