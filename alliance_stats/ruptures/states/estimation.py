"""Penalised maximum likelihood of the state model; levels, trends and SDs integrated out.

The gradient of the log likelihood is that of the expected complete-data log likelihood (Fisher's
identity): a function of few sums, which one pass forward and backward gives. A quasi-Newton
search (BFGS) so costs one pass a step. The quadrature points lie about what each client's own
sessions and the distribution of all clients say together of log SD, and for each point of it of
level and trend; they are laid anew, and the search taken up again, until the likelihood stays where
it is. Most steps are made by few of the clients, the last ones by all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from .model import ALIKE, NAMES, START, Floats, Integers, States, penalty, searched, to_states
from .passes import Block, Nodes, Posterior, likelihood, run

LEVEL_POINTS, TREND_POINTS, SD_POINTS = 5, 3, 3
LOG_ODDS = np.linspace(-2.0, 2.0, 11)
"""Log odds to open, counted from those of all, at which a therapist's likelihood is looked up."""
EVERY, FIRST_ROUNDS = 4, 2
"""Every fourth block of clients alone is searched in the first rounds, if there are eight."""
ROUNDS = 10
FIRST_STEPS, MOST_STEPS = 8, 60
FLAT = 3e-4
"""Largest slope of the log likelihood per session at which a round ends; twice it is flat."""
MOST_TRIES = 12
"""Passes for one step at most."""
SHARE = 0.5
"""Share of the way that points are moved to where the last pass has found clients whose SDs differ:
moved all the way, they go to and fro."""
SETTLED = 2e-5
"""Change of the log likelihood per session between two rounds at which the points are left."""
TINY = 1e-30
NOTHING = 1e-9
"""Probability to open of a model without ruptures."""
STEP = 1e-2
"""Step of the parameters as searched for, in which the curvature is looked up."""
LEAST = 1e-12
"""What keeps variances above nothing, where all weight lies on one point."""
LEAST_RATIO = 0.05
"""A client whose scores hardly move starts from a variance of this share of all."""
MOST_EVIDENCE = 5.0
"""Log of the odds (150 to 1) with which one score may speak for a rupture at most.

Where scores have longer tails than a normal distribution, one far-off session is no proof.
"""


@dataclass(frozen=True)
class Evidence:
    """What each client's own sessions say of level and trend, and of the log of their SD.

    `precision` holds the precision of the level, the cross term and that of the trend (3 x points
    of the log SD x clients), `pull` precision times mean (2 x points x clients), both with scores
    in units of the client's SD; `log_sd` precision, and precision times mean, of the log SD (2 x
    clients).
    """

    precision: Floats
    pull: Floats
    log_sd: Floats

    def toward(self, other: Evidence, share: float) -> Evidence:
        """Return the evidence moved by a share of the way to the other."""
        return Evidence(
            (1 - share) * self.precision + share * other.precision,
            (1 - share) * self.pull + share * other.pull,
            (1 - share) * self.log_sd + share * other.log_sd,
        )


@dataclass(frozen=True)
class Fit:
    """Estimates as searched for, and whether the search ended where it should.

    `covariance` is the inverse of the curvature of the penalised likelihood, zero for parameters
    that were given; None where it was not asked for or is none.
    """

    theta: Floats
    log_likelihood: float
    converged: bool
    passes: int
    covariance: Floats | None = None

    @property
    def states(self) -> States:
        """The estimates."""
        return to_states(self.theta)


