"""Whether the analysis plan in a study's folder was followed, and what was done otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from ...core.display import columns as col
from ...errors import plural
from ...ruptures.multiverse.grid import Specification
from ...ruptures.multiverse.plan import AnalysisPlan
from ...ruptures.parameters import complete
from ...ruptures.rules import find_rule
from ..content import Block, Caution, Paragraph
from ..context import Score
from ..plan import FIXED_PLAN
from ..wording import table


def departures(
    plan: AnalysisPlan, own: Specification, score: Score, outcome: Score
) -> pd.DataFrame:
    """Return what the section's model does otherwise than the plan's primary specification."""
    planned = replace(plan, primary=_whole(plan.specification))
    done = {"alliance": score.measure, "outcome": outcome.measure, "effect": "rupture"}
    return planned.differences({**done, "response": "outcome", **_whole(own)})


def _whole(one: Specification) -> dict[str, Any]:
    """Return every choice, also those left at what the rule takes by itself."""
    rule = find_rule(one.rule)
    every = complete(rule, one.parameters)
    parameters = {name: value for name, value in every.items() if name not in rule.fixed}
    return {"rule": one.rule, **parameters, **one.model}


def departure_blocks(
    plan: AnalysisPlan | None, own: Specification, score: Score, outcome: Score
) -> list[Block]:
    """Return whether the plan was followed, in words and as a table of what differs."""
    if plan is None:
        return [
            Caution(
                "No analysis plan that is filled in lies in the study's folder, so the report "
                "cannot tell what was meant before the data were opened. Save one there as "
                f"{FIXED_PLAN} and the report marks what differs from it."
            )
        ]
    found = departures(plan, own, score, outcome)
    name = f"The analysis plan of {plan.created} (fingerprint {plan.fingerprint})"
    if found.empty:
        return [Paragraph(f"{name} was followed: this section's model is its primary one.")]
    columns = tuple(col.text(name, name.capitalize()) for name in ("choice", "planned", "done"))
    shown = table("rupture-plan", found.astype({"planned": str, "done": str}), columns, plan=name)
    said = f"{name} was departed from in {plural(len(found), 'choice')}."
    return [Caution(said), shown]
