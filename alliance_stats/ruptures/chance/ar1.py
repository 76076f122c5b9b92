"""Courses without ruptures that drift from session to session: AR(1) around the client's own line.

For client i, x_it = a_i + b_i t + sigma_i z_it with corr(z_t, z_s) = phi^|t - s| (t: session
number, so a gap weakens the tie). phi is common to all clients.

*phi* is estimated from the residuals c about each client's least-squares line, the bias of short
courses taken out. About a fitted line the lag-1 autocorrelation is far too low (about
-(2 + 4 phi)/n); but under the model the expected sums are known exactly, and phi is the value at
which

    sum_i E[sum_t c_t c_t+1] / sum_i E[sum_t c_t^2]

equals the same ratio in the data.

*The courses* are drawn as they are distributed given each client's line and residual sum of
squares (by generalised least squares at phi), which hold all that the scores say of a_i, b_i and
sigma_i: drawn values keep both exactly. A client's own SD, estimated from a few scores, is so
never taken for the true one, and no rule can tell a drawn course from a real one by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..courses import Courses, Floats, Integers, by_length, matrix
from ..reference_and_unit import trend_line

PHI_LIMIT = 0.95
"""Largest autocorrelation looked for."""
CLIENTS_FOR_PHI = 2000
"""So many clients are enough to solve for phi; the ratio in the data uses all."""
DETERMINED = 1e-9
"""Share of a sum of squares below which it is rounding."""
MOST_STEPS = 1000
"""Scores with more different values than this count as continuous."""
LEAST_FOR_NEWS = 6
"""Sessions of a client from which what is new in them is drawn from: fewer leave no shape."""
OFF_GRID = 0.02
"""Share of a step by which a score may miss it, for means printed with two or three digits."""


def expected_sums(courses: Courses, phi: float, most: int | None = None) -> tuple[Floats, Floats]:
    """Return each client's expected sum of lag-1 products and of squares, for sigma 1."""
    products = np.zeros(courses.start.size)
    squares = np.zeros(courses.start.size)
    for length, clients in by_length(courses):
        times = matrix(courses.session, courses, clients[:most], length)
        times = times - times[0]
        alike = bool((times == times[:, :1]).all())
        block = max(1, 2_000_000 // length**2)
        for first in range(0, 1 if alike else times.shape[1], block):
            some = times[:, :1] if alike else times[:, first : first + block]
            who = clients[:most] if alike else clients[first : first + some.shape[1]]
            products[who], squares[who] = _moments(some, phi)
    return products, squares


def _moments(times: Integers, phi: float) -> tuple[Floats, Floats]:
    """Return expected products of neighbours and squares about the line, a value a column."""
    t = times.T.astype(float)
    n = t.shape[1]
    correlation = float(phi) ** np.abs(times.T[:, :, None] - times.T[:, None, :])
    away = t - t.mean(axis=1, keepdims=True)
    size = np.sqrt(np.square(away).sum(axis=1, keepdims=True))
    slope = np.divide(away, size, out=np.zeros_like(away), where=size > 0)
    residual = np.eye(n) - 1 / n - slope[:, :, None] * slope[:, None, :]
    left = residual @ correlation @ residual
    neighbours = np.diff(times, axis=0).T == 1
    pair = np.diagonal(left, offset=1, axis1=1, axis2=2)
    return (pair * neighbours).sum(axis=1), np.trace(left, axis1=1, axis2=2)


def lag_ratio(courses: Courses) -> Floats:
    """Return, for each replicate, the pooled lag-1 autocorrelation about the clients' lines."""
    rest = courses.value - trend_line(courses)
    product = np.zeros_like(rest)
    product[1:] = rest[1:] * rest[:-1]
    squares = courses.pooled(courses.sums(np.square(rest)))
    products = courses.pooled(courses.sums(product * courses.linked(1)))
    whole = courses.pooled(courses.squares)
    flat = squares <= np.maximum(DETERMINED * whole, courses.noise**2)
    return np.divide(products, squares, out=np.zeros_like(products), where=~flat)


def estimate_phi(courses: Courses) -> float:
    """Return the common autocorrelation, corrected for the shortness of the courses.

    NaN where no client has enough neighbouring sessions to tell: three in a line leave one number.
    """
    from scipy.optimize import brentq

    able = courses.length >= 4
    rest = courses.value - trend_line(courses)
    squares = float((np.square(rest) * courses.spread(able)).sum())
    if squares <= max(DETERMINED * float(courses.squares.sum()), courses.noise**2):
        return np.nan if not able.any() else 0.0
    observed = float(lag_ratio(courses)[0])

    def excess(phi: float) -> float:
        products, expected = expected_sums(courses, phi, CLIENTS_FOR_PHI)
        return float(products.sum() / expected.sum()) - observed

    low, high = excess(-PHI_LIMIT), excess(PHI_LIMIT)
    if low * high > 0:
        return PHI_LIMIT if high < 0 else -PHI_LIMIT
    return float(brentq(excess, -PHI_LIMIT, PHI_LIMIT, xtol=1e-6))


@dataclass(frozen=True)
class Drift:
    """What the data say of the model at one phi: lines, residual sums of squares, and directions.

    ``tie`` holds each session's correlation with the one before, ``line`` its level, ``squares``
    each client's residual sum of squares in units where the model's errors are independent, and
    ``first``, ``second`` the unit vectors of level and trend in these units. ``news`` is what new
    things in a session are drawn from, in SDs of the client's own; normal where it is None.
    """

    phi: float
    tie: Floats
    line: Floats
    squares: Floats
    first: Floats
    second: Floats
    news: Floats | None = None


def ties(courses: Courses, phi: float) -> Floats:
    """Return the correlation of each session with the client's one before; 0 for the first."""
    gap = np.diff(courses.session, prepend=courses.session[0])
    tie = float(phi) ** np.where(gap > 0, gap, 1)
    tie[courses.start] = 0.0
    return tie


def whiten(values: Floats, tie: Floats) -> Floats:
    """Return what is new in each session, given the one before, with SD 1 under the model."""
    before = np.concatenate([[0.0], values[:-1]])
    return (values - tie * before) / np.sqrt(1 - tie**2)


def fit_drift(courses: Courses, phi: float) -> Drift:
    """Fit every client's line by generalised least squares at this phi."""
    tie = ties(courses, phi)
    time = courses.session - courses.spread(courses.sums(courses.session) / courses.length)
    level = whiten(np.ones(courses.value.size), tie)
    slope = whiten(time, tie)
    first = level / courses.spread(np.sqrt(courses.sums(level**2)))
    second = slope - first * courses.spread(courses.sums(first * slope))
    size = courses.sums(second**2)
    able = size > DETERMINED * np.maximum(courses.sums(slope**2), 1)
    norm = np.sqrt(np.where(able, size, 1.0))
    second = second * courses.spread(able / norm)
    rest = project(
        courses, whiten(courses.value - courses.spread(courses.mean), tie), first, second
    )
    squares = courses.sums(rest**2)
    squares = np.where(squares > DETERMINED * courses.squares, squares, 0.0)
    # the line is what is left when the tied-together residuals are taken off
    line = courses.value - colour(courses, rest, tie)
    return Drift(phi, tie, line, squares, first, second)


def project(courses: Courses, values: Floats, first: Floats, second: Floats) -> Floats:
    """Return the part of the values that is neither level nor trend."""
    rest = values - first * courses.spread(courses.sums(first * values))
    return rest - second * courses.spread(courses.sums(second * rest))


def news(courses: Courses, drift: Drift) -> Floats:
    """Return what is new in each session beyond level and trend, in SDs of the client's own."""
    n = courses.replicates
    new = whiten(courses.value - courses.spread(courses.mean), np.tile(drift.tie, n))
    rest = project(courses, new, np.tile(drift.first, n), np.tile(drift.second, n))
    spread = courses.spread(np.sqrt(courses.sums(rest**2) / courses.length))
    return np.divide(rest, spread, out=np.zeros_like(rest), where=spread > 0)


def with_own_news(courses: Courses, drift: Drift) -> Drift:
    """Return the model with what is new in a session drawn from the clients' own sessions."""
    z = news(courses, drift)
    long = z[courses.spread(courses.length >= LEAST_FOR_NEWS)]
    own = long if np.any(long) else z
    return replace(drift, news=own[own != 0]) if np.any(own) else drift


def shape(courses: Courses, drift: Drift) -> Floats:
    """Return skewness, kurtosis and change of variance of what is new, a row a replicate.

    Each client's own spread is taken out first; the last is the share by which the variance grows
    from one session to the next. Under the model all have the distribution that its replicates
    show.
    """
    z = news(courses, drift)
    time = courses.session - courses.spread(courses.sums(courses.session) / courses.length)
    squares, cubes, fourth, drawn_out, away = (
        courses.pooled(courses.sums(one))
        for one in (z**2, z**3, z**4, z**2 * time, (z != 0) * time**2)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.column_stack([cubes / squares, fourth / squares, drawn_out / away])


def colour(courses: Courses, shock: Floats, tie: Floats) -> Floats:
    """Tie independent values together session by session: the inverse of `whiten`."""
    fresh = shock * np.sqrt(1 - tie**2)
    z = np.empty_like(fresh)
    state = np.zeros(courses.start.size)
    for _, clients, rows in courses.steps():
        now = state[: clients.size]
        now *= tie[rows]
        now += fresh[rows]
        z[rows] = now
    return z


def simulate(copies: Courses, drift: Drift, rng: np.random.Generator) -> Courses:
    """Return values drawn from the model given each client's line and sum of squares.

    `copies` are whole copies of the courses that `drift` was fitted to.
    """
    n = copies.replicates
    first, second = np.tile(drift.first, n), np.tile(drift.second, n)
    size = copies.value.size
    fresh = rng.standard_normal(size) if drift.news is None else rng.choice(drift.news, size)
    shock = project(copies, fresh, first, second)
    drawn = copies.sums(shock**2)
    wanted = np.tile(drift.squares, n)
    scale = np.sqrt(np.divide(wanted, drawn, out=np.zeros_like(drawn), where=wanted > 0))
    z = colour(copies, shock * copies.spread(scale), np.tile(drift.tie, n))
    return replace(copies, value=np.tile(drift.line, n) + z)


@dataclass(frozen=True)
class Grid:
    """The values a scale can have: from `start` in steps (0: any), within `ends` where known."""

    start: float
    step: float
    ends: tuple[float, float] | None

    def place(self, courses: Courses) -> Courses:
        """Return the values as the scale would show them."""
        value = courses.value
        if self.step > 0:
            value = self.start + self.step * np.round((value - self.start) / self.step)
        if self.ends is not None:
            value = np.clip(value, *self.ends)
        return replace(courses, value=value)


def grid_of(courses: Courses, limits: tuple[float, float] | None) -> Grid:
    """Return the steps that the scores lie on, and the ends of the scale where they are given."""
    ends = None
    if limits is not None:
        low, high = sorted(courses.sign * end for end in limits)
        ends = (low, high)
    values = np.unique(courses.value)
    step = 0.0
    if 2 <= values.size <= min(MOST_STEPS, courses.value.size / 2):
        steps = np.diff(values)
        step = float(steps[steps > courses.noise].min(initial=np.inf))
        whole = (values - values[0]) / step
        if np.abs(whole - np.round(whole)).max() > OFF_GRID:
            step = 0.0
    return Grid(float(values[0]), step, ends)
