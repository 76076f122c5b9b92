"""What is said of a fit above its numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ...errors import listing
from .ordinal import Ordinal

if TYPE_CHECKING:
    from .result import OutcomeFit

NAMES = {
    "binomial": "binomial model",
    "poisson": "Poisson model",
    "negative_binomial": "negative binomial model",
    "ordinal": "cumulative model of ordered answers",
}
ZEROS = {"none": "", "inflated": ", zeros inflated", "hurdle": ", with a hurdle at zero"}


ZERO = "zero:Intercept"
ONE_ZERO = {
    "inflated": "one probability of an extra zero for all rows",
    "hurdle": "one probability of a zero for all rows (predictors act on the counts above zero)",
}


def title(fit: OutcomeFit) -> str:
    """Return what the model is called."""
    return f"Multilevel {NAMES[fit.family]} ({fit.link}{ZEROS[fit.zero]})"


def estimator(fit: OutcomeFit) -> str:
    """Return how the integrals over the random effects were taken."""
    if fit.method == "laplace":
        return "Maximum likelihood (Laplace's approximation)"
    last = fit.nodes.iloc[-1]
    within = f" within {last['nodes_top']:.0f}" if last["nodes_top"] else ""
    return f"Maximum likelihood (adaptive quadrature, {last['nodes']:.0f} nodes{within})"


def particulars(fit: OutcomeFit) -> str:
    """Return what a reader must know of trials, offset and weights, which no formula shows."""
    asked, said = fit.model.asked, []
    if asked.trials is not None:
        said.append(f"successes among '{asked.trials}' trials")
    if asked.offset is not None:
        of = f" {asked.offset}" if isinstance(asked.offset, str) else ""
        said.append(f"with the offset{of}" if of else "with an offset")
    if fit.design.weights is not None:
        said.append("with prior weights")
    if fit.zero != "none":
        said.append(ONE_ZERO[fit.zero])
    return "".join(f", {each}" for each in said)


def term_labels(fit: OutcomeFit) -> dict[str, str]:
    """Return what thresholds lie between, and what the constant of the zeros is."""
    family = fit.model.family
    if isinstance(family, Ordinal):
        pairs = zip(family.own_names, pairwise(family.categories), strict=True)
        return {name: f"Threshold {low} | {high}" for name, (low, high) in pairs}
    said = {"inflated": "Extra zeros (logit)", "hurdle": "Any zero (logit)"}
    return {ZERO: said[fit.zero]} if fit.zero in said else {}


def spread_lines(fit: OutcomeFit) -> list[str]:
    """Return the scale of the numbers, and the size of a negative binomial."""
    lines = [f"All effects on the scale of the {fit.link}{particulars(fit)}"]
    if isinstance(fit.model.family, Ordinal):
        answers = listing(fit.model.family.categories, len(fit.model.family.categories))
        lines.append(f"Answers in their order: {answers}")
    if fit.dispersion == fit.dispersion:
        lines.append(f"Size of the negative binomial: {fit.dispersion:.5g}")
    return lines
