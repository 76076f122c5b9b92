"""How a model does with a therapist it has not seen.

The area under the curve in a new therapist is the mean of the therapists' own areas, each weighted
by what its clients can say (m n / (m + n + 1) for m who left and n who stayed). Such an area is
unbiased however few the clients are, which inverse variances are not: there an area of 1 counts
for more than an area of .6. How much therapists differ is what their areas scatter beyond the
error of each, which is estimated from pairs of clients who share none (so without bias, too).
Simulated coverage of both intervals: docs/dropout.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...errors import DesignError
from ...inference.distributions import half_width, t_two_sided
from ...multilevel.fit import fitted_outcome
from ...multilevel.outcomes.reading import Asked
from ...multilevel.outcomes.result import OutcomeFit
from .metrics import Predictions, logit

LEAST_THERAPISTS = 10  # who have clients of both outcomes; with fewer the intervals do not hold
_LARGEST_SD = 6.0  # of log odds: with more, an interval says nothing
_LEAST_EACH = 5  # clients of each outcome, before a single therapist's area is shown
_COLUMNS = ("metric", "estimate", "conf_low", "conf_high", "sd_between", "prediction_low",
            "prediction_high")  # fmt: skip


@dataclass(frozen=True)
class Areas:
    """The areas of therapists with both outcomes, their weights, and their error variances.

    A variance is NaN with fewer than two clients of either outcome.
    """

    area: np.ndarray
    variance: np.ndarray
    weight: np.ndarray


def by_therapist(data: Predictions, names: np.ndarray) -> pd.DataFrame:
    """Return ``therapist_id, n, n_events, observed, predicted, difference, auc, auc_se``."""
    rows = []
    for code, name in enumerate(names):
        own = data.cluster == code
        y, p = data.y[own], data.p[own]
        area, error = _shown_area(y, p)
        seen, said = float(y.mean()), float(p.mean())
        rows.append((name, len(y), int(y.sum()), seen, said, seen - said, area, error))
    columns = ["therapist_id", "n", "n_events", "observed", "predicted", "difference", "auc",
               "auc_se"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _shown_area(y: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Return one therapist's area and its standard error (DeLong et al. 1988)."""
    if min(y.sum(), (1 - y).sum()) < _LEAST_EACH:
        return np.nan, np.nan
    order = _order(y, p)
    spread = sum(order.mean(axis=a).var(ddof=1) / order.shape[1 - a] for a in (0, 1))
    return float(order.mean()), float(np.sqrt(spread)) if spread > 0 else np.nan


