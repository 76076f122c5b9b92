"""Comparing nested models by their likelihoods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from ...core.results import Result
from ...errors import DesignError
from ...inference.distributions import chi2_upper
from ...inference.rows import tidy_rows

if TYPE_CHECKING:
    from ...core.display.page import Block
    from ..engine.batches import Array
    from ..engine.design import Design
    from ..outcomes.result import OutcomeFit
    from ..result import MultilevelFit

    Fit: TypeAlias = MultilevelFit | OutcomeFit


@dataclass(frozen=True)
class Comparison(Result):
    """A likelihood-ratio test of two nested models.

    Attributes
    ----------
    models
        A row a model, the smaller first: ``formula, residual, n_parameters, llf, aic, bic``.
    statistic, df, p_value
        Twice the difference of the log-likelihoods, the number of parameters that differ and the
        p value.
    distribution
        What the statistic was referred to, in words.
    """

    models: pd.DataFrame
    statistic: float
    df: int
    p_value: float
    distribution: str
    messages: tuple[str, ...] = ()
    title = "Likelihood-ratio test"
    _letter = "χ²"

    def tidy(self) -> pd.DataFrame:
        """Return the test in one row."""
        return tidy_rows(
            "likelihood ratio",
            self.statistic,
            statistic=self.statistic,
            df=float(self.df),
            p_value=self.p_value,
        )

    def glance(self) -> pd.DataFrame:
        """Return the test with its reference distribution in one row."""
        return pd.DataFrame(
            [
                {
                    "statistic": self.statistic,
                    "df": self.df,
                    "p_value": self.p_value,
                    "distribution": self.distribution,
                }
            ]
        )

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return models and test."""
        models = self._table(self.models, labels)
        return [models, *super().shown(labels), f"Referred to {self.distribution}."]


def compare(one: Fit, other: Fit) -> Comparison:
    """Test a model against a smaller one that is nested in it.

    Models with different fixed parts are compared by maximum likelihood (REML likelihoods of
    different fixed parts are not comparable); REML fits are refitted for it, which is said. Where
    the models differ by one random effect, the statistic is referred to an equal mixture of two
    chi-square distributions, since the smaller model lies on the boundary of the larger one
    (Stram & Lee 1994, doi 10.2307/2533455); several random effects at once are referred to plain
    chi-square, which is conservative.

    Raises
    ------
    DesignError
        Where the models are of different rows or outcomes, or have equally many parameters.
    """
    small, large = sorted((one, other), key=lambda fit: fit.df_model)
    _check_comparable(small, large)
    messages = []
    same_fixed = _same_fixed(small, large)
    if not (same_fixed and small.reml and large.reml) and (small.reml or large.reml):
        small, large = (fit.by_maximum_likelihood() for fit in (small, large))
        messages.append("The models were refitted by maximum likelihood for the comparison.")
    if not _nested(small, large):
        messages.append(
            "The smaller model does not seem to be a special case of the larger one; the p value "
            "would not mean anything and is not given. Compare AIC or BIC."
        )
    statistic = max(2.0 * (large.llf - small.llf), 0.0)
    df = large.df_model - small.df_model
    p_value, distribution = _p_value(small, large, statistic, df, same_fixed)
    if not _nested(small, large):
        p_value = float("nan")
    models = pd.DataFrame(
        [
            {
                "formula": fit.formula,
                "residual": fit.residual,
                "n_parameters": fit.df_model,
                "llf": fit.llf,
                "aic": fit.aic,
                "bic": fit.bic,
            }
            for fit in (small, large)
        ]
    )
    return Comparison(models, statistic, df, p_value, distribution, tuple(messages))


