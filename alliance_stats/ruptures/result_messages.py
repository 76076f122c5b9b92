"""What is to be known of ruptures that were found, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .courses import Courses
from .episodes import FOLLOWED, Episodes
from .reading import ScoreTable
from .rules import Flags, Rule

LITTLE = 0.05
"""Share of the range below which a fall is called small."""
NO_PREVALENCE = (
    "Clients with a rupture are those whom the rule flags: some falls are chance, and some "
    "ruptures no rule of scores finds, so their share is no prevalence; what chance gives, and how "
    "much the rule misses, are questions of their own."
)
LASTING = {
    **{(f"drop_{unit}_sd", 0.5): 50 for unit in ("within", "pooled", "stricter")},
    ("drop_reliable_change", 0.5): 48,
    ("drop_running_mean", 0.6): 40,
    ("drop_trend", 0.8): 74,
    ("control_chart", 0.7): 56,
    ("cusum", 0.7): 51,
    ("sudden_loss", 0.5): 46,
}
"""Per cent of lasting falls called repaired, at the default levels (docs/rupture-rules.md)."""


def ends_of(p: Mapping[str, Any]) -> tuple[float, float]:
    """Return the best and the worst possible score."""
    low, high = p["range"]
    return (high, low) if p["direction"] == "higher_is_better" else (low, high)


def messages(
    series: ScoreTable,
    courses: Courses,
    flags: Flags,
    clients: pd.DataFrame,
    rule: Rule,
    p: Mapping[str, Any],
    episodes: Episodes,
) -> tuple[str, ...]:
    """Return what could not be judged, how far was followed, and how large falls are."""
    found = []
    missing = int((~series.observed).sum())
    if missing:
        what = "score" if rule.needs == "scores" else "codes"
        found.append(f"{missing} of {series.session.size} sessions have no {what}: unobserved.")
    flat = int((clients["class"] == "no_spread").sum())
    if flat:
        found.append(
            f"{flat} of {len(clients)} clients have scores that never move, and so no unit in "
            "which to count a fall: not judged (class no_spread), and in no share."
        )
    unable = int((clients["n_judged"] == 0).sum()) - flat
    if unable:
        found.append(
            f"{unable} of {len(clients)} clients could not be judged (class too_few_sessions): "
            f"fewer than {p['min_sessions']} observed sessions, or none the rule can compare."
        )
    if p["max_gap"] is not None:
        lonely = int((~courses.linked(p["max_gap"])).sum() - courses.start.size)
        if lonely:
            found.append(
                f"{lonely} sessions follow a gap of more than {p['max_gap']} session number(s); "
                "nothing is compared or followed across it."
            )
    if rule.needs == "scores" and flags.flag.any():
        found.append(NO_PREVALENCE)
    found += _depth(courses, flags, episodes, rule, p)
    found += _followed(courses, episodes, rule, p)
    if said := LASTING.get((rule.name, p["repair_level"])):
        found.append(
            f"A rupture counts as repaired when {p['repair_level']:.0%} of the fall is regained; "
            f"in simulated courses {said} % of the ruptures found that were never repaired are "
            "called repaired so (docs/rupture-rules.md)."
        )
    found += _below_the_worst(courses, flags, rule, p)
    found += [
        f"{int(clients[end].sum())} of {len(clients)} clients have half of their sessions or more "
        f"at the {end} of the scale; their falls and rises are cut off."
        for end in ("ceiling", "floor")
        if end in clients and clients[end].any()
    ]
    return tuple(found)


def _depth(
    courses: Courses, flags: Flags, found: Episodes, rule: Rule, p: Mapping[str, Any]
) -> list[str]:
    """Tell how large the falls are in points, where the rule counts them in SDs."""
    if rule.needs != "scores" or "points" in rule.unit or not found.rupture.size:
        return []
    falls = flags.reference[found.rupture] - courses.value[found.rupture]
    if not np.isfinite(falls).all():
        return []
    middle = float(np.median(falls))
    said = f"Half of the falls called ruptures are of {middle:.3g} points or less"
    if p["range"] is None:
        return [said + "; whether so small a fall means anything only the measure can say."]
    share = middle / abs(p["range"][1] - p["range"][0])
    little = (
        ": hardly more than the steps of a scale or the error of a rating" if share < LITTLE else ""
    )
    return [f"{said} ({share:.0%} of the scale's range){little}."]


def _followed(courses: Courses, found: Episodes, rule: Rule, p: Mapping[str, Any]) -> list[str]:
    """Tell how far ruptures without a repair were followed, and what ended that."""
    open_ = (found.repair < 0) & (rule.name != "state_model")  # whose repairs are probabilities
    censored = open_ & (found.outcome == 2)
    if not censored.any():
        return []
    after = np.append(courses.client[1:] == courses.client[:-1], False)  # a later session was rated
    wanted = p["repair_window"] or FOLLOWED
    return [
        f"Of {found.rupture.size} ruptures {int(censored.sum())} were followed for fewer than "
        f"{wanted} session(s) without a repair, neither repaired nor unrepaired (censored): "
        f"{int((censored & after[found.last]).sum())} by a missed session, the others by the end "
        "of the ratings. Repairs count from the first session on, so that the share repaired of "
        "the other ruptures is too high: .repair_times() has it right."
    ]


def _below_the_worst(courses: Courses, flags: Flags, rule: Rule, p: Mapping[str, Any]) -> list[str]:
    """Tell of sessions in which no score the scale has would be a rupture."""
    if p["range"] is None or rule.needs != "scores":
        return []
    worst = courses.sign * ends_of(p)[1]
    with np.errstate(invalid="ignore"):
        hidden = flags.judged & (flags.threshold < worst - courses.noise)
    if not hidden.any():
        return []
    clients = np.unique(courses.client[hidden]).size
    return [
        f"In {int(hidden.sum())} of {int(flags.judged.sum())} judged sessions (of {clients} "
        f"clients) the score that would be a rupture lies beyond the worst the scale has "
        f"({ends_of(p)[1]:g}): no fall of this size can be seen there."
    ]
