"""Reading a card's file and checking it: against the JSON Schema, and against itself.

A fault is told with the file, the line, the place in the card and the nearest key that exists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.resources import json_schema
from ..core.yaml_reading import Place, Tree, read_yaml
from ..errors import MeasureError, ReadError, did_you_mean, listing

CARD_SCHEMA = "measures/measure.schema.json"
MAX_BYTES = 200_000
"""A card is a page or two; a larger file is something else."""
_FACTS = ("n_items", "range", "reversed_items", "scales", "scoring", "missing_rule")
_OF_A_TOTAL: dict[str, Any] = {
    "construct": "outcome",
    "form": "total only",
    "raters": {"client": "self-report"},
    "n_items": 1,
    "reversed_items": [],
    "scales": {"total": {"items": [1]}},
    "scoring": {"method": "single"},
    "missing_rule": {"kind": "all_items"},
    "licence": {"class": "unknown"},
    "sources": {},
    "verified": {fact: {"status": False} for fact in _FACTS},
}
"""What a card that gives a ``total`` need not say: nothing of it was read anywhere."""
ONLY_A_TOTAL = (
    "If only the instrument's total is known, four lines are enough: id, title, direction and "
    "total: {low: 0, high: 80}, its lowest and highest value."
)


def read_card(path: Path) -> dict[str, Any]:
    """Return the card in a YAML file, checked; raise `MeasureError` where it is faulty."""
    tree = _read(path)
    card = _plain(tree.value)
    faults = [*_not_finite(card, ()), *schema_faults(card, CARD_SCHEMA)]
    if not faults:
        card = _in_full(card)
        faults = list(_own_faults(card))
    if faults:
        place, message = faults[0]
        raise MeasureError(f"The card {path.name}, {_where(tree, place)}: {message}")
    if card["id"] != path.stem:
        raise MeasureError(
            f"The card {path.name} has the id '{card['id']}'; the file must be named after it "
            f"({card['id']}.yaml)."
        )
    return card


def read_trusted(path: Path) -> dict[str, Any]:
    """Return a shipped card without checking it again (the tests check every one)."""
    return _in_full(_plain(read_yaml(path).value))


def _in_full(card: dict[str, Any]) -> dict[str, Any]:
    """Return the card of a total without items as that of a form with one answer, the total."""
    if "total" not in card:
        return card
    given = {key: value for key, value in card.items() if key != "total"}
    return {**_OF_A_TOTAL, "range": {"step": None, **card["total"]}, **given}


def schema_faults(card: object, schema_name: str) -> Iterator[tuple[Place, str]]:
    """Yield each departure from a JSON Schema: its place and what is wrong, in words."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(json_schema(schema_name))
    for error in sorted(validator.iter_errors(card), key=_rank):
        yield _place(error), _in_words(error)


def _rank(error: Any) -> tuple[bool, int, str]:
    """Tell of a key that is not known first: it is often why another is missing."""
    return error.validator != "additionalProperties", len(error.absolute_path), error.message


def _place(error: Any) -> Place:
    place = tuple(error.absolute_path)
    return (*place, _extra_key(error)) if error.validator == "additionalProperties" else place


def _extra_key(error: Any) -> str:
    return next(key for key in error.instance if key not in error.schema.get("properties", {}))


def _in_words(error: Any) -> str:
    if error.validator == "additionalProperties":
        allowed, extra = list(error.schema.get("properties", {})), _extra_key(error)
        return (
            f"the key '{extra}' is not known here; known are {listing(allowed, 30)}."
            f"{did_you_mean(extra, allowed)}"
        )
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        named = (
            f"the key {missing[0]!r} is"
            if len(missing) == 1
            else f"the keys {_quoted(missing)} are"
        )
        total = " " + ONLY_A_TOTAL if {"n_items", "scales"} <= set(missing) else ""
        return f"{named} missing; found are {listing(error.instance, 30)}.{total}"
    if error.validator == "enum":
        allowed = error.validator_value
        return (
            f"{error.instance!r} is not one of {listing(allowed, 12)}."
            f"{did_you_mean(error.instance, allowed)}"
        )
    if error.validator == "type":
        return f"expected {error.validator_value}, found {error.instance!r}"[:300] + "."
    if error.validator in ("oneOf", "anyOf"):
        choices = [part["required"][0] for part in error.validator_value if "required" in part]
        if choices:
            number = "exactly one" if error.validator == "oneOf" else "at least one"
            return f"give {number} of the keys {listing(choices)}."
    return error.message[:300].rstrip(".") + "."


def _quoted(keys: list[str]) -> str:
    return listing([f"'{key}'" for key in keys], 30)


