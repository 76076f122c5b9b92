"""How a model does with a therapist it has not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from .. import frailty
from .metrics import Predictions, logit

_LEAST_THERAPISTS = 5
_LEAST_EACH = 2  # clients who left and who stayed, before a therapist has an AUC


def by_therapist(data: Predictions, names: np.ndarray) -> pd.DataFrame:
    """Return ``therapist_id, n, n_events, observed, predicted, difference, auc, auc_se``."""
    rows = []
    for code, name in enumerate(names):
        own = data.cluster == code
        area, error = _area(data.y[own], data.p[own])
        rows.append(
            {
                "therapist_id": name,
                "n": int(own.sum()),
                "n_events": int(data.y[own].sum()),
                "observed": float(data.y[own].mean()),
                "predicted": float(data.p[own].mean()),
                "difference": float(data.y[own].mean() - data.p[own].mean()),
                "auc": area,
                "auc_se": error,
            }
        )
    return pd.DataFrame(rows)


def _area(y: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Return the AUC and its standard error (Hanley & McNeil 1982)."""
    gone, stay = p[y == 1], p[y == 0]
    m, n = len(gone), len(stay)
    if min(m, n) < _LEAST_EACH:
        return np.nan, np.nan
    order = (gone[:, None] > stay) + 0.5 * (gone[:, None] == stay)
    area = float(order.mean())
    # Kept off 0 and 1, where the formula gives no error at all to a handful of clients.
    safe = float(np.clip(area, 0.5 / (m * n), 1 - 0.5 / (m * n)))
    q1, q2 = safe / (2 - safe), 2 * safe**2 / (1 + safe)
    spread = safe * (1 - safe) + (m - 1) * (q1 - safe**2) + (n - 1) * (q2 - safe**2)
    return area, float(np.sqrt(spread / (m * n)))


def new_therapist(
    data: Predictions, table: pd.DataFrame, confidence: float
) -> tuple[pd.DataFrame, list[str]]:
    """Return performance in a new therapist, with prediction intervals.

    ``calibration_intercept``: a logistic model of the outcome with the predicted log odds as
    offset and a random intercept of the therapist. ``auc``: a random-effects mean of the
    therapists' own areas.
    """
    rows, why = [], []
    for name, found in (
        ("calibration_intercept", _calibration(data, confidence)),
        ("auc", _discrimination(table, confidence)),
    ):
        if isinstance(found, str):
            why.append(f"New therapist, {name}: {found}")
            found = (np.nan,) * 6
        rows.append((name, *found))
    columns = ["metric", "estimate", "conf_low", "conf_high", "sd_between", "prediction_low",
               "prediction_high"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns), why


def _calibration(data: Predictions, confidence: float) -> tuple[float, ...] | str:
    k = data.n_clusters
    if k < _LEAST_THERAPISTS:
        return f"{k} therapists are too few to say how they differ."
    sample = frailty.Sample(
        data.y, np.ones((len(data.y), 1)), data.cluster, k, "logit", offset=logit(data.p)
    )
    found = frailty.fit(sample, np.zeros(1))
    error = float(np.sqrt(found.cov[0, 0]))
    if not found.converged or not np.isfinite(error):
        return "the model of therapists did not converge."
    half = norm.ppf(0.5 + confidence / 2) * error
    wide = student.ppf(0.5 + confidence / 2, max(k - 2, 1)) * np.hypot(error, found.sd)
    at = float(found.beta[0])
    return at, at - half, at + half, found.sd, at - wide, at + wide


def _discrimination(table: pd.DataFrame, confidence: float) -> tuple[float, ...] | str:
    own = table.dropna(subset=["auc"])
    own = own[own["auc_se"] > 0]
    k = len(own)
    if k < _LEAST_THERAPISTS:
        return (
            f"{k} therapists have at least {_LEAST_EACH} clients who left and {_LEAST_EACH} who "
            f"stayed; {_LEAST_THERAPISTS} are needed."
        )
    y, v = own["auc"].to_numpy(), own["auc_se"].to_numpy() ** 2
    mean, error, between = _random_effects(y, v)
    t = student.ppf(0.5 + confidence / 2, k - 1)
    wide = student.ppf(0.5 + confidence / 2, k - 2) * np.hypot(error, between)
    keep = np.clip([mean - t * error, mean + t * error], 0, 1)
    return (mean, float(keep[0]), float(keep[1]), between,
            max(mean - wide, 0.0), min(mean + wide, 1.0))  # fmt: skip


def _random_effects(y: np.ndarray, v: np.ndarray) -> tuple[float, float, float]:
    """Return mean, Hartung-Knapp standard error and SD between (DerSimonian-Laird)."""
    w = 1 / v
    fixed = (w @ y) / w.sum()
    excess = w @ (y - fixed) ** 2 - (len(y) - 1)
    tau2 = max(0.0, excess / (w.sum() - (w**2).sum() / w.sum()))
    w = 1 / (v + tau2)
    mean = float((w @ y) / w.sum())
    error = np.sqrt((w @ (y - mean) ** 2) / (len(y) - 1) / w.sum())
    return mean, float(error), float(np.sqrt(tau2))