def lay(evidence: Evidence, states: States) -> Nodes:
    """Lay quadrature points about what evidence and distribution of the clients say together."""
    precision = evidence.log_sd[0] + states.sd_sd**-2.0
    u, c = np.polynomial.hermite_e.hermegauss(_sd_points(states))
    log_sd = evidence.log_sd[1] / precision + u[:, None] / np.sqrt(precision)
    own, pull = _of_all(states)
    p = evidence.precision * np.exp(-2 * log_sd) + own
    q = evidence.pull * np.exp(-2 * log_sd) + pull
    determinant = p[0] * p[2] - p[1] ** 2
    cov = np.array([p[2], -p[1], p[0]]) / determinant
    mean = np.array([cov[0] * q[0] + cov[1] * q[1], cov[1] * q[0] + cov[2] * q[1]])
    z, w = np.polynomial.hermite_e.hermegauss(LEVEL_POINTS)
    y, v = np.polynomial.hermite_e.hermegauss(TREND_POINTS)
    a, b = (part.ravel()[:, None, None] for part in np.meshgrid(z, y, indexing="ij"))
    level_sd = np.sqrt(cov[0])
    slope = cov[1] / level_sd
    trend_sd = np.sqrt(cov[2] - slope**2)
    weight = np.log(np.outer(w, v).ravel())[:, None, None] + 0.5 * (a**2 + b**2)
    weight = weight + np.log(c)[:, None] + 0.5 * (u**2)[:, None] + np.log(level_sd * trend_sd)
    points = (
        mean[0] + level_sd * a,
        mean[1] + slope * a + trend_sd * b,
        np.broadcast_to(log_sd, weight.shape),
        weight - 0.5 * np.log(precision),
    )
    return Nodes(*(part.reshape(-1, precision.size) for part in points))


def _sd_points(states: States) -> int:
    return SD_POINTS if states.sd_sd > ALIKE else 1


def _of_all(states: States) -> tuple[Floats, Floats]:
    precision = np.array([states.level_sd**-2.0, 0.0, states.trend_sd**-2.0])[:, None, None]
    return precision, np.array([states.level, states.trend])[:, None, None] * precision[[0, 2]]


def without_ruptures(block: Block, states: States) -> Evidence:
    """Return what the sessions would say of level, trend and SD if there were no ruptures."""
    there = block.there
    x, time = np.where(there, block.x, 0.0), np.where(there, block.time, 0.0)
    variance = states.sd**2 * (1 + states.phi) / (1 - states.phi)
    n = there.sum(axis=0)
    precision = np.array([n, time.sum(axis=0), np.square(time).sum(axis=0)])
    pull = np.array([x.sum(axis=0), (x * time).sum(axis=0)])
    square = np.square(x).sum(axis=0) - pull[0] ** 2 / n
    log_sd = np.log(np.maximum(square / n / states.sd**2, LEAST_RATIO)) / 2
    known = np.array([n, n * log_sd])
    return Evidence(precision[:, None] / variance, pull[:, None] / variance, known)


def after_pass(nodes: Nodes, node: Floats, states: States) -> Evidence:
    """Return the evidence that lays the points where a pass has found clients to lie."""
    shape = -1, _sd_points(states), node.shape[1]
    level, trend, log_sd, node = (
        part.reshape(shape) for part in (nodes.level, nodes.trend, nodes.log_sd, node)
    )
    weight, log_sd = node.sum(axis=0), log_sd[0]
    mean = (weight * log_sd).sum(axis=0)
    variance = (weight * np.square(log_sd - mean)).sum(axis=0)
    known = 1 / (0.98 * np.minimum(variance, states.sd_sd**2) + LEAST)
    of_sd = np.array([known - states.sd_sd**-2.0, known * mean]) * (weight.shape[0] > 1)
    node = (node + LEAST) / (node + LEAST).sum(axis=0)
    a, b = (node * level).sum(axis=0), (node * trend).sum(axis=0)
    da, db = level - a, trend - b
    aa, ab, bb = ((node * one).sum(axis=0) for one in (da * da, da * db, db * db))
    own, pull = _of_all(states)
    # More than the clients' distribution says cannot be unlearned by looking at sessions.
    aa, bb = (0.98 * np.minimum(one, 1 / of) + LEAST for one, of in ((aa, own[0]), (bb, own[2])))
    ab = np.clip(ab, -0.98 * np.sqrt(aa * bb), 0.98 * np.sqrt(aa * bb))
    p = np.array([bb, -ab, aa]) / (aa * bb - ab**2)
    pulled = np.array([p[0] * a + p[1] * b, p[1] * a + p[2] * b]) - pull
    unit = np.exp(2 * log_sd)
    return Evidence((p - own) * unit, pulled * unit, of_sd)


