"""The TRIPOD+AI checklist of a run: what it can say is said, the rest are questions."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .checks import rows, writable
from .tripod_items import ITEMS, QUESTIONS
from .tripod_methods import methods
from .tripod_results import results

if TYPE_CHECKING:
    from os import PathLike

    from .result import DropoutPrediction

SOURCE = "Collins et al. (2024), BMJ 385:e078378, doi 10.1136/bmj-2023-078378"
_SYNTHETIC = "Synthetic data: nobody in this study exists."
STATUS = {"filled": "filled in", "partly": "partly", "open": "to be answered"}
LEGEND = (
    "Filled in: said by the run. Partly: the run says something, a question is left to the "
    "authors. To be answered: only the authors can. Questions are in italics."
)
_SHADES = {"filled": "E3F1E8", "partly": "FFF3D6", "open": "F6E1DE"}
_TABLE = (
    ".tripod{border-collapse:collapse;width:100%;table-layout:fixed}"
    ".tripod th,.tripod td{border-bottom:1px solid #ccc;"
    "padding:.4em .6em;text-align:left!important;vertical-align:top;white-space:normal;"
    "overflow-wrap:anywhere}.tripod td:nth-child(4){white-space:nowrap;font-weight:600}"
    + "".join(f".tripod .{k} td:nth-child(4){{background:#{v}}}" for k, v in _SHADES.items())
)
_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    + _TABLE
)
_HEADS = ("Item", "Section", "Topic", "Status", "This study")


@dataclass(frozen=True)
class Tripod:
    """The checklist: ``.table`` has ``item, section, topic, status, answer, question, text``.

    ``status`` is ``filled`` (from the run), ``partly`` (the run says something, a question is
    left) or ``open`` (a question only the authors can answer); ``text`` is answer and question.
    """

    table: pd.DataFrame
    title: str
    synthetic: bool = False

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the checklist as a page of its own; also write it where a path is given."""
        note = f"<p><strong>{_SYNTHETIC}</strong></p>" if self.synthetic else ""
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head><body>"
            f"<h1>{escape(self.title)}</h1>{note}"
            f"<p>Items after {escape(SOURCE)}, in short words of our own. {escape(LEGEND)}</p>"
            f"{self._grid()}</body></html>"
        )
        if path is not None:
            writable(path, ".html").write_text(page, encoding="utf-8")
        return page

    def to_word(self, path: str | PathLike[str]) -> Path:
        """Write the checklist as a Word document."""
        from docx import Document

        target = writable(path, ".docx")
        document = Document()
        document.core_properties.author = ""
        document.add_heading(self.title, level=1)
        if self.synthetic:
            document.add_paragraph().add_run(_SYNTHETIC).bold = True
        document.add_paragraph(f"Items after {SOURCE}, in short words of our own. {LEGEND}")
        _word_table(document, self.table)
        document.save(str(target))
        return target

    def _repr_html_(self) -> str:
        return f"<style>{_TABLE}</style>{self._grid()}"

    def _grid(self) -> str:
        heads = "".join(f"<th>{head}</th>" for head in _HEADS)
        widths = "".join(f'<col style="width:{share}%">' for share in (5, 13, 18, 12, 52))
        body = "".join(
            f'<tr class="{row.status}"><td>{escape(row.item)}</td><td>{escape(row.section)}</td>'
            f"<td>{escape(row.topic)}</td><td>{STATUS[row.status]}</td><td>{escape(row.answer)}"
            f"{' ' if row.answer and row.question else ''}"
            f"{f'<em>{escape(row.question)}</em>' if row.question else ''}</td></tr>"
            for row in rows(self.table)
        )
        return (
            f'<table class="tripod"><colgroup>{widths}</colgroup><thead><tr>{heads}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _word_table(document: Any, table: pd.DataFrame) -> None:
    """Add the checklist: borders, a shaded status, columns as wide as what they hold."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt

    widths = [Cm(w) for w in (1.2, 2.4, 3.0, 1.9, 7.9)]
    grid = document.add_table(rows=1, cols=len(_HEADS), style="Table Grid")
    grid.autofit = False
    for cell, text in zip(grid.rows[0].cells, _HEADS, strict=True):
        cell.paragraphs[0].add_run(text).bold = True
    for row in rows(table):
        cells = grid.add_row().cells
        for cell, text in zip(cells, (row.item, row.section, row.topic, STATUS[row.status]),
                              strict=False):  # fmt: skip
            cell.text = text
        shade = OxmlElement("w:shd")
        for key, value in (("val", "clear"), ("color", "auto"), ("fill", _SHADES[row.status])):
            shade.set(qn(f"w:{key}"), value)
        cells[3]._tc.get_or_add_tcPr().append(shade)
        last = cells[4].paragraphs[0]
        last.add_run(row.answer + (" " if row.answer and row.question else ""))
        last.add_run(row.question).italic = True
    for line in grid.rows:
        for cell, width in zip(line.cells, widths, strict=True):
            cell.width = width
            for paragraph in cell.paragraphs:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT
                for run in paragraph.runs:
                    run.font.size = Pt(8.5)


def fill_tripod(result: DropoutPrediction) -> Tripod:
    """Return the checklist with what the run itself can say."""
    said = {**methods(result), **results(result)}
    lines = []
    for item, section, topic in ITEMS:
        answer, asks = said.get(item, ("", ""))
        question = " ".join(part for part in (QUESTIONS.get(item, ""), asks) if part)
        status = "filled" if answer and not question else "partly" if answer else "open"
        lines.append((item, section, topic, status, answer, question,
                     " ".join(part for part in (answer, question) if part)))  # fmt: skip
    columns = ["item", "section", "topic", "status", "answer", "question", "text"]
    name = result.settings["study"]
    title = f"TRIPOD+AI checklist: prediction of dropout{f', study {name}' if name else ''}"
    return Tripod(pd.DataFrame(lines, columns=columns), title, bool(result.settings["synthetic"]))
