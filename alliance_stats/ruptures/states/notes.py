"""What the state model says of itself: estimates, how sure they are, where not to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import listing

FEW, NOT_MANY = 30, 150
"""With fewer clients the penalties weigh as much as the data; are probabilities off by half a unit
of log odds in one study in two."""
SKEWED = 0.5
"""Skew of drift from which it is told: of sixty clients with normal drift it is between -.2 and .2,
of sixty whose drift has a skew of -1.4 between -1.7 and -1.4."""
NEEDED = 5.0
"""Likelihood ratio below which the data do without ruptures: it was lower in all of 28 simulated
studies of 15, 60 and 200 clients whose courses are as assumed and have none (4.4 the highest)."""
FEW_VALUES = 7
MANY_AT_ENDS = 0.1
"""With a larger share of scores at an end of the scale one SD holds for all clients: one who stays
at an end shows no spread, and no size of it can be told from another."""


class Told(NamedTuple):
    """What is to be told besides estimates: parameters given, distinct scores, assumed ends."""

    given: list[str]
    values: int
    ends: list[float]


def notes(e: Mapping[str, Any], told: Told) -> list[str]:
    """Return the sentences: what was found, then what limits it."""
    return [*_estimates(e, told), *_skew(e), *_needed(e), *_size(e), *_scores(e, told)]


def _skew(e: Mapping[str, Any]) -> list[str]:
    if abs(e["skew"]) < SKEWED:
        return []
    tail = "far below" if e["skew"] < 0 else "far above"
    return [
        f"Without any rupture, too, scores now and then lie {tail} (skewness of what is new in a "
        f"session {e['skew']:.2f}, scores turned so that higher is better): the model allows for "
        "it, rules of falls and charts do not."
    ]


def _between(e: Mapping[str, Any], name: str, form: str) -> str:
    if f"{name}_low" not in e or name in e.get("given", ()):
        return ""
    return f" [{e[f'{name}_low']:{form}}, {e[f'{name}_high']:{form}}]"


def _estimates(e: Mapping[str, Any], told: Told) -> list[str]:
    known = {**e, "given": told.given}
    return [
        f"State model of {e['n_clients']} clients. If there are ruptures, one is {e['depth']:.3g}"
        f"{_between(known, 'depth', '.3g')} points deep ({e['depth'] / e['within_sd']:.2g} "
        f"within-client SDs), opens in {e['opening']:.1%}{_between(known, 'opening', '.1%')} of "
        f"sessions and closes with probability {e['closing']:.2g}"
        f"{_between(known, 'closing', '.2g')} a session; phi {e['phi']:.2g}. In brackets: 95% "
        "intervals from the penalised likelihood, which expects falls of 1.2 to 3.3 SDs."
        + (f" Given, not estimated: {', '.join(told.given)}." if told.given else ""),
        f"SDs differ between clients: their logarithms by {e['within_sd_sd']:.2g}."
        if e["within_sd_sd"]
        else f"One SD holds for all clients: {e['at_ends']:.0%} of the scores stand at an end of "
        f"the scale, and where more than {MANY_AT_ENDS:.0%} do, clients' own SDs cannot be told.",
    ]


def _needed(e: Mapping[str, Any]) -> list[str]:
    ratio = e.get("likelihood_ratio")
    if ratio is None or ratio >= NEEDED:
        return []
    return [
        f"The scores are nearly as probable without any rupture (twice the log of the likelihood "
        f"ratio: {ratio:.1f}; below {NEEDED:g} in all of 28 simulated studies without ruptures): "
        "they are no evidence that there are any, and depth, opening and closing rest on what "
        "the model expects of ruptures."
    ]


def _size(e: Mapping[str, Any]) -> list[str]:
    said = []
    if "opening_sd" in e:
        said.append(
            f"Between {e['n_therapists']} therapists the log odds that a rupture opens have an SD "
            f"of {e['opening_sd']:.2g}; each therapist's, shrunk by it, is used for the clients "
            "(.clients, column 'opening')."
        )
    if not e["converged"]:
        said.append(
            f"The search for the parameters did not settle in {e['n_passes']} passes; hold the "
            "probabilities against those of a larger or longer study before using them."
        )
    if e["n_clients"] < FEW:
        said.append(
            f"With {e['n_clients']} client(s) depth, opening and closing rest mostly on what the "
            "model assumes of ruptures beforehand; give them from a larger study where there is "
            "one."
        )
    elif e["n_clients"] < NOT_MANY:
        said.append(
            f"With {e['n_clients']} clients depth, opening and closing are rough: studies of 60 "
            "are off by .5 to .7 in the log odds of their probabilities, either way."
        )
    return said


def _scores(e: Mapping[str, Any], told: Told) -> list[str]:
    said = []
    if told.values <= FEW_VALUES:
        said.append(
            f"The scores take {told.values} values only, and the model takes them for continuous: "
            "of single items answered 1 to 5, without ruptures, 22 to 28 % of the clients were "
            "flagged in four of ten simulated studies. Prefer the mean of several items."
        )
    if told.ends:
        said.append(
            "The range of the scale is not known: "
            f"{listing([f'{end:g}' for end in told.ends])}, where many scores lie, counts as its "
            "end (that or anything beyond). Give range= where it is known."
        )
    return said
