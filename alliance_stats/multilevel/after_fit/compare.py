"""Comparing nested models by their likelihoods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from ...core.display.shown import shown
from ...core.results import Result
from ...errors import DesignError
from ...inference.distributions import chi2_upper
from ...inference.rows import tidy_rows

if TYPE_CHECKING:
    from ...core.display.page import Block
    from ..engine.batches import Array, Indices
    from ..engine.design import Design
    from ..outcomes.result import OutcomeFit
    from ..result import MultilevelFit

    Fit: TypeAlias = MultilevelFit | OutcomeFit

SAME = 1e-6  # columns nearer than this, relative to their size, are the same
ROUNDING = 1e-3  # of twice a log-likelihood: two searches end so near to a maximum


@dataclass(frozen=True, eq=False)
class Likelihood:
    """What a log-likelihood is of, beside rows, outcome and weights.

    Attributes
    ----------
    residual
        The residuals' structure, with what it goes by.
    integral
        How random effects were integrated.
    penalised
        Whether estimates were kept from the maximum by a penalty.
    at_bound
        Whether a parameter of the family has gone as far as it may, short of where it leads.
    trials, offset, link, zero
        Of an outcome that is no measurement.
    """

    residual: str = "independent"
    integral: str = ""
    penalised: bool = False
    at_bound: bool = False
    trials: Array = field(default_factory=lambda: np.ones(0))
    offset: Array = field(default_factory=lambda: np.zeros(0))
    link: str = ""
    zero: str = "none"


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
        What the statistic was referred to, in words; empty where there is no test.
    reason
        Why there is no test; empty where there is one.
    """

    models: pd.DataFrame
    statistic: float
    df: int
    p_value: float
    distribution: str
    messages: tuple[str, ...] = ()
    reason: str = ""
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
        if self.reason:
            return [models]
        return [models, *super().shown(labels), f"Referred to {self.distribution}."]

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the test, or why there is none."""
        what = "Nested models were compared by a likelihood-ratio test"
        done = f"{what}, referred to {self.distribution}."
        source = "Stram & Lee 1994, doi 10.2307/2533455" if "mixture" in done else ""
        if self.reason:
            done = f"Two models were put side by side, without a test. {self.reason}"
        return super().facts() | {"done": done, "source": source}


def compare(one: Fit, other: Fit) -> Comparison:
    """Test a model against a smaller one that is nested in it.

    Models with different fixed parts are compared by maximum likelihood (REML likelihoods of
    different fixed parts are not comparable); REML fits are refitted for it, which is said. Where
    the models differ by one random effect (or by extra zeros), the statistic is referred to an
    equal mixture of two chi-square distributions, since the smaller model lies on the boundary of
    the larger one (Stram & Lee 1994, doi 10.2307/2533455); several random effects at once are
    referred to plain chi-square, which is conservative.

    Where the smaller model is no special case of the larger one (another link or offset, a hurdle
    against none), or a likelihood is no maximum, statistic and p value are NaN, and `reason` and
    the messages say why.

    Raises
    ------
    DesignError
        Where the models are of different rows, outcomes, trials or weights, or their likelihoods
        were integrated in different ways, or they have equally many parameters.
    """
    small, large = sorted((one, other), key=lambda fit: fit.df_model)
    _check_comparable(small, large)
    messages = []
    same_fixed = _same_fixed(small, large)
    if not (same_fixed and small.reml and large.reml) and (small.reml or large.reml):
        small, large = (fit.by_maximum_likelihood() for fit in (small, large))
        messages.append("The models were refitted by maximum likelihood for the comparison.")
    statistic = 2.0 * (large.llf - small.llf)
    df = large.df_model - small.df_model
    reason = _why_no_test(small, large, statistic)
    p_value, distribution = float("nan"), ""
    if reason:
        statistic = float("nan")
        messages.append(reason)
    else:
        bounded = large.singular or large.likelihood.at_bound
        # on the boundary both have the same maximum, and a mixture halves the p of any rest of it
        statistic = 0.0 if bounded and statistic < ROUNDING else max(statistic, 0.0)
        p_value, distribution = _p_value(small, large, statistic, df, same_fixed)
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
    return Comparison(models, statistic, df, p_value, distribution, tuple(messages), reason)


def _check_comparable(small: Fit, large: Fit) -> None:
    """Refuse likelihoods that are not of the same data, or not the same integral."""
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
    ours, theirs = small.likelihood, large.likelihood
    if not np.array_equal(ours.trials, theirs.trials):
        raise DesignError(
            "Models can be compared only with the same trials; refit one of them with the trials= "
            "of the other."
        )
    if ours.integral != theirs.integral:
        raise DesignError(
            f"Likelihoods can be compared only where they were integrated alike: these by "
            f"{ours.integral} and by {theirs.integral}. Refit one of them as the other."
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
    """Say whether the fixed parts are the same columns, so that REML can be compared."""
    names = _coefficients(small)
    if set(names) != set(_coefficients(large)):
        return False
    if not (small.reml and large.reml and small.design.has_rows and large.design.has_rows):
        return True
    places = [list(large.names).index(name) for name in names]
    ours, theirs = _fixed_columns(small.design), _fixed_columns(large.design)[:, places]
    return bool(np.allclose(ours, theirs, rtol=SAME, atol=SAME * np.abs(ours).max()))


def _coefficients(fit: Fit) -> list[str]:
    """Return the names of the coefficients; a share of zeros on its boundary is a variance."""
    return [name for name in fit.params.index if name not in fit.residual_parameters]


def _fixed_columns(design: Design) -> Array:
    return np.asarray(_columns(design, design.fixed) @ design.fixed_basis)


def _free(fit: Fit) -> dict[str, set[frozenset[str]]]:
    """Return, for each group, the variances and covariances that are estimated.

    What spreads the rows themselves (an AR(1), the size of a negative binomial, zeros beyond the
    counts') counts as one more variance: without it a parameter is on its boundary.
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


def _why_no_test(small: Fit, large: Fit, statistic: float) -> str:
    """Return why twice the difference of the log-likelihoods is no test; empty where it is one."""
    why = [
        f"the {what} differs ({ours} and {theirs})"
        for what, ours, theirs, plain in _differences(small, large)
        if ours not in (theirs, plain)
    ]
    if not np.array_equal(small.likelihood.offset, large.likelihood.offset):
        why.append("the offset differs")
    if why or not _nested(small, large):
        because = f": {', '.join(why)}" if why else ""
        return (
            f"The smaller model is no special case of the larger one{because}, so there is no "
            "likelihood-ratio test of them. Compare AIC or BIC."
        )
    if small.likelihood.penalised or large.likelihood.penalised:
        return (
            "Estimates under prior='boundary' are not those of the highest likelihood, so there "
            "is no likelihood-ratio test of them: refit without prior=."
        )
    apart = [fit.formula for fit in (small, large) if not fit.converged]
    if apart:
        return (
            f"The search of '{apart[0]}' did not reach a maximum, so there is no likelihood-ratio "
            "test of it."
        )
    if statistic < -ROUNDING and not large.likelihood.at_bound:
        return (
            f"The larger model has the lower log-likelihood ({large.llf:.4f}, the smaller "
            f"{small.llf:.4f}), though it contains the smaller one: its search ended at a maximum "
            "that is not the highest, so there is no likelihood-ratio test. Do not report it."
        )
    return ""


def _differences(small: Fit, large: Fit) -> list[tuple[str, str, str, str]]:
    """Return what both say of link, zeros and residuals, and which word is a case of all others."""
    ours, theirs = small.likelihood, large.likelihood
    # a hurdle's counts above zero are cut off at zero: no constant of it gives the counts uncut
    plain = "none" if theirs.zero == "inflated" else theirs.zero
    return [
        ("link", ours.link, theirs.link, theirs.link),
        ("zero part", ours.zero, theirs.zero, plain),
        ("residuals' structure", ours.residual, theirs.residual, "independent"),
    ]


def _nested(small: Fit, large: Fit) -> bool:
    more = _free(large)
    if not all(found <= more.get(name, set()) for name, found in _free(small).items()):
        return False
    a, b = small.design, large.design
    if not (a.has_rows and b.has_rows):
        return set(_coefficients(small)) <= set(_coefficients(large))
    if not _within(_fixed_columns(a), _fixed_columns(b)):
        return False
    for number, name in enumerate(a.grouping.names):
        other = b.grouping.names.index(name)
        if not _same_units(a.grouping.of_rows(number), b.grouping.of_rows(other)):
            return False
        if not _within(_columns(a, a.levels[number].columns), _columns(b, b.levels[other].columns)):
            return False
    return True


def _columns(design: Design, places: Iterable[int]) -> Array:
    columns = [design.columns[place] for place in places]
    return np.stack(columns, axis=1) if columns else np.empty((design.n, 0))


def _within(columns: Array, others: Array) -> bool:
    """Say whether columns are combinations of others."""
    if not columns.size or not others.size:
        return not columns.size
    basis = np.linalg.qr(others / np.linalg.norm(others, axis=0))[0]
    columns = columns / np.linalg.norm(columns, axis=0)
    left = columns - basis @ (basis.T @ columns)
    return bool(np.linalg.norm(left, axis=0).max() < SAME)


def _same_units(one: Indices, other: Indices) -> bool:
    """Say whether rows are grouped alike, whatever the groups are called."""
    both = one * (int(other.max()) + 2) + other
    return len(np.unique(both)) == len(np.unique(one)) == len(np.unique(other))


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
        return plain, (
            f"chi-square on {df} df (conservative: several parameters are on their boundary "
            "under H0)"
        )
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
    rows = pd.concat([table.reset_index(drop=True), tests.reindex(range(len(models)))], axis=1)
    return shown(rows, "Models, each tested against the one before", statistic="χ²",
                 n_parameters="Parameters")  # fmt: skip
