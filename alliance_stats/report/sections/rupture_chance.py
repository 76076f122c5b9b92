"""What chance alone would give: the same rule on courses like these without ruptures."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import columns as col
from ..content import Block, Paragraph, Table
from ..context import Context, Score
from ..formatting import count, number, p_sentence
from .draft import Draft

KIND_WORDS = {"rupture": "Ruptures", "repair": "Repairs"}


def chance_blocks(
    context: Context, score: Score, rows: pd.DataFrame, rule: dict[str, Any], draft: Draft
) -> list[Block]:
    """Return observed against expected counts, and what they mean."""
    import alliance_stats as al

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
    table = Table(
        "rupture-chance",
        "Ruptures and repairs found, and expected of courses like these without ruptures",
        found,
        (
            col.text("event", "Kind", words=KIND_WORDS),
            col.count("observed", "Found"),
            col.number("expected", "Expected", 1),
            col.interval(label="95% range by chance", digits=0),
            col.number("ratio", "Found / expected"),
            col.p_value(),
        ),
        how="al.expected_by_chance: courses drawn about each client's own trend, with the client's "
        "spread and the autocorrelation of all, "
        f"{count(options.replicates)} times (seed {options.seed}), and the same rule applied; "
        "p is the share of draws with at least as many.",
        note="Any noisy series falls and rises again. The draws have the spread of the scores, "
        "which true ruptures widen: found counts near the expected ones do not say that nothing "
        "ruptured.",
    )
    expected = found.loc["rupture", "expected"]
    draft.headline += f" Courses like these without ruptures give {number(expected, 0)} on average."
    return [_chance_words(found), table]


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
