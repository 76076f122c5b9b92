"""What a result shows, laid out: the same blocks as text, HTML, LaTeX and a Word document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TypeAlias

from .rendering import grouped_rows, to_html
from .table import Table

Block: TypeAlias = Table | str
"""A table, or a paragraph of plain text."""

MEANINGS = "What the terms mean"
"""The title of a table that a page folds."""

UNFIT = re.compile(
    r"do not report|not to be trusted|improper solution|likelihood was not reached|did not settle|"
    r"was departed from in",
    re.IGNORECASE,
)
"""Words of messages after which numbers must not stand alone, not even in sentences."""

GRAVE = re.compile(
    rf"{UNFIT.pattern}|did not converge|not converged|cannot be trusted|no estimate|singular|"
    r"estimated as zero|separat|too few(?! answers)|not be read|biased",
    re.IGNORECASE,
)
"""Words of messages that change how a number is read; they stand above the fold."""

MANY = 12
"""So many notes that are not grave are printed; nobody reads fifty."""

_HYPHEN = re.compile(r"(?:(?<=^)|(?<=[\s\[])|(?<=\s\())-(?=\.?\d)", re.MULTILINE)
"""A hyphen that stands for a minus: at the start of a number, not in a range or an option."""

_LEFT = re.compile(r'class="[^"]*\bgt_(?:left|group_heading)\b[^"]*"')
"""Cells that stand left also where a notebook that is not trusted has lost its style sheet."""

STYLE = (
    "<style>.alliance-result{color:inherit;font:inherit;max-width:64em;overflow-x:auto;"
    "container-type:inline-size}"
    "@container (max-width:38em){.alliance-result table{font-size:.85em}"
    ".alliance-result table :is(th,td){padding:.15em .3em}.alliance-result thead th,"
    ".alliance-result table:has(.gt_column_spanner) td{white-space:normal}}"
    ".alliance-result table{border-collapse:collapse;border-top:1.5px solid;"
    "border-bottom:1.5px solid;margin:.4em 0;color:inherit;background:none}"
    ".alliance-result :is(th,td){padding:.15em .7em;text-align:right;border:none;"
    "background:none;color:inherit;font-weight:normal;white-space:nowrap}"
    ".alliance-result thead th{border-bottom:1px solid}"
    ".alliance-result :is(th,td):is(.gt_left,:first-child){text-align:left;white-space:normal}"
    ".alliance-result :is(th,td).gt_group_heading{text-align:left;font-style:italic;"
    "padding-top:.5em}.alliance-result tbody tr:nth-child(even){background:none}"
    ".alliance-result p{margin:.3em 0}.alliance-result ul{margin:.2em 0}"
    ".alliance-result .picture{background:#fff;display:inline-block;max-width:100%}"
    ".alliance-result .picture img{max-width:100%;height:auto}</style>"
)


SERIF = "Charter,'Bitstream Charter','Source Serif 4',Georgia,'DejaVu Serif',serif"
SANS = "'Source Sans 3','Helvetica Neue',Arial,'Liberation Sans','DejaVu Sans',sans-serif"
OF_A_PAGE = (
    ":root{color-scheme:light dark}html{font-size:17px}"
    f"body{{margin:0 auto;max-width:46rem;padding:2.5rem 1.5rem 4rem;line-height:1.5;"
    f"font-family:{SERIF}}}h1,h2,table,summary,strong{{font-family:{SANS}}}"
    "h1{font-size:2rem;line-height:1.15;font-weight:650;margin:0 0 1.2rem}"
    "h2{font-size:1.3rem;margin:3.2rem 0 .8rem;padding-top:.6rem;border-top:2px solid}"
    ".alliance-result{margin:1.8rem 0 2.1rem}.alliance-result table{font-size:.8rem}"
    ".alliance-result ul,summary{font-size:.86rem}"
    "@media print{@page{size:A4;margin:18mm 17mm 20mm}html{font-size:10.5pt}"
    "body{max-width:none;padding:0}details::details-content{content-visibility:visible;"
    "block-size:auto}table,.picture{break-inside:avoid}}"
)
"""How a page of its own looks: as the report does."""


def as_text(heading: str, blocks: Sequence[Block], notes: Sequence[str]) -> str:
    """Return the blocks for a console: aligned, nothing wider than its words."""
    parts = [typeset(heading)] if heading else []
    for block in blocks:
        if isinstance(block, str):
            parts.append(typeset(block))
            continue
        lines = [block.title] if block.title else []
        parts.append("\n".join([*lines, _aligned(block), *([block.note] if block.note else [])]))
    return "\n\n".join([*parts, *(f"Note: {typeset(note)}" for note in _first(notes))])


def _first(notes: Sequence[str]) -> list[str]:
    """Return all grave notes, the first of the others, and how many are left."""
    others = [note for note in notes if not GRAVE.search(note)]
    if len(others) <= MANY:
        return list(notes)
    left = set(others[MANY:])
    kept = [note for note in notes if note not in left]
    return [*kept, f"{len(notes) - len(kept)} more, none of them grave, stand in .messages."]


def typeset(words: str) -> str:
    """Return sentences with the signs that tables have: a minus before negative numbers, χ².

    Lines of code (formulas, calls) stay as they were typed.

    Examples
    --------
    >>> typeset("slope -0.29 to 0.56 (-1 in 2-3 clients)")
    'slope −0.29 to 0.56 (−1 in 2-3 clients)'
    """
    return "\n".join(
        line if "~" in line else _HYPHEN.sub("−", line).replace("chi2(", "χ²(")
        for line in words.split("\n")
    )


def ended(heading: str) -> str:
    """Return a heading as a sentence of its own; a question has its sign already."""
    return heading if heading.endswith("?") else f"{heading}."


def _aligned(table: Table) -> str:
    head = [column.label for column in table.columns]
    rows = grouped_rows(table, indent="  ")
    widths = [max(map(len, texts)) for texts in zip(head, *rows, strict=True)]
    if table.group:  # a heading may run into the numbers' columns
        own = [row[0] for row in rows if any(row[1:])]
        widths[0] = max(map(len, [head[0], *own]))
    lines = []
    for texts in [head, *rows]:
        kept = [
            text.ljust(width) if column.align == "left" else text.rjust(width)
            for text, width, column in zip(texts, widths, table.columns, strict=True)
        ]
        lines.append("  ".join(kept).rstrip())
    return "\n".join(lines)


def as_html(heading: str, blocks: Sequence[Block], notes: Sequence[str], picture: str = "") -> str:
    """Return the blocks for a notebook: grave notes above, the others folded below."""
    parts = [f"<strong>{escape(typeset(heading))}</strong>"]
    grave = [note for note in notes if GRAVE.search(note)]
    parts += [f"<p>⚠ {escape(typeset(note))}</p>" for note in grave]
    for block in blocks:
        if isinstance(block, str):
            parts.append(f"<p>{_lines(block)}</p>")
            continue
        if block.title == MEANINGS:
            parts.append(_folded(MEANINGS, to_html(block)))
            continue
        title = f"<p><em>{escape(block.title)}</em></p>" if block.title else ""
        note = f"<p>{escape(block.note)}</p>" if block.note else ""
        parts.append(f"{title}{to_html(block)}{note}")
    if picture:
        parts.append(f'<div class="picture">{picture}</div>')
    rest = [note for note in notes if note not in grave]
    if rest:
        items = "".join(f"<li>{escape(typeset(note))}</li>" for note in rest)
        named = "1 note" if len(rest) == 1 else f"{len(rest)} notes"
        parts.append(_folded(named, f"<ul>{items}</ul>"))
    markup = _LEFT.sub(r'\g<0> style="text-align:left"', "".join(parts))
    return f'<div class="alliance-result">{STYLE}{markup}</div>'


def _lines(block: str) -> str:
    """Return a paragraph whose lines stay lines where a notebook has lost the style sheet."""
    return escape(typeset(block)).replace("\n", "<br>")


def _folded(name: str, markup: str) -> str:
    return f"<details><summary>{name}</summary>{markup}</details>"


def whole(heading: str, markup: str) -> str:
    """Return a display as a page of its own, in the letters of the report."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="generator" content="alliance_stats">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(heading)}</title><style>{OF_A_PAGE}</style></head>\n"
        f"<body>{markup}</body></html>\n"
    )


