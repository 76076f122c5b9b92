"""A model fitted: estimates, their covariance, chi-square, and what is wrong with the solution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core.model_disclosure import people_beyond
from ...errors import DesignError, listing
from ...inference.distributions import chi2_upper, f_upper
from .fit_indices import fit_indices
from .likelihood import Likelihood, by_moments
from .maximise import maximise
from .patterns import Sample
from .saturated import Saturated, saturated
from .scaling import meat_of, scaling_factors
from .structure import Model, Moments, Structure
from .threads import one_thread

Array = npt.NDArray[np.float64]
STEP = 1e-20
"""Step of complex derivatives: so small that it is no error."""
UNSETTLED = 1e-9
"""A direction with a smaller share of the information: the data do not say where it is."""

NO_MAXIMUM = "The maximum of the likelihood was not reached"
UNREACHED = (
    f"{NO_MAXIMUM}; estimates and standard errors are not to be trusted. The model may be too rich "
    "for these data."
)

SAME_MOMENTS = 1e-6
"""A model that misses the moments of another by a smaller chi-square can have them all."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates of a model's parameters by full information maximum likelihood.

    Attributes
    ----------
    theta, covariance
        The parameters (in the order of ``model.names``) and the covariance of their errors.
    deviance
        Minus twice the log-likelihood.
    saturated
        Of each group, the model without structure.
    scaling
        What the chi-square of data that are not normal is divided by; 1 by normal theory, NaN where
        it cannot be had.
    base_scaling
        The same of the model in which no variable goes with another.
    clusters
        How many clusters the errors rest on; None where people are independent.
    trace
        What the parameters vary by, against what normal theory says, summed over them; NaN by
        normal theory. Of two nested models it scales the difference of their chi-squares.
    """

    model: Model
    samples: Sequence[Sample]
    theta: Array
    covariance: Array
    deviance: float
    saturated: Sequence[Saturated]
    converged: bool
    steps: int
    scaling: float = 1.0
    base_scaling: float = 1.0
    clusters: int | None = None
    trace: float = np.nan

    @property
    def fewest(self) -> int:
        """How few people the model tells of: those with one variable, beyond one each.

        As many parameters as values tell each value; of a group, its share of them.
        """
        return min(
            people_beyond(int(one.counts.min()), len(self.theta), one.p * len(self.samples))
            for one in self.samples
        )

    @property
    def llf(self) -> float:
        """The log-likelihood."""
        return -self.deviance / 2.0

    @property
    def params(self) -> pd.Series:
        """The estimates by their names."""
        return pd.Series(self.theta, index=list(self.model.names))

    @property
    def bse(self) -> pd.Series:
        """The standard errors by the names of the parameters."""
        variance = np.diag(self.covariance)
        known = np.sqrt(np.where(variance > 0, variance, np.nan))
        return pd.Series(known, index=list(self.model.names))

    @cached_property
    def moments(self) -> list[Moments]:
        """The moments that the estimates imply, of each group."""
        return self.model.moments(self.theta)

    @property
    def saturated_deviance(self) -> float:
        """The deviance of the model without structure; NaN where the data do not settle it."""
        if not all(one.converged for one in self.saturated):
            return np.nan
        return sum(one.deviance for one in self.saturated)

    @property
    def df(self) -> float:
        """The degrees of freedom of a coefficient: clusters - 1; infinite without clusters."""
        return np.inf if self.clusters is None else float(self.clusters - 1)

    @property
    def chi2(self) -> float:
        """Chi-square against the model without structure."""
        return max(self.deviance - self.saturated_deviance, 0.0)

    @property
    def chi2_df(self) -> int:
        """Its degrees of freedom."""
        return sum(s.p * (s.p + 3) // 2 for s in self.samples) - len(self.theta)

    def fit_indices(self) -> pd.Series:
        """Return chi-square and the indices of fit made of it."""
        return fit_indices(self)

    def delta(self, function: Callable[[Array], Array]) -> tuple[Array, Array]:
        """Return functions of the parameters and the covariance of their errors."""
        value = np.atleast_1d(function(self.theta.astype(complex))).real
        J = np.empty((len(value), len(self.theta)))
        for i in range(len(self.theta)):
            stepped = self.theta.astype(complex)
            stepped[i] += 1j * STEP
            J[:, i] = np.atleast_1d(function(stepped)).imag / STEP
        return value, J @ self.covariance @ J.T

    @cached_property
    def messages(self) -> tuple[str, ...]:
        """What is wrong with the solution, in sentences."""
        said = []
        if not self.converged:
            said.append(UNREACHED)
        if not all(one.converged for one in self.saturated):
            said.append(
                "The model without structure cannot be estimated from these data (too few people "
                "for so many variables, or pairs that nobody has both), so there is no chi-square "
                "and no index made of it."
            )
        elif np.isnan(self.scaling):
            units = "clusters" if self.clusters else "people"
            taken = "people as independent" if self.clusters else "the data as normal"
            said.append(
                f"There is no scaled chi-square: it needs more {units} than the data have means, "
                "variances and covariances, which fewer waves or items would have. The chi-square "
                f"and the indices given are those of normal theory, which takes {taken}: where "
                "they are not, the chi-square may come out too large."
            )
        for structure, implied in zip(self.model.structures, self.moments, strict=True):
            said += improper(structure, implied)
        return tuple(dict.fromkeys(said))


def improper(structure: Structure, implied: Moments) -> list[str]:
    """Return what cannot be: variances below zero, correlations of one or more."""
    said = []
    for kind, of in (("covariance", structure.latent), ("residual", structure.observed)):
        names = np.array([structure.words.get(name, name) for name in of], dtype=object)
        C = implied.matrices[kind]
        variance = np.diag(C)
        below = [f"{names[i]} ({variance[i]:.3g})" for i in np.flatnonzero(variance < 0)]
        if below:
            said.append(
                f"Improper solution: a variance is estimated below zero, of {listing(below)}; the "
                "model asks for more than the data hold there."
            )
        spread = np.sqrt(np.where(variance > 0, variance, np.inf))
        r = C / np.outer(spread, spread)
        beyond = [
            f"{names[i]} and {names[j]} ({r[i, j]:.2f})"
            for i, j in zip(*np.nonzero(np.tril(np.abs(r) >= 1, -1)), strict=True)
        ]
        if beyond:
            said.append(f"Improper solution: a correlation of one or more, of {listing(beyond)}.")
    return said


@one_thread
def estimate(
    model: Model,
    samples: Sequence[Sample],
    *,
    errors: str = "normal",
    clusters: Sequence[Array] | None = None,
    without_structure: Sequence[Saturated] | None = None,
    bounded: bool = True,
    make: Callable[[Model, Sequence[Sample]], Likelihood] = Likelihood,
) -> Estimates:
    """Return the fitted model.

    Parameters
    ----------
    model, samples
        A sample for each group of the model.
    errors
        ``"normal"``: standard errors from the observed information; ``"robust"``: the sandwich of
        it and of people's own scores, with the chi-square scaled (Yuan & Bentler 2000).
    clusters
        Of each group, the number of each person's cluster; scores are then summed by cluster.
    without_structure
        The saturated models, where they are known already.
    bounded
        Whether the model can have as many parameters as the samples have moments, at most.
    make
        The likelihood, where it is not that of the samples themselves.
    """
    moments = sum(s.p * (s.p + 3) // 2 for s in samples)
    if bounded and len(model.names) > moments:
        raise DesignError(
            f"The model has {len(model.names)} parameters, but the data only {moments} means, "
            "variances and covariances. Use a simpler model, or more waves or items."
        )
    likelihood = make(model, samples)
    if not np.isfinite(likelihood.deviance(model.start)[0]):
        raise DesignError(
            "The model has no likelihood at its start; does a variable hardly vary, or do two say "
            "the same?"
        )
    free = tuple(saturated(sample) for sample in samples) if without_structure is None else (
        without_structure
    )  # fmt: skip
    start = model.start
    settled = make is Likelihood and all(one.converged for one in free)
    if settled and any(len(sample.chains) > 1 for sample in samples):
        # moments as if nothing lacked lead near the maximum, at the cost of one pattern
        alike = [Sample.of_moments(f.mu, f.sigma, s.n) for f, s in zip(free, samples, strict=True)]
        start = maximise(Likelihood(model, alike), start).theta
    found = maximise(likelihood, start)
    inverse = _inverse(found.hessian / 2.0, model)
    covariance, scaling, n_clusters, trace = inverse, (1.0, 1.0), None, np.nan
    if errors == "robust" or clusters is not None:
        of_people = [likelihood.scores(found.theta, g) for g in range(len(samples))]
        meat, n_clusters = meat_of(of_people, clusters)
        covariance = inverse @ meat @ inverse
        trace = float(np.trace(inverse @ meat))
        scaling = scaling_factors(model, samples, free, trace, clusters)
    return Estimates(
        model, samples, found.theta, covariance, found.deviance, free, found.converged,
        found.steps, *scaling, n_clusters, trace,
    )  # fmt: skip


@one_thread
def is_nested(small: Estimates, large: Estimates) -> bool:
    """Tell whether a model is a special case of another, of as many groups or of one for all.

    The larger model is fitted to the moments that the smaller one implies; if it can have them all,
    the smaller is a case of it (Bentler & Satorra 2010, doi 10.1037/a0019625).
    """
    implied = small.moments * (len(large.samples) if len(small.moments) == 1 else 1)
    observed = [list(structure.observed) for structure in large.model.structures]
    if len(implied) != len(observed) or len(small.theta) >= len(large.theta) or any(
        {*one.structure.observed} != {*names} for one, names in zip(implied, observed, strict=True)
    ):  # fmt: skip
        return False
    samples, reached = [], 0.0
    for one, names, sample in zip(implied, observed, large.samples, strict=True):
        at = [one.structure.observed.index(name) for name in names]
        mu, sigma = one.mu[at], one.sigma[np.ix_(at, at)]
        samples.append(Sample.of_moments(mu, sigma, sample.n))
        reached += by_moments(samples[-1], mu, sigma)[0]
    likelihood = Likelihood(large.model, samples)
    return maximise(likelihood, large.theta).deviance - reached < SAME_MOMENTS


def difference(more: Estimates, less: Estimates) -> tuple[float, int, float]:
    """Return chi-square, df and p of what a model holds equal beyond another (scaled if both are).

    The scaled difference: Satorra & Bentler (2001, doi 10.1007/BF02296192); in it the model
    without structure cancels out, so that few clusters do for it. By clusters p is that of F with
    clusters - 1 degrees of freedom.
    """
    df = len(less.theta) - len(more.theta)
    statistic = max(more.deviance - less.deviance, 0.0)
    if np.isfinite(more.trace) and np.isfinite(less.trace):
        scale = (less.trace - more.trace) / df
        statistic = statistic / scale if scale > 0 else np.nan
    if not np.isfinite(statistic):
        return statistic, df, np.nan
    if more.clusters is None:
        return statistic, df, chi2_upper(statistic, df)
    return statistic, df, f_upper(statistic / df, df, more.clusters - 1)


def sameness(fit: Estimates, groups: Iterable[Sequence[str]]) -> tuple[float, int, float]:
    """Return chi-square, df and p of parameters being the same in each group (Wald).

    By clusters p is that of Hotelling's T2, for one difference that of t, with clusters - 1
    degrees of freedom: the interval of a difference holds zero where p is above its level.
    """
    place = {name: i for i, name in enumerate(fit.model.names)}
    pairs = [(place[one], place[first]) for first, *rest in groups for one in rest]
    own, first = map(list, zip(*pairs, strict=True))
    value, covariance = fit.delta(lambda theta: theta[own] - theta[first])
    df = len(value)
    statistic = float(value @ np.linalg.solve(covariance, value))
    if fit.clusters is None:
        return statistic, df, chi2_upper(statistic, df)
    free = fit.clusters - df
    if free < 1:
        return statistic, df, np.nan
    return statistic, df, f_upper(statistic * free / (fit.clusters - 1) / df, df, free)


def _inverse(information: Array, model: Model) -> Array:
    """Return the inverse of the information; refuse where parameters are not settled."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    loose = np.abs(values) < UNSETTLED * np.abs(values).max()
    if loose.any():
        weight = np.abs(vectors[:, loose]).max(axis=1)
        named = [model.names[i] for i in np.argsort(-weight)[:4] if weight[i] > 0.1]
        raise DesignError(
            f"The data do not settle all parameters of the model (among them {listing(named)}): "
            "it has more parameters than such data can tell apart. Use a simpler model, "
            "leave out waves or items that few have, or take more people."
        )
    return (vectors / values) @ vectors.T / np.outer(scale, scale)
