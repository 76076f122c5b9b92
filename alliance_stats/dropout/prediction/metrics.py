"""Performance of predicted probabilities. Each number can be weighted, so that it can be resampled.

Discrimination compares clients of one fold only: probabilities of different folds come from
different models, and comparing them would charge a model with the difference of base rates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

EDGE = 1e-6  # probabilities are kept so far from 0 and 1 before a logarithm is taken
_STEPS = 30


@dataclass(frozen=True)
class Predictions:
    """Outcome, predicted probability, probability by the base rate, fold and cluster codes."""

    y: np.ndarray
    p: np.ndarray
    base: np.ndarray
    fold: np.ndarray
    cluster: np.ndarray

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max()) + 1


def logit(p: np.ndarray) -> np.ndarray:
    """Return the log odds of probabilities, kept away from 0 and 1."""
    safe = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(np.log(safe / (1 - safe)))


def concordance(data: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each pair of clusters, how many pairs of clients are in order, and how many.

    A pair is a client who left (of the first cluster) and one who stayed (of the second) in the
    same fold; ties count half.
    """
    k = data.n_clusters
    right, pairs = np.zeros((k, k)), np.zeros((k, k))
    for fold in np.unique(data.fold):
        here = data.fold == fold
        gone = np.flatnonzero(here & (data.y == 1))
        stay = np.flatnonzero(here & (data.y == 0))
        order = (data.p[gone][:, None] > data.p[stay]) + 0.5 * (
            data.p[gone][:, None] == data.p[stay]
        )
        by_stay = np.zeros((len(gone), k))
        count = np.zeros(k)
        np.add.at(count, data.cluster[stay], 1.0)
        for code in np.unique(data.cluster[stay]):
            by_stay[:, code] = order[:, data.cluster[stay] == code].sum(axis=1)
        np.add.at(right, data.cluster[gone], by_stay)
        np.add.at(pairs, data.cluster[gone], np.broadcast_to(count, (len(gone), k)))
    return right, pairs


def auc(right: np.ndarray, pairs: np.ndarray, weight: np.ndarray) -> float:
    """Return the share of pairs in order, clusters weighted."""
    total = weight @ pairs @ weight
    return float(weight @ right @ weight / total) if total > 0 else np.nan


def brier(data: Predictions, w: np.ndarray) -> float:
    """Return the weighted mean squared error of the probabilities."""
    return _mean((data.y - data.p) ** 2, w)


def _mean(values: np.ndarray, w: np.ndarray) -> float:
    """Return the weighted mean; NaN where nobody was drawn."""
    total = w.sum()
    return float(w @ values / total) if total > 0 else np.nan


def scaled_brier(data: Predictions, w: np.ndarray) -> float:
    """Return 1 - Brier / Brier of the base rate of the training folds."""
    reference = _mean((data.y - data.base) ** 2, w)
    return 1 - brier(data, w) / reference if reference > 0 else np.nan


def weighted_logistic(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, offset: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return maximum likelihood coefficients by Newton steps; NaN where there is no maximum.

    No multilevel model: calibration is of predictions over all clients. Intervals draw therapists
    (hence the weights); how therapists differ is asked in `therapists`.
    """
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + offset, -35, 35)))
        gradient = x.T @ (w * (y - p))
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return np.full(x.shape[1], np.nan)
        step *= min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            return beta
    return np.full(x.shape[1], np.nan)


def calibration_intercept(data: Predictions, w: np.ndarray) -> float:
    """Return calibration in the large: the shift of all log odds that would make it right."""
    ones = np.ones((len(data.y), 1))
    return float(weighted_logistic(ones, data.y, w, logit(data.p))[0])


def calibration_slope(data: Predictions, w: np.ndarray) -> float:
    """Return the slope of the outcome's log odds on the predicted log odds, within folds.

    Each fold has an intercept of its own: a test fold with many dropouts leaves few to train on,
    which pulls a slope over pooled folds down. Folds with one outcome only say nothing of it.
    """
    z, fold = _within_folds(data, w)
    if len(z) == 0 or np.ptp(z) < 1e-9:
        return np.nan
    use = fold >= 0
    own = (fold[use][:, None] == np.unique(fold[use])).astype(float)
    return float(weighted_logistic(np.column_stack([own, z[use]]), data.y[use], w[use])[-1])


def slope_error(data: Predictions) -> float:
    """Return the standard error a slope would have at least, from the spread of the log odds.

    With nearly equal predictions it is large, whatever the outcome was; the square root of the
    inverse of the information of a logistic model whose clients all have the average risk.
    """
    each = np.ones(len(data.y))
    z, fold = _within_folds(data, each)
    risk = data.y.mean()
    information = risk * (1 - risk) * float((z[fold >= 0] ** 2).sum())
    return float(1 / np.sqrt(information)) if information > 0 else np.inf


def _within_folds(data: Predictions, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log odds less their fold's mean, and the fold (-1 where it has one outcome only)."""
    codes = np.unique(data.fold, return_inverse=True)[1]
    total = np.bincount(codes, weights=w)
    gone = np.bincount(codes, weights=w * data.y)
    z = logit(data.p)
    mean = np.bincount(codes, weights=w * z) / np.maximum(total, 1e-300)
    both = (gone > 0) & (gone < total)
    return np.where(both[codes], z - mean[codes], 0.0), np.where(both[codes], codes, -1)


def ici_if_calibrated(data: Predictions, seed: int, draws: int = 200) -> float:
    """Return the ICI to be expected though every probability were right: it has a floor above 0."""
    rng = np.random.default_rng(seed)
    each = np.ones(len(data.p))
    found = [
        ici(replace(data, y=(rng.random(len(data.p)) < data.p).astype(float)), each)
        for _ in range(draws)
    ]
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if len(known) >= draws / 2 else np.nan


def observed_curve(data: Predictions, w: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """Return the flexible calibration curve: the observed share at predicted probabilities.

    A logistic regression on a restricted cubic spline of the predicted log odds, knots at the
    10th, 50th and 90th percentile (Harrell 2015, ISBN 978-3-319-19424-0).
    """
    z = logit(data.p)
    knots = np.quantile(z, [0.1, 0.5, 0.9])
    goal = z if at is None else logit(at)
    if knots[2] - knots[0] < 1e-6 or knots[1] in (knots[0], knots[2]):
        return np.full(len(goal), np.nan)
    beta = weighted_logistic(_spline(z, knots), data.y, w)
    return np.asarray(1 / (1 + np.exp(-np.clip(_spline(goal, knots) @ beta, -35, 35))))


def _spline(z: np.ndarray, knots: np.ndarray) -> np.ndarray:
    low, middle, high = knots
    cube = [np.maximum(z - k, 0.0) ** 3 for k in knots]
    bend = cube[0] - (cube[1] * (high - low) - cube[2] * (middle - low)) / (high - middle)
    return np.column_stack([np.ones(len(z)), z, bend / (high - low) ** 2])


def ici(data: Predictions, w: np.ndarray) -> float:
    """Return the mean distance of predicted and observed probability (Austin & Steyerberg 2019)."""
    curve = observed_curve(data, w)
    return _mean(np.abs(curve - data.p), w)


def net_benefit(y: np.ndarray, p: np.ndarray, w: np.ndarray, threshold: float) -> float:
    """Return true positives minus false positives, weighed by the odds of the threshold."""
    treated = p >= threshold
    total = w.sum()
    right, wrong = w[treated & (y == 1)].sum(), w[treated & (y == 0)].sum()
    return float(right / total - wrong / total * threshold / (1 - threshold))
