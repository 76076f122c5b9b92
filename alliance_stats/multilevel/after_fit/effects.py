"""Conditional modes of the random effects, and the values a fitted model gives to rows.

After the upward pass of the likelihood a downward pass, from the top level to the lowest, gives
each unit its effects: a unit's combination ``w`` of columns starts as ``(-beta, 1)`` and each
level takes its effects off, until ``w`` combines a row's columns to that row's residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..engine.batches import (
    WHOLE,
    Array,
    Indices,
    fixed_times,
    inverse_of_one_plus,
    times,
    transpose,
)
from ..engine.crossed import CrossedPartition
from ..engine.deviance import Profile, covariances, factors
from ..engine.elimination import State, eliminate
from ..engine.likelihood import Level, Partition
from .crossed_effects import Posterior

if TYPE_CHECKING:
    from ..engine.design import Design


@dataclass(frozen=True)
class UnitEffects:
    """Random effects in the scaled columns' units, each level's units on the last axis."""

    modes: tuple[Array, ...]  # each q, units
    covariances: tuple[Array, ...]  # each q, q, units, over the residual variance; given beta
    residual_combination: Array  # k, lowest units; before any effect where groups cross


def unit_effects(
    partition: Partition,
    levels: Sequence[Level],
    theta: Array,
    profile: Profile,
    *,
    uncertainty: bool = False,
) -> UnitEffects:
    """Return the conditional modes of every level, and on request their covariances.

    The covariances are those given the coefficients and variances, as lme4's ``condVar``.
    """
    relative = covariances(levels, theta)
    k = partition.cross.shape[0]
    w = np.zeros((k, 1))
    w[-1] = 1.0
    w[list(profile.fixed), 0] = -profile.beta
    if isinstance(partition, CrossedPartition):
        known = Posterior(partition, levels, relative)
        return UnitEffects(known.modes(w[:, 0]), known.covariances() if uncertainty else (), w)
    crosses = upward(partition, levels, relative)
    spread = np.zeros((k, k, 1))
    modes: list[Array] = []
    spreads: list[Array] = []
    for number in reversed(range(len(levels))):
        z, D, cross = list(levels[number].columns), relative[number], crosses[number]
        parents = parents_of(partition, number, cross.shape[-1])
        w = w[:, parents]
        if not z:  # a level without effects
            modes.insert(0, np.zeros((0, w.shape[1])))
            if uncertainty:
                spread = spread[..., parents]
                spreads.insert(0, np.zeros((0, 0, w.shape[1])))
            continue
        A_z = cross[z]
        E, _ = inverse_of_one_plus(A_z[:, z], D)
        b = fixed_times(D, times(E, times(A_z, w[:, None, :])))[:, 0, :]
        w[z] -= b
        modes.insert(0, b)
        if uncertainty:
            K = fixed_times(D, E)
            spread, own = spread_down(spread[..., parents], A_z, K, z)
            spreads.insert(0, own)
    return UnitEffects(tuple(modes), tuple(spreads), w)


def upward(partition: Partition, levels: Sequence[Level], relative: Sequence[Array]) -> list[Array]:
    """Return the cross-products of every level's units, the levels below eliminated."""
    state, crosses = State.begin(partition.cross), []
    for level, D, starts in zip(levels, relative, (*partition.starts, WHOLE), strict=True):
        crosses.append(state.cross)
        state = eliminate(state, level.columns, level.pairs, D, starts)
    return crosses


def parents_of(partition: Partition, number: int, units: int) -> Indices:
    """Return the parent of each of a level's units."""
    starts = (*partition.starts, WHOLE)[number]
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=units))


def spread_down(spread: Array, A_z: Array, K: Array, z: list[int]) -> tuple[Array, Array]:
    """Carry the covariance of w one level down; return it and that of the level's effects."""
    KA = times(K, A_z)
    own = K + times(times(KA, spread), transpose(KA))
    keep = np.zeros_like(spread)
    keep[np.arange(len(keep)), np.arange(len(keep))] = 1.0
    keep[z] -= KA
    spread = times(times(keep, spread), transpose(keep))
    spread[np.ix_(z, z)] += K
    return spread, own


def effects_of_rows(design: Design, effects: Sequence[Array]) -> Array:
    """Return what random effects (q, units a level) add to each row, in scaled units."""
    total = np.zeros(design.n)
    for number, (level, values) in enumerate(zip(design.levels, effects, strict=True)):
        of_rows = design.grouping.to_rows(number, values)
        for column, effect in zip(level.columns, of_rows, strict=True):
            total += design.columns[column] / design.scale[column] * effect
    return total


def draw_effects(
    levels: Sequence[Level], theta: Array, sizes: Sequence[int], rng: np.random.Generator
) -> list[Array]:
    """Draw random effects for every unit, relative to the residual standard deviation."""
    return [
        factor @ rng.standard_normal((len(factor), size))
        for factor, size in zip(factors(levels, theta), sizes, strict=True)
    ]
