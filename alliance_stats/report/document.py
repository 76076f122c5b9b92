"""The report as one Word document, and its methods as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

from ..core.display.table import Table
from ..core.display.word import add_table, clean, document_bytes, new_document
from .content import Caution, Figure, Paragraph, Section
from .page import number_blocks

WIDTH = 6.0
"""Inches of a figure on the page."""


def report_document(
    title: str,
    sections: Sequence[Section],
    pngs: Mapping[str, bytes],
    *,
    synthetic: bool,
    facts: Iterable[tuple[str, str]],
    footer: Iterable[str],
) -> bytes:
    """Return the page's sections as a Word document: headings, tables, figures, notes."""
    document = new_document(title, synthetic=synthetic)
    document.add_heading(clean(title), level=1)
    document.add_paragraph(clean("; ".join(f"{label}: {value}" for label, value in facts)))
    numbers = number_blocks(sections)
    for section in sections:
        document.add_heading(clean(section.title), level=2)
        first = next((b.text for b in section.blocks if isinstance(b, Paragraph)), "")
        for told in (section.headline, section.reason):
            if told and not first.startswith(told):
                document.add_paragraph(clean(told))
        for block in section.blocks:
            if isinstance(block, Table):
                add_table(document, block, numbers.tables[block.key])
            elif isinstance(block, Figure):
                _add_figure(document, block, numbers.figures[block.key], pngs[block.key])
            elif isinstance(block, Paragraph | Caution):
                document.add_paragraph(clean(block.text))
    for line in footer:
        document.add_paragraph(clean(line))
    return document_bytes(document)


def _add_figure(document: Any, figure: Figure, number: int, png: bytes) -> None:
    from docx.shared import Inches

    document.add_paragraph().add_run(f"Figure {number}").bold = True
    document.add_paragraph().add_run(clean(figure.title)).italic = True
    document.add_picture(BytesIO(png), width=Inches(WIDTH))
    said = " ".join(part for part in (figure.note, figure.how) if part)
    if said:
        paragraph = document.add_paragraph()
        paragraph.add_run("Note. ").italic = True
        paragraph.add_run(clean(said))


def methods_text(title: str, sections: Sequence[Section], footer: Iterable[str]) -> str:
    """Return how each table and figure was made, as Markdown for a methods section."""
    numbers = number_blocks(sections)
    parts = [f"# Methods: {title}", *footer]
    for section in sections:
        made = [
            (f"Table {numbers.tables[b.key]}" if isinstance(b, Table)
             else f"Figure {numbers.figures[b.key]}", b.title, b.how)
            for b in section.blocks
            if isinstance(b, Table | Figure) and b.how
        ]  # fmt: skip
        if made:
            parts.append(f"## {section.title}")
            parts += [f"**{name}. {called}.** {how}" for name, called, how in made]
    return "\n\n".join(parts) + "\n"
