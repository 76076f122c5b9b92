"""How many ruptures are expected, how many clients have one, and how sure the parameters are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.results import Z95
from .estimation import MOST_EVIDENCE, NOTHING, Evidence, Fit, after_pass, lay, without_ruptures
from .model import NAMES, Floats, States, to_states
from .passes import Block, Booleans, Nodes, Posterior, likelihood, run

LEAST = 1e-12
MOST_BLOCKS = 2
"""Blocks of clients from which it is taken how expected numbers move with the parameters."""
MOVED = 0.5
"""Step, in standard errors, by which it is."""
MOVING = ("sd", "sd_sd", "phi", "depth", "opening", "closing", "skew")
"""Parameters on which expected numbers depend."""


def settled(block: Block, states: States) -> Evidence:
    """Return the evidence that lays the points of a block where its clients are found to lie."""
    nodes = lay(without_ruptures(block, states), states)
    return after_pass(nodes, run(block, nodes, states, MOST_EVIDENCE).node, states)


def any_rupture(block: Block, states: States, found: Posterior, nodes: Nodes) -> Floats:
    """Return the probability that each client had a rupture at all.

    That none opened is the likelihood with nothing that opens, times the probability of that, over
    the likelihood; all from the points that the posterior rests on.
    """
    steps = np.where(_later(block), block.gaps[block.gap], 0).sum(axis=0)
    without = replace(states, opening=NOTHING)
    none = likelihood(block, nodes, without, MOST_EVIDENCE)
    none = none + steps * np.log1p(-states.opening) - found.log_likelihood
    return 1 - np.exp(np.minimum(none, 0.0))


def _later(block: Block) -> Booleans:
    return block.there & (np.arange(block.x.shape[0])[:, None] > 0)


def errors_of(best: Fit, blocks: Sequence[Block], unit: float) -> dict[str, float]:
    """Return standard errors of parameters and expected numbers, and intervals of parameters.

    From the curvature of the penalised likelihood: on the log scale of depth and the logit scale of
    opening and closing; of expected numbers by the delta method. Empty where there is no curvature.
    """
    if best.covariance is None:
        return {}
    found: dict[str, float] = {}
    errors = dict(zip(NAMES, np.sqrt(np.diag(best.covariance)), strict=True))
    for name in ("depth", "opening", "closing"):
        at, error = best.theta[NAMES.index(name)], errors[name]
        moved = best.theta + np.outer([-Z95, Z95], np.eye(len(NAMES))[NAMES.index(name)] * error)
        size = unit if name == "depth" else 1.0
        low, high = (float(getattr(to_states(one), name)) * size for one in moved)
        slope = np.exp(at) * size if name == "depth" else _slope(at)
        found |= {f"{name}_error": float(slope * error), f"{name}_low": low, f"{name}_high": high}
    return found | _of_numbers(best, blocks[:MOST_BLOCKS], errors)


def _slope(log_odds: float) -> float:
    p = 1 / (1 + np.exp(-log_odds))
    return float(p * (1 - p))


def _of_numbers(best: Fit, blocks: Sequence[Block], errors: dict[str, float]) -> dict[str, float]:
    """Return the errors of the expected numbers of ruptures and clients over their size."""
    laid = [settled(block, best.states) for block in blocks]

    def numbers(theta: Floats) -> Floats:
        states = to_states(theta)
        total = np.full(2, LEAST)
        for block, evidence in zip(blocks, laid, strict=True):
            nodes = lay(evidence, states)
            found = run(block, nodes, states, MOST_EVIDENCE)
            total[0] += np.where(_later(block), found.begins, 0.0).sum()
            total[1] += any_rupture(block, states, found, nodes).sum()
        return np.log(total)

    here = numbers(best.theta)
    slopes = np.zeros((2, len(NAMES)))
    for name in MOVING:
        if errors[name] > 0:
            k = NAMES.index(name)
            step = MOVED * errors[name] * np.eye(len(NAMES))[k]
            slopes[:, k] = (numbers(best.theta + step) - here) / (MOVED * errors[name])
    variance = np.diag(slopes @ np.asarray(best.covariance) @ slopes.T)
    spread = np.sqrt(np.maximum(variance, 0.0))
    return {"ruptures_relative_error": float(spread[0]), "clients_relative_error": float(spread[1])}
