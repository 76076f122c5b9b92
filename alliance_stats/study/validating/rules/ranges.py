"""Rules about the size of answers and scores, and codes that stand for missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .answers import SCORES, cards_of
from .places import locate
from .registry import Finding, rule
from .view import StudyView
from .words import series_of, shown

HIDDEN_CODES = frozenset(
    {-1, -2, -7, -8, -9, -77, -88, -97, -98, -99, -777, -888, -999, -9999}
    | {9, 77, 88, 97, 98, 99, 777, 888, 997, 998, 999, 9999}
)
"""Numbers that labs write for "no answer"."""
_PIECE = 1 << 16
OFTEN = 3  # a code for missing recurs in its column; a slip of the finger hardly ever does
SLIPS = 0.1  # totals out of range up to this share are slips; more, and the column is another
OFTEN_IN_FORM = 10  # or recurs over the columns of one form
FEW_COLUMNS = 5  # of more columns one sentence speaks for all
OFTEN_SHARE = 0.001  # in a long file, where all answers share one column


def _limits(card: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest answer by item number."""
    ends = [(np.nan, np.nan), *(card.item_range(item) for item in card.items)]
    low, high = np.array(ends, dtype=float).T
    return low, high


def _by_card(view: StudyView) -> Iterator[tuple[str, Any, np.ndarray | slice]]:
    """Yield the tables of answers and each known card with its rows (all of them as a slice)."""
    for table in ("ratings", "given_items"):
        if not view.has(table, "measure", "item", "value"):
            continue
        measure = view.codes(table, "measure").codes
        for code, card in enumerate(cards_of(view, table)):
            mine = measure == code
            if card is not None and mine.any():
                yield table, card, slice(None) if mine.all() else np.flatnonzero(mine)


@rule(
    "hidden_missing_code",
    level="warning",
    stage="values",
    looks_for="a number outside the answers that recurs as if it stood for missing",
)
def hidden_missing_code(view: StudyView) -> Iterator[Finding]:
    """Find codes such as -9 or 99 that stand for missing and were not declared."""
    for table, card, where in _by_card(view):
        rows, values = _outside(view, table, card, where)
        raters = view.codes(table, "rater").codes[rows]
        for code in np.intersect1d(values, list(HIDDEN_CODES)):
            for rater in np.unique(raters[values == code]):
                chosen = rows[(values == code) & (raters == rater)]
                yield from _hidden_answers(view, table, card, float(code), chosen)
    for table in SCORES:
        for card, scale, rows in _score_groups(view, table):
            values = view.numbers(table, "score")[rows]
            for code in np.intersect1d(values, list(HIDDEN_CODES)):
                chosen = rows[values == code]
                if len(chosen) >= OFTEN:
                    low, high = card.scale_range(scale)
                    yield _hidden(table, f"the scores of '{card.name}'", low, high, code, chosen)


def _hidden_answers(
    view: StudyView, table: str, card: Any, code: float, rows: np.ndarray
) -> Iterator[Finding]:
    """Yield a finding a column of a wide file, or one for all where they are many."""
    low, high = card.range
    items = view.numbers(table, "item")[rows]
    places = locate(view.origins.get(table), view.positions(table, rows))
    layouts = (places.layouts[number].columns for number in np.unique(places.layout))
    wide = any(columns.get("item") == columns.get("value", "") for columns in layouts)
    _, group, counts = np.unique(
        items if wide else np.zeros(len(rows)), return_inverse=True, return_counts=True
    )
    if not wide:
        suspect = counts >= max(OFTEN, OFTEN_SHARE * len(view.frames[table]))
    else:
        suspect = (counts >= OFTEN) | (len(rows) >= OFTEN_IN_FORM)
    chosen = suspect[group]
    rows, columns = rows[chosen], places.layout[chosen]
    answers = f"the answers to '{card.name}'"
    if len(np.unique(columns)) > FEW_COLUMNS:
        answers += f" (items {series_of(sorted({int(item) for item in items[chosen]}), 12)})"
        yield _hidden(table, answers, low, high, code, rows, topic="rows")
        return
    for column in np.unique(columns):
        yield _hidden(table, answers, low, high, code, rows[columns == column])


def _hidden(
    table: str,
    among: str,
    low: float,
    high: float,
    code: float,
    rows: np.ndarray,
    topic: str = "hidden",
) -> Finding:
    number = shown(code)
    return Finding(
        table,
        f"The number {number} stands {len(rows):,} times among {among}, which go from {low:g} to "
        f"{high:g}: it looks like a code for missing and is treated as such.",
        rows,
        column="score" if table in SCORES else "value",
        hint=f"If it is, say so in study.yaml: 'missing: [{number}]'. Otherwise correct the "
        "numbers.",
        together=True,
        topic=topic,
        blank=True,
    )


