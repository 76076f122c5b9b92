"""The TRIPOD+AI checklist of a run: what it can say is said, the rest are questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsError
from .tripod_items import ITEMS, QUESTIONS

if TYPE_CHECKING:
    from os import PathLike

    from .result import DropoutPrediction

SOURCE = "Collins et al. (2024), BMJ 385:e078378, doi 10.1136/bmj-2023-078378"
_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4em "
    ".6em;text-align:left;vertical-align:top}.open td:last-child{font-style:italic;color:#555}"
)


@dataclass(frozen=True)
class Tripod:
    """The checklist: ``.table`` has ``item, section, topic, status, text``.

    ``status`` is ``filled`` (from the run), ``partly`` (the run says something, a question is
    left) or ``open`` (a question only the authors can answer).
    """

    table: pd.DataFrame
    title: str
    synthetic: bool = False

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the checklist as a page of its own; also write it where a path is given."""
        rows = "".join(
            f'<tr class="{row.status}"><td>{escape(row.item)}</td><td>{escape(row.section)}</td>'
            f"<td>{escape(row.topic)}</td><td>{escape(row.text)}</td></tr>"
            for row in _rows(self.table)
        )
        note = "<p><strong>Synthetic data: nobody in this study exists.</strong></p>"
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head><body>"
            f"<h1>{escape(self.title)}</h1>{note if self.synthetic else ''}"
            f"<p>Items after {escape(SOURCE)}, in short words of our own. Questions in italics are "
            "for the authors.</p><table><thead><tr><th>Item</th><th>Section</th><th>Topic</th>"
            f"<th>This study</th></tr></thead><tbody>{rows}</tbody></table></body></html>"
        )
        if path is not None:
            _writable(path, ".html").write_text(page, encoding="utf-8")
        return page

    def to_word(self, path: str | PathLike[str]) -> Path:
        """Write the checklist as a Word document."""
        from docx import Document

        target = _writable(path, ".docx")
        document = Document()
        document.core_properties.author = ""
        document.add_heading(self.title, level=1)
        if self.synthetic:
            document.add_paragraph().add_run("Synthetic data: nobody in this study exists.")
        document.add_paragraph(f"Items after {SOURCE}, in short words of our own.")
        grid = document.add_table(rows=1, cols=4)
        for cell, text in zip(
            grid.rows[0].cells, ("Item", "Section", "Topic", "This study"), strict=True
        ):
            cell.paragraphs[0].add_run(text).bold = True
        for row in _rows(self.table):
            cells = grid.add_row().cells
            for cell, text in zip(cells[:3], (row.item, row.section, row.topic), strict=True):
                cell.text = text
            cells[3].paragraphs[0].add_run(row.text).italic = row.status == "open"
        document.save(str(target))
        return target

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, border=0)


def _rows(table: pd.DataFrame) -> Iterable[Any]:
    return table.itertuples(index=False)


def _writable(path: str | PathLike[str], ending: str) -> Path:
    target = Path(path)
    if target.suffix.lower() != ending:
        raise AllianceStatsError(f"The checklist is written as {ending}, not '{target.name}'.")
    return target


def fill_tripod(result: DropoutPrediction) -> Tripod:
    """Return the checklist with what the run itself can say."""
    said = {**_methods(result), **_results(result)}
    rows = []
    for item, section, topic in ITEMS:
        answer, question = said.get(item, ""), QUESTIONS.get(item, "")
        status = "filled" if answer and not question else "partly" if answer else "open"
        text = " ".join(part for part in (answer, question) if part)
        rows.append((item, section, topic, status, text))
    columns = ["item", "section", "topic", "status", "text"]
    name = result.settings["study"]
    title = f"TRIPOD+AI checklist: prediction of dropout{f', study {name}' if name else ''}"
    return Tripod(pd.DataFrame(rows, columns=columns), title, bool(result.settings["synthetic"]))


