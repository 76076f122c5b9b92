"""The TRIPOD+AI checklist of a run: what it can say is said, the rest are questions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.display.word import document_bytes, new_document
from ...core.outputs import write_whole
from ...core.yaml_reading import read_yaml
from ...errors import AllianceStatsError
from .models import BOOSTING, LEARNING_RATE, LEAST_IN_LEAF, PENALTIES

if TYPE_CHECKING:
    from os import PathLike

    from .result import DropoutPrediction

ITEMS = Path(__file__).with_name("tripod.yaml")
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
            '<meta name="generator" content="alliance_stats">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head><body>"
            f"<h1>{escape(self.title)}</h1>{note}"
            f"<p>Items after {escape(SOURCE)}, in short words of our own. {escape(LEGEND)}</p>"
            f"{self._grid()}</body></html>"
        )
        if path is not None:
            write_whole(_writable(path, ".html"), page.encode(), what="the checklist")
        return page

    def to_word(self, path: str | PathLike[str]) -> Path:
        """Write the checklist as a Word document."""
        target = _writable(path, ".docx")
        document = new_document(self.title)
        document.add_heading(self.title, level=1)
        if self.synthetic:
            document.add_paragraph().add_run(_SYNTHETIC).bold = True
        document.add_paragraph(f"Items after {SOURCE}, in short words of our own. {LEGEND}")
        _word_table(document, self.table)
        return write_whole(target, document_bytes(document), what="the checklist")

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
            for row in _rows(self.table)
        )
        return (
            f'<table class="tripod"><colgroup>{widths}</colgroup><thead><tr>{heads}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _writable(path: str | PathLike[str], ending: str) -> Path:
    """Return a path one can write to: the right ending, in a folder that is there."""
    target = Path(path)
    if target.suffix.lower() != ending:
        raise AllianceStatsError(f"The checklist is written as {ending}, not '{target.name}'.")
    if not target.parent.is_dir():
        raise AllianceStatsError(
            f"There is no folder '{target.parent}' to write '{target.name}' to; make it first."
        )
    return target


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
    for row in _rows(table):
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
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined)
    environment.filters |= {"number": _number, "with_interval": _with_interval, "metric": _metric}
    known = facts(result)

    def filled(template: str) -> str:
        return " ".join(environment.from_string(template).render(known).split())

    lines = []
    for item in read_yaml(ITEMS).value:
        answer, question = (filled(item.get(part, "")) for part in ("answer", "question"))
        status = "filled" if answer and not question else "partly" if answer else "open"
        lines.append((item["item"], item["section"], item["topic"], status, answer, question,
                      f"{answer} {question}".strip()))  # fmt: skip
    columns = ["item", "section", "topic", "status", "answer", "question", "text"]
    name = result.settings["study"]
    title = f"TRIPOD+AI checklist: prediction of dropout{f', study {name}' if name else ''}"
    return Tripod(pd.DataFrame(lines, columns=columns), title, bool(result.settings["synthetic"]))


def facts(r: DropoutPrediction) -> dict[str, Any]:
    """Return what the sentences of the checklist are filled from."""
    s, leaks = r.settings, r.leaks
    fitted = [name for name in r.models if name != "base_rate"]
    split = leaks.loc[leaks["kind"] == "therapists_on_both_sides", "why"]
    kept = [n for n in leaks.loc[leaks["action"] == "kept, as asked", "feature"] if n in r.features]
    gaps = r.missing[r.missing["n_missing"] > 0]
    shares = ", ".join(f"{row.feature} {row.share:.1%}" for row in _rows(gaps))
    grid = {name.split("__")[1]: " or ".join(map(str, own)) for name, own in BOOSTING.items()}
    flow = "; ".join(f"{row.step} {row.n}" for row in _rows(r.flow))
    return {
        "run": r,
        "s": s,
        "cohort": defaultdict(str, r.cohort),
        "n": len(r.predictions),
        "events": int(r.predictions["event"].sum()),
        "therapists": r.folds["therapist_id"].nunique(),
        "unit": {"therapist_id": "therapist", "site_id": "site"}[s["groups"]],
        "at": f"at session {s['landmark']}" if s["landmark"] else "at intake",
        "split": " ".join(why for why in split if "several folds" in why),
        "fitted": fitted,
        "linear": {"logistic", "one_predictor"} & set(fitted),
        "down": s["resampling"] == "down" and fitted,
        "found": [f"{row.feature or row.kind} ({row.kind.replace('_', ' ')}; {row.action})"
                  for row in _rows(leaks)],
        "dated": [name for name in r.features if name not in {*s["undated"], *kept}],
        "kept": kept,
        "suspect": list(leaks.loc[leaks["kind"] == "suspect", "feature"]),
        "criteria": list(_rows(r.sample_size.table)),
        "gaps": list(gaps["feature"]),
        "missing": f"Missing values: {shares}." if shares else "No predictor has missing values.",
        "penalties": ", ".join(f"{c:g}" for c in PENALTIES),
        "learning_rate": f"{LEARNING_RATE:g}",
        "least_in_leaf": LEAST_IN_LEAF,
        "leaves": grid["max_leaf_nodes"],
        "iterations": grid["max_iter"],
        "thresholds": ", ".join(f"{risk:.2f}" for risk in s["thresholds"]),
        "flow": flow[:1].upper() + flow[1:],
        "formulas": _formulas(r.specification),
        "performance": list(_performance(r)),
        "groups": [row for row in _rows(r.fairness)
                   if row.model == r.main_model and row.metric in ("auc", "all")],
        "limits": [_LISTED.sub("", message) for message in r.messages],
        **_in_new_therapists(r, fitted),
    }  # fmt: skip


_LISTED = re.compile(r"(?<=\w)(?:: [^:.;()]+(?: \(\d+ in all\))?(?=\.$)| \([^()]*\d+ in all\)\))")
"""Ids that `listing` wrote behind a colon or in brackets: a checklist handed in names nobody."""


def _in_new_therapists(r: DropoutPrediction, fitted: list[str]) -> dict[str, Any]:
    """Return what is known of therapists not seen before, and for which models it is not."""
    rows = list(_rows(r.new_therapist))
    shown = [row for row in rows if np.isfinite(row.estimate)]
    lacking = [row for row in rows if not np.isfinite(row.estimate)]
    metrics = {row.metric for row in shown}
    return {
        "n_new": len(rows),
        "new_shown": shown,
        "intercepts": "calibration_intercept" in metrics,
        "areas": "auc" in metrics,
        "lacking": [f"{row.model} ({row.metric.replace('_', ' ')})" for row in lacking],
        "refused": set(fitted) - {row.model for row in shown},
        "why_no_new": [message for message in r.messages if "New therapist" in message],
    }


def _performance(r: DropoutPrediction) -> Iterator[tuple[str, list[Any], list[str]]]:
    """Return each model's measures that can be shown, and the names of those that cannot."""
    for model, part in r.performance.groupby("model", sort=False):
        if model == "base_rate":
            part = part[part["metric"] == "brier"]
        shown, absent = part[np.isfinite(part["estimate"])], part[part["estimate"].isna()]
        yield str(model), list(_rows(shown)), [m.replace("_", " ") for m in absent["metric"]]


