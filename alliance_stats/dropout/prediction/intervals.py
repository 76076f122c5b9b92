"""Performance with intervals that respect therapists: whole clusters are drawn again.

Drawing tested clients again leaves out that another sample would have trained other models. The
folds' training sets overlap, so this cannot be read off the folds; the intervals are widened by
Nadeau & Bengio's (2003, doi 10.1023/A:1024068626366) factor. With pure noise they then hold .5
in 95 % of runs or somewhat more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

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
_LEAST = 0.8  # of the replicates must have a value before an interval is shown


def draws(n_clusters: int, replicates: int, seed: int) -> np.ndarray:
    """Return how often each cluster is drawn in each replicate, shape (replicates, clusters)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=replicates)


def widening(folds: int) -> float:
    """Return the square root of 1 + n tested / n trained, over all folds."""
    return float(np.sqrt(1 + folds / (folds - 1)))


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
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    half = widen * float(high - low) / 2
    return max(estimate - half, bounds[0]), min(estimate + half, bounds[1])


def performance(
    data: Predictions, weights: np.ndarray, confidence: float, *, constant: bool
) -> pd.DataFrame:
    """Return ``metric, estimate, conf_low, conf_high`` of one model.

    `constant` leaves out what a model without any predictor cannot have.
    """
    widen = widening(len(np.unique(data.fold)))
    right, pairs = metrics.concordance(data)
    again = [metrics.auc(right, pairs, w) for w in weights]
    own = {"auc": (metrics.auc(right, pairs, np.ones(data.n_clusters)), np.array(again))}
    each = np.ones(len(data.y))
    for name, function in METRICS.items():
        if constant and name in NEEDS_SPREAD:
            own[name] = (np.nan, np.full(len(weights), np.nan))
            continue
        again = [function(data, w[data.cluster].astype(float)) for w in weights]
        own[name] = (function(data, each), np.array(again))
    rows = [
        (name, at, *limits(values, at, confidence, widen, BOUNDS.get(name, (-np.inf, np.inf))))
        for name, (at, values) in own.items()
    ]
    return pd.DataFrame(rows, columns=["metric", "estimate", "conf_low", "conf_high"])


def calibration_curve(
    data: Predictions, weights: np.ndarray, confidence: float, points: int = 50
) -> pd.DataFrame:
    """Return the flexible curve over the central range of the predictions, with its band."""
    low, high = (float(q) for q in np.quantile(data.p, [0.02, 0.98]))
    at = np.linspace(low, high, points)
    own = metrics.observed_curve(data, np.ones(len(data.y)), at)
    again = np.stack(
        [metrics.observed_curve(data, w[data.cluster].astype(float), at) for w in weights]
    )
    widen = widening(len(np.unique(data.fold)))
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
    widen = widening(len(np.unique(data.fold)))
    all_treated = np.ones(len(data.y))
    for threshold in thresholds:
        for strategy, p in (("model", data.p), ("treat_all", all_treated)):
            values = np.array(
                [
                    metrics.net_benefit(data.y, p, w[data.cluster].astype(float), threshold)
                    for w in weights
                ]
            )
            own = metrics.net_benefit(data.y, p, np.ones(len(data.y)), threshold)
            # Treating all needs no model, so nothing is to be added for its training.
            factor = widen if strategy == "model" else 1.0
            rows.append((strategy, threshold, own, *limits(values, own, confidence, factor)))
        rows.append(("treat_none", threshold, 0.0, 0.0, 0.0))
    columns = ["strategy", "threshold", "net_benefit", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)


def by_group(
    data: Predictions, group: pd.Series, weights: np.ndarray, confidence: float
) -> pd.DataFrame:
    """Return the performance within each group of clients, therapists drawn again as before."""
    rows = []
    for name, positions in group.groupby(group.to_numpy()).indices.items():
        part = Predictions(
            data.y[positions], data.p[positions], data.base[positions], data.fold[positions],
            data.cluster[positions],
        )  # fmt: skip
        events = int(part.y.sum())
        if min(events, len(part.y) - events) < 5:
            rows.append((str(name), len(part.y), events, "all", np.nan, np.nan, np.nan))
            continue
        own = weights[:, : part.n_clusters]
        found = performance(part, own, confidence, constant=False)
        shown = found[found["metric"] != "ici"].itertuples(index=False)
        rows += [(str(name), len(part.y), events, *row) for row in shown]
    columns = ["group", "n", "n_events", "metric", "estimate", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)
