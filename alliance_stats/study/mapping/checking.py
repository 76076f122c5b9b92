"""A YAML tree against a JSON Schema: what is wrong in words and with its line, the rest kept.

The ``jsonschema`` library says whether a document is right; its import alone takes seconds where
Jupyter is installed, and it does not say what is left of a document that is partly wrong. Only
the keywords that ``schemas/study.schema.json`` uses are known here; the tests hold the two
against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...core.yaml_reading import Place, Tree
from ...errors import did_you_mean, listing, nearest
from ..origin import Problem

WRONG = object()
"""Stands for a value that must not be used."""

Schema = dict[str, Any]


class Checker:
    """Checks one document and collects what is wrong with it.

    Attributes
    ----------
    faults
        The places of which a mistake has been told; for an unknown key that of the known one it
        was probably meant as.
    """

    def __init__(self, name: str, schema: Schema) -> None:
        self.name = name
        self.schema = schema
        self.tree = Tree()
        self.problems: list[Problem] = []
        self.faults: set[Place] = set()

    def add(
        self, message: str, place: Place, hint: str = "", error: BaseException | None = None
    ) -> None:
        """Note a mistake with its line."""
        line = getattr(error, "row", None) or self.tree.line(place)
        self.faults.add(place)
        self.problems.append(
            Problem("error", "study_yaml", message, hint, file=self.name, row=line)
        )

    def unknown(self, key: Any, allowed: Iterable[str], place: Place) -> None:
        """Note a key that is not known, and the nearest one that is."""
        known = tuple(allowed)
        near = nearest(key, known)
        self.faults |= {(*place, near)} if near else set()
        self.add(
            f"The key '{key}' is not known here.{did_you_mean(key, known)}",
            (*place, key),
            f"Known keys are {listing(known, 40)}.",
        )

    def properties(self, value: dict[Any, Any], schema: Schema) -> dict[str, Schema]:
        """Return the keys that `value` may have; a description narrows those of a source."""
        return schema.get("properties", {})

    def checked(self, value: Any, schema: Schema, place: Place = ()) -> Any:
        """Return the value without what is wrong in it, which is noted; `WRONG` for nothing.

        In a list `WRONG` stands where an entry was, so that the others keep their places.
        """
        if "$ref" in schema:
            schema = self.schema["$defs"][schema["$ref"].rpartition("/")[2]] | schema
        if not _fits(value, schema):
            self.add(_sentence(schema, value, place), place)
            return WRONG
        before = len(self.problems)
        if isinstance(value, dict):
            value = self._object(value, schema, place)
        elif isinstance(value, list) and "items" in schema:
            value = [self.checked(v, schema["items"], (*place, n)) for n, v in enumerate(value)]
        return WRONG if schema.get("wholly") and len(self.problems) > before else value

    def _object(self, value: dict[Any, Any], schema: Schema, place: Place) -> Any:
        known = self.properties(value, schema)
        others = schema.get("additionalProperties", {})
        kept = {}
        for key, inner in value.items():
            if key not in known and others is False:
                self.unknown(key, known, place)
                continue
            got = self.checked(inner, known.get(key, others) or {}, (*place, key))
            if got is not WRONG:
                kept[key] = got
        needed = schema.get("required", ())
        if any(key not in value and (*place, key) not in self.faults for key in needed):
            self.add(schema["requiredMessage"], place)
        return kept if all(key in kept for key in needed) else WRONG


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def _fits(value: Any, schema: Schema) -> bool:
    """Return whether a value itself, whatever is in it, is what the schema allows."""
    kinds = schema.get("type", list(_TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return "boolean" in kinds and "enum" not in schema
    if not any(isinstance(value, _TYPES[kind]) for kind in kinds):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        within = len(value) <= schema.get("maxLength", len(value))
        return within and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, list | dict):
        least = schema.get("minItems" if isinstance(value, list) else "minProperties", 0)
        return len(value) >= least
    if isinstance(value, int | float):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


def _sentence(schema: Schema, value: Any, place: Place) -> str:
    """Return what is wrong with a value, as the schema words it."""
    key = place[-1] if place else ""
    words: str = schema["errorMessage"]
    if not words.startswith("must "):
        number = key + 1 if isinstance(key, int) else key
        return words.format(key=key, value=repr(value), number=number)
    return f"'{key}' {words}, got {value!r}."
