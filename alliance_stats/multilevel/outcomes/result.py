"""The result of a multilevel model of yes/no, counts or ordered answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...inference.distributions import half_width
from ...inference.rows import coefficient_rows, tidy_rows
from ..after_fit import bootstrap as bootstrapping
from ..after_fit import compare as comparison
from ..after_fit.refitting import of_its_rows
from ..engine import variances
from ..engine.batches import Array
from ..engine.design import Design
from ..formula.terms import INTERCEPT
from ..nested_fit import NestedFit
from . import advice, averages, meaning, pictures, profiling, rows, summary
from .inference import Wald, between_within
from .maximise import Ladder, Maximum, climb, climb_ladder, laplace, one_step
from .reading import Model
from .starting import first_guess, own_inside

Method = Literal["quadrature", "laplace"]
METHODS = ("quadrature", "laplace")
SIZE = "log size"
UNITS = {"logit": "log odds", "probit": "probits", "cloglog": "log hazard", "log": "log rate"}


@dataclass(frozen=True, eq=False, repr=False)
class OutcomeFit(NestedFit):
    """A fitted multilevel model of an outcome that is no measurement.

    Names follow statsmodels: ``params``, ``bse``, ``tvalues``, ``df``, ``pvalues``,
    ``conf_int()``, ``cov_params()``, ``llf``, ``aic``, ``bic``, ``nobs``, ``fittedvalues``,
    ``resid``, ``random_effects``. Standard errors come from the exact Hessian.

    Attributes
    ----------
    model
        Family, columns and rows.
    ladder
        The steps of the search with more and more nodes.
    df_method
        ``normal`` or ``between-within``.
    method
        ``quadrature`` or ``laplace``.
    """

    model: Model
    ladder: Ladder
    df_method: str
    method: Method = "quadrature"

    @classmethod
    def of_model(
        cls, model: Model, *, df: str, method: Method = "quadrature", nodes: int | None = None
    ) -> OutcomeFit:
        """Fit a model that has been read."""
        ladder = climb_ladder(model.problem, first_guess(model), nodes)
        fit = cls(model, ladder, df, "quadrature")
        return fit if method == "quadrature" else fit.laplace

    # -- what was fitted ---------------------------------------------------------------------

    @property
    def design(self) -> Design:
        """Rows, groups and formula."""
        return self.model.design

    @property
    def family(self) -> str:
        """``binomial``, ``poisson``, ``negative_binomial`` or ``ordinal``."""
        return self.model.asked.family

    @property
    def link(self) -> str:
        """The link."""
        return self.model.family.link

    @property
    def zero(self) -> str:
        """``none``, ``inflated`` or ``hurdle``."""
        return self.model.asked.zero

    @property
    def title(self) -> str:  # type: ignore[override]
        """What the model is called."""
        return summary.title(self)

    @property
    def kind(self) -> str:
        """Which outcomes' likelihoods this one can be compared with."""
        return "of counts" if self.link == "log" else f"of a {self.family} outcome"

    @property
    def unit(self) -> str:
        """What coefficients and effects of groups are measured in, in words."""
        return UNITS[self.link]

    @property
    def residual(self) -> str:
        """The family, and what it does with zeros."""
        return self.family + ("" if self.zero == "none" else f", zeros {self.zero}")

    @property
    def residual_parameters(self) -> tuple[str, ...]:
        """What is estimated of the rows' own spread, beside it zeros that the counts lack."""
        size = () if self.size_place is None else ("size",)
        return (*size, summary.ZERO) if self.zero == "inflated" else size

    @property
    def likelihood(self) -> comparison.Likelihood:
        """What the log-likelihood is of, for comparisons."""
        first, own = self.model.shape.coefficients, len(self.model.family.own_names)
        nodes = f" with nodes={self.ladder.points.inner}" if self.ladder.asked else ""
        return comparison.Likelihood(
            integral="Laplace's approximation"
            if self.method == "laplace"
            else f"quadrature{nodes}",
            at_bound=any(first <= place < first + own for place in self.best.held),
            trials=self.model.outcome.trials,
            offset=self.model.offset,
            link=self.link,
            zero=self.zero,
        )

    @property
    def best(self) -> Maximum:
        """Where the search ended."""
        return self.ladder.best

    @property
    def nodes(self) -> pd.DataFrame:
        """The ladder: a row a number of nodes.

        ``nodes`` (of each of the lowest level's effects), ``nodes_top``, ``rule`` (``hermite``, or
        ``even`` where random effects are wide), ``deviance``, ``change`` (of the deviance on
        arriving), ``moved_se`` (how far the estimates then had to go, in standard errors),
        ``steps``, and ``distance_se``, how far the maximum was before the last of them.
        """
        return self.ladder.table

    @property
    def converged(self) -> bool:
        """Whether a maximum was reached and more nodes moved neither deviance nor estimates.

        Where `nodes` were asked for no others are tried, which is told; then it says the first.
        """
        return self.ladder.converged

    @property
    def singular(self) -> bool:
        """Whether a variance is estimated as zero or a correlation as one in size."""
        return bool(self.zeros)

    @property
    def zeros(self) -> tuple[int, ...]:
        """Places of the standard deviations that are estimated as zero."""
        return tuple(i for i in self.best.held if i >= self.model.shape.of_factor.start)

    @cached_property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a reader should know: rows left out, boundary, few groups, what Laplace says."""
        return tuple(advice.messages(self))

    singular_note = property(advice.singular_note)
    convergence_note = property(advice.convergence_note)
    few_groups_note = property(advice.few_groups_note)

    @cached_property
    def laplace(self) -> OutcomeFit:
        """The same model by Laplace's approximation: what one node at the mode says."""
        if self.method == "laplace":
            return self
        best = laplace(self.model.problem, self.best)
        return replace(self, ladder=one_step(best, self.model.shape), method="laplace")

    # -- coefficients ------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Coefficients, then thresholds and ``zero:Intercept`` where the family has them."""
        own = tuple(name for name in self.model.family.own_names if name != SIZE)
        return (*self.model.coefficients, *own)

    @property
    def intercepts(self) -> tuple[str, ...]:
        """Parameters that are no effect of a predictor: also thresholds and extra zeros."""
        return (INTERCEPT, *self.names[len(self.model.coefficients) :])

    @cached_property
    def places(self) -> Array:
        """Places of the named parameters in the vector of the search."""
        own = [n for n, name in enumerate(self.model.family.own_names) if name != SIZE]
        p = self.model.shape.coefficients
        return np.array([*range(p), *(p + n for n in own)], dtype=int)

    @cached_property
    def to_user(self) -> Array:
        """What each named parameter of the search is multiplied by for the user's scale."""
        own = len(self.places) - len(self.model.coefficients)
        return np.concatenate([1.0 / self.model.scale, np.ones(own)])

    @cached_property
    def coefficients(self) -> Wald:
        """What `params`, `bse`, `tvalues`, `df` and `pvalues` show, as arrays."""
        places, size = self.places, self.to_user
        covariance = self.best.covariance()[np.ix_(places, places)] * np.outer(size, size)
        unknown = np.isin(places, self.best.held)
        covariance[unknown] = covariance[:, unknown] = np.nan
        df = np.full(len(places), np.inf)
        if self.df_method == "between-within":
            own = len(places) - len(self.model.coefficients)
            df = between_within(self.design, self.model.X, own, thresholds=self.family == "ordinal")
        values = np.where(unknown & (places >= self.model.shape.coefficients), -np.inf, 1.0)
        values = np.where(unknown, values, self.best.point[places] * size)
        return Wald(values, covariance, df)

    @property
    def df(self) -> pd.Series:
        """Degrees of freedom of each coefficient; infinite for z."""
        return pd.Series(self.coefficients.of_each, index=list(self.names))

    @property
    def inference(self) -> Wald:
        """The method of inference, in which what grows without end counts as known."""
        return replace(self.coefficients, covariance=np.nan_to_num(self.coefficients.covariance))

    @property
    def to_user_scale(self) -> Array:
        """The identity: the coefficients' covariance is kept on the user's scale."""
        return np.eye(len(self.names))

    # -- likelihood and variances ------------------------------------------------------------

    @property
    def llf(self) -> float:
        """The log-likelihood, with all constants."""
        return self.best.value

    @property
    def df_model(self) -> int:
        """Number of estimated parameters."""
        return self.model.shape.total

    @property
    def dispersion(self) -> float:
        """The size of a negative binomial (variance ``mu + mu^2 / size``); NaN for the others."""
        place = self.size_place
        if place is None:
            return float("nan")
        return np.inf if place in self.best.held else float(np.exp(self.best.point[place]))

    @property
    def size_place(self) -> int | None:
        """The place of the log size of a negative binomial in the vector of the search."""
        own = self.model.family.own_names
        return self.model.shape.coefficients + own.index(SIZE) if SIZE in own else None

    @cached_property
    def random_covariances(self) -> dict[str, pd.DataFrame]:
        """The covariance of the random effects of each group, on the scale of the link."""
        shape, at, found = self.model.shape, self.best.point, {}
        for i in self.zeros:
            at = np.where(np.arange(len(at)) == i, 0.0, at)
        L = shape.factor(at) / self.model.effect_scale[:, None]
        values = [L @ L.T, np.array([[shape.top_sd(at) ** 2]])]
        groups = self.design.grouping.names
        for group, value, effects in zip(groups, values, self.design.effects, strict=False):
            names = list(effects.names)
            found[group] = pd.DataFrame(value, index=names, columns=names)
        return found

    @cached_property
    def varcomp(self) -> pd.DataFrame:
        """Variances and covariances: ``group, term1, term2, vcov, sdcor`` as lme4 lists them."""
        return variances.varcomp(self.random_covariances, self.design, None)

    # -- rows --------------------------------------------------------------------------------

    random_effects = cached_property(rows.random_effects)
    random_effects_sd = cached_property(rows.random_effects_sd)
    fittedvalues = cached_property(rows.fitted_values)
    resid = cached_property(rows.response_residuals)
    residuals = rows.residuals
    predict = rows.predict
    simulate = rows.simulate

    # -- further questions -------------------------------------------------------------------

    odds_ratios = meaning.odds_ratios
    rate_ratios = meaning.rate_ratios
    median_odds_ratio = meaning.median_odds_ratio
    icc = meaning.icc
    average_effects = averages.average_effects
    profile_ci = profiling.profile_ci
    bootstrap = bootstrapping.bootstrap
    compare = comparison.compare
    plot = pictures.plot

    reml = False
    autocorrelation = None

    def by_maximum_likelihood(self) -> OutcomeFit:
        """Return the fit itself."""
        return self

    def refit(self, outcome: Sequence[float] | Array | pd.Series) -> OutcomeFit:
        """Fit the same model to another outcome, from this fit's estimates and nodes."""
        model = self.model.with_outcome(of_its_rows(self.design, outcome))
        start = own_inside(model, self.best.point)
        best = climb(model.problem, start, self.ladder.points)
        again = replace(self, model=model, ladder=replace(self.ladder, best=best))
        return again if self.method == "quadrature" else replace(again, method="quadrature").laplace

    def of_alike(self, design: Design) -> OutcomeFit:
        """Return the fit with a design of the same numbers."""
        return replace(self, model=replace(self.model, design=design))

    def estimates(self) -> Array:
        """Return coefficients, sds, correlations and the size, as `tidy` has them."""
        size = [] if self.size_place is None else [self.dispersion]
        return np.concatenate([self.params, self.varcomp["sdcor"], size])

    # -- the three verbs ---------------------------------------------------------------------

    @property
    def _ratio(self) -> str:  # type: ignore[override]
        """An odds ratio under the logit link, a rate ratio of counts; else none."""
        ratio = {"logit": "OR", "log": "RR"}.get(self.link, "")
        return f"{ratio} before truncation" if self.zero == "hurdle" else ratio

    term_labels = summary.term_labels

    def tidy(self) -> pd.DataFrame:
        """Return one row a term: coefficients, then sds and correlations, then the size."""
        fixed = coefficient_rows(self.params.index, self.params, self.bse, self.df)
        # that half of the rows are zeros is no hypothesis of anyone
        fixed.loc[fixed["term"] == summary.ZERO, ["statistic", "p_value"]] = np.nan
        found = [fixed, variances.variance_rows(self.varcomp)]
        if self.size_place is not None:
            place = self.size_place
            known = place not in self.best.held
            error = float(np.sqrt(self.best.covariance()[place, place])) if known else np.nan
            half = float(half_width(error))
            found.append(
                tidy_rows(
                    "size",
                    self.dispersion,
                    self.dispersion * error,
                    conf_low=self.dispersion * np.exp(-half),
                    conf_high=self.dispersion * np.exp(half),
                )
            )
        return pd.concat(found, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row that describes the fit."""
        row = self.glance_of(
            family=self.family,
            link=self.link,
            zero=self.zero,
            llf=self.llf,
            aic=self.aic,
            bic=self.bic,
            n_parameters=self.df_model,
            method=self.method,
            nodes=int(self.nodes["nodes"].iloc[-1]),
            df_method=self.df_method,
            converged=self.converged,
            singular=self.singular,
        )
        return pd.DataFrame([row])

    def augment(self) -> pd.DataFrame:
        """Return the rows used with ``.fitted``, ``.resid``, and ``.average`` over all clients.

        All are in the outcome's unit: numbers of successes where it counts them (``trials=``, by
        which to divide for probabilities), the number of the category where answers are ordered.
        """
        own = {".fitted": self.fittedvalues, ".resid": self.resid, ".average": rows.averages(self)}
        return self.design.frame.assign(**own)

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: also trials, offset and weights."""
        how = {"estimator": self.estimator[0].lower() + self.estimator[1:]}
        return super().facts() | how | {"further": summary.particulars(self)}

    estimator = property(summary.estimator)
    spread_lines = summary.spread_lines
