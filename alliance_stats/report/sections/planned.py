"""The registered design in a study's folder, beside what the study became."""

from __future__ import annotations

from ...core.display import columns as col
from ...core.people import CLIENT, THERAPIST
from ...errors import AllianceStatsError, DesignError, plural
from ...multilevel.fit import fit_multilevel
from ...multilevel.nested_fit import NestedFit
from ...planning.check import check_plan
from ...planning.plan_file import PlanFile
from ...planning.result import QUESTIONS
from ...study.select import ScoreName, measures_named
from ..content import Block, Caution, Paragraph
from ..context import Context
from ..plan import design_of
from ..wording import table
from .draft import in_private, in_public
from .models import model_table

ALPHA = 0.05
"""Of the report's own tests and intervals."""
SIZES = ("arms", "clients", "therapists", "sessions held")
"""What of a check of a plan counts people."""


def planned_blocks(context: Context) -> list[Block]:
    """Return what was planned, with the file's fingerprint, and whether as many came."""
    plan = design_of(context.study)
    if plan is None:
        return []
    design, power = plan.design, plan.power
    wanted = {THERAPIST: design.n_therapists, CLIENT: design.layout.n_clients}
    words = {THERAPIST: "therapists", CLIENT: "clients"}
    planned = " and ".join(f"{n:,} {words[who]}" for who, n in wanted.items())
    said = (
        f"The study was planned in '{plan.path.name}' (SHA-256 {plan.fingerprint}), with "
        f"{planned} in {design.sessions} sessions, for {QUESTIONS[power.of]}: an effect of "
        f"{power.size} with a power of {power.power:.2f}."
    )
    clients = context.study.tables.get("clients")
    came = []
    for who, n in wanted.items():
        people = set() if clients is None or who not in clients else set(clients[who].dropna())
        if people and context.disclosure.shows(people, of=who.removesuffix("_id")):
            less = "fewer" if len(people) < n else "more"
            told = f"{less} {words[who]} than planned" if len(people) != n else ""
            came.append(told or f"as many {words[who]} as planned")
    if came:
        said += f" It has {' and '.join(came)}."
    return [Paragraph(said), *_model_blocks(context, plan)]


def _model_blocks(context: Context, plan: PlanFile) -> list[Block]:
    """Return the planned model, fitted, and what the report did otherwise than the plan."""
    if "model" not in plan.words:
        return [
            Caution(
                "The design file names no model, so the report cannot tell whether its models are "
                "those meant beforehand."
            )
        ]
    other = "The models of the other sections are the report's own."
    score, named = _score(context, plan)
    try:
        fit = _fitted(context, plan, score)
        shown = model_table(
            fit, "planned-model", words={}, disclosure=context.disclosure, score=score
        )
    except AllianceStatsError as error:
        why = in_private(error) if context.disclosure.everything else in_public(error)
        return [Caution(f"The report did not fit the planned model ({plan.model}). {why} {other}")]
    check = check_plan(
        plan.path,
        fit,
        outcome=score if named else None,
        exclusions="the report left out nobody" if "exclusions" in plan.words else None,
        alpha=ALPHA,
    )
    found = check.deviations
    if not context.disclosure.everything:  # that fewer or more came is told in words
        found = found[~found["choice"].isin(SIZES)]
    kept = "as planned" if found.empty else f"but for {plural(len(found), 'choice')}, as planned"
    told = f"The planned model was fitted to {score}, {kept}. {other}"
    if not named:
        told += (
            " The design file's outcome names no score of the study, so this one was taken, and "
            "whether it is the one meant is not compared."
        )
    if found.empty:
        return [Paragraph(told), shown]
    columns = tuple(col.text(name, name.capitalize()) for name in ("choice", "planned", "done"))
    return [Caution(told), shown, table("plan-departures", found, columns, plan=plan.path.name)]


def _score(context: Context, plan: PlanFile) -> tuple[str, bool]:
    """Return the score the planned model is of, and whether the plan names it."""
    words = plan.words.get("outcome", "")
    if words.partition("/")[0] in measures_named(context.study):
        return words, True
    own = context.outcome
    return str(ScoreName.of(own.measure, own.scale, own.rater)), False


def _fitted(context: Context, plan: PlanFile, score: str) -> NestedFit:
    of = plan.asked["of"]
    if of in ("gap", "dropout", "rupture"):
        raise DesignError(f"It is about {QUESTIONS[of]}, which no column of the scores holds.")
    rows = context.study.select(score).dropna(subset=["score"])
    return fit_multilevel(plan.model, rows)
