"""The fixed coefficients on the user's scale, with standard errors and tests, as plain arrays."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...inference.distributions import t_two_sided
from ..formula.terms import INTERCEPT
from .batches import Array

if TYPE_CHECKING:
    from ..result import MultilevelFit


class Coefficients:
    """Everything about the coefficients, each computed when first asked for."""

    def __init__(self, fit: MultilevelFit) -> None:
        self.fit = fit

    @cached_property
    def params(self) -> Array:
        """Estimates; the intercept takes back what was subtracted from the outcome."""
        fit = self.fit
        beta = fit.to_user_scale @ fit.optimum.profile.beta
        if INTERCEPT in fit.design.fixed_names:
            beta[fit.design.fixed_names.index(INTERCEPT)] += fit.design.outcome_shift
        return beta

    @cached_property
    def covariance(self) -> Array:
        """Their covariance, as the method of inference gives it."""
        return self.fit.to_user_scale @ self.fit.inference.covariance @ self.fit.to_user_scale.T

    @cached_property
    def bse(self) -> Array:
        """Standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def tvalues(self) -> Array:
        """Estimates over standard errors."""
        return self.params / self.bse

    @cached_property
    def df(self) -> Array:
        """Degrees of freedom."""
        return self.fit.inference.df(self.fit.to_user_scale)

    @cached_property
    def pvalues(self) -> Array:
        """Two-sided p values."""
        return t_two_sided(self.tvalues, self.df)
