"""What the steps of invariance come to, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ...core.display.formatting import interval, number
from ...errors import listing
from ..result import difference_in_words
from .steps import NOT, OPEN, TEST

if TYPE_CHECKING:
    from .invariance import MeasurementInvariance

HELD = {"metric": "loadings", "scalar": "intercepts", "strict": "residual variances"}
"""What each step holds equal beyond the one before."""
ASSUMED = {
    "metric": "what goes with the factor is compared (means may not be)",
    "scalar": "means are compared",
    "strict": "means and reliabilities are compared",
}
"""What rests on it that no difference was found."""
FALLS = -0.01
"""A step differs by the rule of Cheung & Rensvold (2002) where CFI falls by more."""


def verdict(found: MeasurementInvariance, *, sizes: bool = True) -> list[str]:
    """Return one sentence a question: how far it holds, where it fails, what that adds.

    Without `sizes` nothing in them tells how many there are: no n, and no RMSEA beside chi-square.
    """
    steps = found.steps.set_index("step")
    who = _and([*found.conditions]) if len(found.conditions) < 4 else "all groups"
    said = []
    if steps.loc["configural", "verdict"] == "fits badly":
        rmsea = f", RMSEA = {number(steps.loc['configural', 'rmsea'], 3)}" if sizes else ""
        said.append(
            f"The factors do not fit the items to begin with (CFI = "
            f"{number(steps.loc['configural', 'cfi'], 3)}{rmsea}), so what is compared is not "
            "clear."
        )
    held = found.holds or "configural"
    if found.steps["verdict"][0] == OPEN:
        return ["The factors could not be fitted to the items, so nothing is said of the steps."]
    same = _and([HELD[step] for step in list(HELD)[: list(steps.index).index(held)]])
    untold = [step for step in HELD if steps.loc[step, "verdict"] == OPEN]
    first = untold[0] if untold and NOT not in {*steps["verdict"]} else ""
    if first != "metric":
        said.append(_held(found, who, held, same, sizes=sizes))
    if first:
        said.append(
            f"Whether the {HELD[first]} of the items differ is not judged: there is no test of the "
            f"step {first} from these data."
        )
    for step, row in steps.iloc[1:].iterrows():
        said += _step(found, str(step), row)
    for kind, *items in found.stuck:
        said.append(
            f"Freeing items stopped at {_and(items)}: two items of a factor must stay equal, but "
            f"the tests still reject that the {kind}s of these two are. Which two of the factor "
            "are alike these answers do not tell, so neither points of its items nor a share of "
            "the scale's gap are given."
        )
    said += [*_missed(found.in_points), *_at_odds(found)]
    scales = found.in_points[found.in_points["item"] == "scale"]
    for _, row in scales[scales["std_error"].notna()].iterrows():
        said.append(_in_points(row))
    return said


def _held(found: MeasurementInvariance, who: str, held: str, same: str, *, sizes: bool) -> str:
    """Return how far no difference was found."""
    n = f", n = {_and([str(n) for n in found.sizes])}" if sizes else ""
    if not same:
        return (
            f"{who[:1].upper()}{who[1:]} do not use the items alike (configural invariance): "
            "neither how items go with their factor nor their means may be compared."
        )
    return (
        f"No difference between {who} was found in the {same} of the items ({held} invariance not "
        f"rejected{n}); that they are alike is assumed, not shown, where {ASSUMED[held]}."
    )


def _step(found: MeasurementInvariance, step: str, row: pd.Series) -> list[str]:
    """Return where a step fails, or where its test and the fall of CFI disagree."""
    if row["verdict"] == OPEN:
        return []
    failed, falls = row["verdict"] == NOT, row["delta_cfi"] < FALLS
    by = abs(row["delta_cfi"])
    by = number(by, 3 if abs(by - abs(FALLS)) >= 5e-4 else 5)
    test = difference_in_words(row[TEST[0]], row[TEST[1]], row[TEST[2]], found.partial)
    if not failed:
        rule = (
            f"By the other usual rule the {HELD[step]} differ: CFI falls by {by}, more than 0.01 "
            f"({test}); few people may be why the test does not say so."
        )
        return [rule] if falls else []
    items = found.items.loc[(found.items["step"] == step) & found.items["freed"], "item"]
    of = f", of {listing(items, 12)}" if len(items) else ""
    but = "" if falls else f" (CFI falls by {by}, not more than the 0.01 of the other usual rule)"
    return [f"The {HELD[step]} differ{of}: {test}{but}."]


def _missed(points: pd.DataFrame) -> list[str]:
    """Return by how much an item that is held equal could differ all the same."""
    rows = points[~points["freed"] & points["std_error"].notna()]
    if rows.empty:
        return []
    reach = rows[["conf_low", "conf_high"]].abs().max(axis=1)
    row = rows.iloc[int(reach.to_numpy().argmax())]
    return [
        f"What may have been missed: an item held equal could, by its interval when set free "
        f"alone, differ by up to {number(reach.max())} points ({row['item']}, {row['compared']}: "
        f"{number(row['estimate'])} {interval(row['conf_low'], row['conf_high'])})."
    ]


def _at_odds(found: MeasurementInvariance) -> list[str]:
    """Return which items the tests call different and their intervals do not, and the reverse."""
    points, step = found.in_points, found.items["step"] == "scalar"
    named = found.items.loc[step & found.items["freed"], "item"]
    rows = points[(points["item"] != "scale") & points["std_error"].notna()]
    rows = rows.assign(zero=(rows["conf_low"] <= 0) & (rows["conf_high"] >= 0))
    nothing = rows.groupby("item", sort=False)["zero"].all()
    said = []
    hollow = [item for item in named if nothing.get(item, default=False)]
    if hollow:
        said.append(
            f"Tests and points disagree: {listing(hollow, 12)} "
            f"{'is' if len(hollow) == 1 else 'are'} named by the tests, but the interval of what "
            f"that adds holds 0 ({_told(rows, hollow)}); little can be built on it."
        )
    apart = rows[~rows["freed"] & ~rows["zero"]]
    if len(apart):
        items = list(dict.fromkeys(apart["item"]))
        said.append(
            f"Tests and points disagree: {listing(items, 12)} "
            f"{'is' if len(items) == 1 else 'are'} held equal, as the tests corrected for their "
            f"number do not say otherwise, but set free alone the interval does not hold 0 "
            f"({_told(apart, items)}); by chance {1 - found.confidence:.0%} of {len(rows)} such "
            "intervals do not."
        )
    return said


def _told(rows: pd.DataFrame, items: list[str]) -> str:
    """Return items with their parts in points."""
    own = rows[rows["item"].isin(items)]
    return "; ".join(
        f"{row['item']}, {row['compared']}: {number(row['estimate'])} "
        f"{interval(row['conf_low'], row['conf_high'])}"
        for _, row in own.iterrows()
    )


def _in_points(row: pd.Series) -> str:
    limits = interval(row["conf_low"], row["conf_high"])
    return (
        f"With the items that differ set free, of the mean gap of {number(row['gap'])} points "
        f"({row['compared']}) {number(row['estimate'])} {limits} come from how the items are used "
        f"and {number(row['from_people'])} from the people."
    )


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
