"""How a card shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .card import Measure
    from .facts import Cutoff, Reliability, ReliableChange, Scale


def card_html(card: Measure) -> str:
    """Return a card as HTML: form, scales and key, rules, numbers with their marks, sources."""
    rows = [
        ("Form", f"{card.form}{f' ({card.version})' if card.version else ''}"),
        ("Raters", "; ".join(f"{who}: {form}" for who, form in card.raters.items())),
        ("Items", f"{card.n_items}, answered {_range(card)}"),
        ("Reversed items", ", ".join(map(str, card.reversed_items)) or "none known"),
        ("Missing items", str(card.missing_rule)),
        ("Direction", card.direction.replace("_", " ")),
        ("Licence", str(card.licence)),
        ("Read in a source", ", ".join(k for k, mark in card.verified.items() if mark) or "-"),
        ("Not verified", ", ".join(k for k, mark in card.verified.items() if not mark) or "-"),
        ("Unknown", " ".join(card.unknown) or "-"),
    ]
    facts = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in rows
    )
    return (
        f"<div><strong>{escape(card.title)}</strong> <code>{escape(card.name)}</code>"
        f"<table>{facts}</table>{_scales(card)}{_numbers(card)}{_sources(card)}</div>"
    )


def _range(card: Measure) -> str:
    low, high = card.range
    step = "any number" if card.step is None else f"step {card.step:g}"
    return f"{low:g} to {high:g} ({step})"


def _scales(card: Measure) -> str:
    if not card.scales:
        return f"<p>Not scored: {escape(card.why_not_scored())}.</p>"
    body = "".join(
        f"<tr><td>{escape(scale.name)}</td><td>{escape(_how(scale))}</td>"
        f"<td>{', '.join(map(str, scale.items))}</td></tr>"
        for scale in card.scales.values()
    )
    return f"<table><tr><th>Scale</th><th>Score</th><th>Items</th></tr>{body}</table>"


def _how(scale: Scale) -> str:
    words = {
        "single": "the answer",
        "domain_max": "sum of each domain's highest answer",
        "sum_of": " + ".join(scale.parts),
    }
    times = "" if scale.multiply == 1 else f" x {scale.multiply:g}"
    return words.get(scale.method, scale.method) + times


def _numbers(card: Measure) -> str:
    lines: list[tuple[str, str, Cutoff | ReliableChange | Reliability]] = [
        *((f"{c.scale} {c.value:g}", c.meaning, c) for c in card.cutoffs),
        *((f"{c.scale} change {c.value:g}", c.method, c) for c in card.reliable_change),
        *((f"{c.scale} {c.kind} {c.value:g}", "", c) for c in card.reliabilities),
    ]
    items = "".join(
        f"<li>{escape(what)}: {escape(' '.join((words, fact.population)).strip())} "
        f"[{escape(fact.source)}; {'verified' if fact.verified else 'not verified'}]</li>"
        for what, words, fact in lines
    )
    return f"<ul>{items}</ul>" if items else ""


def _sources(card: Measure) -> str:
    items = "".join(f"<li>{escape(str(source))}</li>" for source in card.sources.values())
    return f"<p>Sources</p><ul>{items}</ul>"
