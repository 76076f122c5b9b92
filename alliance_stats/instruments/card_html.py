"""How a card shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .card import Measure
    from .facts import Cutoff, Reliability, ReliableChange, Scale


def card_html(card: Measure) -> str:
    """Return a card as HTML: form, scales and key, rules, numbers with their marks, sources."""
    parts = (
        f"<strong>{escape(card.title)}</strong> <code>{escape(card.name)}</code>",
        _table((), _form(card)),
        _scales(card),
        _coding(card),
        _table(("Fact", "Read in a source", "Where, or why not"), _marks(card)),
        _table(("Number", "Meaning", "Source", "Verified"), _numbers(card)),
        _list("Not known, and left out", card.unknown),
        _list("Sources", (f"{key}: {source}" for key, source in card.sources.items())),
    )
    return f"<div>{''.join(parts)}</div>"


def _form(card: Measure) -> list[tuple[str, ...]]:
    low, high = card.range
    step = "any number" if card.step is None else f"in steps of {card.step:g}"
    rows: list[tuple[str, ...]] = [
        ("Form", f"{card.form}{f' ({card.version})' if card.version else ''}"),
        ("Raters", "; ".join(f"{who}: {form}" for who, form in card.raters.items())),
        ("Items", f"{card.n_items}, answered {low:g} to {high:g}, {step}"),
        ("Reversed items", ", ".join(map(str, card.reversed_items)) or "none on this card"),
        ("Missing items", str(card.missing_rule)),
        ("Direction", card.direction.replace("_", " ")),
        ("Licence", str(card.licence)),
    ]
    if card.coding is not None:
        rows = [row for row in rows if row[0] not in ("Items", "Reversed items", "Missing items")]
    return [*rows, ("Note", card.scoring_note)] if card.scoring_note else rows


def _scales(card: Measure) -> str:
    if not card.scales:
        return f"<p>Not scored: {escape(card.why_not_scored().rstrip('.'))}.</p>"
    rows = [
        (
            scale.name,
            _how(scale),
            "all" if len(scale) == card.n_items else ", ".join(map(str, scale)),
        )
        for scale in card.scales.values()
    ]
    return _table(("Scale", "Score", "Items"), rows)


def _how(scale: Scale) -> str:
    words = {
        "single": "the answer",
        "domain_max": "sum of each domain's highest answer",
        "sum_of": " + ".join(scale.parts),
    }
    times = "" if scale.multiply == 1 else f" x {scale.multiply:g}"
    return words.get(scale.method, scale.method) + times


def _coding(card: Measure) -> str:
    if card.coding is None:
        return ""
    families = [
        (family, ", ".join(marker.replace("_", " ") for marker in markers))
        for family, markers in card.coding.families.items()
    ]
    return _table(("Family", "Markers"), families)


def _marks(card: Measure) -> list[tuple[str, ...]]:
    return [
        (fact, "yes" if mark else "no", ": ".join(filter(None, (mark.source, mark.read))))
        for fact, mark in card.verified.items()
    ]


def _numbers(card: Measure) -> list[tuple[str, ...]]:
    lines: list[tuple[str, str, Cutoff | ReliableChange | Reliability]] = [
        *((f"cut-off {c.scale} {c.value:g}", c.meaning, c) for c in card.cutoffs),
        *((f"reliable change {c.scale} {c.value:g}", c.method, c) for c in card.reliable_change),
        *((f"{c.kind} {c.scale} {c.value:g}", "", c) for c in card.reliabilities),
    ]
    return [
        (
            what,
            "; ".join(filter(None, (words, fact.population))),
            fact.source,
            "yes" if fact.verified else "no",
        )
        for what, words, fact in lines
    ]


def _table(head: Sequence[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["".join(f"<td style='text-align:left'>{escape(c)}</td>" for c in row) for row in rows]
    if not lines:
        return ""
    top = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{f'<tr>{top}</tr>' if head else ''}{body}</table>"


def _list(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<p>{escape(title)}</p><ul>{items}</ul>" if items else ""
