"""Forward and backward through all sessions of a block of clients at once.

Given level, trend and SD of a client, with scores less level and trend counted in that SD, the
states are a hidden Markov chain whose score depends on the state now and on the state at the
session observed before (Hamilton 1989; Kim 1994): with a gap of g session numbers, x_t lies about
the level there plus phi^g times what x_t-g was off its own, with variance sd^2 (1 - phi^2g) and
the skew of drift (`states.drift`), and the chain of states moves by the g-th power of its matrix.
An unobserved session is thereby integrated out, not filled in. Level, trend and log SD are
integrated over by quadrature points about each client's own.

A score at an end of the scale says that the value lies there or beyond (a Tobit model with the
observed score before as predictor): its density is a tail of the distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .drift import LARGEST_W, beyond, drift
from .model import STEPS, Floats, Integers, States

Booleans = npt.NDArray[np.bool_]
LARGEST = 150.0
"""Largest log of a ratio of two densities that is kept: beyond it a state is certain anyway."""


@dataclass(frozen=True)
class Block:
    """Clients, longest course first: arrays with a row a step and a column a client.

    `x` are the scores. ``active[t]`` clients have a step t; what stands beyond them
    is not read. `gap` holds positions in `gaps`, the differences of session numbers that occur.
    `end` is 1 where the score is the best possible, -1 where it is the worst, else 0.
    """

    x: Floats
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
    sums
        Expected sums over sessions, from which `estimation` has the slope of the likelihood.
    """

    log_likelihood: Floats
    node: Floats
    inside: Floats
    begins: Floats
    ends: Floats
    fall: Floats
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
    falls = states.depth * STEPS
    change = falls[None, :, None] - tie * falls[:, None, None]
    return _Moves(chain, change, tie, states.sd**2 * (1 - tie**2))