def _order(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return for each who left and each who stayed whether they are in order; ties count half."""
    gone, stay = p[y == 1][:, None], p[y == 0]
    return np.asarray((gone > stay) + 0.5 * (gone == stay))


def areas(data: Predictions) -> Areas:
    """Return the areas of all therapists who have clients of both outcomes."""
    rows = []
    for code in range(data.n_clusters):
        own = data.cluster == code
        order = _order(data.y[own], data.p[own])
        m, n = order.shape
        if min(m, n) == 0:
            continue
        area, variance = float(order.mean()), np.nan
        if min(m, n) > 1:
            # The mean product of two pairs that share no client estimates the square of the area
            # without its error.
            both = (order.sum() ** 2 - (order.sum(axis=1) ** 2).sum()
                    - (order.sum(axis=0) ** 2).sum() + (order**2).sum())  # fmt: skip
            variance = area**2 - float(both) / (m * (m - 1) * n * (n - 1))
        rows.append((area, variance, m * n / (m + n + 1)))
    return Areas(*np.array(rows).reshape(-1, 3).T)


def new_therapist(data: Predictions, confidence: float) -> tuple[pd.DataFrame, list[str]]:
    """Return performance in a new therapist, with prediction intervals.

    ``calibration_intercept``: a logistic model of the outcome with the predicted log odds as
    offset and a random intercept of the therapist. ``auc``: the mean of the therapists' own areas;
    its ``sd_between`` is on the scale of areas. Both prediction intervals take what therapists
    differ one standard error above its estimate: with an estimate taken as the truth they hold
    too few.
    """
    rows, why = [], []
    for name, found in (
        ("calibration_intercept", _calibration(data, confidence)),
        ("auc", _discrimination(areas(data), confidence)),
    ):
        if isinstance(found, str):
            why.append(f"New therapist, {name}: {found}")
            found = (np.nan,) * 6
        rows.append((name, *found))
    return pd.DataFrame(rows, columns=list(_COLUMNS)), why


def none_shown(reason: str) -> tuple[pd.DataFrame, list[str]]:
    """Return rows without numbers, and why."""
    blank = (np.nan,) * 6
    rows = [("calibration_intercept", *blank), ("auc", *blank)]
    return pd.DataFrame(rows, columns=list(_COLUMNS)), [f"New therapist: {reason}"]


def _calibration(data: Predictions, confidence: float) -> tuple[float, ...] | str:
    k = data.n_clusters
    if k < LEAST_THERAPISTS:
        return f"{k} therapists are too few to say how they differ; {LEAST_THERAPISTS} are needed."
    rows = pd.DataFrame({"left": data.y, "said": logit(data.p), "therapist_id": data.cluster})
    asked = Asked("binomial", offset="said")
    try:
        fit = fitted_outcome("left ~ 1 + (1 | therapist_id)", rows, asked)
    except DesignError:  # each therapist's clients all left or all stayed
        return "how much therapists differ cannot be told from these clients."
    if not fit.converged:
        return "the model of therapists did not converge."
    at, sd = float(fit.params.iloc[0]), float(fit.varcomp["sdcor"].iloc[0])
    error, far = float(fit.bse.iloc[0]), _sd_above(fit)
    if not np.isfinite([error, far]).all():
        return "how much therapists differ cannot be told from these clients."
    half = float(half_width(error, k - 1, confidence))
    wide = float(half_width(np.hypot(error, far), k - 2, confidence))
    return at, at - half, at + half, sd, at - wide, at + wide


def _sd_above(fit: OutcomeFit) -> float:
    """Return the SD, one standard error above its estimate, by the profile likelihood.

    It is there where the estimate is 0 too.
    """
    one_error = 1 - t_two_sided(1.0, np.inf)
    found = float(fit.profile_ci(["random"], confidence=float(one_error))["conf_high"].iloc[0])
    return found if found <= _LARGEST_SD else np.nan


def _discrimination(found: Areas, confidence: float) -> tuple[float, ...] | str:
    two = np.isfinite(found.variance)
    if two.sum() < LEAST_THERAPISTS:
        return (
            f"{int(two.sum())} therapists have two clients or more who left and two who stayed; "
            f"{LEAST_THERAPISTS} are needed."
        )
    share = found.weight / found.weight.sum()
    mean = float(share @ found.area)
    if not 0 < mean < 1:
        return "every pair of clients is in the same order, so nothing says how sure that is."
    # The jackknife's error; its degrees of freedom are those of as many equal therapists.
    error = float(np.sqrt((share**2 * (found.area - mean) ** 2 / (1 - share) ** 2).sum()))
    df = (found.weight**2).sum() ** 2 / (found.weight**4).sum() - 1
    between, unsure = _between(found.area[two], found.variance[two], found.weight[two])
    scale = mean * (1 - mean)
    half = half_width(error, df, confidence) / scale
    spread = np.sqrt(error**2 + max(between + unsure, 0.0))
    wide = half_width(spread, two.sum() - 2, confidence) / scale
    centre = float(np.log(mean / (1 - mean)))
    low, high, far_low, far_high = (
        float(1 / (1 + np.exp(-(centre + step)))) for step in (-half, half, -wide, wide)
    )
    return mean, low, high, float(np.sqrt(max(between, 0.0))), far_low, far_high


def _between(area: np.ndarray, variance: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return the variance of areas between therapists (moments), and its jackknife error."""

    def estimate(keep: np.ndarray) -> float:
        a, v, w = area[keep], variance[keep], weight[keep]
        share = w / w.sum()
        free = w * (1 - share)
        return float((w @ (a - share @ a) ** 2 - free @ v) / free.sum())

    k = np.arange(len(area))
    without = np.array([estimate(k != one) for one in k])
    spread = (len(k) - 1) / len(k) * ((without - without.mean()) ** 2).sum()
    return estimate(k >= 0), float(np.sqrt(spread))
