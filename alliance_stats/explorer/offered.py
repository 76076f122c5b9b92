"""Which rules and parameters the page offers, and what the package's own rules find with each.

The page holds no rule: every combination it offers is computed here, by the functions that
`detect_ruptures` calls, and the page looks up what was found. What is found is kept as positions in
the rated sessions; equal lists are kept once, and neighbours as their distance, which packs well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from ..errors import AllianceStatsError
from ..ruptures.detection import apply, prepare, require_enough
from ..ruptures.episodes import follow
from ..ruptures.parameters import complete
from ..ruptures.rules import Rule
from ..ruptures.rules.state_model import at_threshold, flag_states
from ..study import Study

FALLS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
OFFERED: dict[str, dict[str, tuple[Any, ...]]] = {
    "drop_stricter_sd": {"k": FALLS},
    "drop_within_sd": {"k": FALLS},
    "drop_pooled_sd": {"k": FALLS},
    "drop_sample_sd": {"k": FALLS},
    "drop_reliable_change": {"k": (1.0, 1.28, 1.645, 1.96, 2.58)},
    "drop_points": {"points": ()},
    "drop_running_mean": {"k": FALLS, "n_reference": (2, 3)},
    "drop_trend": {"k": (1.0, 1.5, 2.0, 2.5, 3.0)},
    "control_chart": {"k": (2.0, 2.5, 3.0), "detrend": (False, True)},
    "ewma": {"k": (2.0, 2.5, 3.0), "smoothing": (0.1, 0.2, 0.3, 0.4)},
    "cusum": {"k": (3.0, 4.0, 5.0, 6.0), "shift": (0.5, 1.0, 1.5)},
    "change_point": {"k": (0.25, 0.5, 0.75, 1.0), "penalty": (1.5, 2.0, 2.5, 3.0)},
    "sudden_loss": {"percent": (10.0, 15.0, 20.0, 25.0, 30.0), "stability": ("heuristic", "none")},
    "state_model": {"threshold": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)},
    "direct_report": {"rater": ("client", "therapist"), "min_intensity": (1, 2, 3, 4)},
    "observer_codes": {"coders": ("any", "majority", "all"), "min_segments": (1, 2)},
}
"""Rules that date a rupture, with the values the page offers; a rule's own default is added."""
NAMED = {
    "k": "Size of the fall (k)",
    "points": "Size of the fall (points)",
    "n_reference": "Sessions before it",
    "detrend": "Own trend taken out",
    "smoothing": "Smoothing",
    "shift": "Shift looked for",
    "penalty": "Penalty of a change",
    "percent": "Percent lost",
    "stability": "Must last",
    "threshold": "Probability from which on",
    "rater": "Reported by",
    "min_intensity": "Intensity from which on",
    "coders": "Seen by how many coders",
    "min_segments": "Segments with a marker",
    "repair_level": "Repaired when regained",
}
STEPS_OF_RANGE = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
MOST_JUDGED = 20_000_000
"""Sessions times combinations that are judged for one page: some ten seconds, some megabytes."""


@dataclass
class Found:
    """What the rules found; lists that are equal stand once."""

    lists: list[list[int]] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)
    judged: int = 0

    def keep(self, numbers: np.ndarray) -> int:
        """Return the place of a list of numbers, which is kept where it is new."""
        key = np.asarray(numbers, dtype=np.int64).tobytes()
        if key not in self.places:
            self.places[key] = len(self.lists)
            self.lists.append([int(one) for one in numbers])
        return self.places[key]


def offered(rule: Rule, score_range: tuple[float, float] | None) -> dict[str, list[Any]]:
    """Return the parameters of a rule that the page lets a reader change, with their values."""
    values = {name: list(choices) for name, choices in OFFERED[rule.name].items()}
    if "points" in values:
        low, high = score_range or (0.0, 4.0)
        values["points"] = [float(f"{(high - low) * step:.3g}") for step in STEPS_OF_RANGE]
    if rule.needs == "scores":
        values["repair_level"] = [0.5, 1.0]
    for name, choices in values.items():
        usual = rule.parameters[name]
        if usual is not None and usual not in choices:
            choices.append(usual)
        words = [one for one in choices if isinstance(one, str)]
        if name not in ("stability", "coders", "rater"):  # from little to much; words come last
            choices[:] = [*sorted(one for one in choices if not isinstance(one, str)), *words]
    return values


def search(
    study: Study, rule: Rule, name: str, found: Found, score_range: tuple[float, float] | None
) -> dict[str, Any]:
    """Return what a rule finds in a score with each combination of what is offered.

    Parameters
    ----------
    name
        The score, ``wai-sr/total/client``; empty for rules that read reports or codes.

    Returns
    -------
    dict
        ``parameters`` (name, label, values, the place of the default), ``results`` (for each
        combination, the last parameter changing fastest, the places of two lists in `found`, or
        why there is nothing), and ``client_id``, ``session`` of the positions; where there is
        nothing at all, ``reason``.
    """
    values = offered(rule, score_range)
    results: list[tuple[int, int] | str] = []
    rows = states = None
    for combination in product(*values.values()):
        given = dict(zip(values, combination, strict=True))
        try:
            if rows is None or rule.needs != "scores":
                rows, marks, usual = prepare(study, rule, given, measure=name or None)
                courses = rows.courses(usual["direction"], marks)
            p = complete(rule, {**usual, **given})
            if states is None:
                require_enough(courses, rule, p)
                flags, episodes = apply(courses, rule, p)
            else:  # estimated once: a threshold changes what is flagged, not what is probable
                flags = at_threshold(states, p["threshold"])
                episodes = follow(courses, flags, p)
        except AllianceStatsError as error:
            results.append(str(error))
            continue
        found.judged += courses.value.size
        if rule.function is flag_states:
            states = flags
        flagged = np.diff(np.flatnonzero(flags.flag), prepend=0)
        results.append((found.keep(flagged), found.keep(_packed(episodes))))
    if rows is None or all(isinstance(one, str) for one in results):
        return {"reason": results[0]}
    return {
        "parameters": [_described(rule, key, choices) for key, choices in values.items()],
        "results": results,
        "client_id": rows.client_id[rows.observed],
        "session": rows.session[rows.observed],
    }


def _packed(episodes: Any) -> np.ndarray:
    """Return, of each episode, where it begins, how many sessions it was followed, its outcome."""
    begin = np.diff(episodes.rupture, prepend=0)
    followed = episodes.last - episodes.rupture
    return np.column_stack([begin, followed, episodes.outcome]).ravel()


def _described(rule: Rule, name: str, values: list[Any]) -> dict[str, Any]:
    usual = rule.parameters[name]
    at = values.index(usual) if usual in values else 0
    return {"name": name, "label": NAMED[name], "values": values, "usual": at}


def about(rule: Rule) -> Mapping[str, Any]:
    """Return what the page says of a rule."""
    return {
        "name": rule.name,
        "title": rule.title,
        "definition": rule.definition,
        "source": rule.source,
        "needs": rule.needs,
    }
