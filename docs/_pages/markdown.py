"""Markdown: tables and lists of contents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table; whatever would break a cell is escaped."""
    return [
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows),
    ]


def _cell(value: object) -> str:
    text = " ".join(str(value if value is not None else "").split()).replace("|", "\\|")
    return re.sub(r"(?<!<)\bhttps?://[^\s<>|)\]]+[^\s<>|)\].,;]", r"<\g<0>>", text) if (
        "](" not in text
    ) else text  # fmt: skip


def plain(text: str) -> str:
    """Return text on one line and without what would end a literal."""
    return " ".join(str(text).split()).replace("`", "'")


def toctree(caption: str, entries: Iterable[str]) -> list[str]:
    """Return a table of contents that only the side bar shows."""
    return ["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```", ""]
