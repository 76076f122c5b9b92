"""The files of a report: page, tables, figures, and the account of how they were made."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..core.disclosure import AT_THE_TOP, NOTHING_WITHHELD, TOO_FEW, Disclosure
from ..core.display.figures import for_print, mark_synthetic, mask_texts, settle, to_svg
from ..core.display.formatting import count
from ..core.display.rendering import to_csv, write_frame
from ..core.display.table import Table
from ..core.id_masking import Names
from ..core.outputs import keep_inputs, owner_only, write_whole
from ..errors import AllianceStatsError
from . import manifest
from .content import Figure, Section
from .context import Context
from .document import methods_text, report_document
from .naming import shareable, without_data
from .page import render
from .place import ACCOUNTS
from .sections import left_out

LIBRARIES = ("pandas", "scipy", "statsmodels", "pingouin")
"""Libraries whose versions a reader needs to make the numbers again."""


def write_files(folder: Path, context: Context, sections: Sequence[Section]) -> str:
    """Write page, tables, figures and run.json into an empty folder; return when."""
    study = context.study
    names = Names.of(study)
    private = context.disclosure.everything
    sections = [shareable(section, names, whole=private) for section in sections]
    synthetic = bool(getattr(study, "synthetic", False))
    blocks = [block for section in sections for block in section.blocks]
    figures = [block for block in blocks if isinstance(block, Figure)]
    for figure in figures:  # a figure travels without its page, and in kinds that hold no text
        mask_texts(figure.canvas, names.mask)
        if synthetic:
            mark_synthetic(figure.canvas)
        settle(figure.canvas)
    svgs = {figure.key: to_svg(figure.canvas) for figure in figures}
    prints = {figure.key: for_print(figure.canvas) for figure in figures}
    for name in ("figures", "tables"):
        (folder / name).mkdir()
    for block in blocks:
        if isinstance(block, Figure):
            place = folder / "figures" / block.key
            place.with_suffix(".svg").write_bytes(titled(svgs[block.key], block, synthetic))
            for kind, content in prints[block.key].items():
                place.with_suffix(f".{kind}").write_bytes(content)
            if block.data is not None:
                write_frame(block.data, place.with_suffix(".csv"))
        elif isinstance(block, Table):
            to_csv(block, (folder / "tables" / block.key).with_suffix(".csv"))
    made = _now()
    title, sizes, footer = names.mask(study.name), facts(context), _footer(made, context)
    pngs = {key: kinds["png"] for key, kinds in prints.items()}
    notes = [names.mask(note) for note in getattr(study, "notes", ())]
    notes = notes if private else [*filter(None, map(without_data, notes))]
    notes += _at_the_top(context.disclosure, synthetic)
    word = report_document(
        title, sections, pngs, synthetic=synthetic, facts=sizes, notes=notes, footer=footer
    )
    (folder / "report.docx").write_bytes(word)
    told = methods_text(title, sections, _choices(context, names), _software(context))
    (folder / "methods.md").write_text(told, encoding="utf-8", newline="\n", errors="replace")
    page = render(
        title=title,
        synthetic=synthetic,
        facts=sizes,
        notes=notes,
        sections=sections,
        svgs=svgs,
        footer=footer,
    )
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n", errors="replace")
    _write_manifest(folder, context, sections, names, made)
    for path in (folder, *folder.rglob("*")) if private and not synthetic else ():
        owner_only(path)
    return made


def _at_the_top(disclosure: Disclosure, synthetic: bool) -> list[str]:
    """Return what a reader must know first: what is withheld, or that nothing is."""
    if disclosure.everything:
        return [] if synthetic else [NOTHING_WITHHELD]
    if disclosure.tells_nothing:
        return [TOO_FEW]
    return [AT_THE_TOP] * disclosure.withheld


def _choices(context: Context, names: Names) -> list[str]:
    """Return how the outcome was chosen, where the study has one."""
    try:
        return [names.mask(context.outcome_choice)]
    except AllianceStatsError:
        return []


def titled(svg: bytes, figure: Figure, synthetic: bool) -> bytes:
    """Return the SVG with its title inside, for those who meet it without the page."""
    title = escape(figure.title + " (synthetic data)" * synthetic, quote=False)
    end = svg.index(b">", svg.index(b"<svg")) + 1
    return svg[:end] + b"<title>" + title.encode("utf-8", "replace") + b"</title>" + svg[end:]


def _write_manifest(
    folder: Path, context: Context, sections: Sequence[Section], names: Names, made: str
) -> None:
    written = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    content = {
        "what": "How this report was made; may be shared. Inputs with their hashes, rows set aside "
        "and all messages stand in the private account, beside the study.",
        **_how(context, made),
        "sections": [manifest.section_record(section) for section in sections],
        "outputs": [*written, "run.json"],
    }
    shared = manifest.rounded(manifest.plain(content), names.mask)
    (folder / "run.json").write_bytes(manifest.as_json(shared))


def _how(context: Context, made: str) -> dict[str, Any]:
    return {
        "tool": manifest.TOOL,
        "made": made,
        "study": context.study.name,
        "synthetic": bool(getattr(context.study, "synthetic", False)),
        "versions": manifest.versions(),
        "options": context.options.as_dict(),
        "seed": context.options.seed,
    }


def write_account(
    place: Path | None,
    context: Context,
    sections: Sequence[Section],
    source: Any,
    made: str,
    read: Mapping[str, str],
    changed: Sequence[str],
) -> Path | None:
    """Write what must stay with the study; return where, None where there is no place for it."""
    if place is None:
        return None
    study = context.study
    is_folder = source is not None and source.is_dir()
    files = manifest.file_hashes(source, read) if is_folder else []
    content = {
        "made_by": manifest.TOOL,  # what `keep_inputs` knows its own files by
        "what": "PRIVATE: how a report was made, with places of rows in the files of the study. "
        "Keep it where the study is.",
        **_how(context, made),
        "inputs": files,
        "changed_while_the_report_was_made": list(changed),
        "tables": manifest.table_hashes(study.tables),
        "rows_set_aside": manifest.rows_set_aside(getattr(study, "report", None)),
        "sections": [manifest.section_record(section) for section in sections],
    }
    keep_inputs(place, source if is_folder else None)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.parent.name == ACCOUNTS:
        owner_only(place.parent)
        ignore = place.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    return write_whole(place, manifest.as_json(content), what="the private account", private=True)


def facts(context: Context) -> list[tuple[str, str]]:
    """Return the sizes at the top of the page."""
    tables, disclosure = context.study.tables, context.disclosure
    if disclosure.tells_nothing:
        return []
    named = (("therapists", "Therapists"), ("clients", "Clients"), ("sessions", "Sessions"),
             ("ratings", "Answers to items"))  # fmt: skip
    shown = []
    for name, label in named:
        if name not in tables or not len(tables[name]):
            continue
        of = "therapist" if name == "therapists" else "client"
        told = disclosure.shows(tables[name][f"{of}_id"].dropna(), of=of)
        rows = name in ("sessions", "ratings")
        shown.append(
            (
                label,
                disclosure.rows(tables[name])
                if rows
                else count(len(tables[name]))
                if told
                else "withheld",
            )
        )
    return shown


FEW_NOT_SHOWN = (
    "Numbers about fewer than ten people, or from which one could be computed, are not shown. "
)


def _footer(made: str, context: Context) -> list[str]:
    versions = manifest.versions()
    libraries = ", ".join(f"{name} {versions[name]}" for name in LIBRARIES)
    return [
        f"Made {made} with alliance_stats {versions['alliance_stats']} (Python "
        f"{versions['python']}, {libraries}); seed {context.options.seed}. Options "
        "stand in run.json beside this page; inputs with hashes and every row set aside in the "
        "private account, which stays with the study.",
        *filter(None, [left_out(context)]),
        ("" if context.disclosure.everything else FEW_NOT_SHOWN)
        + "Intervals are 95% intervals. Estimates of associations are not proofs of cause.",
    ]


def _software(context: Context) -> str:
    """Return what a methods section says of intervals, versions and the seed."""
    versions = manifest.versions()
    libraries = ", ".join(f"{name} {versions[name]}" for name in LIBRARIES)
    return (
        "Intervals are 95% intervals. The analyses were made with alliance_stats "
        f"{versions['alliance_stats']} (Python {versions['python']}, {libraries}); random numbers "
        f"start from seed {context.options.seed}."
    )


def _now() -> str:
    """Return the time of making in UTC; SOURCE_DATE_EPOCH fixes it for a repeatable build."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = (
        dt.datetime.fromtimestamp(int(fixed), dt.UTC)
        if fixed.isdigit()
        else dt.datetime.now(dt.UTC)
    )
    return now.strftime("%Y-%m-%d %H:%M UTC")
