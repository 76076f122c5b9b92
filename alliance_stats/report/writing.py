"""The files of a report: page, tables, figures, and the account of how they were made."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from . import manifest
from .content import Block, Figure, Section, Table
from .context import Context
from .figures import to_svg
from .formatting import count, spreadsheet_safe
from .naming import without_ids
from .page import number_blocks, render
from .suppression import is_small
from .tables import to_csv
from .word import write_word


def write_files(folder: Path, context: Context, sections: Sequence[Section], source: Any) -> None:
    """Write page, tables, figures and account of a report into an empty folder."""
    study = context.study
    synthetic = bool(getattr(study, "synthetic", False))
    blocks = [block for section in sections for block in section.blocks]
    svgs = {
        block.key: to_svg(block.canvas, synthetic=synthetic)
        for block in blocks
        if isinstance(block, Figure)
    }
    _write_figures(folder / "figures", blocks, svgs, synthetic)
    _write_tables(folder / "tables", blocks, sections, synthetic)
    made = _now()
    page = render(
        title=study.name,
        synthetic=synthetic,
        facts=facts(study),
        notes=getattr(study, "notes", ()),
        sections=[without_ids(section, study) for section in sections],
        svgs=svgs,
        footer=_footer(made, context),
    )
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n", errors="replace")
    _write_manifest(folder, context, sections, source, made)


def _write_figures(
    folder: Path, blocks: Sequence[Block], svgs: dict[str, bytes], synthetic: bool
) -> None:
    folder.mkdir()
    for block in blocks:
        if isinstance(block, Figure):
            (folder / f"{block.key}.svg").write_bytes(titled(svgs[block.key], block, synthetic))
            if block.data is not None:
                safe = block.data.map(spreadsheet_safe)
                safe.to_csv(folder / f"{block.key}.csv", index=False, lineterminator="\n")


def titled(svg: bytes, figure: Figure, synthetic: bool) -> bytes:
    """Return the SVG with its title inside, for those who meet it without the page."""
    title = escape(figure.title + " (synthetic data)" * synthetic, quote=False)
    end = svg.index(b">", svg.index(b"<svg")) + 1
    return svg[:end] + b"<title>" + title.encode("utf-8", "replace") + b"</title>" + svg[end:]


def _write_tables(
    folder: Path, blocks: Sequence[Block], sections: Sequence[Section], synthetic: bool
) -> None:
    folder.mkdir()
    numbers = number_blocks(sections).tables
    for block in blocks:
        if isinstance(block, Table):
            to_csv(block, folder / f"{block.key}.csv")
            word = folder / f"{block.key}.docx"
            write_word(block, word, number=numbers[block.key], synthetic=synthetic)


def _write_manifest(
    folder: Path, context: Context, sections: Sequence[Section], source: Any, made: str
) -> None:
    study = context.study
    is_folder = source is not None and source.is_dir()
    files = manifest.file_hashes(source, getattr(study, "files", ())) if is_folder else []
    written = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    content = {
        "tool": manifest.TOOL,
        "what": "How this report was made. Holds places of rows in the lab's files: keep it in "
        "the lab.",
        "made": made,
        "study": study.name,
        "synthetic": bool(getattr(study, "synthetic", False)),
        "versions": manifest.versions(),
        "options": context.options.as_dict(),
        "seed": context.options.seed,
        "inputs": files,
        "tables": manifest.table_hashes(study.tables),
        "rows_set_aside": manifest.rows_set_aside(getattr(study, "report", None)),
        "sections": [manifest.section_record(section) for section in sections],
        "outputs": [*written, "run.json"],
    }
    manifest.write_json(content, folder / "run.json")


def facts(study: Any) -> list[tuple[str, str]]:
    """Return the sizes at the top of the page."""
    tables = study.tables
    named = (("therapists", "Therapists"), ("clients", "Clients"), ("sessions", "Sessions"),
             ("ratings", "Answers to items"))  # fmt: skip
    shown = []
    for name, label in named:
        if name in tables and len(tables[name]):
            n = len(tables[name])
            people = name in ("therapists", "clients")
            shown.append((label, "< 5" if people and is_small(n) else count(n)))
    return shown


def _footer(made: str, context: Context) -> list[str]:
    versions = manifest.versions()
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("pandas", "scipy", "statsmodels",
                          "pingouin"))  # fmt: skip
    return [
        f"Made {made} with alliance_stats {versions['alliance_stats']} (Python "
        f"{versions['python']}, {libraries}); seed {context.options.seed}. Inputs with hashes, "
        "options and every row set aside stand in run.json beside this page.",
        "Counts of one to four people are not shown. Intervals are 95% intervals. Estimates of "
        "associations are not proofs of cause.",
    ]


def _now() -> str:
    """Return the time of making in UTC; SOURCE_DATE_EPOCH fixes it for a repeatable build."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = (
        dt.datetime.fromtimestamp(int(fixed), dt.UTC)
        if fixed.isdigit()
        else dt.datetime.now(dt.UTC)
    )
    return now.strftime("%Y-%m-%d %H:%M UTC")
