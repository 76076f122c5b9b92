"""Tables as Word documents in APA style: three rules, title above, note below."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence
from typing import Any

from .rendering import SYMBOLS, grouped_rows
from .table import Column, Table

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
EPOCH = dt.datetime(1980, 1, 1)
"""The first moment a zip file can name; every document carries it."""
FONT, POINTS = "Times New Roman", 11
PAGE, PADDING, LETTER = 6.0, 0.17, 0.5 / 72
"""Inches of the text's width, of a cell's two margins, and of a letter a point of its size."""
NARROW, WIDE = " .,:;'[]()|filjt", "%mw"
"""Signs about half as wide as a letter, and half as wide again."""
LABEL = 24
"""Letters of a label that stand on one line whatever the other columns ask."""
WHOLE = 20
"""Rows of a table that stays on one page."""
INDENT = "   "


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
        document.add_paragraph().add_run(
            "Synthetic data: nobody in this document exists."
        ).bold = True
    return document


def add_table(document: Any, table: Table, number: int) -> None:
    """Add a table with number and title above and its note below."""
    add_caption(document, f"Table {number}", table.title)
    _add_grid(document, table)
    add_note(document, table.note, table.how)


def add_caption(document: Any, label: str, title: str) -> None:
    """Add the label and title of a table or figure, on the page where it begins."""
    above, below = document.add_paragraph(), document.add_paragraph()
    above.add_run(label).bold = True
    below.add_run(clean(title)).italic = True
    for paragraph in (above, below):
        paragraph.paragraph_format.keep_with_next = True


def add_note(document: Any, *parts: str) -> None:
    """Add the note below a table or figure, where there is one."""
    said = " ".join(filter(None, parts))
    if said:
        paragraph = document.add_paragraph()
        paragraph.add_run("Note. ").italic = True
        paragraph.add_run(clean(said))


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
    rows = grouped_rows(table, indent=INDENT)
    heads = [[column.label for column in table.columns]]
    spanned = [column.spanner for column in table.columns]
    if any(spanned):  # each name once, above the first of its columns
        first = [name if name not in spanned[:place] else "" for place, name in enumerate(spanned)]
        heads.insert(0, first)
    groups = [bool(table.group) and not row[0].startswith(INDENT) for row in rows]
    read = [*heads, *(row for row, group in zip(rows, groups, strict=True) if not group)]
    points, widths = _laid_out(read, table.columns)
    grid = document.add_table(rows=len(heads) + len(rows), cols=len(table.columns))
    grid.autofit = False
    for column, width in zip(grid.columns, widths, strict=True):
        column.width = width
    whole = len(rows) <= WHOLE
    of_group = [False] * len(heads) + groups
    for place, (row, texts) in enumerate(zip(grid.rows, [*heads, *rows], strict=True)):
        if of_group[place]:
            row.cells[0].merge(row.cells[-1])
        _fill(row, texts, table.columns, widths, points)
        _mark(row, "cantSplit")
        kept = place < len(heads) or of_group[place] or (whole and place + 1 < len(of_group))
        for cell in row.cells:
            cell.paragraphs[0].paragraph_format.keep_with_next = kept
    _rule(grid.rows[0], "top", 8)
    _rule(grid.rows[len(heads) - 1], "bottom", 4)
    _rule(grid.rows[-1], "bottom", 8)
    for row in grid.rows[: len(heads)]:
        _mark(row, "tblHeader")


def _laid_out(rows: Sequence[Sequence[str]], columns: Sequence[Column]) -> tuple[int, list[int]]:
    """Return the points of the letters and the widths of the columns, by what stands in them.

    A number or interval is never broken, nor a word; what room is left goes to the long labels.
    """
    from docx.shared import Inches

    least, most = [], []
    for texts, column in zip(zip(*rows, strict=True), columns, strict=True):
        longest = max([1.0, *map(_letters, texts)])
        words = [_letters(word) for text in texts for word in text.split()]
        kept = [_letters(text) for text in texts if text != column.label]
        short = min(LABEL, longest) if column.align == "left" else max([1.0, *kept])
        least.append(max([short, *words]))
        most.append(longest)
    for points in (POINTS, 10, 9, 8):
        letters = (PAGE - PADDING * len(columns)) / (points * LETTER)
        if sum(least) <= letters:
            break
    wanted = sum(most) - sum(least)
    share = min(1.0, max(0.0, letters - sum(least)) / wanted) if wanted else 0.0
    wide = [low + share * (high - low) for low, high in zip(least, most, strict=True)]
    fit = min(1.0, letters / sum(wide))
    return points, [Inches(PADDING + fit * count * points * LETTER) for count in wide]


def _letters(text: str) -> float:
    """Return about how many letters of middling width a text is as wide as."""
    return sum(
        1.5 if sign.isupper() or sign in WIDE else 0.6 if sign in NARROW else 1.0 for sign in text
    )


def _fill(
    row: Any, texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], points: int
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    sides = {
        "left": WD_ALIGN_PARAGRAPH.LEFT,
        "right": WD_ALIGN_PARAGRAPH.RIGHT,
        "center": WD_ALIGN_PARAGRAPH.CENTER,
    }
    if len(row._tr.tc_lst) == 1:  # one cell over all columns, in which one text stands
        texts, columns, widths = texts[:1], columns[:1], [sum(widths)]
    for cell, text, column, width in zip(row.cells, texts, columns, widths, strict=False):
        cell.width = width
        paragraph = cell.paragraphs[0]
        run = paragraph.add_run(clean(text))
        run.font.size = Pt(points)
        run.italic = text in SYMBOLS or None
        paragraph.alignment = sides["left" if len(widths) < len(row.cells) else column.align]
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


def _mark(row: Any, name: str) -> None:
    """Mark a row as one that repeats on each page, or that no page may part."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(f"w:{name}"))


def clean(text: str) -> str:
    """Return the text without the characters XML cannot hold."""
    return _NOT_XML.sub("", text)