def _check_comparable(small: Fit, large: Fit) -> None:
    a, b = small.design, large.design
    if small.kind != large.kind:
        raise DesignError(
            "Likelihoods of outcomes of another kind cannot be compared: one model is "
            f"{small.kind}, the other {large.kind}."
        )
    if a.n != b.n or not np.allclose(_outcome(a), _outcome(b)):
        raise DesignError(
            f"Models can be compared only on the same rows and outcome; these have {a.n} and "
            f"{b.n} rows of '{a.outcome}' and '{b.outcome}'. Drop rows with missing values in any "
            "variable of either model first."
        )
    if not (a.weights is b.weights or np.array_equal(_weights(a), _weights(b))):
        raise DesignError(
            "Models can be compared only with the same prior weights; refit one of them with the "
            "weights of the other."
        )
    if small.df_model == large.df_model:
        raise DesignError(
            f"Both models have {small.df_model} parameters, so neither is nested in the other; "
            "compare their AIC or BIC."
        )


def _outcome(design: Design) -> Array:
    """Return the outcome's values; its mean and spread where the rows are elsewhere."""
    if design.has_rows:
        return design.columns[-1] + design.outcome_shift
    return np.array([design.outcome_shift, design.scale[-1]])


def _weights(design: Design) -> Array:
    return np.ones(design.n) if design.weights is None else design.weights


def _same_fixed(small: Fit, large: Fit) -> bool:
    return set(small.params.index) == set(large.params.index)


def _free(fit: Fit) -> dict[str, set[frozenset[str]]]:
    """Return, for each group, the variances and covariances that are estimated.

    What spreads the rows themselves (an AR(1), the size of a negative binomial) counts as one more
    variance: without it a parameter is on its boundary.
    """
    design = fit.design
    own = {frozenset((name,)) for name in fit.residual_parameters}
    residual = {"Residual": own} if own else {}
    return residual | {
        name: {frozenset((effects.names[a], effects.names[b])) for a, b in level.pairs}
        for name, effects, level in zip(
            design.grouping.names, design.effects, design.levels, strict=True
        )
    }


def _nested(small: Fit, large: Fit) -> bool:
    more = _free(large)
    random = all(found <= more.get(name, set()) for name, found in _free(small).items())
    return random and set(small.params.index) <= set(large.params.index)


def _p_value(
    small: Fit, large: Fit, statistic: float, df: int, same_fixed: bool
) -> tuple[float, str]:
    less, more = _free(small), _free(large)
    new = [pair for name, found in more.items() for pair in found - less.get(name, set())]
    variances = sum(len(pair) == 1 for pair in new)
    plain = chi2_upper(statistic, df)
    if same_fixed and variances == 1:
        mixed = 0.5 * chi2_upper(statistic, df - 1) + 0.5 * plain
        return mixed, f"an equal mixture of chi-square on {df - 1} and {df} df"
    if variances > 1:
        return plain, f"chi-square on {df} df (conservative: several variances are zero under H0)"
    return plain, f"chi-square on {df} df"


def compare_models(*fits: Fit) -> pd.DataFrame:
    """Put several models side by side, each tested against the one before it.

    Which of these models describes the data best, and is each step worth its parameters? The models
    are sorted by their number of parameters. Where any two have different fixed parts, all are
    compared by maximum likelihood, so that the AIC and BIC can be compared too.

    Returns
    -------
    pandas.DataFrame
        A row a model: ``formula, residual, n_parameters, llf, aic, bic`` and, against the row
        before, ``statistic, df, p_value, distribution``; NaN where the two are not nested.

    Raises
    ------
    DesignError
        Where the models are of different rows or outcomes, or two have equally many parameters.
    """
    if len(fits) < 2:
        raise DesignError(f"compare_models needs two models or more, not {len(fits)}.")
    models = sorted(fits, key=lambda fit: fit.df_model)
    if any(fit.reml != models[0].reml or not _same_fixed(fit, models[0]) for fit in models):
        models = [fit.by_maximum_likelihood() for fit in models]
    steps = [compare(one, other) for one, other in pairwise(models)]
    table = pd.concat([steps[0].models, *(step.models.iloc[1:] for step in steps[1:])])
    tests = pd.concat([step.glance() for step in steps]).set_axis(range(1, len(models)))
    return pd.concat([table.reset_index(drop=True), tests.reindex(range(len(models)))], axis=1)
