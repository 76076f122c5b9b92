"""The rules of the data doctor. Importing this room puts every rule into the register."""

from . import (
    answers,
    copies,
    course,
    ids,
    keys,
    occasion_order,
    ranges,
    references,
    stored_reversed,
    totals,
)
from . import extra_columns as further
from .registry import RULES, STAGES, Finding, Rule, rule, rules_of
from .shape import SHAPE_RULES

__all__ = ["RULES", "SHAPE_RULES", "STAGES", "Finding", "Rule", "rule", "rules_of"]

_ROOMS = (
    ids,
    keys,
    references,
    course,
    occasion_order,
    answers,
    ranges,
    stored_reversed,
    copies,
    totals,
    further,
)
