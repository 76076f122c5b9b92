"""Does a model hold what its plan is for: the arms, their course, a predictor, the groups?

A plan says which column is which under ``columns``; what it does not say is called as in a study or
in the plan's own simulations (`OWN`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.arguments import shown
from ..errors import DesignError, did_you_mean, listing
from ..multilevel.formula.model_formula import Formula, parse_formula
from ..multilevel.formula.tree import Name
from .design import StudyDesign
from .replicates import TERMS
from .simulated import analysis

Columns = Mapping[str, tuple[str, ...]]

OWN: dict[str, tuple[str, ...]] = {
    "arm": ("condition", "arm"),
    "time": ("session", "time", "occasion", "week", "day"),
    "predictor": (),
    "client": ("client_id",),
    "therapist": ("therapist_id",),
}
"""What columns are called where a plan does not say it; a predictor may have any name."""
GROUPS = {"client": "clients", "therapist": "therapists"}


def checked_columns(given: object, where: str) -> Columns:
    """Return which column is which: as a plan says, else by the names of our own tables."""
    if given is None:
        return OWN
    if not isinstance(given, dict):
        raise DesignError(
            f"'columns' in '{where}' must say what columns are called, such as "
            f"{{arm: training, time: week}}, not {shown(given)}."
        )
    for what, name in given.items():
        if what not in OWN:
            raise DesignError(
                f"'columns' in '{where}' names {shown(what)}; it may name {listing(OWN, 9)}."
                f"{did_you_mean(str(what), OWN)}"
            )
        if not isinstance(name, str) or not name.strip():
            raise DesignError(
                f"'columns' in '{where}' must give '{what}' the name of one column, not "
                f"{shown(name)}."
            )
    return OWN | {what: (name.strip(),) for what, name in given.items()}


def lacks(design: StudyDesign, of: str, columns: Columns, model: Formula) -> str:
    """Return what a plan's question and its variances need and a model has not; mostly nothing."""
    fixed = () if model.fixed is None else model.fixed.expansion.terms
    terms = [[_names(node) for node in term] for term in fixed]
    arms = _called(columns, "arm")
    if of == "arm_by_time" and not any(_is_course(term, columns) for term in terms):
        return f"the arms' interaction with time ({arms}, by {_called(columns, 'time')})"
    if of in ("arm", "dropout") and not any(_is("arm", term, columns) for term in terms):
        return f"the arms ({arms})"
    if of not in ("gap", "therapists", "arm", "arm_by_time", "dropout"):
        named = columns["predictor"]
        if named and not any(_is("predictor", term, columns) for term in terms):
            return f"the predictor whose effect is asked for ({_called(columns, 'predictor')})"
        others = [t for t in terms if not (_is("time", t, columns) or _is("arm", t, columns))]
        if not others:
            return "the predictor whose effect is asked for"
    try:
        planned = groups_of(parse_formula(analysis(design, of)), OWN)
    except DesignError:  # nothing is nested, or no such model
        return ""
    there = groups_of(model, columns)
    missing = [
        f"{'random slopes' if n > 1 else 'a random intercept'} of {GROUPS[group]} "
        f"({_called(columns, group)})"
        for group, n in planned.items()
        if there.get(group, 0) < n
    ]
    return " and ".join(missing)


def groups_of(formula: Formula, columns: Columns) -> dict[str, int]:
    """Return how many effects vary between clients, and between therapists."""
    found: dict[str, int] = {}
    for one in formula.random:
        effects = len(one.part.expansion.terms) + one.part.expansion.intercept
        who = next((who for who in GROUPS if one.group[0] in columns[who]), one.group[0])
        found[who] = found.get(who, 0) + effects
    return found


def _called(columns: Columns, what: str) -> str:
    """Return what a column is called, and where that is said."""
    names = " or ".join(f"'{name}'" for name in columns[what])
    said = columns[what] != OWN[what]
    return f"called {names}{'' if said else f'; else say columns: {{{what}: NAME}}'}"


def _names(node: Any) -> set[str]:
    """Return the columns of a part of a term, also those inside functions."""
    return {one.column for one in node.walk() if isinstance(one, Name)}


def _is(what: str, term: list[set[str]], columns: Columns) -> bool:
    """Return whether a term is of this column alone."""
    return len(term) == 1 and not term[0].isdisjoint(columns[what])


def _is_course(term: list[set[str]], columns: Columns) -> bool:
    """Return whether a term is the product of arm and time, or the plan's own column of it."""
    if len(term) == 1:
        return TERMS["arm_by_time"] in term[0]
    both = [{w for w in ("arm", "time") if not one.isdisjoint(columns[w])} for one in term]
    return len(term) == 2 and {"arm"} in both and {"time"} in both
