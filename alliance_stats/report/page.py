"""The page: content in, one self-contained HTML text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.display.figures import inline_svg
from ..core.display.rendering import to_html
from ..core.display.table import Table
from .content import Block, Figure, Paragraph, Section
from .notes import by_kind

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Numbered:
    """Where each table and figure stands in the sequence of the whole report."""

    tables: Mapping[str, int]
    figures: Mapping[str, int]


def number_blocks(sections: Iterable[Section]) -> Numbered:
    """Number tables and figures through the report, in reading order."""
    blocks = [block for section in sections for block in section.blocks]
    tables = [block.key for block in blocks if isinstance(block, Table)]
    figures = [block.key for block in blocks if isinstance(block, Figure)]
    for keys in (tables, figures):
        if len(set(keys)) != len(keys):
            raise ValueError(f"Two blocks of the report share a key: {sorted(keys)}")
    return Numbered(
        {key: n for n, key in enumerate(tables, 1)}, {key: n for n, key in enumerate(figures, 1)}
    )


def in_folds(blocks: Sequence[Block], numbers: Numbered) -> list[tuple[str, list[Block]]]:
    """Return the blocks in order as parts: what a fold is called (empty: shown at once), and what.

    A paragraph that introduces what is folded is folded with it; the first of a section and
    cautions never are.
    """
    parts: list[tuple[bool, list[Block]]] = []
    for place, block in enumerate(blocks):
        behind = next((b for b in blocks[place:] if not isinstance(b, Paragraph)), None)
        leads = isinstance(block, Paragraph) and place > 0
        folded = getattr(behind if leads else block, "folded", False)
        if parts and parts[-1][0] == folded:
            parts[-1][1].append(block)
        else:
            parts.append((folded, [block]))
    return [(_called(part, numbers) if folded else "", part) for folded, part in parts]


def _called(blocks: Sequence[Block], numbers: Numbered) -> str:
    """Return what stands in a fold, with the numbers of its tables and figures."""
    named = [
        f"Table {numbers.tables[b.key]}: {b.title}"
        if isinstance(b, Table)
        else f"Figure {numbers.figures[b.key]}: {b.title}"
        for b in blocks
        if isinstance(b, Table | Figure)
    ]
    return "; ".join(named)


def render(
    *,
    title: str,
    synthetic: bool,
    facts: Iterable[tuple[str, str]],
    notes: Iterable[str] = (),
    sections: Iterable[Section],
    svgs: Mapping[str, bytes],
    footer: Iterable[str],
) -> str:
    """Return the page.

    Everything but the SVG of our own figures and the HTML of `to_html` is escaped by the
    template; those two escape their texts themselves.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    sections = tuple(sections)
    numbers = number_blocks(sections)
    environment = Environment(
        loader=PackageLoader("alliance_stats.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def table_html(table: Table) -> Any:
        return Markup(to_html(table))

    def figure_svg(figure: Figure) -> Any:
        alt = figure.alt or figure.title
        return Markup(inline_svg(svgs[figure.key], figure.key, alt))

    environment.globals.update(
        table_html=table_html, figure_svg=figure_svg, in_folds=in_folds, notes_by_kind=by_kind
    )
    environment.tests.update(
        table=lambda block: isinstance(block, Table),
        figure=lambda block: isinstance(block, Figure),
        caution=lambda block: type(block).__name__ == "Caution",
    )
    return environment.get_template(TEMPLATE).render(
        title=title,
        synthetic=synthetic,
        facts=tuple(facts),
        notes=tuple(notes),
        sections=sections,
        numbers=numbers,
        footer=tuple(footer),
    )
