"""A table as HTML, text and CSV, in APA style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import pandas as pd

from . import formatting as fmt
from .table import Column, Table

SYMBOLS = ("b", "n", "N", "t", "z", "p", "df", "r", "M", "SD")
_BOUND = re.compile(r"(&[lg]t;) (?=[\d.])")
"""The sign of a number that is a bound, which no line may end with."""


def cells(table: Table) -> pd.DataFrame:
    """Return the table as the reader sees it: one text a cell, columns in order."""
    rows = [row for _, row in table.frame.iterrows()]
    written = {
        position: [column.write(row) for row in rows]
        for position, column in enumerate(table.columns)
    }
    return pd.DataFrame(written, index=range(len(table.frame)), dtype=object)


def grouped_rows(table: Table, indent: str) -> list[tuple[str, ...]]:
    """Return the rows as they are read, with a row of its own before each new group."""
    shown = [tuple(map(str, row)) for row in cells(table).itertuples(index=False)]
    if not table.group:
        return shown
    rows: list[tuple[str, ...]] = []
    before = None
    for name, row in zip(table.frame[table.group], shown, strict=True):
        if name != before:
            rows.append((str(name),) + ("",) * (len(row) - 1))
            before = name
        rows.append((indent + row[0], *row[1:]))
    return rows


def to_html(table: Table) -> str:
    """Return the table as HTML with class names and no style of its own, its texts escaped."""
    shown, lines = cells(table), ['<table class="gt_table">', "<thead>", *_headings(table.columns)]
    lines += ["</thead>", '<tbody class="gt_table_body">']
    groups = table.frame[table.group] if table.group else [None] * len(shown)
    before = None
    for group, row in zip(groups, shown.itertuples(index=False), strict=True):
        if group != before:
            heading = f'<th class="gt_group_heading" colspan="{len(row)}" scope="colgroup">'
            lines.append('  <tr class="gt_group_heading_row">')
            lines += [f"    {heading}{escape(str(group))}</th>", "  </tr>"]
            before = group
        written = zip(table.columns, row, strict=True)
        tds = [f'    <td class="gt_row gt_{of.align}">{_kept(text)}</td>' for of, text in written]
        lines += ["  <tr>", *tds, "  </tr>"]
    return "\n".join([*lines, "</tbody>", "</table>"])


def _kept(text: str) -> str:
    """Return the text of a cell, escaped; no line ends behind the sign of a bound."""
    return _BOUND.sub("\\1\u00a0", escape(text))


def _headings(columns: Sequence[Column]) -> list[str]:
    """Return the rows of labels: one, or two where something spans several columns."""
    spans = any(column.spanner for column in columns)
    upper: list[str] = []
    lower: list[str] = []
    for spanner, held in groupby(columns, key=lambda column: column.spanner):
        under = list(held)
        if spanner:
            upper += [
                '  <th class="gt_center gt_columns_top_border gt_column_spanner_outer" rowspan="1" '
                f'colspan="{len(under)}" scope="colgroup">',
                f'    <span class="gt_column_spanner">{escape(spanner)}</span>',
                "  </th>",
            ]
        high = 2 if spans and not spanner else 1
        (lower if spanner or not spans else upper).extend(
            f'  <th class="gt_col_heading gt_columns_bottom_border gt_{column.align}" '
            f'rowspan="{high}" colspan="1" scope="col">{_label(column)}</th>'
            for column in under
        )
    above = ['<tr class="gt_col_headings gt_spanner_row">', *upper, "</tr>"] if spans else []
    return [*above, '<tr class="gt_col_headings">', *lower, "</tr>"]


def _label(column: Column) -> str:
    """Return the label escaped, with statistical symbols in italics as APA asks."""
    safe = escape(column.label)
    return f"<em>{safe}</em>" if safe in SYMBOLS else safe


def to_csv(table: Table, path: Path) -> None:
    """Write the numbers of a table; see `write_frame`."""
    write_frame(table.frame, path)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write numbers with four significant digits; no text in it can become a formula.

    Enough to compute with. At full precision a mean is a fraction whose denominator tells the
    number of people.
    """
    safe = frame.copy()
    safe.columns = [fmt.spreadsheet_safe(str(name)) for name in safe.columns]
    for name in safe.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]]:
        safe[name] = safe[name].astype(object).map(fmt.spreadsheet_safe)
    for column in safe.select_dtypes("float"):
        safe[column] = safe[column].map(fmt.significant)
    safe.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def to_text(table: Table) -> str:
    """Return the shown table as aligned text, for a console or a test."""
    shown = cells(table)
    shown.columns = [column.label for column in table.columns]
    return shown.to_string(index=False)
