"""The metrics a synthesis can pool: onto the scale where effects are normal, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns


@dataclass(frozen=True)
class Metric:
    """One metric: its name in words, its transformation, and how variances are found."""

    name: str
    title: str
    forward: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    """Derivative of `forward`, for standard errors given on the metric's own scale."""


def _same(x: np.ndarray) -> np.ndarray:
    return x


def _one(x: np.ndarray) -> np.ndarray:
    return np.ones_like(x)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "r", "correlation (pooled as Fisher's z)", np.arctanh, np.tanh, lambda r: 1 / (1 - r**2)
        ),
        Metric("smd", "standardised mean difference", _same, _same, _one),
        Metric(
            "proportion", "proportion (pooled as logit)", logit, expit, lambda p: 1 / (p * (1 - p))
        ),
        Metric("log_odds_ratio", "log odds ratio", _same, _same, _one),
        Metric("mean_difference", "mean difference", _same, _same, _one),
        Metric("generic", "effect on its own scale", _same, _same, _one),
    )
}  # fmt: skip


def checked_metric(name: str) -> Metric:
    """Return the metric, or name the nearest."""
    if name not in METRICS:
        raise DesignError(
            f"metric must be one of {', '.join(METRICS)}, not {name!r}."
            f"{did_you_mean(name, METRICS)}"
        )
    return METRICS[name]


def effects_on_scale(effects: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return ``yi`` and ``vi`` on the pooling scale, with ``why_not`` for rows that have neither.

    The variance comes from the first of these a row has: counts (``events`` of ``n``) for a
    proportion; ``n`` for a correlation (1 / (n - 3)); ``se``; ``ci_low`` and ``ci_high`` (95 %).
    """
    require_columns(effects.columns, ["estimate"] if metric.name != "proportion" else [],
                    what="the effects")  # fmt: skip
    columns = {name: _numbers(effects, name) for name in
               ("estimate", "se", "ci_low", "ci_high", "n", "events")}  # fmt: skip
    estimate = columns["estimate"]
    if metric.name == "proportion":
        estimate = np.where(np.isnan(estimate), columns["events"] / columns["n"], estimate)
    _refuse_outside(effects, metric, estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        yi, vi = metric.forward(estimate), _variance(metric, estimate, columns)
        if metric.name == "proportion":
            yi, vi = _from_counts(yi, vi, columns)
    why = np.where(~np.isfinite(yi), "no estimate", np.where(~(vi > 0), "no variance", ""))
    return pd.DataFrame({"yi": yi, "vi": vi, "why_not": why}, index=effects.index)


def _numbers(effects: pd.DataFrame, name: str) -> np.ndarray:
    if name not in effects.columns:
        return np.full(len(effects), np.nan)
    values = pd.to_numeric(effects[name], errors="coerce")
    bad = values.isna() & effects[name].notna()
    if bad.any():
        raise ColumnError(
            f"Column '{name}' of the effects must hold numbers; rows {listing(effects.index[bad])} "
            f"do not (first value {effects[name][bad].iloc[0]!r})."
        )
    return values.to_numpy(dtype=float, na_value=np.nan)


def _refuse_outside(effects: pd.DataFrame, metric: Metric, estimate: np.ndarray) -> None:
    limits = {"r": (-1.0, 1.0), "proportion": (0.0, 1.0)}.get(metric.name)
    if limits is None:
        return
    outside = (estimate < limits[0]) | (estimate > limits[1])
    if metric.name == "r":
        outside |= np.abs(estimate) == 1
    if outside.any():
        rows = effects.index[outside]
        raise ColumnError(
            f"A {metric.name} must lie between {limits[0]:g} and {limits[1]:g}; rows "
            f"{listing(rows)} hold {listing(estimate[outside])}."
        )


def _variance(metric: Metric, estimate: np.ndarray, columns: dict[str, np.ndarray]) -> np.ndarray:
    by_se = (columns["se"] * metric.slope(estimate)) ** 2
    width = metric.forward(columns["ci_high"]) - metric.forward(columns["ci_low"])
    by_interval = (width / (2 * norm.ppf(0.975))) ** 2
    found = np.where(np.isnan(by_se), by_interval, by_se)
    if metric.name == "r":
        by_n = np.where(columns["n"] > 3, 1 / (columns["n"] - 3), np.nan)
        return np.where(np.isnan(by_n), found, by_n)
    return found


def _from_counts(
    yi: np.ndarray, vi: np.ndarray, columns: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Logit and its variance from counts; 0 or all events get half an event on either side."""
    n = columns["n"]
    x = np.where(np.isnan(columns["events"]), expit(yi) * n, columns["events"])
    edge = (x == 0) | (x == n)
    x, rest = x + 0.5 * edge, n - x + 0.5 * edge
    counted = np.isfinite(x) & np.isfinite(rest) & (n > 0)
    return np.where(counted, np.log(x / rest), yi), np.where(counted, 1 / x + 1 / rest, vi)
