"""The analysis plan in a study's folder: what was meant before the data were opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.yaml_reading import read_yaml
from ..errors import AllianceStatsError, DesignError, ReadError
from ..planning.plan_file import DESIGN, MULTIVERSE, PlanFile, read_plan
from ..ruptures.multiverse.plan import AnalysisPlan, read_analysis_plan
from ..study import Study
from ..study.mapping.paths import inside

FIXED_PLAN = "analysis-plan-fixed.yaml"
"""What a new study calls its plan once it bears its day and fingerprint."""
PLAN_NAMES = (FIXED_PLAN, "analysis_plan.yaml", "analysis-plan.yaml", "plan.yaml")
"""Names of a plan in a study's folder; the first that is there counts."""


def design_of(study: Study) -> PlanFile | None:
    """Return the registered design that lies in the study's folder; None where none does."""
    folder = getattr(study, "folder", None)
    if folder is None or not (Path(folder) / DESIGN).is_file():
        return None
    inside(Path(folder), DESIGN)
    return read_plan(Path(folder) / DESIGN)


def plan_of(study: Study) -> AnalysisPlan | None:
    """Return the plan that lies in the study's folder; None where none does."""
    path = _path(study)
    if path is None:
        return None
    try:
        inside(path.parent, path.name)
        content = _content(path)
        if content is not None and not content.get("alliance") and not content.get("outcome"):
            return None  # it still waits to be filled in, as that of a new study does
        return read_analysis_plan(path)
    except ReadError as error:
        raise DesignError(f"The analysis plan was not read. {error}") from None
    except DesignError as error:
        raise DesignError(str(error).replace(str(path), path.name)) from None


def planned_outcome(study: Study) -> str | None:
    """Return the outcome that the plan names, also one that plans nothing else.

    A plan that cannot be read, or was changed after it was fixed, names none.
    """
    path = _path(study)
    if path is None:
        return None
    try:
        inside(path.parent, path.name)
        content = _content(path) or {}
        if "fingerprint" in content:
            return read_analysis_plan(path).outcome
    except AllianceStatsError:
        return None
    named = content.get("outcome")
    return named if isinstance(named, str) and named.strip() else None


def _path(study: Study) -> Path | None:
    folder = getattr(study, "folder", None)
    paths = [Path(folder) / name for name in PLAN_NAMES] if folder else []
    design = Path(folder) / DESIGN if folder else None
    if (
        design is not None
        and design.is_file()
        and "n_therapists" not in (_content(design) or ["n_therapists"])
    ):
        paths.append(design)
    return next((path for path in paths if path.is_file()), None)


def _content(path: Path) -> dict[str, Any] | None:
    """Return what the file says; None where it says nothing that a plan could."""
    try:
        content = read_yaml(path).value
    except ReadError:
        return None  # reading it as a plan says what is wrong
    if isinstance(content, dict):  # a design file may hold a plan
        content = content.get(MULTIVERSE, content)
    return content if isinstance(content, dict) else None
