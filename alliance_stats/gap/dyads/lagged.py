"""Effects of the session before, without the bias that deviations from few sessions have.

For a dyad with T usable sessions let u be both raters' residuals and M the centring over these
sessions. Least squares of deviations solves sum x'M(y - x A) = 0, whose expectation is not zero:
the session before holds all residuals up to it, and the dyad's mean holds them too. With effects
A and residual covariance S the expectation is - sum over t, s < t of A^(t - s - 1) S / T, whatever
the start (Breitung, Kripfganz & Hayakawa 2022, doi 10.1016/j.ecosta.2021.07.001). Here t and s are
session numbers, so missed sessions count as time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..pairs import RATERS

STEPS = 500
CLOSE = 1e-10
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Sums:
    """By dyad: products of predictors (both lags, session) and outcomes, and distances."""

    xx: Array
    xy: Array
    yy: Array
    free: Array
    distances: Array

    @property
    def n(self) -> int:
        """Return the number of dyads."""
        return len(self.free)


@dataclass(frozen=True, eq=False)
class Estimates:
    """By row of weights: ``effects[:, rater, of]``, residual covariance, whether solved."""

    effects: Array
    noise: Array
    solved: Array


def sums_of(rows: pd.DataFrame) -> Sums:
    """Return each dyad's sums; the ratings are deviations from the dyad's means already."""
    codes, names = pd.factorize(rows["client_id"], sort=True)
    session = rows["session"].to_numpy(dtype=float)
    count = np.bincount(codes).astype(float)
    centred = session - (np.bincount(codes, session) / count)[codes]
    x = np.column_stack([rows[[f"{rater}_lag1" for rater in RATERS]].to_numpy(), centred])
    y = rows[list(RATERS)].to_numpy(dtype=float)

    def by_dyad(a: Array, b: Array) -> Array:
        products = a[:, :, None] * b[:, None, :]
        out = np.zeros((len(names), *products.shape[1:]))
        np.add.at(out, codes, products)
        return out

    return Sums(by_dyad(x, x), by_dyad(x, y), by_dyad(y, y), count - 1, _distances(codes, session))


def _distances(codes: Array, session: Array) -> Array:
    """Return, by dyad and distance d - 1, how many pairs of sessions lie d apart, over T."""
    longest = 1
    each = []
    for code in range(int(codes.max()) + 1):
        own = session[codes == code]
        apart = own[:, None] - own[None, :]
        d = apart[apart > 0].astype(int)
        each.append(np.bincount(d)[1:] / len(own) if len(d) else np.zeros(1))
        longest = max(longest, len(each[-1]))
    out = np.zeros((len(each), longest))
    for code, counts in enumerate(each):
        out[code, : len(counts)] = counts
    return out


def solve(sums: Sums, weights: Array) -> Estimates:
    """Return effects for each row of dyad weights; NaN where no stable solution is found."""

    def total(values: Array) -> Array:
        return (weights @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:])

    xx, xy, yy = total(sums.xx), total(sums.xy), total(sums.yy)
    free, distances = weights @ sums.free, weights @ sums.distances
    size = np.sqrt(np.einsum("rii->ri", xx))  # predictors in their own units, for the inverse
    inverse = np.linalg.pinv(xx / size[:, :, None] / size[:, None, :])
    inverse = inverse / size[:, :, None] / size[:, None, :]
    beta = inverse @ xy
    done = np.zeros(len(weights), dtype=bool)
    noise = np.zeros((len(weights), 2, 2))
    for _ in range(STEPS):
        fitted = np.swapaxes(beta, 1, 2) @ xy
        noise = yy - fitted - np.swapaxes(fitted, 1, 2) + np.swapaxes(beta, 1, 2) @ xx @ beta
        noise = noise / free[:, None, None]
        bias = _bias(np.swapaxes(beta[:, :2], 1, 2), noise, distances)
        moved = xy.copy()
        moved[:, :2] += bias
        new = inverse @ moved
        # halves of steps: the plain iteration overshoots with very few sessions
        step = new - beta
        scale = np.abs(new).max(axis=(1, 2)) + 1.0
        done = np.abs(step).max(axis=(1, 2)) < CLOSE * scale
        beta = np.clip(beta + np.where(done[:, None, None], 1.0, 0.7) * step, -1e6, 1e6)
        if done.all():
            break
    effects = np.swapaxes(beta[:, :2], 1, 2)
    stable = np.abs(np.linalg.eigvals(effects)).max(axis=1) < 1
    lacking = ~(done & stable)
    effects[lacking], noise[lacking] = np.nan, np.nan
    return Estimates(effects, noise, ~lacking)


def _bias(effects: Array, noise: Array, distances: Array) -> Array:
    """Return the sum over distances of A^(d - 1) S, each as often as it occurs."""
    power = noise.copy()
    out = np.zeros_like(noise)
    for d in range(distances.shape[1]):
        out += distances[:, d, None, None] * power
        power = effects @ power
        np.clip(power, -1e12, 1e12, out=power)
    return out
