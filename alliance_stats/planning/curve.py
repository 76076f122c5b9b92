"""Power over what may vary: the table and the picture of one or two numbers of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.arguments import is_number, shown
from ..errors import DesignError, did_you_mean, listing
from . import dropout
from .chances import chances, checked_effect
from .result import AXES
from .units import SHARES, unit_of

if TYPE_CHECKING:
    from .design import StudyDesign

OPERATING = ("power", "type_s", "type_m")
COLUMNS = ("power", "mc_error", "type_s", "type_m", "method")


def varied_over(over: object, of: str) -> dict[str, Sequence[float]]:
    """Return the arguments a table goes over, each with its values."""
    known = ("effect", *AXES)
    if not isinstance(over, Mapping) or not 1 <= len(over) <= 2:
        raise DesignError(
            "over must name one or two of a design's numbers with their values, such as "
            f"{{'n_therapists': [20, 40, 80]}}, not {shown(over)}."
        )
    lists: dict[str, Sequence[float]] = {}
    for name, values in over.items():
        if name not in known:
            raise DesignError(
                f"over cannot vary {shown(name)}; it may vary {listing(known, 20)}."
                f"{did_you_mean(str(name), known)}"
            )
        several = isinstance(values, Iterable) and not isinstance(values, str | Mapping)
        values = list(values) if several else []
        if not values or not all(map(is_number, values)):
            raise DesignError(f"over needs numbers for '{name}', not {shown(over[name])}.")
        if name == "effect":
            for value in values:
                checked_effect(value)
        lists[name] = values
    if of == "therapists" and "icc_therapist" in over:
        raise DesignError(
            "The effect of of='therapists' is their share of the variance: vary it as "
            "over={'effect': [...]}, not as 'icc_therapist'."
        )
    return lists


def curve(
    design: StudyDesign, effect: float, of: str, alpha: float, standardised: bool | None,
    varied: Mapping[str, Sequence[float]],
) -> pd.DataFrame:  # fmt: skip
    """Return power by formula for each combination of values; effects as they were asked."""
    rows: list[dict[str, Any]] = []
    for values in product(*varied.values()):
        at = dict(zip(varied, values, strict=True))
        changes: dict[str, Any] = {name: value for name, value in at.items() if name != "effect"}
        for name in changes:
            refuse_lists(design, name)
        one = replace(design, **changes, pilot_draws=()) if changes else design
        asked = at.get("effect", effect)
        points = asked * unit_of(one, of, standardised).points
        if of in SHARES and not 0 < _share_after(one, of, points) < 1:
            continue
        found = chances(one, of, points, alpha)[1]
        rows.append(changes | {"effect": asked} | dict(zip(OPERATING, found, strict=True)))
    table = pd.DataFrame(rows).assign(mc_error=0.0, method="analytic")
    return table[[*(n for n in varied if n != "effect"), "effect", *COLUMNS]]


def _share_after(design: StudyDesign, of: str, effect: float) -> float:
    """Return the share that an effect on a share leads to; therapists', of what clients leave.

    Rounded, as .3 - .3 of a curve's last effect is not quite zero.
    """
    if of == "therapists":
        return round(effect / (1 - design.icc_client), 9)
    return round(dropout.shares(design)[0] + effect, 9)


def refuse_lists(design: StudyDesign, what: str) -> None:
    """What is listed one by one has one size."""
    curves = {"dropout": design.dropout, "missing": design.missing}
    lists = isinstance(design.caseloads, tuple), not isinstance(design.caseloads, str)
    fixed = {
        "n_therapists": lists[0] and "caseloads",
        "clients_per_therapist": lists[1] and "caseloads",
        "sessions": next((name for name in curves if isinstance(curves[name], Iterable)), None),
    }.get(what)
    if fixed:
        are = "are" if fixed == "caseloads" else "is"
        raise DesignError(
            f"{what} cannot vary while {fixed} {are} given as a list; give {fixed} in a "
            "form that fits any number ('equal', shares of sizes; one share that leaves)."
        )
