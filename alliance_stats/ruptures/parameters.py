"""The parameters of rules: what each may be, and the sentence where it is something else."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

from ..core.arguments import is_number, shown, whole
from ..errors import DesignError, did_you_mean, listing
from .reference_and_unit import LEAST_SESSIONS, REFERENCES, UNITS
from .rules import Rule

RATERS = ("client", "therapist", "observer")
FAMILIES = ("withdrawal", "confrontation", "resolution")

Check = tuple[Callable[[Any], bool], str]


def _whole(least: int) -> Check:
    def check(value: Any) -> bool:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return whole and value >= least

    return check, f"a whole number of {least} or more"


def _positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _between(low: float, high: float) -> Check:
    return lambda v: is_number(v) and low < v < high, f"a number between {low:g} and {high:g}"


def _one_of(*names: str) -> Check:
    return lambda v: isinstance(v, str) and v in names, "one of " + ", ".join(map(repr, names))


def _or_none(check: Check) -> Check:
    test, words = check
    return lambda v: v is None or test(v), f"{words}, or None"


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(map(is_number, value))
        and value[0] < value[1]
    )


def _are_families(value: Any) -> bool:
    return (
        isinstance(value, (tuple, list))
        and len(value) > 0
        and all(item in FAMILIES for item in value)
    )


POSITIVE: Check = (_positive, "a number above 0")
NOT_NEGATIVE: Check = (lambda v: is_number(v) and v >= 0, "a number of 0 or more")

CHECKS: dict[str, Check] = {
    "reference": _one_of(*REFERENCES),
    "scale": _one_of(*UNITS),
    "k": POSITIVE,
    "points": (_positive, "a number above 0 (the size of the fall, whatever the direction)"),
    "percent": (lambda v: is_number(v) and 0 < v <= 100, "a number above 0 and at most 100"),
    "percent_of": _one_of("range", "score"),
    "stability": _one_of("heuristic", "t", "none"),
    "alpha": _between(0, 1),
    "n_reference": _whole(1),
    "reliability": _or_none(_between(0, 1)),
    "sd": _or_none(POSITIVE),
    "baseline": _or_none(_whole(3)),
    "detrend": (lambda v: isinstance(v, bool), "True or False"),
    "smoothing": (lambda v: is_number(v) and 0 < v <= 1, "a number above 0 and at most 1"),
    "shift": POSITIVE,
    "max_changes": _whole(1),
    "min_length": _whole(1),
    "penalty": NOT_NEGATIVE,
    "n_clusters": _whole(2),
    "n_init": _whole(1),
    "seed": _whole(0),
    "threshold": _between(0, 1),
    "depth": _or_none((_positive, "a number above 0 (points, whatever the direction)")),
    "opening": _or_none(_between(0, 1)),
    "closing": _or_none(_between(0, 1)),
    "phi": _or_none(_between(-1, 1)),
    "skew": _or_none(_between(-1.8, 1.8)),
    "min_intensity": (lambda v: is_number(v) and 1 <= v <= 5, "a number from 1 to 5"),
    "min_resolution": _or_none((lambda v: is_number(v) and 1 <= v <= 5, "a number from 1 to 5")),
    "families": (_are_families, "a list of " + ", ".join(FAMILIES)),
    "min_segments": _whole(1),
    "coders": _one_of("any", "majority", "all"),
    "uncoded": _one_of("unobserved", "none"),
    "repair_level": (
        lambda v: v == "threshold" or (is_number(v) and 0 < v <= 1),
        "a share above 0 and at most 1, or 'threshold'",
    ),
    "repair_window": _or_none(_whole(1)),
    "min_sessions": _whole(1),
    "max_gap": _or_none(_whole(1)),
    "direction": _one_of("higher_is_better", "lower_is_better"),
    "rater": _or_none(_one_of(*RATERS)),
    "range": _or_none((_is_range, "a pair (lowest, highest possible score)")),
}


def check_value(name: str, value: object) -> None:
    """Refuse a value that a parameter of this name cannot have in any rule."""
    test, words = CHECKS[name]
    if not test(value):
        raise DesignError(f"{name} must be {words}; it is {shown(value)}.")


def check_seed(seed: object) -> None:
    """Refuse a seed from which no random numbers can start (``None``: a fresh one)."""
    if seed is not None:
        whole(seed, "seed", 0)


def complete(rule: Rule, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a rule, checked.

    Raises
    ------
    DesignError
        For a parameter the rule does not have (the nearest is named), a value that cannot be,
        or a choice that is what the rule is (``drop_within_sd`` is always against the client's
        own SD).
    """
    defaults = rule.parameters
    for name, value in given.items():
        if name not in defaults:
            raise DesignError(
                f"The rule '{rule.name}' has no parameter '{name}'."
                f"{did_you_mean(name, defaults)} Its parameters are "
                f"{listing(defaults, len(defaults))}."
            )
        if name in rule.fixed and value != defaults[name]:
            raise DesignError(
                f"The rule '{rule.name}' always has {name}={defaults[name]!r}; for "
                f"{name}={value!r} use the rule 'drop', which leaves every choice open."
            )
        _check(rule, name, value)
    parameters = {**defaults, **given}
    _check_together(rule, parameters)
    return parameters


def _check(rule: Rule, name: str, value: Any) -> None:
    test, words = CHECKS[name]
    optional = value is None and rule.parameters[name] is None
    window_zero = name == "repair_window" and value == 0 and rule.needs != "scores"
    zero_k = name == "k" and rule.name == "change_point" and value == 0
    if optional or window_zero or zero_k or test(value):
        return
    hint = (
        did_you_mean(value, UNITS if name == "scale" else REFERENCES)
        if isinstance(value, str) and name in ("scale", "reference")
        else ""
    )
    raise DesignError(f"{name} must be {words}; it is {shown(value)}.{hint}")


def _check_together(rule: Rule, p: Mapping[str, Any]) -> None:
    needed = max(
        rule.least_sessions,
        LEAST_SESSIONS.get(p.get("scale", ""), 1),
        LEAST_SESSIONS.get(p.get("reference", ""), 1),
        p.get("n_reference", 0) + 1 if p.get("reference") == "running_mean" else 1,
        2 * p["min_length"] if "min_length" in p else 1,
    )
    if p["min_sessions"] < needed:
        raise DesignError(
            f"min_sessions={p['min_sessions']} is too few for the rule '{rule.name}', which "
            f"exists from {needed} sessions on."
        )
    if p.get("percent_of") == "range" and p["range"] is None:
        raise DesignError(
            "percent_of='range' needs range=(lowest, highest possible score of the scale)."
        )
