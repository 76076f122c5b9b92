"""The report as one Word document, and its methods as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

from ..core.display.table import Table
from ..core.display.word import (
    add_caption,
    add_note,
    add_table,
    clean,
    document_bytes,
    new_document,
)
from .content import Caution, Figure, Paragraph, Section
from .notes import by_kind
from .page import number_blocks

MARKUP = re.compile(r"<(?=[A-Za-z/!?])")
"""Where Markdown would begin HTML: words of a study run in no page that is made of it."""
WIDTH = 6.0
"""Inches of a figure on the page."""


def report_document(
    title: str,
    sections: Sequence[Section],
    pngs: Mapping[str, bytes],
    *,
    synthetic: bool,
    facts: Iterable[tuple[str, str]],
    notes: Iterable[str] = (),
    footer: Iterable[str],
) -> bytes:
    """Return the page's sections as a Word document: headings, tables, figures, notes."""
    document = new_document(title, synthetic=synthetic)
    document.add_heading(clean(title), level=1)
    document.add_paragraph(clean("; ".join(f"{label}: {value}" for label, value in facts)))
    for note in notes:
        document.add_paragraph(clean(note))
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
        for kind in by_kind(section.messages):
            if kind.open:  # the others stand on the page
                document.add_paragraph(clean(kind.title)).paragraph_format.keep_with_next = True
                for text in kind.texts:
                    document.add_paragraph(clean(text), style="List Bullet")
    for line in footer:
        document.add_paragraph(clean(line))
    return document_bytes(document)


def _add_figure(document: Any, figure: Figure, number: int, png: bytes) -> None:
    from docx.shared import Inches

    add_caption(document, f"Figure {number}", figure.title)
    picture = document.add_picture(BytesIO(png), width=Inches(WIDTH))
    picture._inline.docPr.set(
        "descr", clean(figure.alt or figure.title)
    )  # what is read to who does not see it
    add_note(document, figure.note, figure.how)


SOURCE = re.compile(r"\(([^()]+? \d{4}), doi (10\.[^\s()]+)\)")
"""A source as the sentences name it: (Names year, doi 10...)."""


CODE = re.compile(r'(?<=[.;] )[^.;]*="[^.]*\.\s?')
"""A sentence that tells what to type, which is no part of a paper."""


def methods_text(title: str, sections: Sequence[Section], before: Sequence[str], made: str) -> str:
    """Return a methods section to paste, as Markdown: paragraphs, software, references.

    Parameters
    ----------
    before
        Paragraphs that stand first: how the outcome was chosen.
    made
        Versions and seed, in a sentence.
    """
    parts = [f"# Methods: {title}", *before]
    for section in sections:
        said = [b.methods for b in section.blocks if isinstance(b, Table | Figure) and b.methods]
        if said:
            parts += [f"## {section.title}", " ".join(dict.fromkeys(said))]
    parts += ["## Intervals and software", made]
    text = "\n\n".join(parts)
    sources = dict(SOURCE.findall(text))
    listed = [f"- {names}. https://doi.org/{doi}" for names, doi in sorted(sources.items())]
    text = CODE.sub("", SOURCE.sub(r"(\1)", text))
    whole = "\n\n".join([text, *(["## References", "\n".join(listed)] if listed else [])]) + "\n"
    return MARKUP.sub("&lt;", whole)
