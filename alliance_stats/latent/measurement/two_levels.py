"""Factors within and between clients at once: the sessions of a client are several rows.

The mean of a client's n sessions, times the root of n, and the n - 1 contrasts beside it say all
that the sessions say, and are independent of each other: contrasts have the covariances within,
means those within plus n times those between (Longford & Muthen 1992). So a model of two levels is
one of several groups: contrasts, and means by their n; parameters are shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd

from ...errors import DesignError, plural
from ...inference.distributions import chi2_upper
from ..engine.fit import UNREACHED, Estimates, estimate, improper
from ..engine.fit_indices import made_of
from ..engine.likelihood import Likelihood
from ..engine.patterns import Sample
from ..engine.saturated import Saturated
from ..engine.structure import Cell, Model, Structure
from .checks import signs
from .two_level_likelihood import Answered, LevelLikelihood

BETWEEN = " (between)"


@dataclass(frozen=True, eq=False)
class LevelEstimates(Estimates):
    """Estimates of two levels, with the models that their chi-square is held against.

    Attributes
    ----------
    free, alone
        The model with all covariances free at both levels, and that without any.
    n_rows
        How many sessions there are.
    """

    free: Estimates | None = None
    alone: Estimates | None = None
    n_rows: int = 0

    @property
    def df(self) -> float:
        """Infinite: clients are the people here, and no few clusters of them."""
        return np.inf

    @property
    def saturated_deviance(self) -> float:
        """The deviance of the model without structure; NaN where the data do not settle it."""
        return self.free.deviance if self.free is not None and self.free.converged else np.nan

    @property
    def chi2_df(self) -> int:
        """The degrees of freedom of the chi-square."""
        assert self.free is not None
        return len(self.free.theta) - len(self.theta)

    def fit_indices(self) -> pd.Series:
        """Return chi-square and what is made of it; people are sessions here, as in lavaan."""
        assert self.free is not None
        assert self.alone is not None
        chi2, df = self.chi2, self.chi2_df
        base = max(self.alone.deviance - self.saturated_deviance, 0.0)
        base_df = len(self.free.theta) - len(self.alone.theta)
        p_value = chi2_upper(chi2, df) if df > 0 and np.isfinite(chi2) else np.nan
        values = {"chi2": chi2, "df": df, "p_value": p_value}
        values |= made_of(chi2, df, base, base_df, self.n_rows)
        values |= {"srmr_within": self._srmr(0), "srmr_between": self._srmr(1)}
        values |= {"aic": self.deviance + 2 * len(self.theta)}
        values |= {"bic": self.deviance + np.log(self.n_rows) * len(self.theta)}
        return pd.Series(values, dtype=float, name="fit")

    def _srmr(self, level: int) -> float:
        """Return the root mean squared difference of a level's correlations.

        Observed and implied covariances are each standardised by their own variances, as lavaan has
        it for two levels (for one it divides both by the observed).
        """
        assert self.free is not None
        mine, theirs = self.moments[-level], self.free.moments[-level]
        p = len(mine.mu)
        observed, implied = (
            (theirs.omega[-p:, -p:], mine.omega[-p:, -p:]) if level else (theirs.sigma, mine.sigma)
        )
        variances = np.diag(observed), np.diag(implied)
        if np.isnan(self.saturated_deviance) or not all((own > 0).all() for own in variances):
            return np.nan
        r_observed, r_implied = (
            moments / np.sqrt(np.outer(own, own))
            for moments, own in zip((observed, implied), variances, strict=True)
        )
        off = (r_observed - r_implied)[np.tril_indices(p)]
        return float(np.sqrt((off**2).mean()))

    @cached_property
    def messages(self) -> tuple[str, ...]:
        """What is wrong with the solution, in sentences."""
        said = [] if self.converged else [UNREACHED]
        if np.isnan(self.saturated_deviance):
            said.append("Without structure the two levels cannot be told apart: no chi-square.")
        # the means' structure holds both levels
        said += improper(self.model.structures[-1], self.moments[-1])
        return tuple(said)


def fit_levels(
    values: pd.DataFrame, clients: pd.Series, factors: Mapping[str, Sequence[str]], errors: str
) -> LevelEstimates:
    """Return the model in which each level has factors of its own."""
    items = list(values.columns)
    p, n_clients = len(items), int(clients.nunique())
    if len(values) - n_clients <= p or n_clients <= p:
        raise DesignError(
            f"{plural(n_clients, 'client')} with {plural(len(values), 'row')} of answers: "
            f"two levels of {p} items need more clients than items, and several rows of many."
        )
    codes, complete = pd.factorize(clients)[0], bool(values.notna().all(axis=None))
    within, means, between = _spreads(values, codes)
    still = within <= 1e-12 * np.maximum(means.var(axis=0), np.abs(means).max(axis=0) * 1e-6)
    flat = [item for item, is_still in zip(items, still, strict=True) if is_still]
    if flat:
        raise DesignError(
            f"{flat[0]} does not vary within clients; it has one level. Leave it out."
        )
    shape = _Shape(items, factors, signs(factors, values), within, between, means.mean(axis=0))
    samples, roots, whose = _parted(values.fillna(0.0).to_numpy(), codes)
    answered = Answered.of(values.to_numpy(), codes)
    if not complete:
        whose = [np.arange(n_clients), *([np.empty(0, dtype=int)] * (len(samples) - 1))]
    clusters = whose if errors == "robust" else None
    fitted, free, alone = (
        estimate(
            Model.of(*(shape.of(kind, root) for root in roots)),
            samples,
            clusters=clusters if kind == "factors" else None,
            without_structure=[Saturated(np.zeros(p), np.eye(p), np.nan, False)] * len(samples),
            bounded=False,
            make=Likelihood
            if complete
            else partial(
                LevelLikelihood, answered=answered, most=roots[-1] ** 2, exact=kind == "factors"
            ),
        )
        for kind in ("factors", "free", "alone")
    )
    own = {name: getattr(fitted, name) for name in fitted.__dataclass_fields__}
    own |= {"scaling": 1.0, "base_scaling": 1.0}
    return LevelEstimates(**own, free=free, alone=alone, n_rows=len(values))


def _spreads(values: pd.DataFrame, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each item's variance within clients, clients' means, and a start for that between."""
    of_client = values.groupby(codes)
    n, means = of_client.count(), of_client.mean()
    left = (values - means.loc[codes].to_numpy()) ** 2
    within: np.ndarray = (left.sum() / np.maximum((n - 1).clip(lower=0).sum(), 1)).to_numpy()
    extra = within * (1.0 / n.where(n > 0)).mean().to_numpy()
    between = np.maximum(means.var(ddof=0).to_numpy() - extra, 0.1 * within)
    return within, means.fillna(means.mean()).to_numpy(), between


