"""The same model of another outcome, or by the other likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...errors import DesignError
from ..engine.batches import Array
from ..engine.moments import by_moments

if TYPE_CHECKING:
    from ..engine.design import Design
    from ..result import MultilevelFit


def refit(
    fit: MultilevelFit, outcome: Sequence[float] | Array | pd.Series, *, reml: bool | None = None
) -> MultilevelFit:
    """Fit the same design to another outcome (or by the other likelihood).

    Only what depends on the outcome is computed anew and the search starts from this fit's
    variances, so a thousand refits (a bootstrap, a power study) cost little. Nothing is
    warned of; look at ``.converged`` and ``.singular``.
    """
    how = fit.reml if reml is None else reml
    return fitted_alike(fit, fit.design.with_outcome(of_its_rows(fit.design, outcome)), reml=how)


def of_its_rows(design: Design, outcome: Sequence[float] | Array | pd.Series) -> Array:
    """Return a new outcome's values; refuse those of other rows, or that are no numbers."""
    values = np.asarray(outcome, dtype=float)
    if isinstance(outcome, pd.Series) and not outcome.index.equals(design.frame.index):
        raise DesignError(
            "The new outcome's index differs from the rows used by the fit; align it with "
            "fit.fittedvalues.index, or pass an array."
        )
    if len(values) != design.n or not np.isfinite(values).all():
        raise DesignError(
            f"The new outcome must be {design.n} finite numbers, one for each row the model "
            f"uses; it has {len(values)} values, {int(np.isfinite(values).sum())} finite."
        )
    return values


def by_maximum_likelihood(fit: MultilevelFit) -> MultilevelFit:
    """Return this model fitted by maximum likelihood; itself where it is already."""
    return fitted_alike(fit, fit.design, reml=False) if fit.reml else fit


def fitted_alike(fit: MultilevelFit, design: Design, *, reml: bool) -> MultilevelFit:
    """Fit a design as this one was fitted, starting from its estimates."""
    ar1, known = fit.autocorrelation, fit.structured
    return fit.of_design(
        design,
        reml=reml,
        df="normal" if not reml and fit.df_method == "kenward-roger" else fit.df_method,
        theta=_near(fit, design) if known is None else known.theta,
        neighbours=None if ar1 is None else ar1.neighbours,
        rho=None if ar1 is None else ar1.rho,
        where=None if known is None else known.where,
        prior=fit.prior,
    )


def _near(fit: MultilevelFit, design: Design) -> Array:
    """Return where a search starts: this theta, or what another outcome's mean squares say."""
    other = design is not fit.design and fit.autocorrelation is None and fit.prior is None
    found = by_moments(design.partition, design.levels, design.fixed) if other else None
    return fit.optimum.theta if found is None else found
