"""Rows of ``tidy()`` and ``glance()``: their columns, and how a coefficient is tested."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.results import TIDY_COLUMNS
from .distributions import half_width, t_two_sided


def tidy_rows(
    term: Any,
    estimate: Any,
    std_error: Any = np.nan,
    *,
    effect: Any = "fixed",
    group: Any = "",
    **others: Any,
) -> pd.DataFrame:
    """Return rows of ``tidy()``; a column of the glossary that is not given is missing.

    Parameters
    ----------
    term, estimate, std_error
        One value, or one a row.
    effect, group
        As in `alliance_stats.core.results.TIDY_COLUMNS`.
    **others
        Further columns: of the glossary, or behind it.

    Examples
    --------
    >>> tidy_rows(["mean", "spread"], [0.5, 1.2], conf_low=[0.1, 0.9])[["term", "conf_low", "df"]]
         term  conf_low  df
    0    mean       0.1 NaN
    1  spread       0.9 NaN
    """
    given = {"effect": effect, "group": group, "term": term, "estimate": estimate}
    given |= {"std_error": std_error, **others}
    plain = {
        name: value.to_numpy() if isinstance(value, pd.Series | pd.Index) else value
        for name, value in given.items()
    }
    if not any(isinstance(value, np.ndarray | list | tuple) for value in plain.values()):
        plain["term"] = [term]
    table = pd.DataFrame(plain)
    return table.reindex(columns=list(dict.fromkeys([*TIDY_COLUMNS, *table.columns])))


def coefficient_rows(
    term: Any,
    estimate: Any,
    std_error: Any,
    df: Any = np.inf,
    *,
    group: Any = "",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return rows of ``tidy()`` with the t test and the interval of each estimate.

    By z where `df` is infinite.

    Examples
    --------
    >>> coefficient_rows(["session"], [-0.5], [0.2], 12.0)[["statistic", "p_value"]].round(3)
       statistic  p_value
    0       -2.5    0.028
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.asarray(estimate, dtype=float) / np.asarray(std_error, dtype=float)
    half = np.asarray(half_width(std_error, df, confidence))
    return tidy_rows(
        term,
        estimate,
        std_error,
        group=group,
        statistic=statistic,
        df=df,
        p_value=t_two_sided(statistic, df),
        conf_low=np.asarray(estimate) - half,
        conf_high=np.asarray(estimate) + half,
    )


def as_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of log ratios as ratios with their limits; a ratio has no standard error here."""
    limits = ["estimate", "conf_low", "conf_high"]
    return table.assign(**{name: np.exp(table[name]) for name in limits}, std_error=np.nan)


def glance_row(result: Any, *fields: str, **more: Any) -> pd.DataFrame:
    """Return the row of ``glance()``: fields of a result by their names, then what else is said."""
    return pd.DataFrame([{**{name: getattr(result, name) for name in fields}, **more}])


def t_row(
    estimate: float, std_error: float, df: float = np.inf, confidence: float = 0.95
) -> dict[str, float]:
    """Return one estimate with its t test (z where `df` is infinite) and interval, by name.

    Without a standard error above zero there is no p value.

    Examples
    --------
    >>> row = t_row(0.5, 0.2, 12)
    >>> round(row["p_value"], 3), round(row["conf_low"], 3)
    (0.028, 0.064)
    """
    half = half_width(std_error, df, confidence)
    p = t_two_sided(estimate / std_error, df) if std_error > 0 else np.nan
    values = {"estimate": estimate, "std_error": std_error, "df": df, "p_value": p}
    values |= {"conf_low": estimate - half, "conf_high": estimate + half}
    return {name: float(value) for name, value in values.items()}


def mean_row(values: np.ndarray, confidence: float = 0.95) -> dict[str, float]:
    """Return the mean of independent values, as `t_row` does; one value has no interval."""
    n = len(values)
    if n < 2:
        return {"estimate": float(values.mean())}
    return t_row(values.mean(), values.std(ddof=1) / np.sqrt(n), n - 1, confidence)
