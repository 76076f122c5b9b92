"""What the result says of the fit, in sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import listing
from ..advice import FEW_GROUPS, about_data, about_search
from .answers import told_gaps
from .maximise import Problem
from .ordinal import Ordinal
from .reading import family_of

if TYPE_CHECKING:
    from .result import OutcomeFit

FAR_FROM_LAPLACE = 0.1  # standard errors
FAR_LIKELIHOOD = 0.5  # one unit of AIC
SIZES = (0.5, 1.0, 2.0, 5.0, 12.0, 30.0)  # of negative binomials that Poissons are compared with
CLEARLY = 1.92  # half of 3.84: a likelihood ratio with p of .025, as a variance is tested
TOLD = 0.02  # share of a standard deviation by which Laplace's must differ to be told


def messages(fit: OutcomeFit) -> list[str]:
    """Collect everything a reader of the result should know."""
    gaps = (
        told_gaps(fit.model.family.categories, fit.design.outcome)
        if isinstance(fit.model.family, Ordinal)
        else []
    )
    asks = (about_search, _nodes, _offset, _size, _yes_no, _dispersion, _zeros, _laplace)
    return [*(said for ask in asks for said in ask(fit)), *gaps, *about_data(fit)]


def singular_note(fit: OutcomeFit) -> str:
    """Which random effects are on the boundary, and what that means; empty where none is."""
    if not fit.singular:
        return ""
    shape, design, parts = fit.model.shape, fit.design, []
    for place in fit.zeros:
        if shape.top and place == shape.total - 1:
            number, effect, alone = 1, 0, True
        else:
            row, _ = shape.pairs[place - shape.of_factor.start]
            others = np.abs(shape.factor(fit.best.point)[row, :row]).max(initial=0.0)
            number, effect, alone = 0, row, bool(others < 1e-3)
        group, term = design.grouping.names[number], design.effects[number].names[effect]
        parts.append(
            f"the variance of '{term}' for '{group}' is estimated as zero"
            if alone
            else f"the effect of '{term}' for '{group}' is a fixed multiple of the others "
            "(correlation of one in size)"
        )
    return (
        f"The fit is singular: {'; '.join(parts)}. The model asks for more than these data can "
        "tell; report this, and consider leaving that term out."
    )


def convergence_note(fit: OutcomeFit) -> str:
    """What did not stand still; empty where all did."""
    if fit.converged:
        return ""
    last = fit.nodes.iloc[-1]
    if not fit.best.converged:
        why = (
            f"with {last['nodes']:.0f} nodes the search ended {fit.best.distances[-1]:.2g} "
            "standard errors from a maximum"
        )
    else:
        why = (
            f"from the step before to {last['nodes']:.0f} nodes the estimates still moved by up to "
            f"{last['moved_se']:.2g} standard errors and the deviance by {last['change']:.2g}"
        )
    return (
        f"The search did not reach a maximum that more nodes leave in place: {why}. Do not report "
        "these estimates; simplify the random part, or look for predictors and categories that "
        "hardly vary."
    )


def few_groups_note(fit: OutcomeFit) -> str:
    """What to do where the top level has few groups; empty where it has enough."""
    name, size = list(fit.n_groups.items())[-1]
    if size >= FEW_GROUPS:
        return ""
    way_out = {
        "normal": "z tests of what differs between them are too liberal: use df='between-within'.",
        "between-within": "Between-within degrees of freedom are used, as advised.",
    }
    return f"There are only {size} groups of '{name}'. {way_out[fit.df_method]}"


def _nodes(fit: OutcomeFit) -> list[str]:
    """Say that a number of nodes was asked for, so that no more were tried."""
    if fit.method == "laplace" or not fit.ladder.asked:
        return []
    return [
        f"nodes={fit.ladder.points.inner} was asked for, so whether more nodes would move the "
        "estimates was not looked at; leave nodes= out to have it done."
    ]


def _held(fit: OutcomeFit) -> list[str]:
    """Return the family's parameters that have gone as far as they may."""
    own, first = fit.model.family.own_names, fit.model.shape.coefficients
    return [own[i - first] for i in fit.best.held if first <= i < first + len(own)]


def _size(fit: OutcomeFit) -> list[str]:
    """Say where a parameter of the family has gone as far as it may."""
    held, said = _held(fit), []
    if "log size" in held:
        said.append(
            "The counts vary no more than a Poisson's: the size of the negative binomial grows "
            "without end. Use family='poisson'."
        )
    if fit.zero == "hurdle" and "zero:Intercept" in held:
        said.append(
            f"'{fit.design.outcome}' has no zeros, fewer than the counts would have by themselves: "
            "with zero='hurdle' this is the zero-truncated model of counts from 1 on. Their "
            "probability is zero, and has no standard error."
        )
    elif "zero:Intercept" in held:
        said.append(
            f"There are no more zeros than the counts have by themselves (zero='{fit.zero}'): the "
            "probability of others is zero, and has no standard error. Use zero='none'."
        )
    return said


