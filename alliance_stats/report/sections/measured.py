"""What was measured and how: all that a report tells of a study of few people."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...core.disclosure import TOO_FEW
from ...core.display import columns as col
from ...core.display.table import Table
from ...errors import AllianceStatsError
from ...ruptures import rupture_rules
from ...study.select import forms_of
from ..content import Block, Caution, Paragraph, Section
from ..context import Context
from ..wording import table
from .draft import Draft


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    draft.headline = "Fewer than ten people: what was measured, and no number of theirs."
    draft.add(Paragraph(TOO_FEW))
    draft.attempt("The measures", lambda: [measures_table(context)])
    draft.attempt("The choices", lambda: chosen_blocks(context, draft))
    return draft.finish()


def measures_table(context: Context) -> Table:
    """Return the study's measures as their cards have them."""
    rows = []
    for name, raters in forms_of(context.study).groupby("measure", observed=True)["rater"]:
        card = context.card(str(name))
        told: dict[str, Any] = {
            "measure": str(name).upper(),
            "raters": ", ".join(sorted(set(map(str, raters)))),
        }
        if card is not None:
            ends = f"{card.range.low:g} to {card.range.high:g}"
            told |= {"title": card.title, "items": float(card.n_items or "nan"), "answers": ends,
                     "scales": ", ".join(card.scales)}  # fmt: skip
        rows.append(told)
    columns = ["measure", "title", "raters", "scales", "items", "answers"]
    shown = (
        col.text("measure", "Measure"),
        col.text("title", "What it is"),
        col.text("raters", "Who rated"),
        col.text("scales", "Scales"),
        col.count("items", "Items"),
        col.text("answers", "Answers"),
    )
    return table("measured", pd.DataFrame(rows).reindex(columns=columns).fillna({
        "title": "no card", "scales": "", "answers": ""}), shown)  # fmt: skip


def chosen_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return which scores and which rule the report of the owner is about."""
    said = []
    for what in ("alliance", "outcome"):
        try:
            score = getattr(context, what)
        except AllianceStatsError:
            continue
        draft.used[what] = f"{score.measure}/{score.scale}/{score.rater}"
        said.append(f"the {what} is the {score.title} {score.scale} ({score.rater})")
    rule = rupture_rules().set_index("name").loc[context.options.rupture_rule]
    draft.used["rupture_rule"] = context.options.rupture_rule
    return [
        Paragraph(f"In the owner's report {'; '.join(said)}.") if said else
        Caution("The study holds no scores of alliance or outcome."),
        Paragraph(f"A rupture is told by the rule {context.options.rupture_rule}: "
                  f"{rule['definition']}."),
    ]  # fmt: skip
