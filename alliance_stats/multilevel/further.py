"""What a fit can be asked beyond its estimates; each question has a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import level_of
from ..errors import DesignError
from .after_fit import prediction
from .after_fit.inference import Method
from .after_fit.omitted_slopes import omitted_slopes
from .engine.batches import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .after_fit.bootstrap import Bootstrap
    from .after_fit.cluster_robust import RobustFit
    from .after_fit.compare import Comparison
    from .after_fit.explained import Explained
    from .result import MultilevelFit


class FurtherMethods:
    """Refits, intervals, explained variance, robust standard errors and plots of a fit."""

    @property
    def phi(self: MultilevelFit) -> float:  # type: ignore[misc]
        """The correlation of residuals one unit of time apart; zero for independent ones."""
        return 0.0 if self.autocorrelation is None else self.autocorrelation.phi

    def simulate(self: MultilevelFit, seed: int | np.random.Generator) -> pd.Series:  # type: ignore[misc]
        """Draw a new outcome from the fitted model, with new random effects for every unit."""
        return prediction.simulate(self, np.random.default_rng(seed))

    def refit(  # type: ignore[misc]
        self: MultilevelFit,
        outcome: Sequence[float] | Array | pd.Series,
        *,
        reml: bool | None = None,
    ) -> MultilevelFit:
        """Fit the same design to another outcome (or by the other likelihood).

        Only what depends on the outcome is computed anew and the search starts from this fit's
        variances, so a thousand refits (a bootstrap, a power study) cost little. Nothing is
        warned of; look at ``.converged`` and ``.singular``.
        """
        values = np.asarray(outcome, dtype=float)
        if isinstance(outcome, pd.Series) and not outcome.index.equals(self.design.frame.index):
            raise DesignError(
                "The new outcome's index differs from the rows used by the fit; align it with "
                "fit.fittedvalues.index, or pass an array."
            )
        how = self.reml if reml is None else reml
        return _fit_like(self, self.design.with_outcome(values), reml=how)

    def by_maximum_likelihood(self: MultilevelFit) -> MultilevelFit:  # type: ignore[misc]
        """Return this model fitted by maximum likelihood; itself where it is already."""
        return _fit_like(self, self.design, reml=False) if self.reml else self

    def compare(self: MultilevelFit, other: MultilevelFit) -> Comparison:  # type: ignore[misc]
        """Compare with a nested model by a likelihood-ratio test (see `compare.compare`)."""
        from .after_fit.compare import compare

        return compare(self, other)

    def profile_ci(  # type: ignore[misc]
        self: MultilevelFit,
        parameters: Sequence[str] | None = None,
        *,
        confidence: float = 0.95,
        alpha: float | None = None,
    ) -> pd.DataFrame:
        """Return intervals by the profile likelihood: where is the likelihood ratio acceptable?

        They need no standard error, respect bounds and may be lopsided, which is what variances
        and correlations ask for. As in lme4 the profiles are of the likelihood, not of the
        restricted one, also for a REML fit: `estimate` is the maximum-likelihood estimate.

        Parameters
        ----------
        parameters
            Terms as ``tidy()`` names them, or ``"random"`` or ``"fixed"``; all if left out.
        confidence
            Level of the intervals (`alpha`, one minus it, is an old name).

        Returns
        -------
        pandas.DataFrame
            ``effect, group, term, estimate, conf_low, conf_high, note``. A standard deviation
            whose interval reaches zero has ``conf_low`` 0. What cannot be profiled is NaN, with
            the reason in ``note``.
        """
        from .after_fit.profiling import profile_ci

        level = level_of(confidence, alpha=alpha)
        return profile_ci(self, None if parameters is None else list(parameters), level)

    def bootstrap(  # type: ignore[misc]
        self: MultilevelFit,
        replicates: int = 1000,
        *,
        seed: int,
        n_jobs: int = 1,
        progress: bool = False,
    ) -> Bootstrap:
        """Run a parametric bootstrap: simulate from the fit, refit, and look at the spread.

        Parameters
        ----------
        replicates
            How many outcomes to draw; at least 1,000 for an interval that is reported.
        seed
            The same seed gives the same draws, whatever `n_jobs` is.
        n_jobs
            How many processes share the work.
        progress
            Whether to show a bar.
        """
        from .after_fit.bootstrap import bootstrap

        return bootstrap(self, replicates, seed=seed, n_jobs=n_jobs, progress=progress)

    def r_squared(self: MultilevelFit) -> Explained:  # type: ignore[misc]
        """Return what share of the variance the model explains (see `explained.explain`)."""
        from .after_fit.explained import explain

        return explain(self)

    def omitted_slopes(self: MultilevelFit) -> pd.DataFrame:  # type: ignore[misc]
        """Test slopes the model could have and has not (see `omitted.omitted_slopes`)."""
        return omitted_slopes(self)

    def robust(self: MultilevelFit, cluster: str | None = None) -> RobustFit:  # type: ignore[misc]
        """Return CR2 cluster-robust tests with Satterthwaite df (see `robust.cluster_robust`)."""
        from .after_fit.cluster_robust import cluster_robust

        return cluster_robust(self, cluster)

    def predict_interval(  # type: ignore[misc]
        self: MultilevelFit,
        newdata: pd.DataFrame | None = None,
        *,
        random_effects: bool = True,
        new_groups: str = "zero",
        kind: str = "confidence",
        confidence: float = 0.95,
        alpha: float | None = None,
    ) -> pd.DataFrame:
        """Predict with standard errors and intervals (see `uncertainty.predict_interval`)."""
        from .after_fit.uncertainty import predict_interval

        return predict_interval(
            self,
            newdata,
            random_effects=random_effects,
            new_groups=new_groups,
            kind=kind,
            confidence=level_of(confidence, alpha=alpha),
        )

    def plot(  # type: ignore[misc]
        self: MultilevelFit, kind: str = "estimates", *, ax: Axes | None = None, **options: Any
    ) -> Axes:
        """Draw the fit: ``estimates``, ``caterpillar``, ``courses``, ``residuals`` or ``qq``.

        See the functions of `alliance_stats.multilevel.after_fit.plots` for their options.
        """
        from .after_fit.plots import plot

        return plot(self, kind, ax=ax, **options)


def _fit_like(fit: MultilevelFit, design: Any, *, reml: bool) -> MultilevelFit:
    """Fit a design as `fit` was fitted, starting from its estimates."""
    method: Method = fit.df_method if reml or fit.df_method != "kenward-roger" else "normal"
    ar1 = fit.autocorrelation
    return fit.of_design(
        design,
        reml=reml,
        df=method,
        theta=fit.optimum.theta,
        neighbours=None if ar1 is None else ar1.neighbours,
        rho=None if ar1 is None else ar1.rho,
    )
