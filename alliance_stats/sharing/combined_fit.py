"""The joint model of several clinics: an ordinary multilevel fit that never saw a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..multilevel import advice
from ..multilevel.after_fit.compare import Comparison, compare
from ..multilevel.after_fit.refitting import fitted_alike
from ..multilevel.engine.deviance import covariances, profile_at
from ..multilevel.engine.optimise import one_step, optimum_at
from ..multilevel.engine.variances import RESIDUAL
from ..multilevel.formula.terms import INTERCEPT
from ..multilevel.outcomes.maximise import CLOSE
from ..multilevel.result import MultilevelFit
from .closed_design import Between, ClosedDesign, noisy
from .curve import Curve
from .expansion import LEAST_SD, Expansion, free_pairs
from .joint_result import JointResult, asks
from .rounding import LIMIT, Drowned, WithNoise, moved_by, moved_together
from .rounds import variance_names
from .search import about_rounds, search_beside

if TYPE_CHECKING:
    from ..multilevel.after_fit.inference import Inference, Method
    from ..multilevel.engine.batches import Array
    from ..multilevel.engine.design import Design
    from ..multilevel.outcomes.result import OutcomeFit
    from .rounding import Uncertain
    from .rounds import Point
    from .shared_file import SharedFile

REDRAWN = 20  # draws; their root mean square is known to a sixth of itself
BLURRED = 3.0  # times what rounding moves coefficients by, from which a search by mail has ended
LONGEST = 0.7  # step of a search by mail, over the effect's own SD
FIRST_OF_CLINICS = 0.1  # SD of clinics as a level, over the residual one, where a search begins
TELLING = 1e-3  # an error of the deviance by rounding that is worth a sentence


NOISE_MAY = " The noise in the files can be the cause, whatever the model."


def _longest(design: ClosedDesign, theta: Array) -> Array:
    """Return how far each element of the factors may move in one round."""
    body, levels = design.files[0].body, design.levels
    assert isinstance(body, Expansion)
    squares = dict(zip(free_pairs(levels), body.steps, strict=False))
    return np.array(
        [
            LONGEST * np.sqrt(squares.get((number, a, a), max(D[a, a], LEAST_SD**2)))
            for number, D in enumerate(covariances(levels, theta))
            for a, _ in levels[number].pairs
        ]
    )


def _far(errors: float) -> str:
    """Say how far noise moves coefficients."""
    if not np.isfinite(errors):
        return "more than there is to estimate them from"
    return f"about {errors:.2g} of their standard errors"


@dataclass(frozen=True, eq=False, repr=False)
class CombinedFit(JointResult, MultilevelFit):
    """The joint multilevel model of several clinics, from one file each.

    Estimates, standard errors, tests, intervals, variances and comparisons are those of
    `MultilevelFit` on the rows of all clinics together. What would need rows (fitted values,
    random effects, residuals, bootstraps, robust errors, R-squared, marginal means) says so.

    Attributes
    ----------
    design
        The joint model, its likelihood that of the files.
    """

    design: Design
    step: Mapping[str, float] = field(default_factory=dict)
    """In a search by mail where the next round looks, by name."""
    distance: float = 0.0
    """How far the maximum was from the point of the round, in standard errors."""

    title = "Linear multilevel model of several clinics"

    @classmethod
    def of_design(cls, design: Design, **how: Any) -> MultilevelFit:  # type: ignore[override]
        """Fit a joint design; where noise left nothing to fit, the noise is named.

        Raises
        ------
        DesignError
            Where no residual variance is left.
        """
        try:
            if isinstance(design, ClosedDesign) and design.point is not None:
                return cls._of_round(design, design.point, **how)
            return super().of_design(design, **how)
        except (DesignError, np.linalg.LinAlgError) as error:
            if not (isinstance(design, ClosedDesign) and noisy(design.files)):
                raise
            raise DesignError(
                "The noise in the files drowns what they tell: with it the sums have no residual "
                "variance left, so the model cannot be estimated. More clients or a larger epsilon "
                "are needed."
            ) from error

    @classmethod
    def _of_round(
        cls, design: ClosedDesign, point: Point, *, reml: bool, df: Method, **how: Any
    ) -> CombinedFit:
        """Take one step from the point of a round: the last one, where it is short."""
        names = [*variance_names(design.files[0].model), *search_beside(design)]
        theta = np.array([point.at.get(name, FIRST_OF_CLINICS) for name in names])
        profile = profile_at(design, theta, reml)
        if not np.isfinite(profile.deviance):
            raise DesignError(
                f"At the point of round {point.number} the files leave no residual variance: the "
                "search went too far. Begin it again nearer, by a file for at= of your own."
            )
        there, distance = one_step(design.levels, theta, profile, _longest(design, theta))
        blurred = cls(design, optimum_at(design.levels, theta, profile, 0, False), reml, df)
        still = distance < max(CLOSE, BLURRED * blurred.rounding["standard_errors"])
        if still:
            theta, profile = there, profile_at(design, there, reml)
        best = optimum_at(design.levels, theta, profile, point.number, still)
        after = dict(zip(names, map(float, there), strict=True))
        return cls(design, best, reml, df, step=after, distance=distance)

    @property
    def between(self) -> Between:  # type: ignore[override]
        """How clinics may differ, as `combine_clinics` takes it."""
        return self.design.between  # type: ignore[attr-defined, no-any-return]

    @property
    def _deviance(self) -> float:  # type: ignore[override]
        return float(self.optimum.profile.deviance)

    @property
    def files(self) -> tuple[SharedFile, ...]:  # type: ignore[override]
        """What the clinics sent."""
        assert isinstance(self.design, ClosedDesign)
        return self.design.files

    @cached_property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a reader should know: which clinics, boundary, few groups, rounding."""
        found = about_rounds(self.files, self.distance, self.converged)
        found += [n for n in advice.about_search(self) if self.converged or n not in found]
        off, errors = self.rounding["deviance"], self.rounding["standard_errors"]
        if self.drowned:
            found.append(
                f"The files were given noise that moves coefficients by {_far(errors)}, more than "
                f"the {LIMIT:g} that can be allowed for: standard errors, df, p values and "
                "intervals are left empty, and estimates, SDs and likelihoods show noise. More "
                "clients or a larger epsilon are needed."
            )
        elif off > TELLING:
            blurred = "given noise, which standard errors hold" if self.noisy else "rounded"
            found.append(
                f"The files were {blurred}: the deviance is known to about {off:.2g}, coefficients "
                f"to about {errors:.2g} of their standard errors{self._and_further}."
            )
        return tuple(found)

    @property
    def _and_further(self) -> str:
        """Say how far rounding moves SDs, standard errors and df."""
        known = self.rounding_by_redrawing
        if not known or self.noisy:
            return ""
        if not np.isfinite(list(known.values())).all():
            return ", and SDs, standard errors and df are not known to any digit"
        return (
            f", SDs to about {100 * known['sds']:.2g} %, standard errors themselves to about "
            f"{100 * known['standard_errors']:.2g} % and df to a factor of about {known['df']:.3g}"
        )

    @cached_property
    def rounding_by_redrawing(self) -> dict[str, float]:
        """How far rounding moves ``sds`` and ``standard_errors`` (shares), and ``df`` (a factor).

        They depend on how curves bend, which the first order does not tell: the model is fitted to
        curves moved at random within their last digits, and of the number that moves most the root
        mean square is given (infinity where such a fit fails; of df on the scale of logarithms).
        Empty where no file holds a curve.
        """
        if not any(isinstance(file.body, Curve | Expansion) for file in self.files):
            return {}
        rng = np.random.default_rng(0)
        apart = np.array([self._apart(rng) for _ in range(REDRAWN)])
        sds, errors, df = np.sqrt((apart**2).mean(axis=0)).max(axis=-1)
        return {"sds": float(sds), "standard_errors": float(errors), "df": float(np.exp(df))}

    def _apart(self, rng: np.random.Generator) -> Array:
        """Return how far once moved curves move SDs, standard errors and df: (3, most terms)."""
        sds, errors, df = (
            self.varcomp["sdcor"].to_numpy(),
            self.coefficients.bse,
            self.df.to_numpy(),
        )
        found = np.zeros((3, max(len(sds), len(errors))))
        moved = self.design.partition.redrawn(rng)  # type: ignore[attr-defined]
        try:
            again = fitted_alike(self, replace(self.design, partition=moved), reml=self.reml)
            changed = again.varcomp["sdcor"].to_numpy() - sds
            found[0, : len(sds)] = changed / np.where(sds > 0.0, sds, sds[-1])
            found[1, : len(errors)] = again.coefficients.bse / errors - 1.0
            if np.isfinite(df).all():
                found[2, : len(df)] = np.log(again.coefficients.df / df)
        except (DesignError, np.linalg.LinAlgError):
            found[:] = np.inf
        return found

    @property
    def noisy(self) -> bool:
        """Whether a file holds noise with a privacy budget."""
        return noisy(self.files)

    @property
    def drowned(self) -> bool:
        """Whether noise moves coefficients too far for a standard error to hold it."""
        return self.noisy and self.rounding["standard_errors"] > LIMIT

    @cached_property
    def inference(self) -> Inference:
        """The method of inference, with the variance of noise; empty where that is too large."""
        if self.drowned:
            return Drowned(len(self.design.fixed))
        inner = super().inference
        return WithNoise(inner, moved_together(*self._uncertain)) if self.noisy else inner

    @property
    def singular_note(self) -> str:  # type: ignore[override]
        """Which random effects are on the boundary, and what that means."""
        return self._noise_may(advice.singular_note(self))

    @property
    def convergence_note(self) -> str:  # type: ignore[override]
        """How far from a minimum the search ended."""
        if self.files[0].kind == "round":
            return about_rounds(self.files, self.distance, self.converged)[0]
        return self._noise_may(advice.convergence_note(self))

    def _noise_may(self, note: str) -> str:
        return note + NOISE_MAY if note and self.noisy else note

    @property
    def rounding(self) -> dict[str, float]:
        """How far rounding of the files moves the ``deviance``, and coefficients in SEs."""
        return moved_by(*self._uncertain)

    @property
    def _uncertain(self) -> tuple[list[Uncertain], Array, int]:
        """How uncertain the files are, the cross-products of [X | y], and their denominator."""
        p, levels = self.optimum.profile, self.design.levels
        places = [*p.fixed, -1]
        files = self.design.partition.uncertain(  # type: ignore[attr-defined]
            levels, covariances(levels, self.optimum.theta)
        )
        own = [(variances, turn[:, places]) for variances, turn in files]
        return own, p.contribution.cross[np.ix_(places, places)], p.denominator

    def icc(self) -> pd.DataFrame:
        """Return the share of the variance at each level; for random intercepts only."""
        if any(set(of.names) != {INTERCEPT} for of in self.design.effects):
            raise DesignError(
                "With random slopes the shares depend on the predictors of every row, and those "
                "stayed in the clinics; .varcomp holds the variances."
            )
        groups = list(self.design.grouping.names)
        values = self.varcomp["vcov"].to_numpy()
        part = values / values.sum()
        above = np.append(np.cumsum(part[:-1][::-1])[::-1], np.nan)
        return pd.DataFrame(
            {"group": [*groups, RESIDUAL], "variance": values, "icc": part, "icc_above": above}
        )

    def profile_ci(self, *arguments: Any, **options: Any) -> Any:
        """Return profile intervals; the likelihood of files with noise does not hold the noise."""
        if self.noisy:
            raise DesignError(
                "The likelihood of files with noise does not know of the noise, so its profile "
                "gives intervals that are too short; use .conf_int()."
            )
        if self.files[0].kind == "round":
            raise DesignError(
                "The files know the likelihood near its maximum only; use .conf_int(). A profile "
                "would need a search by mail for each of its points."
            )
        return super().profile_ci(*arguments, **options)

    def by_maximum_likelihood(self) -> MultilevelFit:
        """Return this model fitted by maximum likelihood; a search by mail has to look for it."""
        if self.reml and self.files[0].kind == "round":
            raise DesignError(
                "Models whose fixed parts differ are compared by maximum likelihood, and the files "
                "know the likelihood near the maximum of the restricted one only: search with "
                "reml=False (alliance-stats combine --ml) for both."
            )
        return super().by_maximum_likelihood()

    def compare(self, other: MultilevelFit | OutcomeFit) -> Comparison:
        """Test a model against a smaller one, both from files of the same clinics and rows."""
        found = compare(self, other)
        both = [fit for fit in (self, other) if isinstance(fit, CombinedFit)]
        off = sum(fit.rounding["deviance"] for fit in both)
        if off <= TELLING:
            return found
        what = "given noise" if any(fit.noisy for fit in both) else "rounded"
        note = f"The files were {what}: the statistic is known to about {off:.2g}."
        p_value = found.p_value
        if any(fit.noisy for fit in both) and off > LIMIT:
            note, p_value = f"{note[:-1]}, so no p value is given.", float("nan")
        return replace(found, p_value=p_value, messages=(*found.messages, note))

    unit_effects = property(asks("Predicted random effects"))  # type: ignore[assignment]
    predict_interval = asks("A prediction for rows")
    robust = asks("Cluster-robust standard errors")
    r_squared = asks("R-squared")
    omitted_slopes = asks("The search for slopes that were left out")
    marginal_means = asks("Marginal means (.test() takes any contrast of coefficients)")
    contrasts = asks("Contrasts of marginal means (.test() takes any contrast of coefficients)")
