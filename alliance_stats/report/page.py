"""The page: content in, one self-contained HTML text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.display.figures import inline_svg
from ..core.display.rendering import to_html
from ..core.display.table import Table
from .content import Figure, Section

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

    environment.globals.update(table_html=table_html, figure_svg=figure_svg)
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