def _parted(values: np.ndarray, codes: np.ndarray) -> tuple[list[Sample], np.ndarray, list]:
    """Return contrasts and means of clients as samples, the roots of n, and whose they are."""
    order = np.argsort(codes, kind="stable")
    values, codes = values[order], codes[order]
    counts = np.bincount(codes)
    start = np.repeat(np.cumsum(counts) - counts, counts)
    k = np.arange(len(codes)) - start  # how many of the client's rows came before
    total = np.cumsum(values, axis=0)
    sums = total - values - np.where(start[:, None] > 0, total[start - 1], 0.0)
    later = k > 0
    weight = k[later, None]
    contrasts = (sums[later] - weight * values[later]) / np.sqrt(weight * (weight + 1))
    means = np.zeros((len(counts), values.shape[1]))
    np.add.at(means, codes, values)
    means /= np.sqrt(counts)[:, None]
    sizes = np.unique(counts)
    samples = [Sample.of(contrasts), *(Sample.of(means[counts == n]) for n in sizes)]
    whose = [codes[later], *(np.flatnonzero(counts == n) for n in sizes)]
    return samples, np.concatenate([[0.0], np.sqrt(sizes)]), whose


@dataclass(frozen=True, eq=False)
class _Shape:
    """Items, factors, and moments at each level to start from."""

    items: Sequence[str]
    factors: Mapping[str, Sequence[str]]
    sign: Mapping[str, float]
    within: np.ndarray
    between: np.ndarray
    mean: np.ndarray

    def of(self, kind: str, root: float) -> Structure:
        """Return the structure of contrasts (root 0), or of means of root^2 sessions."""
        cells = list(self._level(kind, 0, self.within, ""))
        latent = [*self.factors] if kind == "factors" else []
        if root > 0:
            cells += self._level(kind, 1, self.between, BETWEEN)
            for i, item in enumerate(self.items):
                cells.append(Cell("loading", item, f"{item}{BETWEEN}", value=root))
                cells.append(Cell("mean", f"{item}{BETWEEN}", "", f"{item}~1", self.mean[i]))
            latent += [f"{f}{BETWEEN}" for f in latent] + [f"{i}{BETWEEN}" for i in self.items]
        return Structure(list(self.items), latent, cells)

    def _level(self, kind: str, k: int, variance: np.ndarray, behind: str) -> Iterator[Cell]:
        """Yield the cells of a level; items between clients are latent themselves."""
        own, loads = ("covariance", "path") if k else ("residual", "loading")
        size = dict(zip(self.items, variance, strict=True))
        left = 0.5 if kind == "factors" else 1.0
        for i, item in enumerate(self.items):
            name = f"{item}{behind}"
            yield Cell(own, name, name, f"{item}~~{item}@{k}", left * size[item])
            for other in self.items[:i] if kind == "free" else ():
                yield Cell(own, name, f"{other}{behind}", f"{other}~~{item}@{k}", 0.0)
        if kind != "factors":
            return
        names = list(self.factors)
        for j, (factor, items) in enumerate(self.factors.items()):
            first = size[items[0]]
            for i, item in enumerate(items):
                value = 1.0 if i == 0 else self.sign[item] * np.sqrt(size[item] / first)
                label = "" if i == 0 else f"{factor}=~{item}@{k}"
                yield Cell(loads, f"{item}{behind}", f"{factor}{behind}", label, value)
            name = f"{factor}{behind}"
            yield Cell("covariance", name, name, f"{factor}~~{factor}@{k}", 0.5 * first)
            for other in names[:j]:
                start = 0.15 * np.sqrt(first * size[self.factors[other][0]])
                yield Cell("covariance", name, f"{other}{behind}", f"{other}~~{factor}@{k}", start)
