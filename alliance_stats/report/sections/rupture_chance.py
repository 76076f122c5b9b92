"""What chance alone would give: the same rule on courses like these without ruptures."""

from __future__ import annotations

from typing import Any

import pandas as pd

import alliance_stats as al

from ...core.display import columns as col
from ...core.display.formatting import count, number, p_sentence
from ..content import Block, Paragraph
from ..context import Context, Score
from ..wording import labels, table
from .draft import Draft


def chance_blocks(
    context: Context, score: Score, rows: pd.DataFrame, rule: dict[str, Any], draft: Draft
) -> list[Block]:
    """Return observed against expected counts, and what they mean."""
    options = context.options
    found = al.expected_by_chance(
        rows,
        replicates=options.replicates,
        seed=options.seed,
        direction=score.direction,
        **rule,
    )
    draft.say(found.attrs["messages"])
    draft.used.update(null=found.attrs["null"], replicates=options.replicates, seed=options.seed)
    if found["expected"].isna().all():  # no session was judged, as was just said
        return []
    columns = (
        col.text("event", "Kind", words=labels("rupture_events")),
        col.count("observed", "Found"),
        col.number("expected", "Expected", 1),
        col.interval(label="95% range by chance", digits=0),
        col.number("ratio", "Found / expected"),
        col.p_value(),
    )
    # a share has a denominator of its own: ruptures with a later session, sessions judged
    counted = found.drop(columns=[name for name in found.columns if name.startswith("share")])
    shown = table(
        "rupture-chance",
        counted,
        columns,
        replicates=count(options.replicates),
        seed=options.seed,
    )
    expected = found.loc["rupture", "expected"]
    draft.headline += f" Courses like these without ruptures give {number(expected, 0)} on average."
    return [_chance_words(found), shown]


def _chance_words(found: pd.DataFrame) -> Paragraph:
    row = found.loc["rupture"]
    if row["observed"] > row["conf_high"]:
        verdict = "more falls of this kind than drifting scores without ruptures"
    elif row["observed"] < row["conf_low"]:
        verdict = "fewer falls of this kind than drifting scores without ruptures"
    else:
        verdict = "about as many falls of this kind as drifting scores without ruptures would"
    return Paragraph(
        f"The rule finds {count(row['observed'])} ruptures; in courses with the same trends, "
        f"spread and autocorrelation it finds {number(row['expected'], 1)} on average. So the "
        f"data hold {verdict} "
        f"({p_sentence(row['p_value'])}, one-sided for more)."
    )
