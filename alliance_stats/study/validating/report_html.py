"""The validation report as a page. Everything that comes from data is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.outputs import keep_inputs, write_whole
from ..origin import LEVELS, Problem
from ..reading.table import changed_since
from .problem_words import all_rows, in_counts, place_in_words

if TYPE_CHECKING:
    from .report import ValidationReport

WORDS = {
    "error": ("error", "errors"),
    "warning": ("warning", "warnings"),
    "info": ("note", "notes"),
}
TITLES = {
    "error": "Errors: cannot be used, or change a result",
    "warning": "Warnings: used, but look",
    "info": "Notes: good to know",
}
FEW_ROWS = 12  # so many rows stand in the sentence itself
STYLE = "font-family: sans-serif; max-width: 60rem"


def write_html(report: ValidationReport, path: Path) -> Path:
    """Write the report as one page for the owner alone, never over a file of the study."""
    keep_inputs(path, report.folder)
    page = report_page(report).encode("utf-8", "replace")
    return write_whole(path, page, what="the report", private=True)


def report_page(report: ValidationReport) -> str:
    """Return the whole page."""
    from markupsafe import Markup

    from ... import __version__  # type: ignore[attr-defined]

    body = Markup(_render("validation_body.html.j2", **_content(report)))
    verdict = _verdict(report)
    if changed := changed_since(report.folder, {one.file: one.sha256 for one in report.files}):
        verdict += f" Changed since they were read: {', '.join(changed)}. Validate again."
    return _render(
        "validation.html.j2", name=report.name, verdict=verdict, body=body, version=__version__
    )


def report_fragment(report: ValidationReport) -> str:
    """Return the report for a notebook: without a page around it."""
    from markupsafe import escape

    head = f"<strong>Validation of {escape(report.name)}</strong><p>{escape(_verdict(report))}</p>"
    body = _render("validation_body.html.j2", **_content(report))
    return f'<div style="{STYLE}">{head}{body}</div>'


def _verdict(report: ValidationReport) -> str:
    found = in_counts(report.counts())
    if report.ok and not report.rows["rows_kept"].sum():
        return "There is nothing to analyse: no table has a row that can be used."
    if not report.problems:
        return "No problems were found. The study can be used."
    if report.ok:
        return f"The study can be used. There is something to look at: {found}."
    return f"The study cannot be used as it is: {found}. Correct the errors first."


def _content(report: ValidationReport) -> dict[str, Any]:
    return {
        "counts": report.counts(),
        "words": WORDS,
        "titles": TITLES,
        "rows": report.rows.to_dict("records"),
        "levels": {
            level: [_entry(p) for p in report.problems if p.level == level] for level in LEVELS
        },
    }


def _entry(problem: Problem) -> dict[str, Any]:
    rows = all_rows(problem)
    return {
        "place": place_in_words(problem),
        "message": problem.message,
        "hint": problem.hint,
        "rule": problem.rule,
        "n_rows": len(rows),
        "rows": ", ".join(str(row) for row in rows) if len(rows) > FEW_ROWS else "",
    }


def _render(template: str, **content: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("alliance_stats.study"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(**content)
