"""What moves scores from session to session: a distribution of any skew, the normal one among them.

With G a gamma variate of shape k, log G less its mean and over its SD has mean 0, SD 1 and a skew
between 0 (k without end: the normal distribution) and -2 (an exponential tail below); turned about,
as much above. So a score far below need be no rupture where drift itself has a long tail. Written
with w = log G - log k, the log density is k (w - e^w + 1) but for a constant, which stays exact
where k is large.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import digamma, gammainc, gammaincc, gammaln, polygamma

from .model import Floats, Integers

LEAST = 1e-3
"""Skew that stands for none: nearer to none, sums lose the digits that the skew is told by."""
LARGEST_W = 300.0
"""Largest w that is told apart: its density is nothing."""
MANY = 1e4
"""Shape from which the constant is Stirling's."""
GRID = np.linspace(-8.0, 8.0, 801)
"""Standardised values between which log tails are interpolated; beyond, they go straight on."""
STEP = 1e-4
"""Step of the skew in which the change of log tails is looked up."""
NOTHING = 1e-280


def _skew(shape: float) -> float:
    return float(polygamma(2, shape) / polygamma(1, shape) ** 1.5)


@dataclass(frozen=True)
class Drift:
    """A distribution with mean 0, SD 1 and a skew.

    With v = `rate` z, w is v + `shift`; `by_skew` is the change of the shape with the skew, and
    `relative` that of log `rate` with the shape.
    """

    skew: float
    shape: float
    rate: float
    shift: float
    constant: float
    by_skew: float
    relative: float

    def w(self, z: Floats) -> Floats:
        """Return w at standardised values."""
        return np.minimum(self.rate * z + self.shift, LARGEST_W)

    def log_density(self, w: Floats) -> Floats:
        """Return the log density of z at these w."""
        return self.constant + self.shape * (w - np.expm1(w))

    def slope(self, w: Floats) -> Floats:
        """Return the derivative of the log density by z at these w."""
        return -self.rate * self.shape * np.expm1(w)

    def of_skew(self, n: float, z: float, slope: float, slope_z: float) -> float:
        """Return the derivative of an expected log density by the skew.

        From the expected number of values, their expected sum, and those of the slope and of slope
        times z.
        """
        by_shape = self.relative * (n + slope_z) + self.rate * (z + slope)
        return self.by_skew * by_shape

    def log_tail(self, end: float) -> Floats:
        """Return the log probability of values beyond `GRID`: above for 1, below for -1."""
        w = self.w(GRID)
        above = (end > 0) == (self.rate > 0)
        tail = (gammaincc if above else gammainc)(self.shape, self.shape * np.exp(w))
        far = self.log_density(w) - np.log(np.maximum(np.abs(self.slope(w)), 1.0))
        return np.where(tail > NOTHING, np.log(np.maximum(tail, NOTHING)), far)


@lru_cache(maxsize=64)
def drift(skew: float) -> Drift:
    """Return the distribution of this skew."""
    skew = skew if abs(skew) > LEAST else -LEAST
    low, high = np.log(1e-6), np.log(2 / LEAST**2)
    shape = float(np.exp(brentq(lambda one: _skew(np.exp(one)) + abs(skew), low, high, xtol=1e-14)))
    one, two, three = (float(polygamma(n, shape)) for n in (1, 2, 3))
    by_shape = three / one**1.5 - 1.5 * two**2 / one**2.5
    turn = -np.sign(skew)
    if shape > MANY:
        shift, constant = -1 / (2 * shape) - 1 / (12 * shape**2), -1 / (12 * shape)
        constant += 0.5 * np.log(shape / (2 * np.pi))
    else:
        shift = float(digamma(shape)) - np.log(shape)
        constant = shape * np.log(shape) - shape - float(gammaln(shape))
    return Drift(
        skew, shape, turn * np.sqrt(one), shift, constant + 0.5 * np.log(one), turn / by_shape,
        two / (2 * one),
    )  # fmt: skip


@lru_cache(maxsize=16)
def _tails(skew: float, end: int) -> tuple[CubicSpline, CubicSpline, CubicSpline]:
    """Return the log tail, its derivative by z and that by the skew, between the ends of `GRID`."""
    here = CubicSpline(GRID, drift(skew).log_tail(end))
    more, less = (drift(skew + step).log_tail(end) for step in (STEP, -STEP))
    return here, here.derivative(), CubicSpline(GRID, (more - less) / (2 * STEP))


def beyond(skew: float, end: Integers, z: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log tails beyond z, above or below as `end` (by the last axis) has it, with slopes."""
    found = np.empty((3, *z.shape))
    for side in np.unique(end):
        which = end == side
        at = z[..., which]
        inside = np.clip(at, GRID[0], GRID[-1])
        log_tail, slope, by_skew = (one(inside) for one in _tails(skew, int(side)))
        found[0][..., which] = log_tail + slope * (at - inside)
        found[1][..., which], found[2][..., which] = slope, by_skew
    return found[0], found[1], found[2]