def _outside(
    view: StudyView, table: str, card: Any, where: np.ndarray | slice
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and values of answers outside their item's range."""
    value = view.numbers(table, "value")[where]
    if card.item_ranges:
        item = view.numbers(table, "item")[where].astype(np.int64)
        low, high = _limits(card)
        out_rows = np.flatnonzero((value < low[item]) | (value > high[item]))
    else:
        low, high = card.range
        out_rows = _found(value, lambda part: (part < low) | (part > high))
    out_rows = out_rows[~np.isin(value[out_rows], card.missing_codes)]
    rows = out_rows if isinstance(where, slice) else where[out_rows]
    return rows, value[out_rows]


def _found(values: np.ndarray, wrong: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return where values are wrong, looked at piece by piece: a piece stays in the cache."""
    starts = range(0, len(values), _PIECE)
    found = [np.flatnonzero(wrong(values[at : at + _PIECE])) + at for at in starts]
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


@rule(
    "out_of_range",
    level="error",
    stage="values",
    looks_for="an answer outside the range of its item",
)
def out_of_range(view: StudyView) -> Iterator[Finding]:
    """Find answers the form does not offer; they are set aside, never moved to the edge."""
    for table, card, where in _by_card(view):
        rows, _ = _outside(view, table, card, where)
        yield from _impossible(
            view, table, card, rows, "is outside the range {span}", "are outside the range {span}"
        )


@rule(
    "not_a_whole_number",
    level="error",
    stage="values",
    looks_for="a fraction where the form offers whole numbers only",
)
def not_a_whole_answer(view: StudyView) -> Iterator[Finding]:
    """Find fractions among answers that go in whole steps."""
    for table, card, where in _by_card(view):
        if card.step != 1:
            continue
        value = view.numbers(table, "value")[where]
        if value.dtype.kind in "iu":
            continue
        part = _found(value, lambda some: (some != np.rint(some)) & np.isfinite(some))
        rows = part if isinstance(where, slice) else where[part]
        yield from _impossible(
            view, table, card, rows, "is not a whole number", "are not whole numbers"
        )


def _impossible(
    view: StudyView, table: str, card: Any, rows: np.ndarray, one: str, many: str
) -> Iterator[Finding]:
    rater, item = view.codes(table, "rater"), view.numbers(table, "item")
    order = np.lexsort((item[rows], rater.codes[rows]))
    rows = rows[order]
    keys = rater.codes[rows].astype(np.int64) * 20_000 + item[rows].astype(np.int64)
    for part in np.split(rows, np.flatnonzero(np.diff(keys)) + 1) if len(rows) else []:
        who, number = rater.values[rater.codes[part[0]]], int(item[part[0]])
        limits = card.item_range(number)
        span = f"{limits.low:g} to {limits.high:g}"
        yield Finding(
            table,
            f"The answer {{value}} to item {number} of '{card.name}' ({who}) "
            f"{one.format(span=span)}; it is treated as missing.",
            part,
            column="value",
            many=f"{{n}} answers to '{card.name}' {many.format(span=span)}: {{values}}; they are "
            "treated as missing.",
            hint="Correct the answer in the file; if it is a code for missing, list it under "
            "'missing:' in study.yaml.",
            topic=card.name,
            blank=True,
        )


@rule(
    "score_out_of_range",
    level="error",
    stage="values",
    looks_for="a total that the measure's items cannot add up to",
)
def score_out_of_range(view: StudyView) -> Iterator[Finding]:
    """Find totals outside what the scale allows: a slip is left out; many are another scale."""
    for table in SCORES:
        for card, scale, rows in _score_groups(view, table):
            names = view.frames[table]["scale"].eq(scale) & view.frames[table]["measure"].isin(
                (card.name, *card.aliases)
            )
            slips = len(rows) <= max(1, SLIPS * int(names.sum()))
            finding = _score_outside(table, card, scale, rows, view.numbers(table, "score")[rows])
            yield replace(finding, level="warning") if slips else finding


def _score_groups(view: StudyView, table: str) -> Iterator[tuple[Any, str, np.ndarray]]:
    """Yield each card and scale that has scores outside its range, with their rows."""
    if not view.has(table, "measure", "scale", "score"):
        return
    measure, scale = view.codes(table, "measure"), view.codes(table, "scale")
    score = view.numbers(table, "score")
    for code, card in enumerate(cards_of(view, table)):
        for which, name in enumerate(scale.values if card is not None else ()):
            if name in card.scales:
                low, high = card.scale_range(name)
                mine = (measure.codes == code) & (scale.codes == which)
                rows = np.flatnonzero(mine & ((score < low) | (score > high)))
                if len(rows):
                    yield card, str(name), rows


def _made_otherwise(card: Any, scale: str, scores: np.ndarray) -> str:
    """Return in what other way scores may be made, and where to say it."""
    low, high = card.scale_range(scale)
    items, method = card.scales[scale].n_expected, card.scales[scale].method
    other = {"mean": ("sum", 1 / items), "sum": ("mean", items)}.get(method) if items else None
    if other and np.all((scores * other[1] >= low) & (scores * other[1] <= high)):
        return f"{other[0]}s, which they may be, write scored: {other[0]} at the measure"
    return "made in another way, say so in a card of your own"


def _score_outside(
    table: str, card: Any, scale: str, rows: np.ndarray, scores: np.ndarray
) -> Finding:
    low, high = card.scale_range(scale)
    return Finding(
        table,
        f"The score {{value}} is outside the range of '{card.name}' ({scale}), {low:g} to "
        f"{high:g}; it is left out.",
        rows,
        column="score",
        many=f"{{n}} scores are outside the range of '{card.name}' ({scale}), {low:g} to "
        f"{high:g}: {{values}}; they are left out.",
        hint="Correct the score, or name it under missing: in study.yaml; if the file's scores are "
        f"{_made_otherwise(card, scale, scores)}.",
        topic=card.name,
        set_aside=True,
    )
