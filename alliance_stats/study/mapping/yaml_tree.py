"""YAML as plain values, with the line of every key, and nothing that can run code.

Only what a study needs is understood: mappings, lists, text, numbers, true, false and null.
``yes``, ``no``, ``on`` and dates stay text, and ``010`` is ten, so that codes mean what they say.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ...errors import ReadError

Place = tuple[Any, ...]
"""Where a value stands: ``("sources", 0, "measures", 1)``."""

LARGEST_FILE = 1_000_000
LONGEST_NUMBER = 300
"""Digits of a whole number; a longer one is no code and no number of an item or session."""

_MOST_VALUES = 100_000


class _Loader(yaml.SafeLoader):
    """SafeLoader with the plain scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_SCALARS = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:merge", r"^<<$", "<"),
)
for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
_Loader.yaml_implicit_resolvers[""] = [
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"))
]


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    digits = str(loader.construct_scalar(node))
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(
            f"line {node.start_mark.line + 1} holds a number of {len(digits):,} digits"
        )
    return int(digits)


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


class Tree:
    """A YAML document as plain values, and the line each key or item stands in."""

    def __init__(self) -> None:
        self.value: Any = None
        self.lines: dict[Place, int] = {}
        self.repeated: list[tuple[Place, int]] = []

    def line(self, place: Place) -> int | None:
        """Return the line of a place, or of the nearest place around it."""
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return self.lines.get(())


def parse_yaml(text: str, name: str) -> Tree:
    """Return the document, or refuse it in one sentence with its line.

    Raises
    ------
    ReadError
        Where the text is no YAML, or holds more than a study's description would.
    """
    if len(text) > LARGEST_FILE:
        raise ReadError(
            f"'{name}' has {len(text):,} characters; a description of a study has at most "
            f"{LARGEST_FILE:,}.",
            rule="study_yaml",
        )
    tree = Tree()
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                tree.value = _convert(loader, node, (), tree, [0])
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _not_yaml(error, name) from None
    except RecursionError:
        raise ReadError(f"'{name}' is nested too deeply.", rule="study_yaml") from None
    except ValueError as error:
        raise ReadError(f"'{name}' cannot be read: {error}.", rule="study_yaml") from None
    return tree


def _not_yaml(error: yaml.YAMLError, name: str) -> ReadError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else None
    if isinstance(error, yaml.reader.ReaderError):
        what = f"it holds the character {error.character!r:.20}, which no YAML file may"
    else:
        what = str(getattr(error, "problem", None) or "it is not valid YAML").replace("\n", " ")
    where = f" in line {line}" if line else ""
    return ReadError(
        f"'{name}' cannot be read as YAML{where}: {what[:200]}.",
        rule="study_yaml",
        row=line,
        hint="Check the indentation, the colons and the closing brackets and quotation marks in "
        "and just above that line.",
    )


def _convert(loader: _Loader, node: yaml.Node, place: Place, tree: Tree, count: list[int]) -> Any:
    count[0] += 1
    if count[0] > _MOST_VALUES:
        raise ValueError(f"it holds more than {_MOST_VALUES:,} values")
    tree.lines.setdefault(place, node.start_mark.line + 1)
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
        raise ValueError(f"line {node.start_mark.line + 1} asks for the type '{node.tag}'")
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, place, tree, count)
    if isinstance(node, yaml.SequenceNode):
        return [
            _convert(loader, child, (*place, position), tree, count)
            for position, child in enumerate(node.value)
        ]
    return loader.construct_object(node)


def _mapping(
    loader: _Loader, node: yaml.MappingNode, place: Place, tree: Tree, count: list[int]
) -> dict[Any, Any]:
    written = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ValueError(f"line {key_node.start_mark.line + 1} has a list where a name belongs")
        key = loader.construct_object(key_node)
        here = (*place, key)
        if key in result and written.count(key_node.value) > 1:
            tree.repeated.append((here, key_node.start_mark.line + 1))
        tree.lines[here] = key_node.start_mark.line + 1
        result[key] = _convert(loader, value_node, here, tree, count)
    return result