def _offset(fit: OutcomeFit) -> list[str]:
    """Say that an offset of whole numbers looks like an exposure whose log was not taken."""
    offset, frame = fit.model.asked.offset, fit.design.frame
    if fit.link != "log" or not isinstance(offset, str) or offset not in frame.columns:
        return []
    values = frame[offset].to_numpy(dtype=float)
    if (values != np.round(values)).any() or values.min() < 0 or values.max() <= 1:
        return []
    return [
        f"The offset '{offset}' holds whole numbers up to {values.max():g} and is added to the log "
        "of the rate as it is: one more multiplies the expected count by 2.7. If it counts an "
        f"exposure, give its log: offset='log({offset})'."
    ]


def _yes_no(fit: OutcomeFit) -> list[str]:
    """Say that counts of 0 and 1 are a yes or no, which varies less than a Poisson's."""
    y = fit.model.outcome.y
    if fit.link != "log" or y.max() > 1:
        return []
    return [
        f"'{fit.design.outcome}' holds only 0 and 1. As a yes or no it varies less than counts do, "
        "so standard errors here are too large, and expected counts can be above 1: use "
        "family='binomial'."
    ]


def _dispersion(fit: OutcomeFit) -> list[str]:
    """Say where counts vary more than a Poisson's, whose standard errors are then too small.

    All else as it is, the log-likelihood of a negative binomial of some size is no higher than the
    highest that one reaches.
    """
    model, best = fit.model, fit.best
    if fit.family != "poisson" or fit.method == "laplace" or not fit.converged:
        return []
    family = family_of(replace(model.asked, family="negative_binomial"))
    shape = replace(model.shape, own=model.shape.own + 1)
    problem = Problem(family, shape, model.problem.pieces)
    at = [np.insert(best.point, shape.coefficients, np.log(size)) for size in SIZES]
    values = [problem.evaluate(each, fit.ladder.points).value for each in at]
    higher = max(values) - fit.llf
    if higher < CLEARLY:
        return []
    return [
        "The counts vary more than a Poisson's, so its standard errors are too small: a negative "
        f"binomial has a log-likelihood at least {higher:.1f} higher. Use "
        "family='negative_binomial'."
    ]


def _zeros(fit: OutcomeFit) -> list[str]:
    """Say what a hurdle leaves out: predictors of whether there are any at all."""
    if fit.zero != "hurdle" or "zero:Intercept" in _held(fit):
        return []
    y = fit.design.outcome
    return [
        "With zero='hurdle' all rows have one probability of a zero, and predictors act on the "
        "counts above zero only: average_effects() holds no change in whether there are any at "
        "all, and RR is a ratio of rates before zeros are cut off, not of expected counts. For "
        f"any at all, fit data['any'] = (data['{y}'] > 0).astype(int) beside it, with "
        "family='binomial'."
    ]


def _laplace(fit: OutcomeFit) -> list[str]:
    """Say which estimates Laplace's approximation would put elsewhere."""
    if fit.method == "laplace":
        return [
            "These are Laplace's estimates (one node at the mode); with few rows a group they can "
            "be far from maximum likelihood: method='quadrature' is the default for that reason."
        ]
    if not fit.converged or not laplace_is_far(fit):
        return []
    other = fit.laplace
    errors = np.where(np.isfinite(fit.bse), fit.bse, np.inf)
    moved = np.abs(other.params.to_numpy() - fit.params.to_numpy()) / errors
    worst = int(moved.argmax())
    told = []
    if abs(other.llf - fit.llf) > FAR_LIKELIHOOD:
        told.append(f"log-likelihood {other.llf:.2f} instead of {fit.llf:.2f}")
    told += [
        f"SD of '{row['term1']}' for '{row['group']}' {theirs:.3f} instead of {row['sdcor']:.3f}"
        for row, theirs in zip(fit.varcomp.to_dict("records"), other.varcomp["sdcor"], strict=True)
        if not isinstance(row["term2"], str) and abs(theirs - row["sdcor"]) > TOLD * row["sdcor"]
    ]
    if moved[worst] > FAR_FROM_LAPLACE:
        told.append(
            f"'{fit.names[worst]}' {other.params.iloc[worst]:.4g} instead of "
            f"{fit.params.iloc[worst]:.4g} ({moved[worst]:.1f} standard errors)"
        )
    if not told:
        return []
    return [
        "Laplace's approximation, on which most software rests, would be off here: "
        f"{listing(told, 6)}. See .laplace."
    ]


def laplace_is_far(fit: OutcomeFit) -> bool:
    """Tell whether Laplace's maximum lies off, by its slope at the quadrature's.

    One step of Newton's with the quadrature's curvature says how far, in standard errors, without
    looking for that maximum.
    """
    best, problem = fit.best, fit.model.problem
    free, covariance = best.free(), best.covariance()
    errors = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    alone = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(best.hessian)), 1e-300))
    slope = np.zeros(len(best.point))
    for place in free:
        step = np.zeros(len(best.point))
        step[place] = 0.05 * alone[place]
        values = [problem.modes(best.point + side * step)[1] for side in (1.0, -1.0)]
        slope[place] = (values[0] - values[1]) / (2.0 * step[place])
    problem.modes(best.point)
    moved = np.abs(covariance @ slope)[free] / errors[free]
    return bool(moved.max(initial=0.0) > FAR_FROM_LAPLACE)
