"""The parameters of the state model, their penalties, and the chain of states.

For client i in session t, scores turned so that higher is better,

    x_it = a_i + b_i u_t + v_i (e_it - depth * m(s_it))

    a_i ~ N(level, level_sd^2), b_i ~ N(trend, trend_sd^2)    u_t: session number, standardised
    log v_i ~ N(0, sd_sd^2): how much more one client's sessions differ than another's
    e_it = phi^g e_i,t-g + sd sqrt(1 - phi^2g) z_it, g sessions after the one observed before;
    z_it of mean 0, SD 1 and skewness `skew` (`states.drift`): scores that now and then lie far
    below without any rupture
    s_it Markov: 0 no rupture; 1 a shallow one is open; 2 a deep one is open

A rupture opens with probability `opening` a session (its log odds may differ between therapists,
see `states.shrinking`), closes with probability `closing`, and keeps
its depth while it is open: `depth` less or more `VARIATION` of it, each in half of the ruptures.
The first observed session of a client is in no rupture: there is nothing yet to fall from.
A client whose scores move more falls farther in a rupture: depth, too, is in the client's SDs.

Scores are counted in pooled within-client SDs from the mean of all scores, so that the penalties
mean the same on every scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

VARIATION = 0.3
"""SD of depth between ruptures, as a share of their mean depth; few studies could estimate it."""
STEPS = np.array([0.0, 1 - VARIATION, 1 + VARIATION])
"""Depth of each state, as a multiple of the mean depth."""
SHARES = np.array([0.5, 0.5])
"""Share of shallow and of deep ruptures."""

NAMES = (
    "level", "trend", "level_sd", "trend_sd", "sd", "sd_sd", "phi", "depth", "opening", "closing",
    "skew",
)  # fmt: skip
LOGARITHMS = ("level_sd", "trend_sd", "sd", "sd_sd", "depth")
LOG_ODDS = ("opening", "closing")
MOST_SKEWED = 1.8
"""Skew of drift of which all that is searched for stays short."""
ALIKE = 1e-3
"""Below this `sd_sd` all clients have one SD, and it needs no quadrature."""

PENALTIES: Mapping[str, tuple[float, float]] = {
    "level": (0.0, 10.0),
    "trend": (0.0, 1.0),
    "level_sd": (0.0, 1.5),
    "trend_sd": (np.log(0.25), 1.0),
    "sd": (0.0, 0.5),
    "sd_sd": (np.log(0.2), 0.5),
    "phi": (np.arctanh(0.3), 0.3),
    "depth": (np.log(2.0), 0.25),
    "opening": (np.log(0.03 / 0.97), 1.0),
    "closing": (0.0, 0.75),
    "skew": (0.0, 0.5),
}
"""Mean and SD of the normal penalty on each parameter as it is searched for: the log of SDs and of
depth / sd, Fisher's z of phi and of skew / 1.8, the log odds of opening and closing. What they say
together: a rupture is a fall of about 1.2 to 3.3 SDs, opens in .4 to 19 % of sessions and is over
after one to five. Many clients outweigh them; they decide where there is no rupture to learn from.
"""
START = np.array([PENALTIES[name][0] for name in NAMES])


@dataclass(frozen=True)
class States:
    """Values of all parameters."""

    level: Any
    trend: Any
    level_sd: Any
    trend_sd: Any
    sd: Any
    sd_sd: Any
    phi: Any
    depth: Any
    opening: Any
    closing: Any
    skew: Any

    def transitions(self, gap: int) -> Any:
        """Return the probabilities of states so many sessions on: from (rows) to (columns).

        Where `opening` is an array, there is such a matrix for each of its values.
        """
        opening, closing = np.asarray(self.opening), np.asarray(self.closing)
        kind = np.result_type(opening, closing)
        step = np.zeros((*opening.shape, STEPS.size, STEPS.size), dtype=kind)
        step[..., 0, 0] = 1 - opening
        step[..., 0, 1:] = opening[..., None] * SHARES
        step[..., 1:, 0] = closing
        open_ = np.arange(1, STEPS.size)
        step[..., open_, open_] = 1 - closing
        return np.linalg.matrix_power(step, gap)


def to_states(theta: npt.NDArray[Any]) -> States:
    """Return the parameters from the values in which they are searched for."""
    values = dict(zip(NAMES, theta, strict=True))
    for name in LOGARITHMS:
        values[name] = np.exp(values[name])
    for name in LOG_ODDS:
        values[name] = 1 / (1 + np.exp(-values[name]))
    values["phi"], values["skew"] = np.tanh(values["phi"]), MOST_SKEWED * np.tanh(values["skew"])
    return States(**values)


def searched(name: str, value: float) -> float:
    """Return a parameter's value as it is searched for."""
    if name in LOGARITHMS:
        return float(np.log(value))
    if name in LOG_ODDS:
        return float(np.log(value / (1 - value)))
    if name in ("phi", "skew"):
        return float(np.arctanh(value / (MOST_SKEWED if name == "skew" else 1.0)))
    return float(value)


def penalty(theta: npt.NDArray[Any]) -> Any:
    """Return the log density of the penalties, but for a constant."""
    mean, sd = np.array([PENALTIES[name] for name in NAMES]).T
    judged = theta.copy()
    judged[NAMES.index("depth")] -= theta[NAMES.index("sd")]
    return -0.5 * np.sum(np.square((judged - mean) / sd))
