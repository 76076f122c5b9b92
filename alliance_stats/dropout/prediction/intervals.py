"""Performance with intervals that respect therapists: whole clusters are drawn again.

What is estimated is the worth of the models that were fitted in the folds, in new clients of new
therapists. Drawing tested clients again leaves out that test clients of one fold trained the
models of the others. For Brier, calibration in the large and the slope that matters little;
intervals of scaled Brier and ICI are widened by Nadeau & Bengio's (2003, doi
10.1023/A:1024068626366) factor. The AUC is widened too, unless even then chance (.5)
lies outside: once it is clear that the models predict, they are much the same in all folds. All
intervals are widened for a small number of clusters. Simulated coverage: docs/dropout.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from ...errors import listing
from ...inference.cluster_bootstrap import percentiles
from ..checks import number_of
from . import metrics
from .metrics import Predictions

METRICS: dict[str, Callable[[Predictions, np.ndarray], float]] = {
    "brier": metrics.brier,
    "scaled_brier": metrics.scaled_brier,
    "calibration_intercept": metrics.calibration_intercept,
    "calibration_slope": metrics.calibration_slope,
    "ici": metrics.ici,
}
BOUNDS = {"auc": (0.0, 1.0), "brier": (0.0, 1.0), "ici": (0.0, 1.0), "scaled_brier": (-np.inf, 1.0)}
NEEDS_SPREAD = ("calibration_slope", "ici")
TRAINED = ("scaled_brier", "ici")  # widened for the training of the models
SLOPE_ERROR = 0.5  # with more, an interval could not tell a slope of 1 from one of 0
LEAST_OF_GROUP, LEAST_CLUSTERS = 5, 5
_LEAST = 0.8  # of the replicates must have a value before an interval is shown


def widening(folds: int) -> float:
    """Return the square root of 1 + n tested / n trained, over all folds."""
    return float(np.sqrt(1 + folds / (folds - 1)))


def for_few(clusters: int, confidence: float) -> float:
    """Return by how much percentiles of drawn clusters are too narrow with few of them."""
    if clusters < 2:
        return np.nan
    tail = 0.5 + confidence / 2
    spread = student.ppf(tail, clusters - 1) / norm.ppf(tail)
    return float(spread * np.sqrt(clusters / (clusters - 1)))


def limits(
    values: np.ndarray,
    estimate: float,
    confidence: float,
    widen: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """Return limits around the estimate; NaN where too many replicates have no value."""
    known = values[np.isfinite(values)]
    if len(known) < _LEAST * len(values):
        return np.nan, np.nan
    low, high = percentiles(known, confidence)
    half = widen * float(high - low) / 2
    return max(estimate - half, bounds[0]), min(estimate + half, bounds[1])


def _again(
    measure: Callable[[np.ndarray], Any], data: Predictions, weights: np.ndarray
) -> np.ndarray:
    """Return a measure of weighted clients in every draw of clusters."""
    return np.array([measure(w[data.cluster].astype(float)) for w in weights])


def performance(
    data: Predictions,
    weights: np.ndarray,
    confidence: float,
    *,
    constant: bool,
    seed: int = 0,
    but: tuple[str, ...] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Return ``metric, estimate, conf_low, conf_high, if_calibrated`` of one model, and reasons.

    `constant` leaves out what a model without any predictor cannot have, `but` what is not asked.
    """
    few = for_few(data.n_clusters, confidence)
    trained = _trained(data, confidence)
    right, pairs = metrics.concordance(data)
    area = metrics.auc(right, pairs, np.ones(data.n_clusters))
    again = np.array([metrics.auc(right, pairs, w) for w in weights])
    wide = limits(again, area, confidence, trained, BOUNDS["auc"])
    chance = not (wide[0] > 0.5 or wide[1] < 0.5)
    rows = [("auc", area, *(wide if chance else limits(again, area, confidence, few, (0.0, 1.0))))]
    absent, said = _absent(data, constant)
    each = np.ones(len(data.y))
    for name, function in METRICS.items():
        if name in but:
            continue
        if name in absent:
            rows.append((name, np.nan, np.nan, np.nan))
            continue
        own = function(data, each)
        again = _again(partial(function, data), data, weights)
        factor = trained if name in TRAINED else few
        bounds = BOUNDS.get(name, (-np.inf, np.inf))
        rows.append((name, own, *limits(again, own, confidence, factor, bounds)))
    table = pd.DataFrame(rows, columns=["metric", "estimate", "conf_low", "conf_high"])
    right_value = {"calibration_intercept": 0.0}
    if not constant:
        right_value["calibration_slope"] = 1.0
    if not constant and "ici" not in but:
        right_value["ici"] = metrics.ici_if_calibrated(data, seed)
    return table.assign(if_calibrated=table["metric"].map(right_value)), said


