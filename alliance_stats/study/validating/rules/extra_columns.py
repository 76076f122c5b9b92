"""The rule about further columns: numbers written as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ...frames import stacked_texts
from ...tables import TABLES, table_schema
from .registry import Finding, rule
from .view import StudyView, encode
from .words import counted

AMOUNT = re.compile(
    r"[£$€¥%]\s*\d|\d\s*[£$€¥%]|^[<>≤≥~]\s*\d"
    r"|^(?!\d{1,4}-\d{1,2}-\d{1,4}(?!\d))\d+[.,\d]*\s*(-|–|to)\s*\d"  # a range, and no date
)
MOSTLY = 0.5


@rule(
    "number_as_text",
    level="info",
    stage="meaning",
    looks_for="further columns in which numbers are written as text (amounts, ranges)",
)
def number_as_text(view: StudyView) -> Iterator[Finding]:
    """Find columns such as an income of '£0 - £5,000': carried along, but text."""
    there = [table for table in TABLES if table in view.frames]
    # a column may come along with two tables: the fuller one tells of all its rows, once
    for table in sorted(there, key=lambda table: -len(view.frames[table])):
        ours = {field.name for field in table_schema(table).fields}
        frame = view.frames[table]
        texts, stack = stacked_texts(frame, leave_out=ours)
        codes = encode(stack)
        hits = codes.where(_is_amount(codes.values)).reshape(len(texts), len(frame))
        without = {name for name, hit in zip(texts, hits, strict=True) if not hit.any()}
        for column, kind in frame.dtypes.items():
            if kind.kind in "iufbM" or column in without or column in ours:
                continue
            finding = _amounts(view, table, str(column))
            if finding is not None:
                yield finding


def _is_amount(values: np.ndarray) -> np.ndarray:
    return np.array(
        [isinstance(value, str) and bool(AMOUNT.search(value.strip())) for value in values],
        dtype=bool,
    )


def _amounts(view: StudyView, table: str, column: str) -> Finding | None:
    codes = view.codes(table, column)
    amount = _is_amount(codes.values)
    if not amount.any() or amount.mean() <= MOSTLY:
        return None
    rows = np.flatnonzero(codes.where(amount))
    values = codes.values[codes.codes[rows]]
    return Finding(
        table,
        f"The column holds amounts or ranges as text, such as {counted(values)}; it is carried "
        "along as text and cannot be used as a number.",
        rows,
        column=column,
        hint="Translate the words to numbers or ordered groups under 'recode:' in study.yaml, or "
        "leave it if the column is only a label.",
        together=True,
    )
