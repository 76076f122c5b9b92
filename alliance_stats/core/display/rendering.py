"""A table as HTML, text and CSV, in APA style."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import pandas as pd

from . import formatting as fmt
from .table import Column, Table


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
    """Return the table as HTML with class names and no style of its own.

    great_tables lays out places only; the texts, escaped here, are put into them afterwards.
    So no text of the data depends on what a release of great_tables escapes or reads as markup.
    """
    from great_tables import GT

    places = _Places()
    shown = cells(table).map(lambda text: places.hold(escape(text)))
    shown.columns = [f"c{position}" for position in shown.columns]
    if table.group:
        groups = {value: places.hold(escape(str(value))) for value in table.frame[table.group]}
        shown["group"] = [groups[value] for value in table.frame[table.group]]
    anchor = "t-" + re.sub(r"[^a-z0-9]+", "-", table.key.lower()).strip("-")
    built = GT(shown, groupname_col="group" if table.group else None, id=anchor)
    labels = {f"c{n}": places.hold(_label(column)) for n, column in enumerate(table.columns)}
    built = built.cols_label(labels)  # type: ignore[arg-type]
    for align in ("left", "right", "center"):
        chosen = [f"c{n}" for n, column in enumerate(table.columns) if column.align == align]
        built = built.cols_align(align, columns=chosen) if chosen else built
    spanners = dict.fromkeys(column.spanner for column in table.columns if column.spanner)
    for spanner in spanners:
        under = [f"c{n}" for n, column in enumerate(table.columns) if column.spanner == spanner]
        built = built.tab_spanner(places.hold(escape(spanner)), columns=under)
    return places.fill(_bare(built.as_raw_html()))


class _Places:
    """Stand-ins for texts: words nothing escapes, each replaced by its text in the end."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def hold(self, text: str) -> str:
        self._texts.append(text)
        return f"xPLACEx{len(self._texts) - 1}x"

    def fill(self, markup: str) -> str:
        return re.sub(r"xPLACEx(\d+)x", lambda m: self._texts[int(m.group(1))], markup)


def _label(column: Column) -> str:
    """Return the label escaped, with statistical symbols in italics as APA asks."""
    safe = escape(column.label)
    return f"<em>{safe}</em>" if safe in {"b", "n", "N", "t", "z", "p", "df", "r", "SD"} else safe


def _bare(markup: str) -> str:
    """Return only the <table>: the page has one style sheet for all of them."""
    start, end = markup.index("<table"), markup.rindex("</table>") + len("</table>")
    return re.sub(
        r'\s(id|headers|style|data-quarto-[a-z-]+|bgcolor)="[^"]*"', "", markup[start:end]
    )


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
