"""Forward and backward through all sessions of a block of clients at once.

Given level, trend and SD of a client, with scores less level and trend counted in that SD, the
states are a hidden Markov chain whose score depends on the state now and on the state at the
session observed before (Hamilton 1989; Kim 1994): with a gap of g session numbers, x_t is normal
about the level there plus phi^g times what x_t-g was off its own, with variance sd^2 (1 - phi^2g),
and the chain of states moves by the g-th power of its matrix. An unobserved session is thereby
integrated out, not filled in. Level, trend and log SD are integrated over by quadrature points
about each client's own.

A score at an end of the scale says that the normal value lies there or beyond (a Tobit model with
the observed score before as predictor): its density is a tail of the normal distribution, and
what it adds to the expected sums are the moments of that tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from .model import STEPS, Floats, Integers, States, bend

Booleans = npt.NDArray[np.bool_]
LARGEST = 150.0
"""Largest log of a ratio of two densities that is kept: beyond it a state is certain anyway."""


@dataclass(frozen=True)
class Block:
    """Clients, longest course first: arrays with a row a step and a column a client.

    `own` is each client's mean score, `x` what the power makes of the scores and `deviation` their
    deviation from `own` before it. ``active[t]`` clients have a step t; what stands beyond them
    is not read. `gap` holds positions in `gaps`, the differences of session numbers that occur.
    `end` is 1 where the score is the best possible, -1 where it is the worst, else 0.
    """

    x: Floats
    own: Floats
    deviation: Floats
    time: Floats
    gap: Integers
    end: Integers
    active: Integers
    gaps: Integers

    @property
    def there(self) -> Booleans:
        """Which cells are sessions."""
        return np.arange(self.x.shape[1]) < self.active[:, None]

    @property
    def inner(self) -> Booleans:
        """Which sessions have a score between the ends of the scale."""
        return self.there & (self.end == 0)

    def bent(self, power: float) -> Block:
        """Return the block with this power of the scores."""
        return replace(self, x=self.own + bend(self.deviation, power))

    def density(self, power: float) -> float:
        """Return the log of the density of scores by that of their powers."""
        inner = np.where(self.inner, self.deviation, 0.0)
        return float((power - 1) * np.sum(np.sign(inner) * np.log1p(np.abs(inner))))


@dataclass(frozen=True)
class Nodes:
    """Quadrature points of level, trend and log SD (points x clients) and their log weights.

    The log SD is that of the client's sessions, counted from the one common to all.
    """

    level: Floats
    trend: Floats
    log_sd: Floats
    log_weight: Floats


@dataclass(frozen=True)
class Posterior:
    """What all sessions of a client say of each: arrays with a row a step and a column a client.

    Attributes
    ----------
    log_likelihood
        One value a client.
    node
        Weights of the quadrature points (points x clients).
    inside, begins, ends
        Probability that the session is in a rupture; that a rupture begins at it; that one was
        open at the session observed before and is closed at it.
    fall
        Expected fall, in units of the scores, below the level without rupture.
    push
        Derivative of the log likelihood with respect to each score.
    sums
        Expected sums over sessions, from which `estimation` searches the parameters.
    """

    log_likelihood: Floats
    node: Floats
    inside: Floats
    begins: Floats
    ends: Floats
    fall: Floats
    push: Floats
    sums: Mapping[str, Floats]


@dataclass(frozen=True)
class _Moves:
    """For every gap: transitions, change of the expected score by pair of states, tie, variance.

    There are transitions for every probability to open that occurs.
    """

    chain: Floats
    change: Floats
    tie: Floats
    variance: Floats


def _moves(states: States, gaps: Integers) -> _Moves:
    chain = np.array([states.transitions(int(gap)) for gap in gaps]).transpose(2, 3, 0, 1)
    tie = np.array([states.phi ** int(gap) for gap in gaps])
    falls = states.fall * STEPS
    change = falls[None, :, None] - tie * falls[:, None, None]
    return _Moves(chain, change, tie, states.sd**2 * (1 - tie**2))


class _Run:
    """One pass forward and backward over the sessions of a block."""

    def __init__(self, block: Block, nodes: Nodes, states: States, largest: float) -> None:
        self.block, self.nodes, self.states, self.largest = block, nodes, states, largest
        self.unit = np.exp(nodes.log_sd)
        each, self.who = np.unique(states.opening, return_inverse=True)
        self.moves = _moves(replace(states, opening=each), block.gaps)
        self.filtered: list[Floats] = []
        self.factors: list[Floats] = []
        self.scales: list[Floats] = []

    def off(self, t: int) -> Floats:
        """Return scores less level and trend at every point (points x clients), in its unit."""
        n, at = self.block.active[t], self.nodes
        off = self.block.x[t, :n] - at.level[:, :n] - at.trend[:, :n] * self.block.time[t, :n]
        return off / self.unit[:, :n]

    def forward(self) -> Floats:
        """Return the log density of each client's sessions at each point."""
        sd = self.states.sd
        rest = self.off(0)
        log_density = -0.5 * np.square(rest / sd) - np.log(sd) - 0.5 * np.log(2 * np.pi)
        cut = np.flatnonzero(self.block.end[0])
        log_density[:, cut] = log_ndtr(-self.block.end[0, cut] * rest[:, cut] / sd)
        start = np.zeros((STEPS.size, *rest.shape))
        start[0] = 1.0
        self.filtered, self.factors, self.scales = [start], [start], [rest]
        for t in range(1, self.block.active.size):
            before, rest = rest, self.off(t)
            n = rest.shape[1]
            factor, common = self.densities(t, before[:, :n], rest)
            following = np.einsum("ikn,ijkn->jkn", self.filtered[-1][:, :, :n], factor)
            scale = following.sum(axis=0)
            following /= scale
            log_density[:, :n] += common + np.log(scale)
            self.filtered.append(following)
            self.factors.append(factor)
            self.scales.append(scale)
        return log_density

    def densities(self, t: int, before: Floats, rest: Floats) -> tuple[Floats, Floats]:
        """Return transition times density by pair (from, to, point, client), and a common log."""
        gap = self.block.gap[t, : rest.shape[1]]
        variance = self.moves.variance[gap]
        change = np.take(self.moves.change, gap, axis=2)  # in an order of memory that is fast
        r = rest - self.moves.tie[gap] * before
        common = -0.5 * (np.square(r) / variance + np.log(2 * np.pi * variance))
        slope, square = change / variance, 0.5 * np.square(change) / variance
        who = self.who[: gap.size] if self.who.size > 1 else 0
        chain = np.ascontiguousarray(self.moves.chain[:, :, gap, who])
        cut = np.flatnonzero(self.block.end[t, : rest.shape[1]])
        if not cut.size and np.abs(slope).max() * np.abs(r).max() + square.max() < self.largest:
            # what changes is a fall less one before, so that four exponentials make all pairs
            factor = (chain * np.exp(-square))[:, :, None] * np.exp(-r * slope[0][:, None])
            factor[1:] *= np.exp(-r * slope[1:, 0][:, None])[:, None]
            return factor, common
        exponent = -r * slope[:, :, None] - square[:, :, None]
        if cut.size:
            z = self.tail(t, cut, r)[0]
            log_tail = log_ndtr(-z)
            common[:, cut] = log_tail[0, 0]
            exponent[..., cut] = log_tail - log_tail[0, 0]
        np.clip(exponent, -LARGEST, self.largest, out=exponent)
        return np.exp(exponent, out=exponent) * chain[:, :, None], common

    def tail(self, t: int, cut: Integers, r: Floats) -> tuple[Floats, Floats, Floats]:
        """Return, for scores at an end, the standardised score, the end, and the SD."""
        gap, end = self.block.gap[t, cut], self.block.end[t, cut]
        sd = np.sqrt(self.moves.variance[gap])
        change = self.moves.change[:, :, gap][:, :, None, :]
        return end * (r[:, cut] + change) / sd, end, sd

    def backward(self, log_density: Floats) -> Posterior:
        """Return what all sessions say of each, and the expected sums."""
        log_likelihood, node = self.weigh(log_density)
        steps, n_clients = self.block.x.shape
        size, gaps = STEPS.size, self.block.gaps.size
        inside, begins, ends, fall, push = np.zeros((5, steps, n_clients))
        moved, squares = np.zeros((gaps, size, size)), np.zeros((gaps, 3, 3))
        later = np.ones((size, *self.scales[-1].shape))
        rest = self.off(steps - 1)
        for t in range(steps - 1, 0, -1):
            n = self.block.active[t]
            come, since = later / self.scales[t], self.filtered[t - 1][:, :, :n] * node[:, :n]
            earlier = np.ones((size, node.shape[0], self.block.active[t - 1]))
            earlier[:, :, :n] = np.einsum("ijkn,jkn->ikn", self.factors[t], come)
            share = np.einsum("ikn,ijkn,jkn->ijn", since, self.factors[t], come)
            now = self.filtered[t] * later * node[:, :n]
            then = since * earlier[:, :, :n]
            before = self.off(t - 1)
            cut = np.flatnonzero(self.block.end[t, :n])
            m_now, m_then = (np.tensordot(STEPS, part, 1) for part in (now, then))
            parts = self.products(before[:, :n], rest, m_now, m_then, node[:, :n], share)
            gap = self.block.gap[t, :n]
            tie, variance = self.moves.tie[gap], self.moves.variance[gap]
            fallen = [self.states.fall * part for part in (m_now, m_then)]
            r = node[:, :n] * (rest - tie * before[:, :n]) + fallen[0] - tie * fallen[1]
            if cut.size:
                pairs = since[:, None, :, cut] * self.factors[t][..., cut] * come[None, :, :, cut]
                r[:, cut] += self.add_tails(t, cut, before[:, :n], rest, pairs, parts)
            r = (r / self.unit[:, :n]).sum(axis=0)
            push[t, :n] -= r / variance
            push[t - 1, :n] += tie * r / variance
            for g in np.unique(gap):
                moved[g] += share[:, :, gap == g].sum(axis=2)
                squares[g] += parts[:, :, gap == g].sum(axis=2)
            inside[t, :n] = share[:, 1:].sum(axis=(0, 1))
            stays = np.einsum("iin->n", share[1:, 1:])
            begins[t, :n] = inside[t, :n] - stays
            ends[t, :n] = share[1:].sum(axis=(0, 1)) - stays
            fall[t, :n] = (fallen[0] * self.unit[:, :n]).sum(axis=0)
            later, rest = earlier, before
        sums = {"moved": moved, "squares": squares, **self.of_clients(node, rest, push)}
        return Posterior(log_likelihood, node, inside, begins, ends, fall, push, sums)

    def weigh(self, log_density: Floats) -> tuple[Floats, Floats]:
        """Return the log likelihood of each client and the posterior weights of the points."""
        s, at = self.states, self.nodes
        a, b = (at.level - s.level) / s.level_sd, (at.trend - s.trend) / s.trend_sd
        joint = log_density + at.log_weight - 0.5 * (a**2 + b**2 + (at.log_sd / s.sd_sd) ** 2)
        joint -= np.log(s.level_sd * s.trend_sd * s.sd_sd) + 1.5 * np.log(2 * np.pi)
        joint -= at.log_sd * self.block.inner.sum(axis=0)
        top = joint.max(axis=0)
        weight = np.exp(joint - top)
        total = weight.sum(axis=0)
        return top + np.log(total), weight / total

    def products(
        self, before: Floats, rest: Floats, m_now: Floats, m_then: Floats, node: Floats,
        share: Floats,
    ) -> Floats:  # fmt: skip
        """Return each client's expected squares and product of what two scores are off.

        With d the score less level and trend, and m the step of the state: (d_t + depth m_t)^2,
        (d_t + depth m_t)(d_s + depth m_s) and (d_s + depth m_s)^2, by powers of depth; `m_now` and
        `m_then` are the expected steps at the points.
        """
        d, e = rest * node, before * node
        square, even = np.square(STEPS), np.einsum
        return np.array([
            [even("kn,kn->n", d, rest), 2 * even("kn,kn->n", rest, m_now),
             square @ share.sum(axis=0)],
            [even("kn,kn->n", d, before),
             even("kn,kn->n", rest, m_then) + even("kn,kn->n", before, m_now),
             even("i,j,ijn->n", STEPS, STEPS, share)],
            [even("kn,kn->n", e, before), 2 * even("kn,kn->n", before, m_then),
             square @ share.sum(axis=1)],
        ])  # fmt: skip

    def add_tails(
        self, t: int, cut: Integers, before: Floats, rest: Floats, pairs: Floats, parts: Floats
    ) -> Floats:
        """Add to the products what normal values lie beyond the ends of the scale; return that."""
        gap = self.block.gap[t, : rest.shape[1]]
        z, end, sd = self.tail(t, cut, rest - self.moves.tie[gap] * before)
        one, two = _beyond(z, end * sd)
        moved = pairs * one
        parts[0, 0, cut] += np.sum(2 * rest[:, cut] * moved + pairs * two, axis=(0, 1, 2))
        parts[0, 1, cut] += 2 * np.einsum("j,ijkn->n", STEPS, moved)
        parts[1, 0, cut] += np.sum(before[:, cut] * moved, axis=(0, 1, 2))
        parts[1, 1, cut] += np.einsum("i,ijkn->n", STEPS, moved)
        return moved.sum(axis=(0, 1))

    def of_clients(self, node: Floats, first: Floats, push: Floats) -> dict[str, Floats]:
        """Return the number of clients and the expected sums over them."""
        at, sd = self.nodes, self.states.sd
        square, mean = np.square(first), first.copy()
        cut = np.flatnonzero(self.block.end[0])
        if cut.size:
            end = self.block.end[0, cut]
            one, two = _beyond(end * first[:, cut] / sd, end * sd)
            square[:, cut] += 2 * first[:, cut] * one + two
            mean[:, cut] += one
        push[0] -= (node * mean / self.unit).sum(axis=0) / sd**2
        return {
            "clients": np.array(float(node.shape[1])),
            "first": np.asarray(np.sum(node * square)),
            "level": np.array([np.sum(node * at.level), np.sum(node * at.level**2)]),
            "trend": np.array([np.sum(node * at.trend), np.sum(node * at.trend**2)]),
            "log_sd": np.asarray(np.sum(node * at.log_sd**2)),
        }


def _beyond(z: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Return the first two moments of how far the value lies beyond an end of the scale.

    `z` is the end's distance from the mean, in SDs and outward; `unit` the SD with the end's sign.
    """
    hazard = np.exp(-0.5 * np.square(z) - log_ndtr(-z)) / np.sqrt(2 * np.pi)
    return unit * (hazard - z), np.square(unit) * (1 + z**2 - z * hazard)


def run(block: Block, nodes: Nodes, states: States, largest: float = LARGEST) -> Posterior:
    """Pass forward and backward over all sessions of a block.

    ``states.opening`` is one probability, or one for each client of the block.
    A score counts for a rupture at most with `largest`, a log of a ratio of densities; where that
    binds, the sums are not those of the likelihood.
    """
    one = _Run(block, nodes, states, largest)
    return one.backward(one.forward())


def likelihood(block: Block, nodes: Nodes, states: States, largest: float = LARGEST) -> Floats:
    """Return each client's log likelihood: a pass forward alone."""
    one = _Run(block, nodes, states, largest)
    return one.weigh(one.forward())[0]
