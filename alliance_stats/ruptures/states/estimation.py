"""Penalised maximum likelihood of the state model, levels and trends integrated out.

The gradient of the log likelihood is that of the expected complete-data log likelihood (Fisher's
identity): a function of few sums, which one pass forward and backward gives. A quasi-Newton
search (BFGS) so costs one pass a step. The quadrature points lie about what each client's own
sessions and the distribution of all clients say together of level and trend; they are laid anew,
and the search taken up again, until the likelihood stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from .model import NAMES, START, Floats, Integers, States, bend, penalty, searched, to_states
from .passes import Block, Nodes, Posterior, likelihood, run

LEVEL_POINTS, TREND_POINTS = 5, 3
LOG_ODDS = np.linspace(-2.0, 2.0, 11)
"""Log odds to open, counted from those of all, at which a therapist's likelihood is looked up."""
ROUNDS = 8
FIRST_STEPS, MOST_STEPS = 8, 60
FLAT = 1e-4
"""Largest slope of the log likelihood per session at which the search ends."""
SETTLED = 2e-5
"""Change of the log likelihood per session between two rounds at which the points are left."""
TINY = 1e-30
MOST_EVIDENCE = 5.0
"""Log of the odds (150 to 1) with which one score may speak for a rupture at most.

Where scores have longer tails than a normal distribution, one far-off session is no proof.
"""


@dataclass(frozen=True)
class Evidence:
    """What each client's own sessions say of level and trend.

    `precision` holds the precision of the level, the cross term and that of the trend (3 x
    clients), `pull` precision times mean (2 x clients).
    """

    precision: Floats
    pull: Floats


@dataclass(frozen=True)
class Fit:
    """Estimates as searched for, and whether the search ended where it should."""

    theta: Floats
    log_likelihood: float
    converged: bool
    passes: int

    @property
    def states(self) -> States:
        """The estimates."""
        return to_states(self.theta)


def lay(evidence: Evidence, states: States) -> Nodes:
    """Lay quadrature points about what evidence and distribution of the clients say together."""
    own, pull = _of_all(states)
    p, q = evidence.precision + own, evidence.pull + pull
    determinant = p[0] * p[2] - p[1] ** 2
    cov = np.array([p[2], -p[1], p[0]]) / determinant
    mean = np.array([cov[0] * q[0] + cov[1] * q[1], cov[1] * q[0] + cov[2] * q[1]])
    z, w = np.polynomial.hermite_e.hermegauss(LEVEL_POINTS)
    y, v = np.polynomial.hermite_e.hermegauss(TREND_POINTS)
    a, b = (part.ravel()[:, None] for part in np.meshgrid(z, y, indexing="ij"))
    level_sd = np.sqrt(cov[0])
    slope = cov[1] / level_sd
    trend_sd = np.sqrt(cov[2] - slope**2)
    weight = np.log(np.outer(w, v).ravel())[:, None] + 0.5 * (a**2 + b**2)
    return Nodes(
        mean[0] + level_sd * a,
        mean[1] + slope * a + trend_sd * b,
        weight + np.log(level_sd * trend_sd),
    )


def _of_all(states: States) -> tuple[Floats, Floats]:
    precision = np.array([[states.level_sd**-2.0], [0.0], [states.trend_sd**-2.0]])
    return precision, np.array([[states.level], [states.trend]]) * precision[[0, 2]]


def without_ruptures(block: Block, states: States) -> Evidence:
    """Return what the sessions would say of level and trend if there were no ruptures."""
    there = block.there
    x, time = np.where(there, block.x, 0.0), np.where(there, block.time, 0.0)
    variance = states.sd**2 * (1 + states.phi) / (1 - states.phi)
    precision = np.array([there.sum(axis=0), time.sum(axis=0), np.square(time).sum(axis=0)])
    pull = np.array([x.sum(axis=0), (x * time).sum(axis=0)])
    return Evidence(precision / variance, pull / variance)


def after_pass(nodes: Nodes, node: Floats, states: States) -> Evidence:
    """Return the evidence that lays the points where a pass has found level and trend to lie."""
    a, b = (node * nodes.level).sum(axis=0), (node * nodes.trend).sum(axis=0)
    da, db = nodes.level - a, nodes.trend - b
    aa, ab, bb = ((node * one).sum(axis=0) for one in (da * da, da * db, db * db))
    own, pull = _of_all(states)
    # More than the clients' distribution says cannot be unlearned by looking at sessions.
    aa, bb = np.minimum(aa, 0.98 / own[0]), np.minimum(bb, 0.98 / own[2])
    ab = np.clip(ab, -0.98 * np.sqrt(aa * bb), 0.98 * np.sqrt(aa * bb))
    p = np.array([bb, -ab, aa]) / (aa * bb - ab**2)
    return Evidence(p - own, np.array([p[0] * a + p[1] * b, p[1] * a + p[2] * b]) - pull)


def expected(theta: npt.NDArray[Any], sums: Mapping[str, Floats], gaps: Integers) -> Any:
    """Return the expected complete-data log likelihood at theta, but for constants."""
    s = to_states(theta)
    value = -0.5 * sums["first"] / s.sd**2 - sums["clients"] * np.log(s.sd)
    for name in ("level", "trend"):
        mean, sd = getattr(s, name), getattr(s, f"{name}_sd")
        one, two = sums[name]
        square = two - 2 * mean * one + sums["clients"] * mean**2
        value = value - 0.5 * square / sd**2 - sums["clients"] * np.log(sd)
    powers = np.array([1.0, s.fall, s.fall**2])
    for g, gap in enumerate(gaps):
        tie = s.phi ** int(gap)
        now, cross, then = sums["squares"][g] @ powers
        variance = s.sd**2 * (1 - tie**2)
        value = value - 0.5 * (now - 2 * tie * cross + tie**2 * then) / variance
        moved = sums["moved"][g]
        value = value - 0.5 * moved.sum() * np.log(variance)
        known = moved > 0
        value = value + np.sum(moved[known] * np.log(s.transitions(int(gap))[known]))
    return value


