"""The terms of a factor model: their table, and what they are called in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ...inference.rows import coefficient_rows
from ..engine.fit import Estimates


def term_in_words(term: str, factors: Mapping[str, Sequence[str]]) -> str:
    """Return a term of lavaan's language in words.

    Examples
    --------
    >>> [term_in_words(t, {"f": ["a"]}) for t in ("f=~a", "f~~f", "a~~a", "a~~b", "a~1")]
    ['f → a', 'Variance of f', 'Residual variance of a', 'Covariance of a and b', 'Intercept of a']
    """
    if "=~" in term:
        return term.replace("=~", " → ")
    one, _, other = term.partition("~~")
    if other and one != other:
        return f"Covariance of {one} and {other}"
    if other:
        return f"Variance of {one}" if one in factors else f"Residual variance of {one}"
    name = term.removesuffix("~1")
    return f"Mean of {name}" if name in factors else f"Intercept of {name}"


def factor_terms(fit: Estimates, subgroups: list[str], confidence: float) -> pd.DataFrame:
    """Return the rows of ``tidy()``: loadings, then (co)variances, then intercepts and means."""
    parted = [name.partition("@") for name in fit.model.names]
    table = coefficient_rows(
        [term for term, _, _ in parted],
        fit.theta,
        fit.bse.to_numpy(),
        fit.df,
        confidence=confidence,
    )
    which = [subgroups[int(k)] if k else "" for _, _, k in parted]
    table = table.assign(subgroup=which)
    variance = ["~~" in term and len({*term.split("~~")}) == 1 for term in table["term"]]
    table.loc[variance, ["statistic", "p_value"]] = np.nan
    kind = [0 if "=~" in term else 1 if "~~" in term else 2 for term in table["term"]]
    return table.iloc[np.argsort(kind, kind="stable")].reset_index(drop=True)
