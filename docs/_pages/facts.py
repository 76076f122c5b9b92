"""Tables, measures and principles, read off schemas and cards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import alliance_stats as al
from alliance_stats.core import resources

from .markdown import table


def study_page() -> str:
    """Return every key of ``study.yaml`` with its meaning and an example, from its schema."""
    text = (resources.folder("schemas") / "study.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    parts = [
        "# Keys of `study.yaml`",
        "",
        "What the file that describes a study may hold. The keys are checked by "
        "`schemas/study.schema.json`, a [JSON Schema](https://json-schema.org/) that editors "
        "understand too; one that is not here is refused with the nearest that is.",
        "",
    ]
    for title, described in (
        ("The study", schema),
        ("A file of the study (an entry of `sources:`)", schema["$defs"]["source"]),
        ("A measure (an entry of `measures:` in a file)", schema["$defs"]["measure"]),
    ):
        rows = [
            [f"`{key}`", one["description"], f"`{key}: {json.dumps(one['examples'][0])}`"]
            for key, one in described["properties"].items()
            if "examples" in one
        ]
        parts += [f"## {title}", "", *table(["key", "what it says", "example"], rows), ""]
    return "\n".join(
        [
            *parts,
            "Every other column of our [tables](tables.md) is a key of a file as well, and names "
            "the file's column that holds it: `therapist_id: ther`. In a wide file the session or "
            "occasion may stand in the names of columns: `date: Datum_{session}`.",
            "",
        ]
    )


def tables_page() -> str:
    """Return the columns of every table of a study, from the schemas."""
    parts = [
        "# Tables of a study",
        "",
        "The tables a study is mapped to, as [Table Schemas](https://specs.frictionlessdata.io/) "
        "in `schemas/tables/`. A column marked * is part of the key, one marked ? may be absent. "
        "Further columns are kept and carried along.",
        "",
    ]
    for path in sorted((resources.folder("schemas") / "tables").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        key = schema.get("primaryKey", [])
        rows = [
            [
                f"`{field['name']}`"
                + (" *" if field["name"] in key else " ?" if field.get("optional") else ""),
                field["type"],
                field.get("description", ""),
                _allowed(field.get("constraints", {})),
            ]
            for field in schema["fields"]
        ]
        parts += [f"## {schema['name']}", "", schema.get("description", ""), ""]
        parts += [*table(["column", "type", "what it holds", "allowed"], rows), ""]
        for foreign in schema.get("foreignKeys", []):
            target = foreign["reference"]
            parts += [
                f"`{', '.join(foreign['fields'])}` must be in `{target['resource'] or 'itself'}`.",
                "",
            ]
    return "\n".join(parts)


def _allowed(constraints: dict[str, Any]) -> str:
    said = []
    if "enum" in constraints:
        said.append(", ".join(f"`{value}`" for value in constraints["enum"]))
    if "minimum" in constraints or "maximum" in constraints:
        low, high = constraints.get("minimum"), constraints.get("maximum")
        said.append(
            f"{low} to {high}" if None not in (low, high)
            else f"{low} or more" if high is None else f"{high} or less"
        )  # fmt: skip
    if "pattern" in constraints:
        said.append(f"`{constraints['pattern']}`")
    return "; ".join(said)


def measures_page() -> str:
    """Return the cards of the instruments: numbers, keys, rules and sources, no wording."""
    known = al.list_measures()
    parts = [
        "# Measures",
        "",
        f"The {len(known)} instruments the package knows. A card holds item numbers, keys, ranges, "
        "rules and sources, never the wording of an item: you need the right to use an instrument. "
        "A fact marked ✓ was read in the source that is named; one marked ✗ was not.",
        "",
        "One of your own is a file in the study's folder `measures`; "
        "`alliance-stats measures NAME` prints a card.",
        "",
        *table(
            ["measure", "title", "construct", "items", "range"],
            [
                [f"[{row.name}](#{row.name})", row.title, row.construct, row.n_items or "none",
                 f"{row.low:g} to {row.high:g}"]
                for row in known.itertuples(index=False)
            ],
        ),
        "",
    ]  # fmt: skip
    for name in known["name"]:
        parts += _card(al.measure(name))
    return "\n".join(parts)


def _card(card: Any) -> list[str]:
    scales = [
        [f"`{name}`", scale.title or "", _numbers(scale.items), scale.method]
        for name, scale in card.scales.items()
    ]
    facts = [
        ["form", card.form, ""],
        ["rated by", "; ".join(f"{rater}: {form}" for rater, form in card.raters.items()), ""],
        ["items", len(card.items) or "none", _marks(card, "n_items")],
        ["answers", f"{card.range[0]:g} to {card.range[1]:g}", _marks(card, "range")],
        ["reversed items", _numbers(card.reversed_items) or "none", _marks(card, "reversed_items")],
        ["scales", f"{len(card.scales)}", _marks(card, "scales")],
        ["scoring", card.scoring_note, _marks(card, "scoring")],
        ["missing items", card.missing_rule, _marks(card, "missing_rule")],
        ["direction", card.direction.replace("_", " "), ""],
        *(
            [f"cut-off ({cut.scale})", f"{cut.value:g}: {cut.meaning}", _mark(card, cut)]
            for cut in card.cutoffs
        ),
        *(
            [f"reliable change ({change.scale})", f"{change.value:g} points, {change.method}",
             _mark(card, change)]
            for change in card.reliable_change
        ),
        *(
            [f"reliability ({found.scale})", f"{found.kind} {found.value:g} {found.population}",
             _mark(card, found)]
            for found in card.reliabilities
        ),
        ["licence", str(card.licence), ""],
        *(["not known", text, ""] for text in card.unknown),
    ]  # fmt: skip
    return [
        f"({card.name})=",
        f"## {card.name}",
        "",
        f"**{card.title}**",
        "",
        *(table(["scale", "title", "items", "made by"], scales) if scales else []),
        "",
        *table(["", "what the card says", "read there"], facts),
        "",
        "Sources:",
        "",
        *(f"- **{key}**: {_cited(source)}" for key, source in card.sources.items()),
        "",
    ]


def _numbers(items: Iterable[int]) -> str:
    """Return item numbers with runs drawn together: 1-3, 5."""
    runs: list[list[int]] = []
    for item in items:
        if runs and item == runs[-1][-1] + 1:
            runs[-1].append(item)
        else:
            runs.append([item])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run))
                     for run in runs)  # fmt: skip


def _marks(card: Any, fact: str) -> str:
    return _mark(card, card.verified[fact], "status") if fact in card.verified else ""


def _mark(card: Any, fact: Any, status: str = "verified") -> str:
    return f"{'✓' if getattr(fact, status) else '✗'} {fact.source or ''}".strip()


def _cited(source: Any) -> str:
    where = f"https://doi.org/{source.doi}" if source.doi else source.url
    return f"{source.citation} {f'<{where}>' if where else ''}".strip()


def principles_page() -> str:
    """Return the thirteen principles with what each extent means."""
    known = al.list_principles()
    parts = [
        "# Principles of alliance-focused treatment",
        "",
        f"The {len(known)} principles by which sessions can be coded (table `principle_codes`), "
        "with the meaning of each extent from 0 to 4.",
        "",
    ]
    for row in known.itertuples(index=False):
        parts += [
            f"## {row.number}. {row.title}",
            "",
            f"`{row.principle}`; serves {row.serves}. "
            + ("Read in the source." if row.verified else "Not every fact was read in a source."),
            "",
            *(f"{extent}. {getattr(row, f'extent_{extent}')}" for extent in range(5)),
            "",
            f"Seen in data by: {row.evidence_in_data}",
            "",
            f"Sources: {row.sources}",
            "",
        ]
    return "\n".join(parts)
