"""The rules about totals: those in the file against those its items give or can give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from .answers import SCORES, cards_of
from .registry import Finding, rule
from .view import StudyView
from .words import shown

GIVEN = (
    ("given_scores", "ratings", "session"),
    ("given_assessments", "given_items", "occasion"),
)
"""Tables of totals whose items are there too, the table of the items, and what tells them apart."""
MOST_DECIMALS = 6
SYSTEMATIC = 0.5  # share of totals that disagree before it is the column, not the cell
FEWEST = 5
ROUNDED = 1e-6  # a total written with six decimals is whole where it is so close


@rule(
    "total_contradicts_items",
    level="warning",
    stage="meaning",
    looks_for="totals in the file that differ from what the file's items give",
)
def total_contradicts_items(view: StudyView) -> Iterator[Finding]:
    """Find totals that differ from the score of the same complete form."""
    for table, items, when in GIVEN:
        key = ["client_id", when, "rater", "measure", "scale"]
        if view.has(table, *key, "score") and view.has(items):
            yield from _contradictions(table, _beside(view, table, items, key))


def _contradictions(table: str, both: pd.DataFrame) -> Iterator[Finding]:
    for (measure, rater, scale), group in both.groupby(["measure", "rater", "scale"], sort=True):
        given, made = group["score"].to_numpy(float), group["computed"].to_numpy(float)
        differs = np.abs(given - made) > _tolerance(given)
        if not differs.any():
            continue
        rows = group["at"].to_numpy(dtype=np.int64)
        name = f"'{measure}' ({rater}, {scale})"
        if differs.mean() > SYSTEMATIC and len(group) >= FEWEST:
            yield _all_differ(table, name, rows[differs], given, made)
        else:
            yield from _some_differ(table, name, rows[differs], given[differs], made[differs])


def _beside(view: StudyView, table: str, items: str, key: list[str]) -> pd.DataFrame:
    """Return the file's totals beside the scores of complete forms."""
    from ....instruments import score

    given = view.frames[table][[*key, "score"]]
    wanted = given["measure"].dropna().unique()
    known = [name for name in wanted if view.registry.get(name) is not None]
    ratings = view.frames[items]
    ratings = ratings[ratings["measure"].isin(known)]
    if not len(ratings):
        return given.head(0).assign(at=0, computed=0.0)
    made = score(
        ratings,
        by=key[:2],
        registry=view.registry,
        already_reversed=view.options.get("already_reversed", False),
    )
    made = made[made["n_answered"] == made["n_items"]].rename(columns={"score": "computed"})
    plain = dict.fromkeys((name for name in key if name != "session"), object)
    given = given.assign(at=np.arange(len(given))).astype(plain)
    both = given.merge(made[[*key, "computed"]].astype(plain), on=key, how="inner")
    return both[both["score"].notna() & both["computed"].notna()]


def _tolerance(given: np.ndarray) -> float:
    """Return half a unit of the last decimal the file's totals are written with."""
    for decimals in range(MOST_DECIMALS + 1):
        if np.allclose(given, np.round(given, decimals), rtol=0, atol=1e-9):
            return 0.5 * 10.0**-decimals + 1e-9
    return 10.0**-MOST_DECIMALS


def _all_differ(
    table: str, name: str, rows: np.ndarray, given: np.ndarray, made: np.ndarray
) -> Finding:
    ratio = given / np.where(made == 0, np.nan, made)
    fixed = bool(np.nanstd(ratio) < 1e-6) if np.isfinite(ratio).any() else False
    how = f" (the file's are {np.nanmean(ratio):.4g} times as large)" if fixed else ""
    return Finding(
        table,
        f"{len(rows):,} of {len(given):,} totals of {name} differ from what the items "
        f"give{how}; the first is {shown(given[0])} in the file and {made[0]:g} by the items.",
        rows,
        column="score",
        hint="The file's totals are made in another way: by another key, as a mean, or from "
        "reversed items. The scores by the card are used.",
        together=True,
    )


def _some_differ(
    table: str, name: str, rows: np.ndarray, given: np.ndarray, made: np.ndarray
) -> Iterator[Finding]:
    for row, here, there in zip(rows, given, made, strict=True):
        yield Finding(
            table,
            f"The total {shown(here)} of {name} differs from {there:g}, which its items add up to.",
            np.array([row]),
            column="score",
            many=f"{{n}} totals of {name} differ from what their items add up to.",
            hint="Correct the total or the items; the score made from the items is used.",
            topic=name,
        )


@rule(
    "broken_sum",
    level="warning",
    stage="meaning",
    looks_for="a total with a fraction, where a sum of whole answers has none",
)
def broken_sum(view: StudyView) -> Iterator[Finding]:
    """Find sums such as 12.4 of a measure whose answers are whole numbers."""
    answered = {
        measure
        for items in ("ratings", "given_items")
        if view.has(items, "measure", "occasion")
        for measure in view.codes(items, "measure").used()
    }
    for table in SCORES:
        if not view.has(table, "measure", "scale", "score"):
            continue
        measure, scale = view.codes(table, "measure"), view.codes(table, "scale")
        score = view.numbers(table, "score")
        broken = np.isfinite(score) & (np.abs(score - np.round(score)) > ROUNDED)
        if not broken.any():
            continue
        for code, card in enumerate(cards_of(view, table)):
            if table == "assessments" and card is not None and card.name in answered:
                continue  # made from those items, where missing ones may have been filled in
            sums = [
                card is not None and card.step == 1 and _is_plain_sum(card.scales.get(name))
                for name in scale.values
            ]
            rows = np.flatnonzero(broken & (measure.codes == code) & scale.where(np.array(sums)))
            if len(rows):
                yield _broken(table, card, rows)


def _is_plain_sum(scale: Any) -> bool:
    return scale is not None and scale.method == "sum" and scale.multiply == 1


def _broken(table: str, card: Any, rows: np.ndarray) -> Finding:
    return Finding(
        table,
        f"The total {{value}} of '{card.name}' is no whole number, but its answers are, and they "
        "are summed.",
        rows,
        column="score",
        many=f"{{n}} totals of '{card.name}' are no whole numbers ({{values}}), but its answers "
        "are, and they are summed.",
        hint="Leave it where missing answers were filled in by the mean of the others; otherwise "
        "correct the total, or say by a card of your own how it is made.",
        topic=card.name,
    )
