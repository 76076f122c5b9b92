"""What the terms of panel models are called, and what was assumed of them, in words."""

from __future__ import annotations

from ...errors import listing
from .fitting import Specification
from .waves import DAYS, Waves


def assumed(asked: Specification, held: Waves) -> str:
    """Return in sentences what was taken as known or equal."""
    name, covariates = held.names, [*held.covariates]
    said = ""
    if covariates:
        said += f" Covariates: {listing(covariates, 12)}."
    if asked.step is not None:
        unit = "days" if asked.time == DAYS else f"({asked.time})"
        said += (
            f" Lagged effects are of one step to the next; steps are {asked.step:g} {unit} long."
        )
    if asked.residuals == "equal":
        said += " (Co)variances of what is new at a wave were equal from the second wave on."
    if asked.reliability:
        known = listing(f"{name[v]} {value:g}" for v, value in asked.reliability.items())
        said += f" Reliabilities were taken as known: {known}."
    return said


def words_of_terms(model: str, held: Waves) -> dict[str, str]:
    """Return the terms with the names of the scores."""
    name, pairs = held.names, [(a, b) for a in held.names for b in held.names]
    words = {f"{a}_on_{b}": f"{name[a]} on {name[b]} before" for a, b in pairs}
    words |= {f"mean_{a}": f"Mean of {name[a]}" for a in name}
    # of the first wave the variance, of later ones what is new: without levels of no client's
    at = "" if model == "clpm" else " (within clients)"
    words |= {f"var_{a}_within": f"(Residual) variance of {name[a]}{at}" for a in name}
    words |= {f"var_{a}_between": f"Variance of {name[a]} (between clients)" for a in name}
    for level, kind in (
        ("within", f"(Residual) c{{}}{at}"),
        ("between", "C{} (between clients)"),
    ):
        words[f"cov_{level}"] = kind.format("ovariance of both")
        words |= {
            f"cov_{level}_{a}_{b}": kind.format(f"ovariance of {name[a]} and {name[b]}")
            for a, b in pairs
        }
    grown = {f"{a}_{part}": f"{word} of {name[a]}" for a in name
             for part, word in (("between", "level"), ("slope", "trend"))}  # fmt: skip
    words |= {f"var_{a}_slope": f"Variance of the {grown[f'{a}_slope']}" for a in name}
    for one, said in grown.items():
        words[f"mean_{one}"] = f"Mean {said}"
        words |= {f"cov_{one}_{o}": f"Covariance of {said} and {grown[o]}" for o in grown}
        words |= {f"{one}_on_{z}": f"{said[:1].upper()}{said[1:]} on {z}" for z in held.covariates}
    more = [z for z in map(str, held.covariates) if z not in name]
    return words | {f"{a}_on_{z}": f"{name[a]} on {z}" for a in name for z in more}
