"""Tables as Word documents in APA style: three rules, title above, note below."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence
from typing import Any

from .rendering import grouped_rows
from .table import Column, Table

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
EPOCH = dt.datetime(1980, 1, 1)
"""The first moment a zip file can name; every document carries it."""
FONT, POINTS = "Times New Roman", 11


def table_document(table: Table, number: int) -> bytes:
    """Return one table as a document of its own."""
    document = new_document(table.title)
    add_table(document, table, number)
    return document_bytes(document)


def result_document(heading: str, blocks: Sequence[Table | str], notes: Sequence[str]) -> bytes:
    """Return a document of what a result shows: paragraphs, numbered tables, notes."""
    document = new_document(heading)
    document.add_paragraph().add_run(clean(heading)).bold = True
    number = 0
    for block in blocks:
        if isinstance(block, str):
            document.add_paragraph(clean(block))
        else:
            number += 1
            add_table(document, block, number)
    for note in notes:
        document.add_paragraph(clean(note), style="List Bullet")
    return document_bytes(document)


def new_document(title: str, *, synthetic: bool = False) -> Any:
    """Return an empty document in the house's style, without author and date."""
    from docx import Document
    from docx.shared import Pt

    document = Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, Pt(POINTS)
    style.paragraph_format.space_after = Pt(4)
    properties = document.core_properties
    properties.author = properties.last_modified_by = ""
    properties.category = "alliance_stats"  # by which we know what we may write over
    properties.created = properties.modified = EPOCH
    properties.revision = 1
    properties.title = clean(title)
    if synthetic:
        document.add_paragraph().add_run("Synthetic data: nobody in this table exists.").bold = True
    return document


def add_table(document: Any, table: Table, number: int) -> None:
    """Add a table with number and title above and its note below."""
    document.add_paragraph().add_run(f"Table {number}").bold = True
    document.add_paragraph().add_run(clean(table.title)).italic = True
    _add_grid(document, table)
    _add_note(document, table)


def document_bytes(document: Any) -> bytes:
    """Return the document in bytes that tell what is in it, and not when it was made."""
    stream, written = io.BytesIO(), io.BytesIO()
    document.save(stream)
    with (
        zipfile.ZipFile(stream) as given,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as fixed,
    ):
        for name in sorted(given.namelist()):
            entry = zipfile.ZipInfo(name, date_time=EPOCH.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            fixed.writestr(entry, given.read(name))
    return written.getvalue()


def _add_grid(document: Any, table: Table) -> None:
    rows = grouped_rows(table, indent="   ")
    heads = [[column.label for column in table.columns]]
    spanned = [column.spanner for column in table.columns]
    if any(spanned):  # each name once, above the first of its columns
        first = [name if name not in spanned[:place] else "" for place, name in enumerate(spanned)]
        heads.insert(0, first)
    grid = document.add_table(rows=len(heads) + len(rows), cols=len(table.columns))
    grid.autofit = True
    for place, texts in zip(grid.rows, [*heads, *rows], strict=True):
        _fill(place, texts, table.columns)
    _rule(grid.rows[0], "top", 8)
    _rule(grid.rows[len(heads) - 1], "bottom", 4)
    _rule(grid.rows[-1], "bottom", 8)
    _repeat_header(grid.rows[0])


def _fill(row: Any, texts: Sequence[str], columns: Sequence[Column]) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    sides = {
        "left": WD_ALIGN_PARAGRAPH.LEFT,
        "right": WD_ALIGN_PARAGRAPH.RIGHT,
        "center": WD_ALIGN_PARAGRAPH.CENTER,
    }
    for cell, text, column in zip(row.cells, texts, columns, strict=True):
        paragraph = cell.paragraphs[0]
        paragraph.add_run(clean(text))
        paragraph.alignment = sides[column.align]
        paragraph.paragraph_format.space_after = Pt(2)


def _rule(row: Any, side: str, eighths: int) -> None:
    """Draw one rule of a row; python-docx has no call for the border of a cell."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in row.cells:
        properties = cell._tc.get_or_add_tcPr()
        borders = properties.find(qn("w:tcBorders"))
        if borders is None:
            borders = OxmlElement("w:tcBorders")
            properties.append(borders)
        edge = OxmlElement(f"w:{side}")
        for name, value in (("val", "single"), ("sz", str(eighths)), ("color", "000000")):
            edge.set(qn(f"w:{name}"), value)
        borders.append(edge)


def _repeat_header(row: Any) -> None:
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _add_note(document: Any, table: Table) -> None:
    said = " ".join(part for part in (table.note, table.how) if part)
    if said:
        paragraph = document.add_paragraph()
        paragraph.add_run("Note. ").italic = True
        paragraph.add_run(clean(said))


def clean(text: str) -> str:
    """Return the text without the characters XML cannot hold."""
    return _NOT_XML.sub("", text)