def _not_finite(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield the places of numbers that are none: YAML writes them ``.nan`` and ``.inf``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_finite(inner, (*place, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _not_finite(inner, (*place, position))
    elif isinstance(value, float) and not math.isfinite(value):
        yield place, f"must be a number, got {value}."


def _own_faults(card: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield what a JSON Schema cannot see: numbers and names that must fit each other."""
    n = card["n_items"]
    for key in ("reversed_items", "not_applicable_items"):
        yield from _beyond((key,), card.get(key, ()), n)
    if card["range"]["low"] >= card["range"]["high"]:
        yield ("range",), "low must be below high."
    for name, scale in card["scales"].items():
        yield from _scale_faults(("scales", name), name, scale, card)
    names = set(card["scales"])
    for name in card["missing_rule"].get("max_missing", {}):
        if name not in names:
            yield (
                ("missing_rule", "max_missing", name),
                f"there is no scale '{name}'; the scales are {listing(names, 12)}."
                f"{did_you_mean(name, names)}",
            )
    yield from _reference_faults(card, names | set(card.get("scales_without_key", {})))


def _scale_faults(
    place: Place, name: str, scale: dict[str, Any], card: dict[str, Any]
) -> Iterator[tuple[Place, str]]:
    others = [other for other in card["scales"] if other != name]
    for part in scale.get("sum_of", ()):
        if part not in others:
            yield (
                (*place, "sum_of"),
                (
                    f"there is no other scale '{part}'; there are {listing(others, 12)}."
                    f"{did_you_mean(part, others)}"
                ),
            )
        elif "sum_of" in card["scales"][part]:
            yield (*place, "sum_of"), f"'{part}' is itself a sum of scales; name its parts."
    items = scale.get("items")
    if isinstance(items, list):
        yield from _beyond((*place, "items"), items, card["n_items"])
    if items == "all" and card["n_items"] == 0:
        yield (*place, "items"), "the instrument has no items (n_items is 0)."
    slots = [slot for domain in scale.get("domains", ()) for slot in domain]
    flat = [item for slot in slots for item in (slot if isinstance(slot, list) else [slot])]
    yield from _beyond((*place, "domains"), flat, card["n_items"])
    if len(flat) != len(set(flat)):
        yield (*place, "domains"), "an item is in two domains."
    method = scale.get("method", card["scoring"]["method"])
    if items is not None and method in ("domain_max", "sum_of"):
        needed = "domains" if method == "domain_max" else "sum_of"
        yield place, f"the method {method} needs the key '{needed}' in place of 'items'."
    count = card["n_items"] if items == "all" else len(items or ())
    if items is not None and method == "single" and count != 1:
        yield place, f"the method single takes one item, not {count}."


def _beyond(place: Place, items: Any, n: int) -> Iterator[tuple[Place, str]]:
    outside = [item for item in items if item > n]
    if outside:
        yield place, f"item {listing(outside)} is beyond the last item, {n} (n_items)."


def _reference_faults(card: dict[str, Any], scales: set[str]) -> Iterator[tuple[Place, str]]:
    sources = card["sources"]
    for key in ("cutoffs", "reliable_change", "reliabilities"):
        for position, row in enumerate(card.get(key, ())):
            if row["scale"] not in scales:
                yield (
                    (key, position, "scale"),
                    (f"there is no scale '{row['scale']}'; the scales are {listing(scales, 12)}."),
                )
            if row["source"] not in sources:
                yield (key, position, "source"), _no_source(row["source"], sources)
    for fact, mark in card["verified"].items():
        if mark.get("source") is not None and mark["source"] not in sources:
            yield ("verified", fact, "source"), _no_source(mark["source"], sources)


def _no_source(name: str, sources: dict[str, Any]) -> str:
    return (
        f"the source '{name}' is not under 'sources' ({listing(sources, 12)})."
        f"{did_you_mean(name, sources)}"
    )


def _where(tree: Tree, place: Place) -> str:
    """Return ``line 12, scales.total.items`` for a place in the card."""
    dotted = ".".join(str(step) for step in place)
    line = f"line {tree.line(place)}"
    return f"{line}, {dotted}" if dotted else line


def _read(path: Path) -> Tree:
    """Return the card's file, which must lie in its folder and be a page or two."""
    try:
        if not path.resolve().is_relative_to(path.parent.resolve()):
            raise MeasureError(f"The card {path.name} is a link that leads out of its folder.")
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise MeasureError(
                f"The card {path.name} is larger than {MAX_BYTES:,} bytes; a card is a page or two."
            )
        tree = read_yaml(path)
    except ReadError as error:
        raise MeasureError(f"The card {str(error).replace(repr(path.name), path.name)}") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        raise MeasureError(f"The card {path.name} cannot be read: {reason}.") from None
    if not isinstance(tree.value, dict):
        raise MeasureError(f"The card {path.name} must hold keys and values ('id: ...').")
    if tree.repeated:
        place, line = tree.repeated[0]
        raise MeasureError(
            f"The card {path.name}, line {line}: the key '{place[-1]}' is given twice."
        )
    return tree


def _plain(value: Any) -> Any:
    """Return the value with text keys, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
