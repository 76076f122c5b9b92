"""From a parsed card (a mapping that meets the JSON Schema) to a `Measure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .card import Measure
from .facts import (
    Coding,
    Cutoff,
    Licence,
    MissingRule,
    Range,
    Reliability,
    ReliableChange,
    Scale,
    Source,
    Verification,
)


def from_dict(card: Mapping[str, Any], origin: str = "") -> Measure:
    """Return the `Measure` of a card that meets the JSON Schema."""
    items, terms = tuple(range(1, card["n_items"] + 1)), card["licence"]
    scales = {name: _scale(name, spec, card, items) for name, spec in card["scales"].items()}
    scales = {name: _pooled(scale, scales) for name, scale in scales.items()}
    return Measure(
        name=card["id"],
        title=card["title"],
        construct=card["construct"],
        form=card["form"],
        version=card.get("version", ""),
        timing=card.get("timing", ""),
        aliases=tuple(card.get("aliases", ())),
        raters=dict(card["raters"]),
        items=items,
        range=Range(card["range"]["low"], card["range"]["high"]),
        step=card["range"].get("step", 1),
        item_ranges={r["item"]: Range(r["low"], r["high"]) for r in card.get("item_ranges", ())},
        missing_codes=tuple(card.get("missing_codes", ())),
        reversed_items=tuple(card["reversed_items"]),
        not_applicable_items=tuple(card.get("not_applicable_items", ())),
        scales=scales,
        scales_without_key=dict(card.get("scales_without_key", {})),
        scoring_note=card["scoring"].get("note", ""),
        missing_rule=_missing_rule(card["missing_rule"]),
        direction=card["direction"],
        cutoffs=tuple(Cutoff(**row) for row in card.get("cutoffs", ())),
        reliable_change=tuple(ReliableChange(**row) for row in card.get("reliable_change", ())),
        reliabilities=tuple(Reliability(**row) for row in card.get("reliabilities", ())),
        coding=_coding(card.get("coding")),
        licence=Licence(terms["class"], terms.get("note", ""), terms.get("verified", False)),
        sources={key: Source(key, **source) for key, source in card["sources"].items()},
        verified={fact: Verification(**mark) for fact, mark in card["verified"].items()},
        unknown=tuple(card.get("unknown", ())),
        origin=origin,
    )


def _scale(
    name: str, spec: Mapping[str, Any], card: Mapping[str, Any], items: tuple[int, ...]
) -> Scale:
    domains = tuple(
        tuple(tuple(slot) if isinstance(slot, list) else (slot,) for slot in domain)
        for domain in spec.get("domains", ())
    )
    if domains:
        own = tuple(sorted(item for domain in domains for slot in domain for item in slot))
    else:
        own = items if spec.get("items") == "all" else tuple(spec.get("items", ()))
    parts = tuple(spec.get("sum_of", ()))
    method = "sum_of" if parts else spec.get("method", card["scoring"]["method"])
    return Scale(
        name=name,
        title=spec.get("title", name.replace("_", " ").replace("-", " ").capitalize()),
        items=own,
        method="domain_max" if domains else method,
        multiply=spec.get("multiply", 1 if parts else card["scoring"].get("multiply", 1)),
        direction=spec.get("direction", card["direction"]),
        domains=domains,
        parts=parts,
    )


def _pooled(scale: Scale, scales: Mapping[str, Scale]) -> Scale:
    """Give a sum of scales the items of its parts."""
    if not scale.parts:
        return scale
    items = dict.fromkeys(item for part in scale.parts for item in scales[part].items)
    return replace(scale, items=tuple(sorted(items)))


def _missing_rule(spec: Mapping[str, Any]) -> MissingRule:
    limits = spec.get("max_missing", {})
    return MissingRule(
        kind=spec["kind"],
        max_missing={k: None if v == "unlimited" else v for k, v in limits.items()},
        round_half_up=spec.get("round") == "half_up",
        text=spec.get("text", ""),
    )


def _coding(spec: Mapping[str, Any] | None) -> Coding | None:
    if spec is None:
        return None
    return Coding(
        unit=spec["unit"],
        families={name: tuple(markers) for name, markers in spec["families"].items()},
        ratings={name: Range(r["low"], r["high"]) for name, r in spec.get("ratings", {}).items()},
        segment_minutes=spec.get("segment_minutes"),
    )
