"""Courses without ruptures that drift from session to session: AR(1) around the client's mean.

For client i, x_it = mean_i + sigma_i z_it with corr(z_t, z_s) = phi^|t - s| (session numbers, so
a gap weakens the tie). phi is common to all clients. Both phi and sigma_i are estimated with
the bias of short series taken out: the lag-1 autocorrelation about a client's own mean is too
low (about -(1 + phi)/(n - 1)), and so is the SD. Under the model the expected sums of products
about the mean are known exactly, and phi is the value at which

    sum_i E[sum_t c_t c_t+1] / sum_i E[sum_t c_t^2]      (c = x less the client's mean)

equals the same ratio in the data; then sigma_i^2 = SS_i / E[SS_i / sigma_i^2].
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .courses import Courses, Floats, Integers, by_length, matrix

PHI_LIMIT = 0.95
"""Largest autocorrelation looked for."""
CLIENTS_FOR_PHI = 2000
"""So many clients are enough to solve for phi; the ratio in the data uses all."""


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
    """Return expected products of neighbours and squares, about the mean, a value a column."""
    correlation = float(phi) ** np.abs(times[:, None, :] - times[None, :, :])
    with_mean = correlation.mean(axis=0)
    mean_variance = with_mean.mean(axis=0)
    neighbours = np.diff(times, axis=0) == 1
    pair = phi - with_mean[1:] - with_mean[:-1] + mean_variance
    return (pair * neighbours).sum(axis=0), times.shape[0] * (1 - mean_variance)


def estimate_phi(courses: Courses) -> float:
    """Return the common autocorrelation, corrected for the shortness of the courses."""
    from scipy.optimize import brentq

    product = np.zeros_like(courses.centred)
    product[1:] = courses.centred[1:] * courses.centred[:-1]
    squares = float(courses.squares.sum())
    if squares <= courses.noise**2:
        return 0.0
    observed = float((product * courses.linked(1)).sum()) / squares

    def excess(phi: float) -> float:
        products, expected = expected_sums(courses, phi, CLIENTS_FOR_PHI)
        return float(products.sum() / expected.sum()) - observed

    low, high = excess(-PHI_LIMIT), excess(PHI_LIMIT)
    if low * high > 0:
        return PHI_LIMIT if high < 0 else -PHI_LIMIT
    return float(brentq(excess, -PHI_LIMIT, PHI_LIMIT, xtol=1e-6))


def true_sd(courses: Courses, phi: float) -> Floats:
    """Return each client's SD, corrected for the shortness of the course; 0 for one session."""
    expected = expected_sums(courses, phi)[1]
    return np.sqrt(
        np.divide(courses.squares, expected, out=np.zeros_like(expected), where=expected > 1e-12)
    )


def simulate(courses: Courses, sd: Floats, phi: float, rng: np.random.Generator) -> Courses:
    """Return the same sessions with values drawn from the model.

    `courses` may hold several replicates; `sd` has one value a client of each.
    """
    shock = rng.standard_normal(courses.value.size)
    gap = np.diff(courses.session, prepend=courses.session[0])
    z = np.empty_like(shock)
    state = np.zeros(courses.start.size)
    for step, clients, rows in courses.steps():
        now = state[: clients.size]
        if step == 0:
            now[:] = shock[rows]
        else:
            tie = phi ** gap[rows]
            now *= tie
            now += np.sqrt(1 - tie**2) * shock[rows]
        z[rows] = now
    value = courses.spread(courses.mean) + courses.spread(sd) * z
    return replace(courses, value=value)
