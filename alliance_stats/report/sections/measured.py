"""What was measured and how: all that a report tells of a study of few people.

It stands in cards, description, plan and options; who answered which form is about the people.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...core.disclosure import TOO_FEW
from ...core.display import columns as col
from ...core.display.table import Table
from ...ruptures import rupture_rules
from ...study.select import measures_named
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
    for name in measures_named(context.study):
        card = context.card(name)
        told: dict[str, Any] = {"measure": name.upper()}
        if card is not None:
            ends = f"{card.range.low:g} to {card.range.high:g}"
            told |= {"title": card.title, "raters": ", ".join(card.raters),
                     "items": float(card.n_items or "nan"), "answers": ends,
                     "scales": ", ".join(card.scales)}  # fmt: skip
        rows.append(told)
    columns = ["measure", "title", "raters", "scales", "items", "answers"]
    shown = (
        col.text("measure", "Measure"),
        col.text("title", "What it is"),
        col.text("raters", "Forms for"),
        col.text("scales", "Scales"),
        col.count("items", "Items"),
        col.text("answers", "Answers"),
    )
    return table("measured", pd.DataFrame(rows).reindex(columns=columns).fillna({
        "title": "no card", "raters": "", "scales": "", "answers": ""}), shown)  # fmt: skip


def chosen_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return which scores and which rule the report of the owner is about."""
    named = {what: context.named(what) for what in ("alliance", "outcome")}
    said = [f"the {what} is the {score.label}" for what, score in named.items() if score]
    draft.used.update({what: str(score) for what, score in named.items() if score})
    rule = rupture_rules().set_index("name").loc[context.options.rupture_rule]
    draft.used["rupture_rule"] = context.options.rupture_rule
    return [
        Paragraph(f"In the owner's report {'; '.join(said)}.") if said else
        Caution("Neither plan nor cards name one alliance and one outcome."),
        Paragraph(f"A rupture is told by the rule {context.options.rupture_rule}: "
                  f"{rule['definition']}."),
    ]  # fmt: skip
