"""Coefficients and their covariance, whether least squares or the nested engine gave them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DesignError, FewClustersWarning, SingularFitWarning
from ..inference.rows import coefficient_rows

if TYPE_CHECKING:
    from ..multilevel import MultilevelFit

Array = np.ndarray
METHODS = ("satterthwaite", "kenward-roger", "normal")
VANISHED = 1e-12
"""A residual variance this small beside the outcome's is none: the fit is exact."""


@dataclass(frozen=True, eq=False)
class Linear:
    """What is known of a set of coefficients.

    Attributes
    ----------
    params, covariance
        Estimates and their covariance.
    df_of
        Degrees of freedom of each row of a matrix of contrasts.
    n, scale
        Rows and residual variance.
    fit
        The multilevel fit; None for least squares.
    confidence
        Level of the intervals.
    """

    params: pd.Series
    covariance: pd.DataFrame
    df_of: Callable[[Array], Array]
    n: int
    scale: float
    fit: MultilevelFit | None = None
    confidence: float = 0.95

    @property
    def fewest(self) -> int | None:
        """How many people the fewest are that a coefficient is about; None for least squares."""
        return self.fit.fewest if self.fit else None

    def described(self, levels: Sequence[str]) -> dict[str, Any]:
        """Return the sizes of the levels and how the fit went; nothing for least squares."""
        if self.fit is None:
            return {}
        sizes = zip(levels, self.fit.n_groups.values(), strict=True)
        ended = {"converged": self.fit.converged, "singular": self.fit.singular}
        return {**{f"n_{name}": size for name, size in sizes}, **ended}

    def rows(self, L: Array, terms: list[str], group: str = "") -> pd.DataFrame:
        """Return estimate, error, test and interval of each contrast."""
        L = np.atleast_2d(L)
        estimate = L @ self.params.to_numpy()
        error = np.sqrt(np.einsum("ia,ab,ib->i", L, self.covariance.to_numpy(), L))
        return coefficient_rows(
            terms, estimate, error, self.df_of(L), group=group, confidence=self.confidence
        )


def least_squares(outcome: Array, columns: pd.DataFrame, confidence: float = 0.95) -> Linear:
    """Return ordinary least squares of an outcome on an intercept and columns."""
    columns = columns.assign(Intercept=1.0)[["Intercept", *columns]]
    X, n = columns.to_numpy(dtype=float), len(columns)
    k = X.shape[1]
    if n <= k:
        raise DesignError(f"{n} complete rows cannot carry {k} coefficients; more data are needed.")
    size = np.sqrt((X**2).sum(axis=0))
    Q, R = np.linalg.qr(X / np.where(size > 0, size, 1.0))
    weak = np.abs(np.diag(R)) < 1e-10
    if weak.any():
        names = ", ".join(str(name) for name in columns.columns[weak])
        raise DesignError(
            f"The coefficients of {names} cannot be told from the others: a column has the same "
            "value in all rows, is a copy or a sum of others (do both ratings agree in every row, "
            "or differ by a fixed step?), or the ratings hold too few different values."
        )
    beta = np.linalg.solve(R, Q.T @ outcome) / size
    residual = outcome - X @ beta
    scale = float(residual @ residual) / (n - k)
    if not scale > VANISHED * float(np.var(outcome)):
        raise DesignError(
            "The model leaves no residual variance: the outcome is an exact function of the "
            "predictors. Is one column a copy of the other, or a fixed step away from it?"
        )
    inverse = np.linalg.inv(R)
    covariance = scale * (inverse @ inverse.T) / np.outer(size, size)
    terms = list(columns.columns)
    return Linear(
        pd.Series(beta, index=terms),
        pd.DataFrame(covariance, index=terms, columns=terms),
        partial(_same_df, float(n - k)),
        n,
        scale,
        confidence=confidence,
    )


def renamed(text: str, levels: Sequence[str]) -> str:
    """Return a text of the engine with the user's names of the levels."""
    for i, name in enumerate(levels):
        text = text.replace(f"level{i + 1}", name)
    return text


def multilevel(
    formula: str,
    frame: pd.DataFrame,
    *,
    df: Any,
    reml: bool = True,
    levels: Sequence[str] = (),
    confidence: float = 0.95,
) -> Linear:
    """Fit with the nested engine; what it warns of is in the fit's messages.

    `levels` are the user's names of the columns ``level1``, ``level2``, for its errors.
    """
    from ..multilevel import fit_multilevel

    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", SingularFitWarning)  # in fit.messages, which we pass on
        warnings.simplefilter("ignore", FewClustersWarning)
        try:
            fit = fit_multilevel(formula, frame, df=df, reml=reml)
        except DesignError as error:
            raise DesignError(renamed(str(error), levels)) from None
        except np.linalg.LinAlgError:
            raise DesignError(
                "The model cannot be fitted: it leaves (nearly) no residual variance. Is one "
                "rating a copy of the other, or a fixed step away from it?"
            ) from None
    names = list(fit.params.index)
    covariance = fit.cov_params().loc[names, names]
    df_of = partial(_df_of_fit, fit)
    return Linear(fit.params, covariance, df_of, fit.nobs, fit.scale, fit, confidence)


def _same_df(df: float, L: Array) -> Array:
    return np.full(len(L), df)


def _df_of_fit(fit: Any, L: Array) -> Array:
    return np.asarray(fit.inference.df(L @ fit.to_user_scale), dtype=float)