def gradient(theta: Floats, sums: Mapping[str, Floats], gaps: Integers) -> Floats:
    """Return the derivative of `expected` and of the penalty, exact by complex steps."""
    found = np.empty(theta.size)
    for k in range(theta.size):
        moved = theta.astype(complex)
        moved[k] += TINY * 1j
        found[k] = np.imag(expected(moved, sums, gaps) + penalty(moved)) / TINY
    return found


def by_power(block: Block, found: Posterior, power: float) -> float:
    """Return the derivative of the log likelihood by the power of the scores alone."""
    moved = np.imag(bend(block.deviation, power + TINY * 1j)) / TINY
    return float(np.sum(np.where(block.there, found.push * moved, 0.0))) + block.density(2.0)


def added(posteriors: Sequence[Posterior]) -> dict[str, Floats]:
    """Return the expected sums over all blocks."""
    names = posteriors[0].sums
    return {name: np.sum([one.sums[name] for one in posteriors], axis=0) for name in names}


class _Search:
    """The penalised log likelihood per session, and its slope, at points that can be laid anew."""

    def __init__(self, blocks: Sequence[Block], theta: Floats, free: npt.NDArray[np.bool_]) -> None:
        self.blocks, self.theta, self.free = blocks, theta, free
        self.n_sessions = float(sum(block.active.sum() for block in blocks))
        self.passes = 0
        s = to_states(theta)
        self.evidence = [without_ruptures(block.bent(s.power), s) for block in blocks]

    def at(self, values: Floats) -> Floats:
        theta = self.theta.copy()
        theta[self.free] = values
        return theta

    def run(self, theta: Floats) -> list[Posterior]:
        self.passes += 1
        s = to_states(theta)
        pairs = zip(self.blocks, self.evidence, strict=True)
        return [run(b.bent(s.power), lay(e, s), s) for b, e in pairs]

    def objective(self, values: Floats) -> tuple[float, Floats]:
        theta = self.at(values)
        found = self.run(theta)
        power = to_states(theta).power
        pairs = list(zip(self.blocks, found, strict=True))
        value = sum(float(one.log_likelihood.sum()) + b.density(power) for b, one in pairs)
        value += float(penalty(theta))
        slope = gradient(theta, added(found), self.blocks[0].gaps)
        slope[-1] += (1 - (power - 1) ** 2) * sum(by_power(b, one, power) for b, one in pairs)
        return -value / self.n_sessions, -slope[self.free] / self.n_sessions

    def lay_again(self, theta: Floats) -> None:
        s = to_states(theta)
        self.evidence = [
            after_pass(lay(e, s), found.node, s)
            for e, found in zip(self.evidence, self.run(theta), strict=True)
        ]


def fit(blocks: Sequence[Block], known: Mapping[str, float] | None = None) -> Fit:
    """Return the parameters with the largest penalised likelihood.

    `known` parameters (by name, in the unit of the blocks) stay as they are.
    """
    theta = START.copy()
    for name, value in (known or {}).items():
        theta[NAMES.index(name)] = searched(name, value)
    free = np.array([name not in (known or {}) for name in NAMES])
    search = _Search(blocks, theta, free)
    values, curvature, last, converged = theta[free], None, np.inf, False
    for number in range(ROUNDS):
        options = {"gtol": FLAT, "maxiter": MOST_STEPS if number else FIRST_STEPS}
        if curvature is not None:
            options["hess_inv0"] = curvature
        found = minimize(search.objective, values, jac=True, method="BFGS", options=options)
        values, curvature = found.x, (found.hess_inv + found.hess_inv.T) / 2
        flat = float(np.abs(found.jac).max()) < 5 * FLAT
        if number and flat and abs(found.fun - last) < SETTLED:
            converged = True
            break
        last = found.fun
        search.lay_again(search.at(values))
    theta = search.at(values)
    likelihood = -float(found.fun) * search.n_sessions - float(penalty(theta))
    return Fit(theta, likelihood, converged, search.passes)


def by_opening(block: Block, states: States) -> Floats:
    """Return the log likelihood of each client (columns) for each of `LOG_ODDS` (rows)."""
    block = block.bent(states.power)
    nodes = lay(without_ruptures(block, states), states)
    nodes = lay(after_pass(nodes, run(block, nodes, states, MOST_EVIDENCE).node, states), states)
    tried = [replace(states, opening=shifted(states.opening, one)) for one in LOG_ODDS]
    return np.array([likelihood(block, nodes, one, MOST_EVIDENCE) for one in tried])


def shifted(probability: float, by: Floats | float) -> Any:
    """Return the probability with its log odds moved."""
    return 1 / (1 + (1 / probability - 1) * np.exp(-by))


def smooth(block: Block, states: States, *, rounds: int = 3) -> Posterior:
    """Return the posterior of a block's sessions, points laid about each client's own."""
    block = block.bent(states.power)
    evidence = without_ruptures(block, states)
    for number in range(rounds):
        nodes = lay(evidence, states)
        found = run(block, nodes, states, MOST_EVIDENCE)
        if number < rounds - 1:
            evidence = after_pass(nodes, found.node, states)
    return found