def _absent(data: Predictions, constant: bool) -> tuple[tuple[str, ...], list[str]]:
    """Return the metrics the predictions cannot carry, and why."""
    if constant:
        return NEEDS_SPREAD, []
    error = metrics.slope_error(data)
    if error <= SLOPE_ERROR:
        return (), []
    spread = float(np.std(metrics.logit(data.p)))
    return ("calibration_slope",), [
        f"the calibration slope is not shown: the predicted log odds hardly differ (SD "
        f"{spread:.2f}), and its standard error of {'over 9' if error > 9 else f'{error:.1f}'} "
        "could not tell a right model (1) from a worthless one (0)."
    ]


def _trained(data: Predictions, confidence: float) -> float:
    return for_few(data.n_clusters, confidence) * widening(max(len(np.unique(data.fold)), 2))


def calibration_curve(
    data: Predictions, weights: np.ndarray, confidence: float, points: int = 50
) -> pd.DataFrame:
    """Return the flexible curve over the central range of the predictions, with its band."""
    low, high = (float(q) for q in np.quantile(data.p, [0.02, 0.98]))
    at = np.linspace(low, high, points)
    own = metrics.observed_curve(data, np.ones(len(data.y)), at)
    again = _again(lambda w: metrics.observed_curve(data, w, at), data, weights)
    widen = _trained(data, confidence)
    bands = np.array(
        [limits(v, e, confidence, widen, (0.0, 1.0)) for v, e in zip(again.T, own, strict=True)]
    )
    return pd.DataFrame(
        {"predicted": at, "observed": own, "conf_low": bands[:, 0], "conf_high": bands[:, 1]}
    )


def decision_curve(
    data: Predictions, weights: np.ndarray, thresholds: np.ndarray, confidence: float
) -> pd.DataFrame:
    """Return the net benefit of the model and of treating all, at each threshold."""
    rows = []
    few, widen = for_few(data.n_clusters, confidence), _trained(data, confidence)
    all_treated = np.ones(len(data.y))
    for threshold in thresholds:
        for strategy, p in (("model", data.p), ("treat_all", all_treated)):
            benefit = partial(metrics.net_benefit, data.y, p, threshold=threshold)
            values = _again(benefit, data, weights)
            own = benefit(np.ones(len(data.y)))
            # Treating all needs no model, so nothing is to be added for its training.
            factor = widen if strategy == "model" else few
            rows.append((strategy, threshold, own, *limits(values, own, confidence, factor)))
        rows.append(("treat_none", threshold, 0.0, 0.0, 0.0))
    columns = ["strategy", "threshold", "net_benefit", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)


def by_group(
    data: Predictions, group: pd.Series, weights: np.ndarray, confidence: float
) -> tuple[pd.DataFrame, list[str]]:
    """Return the performance within each group of clients, and what could not be shown."""
    rows: list[tuple[object, ...]] = []
    said: list[str] = []
    flat: list[str] = []
    for name, positions in group.groupby(group.to_numpy()).indices.items():
        codes, drawn = np.unique(data.cluster[positions], return_inverse=True)
        part = Predictions(
            data.y[positions], data.p[positions], data.base[positions], data.fold[positions], drawn
        )
        events = int(part.y.sum())
        counts = (str(name), len(part.y), events, len(codes))
        if min(events, len(part.y) - events) < LEAST_OF_GROUP:
            rows.append((*counts, "all", np.nan, np.nan, np.nan))
            said.append(
                f"'{name}': {events} of {len(part.y)} clients dropped out; with fewer than "
                f"{LEAST_OF_GROUP} on either side nothing is shown."
            )
            continue
        if len(codes) < LEAST_CLUSTERS:
            said.append(
                f"'{name}': {number_of(len(codes), 'cluster', 'is')} too few for an interval."
            )
        # A group's clusters are drawn within the whole's draws, so their number varies too.
        own = weights[:, codes]
        found, why = performance(part, own, confidence, constant=False, but=("ici",))
        shown = found.drop(columns="if_calibrated")
        if why:
            flat.append(f"'{name}'")
        if len(codes) < LEAST_CLUSTERS:
            shown = shown.assign(conf_low=np.nan, conf_high=np.nan)
        rows += [(*counts, *row) for row in shown.itertuples(index=False)]
    columns = ["group", "n", "n_events", "n_clusters", "metric", "estimate", "conf_low",
               "conf_high"]  # fmt: skip
    if flat:
        said.append(f"{listing(flat)}: no calibration slope, since predictions hardly differ.")
    return pd.DataFrame(rows, columns=columns), said
