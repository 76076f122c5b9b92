"""What the steps of invariance come to, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ...core.display.formatting import interval, number, p_sentence
from ...errors import listing

if TYPE_CHECKING:
    from .invariance import MeasurementInvariance

HELD = {"metric": "loadings", "scalar": "intercepts", "strict": "residual variances"}
"""What each step holds equal beyond the one before."""
MEANING = {
    "configural": "neither how items go with their factor nor their means may be compared",
    "metric": "what goes with the factor may be compared, means may not",
    "scalar": "means may be compared",
    "strict": "means may be compared, and observed scores are equally reliable given the factor",
}


def verdict(found: MeasurementInvariance) -> list[str]:
    """Return one sentence a question: how far it holds, where it fails, what that adds."""
    steps = found.steps.set_index("step")
    who = " and ".join(found.conditions) if len(found.conditions) < 4 else "All groups"
    said = []
    if steps.loc["configural", "verdict"] == "fits badly":
        said.append(
            f"The factors do not fit the items to begin with (CFI = "
            f"{number(steps.loc['configural', 'cfi'], 3)}, RMSEA = "
            f"{number(steps.loc['configural', 'rmsea'], 3)}), so what is compared is not clear."
        )
    held = found.holds or "configural"
    same = [HELD[step] for step in list(HELD)[: list(steps.index).index(held)]]
    start = f"{who[:1].upper()}{who[1:]} use the items alike in their {_and(same)}"
    start = start if same else f"{who[:1].upper()}{who[1:]} do not use the items alike"
    said.append(f"{start} ({held} invariance): {MEANING[held]}.")
    for step, row in steps.iloc[1:].iterrows():
        if row["verdict"] == "not invariant":
            items = found.items.loc[(found.items["step"] == step) & found.items["freed"], "item"]
            of = f", of {listing(items, 12)}" if len(items) else ""
            test = f"chi2({row['delta_df']:.0f}) = {number(row['delta_chi2'], 2)}"
            p = p_sentence(row["p_value"]).replace("\u00a0", " ")
            said.append(f"The {HELD[str(step)]} differ{of}: {test}, {p}.")
    scales = found.in_points[found.in_points["item"] == "scale"]
    for _, row in scales[scales["std_error"].notna()].iterrows():
        said.append(_in_points(row))
    return said


def _in_points(row: pd.Series) -> str:
    limits = interval(row["conf_low"], row["conf_high"])
    return (
        f"With the items that differ set free, of the mean gap of {number(row['gap'])} points "
        f"({row['compared']}) {number(row['estimate'])} {limits} come from how the items are used "
        f"and {number(row['from_people'])} from the people."
    )


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