def expected(theta: npt.NDArray[Any], sums: Mapping[str, Floats], gaps: Integers) -> Any:
    """Return what has the slope of the expected complete-data log likelihood, at the sums' theta.

    Log densities enter by their slopes there: the sums hold these, times what they are slopes by.
    """
    s = to_states(theta)
    value = sums["first"][0] / s.sd - sums["first"][1] * np.log(s.sd) + sums["skew"] * s.skew
    for name in ("level", "trend"):
        mean, sd = getattr(s, name), getattr(s, f"{name}_sd")
        one, two = sums[name]
        square = two - 2 * mean * one + sums["clients"] * mean**2
        value = value - 0.5 * square / sd**2 - sums["clients"] * np.log(sd)
    value = value - 0.5 * sums["log_sd"] / s.sd_sd**2 - sums["clients"] * np.log(s.sd_sd)
    for g, gap in enumerate(gaps):
        tie = s.phi ** int(gap)
        sd = s.sd * np.sqrt(1 - tie**2)
        now, before, m_now, m_before, inner = sums["slopes"][g]
        off = now - tie * before + s.depth * (m_now - tie * m_before)
        value = value + off / sd - inner * np.log(sd)
        moved = sums["moved"][g]
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


def added(posteriors: Sequence[Posterior]) -> dict[str, Floats]:
    """Return the expected sums over all blocks."""
    names = posteriors[0].sums
    return {name: np.sum([one.sums[name] for one in posteriors], axis=0) for name in names}


class _StuckError(Exception):
    """Points move a little with the parameters, so that the slope is not exact to the last."""


class _Search:
    """The penalised log likelihood per session, and its slope, at points that can be laid anew."""

    def __init__(self, blocks: Sequence[Block], theta: Floats, free: npt.NDArray[np.bool_]) -> None:
        self.blocks, self.theta, self.free = blocks, theta, free
        self.n_sessions = float(sum(block.active.sum() for block in blocks))
        self.passes = self.tries = 0
        self.best: tuple[float, Floats] = np.inf, theta[free]
        s = to_states(theta)
        self.evidence = [without_ruptures(block, s) for block in blocks]

    def at(self, values: Floats) -> Floats:
        theta = self.theta.copy()
        theta[self.free] = values
        return theta

    def run(self, theta: Floats) -> list[Posterior]:
        self.passes += 1
        s = to_states(theta)
        pairs = zip(self.blocks, self.evidence, strict=True)
        return [run(b, lay(e, s), s) for b, e in pairs]

    def tried(self, values: Floats) -> tuple[float, Floats]:
        """Return the objective, and give up where a step along one direction finds no better."""
        if self.tries == MOST_TRIES:
            raise _StuckError
        self.tries += 1
        value, slope = self.objective(values)
        self.best = min(self.best, (value, values.copy()), key=lambda one: one[0])
        return value, slope

    def stepped(self, values: Floats) -> None:
        """Begin to count anew: a step was made."""
        self.tries = 0

    def objective(self, values: Floats) -> tuple[float, Floats]:
        theta = self.at(values)
        found = self.run(theta)
        value = sum(float(one.log_likelihood.sum()) for one in found) + float(penalty(theta))
        slope = gradient(theta, added(found), self.blocks[0].gaps)
        return -value / self.n_sessions, -slope[self.free] / self.n_sessions

    def covariance(self, theta: Floats) -> Floats | None:
        """Return the inverse of the curvature at theta, from slopes a step away."""
        values = theta[self.free]
        here = self.objective(values)[1]
        rows = [self.objective(values + step)[1] - here for step in STEP * np.eye(values.size)]
        curvature = np.array(rows) * self.n_sessions / STEP
        try:
            inverse = np.linalg.inv((curvature + curvature.T) / 2)
            np.linalg.cholesky(inverse)
        except np.linalg.LinAlgError:
            return None
        found = np.zeros((theta.size, theta.size))
        found[np.ix_(self.free, self.free)] = inverse
        return found

    def lay_again(self, theta: Floats, share: float) -> None:
        """Lay the points by a pass; moved by a share alone, they do not go to and fro."""
        s = to_states(theta)
        self.evidence = [
            e.toward(after_pass(lay(e, s), found.node, s), share)
            for e, found in zip(self.evidence, self.run(theta), strict=True)
        ]

    def settle(
        self, curvature: Floats | None, rounds: int
    ) -> tuple[Floats, float, Floats | None, bool]:
        """Search and lay the points again until both stay.

        Returns the parameters, the objective there, the inverse of its curvature and whether it
        settled; a curvature known beforehand says that the parameters start close to the end.
        """
        values, last, converged = self.theta[self.free], np.inf, False
        first = MOST_STEPS if curvature is not None else FIRST_STEPS
        if curvature is not None:
            self.lay_again(self.theta, 1.0)
        for number in range(rounds):
            if number:
                value, slope = self.objective(values)
                if abs(value - last) < SETTLED and np.abs(slope).max(initial=0.0) < 2 * FLAT:
                    last, converged = value, True
                    break
            options = {"gtol": FLAT, "maxiter": MOST_STEPS if number else first}
            if curvature is not None:
                options["hess_inv0"] = curvature  # type: ignore[assignment]
            self.tries, self.best = 0, (np.inf, values)
            try:
                found = minimize(
                    self.tried, values, jac=True, method="BFGS", options=options,
                    callback=self.stepped,
                )  # fmt: skip
                curvature = (found.hess_inv + found.hess_inv.T) / 2
            except _StuckError:
                pass
            last, values = self.best
            differ = _sd_points(to_states(self.at(values))) > 1
            self.lay_again(self.at(values), SHARE if number and differ else 1.0)
        return self.at(values), last, curvature, converged


