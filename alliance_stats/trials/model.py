"""Which model arms are compared by, and which terms of therapists and groups it keeps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from ..core.people import CLIENT
from ..errors import DesignError
from ..multilevel.engine.patterns import refuse_singular
from ..multilevel.fit import fit_multilevel
from ..multilevel.result import MultilevelFit
from .rows import ARM, BASELINE, SCORE, TIME, TrialRows
from .shared import KINDS, Kind, crossing


def fit_with_shared(
    data: TrialRows, rows: pd.DataFrame, method: str, levels: tuple[Kind, ...], df: Any
) -> MultilevelFit:
    """Return the fit with the terms of therapists and groups that the rows carry.

    Over several times they differ in level and in change, correlated, where no variance or
    correlation of theirs runs to its bound; else in that of level and change, uncorrelated, level
    alone and change alone whose likelihood is highest of those that have no bound; else in level
    alone. Of two kinds the second is chosen beside the first.
    """
    terms = {kind.column: kind.level(rows) for kind in levels}
    if not levels or method == "ancova":
        return _fit(data, rows, method, "".join(terms.values()), df)
    for kind in levels:
        rows, ladder = kind.slopes(rows, data.times)
        others, found = set(terms) - {kind.column}, []
        for term in ladder:
            terms[kind.column] = term
            try:
                fit = _fit(data, rows, method, "".join(terms.values()), df)
            except DesignError:  # more variances than so few therapists can tell
                if term == ladder[-1]:
                    raise
                continue
            if fit.converged and not at_a_bound(fit, others):
                found.append((fit, term))
                if term == ladder[0]:
                    break
        if found:
            fit, terms[kind.column] = max(found, key=lambda one: one[0].llf)
    return fit


def _fit(data: TrialRows, rows: pd.DataFrame, method: str, term: str, df: Any) -> MultilevelFit:
    """Fit the model of a method; `term` holds the random terms of therapists and groups."""
    before = f" + {BASELINE}" if data.has_baseline else ""
    if method == "growth":
        if not pd.api.types.is_numeric_dtype(rows[TIME].dtype):
            raise DesignError("method='growth' needs times that are numbers, such as weeks.")
        formula = f"{SCORE} ~ {ARM} * {TIME}{before} + (1 + {TIME} | {CLIENT}){term}"
        return fit_multilevel(formula, rows, df=df)
    if method == "mmrm":
        each = f" + {BASELINE} * C({TIME})" if data.has_baseline else ""
        formula = f"{SCORE} ~ {ARM} * C({TIME}){each}"
        if term and crossing(rows):  # the same model where groups cross
            formula += f" + (0 + C({TIME}) | {CLIENT}){term}"
            fit = fit_multilevel(formula, rows, allow_saturated=True, df=df)
            C = fit.random_covariances[CLIENT].to_numpy()
            named = [str(time).removesuffix(".0") for time in data.times]
            refuse_singular(C + fit.scale * np.eye(len(C)), named)
            return fit
        formula += term
    else:
        formula = f"{SCORE} ~ {ARM}{before}{term}"
        if term:  # clients without a therapist differ as they do, not as others beside theirs
            apart = any(kind.given in rows for kind in KINDS) and not alike(rows)
            if apart and crossing(rows):
                raise DesignError(
                    f"{crossing(rows)}, and method='ancova' gives each arm a residual variance of "
                    "its own where some clients have no therapist or group, for which each group "
                    "must lie under one: take method='mmrm' or 'growth', or leave the therapists "
                    "or the groups out of the rows."
                )
            return fit_multilevel(formula, rows, residual_by=ARM if apart else None, df=df)
    return fit_multilevel(formula, rows, residual="unstructured", time=TIME, df=df)


def at_a_bound(fit: MultilevelFit, but: Collection[str] = ()) -> bool:
    """Return whether a variance ran to zero, or a correlation to one, `but` those of some groups.

    Effects of clients as many as their rows share the residual's variance, so that it says nothing
    where theirs is zero.
    """
    shared = {CLIENT} if "C(" in "".join(fit.design.effects[0].names) else set()
    names = fit.design.grouping.names
    return bool({names[level] for level, _ in fit.optimum.on_boundary} - shared - {*but})


def alike(rows: pd.DataFrame) -> dict[str, float]:
    """Return the arms whose clients all have one outcome, and that outcome."""
    ends = rows.groupby(rows[ARM].astype(str))[SCORE].agg(["min", "max"])
    same = ends.loc[ends["min"] == ends["max"], "min"]
    return {str(arm): float(value) for arm, value in same.items()}
