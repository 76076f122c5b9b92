"""The registered design in a study's folder, beside what the study became."""

from __future__ import annotations

from ...core.people import CLIENT, THERAPIST
from ...planning.result import QUESTIONS
from ..content import Block, Paragraph
from ..context import Context
from ..plan import design_of


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
    return [Paragraph(f"{said} al.check_plan says what a model did otherwise than that file.")]
