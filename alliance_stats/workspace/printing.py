"""What the command line prints, as lines of plain text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..evidence.analyses import COMPUTED
from ..evidence.published import READ

WIDTH = 100
UNTESTED = ("not tested as worded", "no evidence found")
"""Verdicts on a sentence that no row tests; the rows beside it are only near to it."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")


def safe(value: object) -> str:
    """Return text without control characters, which could rewrite what a terminal shows."""
    return _CONTROL.sub(" ", str(value))


def problems_in_words(report: Any, limit: int) -> Iterator[str]:
    """Give the problems of a validation report, the gravest first, and what is left."""
    issues = report.issues
    for row in issues.head(limit).itertuples(index=False):
        yield f"{row.level.upper():8}{_place(row)}{safe(row.message)}"
        if row.hint:
            yield f"{'':8}→ {safe(row.hint)}"
    if len(issues) > limit:
        left = len(issues) - limit
        yield f"... and {left} more (--html or --xlsx shows all, --limit prints more)."
    counts = issues["level"].value_counts()
    numbers = [(int(counts.get(level, 0)), word) for level, word in _LEVELS]
    parts = [f"{n:,} {word.removesuffix('s') if n == 1 else word}" for n, word in numbers]
    verdict = "The study can be used" if report.ok else "The study cannot be used yet"
    if report.ok and not report.rows["rows_kept"].sum():
        verdict = "There is nothing to analyse yet"
    yield f"{verdict}: {', '.join(parts)}."


_LEVELS = (("error", "errors"), ("warning", "warnings"), ("info", "notes"))


def _place(row: Any) -> str:
    """Return file, sheet, cell or row, and column, as far as they are known."""
    parts = [safe(row.file) if row.file else "", safe(row.sheet) if row.sheet else ""]
    if row.cell:
        parts.append(safe(row.cell))
    elif not pd.isna(row.row):
        text_file = str(row.file).endswith((".yaml", ".yml", ".json"))
        parts.append(f"{'line' if text_file else 'row'} {int(row.row)}")
    if row.column:
        parts.append(f"({safe(row.column)})")
    known = [part for part in parts if part]
    return f"{' '.join(known)}: " if known else ""


def measures_in_words(table: pd.DataFrame) -> Iterator[str]:
    """Give one line an instrument."""
    width = max(len(str(name)) for name in table["name"])
    for row in table.itertuples(index=False):
        mark = "" if row.verified else "   (not every fact is verified)"
        yield f"{row.name:{width}}  {row.construct:9} {row.title}{mark}"
    yield "alliance-stats measures NAME shows the card of one."


def card_in_words(card: Any) -> Iterator[str]:
    """Give the card of one instrument."""
    yield f"{card.name}: {card.title}"
    yield f"  Form        {card.form}"
    yield f"  Rated by    {', '.join(card.raters)}"
    yield f"  Items       {card.n_items}, answers {card.range[0]:g} to {card.range[1]:g}"
    yield f"  Reversed    {', '.join(map(str, card.reversed_items)) or 'none'}"
    yield f"  Direction   {card.direction.replace('_', ' ')}"
    for name, scale in card.scales.items():
        items = ", ".join(map(str, scale))
        yield from _wrapped(f"  Scale       {name}: {items}")
    yield from _wrapped(f"  Missing     {card.missing_rule}")
    for cut in card.cutoffs:
        yield from _wrapped(f"  Cut-off     {cut.scale} {cut.value:g}: {cut.meaning}{_mark(cut)}")
    for change in card.reliable_change:
        yield from _wrapped(
            f"  Reliable change  {change.scale} {change.value:g} points{_mark(change)}"
        )
    yield from _wrapped(f"  Licence     {card.licence}")
    for source in card.sources.values():
        yield from _wrapped(f"  Source      {source}")
    unverified = [fact for fact, mark in card.verified.items() if not mark]
    yield from _wrapped(f"  Not verified  {', '.join(unverified) or 'nothing'}")
    for what in card.unknown:
        yield from _wrapped(f"  Not known   {what}")


def _mark(fact: Any) -> str:
    return f" ({fact.source})" if fact.verified else f" ({fact.source}; not verified)"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * 14, drop_whitespace=True) or [line]


def claims_in_words(table: pd.DataFrame) -> Iterator[str]:
    """Give each sentence with our verdict, and below it the numbers: are they reproduced?"""
    said = None
    for row in table.to_dict("records"):
        if row.get("words") and row["words"] != said:
            if said is not None:
                yield ""
            said = row["words"]
            yield from _wrapped(f'"{safe(said)}"')
            yield f"  verdict on the claim: {safe(row['verdict'])}"
            yield from _beneath(row.get("because"))
        mark = "?" if pd.isna(row["holds"]) else ("holds" if row["holds"] else "FAILS")
        numbers = (
            f"expected {row['expected']:.6g} ± {row['tolerance']:.2g}, "
            f"recomputed {row['recomputed']:.6g}"
        )
        yield f"{mark:6} {safe(row['claim']):32} {numbers}"
        yield from _beneath(row.get("number"))
        yield from _beneath(row.get("why"))
        yield from _beneath(_rests_on(row))
    red = int((~table["holds"].fillna(True).astype(bool)).sum())
    made = int(table["analysis"].isin(COMPUTED).sum()) if "analysis" in table else 0
    yield ""
    yield from textwrap.wrap(
        f"{len(table)} numbers recomputed, {red} do not hold. {made} are computed from the rows; "
        f"{len(table) - made} are a cell of a table or a count of rows, and hold as long as "
        "nobody changes the table. al.claims() has words and sources.",
        WIDTH,
    )


def sentences_in_words(sentences: pd.DataFrame) -> Iterator[str]:
    """Give a row a sentence: the verdict, the rows it rests on, where they were read."""
    width = max(len(word) for word in sentences["verdict"])
    ways = list(READ.values())
    heads = "".join(f"  {head:>{max(len(head), 5)}}" for head in ("rows", *ways))
    yield f"{'verdict':{width}}{heads}  sentence"
    for row in sentences.to_dict("records"):
        tests = row["verdict"] not in UNTESTED
        counts = ""
        for head, column in zip(("rows", *ways), ("k", *ways), strict=True):
            told = str(row[column]) if tests else f"({row[column]})"
            counts += f"  {told:>{max(len(head), 5)}}"
        yield f"{safe(row['verdict']):{width}}{counts}  {safe(row['words'])}"
    yield from textwrap.wrap(
        "Rows that were read in the full text, in the abstract alone, in an open data set; the "
        "others are second hand or could not be read. In brackets: rows near to the sentence, "
        "none of which tests it.",
        WIDTH,
    )
    yield ""


def _rests_on(row: Mapping[Any, Any]) -> str:
    """Say whose numbers these are and where somebody read them."""
    if not row.get("n_rows"):
        return ""
    names = str(row["sources"]).split("; ")
    shown = "; ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    if row["read_in"].endswith("not found") and row["n_rows"] == 1:
        return f"Searched for, and not found: {shown.removesuffix(' (not read)')}"
    if row["n_verified"] == 0:
        return f"UNVERIFIED, not read in its own source: {shown}"
    rows = "row" if row["n_rows"] == 1 else "rows"
    return f"{row['n_rows']} {rows} ({row['read_in']}): {shown}"


def _beneath(text: object) -> list[str]:
    """Return a text as indented lines, nothing for nothing."""
    if not text:
        return []
    indent = " " * 7
    return textwrap.wrap(safe(text), WIDTH, initial_indent=indent, subsequent_indent=indent)