def _methods(r: DropoutPrediction) -> dict[str, str]:
    s = r.settings
    at = "at intake" if s["landmark"] == 0 else f"at session {s['landmark']}"
    span = f"within {s['horizon']} sessions" if s["horizon"] else "at any later time"
    definition = s["definition"] or "not said in the data"
    unit = {"therapist_id": "therapists", "site_id": "sites"}[s["groups"]]
    down = s["resampling"] == "down"
    return {
        "4": "Development with internal evaluation in unseen therapists; no external evaluation.",
        "7": f"Clients set aside are counted under 20a. {_leaks(r)}",
        "8a": f"Dropout {span}, predicted {at} for clients who came to that session. Definition: "
        f"{definition}. Every other end of therapy counts as no dropout; clients still in therapy "
        "when the data end were set aside.",
        "9b": f"{len(r.features)} features, each known {at}: {', '.join(r.features)}.",
        "10": _size(r),
        "11": f"{_missing(r)} Numbers were imputed by the median, categories by a category of "
        "their own, within training clients; a single imputation does not carry its own "
        "uncertainty.",
        "12a": f"Nested cross-validation: {s['folds']} outer folds to evaluate, "
        f"{s['inner_folds']} inner folds to tune, seed {s['seed']}; {unit} never split.",
        "12b": "Numbers standardised and entered linearly in the logistic models, categories "
        "coded by indicators; boosting takes them as they are ordered.",
        "12c": f"{', '.join(r.models)}. Logistic: ridge penalty tuned by log loss; boosting: "
        "leaves and iterations tuned by log loss; one predictor: "
        f"{s['one_predictor']}, not penalised. No selection of predictors.",
        "12d": "Therapists by a random intercept of the calibration and a random-effects mean of "
        "their areas under the curve, with prediction intervals for a new one.",
        "12e": "AUC (clients of one fold compared), Brier and scaled Brier, calibration in the "
        "large, slope, flexible curve (restricted cubic spline), ICI, net benefit; "
        f"{s['confidence']:.0%} intervals from {s['replicates']} draws of whole {unit}, "
        "widened for the training of the models (Nadeau & Bengio 2003).",
        "12f": "Log odds shifted back to the share of dropouts after down-sampling."
        if down else "None.",
        "12g": "By the model of the folds that did not hold the client's therapist.",
        "13": "Training clients were down-sampled to as many who stayed as left, and the "
        "probabilities shifted back (recalibrated)." if down
        else "No method for class imbalance was used; probabilities keep their meaning.",
        "14": f"Performance within groups of {', '.join(s['fairness'])} was computed."
        if s["fairness"] else "No groups were named, so fairness was not looked at.",
        "15": "A probability of dropout; net benefit at risks of "
        f"{', '.join(f'{t:.2f}' for t in s['thresholds'])}. No threshold is recommended.",
        "16": "Training and evaluation clients come from the same study; they differ in their "
        f"{unit} only.",
        "18f": "Made with alliance_stats (predict_dropout); the settings above and the data "
        "reproduce it.",
    }  # fmt: skip


def _results(r: DropoutPrediction) -> dict[str, str]:
    events = int(r.predictions["event"].sum())
    flow = "; ".join(f"{row.step}: {row.n:+d}" if row.n < 0 else f"{row.step}: {row.n}"
                     for row in _rows(r.flow))  # fmt: skip
    return {
        "20a": f"{flow}. With dropout {events}, without {len(r.predictions) - events}.",
        "20b": _missing(r),
        "20c": "Not applicable: no separate evaluation data.",
        "21": f"{len(r.predictions)} clients, {events} dropouts, "
        f"{r.folds['therapist_id'].nunique()} therapists, in every model.",
        "22": "Coefficients of the logistic models, refitted to all clients, stand in "
        ".specification (with means, SDs and imputed values). A boosting model cannot be written "
        "down; share the fitted object.",
        "23a": _performance(r),
        "23b": _heterogeneity(r),
        "24": "No updating.",
        "26": " ".join(r.messages)
        + " Internal evaluation only; for one fold structure and one seed. "
        "The refitted full model was not itself evaluated.",
    }


def _leaks(r: DropoutPrediction) -> str:
    if r.leaks.empty:
        return "A search for leaks before fitting found none."
    rows = [f"{row.feature or row.kind} ({row.kind}; {row.action})" for row in _rows(r.leaks)]
    return f"A search for leaks before fitting found: {', '.join(rows)}."


def _size(r: DropoutPrediction) -> str:
    need, n = r.sample_size, len(r.predictions)
    verdict = "met" if n >= need.n else "not met"
    return (
        f"Riley et al.'s criteria for {need.parameters} parameters, prevalence "
        f"{need.prevalence:.2f} and Cox-Snell R squared {need.r2_cox_snell:.3f} ask for {need.n} "
        f"clients; there are {n} ({verdict}). The size was not planned by this run."
    )


def _missing(r: DropoutPrediction) -> str:
    some = r.missing[r.missing["n_missing"] > 0]
    if some.empty:
        return "No predictor has missing values."
    parts = [f"{row.feature} {row.share:.1%}" for row in _rows(some)]
    return f"Missing values: {', '.join(parts)}."


def _number(value: Any) -> str:
    return "not available" if not np.isfinite(value) else f"{value:.2f}"


def _performance(r: DropoutPrediction) -> str:
    words = []
    for model, part in r.performance.groupby("model", sort=False):
        own = part.set_index("metric")
        cells = [
            f"{str(name).replace('_', ' ')} {_number(row['estimate'])} "
            f"[{_number(row['conf_low'])}, {_number(row['conf_high'])}]"
            for name, row in own.iterrows() if np.isfinite(row["estimate"])
        ]  # fmt: skip
        words.append(f"{model}: {', '.join(cells)}.")
    groups = " Performance by group stands in .fairness." if len(r.fairness) else ""
    return " ".join(words) + groups


def _heterogeneity(r: DropoutPrediction) -> str:
    words = [
        f"{row.model}, {row.metric.replace('_', ' ')}: {row.estimate:.2f}, in a new therapist "
        f"[{_number(row.prediction_low)}, {_number(row.prediction_high)}]."
        for row in _rows(r.new_therapist)
        if np.isfinite(row.estimate)
    ]
    return " ".join(words) or "Too few therapists to say."
