"""The metrics a synthesis can pool: onto the scale where effects are normal, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ..core.arguments import checked_choice, numbers
from ..core.results import Z95
from ..errors import DesignError, listing, require_columns
from .reported import check_reported


@dataclass(frozen=True)
class Metric:
    """One metric: its name in words, its transformation, and how variances are found."""

    name: str
    title: str
    forward: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    """Derivative of `forward`, for standard errors given on the metric's own scale."""
    scale: str = "own"
    """What the pooling scale is called, for standard errors shown on it."""


def _same(x: np.ndarray) -> np.ndarray:
    return x


def _one(x: np.ndarray) -> np.ndarray:
    return np.ones_like(x)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "r", "correlation (pooled as Fisher's z)", np.arctanh, np.tanh,
            lambda r: 1 / (1 - r**2),
            scale="Fisher's z",
        ),
        Metric("smd", "standardised mean difference", _same, _same, _one),
        Metric(
            "proportion", "proportion (pooled as logit)", logit, expit, lambda p: 1 / (p * (1 - p)),
            scale="logit",
        ),
        Metric("log_odds_ratio", "log odds ratio", _same, _same, _one),
        Metric("mean_difference", "mean difference", _same, _same, _one),
        Metric("generic", "effect on its own scale", _same, _same, _one),
    )
}  # fmt: skip


def checked_metric(name: str) -> Metric:
    """Return the metric, or name the nearest."""
    return METRICS[checked_choice("metric", name, METRICS)]


def effects_on_scale(effects: pd.DataFrame, metric: Metric) -> tuple[pd.DataFrame, list[str]]:
    """Return ``yi`` and ``vi`` on the pooling scale, ``why_not`` for rows without, and messages.

    The variance comes from the first of these a row has: ``se``; ``ci_low`` and ``ci_high``
    (95 %); ``n`` (a correlation: 1 / (n - 3)) or ``events`` of ``n`` (a proportion). What a paper
    says of its precision comes first: a pooled row's n, or that of clustered data, is not it.
    """
    require_columns(effects.columns, ["estimate"] if metric.name != "proportion" else [],
                    what="the effects")  # fmt: skip
    reported = {name: numbers(effects, name, "the effects") if name in effects.columns
                else np.full(len(effects), np.nan)
                for name in ("estimate", "se", "ci_low", "ci_high", "n", "events")}  # fmt: skip
    check_reported(effects.index, metric.name, reported)
    estimate = reported["estimate"]
    messages: list[str] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric.name == "proportion":
            estimate = np.where(np.isnan(estimate), reported["events"] / reported["n"], estimate)
        yi = metric.forward(estimate)
        told, how = _told_variance(metric, estimate, reported)
        if metric.name == "proportion":
            yi, by_n, edge = _from_counts(yi, reported)
            used_half = edge & ~(told > 0)
            _refuse_one_end(yi, np.where(told > 0, told, by_n), used_half, reported)
            if used_half.any():
                messages.append(
                    f"{int(used_half.sum())} of {len(effects)} rows have no event or only events "
                    "and got half an event on either side, which moves the pool; method='GLMM' "
                    "needs none."
                )
        elif metric.name == "r":
            by_n = np.where(reported["n"] > 3, 1 / (reported["n"] - 3), np.nan)
        else:
            by_n = np.full(len(effects), np.nan)
        messages += _contradictions(effects.index, told, how, by_n, reported)
    vi = np.where(told > 0, told, by_n)
    why = np.where(~np.isfinite(yi), "no estimate", np.where(~(vi > 0), "no variance", ""))
    if metric.name == "proportion":
        end = np.isin(estimate, (0.0, 1.0)) & (why != "")
        why = np.where(end, "a share of 0 or 1 without counts", why)
    return pd.DataFrame({"yi": yi, "vi": vi, "why_not": why}, index=effects.index), messages


def _refuse_one_end(
    yi: np.ndarray, vi: np.ndarray, used_half: np.ndarray, reported: dict[str, np.ndarray]
) -> None:
    """Where nobody had the event in any study, the pool would be made of added halves alone."""
    pooled = used_half | (np.isfinite(yi) & (vi > 0))
    if used_half.any() and (used_half == pooled).all() and (np.ptp(np.sign(yi[used_half])) == 0):
        n = int(np.nansum(reported["n"][used_half]))
        had = n if yi[used_half][0] > 0 else 0
        raise DesignError(
            f"{had} of {n} people in all studies together had the event; a pool of logits would "
            "be made of the half events added. Report the counts, with an exact interval."
        )


def _told_variance(
    metric: Metric, estimate: np.ndarray, reported: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance by `se` or else by the interval, and which of them it was."""
    by_se = (reported["se"] * metric.slope(estimate)) ** 2
    width = metric.forward(reported["ci_high"]) - metric.forward(reported["ci_low"])
    by_interval = (width / (2 * Z95)) ** 2
    usable = np.isfinite(by_se) & (by_se > 0)
    found = np.where(usable, by_se, by_interval)
    return np.where(np.isfinite(found), found, np.nan), np.where(usable, "se", "interval")


def _contradictions(
    index: pd.Index,
    told: np.ndarray,
    how: np.ndarray,
    by_n: np.ndarray,
    reported: dict[str, np.ndarray],
) -> list[str]:
    """Name the rows whose n says another precision than their se or interval, with both.

    A tenth is let pass, since se are printed with two digits, and for an interval what two
    decimals of its ends make.
    """
    width = reported["ci_high"] - reported["ci_low"]
    slack = 0.10 + np.where((how == "interval") & (width > 0), 0.01 / width, 0.0)
    ratio = np.sqrt(told / by_n)
    far = np.isfinite(ratio) & (np.abs(np.log(ratio)) > np.log1p(slack))
    if not far.any():
        return []
    pairs = [
        f"{index[i]} ({np.sqrt(told[i]):.3g} by {how[i]}, {np.sqrt(by_n[i]):.3g} by n)"
        for i in np.flatnonzero(far).tolist()
    ]
    return [
        "The se or interval was used where n says another standard error (on the pooling scale): "
        f"rows {listing(pairs)}. Look whether n is that of this effect."
    ]


def _from_counts(
    yi: np.ndarray, columns: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logit and variance from counts; 0 or all events get half an event on either side."""
    n = columns["n"]
    x = np.where(np.isnan(columns["events"]), expit(yi) * n, columns["events"])
    counted = np.isfinite(x) & (n > 0)
    edge = counted & ((x == 0) | (x == n))
    x, rest = x + 0.5 * edge, n - x + 0.5 * edge
    # Where counts and estimate are both told, the counts have more digits.
    logit_of_counts = np.log(x / rest)
    return (
        np.where(counted, logit_of_counts, yi), np.where(counted, 1 / x + 1 / rest, np.nan), edge
    )  # fmt: skip
