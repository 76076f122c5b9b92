"""What every fit of nested groups has, whatever its outcome: rows, groups, coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ..core.arguments import level_of
from ..core.model_disclosure import fewest_of_model, with_several
from ..core.people import CLIENT
from ..core.results import Result
from ..inference.distributions import half_width
from . import advice
from .after_fit import contrasts
from .formula.terms import INTERCEPT
from .summary import TESTS, groups, head, preparation, spread_in_words

if TYPE_CHECKING:
    from ..core.display.page import Block
    from .engine.design import Design


class NestedFit(Result):
    """Fits of nested groups: names follow statsmodels."""

    if TYPE_CHECKING:  # what a fit must have; as properties here they would hide its fields

        @property
        def design(self) -> Design:
            """Rows, groups and formula."""

        def of_alike(self, design: Design) -> Self:
            """Return the fit with a design of the same numbers."""

        @property
        def names(self) -> tuple[str, ...]:
            """Names of the coefficients."""

        @property
        def coefficients(self) -> Any:
            """Estimates and tests as arrays."""

        @property
        def llf(self) -> float:
            """The log-likelihood."""

        @property
        def df_model(self) -> int:
            """Number of estimated parameters."""

        @property
        def df_method(self) -> str:
            """How degrees of freedom are found."""

        @property
        def singular(self) -> bool:
            """Whether a variance or correlation is on its boundary."""

        @property
        def singular_note(self) -> str:
            """Which ones are, and what that means."""

    @property
    def formula(self) -> str:
        """The formula as given."""
        return self.design.formula.text

    @property
    def intercepts(self) -> tuple[str, ...]:
        """Parameters among `params` that are no effect of a predictor."""
        return (INTERCEPT,)

    @property
    def nobs(self) -> int:
        """Number of rows used."""
        return self.design.n

    @property
    def rows_dropped(self) -> int:
        """Number of rows left out because of missing values."""
        return self.design.rows_dropped

    @cached_property
    def n_groups(self) -> dict[str, int]:
        """Number of groups at each level, the lowest level first.

        A group in whose rows all columns of its effects are zero stands for those without one, and
        does not count.
        """
        design, found = self.design, {}
        for number, (name, size) in enumerate(
            zip(design.grouping.names, design.grouping.sizes, strict=True)
        ):
            places = design.levels[number].columns
            if design.has_rows and places and INTERCEPT not in design.effects[number].names:
                some = np.any([design.columns[place] != 0 for place in places], axis=0)
                size = int((design.grouping.rows_in(number, some) > 0).sum())
            found[name] = size
        return found

    @property
    def grouping(self) -> str:
        """How the groups lie to each other: ``nested``, ``crossed`` or ``membership``."""
        return self.design.grouping.kind

    @cached_property
    def fewest(self) -> int:  # type: ignore[override]
        """How many people the fewest are that a coefficient is about (see `fewest_of_model`)."""
        design = self.design
        if not design.has_rows:  # who stands behind a coefficient cannot be counted
            return 0
        fixed = np.column_stack([design.columns[place] for place in design.fixed])
        known = CLIENT in design.frame.columns
        people = design.frame[CLIENT] if known else design.grouping.of_rows(0)
        return fewest_of_model((fixed @ design.fixed_basis).T, people)

    def informed(self, tidy: pd.DataFrame) -> pd.Series:
        """Return how few people inform each row: variances rest on those with several rows.

        That between clients too, since what moves within them is taken off.
        """
        found = super().informed(tidy)
        if not self.design.has_rows or CLIENT not in self.n_groups:
            return found
        several = with_several(self.design.frame[CLIENT])
        return found.where(tidy["effect"] == "fixed", found.clip(upper=several))

    few_groups_note = property(advice.few_groups_note)
    structure = cached_property(advice.structure)
    test = contrasts.contrast_test

    @property
    def params(self) -> pd.Series:
        """The fixed coefficients."""
        return self._series("params")

    @property
    def bse(self) -> pd.Series:
        """Standard errors."""
        return self._series("bse")

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over standard errors."""
        return self._series("tvalues")

    @property
    def df(self) -> pd.Series:
        """Degrees of freedom of each coefficient."""
        return self._series("df")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p values."""
        return self._series("pvalues")

    def _series(self, name: str) -> pd.Series:
        return pd.Series(getattr(self.coefficients, name), index=list(self.names))

    def cov_params(self) -> pd.DataFrame:
        """Return the covariance of the coefficients (the adjusted one under Kenward-Roger)."""
        names = list(self.names)
        return pd.DataFrame(self.coefficients.covariance, index=names, columns=names)

    def conf_int(self, alpha: float | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
        """Return Wald intervals with t quantiles, columns 0 (low) and 1 (high)."""
        level = level_of(confidence, alpha=alpha)
        half = half_width(self.bse, self.df, level)
        return pd.DataFrame({0: self.params - half, 1: self.params + half})

    @property
    def aic(self) -> float:
        """Akaike's criterion (of the restricted likelihood under `reml`, as in lme4)."""
        return -2.0 * self.llf + 2.0 * self.df_model

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of rows as n, as in lme4."""
        return -2.0 * self.llf + float(np.log(self.nobs)) * self.df_model

    @property
    def unit(self) -> str:
        """What coefficients and effects of groups are measured in, in words."""
        return f"units of {self.design.outcome}"

    @property
    def estimator(self) -> str:
        """How the variances were estimated, in words."""
        raise NotImplementedError

    def spread_lines(self) -> list[str]:
        """Return what the head says of the rows' own spread."""
        return []

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return what was fitted, and its coefficients and variances."""
        return [head(self), *super().shown(labels)]

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the result in sentences, with how random effects spread.

        Parameters
        ----------
        labels
            As in `summary`.
        """
        *said, done = super().text(labels).splitlines()
        return "\n".join([*said, *spread_in_words(self, labels), done])

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: also whether a variance is on its boundary."""
        how = {"estimator": self.estimator, "tests": TESTS[self.df_method]}
        note = self.singular_note.partition(" The model asks")[0] if self.singular else ""
        how |= {"formula": self.formula, "groups": groups(self), "boundary": f" {note}".rstrip()}
        return super().facts() | how

    def _notes(self) -> list[str]:
        return [*preparation(self), *super()._notes()]

    def glance_of(self, **more: Any) -> dict[str, Any]:
        """Return what every fit says of itself in one row."""
        groups = {f"n_{name}": size for name, size in self.n_groups.items()}
        return {"nobs": self.nobs, **groups, **more}
