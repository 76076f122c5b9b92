"""Could a whole specification curve be had if ruptures had nothing to do with the outcome?

Each client's outcomes are taken apart into level and common trend, what the client's own straight
line adds, and what is left. What is left is turned round in time by a random number of sessions,
forwards or backwards; the client's departure from the common trend keeps its size and gets a random
sign; then all is put together again. Level, spread and autocorrelation of every client stay, and so
do all ruptures; only the timing of one against the other is broken. Every specification is
evaluated on the same rearranged outcomes, so that the dependence between specifications is kept.
For the joint test and its three statistics: Simonsohn, Simmons & Nelson 2020, doi
10.1038/s41562-020-0912-z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core.results import Z95
from .fitting import Answer

Floats = npt.NDArray[np.float64]

BATCH = 250
JOINT = {
    "median": "Median estimate",
    "n_significant": "Estimates beyond 1.96 SE",
    "mean_z": "Mean z",
}
"""The joint statistics, and what they are called."""
"""Rearrangements held in memory at once."""


@dataclass(frozen=True)
class Parts:
    """Outcomes taken apart; the three sum to the outcomes."""

    common: Floats
    own: Floats
    left: Floats
    client: npt.NDArray[np.int64]

    def rearranged(self, times: int, rng: np.random.Generator) -> Floats:
        """Return so many rearrangements, one a row."""
        n = int(self.client[-1]) + 1
        sign = np.where(rng.random((times, n)) < 0.5, 1.0, -1.0)[:, self.client]
        return self.common + sign * self.own + self.left[turned(self.client, times, rng)]


def take_apart(rows: pd.DataFrame, response: str) -> Parts:
    """Return the parts of outcomes; rows sorted by client and session, none missing."""
    client = pd.factorize(rows["client_id"])[0].astype(np.int64)
    y = rows[response].to_numpy(dtype=float)
    t = rows["session"].to_numpy(dtype=float)
    n = np.bincount(client)
    t0 = t - (np.bincount(client, weights=t) / n)[client]
    mean = (np.bincount(client, weights=y) / n)[client]
    squares = np.bincount(client, weights=t0**2)
    products = np.bincount(client, weights=t0 * (y - mean))
    slope = np.divide(products, squares, out=np.zeros(len(n)), where=squares > 0)
    shared = products.sum() / squares.sum() if squares.sum() > 0 else 0.0
    common = mean + shared * t0
    own = np.where((squares > 0)[client], (slope[client] - shared) * t0, 0.0)
    return Parts(common, own, y - common - own, client)


def turned(client: npt.NDArray[np.int64], times: int, rng: np.random.Generator) -> npt.NDArray:
    """Return, a row a rearrangement, from where each position takes its residual.

    Rows must be sorted by client and session; client numbers count from 0 in that order.
    """
    n = np.bincount(client)
    start = np.concatenate([[0], np.cumsum(n)[:-1]])
    place = np.arange(len(client)) - start[client]
    shift = (rng.random((times, len(n))) * n).astype(np.int64)
    way = np.where(rng.random((times, len(n))) < 0.5, 1, -1)
    moved = (place * way[:, client] + shift[:, client]) % n[client]
    return start[client] + moved


def joint_test(
    answers: Sequence[Answer],
    ratings: pd.DataFrame,
    response: str,
    *,
    permutations: int,
    seed: int,
) -> tuple[pd.DataFrame, Floats]:
    """Return the three joint statistics with their p values, and the rearranged medians.

    Statistics: the median estimate; the number of specifications whose estimate in the dominant
    direction exceeds 1.96 standard errors; the mean z over specifications (Stouffer's, but for a
    constant). Estimates are the within-client least-squares slopes, standard errors those of the
    fitted models. All tests are two-sided: the dominant direction is found anew each time, and the
    median and the mean z are counted from their mean over the rearrangements.
    """
    able = [a for a in answers if a.rows.size and np.isfinite(a.numbers["std_error"])]
    table = pd.DataFrame({"statistic": list(JOINT)})
    if not able or permutations < 1:
        empty = dict.fromkeys(("observed", "expected", "p_value"), np.nan)
        return table.assign(n_specifications=len(able), **empty), np.zeros(0)
    seen = ratings.assign(_at=np.arange(len(ratings))).dropna(subset=[response])
    seen = seen.sort_values(["client_id", "session"], kind="stable")
    at = seen["_at"].to_numpy()
    parts = take_apart(seen, response)
    weights = _matrix(able, len(ratings))[:, at]
    error = np.array([a.numbers["std_error"] for a in able])
    observed = _statistics(weights @ seen[response].to_numpy(dtype=float), error)
    rng = np.random.default_rng(seed)
    drawn = []
    for first in range(0, permutations, BATCH):
        some = parts.rearranged(min(BATCH, permutations - first), rng)
        drawn.append(_statistics(weights @ some.T, error))
    null = np.concatenate(drawn, axis=1)
    expected = null.mean(axis=1)
    away, far = np.abs(null - expected[:, None]), np.abs(observed[:, 0] - expected)
    away[1], far[1] = null[1], observed[1, 0]
    p_value = (1 + (away >= far[:, None] - 1e-12).sum(axis=1)) / (permutations + 1)
    return table.assign(
        n_specifications=len(able), observed=observed[:, 0], expected=expected, p_value=p_value
    ), null[0]


def _matrix(answers: Sequence[Answer], n: int) -> Floats:
    weights = np.zeros((len(answers), n))
    for row, one in enumerate(answers):
        np.add.at(weights[row], one.rows, one.weights)
    return weights


def _statistics(estimate: Floats, error: Floats) -> Floats:
    """Return median, number significant in the dominant direction, mean z; a column a sample."""
    table = estimate.reshape(len(error), -1)
    z = table / error[:, None]
    strong = np.maximum((z > Z95).sum(axis=0), (z < -Z95).sum(axis=0))
    return np.vstack([np.median(table, axis=0), strong, z.mean(axis=0)])
