"""Coefficients in standard deviations of the level that they are about.

An effect within clients is counted in how far sessions of one client lie apart, one between clients
in how far clients lie apart: an SD over all rows mixes both (Hoffman 2015; Schuurman et al. 2016,
doi 10.1037/met0000062). The outcome's SDs are those of the model with nothing but intercepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.arguments import share
from ...core.display import formatting as fmt
from ...core.display.labels import inside, label_of
from ...core.display.shown import shown
from ...errors import DesignError
from ...inference.rows import tidy_rows
from ..engine.batches import Array
from ..engine.design import make_design
from ..formula.model_formula import parse_formula
from ..formula.terms import INTERCEPT
from .explained import CENTRED, mean_of_groups

if TYPE_CHECKING:
    from ..result import MultilevelFit

OUTCOME = "_outcome"
EVERYWHERE = "all rows"


def standardised(fit: MultilevelFit, *, confidence: float = 0.95) -> pd.DataFrame:
    """How large is each effect in standard deviations?

    A coefficient is multiplied by the SD of its predictor and divided by the SD of the outcome,
    both at the level at which the predictor varies. ``within`` is among the rows of the lowest
    groups; a predictor that is the same in all rows of a client counts clients (or therapists,
    where it is the same in all of theirs), and the outcome's SD there takes in the levels above. A
    predictor that varies within and between (a session's number) is counted in SDs of all rows.
    With two levels and split predictors this is the method "pseudo" of R's effectsize (Ben-Shachar,
    Lüdecke & Makowski 2020, doi 10.21105/joss.02815).

    Parameters
    ----------
    confidence
        Level of the intervals, which take the SDs as known.

    Returns
    -------
    pandas.DataFrame
        The columns of ``tidy()``, a row a coefficient but the intercept, and ``level``,
        ``sd_predictor``, ``sd_outcome``; NaN where the outcome does not vary at that level.

    Raises
    ------
    DesignError
        Where the rows are not here, are weighted, or belong to several groups at once.
    """
    share(confidence, "confidence")
    design = fit.design
    if not has_sds(fit):
        raise DesignError(
            "Effects in standard deviations need the rows of one fit, each counted once and in one "
            "group of a kind; here are sums, weights or shared rows. Divide by SDs of your own."
        )
    outcome = _outcome_sds(fit)
    limits = fit.conf_int(confidence=confidence)
    rows = []
    for name, values in design.fixed_terms.named_arrays():
        if name == INTERCEPT or name not in fit.params.index:
            continue
        level, spread = _level_and_sd(fit, values)
        size = spread / outcome[level] if outcome[level] > 0 else np.nan
        ends = limits.loc[name] * size
        rows.append((name, fit.params[name] * size, *ends, level, spread, outcome[level]))
    columns = ["term", "estimate", "conf_low", "conf_high", "level", "sd_predictor", "sd_outcome"]
    return shown(
        tidy_rows(**pd.DataFrame(rows, columns=columns)), "Standardised coefficients",
        level="Level", sd_predictor="SD of predictor", sd_outcome="SD of outcome",
    )  # fmt: skip


def has_sds(fit: MultilevelFit) -> bool:
    """Return whether the rows are here, each counted once and in one group of a kind."""
    design = fit.design
    return design.has_rows and design.weights is None and fit.grouping != "membership"


def in_words(fit: MultilevelFit, labels: Mapping[str, str]) -> list[str]:
    """Return the effects in standard deviations as a sentence; none where there are none."""
    if not has_sds(fit) or set(fit.params.index) <= {INTERCEPT}:
        return []
    said = [
        f"{inside(label_of(str(row.term), labels))} β = {fmt.number(row.estimate)}, 95% CI "
        f"{fmt.interval(row.conf_low, row.conf_high)}"
        for row in standardised(fit).dropna(subset=["estimate"]).itertuples()
    ]
    return [f"In standard deviations of the level each is about: {'; '.join(said)}."]


def _outcome_sds(fit: MultilevelFit) -> dict[str, float]:
    """Return the outcome's SD within the lowest groups, at each level, and over all rows."""
    names = fit.design.grouping.names
    terms = " + ".join(f"(1 | `{name}`)" for name in names)
    outcome = np.asarray(fit.fittedvalues) + np.asarray(fit.resid)
    frame = fit.design.frame.assign(**{OUTCOME: outcome})
    for number, name in enumerate(names):
        if name not in frame:  # of (1 | a/b), whose b is numbered anew within each a
            units = pd.Series(fit.design.grouping.of_rows(number), index=frame.index)
            frame[name] = units.where(units >= 0)
    null = fit.of_design(
        make_design(parse_formula(f"{OUTCOME} ~ 1 + {terms}"), frame), reml=fit.reml, df="normal"
    )
    between = {name: float(null.random_covariances[name].to_numpy()[0, 0]) for name in names}
    nested = fit.grouping == "nested"
    found = {
        name: sum(between[other] for other in (names[place:] if nested else [name]))
        for place, name in enumerate(names)
    }
    found |= {"within": null.scale, EVERYWHERE: null.scale + sum(between.values())}
    return {level: float(np.sqrt(variance)) for level, variance in found.items()}


def _level_and_sd(fit: MultilevelFit, values: Array) -> tuple[str, float]:
    """Return the level at which a predictor varies, and its SD there."""
    grouping, total = fit.design.grouping, float(values.var())
    constant = ""
    for number, name in enumerate(grouping.names):
        units = grouping.of_rows(number)
        between = float(mean_of_groups(values, units).var())
        if total - between <= 1e-9 * total:
            constant, at = name, units
        elif number == 0:
            level = "within" if between < CENTRED * total else EVERYWHERE
            return level, float(values.std(ddof=1))
    if not constant:
        return EVERYWHERE, float(values.std(ddof=1))
    return constant, float(pd.Series(values).groupby(at).first().std())
