"""The analysis plan in a study's folder, and what was done otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

import alliance_stats as al

from ...core.display import columns as col
from ...core.yaml_reading import read_yaml
from ...errors import DesignError, ReadError, plural
from ...ruptures.multiverse.grid import Specification
from ...ruptures.multiverse.plan import AnalysisPlan
from ...ruptures.parameters import complete
from ...ruptures.rules import find_rule
from ...study import Study
from ...study.mapping.paths import inside
from ..content import Block, Caution, Paragraph
from ..context import Score
from ..wording import table

PLAN_NAMES = ("analysis_plan.yaml", "analysis-plan.yaml", "plan.yaml")


def plan_of(study: Study) -> AnalysisPlan | None:
    """Return the plan that lies in the study's folder; None where none does."""
    folder = getattr(study, "folder", None)
    paths = [Path(folder) / name for name in PLAN_NAMES] if folder else []
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        inside(path.parent, path.name)
        return None if _empty(path) else al.read_analysis_plan(path)
    except ReadError as error:
        raise DesignError(f"The analysis plan was not read. {error}") from None
    except DesignError as error:
        raise DesignError(str(error).replace(str(path), path.name)) from None


def _empty(path: Path) -> bool:
    """Tell whether a plan still waits to be filled in, as that of a new study does."""
    try:
        content = read_yaml(path).value
    except ReadError:
        return False  # reading it as a plan says what is wrong
    return isinstance(content, dict) and not content.get("alliance") and not content.get("outcome")


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
                f"{PLAN_NAMES[1]} (al.AnalysisPlan(...).save(path)) and the report marks what "
                "differs from it."
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
