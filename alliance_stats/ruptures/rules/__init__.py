"""The registry of rules: each operational definition of a rupture under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.display.labels import inside
from ...errors import DesignError, did_you_mean, listing
from . import (
    change_point,
    control_chart,
    cusum,
    direct_report,
    drop,
    ewma,
    observer_codes,
    shape_clusters,
    state_model,
    sudden_loss,
)
from .base import COMMON, Flags, Rule

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COMMON",
    "REGISTRY",
    "RUPTURE_RULE",
    "Flags",
    "Rule",
    "find_rule",
    "in_words",
    "rupture_rules",
    "short_of",
]

RUPTURE_RULE = "drop_stricter_sd"
"""What models and the report take for a rupture unless told, at the parameters it has itself.

docs/rupture-models.md shows why its cut-off is what it is.
"""

REGISTRY: dict[str, Rule] = {
    rule.name: rule
    for room in (
        drop,
        control_chart,
        ewma,
        cusum,
        change_point,
        sudden_loss,
        shape_clusters,
        state_model,
        direct_report,
        observer_codes,
    )
    for rule in room.RULES
}


def find_rule(name: object) -> Rule:
    """Return a rule by its name; an unknown name is told of with the nearest one."""
    if isinstance(name, str) and name in REGISTRY:
        return REGISTRY[name]
    raise DesignError(
        f"There is no rupture rule {name!r}.{did_you_mean(name, REGISTRY)} "
        f"The rules are {listing(REGISTRY, len(REGISTRY))}."
    )


def in_words(name: str) -> str:
    """Return what a rule is called inside a sentence, with the name that is typed for it.

    Examples
    --------
    >>> in_words("drop_points")
    'rule drop_points: fall from the session before by so many points'
    """
    return f"rule {name}: {inside(find_rule(name).title)}"


def short_of(label: str) -> str:
    """Return the few words for a rule or for a label that begins with one, as ``drop_trend, k=2``.

    Examples
    --------
    >>> short_of("drop_trend, k=2"), short_of("ours")
    ('fall below own trend, k=2', 'ours')
    """
    name, comma, rest = label.partition(",")
    return f"{REGISTRY[name].short}{comma}{rest}" if name in REGISTRY else label


def rupture_rules() -> pd.DataFrame:
    """Which rules are there, with which parameters, from where?

    Returns
    -------
    pandas.DataFrame
        One row a rule: ``name``, ``title``, ``definition`` (the criterion in one line),
        ``parameters`` (a dict of names and defaults, those common to all rules included),
        ``fixed`` (parameters that cannot be changed), ``unit`` (of ``distance``),
        ``minimum_sessions`` (the default of ``min_sessions``), ``least_sessions`` (fewest for
        which the criterion exists), ``needs`` (``scores``, ``events`` or ``observer_codes``),
        ``source``, ``verified`` (the formula was read in the source) and ``note``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> rules = al.rupture_rules().set_index("name")
    >>> rules.loc["control_chart", "parameters"]["k"]
    3.0
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "name": rule.name,
            "title": rule.title,
            "definition": rule.definition,
            "parameters": rule.parameters,
            "fixed": sorted(rule.fixed),
            "unit": rule.unit,
            "minimum_sessions": rule.parameters["min_sessions"],
            "least_sessions": rule.least_sessions,
            "needs": rule.needs,
            "source": rule.source,
            "verified": rule.verified,
            "note": rule.note,
        }
        for rule in REGISTRY.values()
    )
