"""Tests of one contrast of the coefficients, or of several together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.results import Result
from ...errors import DesignError, did_you_mean, listing
from ...inference.distributions import f_upper
from ...inference.rows import coefficient_rows
from ..engine.batches import Array

if TYPE_CHECKING:
    from ..result import MultilevelFit


@dataclass(frozen=True)
class ContrastTest(Result):
    """A test that contrasts of the coefficients are zero.

    Attributes
    ----------
    statistic, df_num, df_den, p_value
        F and its degrees of freedom; for one contrast F is the square of t.
    contrasts
        One row a contrast, a column a coefficient.
    rows
        Estimate, standard error, t, df, p and interval of each contrast by itself.
    method
        The method of the degrees of freedom.
    """

    statistic: float
    df_num: int
    df_den: float
    p_value: float
    contrasts: pd.DataFrame
    rows: pd.DataFrame
    method: str
    messages: tuple[str, ...] = ()
    title = "Test of contrasts"

    def tidy(self) -> pd.DataFrame:
        """Return one row a contrast."""
        return self.rows

    def glance(self) -> pd.DataFrame:
        """Return the joint test in one row."""
        return pd.DataFrame(
            [
                {
                    "statistic": self.statistic,
                    "df_num": self.df_num,
                    "df_den": self.df_den,
                    "p_value": self.p_value,
                    "method": self.method,
                }
            ]
        )


def contrast_test(fit: MultilevelFit, contrast: Any) -> ContrastTest:
    """Test one contrast, or several at once.

    Parameters
    ----------
    contrast
        A name or a list of names (those coefficients are zero), a mapping of names to
        weights (one contrast), or an array with a row a contrast.

    Returns
    -------
    ContrastTest
        t for one contrast, else F as lmerTest (Satterthwaite) or pbkrtest (Kenward-Roger).
    """
    names = list(fit.params.index)
    L, labels = _rows(names, contrast)
    scaled = L @ fit.to_user_scale
    # Estimates as the user sees them, in the units in which the covariance is kept.
    params = fit.params.to_numpy()
    unknown = ~np.isfinite(params)
    if L[:, unknown].any():
        raise DesignError(
            f"{listing(fit.params.index[unknown])} grows without end and has no standard error, so "
            "it cannot be tested; see .messages."
        )
    params = np.where(unknown, 0.0, params)
    beta = np.linalg.solve(fit.to_user_scale, params)
    joint = fit.inference.joint(scaled, beta)
    estimate = L @ params
    error = np.sqrt(np.einsum("ia,ab,ib->i", scaled, fit.inference.covariance, scaled))
    df = fit.inference.df(scaled)
    rows = coefficient_rows(labels, estimate, error, df)
    p_value = f_upper(joint.statistic, joint.df_num, joint.df_den)
    return ContrastTest(
        joint.statistic,
        joint.df_num,
        joint.df_den,
        p_value,
        pd.DataFrame(L, index=labels, columns=names),
        rows,
        fit.df_method,
    )


def _rows(names: list[str], contrast: Any) -> tuple[Array, list[str]]:
    if isinstance(contrast, str):
        contrast = [contrast]
    if isinstance(contrast, Mapping):
        _known(names, contrast)
        label = " + ".join(f"{weight:g} {name}" for name, weight in contrast.items())
        return np.array([[float(contrast.get(name, 0.0)) for name in names]]), [label]
    if isinstance(contrast, list) and contrast and isinstance(contrast[0], str):
        _known(names, contrast)
        return np.eye(len(names))[[names.index(name) for name in contrast]], list(contrast)
    L = np.atleast_2d(np.asarray(contrast, dtype=float))
    if L.shape[-1] != len(names) or L.ndim != 2 or not L.any(axis=1).all():
        raise DesignError(
            f"A contrast needs one weight for each of the {len(names)} coefficients "
            f"({listing(names)}), not all zero; the array has shape {np.shape(contrast)}."
        )
    labels = contrast.index if isinstance(contrast, pd.DataFrame) else range(1, len(L) + 1)
    return L, [str(label) for label in labels]


def _known(names: list[str], wanted: Any) -> None:
    for name in wanted:
        if name not in names:
            raise DesignError(
                f"The model has no coefficient '{name}'.{did_you_mean(name, names)} It has "
                f"{listing(names, 12)}."
            )
