"""What the verdict on congruence may be put into words; the sentences stand in `wording.yaml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..wording import wording

if TYPE_CHECKING:
    from .design import Specification

SHOWN, KEPT = "must be shown", "must not be contradicted"


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
    sentences, parts, words = map(wording, ("congruence", "congruence_parts", "congruence_words"))
    conditions = words["conditions"]
    rows, core = table.set_index("condition"), [*axis[::-1], "a3", "a5"]
    failed = [conditions[name] for name in (*axis, "a3", "a5") if not rows.loc[name, "holds"]]
    lower = direction == "lower_is_better"
    curve = one_rating(terms)
    estimate = terms["estimate"].astype(float)
    values: dict[str, object] = {
        "verdict": verdict, "x": spec.x, "y": spec.y, "failed": ", ".join(failed),
        "one": {"b3": spec.x, "b5": spec.y}.get(curve, spec.y),
        "more": spec.x if (estimate["a3"] > 0) != lower else spec.y,
        **words["within" if "within" in (spec.part, group) else "overall"],
        **words[direction or "not said"],
        **words["valley" if lower else "hill"],
        **words["several" if len(failed) > 1 else "one"],
    }  # fmt: skip

    def part(name: str, wanted: bool = True) -> str:
        return f" {parts[name].format(**values)}" if wanted else ""

    values["closer"] = str(values["closer"]).format(**values)
    values["end"] = part("end")
    values["slope"] = part("slope", not rows.loc["a3", "holds"])
    a4 = terms.loc["a4"]
    other_way = bool(a4["conf_high"] < 0 if lower else a4["conf_low"] > 0)
    asks = other_way and direction is None
    values["opposite"] = part("opposite", other_way) + part("ask direction", asks)
    open_level = verdict == "strict" or not rows.loc[["a1", "a2"], "contradicted"].any()
    values["level"] = part("level open" if open_level else "level shown")
    values["alone"] = part("alone", bool(curve))
    left = [name for name in core if rows.loc[name, "kind"] != SHOWN]
    values["ranges"] = "; ".join(
        parts["range"].format(
            name=conditions[name], low=float(rows["conf_low"][name]),
            high=float(rows["conf_high"][name]), needed="1" if name == axis[1] else "0",
        )
        for name in left
    )  # fmt: skip
    if verdict in ("strict", "broad"):
        verdict = "not contradicted" if left else "shown"
    return str(sentences[verdict]).format(**values)


def one_rating(terms: pd.DataFrame) -> str:
    """Return ``b3`` or ``b5`` where the curvature may be that of one rating alone, else nothing."""
    low, high = terms["conf_low"].astype(float), terms["conf_high"].astype(float)
    zero = (low <= 0) & (high >= 0)
    if not zero["b4"] or zero["b3"] == zero["b5"]:
        return ""
    return "b3" if zero["b5"] else "b5"
