"""The result of a multilevel fit: a value with statsmodels' names, on the user's scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..inference.rows import coefficient_rows
from . import advice
from .after_fit import bootstrap as bootstrapping
from .after_fit import (
    cluster_robust,
    explained,
    plots,
    prediction,
    profiling,
    refitting,
    uncertainty,
)
from .after_fit import compare as comparison
from .after_fit import marginal_means as means
from .after_fit import omitted_slopes as slopes
from .after_fit import standardised as standardising
from .after_fit.effects import UnitEffects, unit_effects
from .after_fit.inference import Inference, KenwardRoger, Method, Normal, Satterthwaite
from .engine import variances
from .engine.autocorrelated import Autocorrelation, fit_autocorrelated
from .engine.batches import Array
from .engine.boundary import penalised, refuse_endless
from .engine.coefficients import Coefficients
from .engine.deviance import Profile, covariances, profile_at
from .engine.optimise import Optimum, minimise
from .engine.structured import Places, ResidualCovariance, fit_structured
from .nested_fit import NestedFit
from .summary import particulars, residual_lines

if TYPE_CHECKING:
    from .engine.design import Design
    from .engine.residual import Neighbours

Prior = Literal["boundary"]
VANISHED = 1e-12  # residual variance, relative to the outcome's, that is none


@dataclass(frozen=True, eq=False, repr=False)
class MultilevelFit(NestedFit):
    """A fitted multilevel model.

    Standard errors, tests and intervals use the method named in `df_method`. Names follow
    statsmodels: ``params``, ``bse``, ``tvalues``, ``df``, ``pvalues``, ``conf_int()``,
    ``cov_params()``, ``llf``, ``aic``, ``bic``, ``scale`` (the residual variance), ``nobs``,
    ``fittedvalues``, ``resid``, ``random_effects``.

    Attributes
    ----------
    design
        The columns, levels and cross-products the model was fitted to.
    optimum
        Where the search ended and how it was checked.
    reml
        Whether the variances are REML estimates.
    df_method
        ``satterthwaite``, ``kenward-roger`` or ``normal``.
    autocorrelation
        What is known of the residuals' AR(1); None where residuals are independent.
    structured
        The residuals' covariance where it was estimated by occasion or group; else None.
    prior
        ``boundary`` where variances were kept off zero by a penalty; else None.
    """

    design: Design
    optimum: Optimum
    reml: bool
    df_method: Method
    autocorrelation: Autocorrelation | None = None
    structured: ResidualCovariance | None = None
    prior: Prior | None = None

    title = "Linear multilevel model"
    kind = "of a measurement"

    @classmethod
    def of_design(
        cls,
        design: Design,
        *,
        reml: bool,
        df: Method,
        theta: Array | None = None,
        neighbours: Neighbours | None = None,
        rho: float | None = None,
        where: Places | None = None,
        prior: Prior | None = None,
    ) -> MultilevelFit:
        """Fit a design that is already made, from `theta` where a good start is known.

        With `neighbours` the residuals are an AR(1), whose search starts from `rho`; with `where`
        they have a covariance of their own, whose elements come first in `theta`.
        """
        ar1 = covariance = None
        if where is not None:
            design, best, covariance = fit_structured(design, where, reml=reml, theta=theta)
        elif neighbours is None:

            def evaluate(at: Array) -> Profile:
                found = profile_at(design, at, reml)
                return found if prior is None else penalised(found, design.levels, at)

            best = minimise(evaluate, design.levels, theta)
            if prior is not None and not best.converged:
                refuse_endless(design, best.theta)
        else:
            design, best, ar1 = fit_autocorrelated(
                design, neighbours, reml=reml, theta=theta, rho=rho
            )
        if not best.profile.variance > VANISHED:
            raise DesignError(
                f"The model reproduces '{design.outcome}' without residual variance; is the "
                "outcome a copy of a predictor, or constant within every group?"
            )
        return cls(design, best, reml, df, ar1, covariance, prior)

    # -- what was fitted ---------------------------------------------------------------------

    @property
    def converged(self) -> bool:
        """Whether the conditions of a minimum were checked and hold."""
        return self.optimum.converged

    @property
    def singular(self) -> bool:
        """Whether a variance is estimated as zero or a correlation as one in size."""
        return bool(self.optimum.on_boundary)

    @cached_property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a reader should know: rows left out, boundary, few groups, confounded effects."""
        return tuple(advice.messages(self))

    singular_note = property(advice.singular_note)
    convergence_note = property(advice.convergence_note)

    # -- coefficients ------------------------------------------------------------------------

    @cached_property
    def inference(self) -> Inference:
        """The method of inference, in the scaled columns' units."""
        best, levels = self.optimum, self.design.levels
        if self.df_method == "normal":
            return Normal(best.profile)
        if self.structured is not None:
            return self.structured.inference(levels, self.df_method)
        if self.autocorrelation is not None:
            return self.autocorrelation.inference(levels, best)
        if self.df_method == "satterthwaite":
            return Satterthwaite(best.profile, levels, best.theta)
        relative = covariances(levels, best.theta)
        free = [D[p] for D, lv in zip(relative, levels, strict=True) for p in lv.pairs]
        return KenwardRoger(self._unpenalised, levels, np.array(free))

    @cached_property
    def to_user_scale(self) -> Array:
        """The matrix that takes coefficients of the scaled columns to the user's."""
        scale, fixed = self.design.scale, list(self.design.fixed)
        return np.linalg.inv(self.design.fixed_basis) * (scale[-1] / scale[fixed])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.design.fixed_names

    @cached_property
    def coefficients(self) -> Coefficients:
        """What `params`, `bse`, `tvalues`, `df` and `pvalues` show, as arrays."""
        return Coefficients(self)

    # -- likelihood and variances ------------------------------------------------------------

    @cached_property
    def llf(self) -> float:
        """The log-likelihood; under `reml` the restricted one (lme4's constant)."""
        return variances.log_likelihood(self.design, self._unpenalised)

    @property
    def _unpenalised(self) -> Profile:
        best = self.optimum
        return (
            best.profile if self.prior is None else profile_at(self.design, best.theta, self.reml)
        )

    @property
    def df_model(self) -> int:
        """Number of estimated parameters: coefficients, variances and covariances."""
        if self.structured is not None:
            return len(self.design.fixed) + len(self.structured.theta)
        residual = 1 if self.autocorrelation is None else 2
        return len(self.design.fixed) + len(self.optimum.theta) + residual

    @property
    def scale(self) -> float:
        """The residual variance; its mean over the rows where it is not one for all."""
        known = self.structured
        own = self.optimum.profile.variance if known is None else known.of_rows.mean()
        return float(own * self.design.scale[-1] ** 2)

    @property
    def residual(self) -> str:
        """``independent``, ``ar1``, ``unstructured`` or ``by group``."""
        if self.structured is not None:
            return "unstructured" if self.structured.where.whole_units else "by group"
        return "independent" if self.autocorrelation is None else "ar1"

    @property
    def residual_covariance(self) -> pd.DataFrame:
        """The covariance of residuals by occasion (or group); one number where it is one for all.

        Occasions of different groups have no covariance: no client is in both.
        """
        if self.structured is None:
            return pd.DataFrame([[self.scale]], index=["Residual"], columns=["Residual"])
        labels = list(self.structured.where.labels)
        values = self.structured.scaled * self.design.scale[-1] ** 2
        return pd.DataFrame(values, index=labels, columns=labels)

    @property
    def residual_parameters(self) -> tuple[str, ...]:
        """What is estimated of the residuals beside their variance."""
        return () if self.autocorrelation is None else ("phi",)

    @property
    def likelihood(self) -> comparison.Likelihood:
        """What the log-likelihood is of, for comparisons."""
        by = ""
        if self.structured is not None:
            by = f" by {', '.join(map(str, self.structured.where.labels))}"
        elif self.autocorrelation is not None:
            by = f" over {self.autocorrelation.neighbours.time}"
        return comparison.Likelihood(self.residual + by, penalised=self.prior is not None)

    @property
    def phi(self) -> float:
        """The correlation of residuals one unit of time apart; zero for independent ones."""
        return 0.0 if self.autocorrelation is None else self.autocorrelation.phi

    @cached_property
    def random_covariances(self) -> dict[str, pd.DataFrame]:
        """The covariance of the random effects of each group."""
        return variances.random_covariances(self.design, self.optimum)

    @cached_property
    def varcomp(self) -> pd.DataFrame:
        """Variances and covariances: ``group, term1, term2, vcov, sdcor`` as lme4 lists them."""
        known = self.structured
        if known is None:
            return variances.varcomp(self.random_covariances, self.design, self.scale)
        found = variances.varcomp(self.random_covariances, self.design, None)
        own = pd.DataFrame(known.elements(float(self.design.scale[-1])), columns=found.columns)
        return variances.listed(pd.concat([found, own], ignore_index=True) if len(found) else own)

    icc = variances.icc

    # -- rows --------------------------------------------------------------------------------

    @cached_property
    def unit_effects(self) -> UnitEffects:
        """Conditional modes in scaled units; `random_effects` has them in the user's."""
        d, best = self.design, self.optimum
        return unit_effects(d.partition, d.levels, best.theta, best.profile)

    random_effects = cached_property(prediction.random_effects)
    random_effects_sd = cached_property(prediction.random_effects_sd)
    resid = cached_property(prediction.residuals)

    @cached_property
    def fittedvalues(self) -> pd.Series:
        """Fitted values, random effects included."""
        outcome = self.design.columns[-1] + self.design.outcome_shift
        return pd.Series(outcome - self.resid.to_numpy(), index=self.resid.index, name="fitted")

    predict = prediction.predict
    predict_interval = uncertainty.predict_interval
    simulate = prediction.simulate

    # -- further questions, each answered in a module of its own --------------------------------

    marginal_means = means.marginal_means
    contrasts = means.contrasts
    robust = cluster_robust.cluster_robust
    profile_ci = profiling.profile_ci
    bootstrap = bootstrapping.bootstrap
    compare = comparison.compare
    r_squared = explained.explain
    standardised = standardising.standardised
    omitted_slopes = slopes.omitted_slopes
    refit = refitting.refit
    by_maximum_likelihood = refitting.by_maximum_likelihood
    plot = plots.plot

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the result in sentences, with each effect in SDs of the level it is about.

        Parameters
        ----------
        labels
            As in `summary`.
        """
        *said, done = super().text(labels).splitlines()
        return "\n".join([*said, *standardising.in_words(self, dict(labels or {})), done])

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: also penalty, residuals and shared groups."""
        return super().facts() | {"further": particulars(self)}

    def of_alike(self, design: Design) -> MultilevelFit:
        """Return the fit with a design of the same numbers."""
        return replace(self, design=design)

    def estimates(self) -> Array:
        """Return coefficients, sds and correlations (NaN where a variance is zero), and phi."""
        phi = [] if self.autocorrelation is None else [self.phi]
        return np.concatenate([self.params, self.varcomp["sdcor"], phi])

    # -- the three verbs ---------------------------------------------------------------------

    def tidy(self) -> pd.DataFrame:
        """Return one row a term: coefficients first, then sds and correlations.

        Random rows have estimates only: a standard error of a variance says little, since its
        distribution is skewed and bounded.
        """
        rows = [
            coefficient_rows(self.params.index, self.params, self.bse, self.df),
            variances.variance_rows(self.varcomp),
        ]
        if self.autocorrelation is not None:
            rows.append(self.autocorrelation.tidy_row())
        return pd.concat(rows, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row that describes the fit."""
        row = self.glance_of(
            sigma=float(np.sqrt(self.scale)),
            llf=self.llf,
            aic=self.aic,
            bic=self.bic,
            n_parameters=self.df_model,
            reml=self.reml,
            df_method=self.df_method,
            converged=self.converged,
            singular=self.singular,
        )
        return pd.DataFrame([row])

    def augment(self) -> pd.DataFrame:
        """Return the rows used with ``.fitted``, ``.resid`` and ``.fixed`` (no random effects)."""
        fixed = self.predict(random_effects=False)
        return self.design.frame.assign(
            **{".fitted": self.fittedvalues, ".resid": self.resid, ".fixed": fixed}
        )

    @property
    def estimator(self) -> str:
        """How the variances were estimated."""
        return "REML" if self.reml else "Maximum likelihood"

    spread_lines = residual_lines