def fit(
    blocks: Sequence[Block], known: Mapping[str, float] | None = None, *, errors: bool = False
) -> Fit:
    """Return the parameters with the largest penalised likelihood.

    `known` parameters (by name, in the unit of the blocks) stay as they are. With `errors` the
    curvature is looked up by a pass for each parameter.
    """
    theta = START.copy()
    for name, value in (known or {}).items():
        theta[NAMES.index(name)] = searched(name, value)
    free = np.array([name not in (known or {}) for name in NAMES])
    curvature, passes = None, 0
    if len(blocks) >= 2 * EVERY:
        some = _Search(blocks[::EVERY], theta, free)
        theta, _, curvature, _ = some.settle(None, FIRST_ROUNDS)
        passes = some.passes
    search = _Search(blocks, theta, free)
    theta, value, _, converged = search.settle(curvature, ROUNDS)
    likelihood = -value * search.n_sessions - float(penalty(theta))
    covariance = search.covariance(theta) if errors else None
    return Fit(theta, likelihood, converged, passes + search.passes, covariance)


def by_opening(block: Block, states: States) -> Floats:
    """Return the log likelihood of each client (columns) for each of `LOG_ODDS` (rows)."""
    nodes = lay(without_ruptures(block, states), states)
    nodes = lay(after_pass(nodes, run(block, nodes, states, MOST_EVIDENCE).node, states), states)
    tried = [replace(states, opening=shifted(states.opening, one)) for one in LOG_ODDS]
    return np.array([likelihood(block, nodes, one, MOST_EVIDENCE) for one in tried])


def shifted(probability: float, by: Floats | float) -> Any:
    """Return the probability with its log odds moved."""
    return 1 / (1 + (1 / probability - 1) * np.exp(-by))


def smooth(block: Block, states: States, *, rounds: int = 3) -> Posterior:
    """Return the posterior of a block's sessions, points laid about each client's own."""
    return smooth_at(block, states, rounds=rounds)[0]


def smooth_at(block: Block, states: States, *, rounds: int = 3) -> tuple[Posterior, Nodes]:
    """Return the posterior of a block's sessions, and the points it rests on."""
    evidence = without_ruptures(block, states)
    for number in range(rounds):
        nodes = lay(evidence, states)
        found = run(block, nodes, states, MOST_EVIDENCE)
        if number < rounds - 1:
            evidence = after_pass(nodes, found.node, states)
    return found, nodes
