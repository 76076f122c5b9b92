"""What chance alone would give: the same rule on the same scores in random order."""

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
        null="permutation",
        replicates=options.replicates,
        seed=options.seed,
        direction=score.direction,
        **rule,
    )
    frame = found if isinstance(found, pd.DataFrame) else _table_of(found)
    draft.say(getattr(found, "messages", ()))
    draft.used.update(null="permutation", replicates=options.replicates, seed=options.seed)
    name = "kind" if "kind" in frame.columns else frame.columns[0]
    table = Table(
        "rupture-chance",
        "Ruptures and repairs found, and expected of the same scores in random order",
        frame,
        (
            col.text(name, "Kind", words=KIND_WORDS),
            col.count("observed", "Found"),
            col.number("expected", "Expected", 1),
            col.interval(label="95% range by chance", digits=0),
            col.number("ratio", "Found / expected"),
            col.p_value(),
        ),
        how="al.expected_by_chance: each client's scores put into random order, "
        f"{count(options.replicates)} times (seed {options.seed}), and the same rule applied; "
        "p is the share of shuffles with at least as many.",
        note="Any noisy series falls and rises again. Shuffling keeps every low score, those of "
        "true ruptures too, and removes the likeness of neighbouring sessions: found counts below "
        "the expected ones are no surprise, and do not say that nothing ruptured.",
    )
    expected = frame.set_index(name)["expected"].iloc[0]
    draft.headline += (
        f" The same scores in random order give {number(expected, 0)} ruptures on average."
    )
    return [_chance_words(frame, name), table]


def _table_of(found: Any) -> pd.DataFrame:
    return found.table if hasattr(found, "table") else found.tidy()


def _chance_words(frame: pd.DataFrame, name: str) -> Paragraph:
    row = frame[frame[name].astype(str).str.startswith("rupture")].iloc[0]
    if row["observed"] > row["conf_high"]:
        verdict = "more falls of this kind than a random order of their own scores"
    elif row["observed"] < row["conf_low"]:
        verdict = "fewer falls of this kind than a random order of their own scores"
    else:
        verdict = "about as many falls of this kind as a random order of their own scores would"
    return Paragraph(
        f"The rule finds {count(row['observed'])} ruptures; in series of the same scores in random "
        f"order it finds {number(row['expected'], 1)} on average. So the data hold {verdict} "
        f"({p_sentence(row['p_value'])}, one-sided for more)."
    )