def as_latex(heading: str, blocks: Sequence[Block], notes: Sequence[str]) -> str:
    r"""Return the tables as LaTeX with ``\toprule`` (package booktabs), the notes beneath."""
    parts = []
    for block in blocks:
        if isinstance(block, str):
            continue
        sides = "".join(column.align[0] for column in block.columns)
        head = [_tex(column.label) for column in block.columns]
        rows = [[_tex(text) for text in row] for row in grouped_rows(block, indent="~~")]
        body = [" & ".join(row) + r" \\" for row in rows]
        parts.append(
            "\n".join(
                [
                    r"\begin{table}", rf"\caption{{{_tex(block.title or heading)}}}",
                    rf"\begin{{tabular}}{{{sides}}}", r"\toprule", " & ".join(head) + r" \\",
                    r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
                    *[rf"\par\textit{{Note.}} {_tex(' '.join(notes))}" for _ in notes[:1]],
                    r"\end{table}",
                ]
            )
        )  # fmt: skip
    return "\n\n".join(parts)


def _tex(text: str) -> str:
    """Return plain text as LaTeX: what it would take for commands is shown as it stands."""
    signs = {"−": "$-$", "–": "--", "×": r"$\times$", "²": "$^2$", "∞": r"$\infty$", "<": "$<$"}
    signs |= {">": "$>$", "\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "\u00a0": "~"}
    signs |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    indent = "~~" if text.startswith("~~") else ""
    return indent + "".join(signs.get(sign, sign) for sign in text.removeprefix("~~"))