def _formulas(specification: pd.DataFrame) -> list[str]:
    """Return the log odds of each model that can be written down."""
    terms: dict[str, list[str]] = {}
    for row in _rows(specification):
        sign, size = ("-" if row.coefficient < 0 else "+"), abs(row.coefficient)
        if row.term == "Intercept":
            term = f"{row.coefficient:.3f}"
        elif np.isfinite(getattr(row, "mean", np.nan)):
            term = f"{sign} {size:.3f} ({row.term} - {row.mean:.3f}) / {row.sd:.3f}"
        else:
            term = f"{sign} {size:.3f} [{row.term}]"
        terms.setdefault(row.model, []).append(term)
    return [f"{model} = {' '.join(own)}." for model, own in terms.items()]


def _rows(table: pd.DataFrame) -> Iterable[Any]:
    return table.itertuples(index=False)


def _metric(name: str) -> str:
    words = {"auc": "AUC", "brier": "Brier", "ici": "ICI", "scaled_brier": "scaled Brier"}
    return words.get(name, name.replace("_", " "))


def _with_interval(row: Any) -> str:
    return f"{_number(row.estimate)} [{_number(row.conf_low)}, {_number(row.conf_high)}]"


def _number(value: float) -> str:
    """Return two decimals, without a minus before zero."""
    return f"{value:.2f}".replace("-0.00", "0.00") if np.isfinite(value) else "not available"
