"""What the verdict on congruence may be put into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from .design import Specification

SHOWN, KEPT = "must be shown", "must not be contradicted"
NAMES = {
    "p10": "intercept of the axis", "p11": "slope of the axis", "p20": "intercept of the axis",
    "p21": "slope of the axis", "a3": "slope across (a3)", "a5": "difference of curvatures (a5)",
}  # fmt: skip


def words_of(
    verdict: str,
    table: pd.DataFrame,
    terms: pd.DataFrame,
    spec: Specification,
    group: str,
    direction: str | None,
    axis: tuple[str, str],
) -> str:
    """Return what may be said, and what the intervals leave open."""
    x, y = spec.x, spec.y
    rows = table.set_index("condition")
    within = "within" in (spec.part, group)
    best = {"higher_is_better": "higher (better)", "lower_is_better": "lower (better)"}
    good = best.get(direction or "", "higher")
    if verdict == "no relation":
        return (
            f"{x} and {y} together are not shown to explain the outcome; nothing may be said of "
            "agreement, neither that it matters nor that it does not."
        )
    if verdict == "no congruence":
        return _no_congruence(rows, terms, (x, y), direction, within)
    if verdict in ("strict", "broad"):
        return _met(verdict, rows, terms, (x, y), good, within, axis)
    failed = [NAMES[name] for name in (*axis, "a3", "a5") if not rows.loc[name, "holds"]]
    what = "deviating alike" if within else "agreement"
    end = (
        f" It is not shown to be {what}: {', '.join(failed)} "
        f"{'do' if len(failed) > 1 else 'does'} not meet the condition."
    )
    if verdict == "undecided":
        return (
            f"Some combination of the ratings goes with a {good} outcome. Whether it is that of "
            f"{what} is left open: {', '.join(failed)} "
            f"{'reach' if len(failed) > 1 else 'reaches'} beyond the bounds that were stated, and "
            "nothing contradicts it either."
        )
    if verdict == "one-rating curve":
        one = x if one_rating(terms) == "b3" else y
        return (
            f"The outcome curves with {one}, and a part of the other rating in that is not shown: "
            f"it is {good} at a middle value of {one}, whatever the other rating may be.{end}"
        )
    if verdict == "rotated ridge":
        return (
            f"Some combination of the ratings goes with a {good} outcome, along a line at an angle "
            f"to that of equal values.{end}"
        )
    return (
        f"Some combination of the ratings goes with a {good} outcome, along a line beside that of "
        f"equal values: the optimum lies at a gap.{end}"
    )


def _no_congruence(
    rows: pd.DataFrame,
    terms: pd.DataFrame,
    names: tuple[str, str],
    direction: str | None,
    within: bool,
) -> str:
    lower = direction == "lower_is_better"
    text = (
        f"No congruence effect: the surface is not shown to {'rise' if lower else 'fall'} to both "
        "sides of the line of equal values (a4)."
    )
    a4 = terms.loc["a4"]
    opposite = a4["conf_high"] < 0 if lower else a4["conf_low"] > 0
    if opposite:
        text += (
            f" It {'falls' if lower else 'rises'} to both sides instead: the outcome is "
            f"{'higher' if lower else 'lower'} near equal values."
        )
        if direction is None:
            text += " Where a lower outcome is the better one, say direction='lower_is_better'."
    if not rows.loc["a3", "holds"]:
        rises = float(terms["estimate"]["a3"]) > 0
        more = names[0] if rises != lower else names[1]
        good = "lower" if lower else "higher"
        how = "moves further up" if within else "is the higher one"
        text += (
            f" The slope across (a3) says that rows in which {more} {how} go with a {good} outcome "
            "near the middle; that is a direction of the gap, not agreement."
        )
    return text


def _met(
    verdict: str,
    rows: pd.DataFrame,
    terms: pd.DataFrame,
    names: tuple[str, str],
    good: str,
    within: bool,
    axis: tuple[str, str],
) -> str:
    x, y = names
    core = [axis[1], axis[0], "a3", "a5"]
    shown = [name for name in core if rows.loc[name, "kind"] == SHOWN]
    left = [name for name in core if name not in shown]
    what = (
        f"the outcome is {good} in sessions in which {x} and {y} deviate alike from the client's "
        "own means (which says nothing of the gap's level: one rating may be higher throughout)"
        if within
        else f"at a given level, the outcome is {good} the closer {x} and {y} are"
    )
    level = (
        " No dependence on their level is shown, which is not to say that there is none."
        if verdict == "strict" or not rows.loc[["a1", "a2"], "contradicted"].any()
        else " It also depends on their level (a1, a2)."
    )
    if shown == core:
        return f"A {verdict} congruence effect within the bounds that were stated: {what}.{level}"
    ends = rows[["conf_low", "conf_high"]].astype(float)
    ranges = [
        f"{NAMES[name]} {ends['conf_low'][name]:.2f} to {ends['conf_high'][name]:.2f} "
        f"({'1' if name == axis[1] else '0'} needed)"
        for name in left
    ]
    text = (
        f"These data do not contradict a {verdict} congruence effect: {what}. Shown is that the "
        f"surface bends across the line of equal values (a4); not contradicted, and left open "
        f"within: {'; '.join(ranges)}.{level}"
    )
    if one := one_rating(terms):
        text += f" Nor is a curve of {x if one == 'b3' else y} alone contradicted (b4 may be zero)."
    return text


def one_rating(terms: pd.DataFrame) -> str:
    """Return ``b3`` or ``b5`` where the curvature may be that of one rating alone, else nothing."""

    def zero(name: str) -> bool:
        return bool(float(terms["conf_low"][name]) <= 0 <= float(terms["conf_high"][name]))

    if not zero("b4"):
        return ""
    if zero("b5") and not zero("b3"):
        return "b3"
    return "b5" if zero("b3") and not zero("b5") else ""
