"""What a rule is, and what it says about each session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..courses import Booleans, Courses, Floats

ROUNDING = 1e-9
"""Relative slack of a comparison with a cut-off, so that 4.3 - 3.3 counts as a fall of 1."""


@dataclass(frozen=True)
class Flags:
    """A rule's verdict on every observed session.

    Attributes
    ----------
    flag
        The session is a rupture by the rule's own criterion.
    distance
        How far the session has fallen, in the rule's unit; the cut-off is the rule's `k` (or
        `points`); NaN where the session could not be judged.
    judged
        The rule could be applied to the session.
    reference
        The level from which the fall is counted (higher is better), and to which a repair
        returns.
    threshold
        The level at which the session would be flagged; NaN where a rule has none.
    track
        The levels an episode follows; the scores where it is None.
    moving_threshold
        The level of a flag moves from session to session (charts): an episode at repair level
        ``"threshold"`` closes at the first session that is not flagged.
    repair
        Sessions with an explicit sign of repair; rules that have it need no level.
    limits
        One value a client, for charts.
    client_columns, session_columns
        Further columns, one value a client or a session.
    no_unit
        Clients whose own scores give no unit to count a fall in (they never move): not judged.
    estimates
        What a rule with a model has estimated; those that are parameters of the rule stand in the
        result's parameters too.
    notes
        Sentences on what was estimated on the way.
    """

    flag: Booleans
    distance: Floats
    judged: Booleans
    reference: Floats
    threshold: Floats
    track: Floats | None = None
    moving_threshold: bool = False
    repair: Booleans | None = None
    limits: Mapping[str, Any] | None = None
    client_columns: Mapping[str, Any] = field(default_factory=dict)
    session_columns: Mapping[str, Floats] = field(default_factory=dict)
    no_unit: Booleans | None = None
    estimates: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


RuleFunction = Callable[[Courses, Mapping[str, Any]], Flags]

COMMON: dict[str, Any] = {
    "repair_level": 0.5,
    "repair_window": None,
    "min_sessions": 3,
    "max_gap": 1,
    "direction": "higher_is_better",
    "rater": None,
    "range": None,
}
"""Parameters every rule has, with their defaults.

Half of a fall is the level that dates most repairs right where a fall is counted from the session
before; rules that count it from a smoother level have their own (docs/rupture-rules.md, "When is a
rupture repaired?"). The whole fall asks for a second score as high as a high one.
"""


@dataclass(frozen=True)
class Rule:
    """One operational definition of a rupture.

    Attributes
    ----------
    name, title, short
        What the user types, and what it is called in words: as a line, and in a picture.
    definition
        The criterion as mathematics, in one line.
    function
        From courses and parameters to `Flags`.
    own
        The rule's parameters and defaults; `COMMON` is added, and may be overridden here.
    fixed
        Parameters that make the rule what it is and cannot be changed.
    unit
        The unit of ``distance``.
    least_sessions
        Fewest sessions with which the criterion exists at all.
    source, verified
        Where the rule comes from, and whether its formula was read there.
    note
        What is and is not verified, or what to beware of.
    needs
        ``scores``, ``events`` or ``observer_codes``.
    by_therapist
        The rule reads which therapist a client has, where that is known.
    dates_sessions
        The rule says in which session a rupture happened.
    """

    name: str
    title: str
    short: str
    definition: str
    function: RuleFunction
    own: Mapping[str, Any]
    unit: str
    source: str
    verified: bool
    note: str = ""
    fixed: frozenset[str] = frozenset()
    least_sessions: int = 2
    needs: str = "scores"
    by_therapist: bool = False
    dates_sessions: bool = True

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the rule with their defaults."""
        return {**self.own, **{k: v for k, v in COMMON.items() if k not in self.own}}


def below(reference: Floats, value: Floats, cut: Floats, slack: float) -> Booleans:
    """Return where the value lies at least `cut` below the reference, rounding aside."""
    return (reference - value >= cut * (1 - ROUNDING)) & (cut > slack)


def divide(amount: Floats, unit: Floats, slack: float) -> Floats:
    """Return amount / unit, NaN where the unit is zero but for rounding."""
    safe = np.where(unit > slack, unit, np.nan)
    return amount / safe