class _Run:
    """One pass forward and backward over the sessions of a block."""

    def __init__(self, block: Block, nodes: Nodes, states: States, largest: float) -> None:
        self.block, self.nodes, self.states, self.largest = block, nodes, states, largest
        self.unit = np.exp(nodes.log_sd)
        each, self.who = np.unique(states.opening, return_inverse=True)
        self.moves = _moves(replace(states, opening=each), block.gaps)
        self.drift = drift(float(states.skew))
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
        log_density = self.drift.log_density(self.drift.w(rest / sd)) - np.log(sd)
        cut = np.flatnonzero(self.block.end[0])
        if cut.size:
            log_density[:, cut] = self.tails(self.block.end[0, cut], rest[:, cut] / sd)[0]
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

    def standardised(self, t: int, before: Floats, rest: Floats) -> tuple[Floats, Floats, Floats]:
        """Return scores without rupture (points x clients), falls by pair of states, and SDs."""
        gap = self.block.gap[t, : rest.shape[1]]
        sd = np.sqrt(self.moves.variance[gap])
        change = np.take(self.moves.change, gap, axis=2) / sd  # in an order of memory that is fast
        return (rest - self.moves.tie[gap] * before) / sd, change, sd

    def densities(self, t: int, before: Floats, rest: Floats) -> tuple[Floats, Floats]:
        """Return transition times density by pair (from, to, point, client), and a common log."""
        z, change, sd = self.standardised(t, before, rest)
        w, fallen = self.drift.w(z), np.minimum(self.drift.rate * change, LARGEST_W)
        common = self.drift.log_density(w) - np.log(sd)
        exponent = np.exp(w) * (-self.drift.shape * np.expm1(fallen))[:, :, None]
        exponent += (self.drift.shape * fallen)[:, :, None]
        cut = np.flatnonzero(self.block.end[t, : sd.size])
        if cut.size:
            log_tail = self.tails(self.block.end[t, cut], z[:, cut] + change[:, :, None, cut])[0]
            common[:, cut] = log_tail[0, 0]
            exponent[..., cut] = log_tail - log_tail[0, 0]
        np.clip(exponent, -LARGEST, self.largest, out=exponent)
        who = self.who[: sd.size] if self.who.size > 1 else 0
        chain = np.ascontiguousarray(self.moves.chain[:, :, self.block.gap[t, : sd.size], who])
        return np.multiply(np.exp(exponent, out=exponent), chain[:, :, None], out=exponent), common

    def tails(self, end: Integers, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log tails beyond an end of the scale and their slopes by z and by the skew."""
        return beyond(self.drift.skew, end, z)

    def backward(self, log_density: Floats) -> Posterior:
        """Return what all sessions say of each, and the expected sums."""
        log_likelihood, node = self.weigh(log_density)
        steps, n_clients = self.block.x.shape
        size, gaps = STEPS.size, self.block.gaps.size
        inside, begins, ends, fall = np.zeros((4, steps, n_clients))
        sums = {
            "moved": np.zeros((gaps, size, size)),
            "slopes": np.zeros((gaps, 5)),
            "skew": np.zeros(()),
        }
        later = np.ones((size, *self.scales[-1].shape))
        rest = self.off(steps - 1)
        for t in range(steps - 1, 0, -1):
            n = self.block.active[t]
            come, since = later / self.scales[t], self.filtered[t - 1][:, :, :n] * node[:, :n]
            earlier = np.ones((size, node.shape[0], self.block.active[t - 1]))
            earlier[:, :, :n] = np.einsum("ijkn,jkn->ikn", self.factors[t], come)
            pairs = self.factors[t] * since[:, None]
            pairs *= come[None]
            share = pairs.sum(axis=2)
            before = self.off(t - 1)
            self.add_slopes(t, before[:, :n], rest, pairs, share, node[:, :n], sums)
            gap = self.block.gap[t, :n]
            for g in np.unique(gap):
                sums["moved"][g] += share[:, :, gap == g].sum(axis=2)
            inside[t, :n] = share[:, 1:].sum(axis=(0, 1))
            stays = np.einsum("iin->n", share[1:, 1:])
            begins[t, :n] = inside[t, :n] - stays
            ends[t, :n] = share[1:].sum(axis=(0, 1)) - stays
            deep = np.tensordot(STEPS, self.filtered[t] * later * node[:, :n], 1)
            fall[t, :n] = (self.states.depth * deep * self.unit[:, :n]).sum(axis=0)
            later, rest = earlier, before
        self.add_first(node, rest, sums)
        return Posterior(log_likelihood, node, inside, begins, ends, fall, sums)

    def add_slopes(
        self, t: int, before: Floats, rest: Floats, pairs: Floats, share: Floats, node: Floats,
        sums: dict[str, Floats],
    ) -> None:  # fmt: skip
        """Add slopes of log densities by z, times what z is made of: both scores, both steps.

        And the number of scores that are no end of the scale, and the slopes by the skew. `pairs`
        sum to `share` over points, and to `node` over pairs of states.
        """
        z, change, _ = self.standardised(t, before, rest)
        end, gap = self.block.end[t, : z.shape[1]], self.block.gap[t, : z.shape[1]]
        # a pair's slope is -rate shape (e^w e^fallen - 1), so that sums of e^w are enough
        fallen = np.exp(np.minimum(self.drift.rate * change, LARGEST_W))
        weight, times = np.exp(self.drift.w(z)), -self.drift.rate * self.drift.shape
        each = times * (np.einsum("ijn,ijkn->kn", fallen, pairs) * weight - node)
        of_pair = times * (fallen * np.einsum("ijkn,kn->ijn", pairs, weight) - share)
        cut, inner = np.flatnonzero(end), end == 0
        if cut.size:
            _, slope, by_skew = self.tails(end[cut], z[:, cut] + change[:, :, None, cut])
            slope *= pairs[..., cut]
            sums["skew"] += np.sum(pairs[..., cut] * by_skew)
            each[:, cut], of_pair[..., cut] = slope.sum(axis=(0, 1)), slope.sum(axis=2)
        parts = np.array(
            [
                np.sum(each * rest, axis=0),
                np.sum(each * before, axis=0),
                np.einsum("j,ijn->n", STEPS, of_pair),
                np.einsum("i,ijn->n", STEPS, of_pair),
                inner,
            ]
        )
        for g in np.unique(gap):
            sums["slopes"][g] += parts[:, gap == g].sum(axis=1)
        expected = (
            inner.astype(float),
            np.sum(share * change, axis=(0, 1)) + np.sum(node * z, axis=0),
            of_pair.sum(axis=(0, 1)),
            np.sum(of_pair * change, axis=(0, 1)) + np.sum(each * z, axis=0),
        )
        sums["skew"] += self.drift.of_skew(*(float(one[inner].sum()) for one in expected))

    def add_first(self, node: Floats, first: Floats, sums: dict[str, Floats]) -> None:
        """Add what the first scores say, the number of clients, and the expected sums over them."""
        at, end, z = self.nodes, self.block.end[0], first / self.states.sd
        slope, inner, cut = self.drift.slope(self.drift.w(z)), end == 0, np.flatnonzero(end)
        if cut.size:
            _, slope[:, cut], by_skew = self.tails(end[cut], z[:, cut])
            sums["skew"] += np.sum(node[:, cut] * by_skew)
        expected = ((node * one).sum(axis=0) for one in (np.ones_like(z), z, slope, slope * z))
        sums["skew"] += self.drift.of_skew(*(float(one[inner].sum()) for one in expected))
        sums |= {
            "clients": np.array(float(node.shape[1])),
            "first": np.array([np.sum(node * slope * first), float(inner.sum())]),
            "level": np.array([np.sum(node * at.level), np.sum(node * at.level**2)]),
            "trend": np.array([np.sum(node * at.trend), np.sum(node * at.trend**2)]),
            "log_sd": np.asarray(np.sum(node * at.log_sd**2)),
        }

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
