"""What a rule of the data doctor is, and the register all rules stand in.

A rule looks at the whole study (`view.StudyView`) and yields `Finding`s: positions in our own
tables, in words. Where these positions lie in the user's files is worked out afterwards, once,
for all rules alike (`places`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .view import StudyView

STAGES = ("rows", "values", "meaning")
"""``rows`` decides which rows can be kept, ``values`` which cells; ``meaning`` reads the rest."""


def _no_rows() -> np.ndarray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Finding:
    """Something a rule found, by position in a canonical table.

    Attributes
    ----------
    table, rows, column
        Where, in our own terms: positions in the table as the view holds it, and the canonical
        column. No rows: the finding concerns the table or column as a whole.
    message
        The sentence for one cell; ``{value}`` stands for the cell's value.
    many
        The sentence where the same thing holds for more cells than a reader wants one by one;
        ``{n}`` stands for their number and ``{values}`` for the values with their counts.
    hint
        What to do.
    values
        The value of each row; taken from the column where not given.
    level
        Overrides the rule's own level.
    together
        The rows break the rule together and make one issue.
    topic
        What may be folded into one sentence: cells of one column, one rule and one topic.
    set_aside, blank
        What validation does about it: leave the rows out, or treat the cells as missing.
    """

    table: str
    message: str
    rows: np.ndarray = field(default_factory=_no_rows)
    column: str = ""
    hint: str = ""
    many: str = ""
    values: Any = None
    level: str = ""
    together: bool = False
    topic: str = ""
    set_aside: bool = False
    blank: bool = False


Look = Callable[["StudyView"], Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    """One rule: its name, its usual level, what it looks for, and the function that looks."""

    name: str
    level: str
    stage: str
    looks_for: str
    look: Look


RULES: dict[str, Rule] = {}
"""Every study rule by name, in the order in which they run within their stage."""


def rule(name: str, *, level: str, stage: str, looks_for: str) -> Callable[[Look], Look]:
    """Register a function as the rule `name`."""

    def register(look: Look) -> Look:
        RULES[name] = Rule(name, level, stage, looks_for, look)
        return look

    return register


def rules_of(stage: str) -> list[Rule]:
    """Return the rules of one stage, in the order in which they run."""
    return [entry for entry in RULES.values() if entry.stage == stage]
