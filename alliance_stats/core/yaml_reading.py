"""The one reader of YAML: plain values, the line of every key, and nothing that can run or swell.

Only what a study needs is understood: mappings, lists, text, numbers, true, false and null.
``yes``, ``no``, ``on`` and dates stay text, and ``010`` is ten, so that codes mean what they say.
Whatever else a file holds, or fails to hold, is one sentence, and soon said: size, depth and
number of values are counted before anything is built.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import ReadError

Place = tuple[Any, ...]
"""Where a value stands: ``("sources", 0, "measures", 1)``."""

LARGEST_FILE = 1_000_000
LONGEST_NUMBER = 300
"""Digits of a whole number; a longer one is no code and no number of an item or session."""

DEEPEST = 50
"""Lists within lists; nothing that is read here goes deeper than ten."""

MOST_VALUES = 20_000


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SafeLoader with the plain scalars of YAML 1.2; in C, ten times as fast, where it is there."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class _TextLoader(_Loader):
    """Leaves every scalar the text it is."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class Dumper(yaml.SafeDumper):
    """Sets text into quotes where the reader would take it for a number (``0208``, ``1e5``)."""


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
    for _either in (_Loader, Dumper):
        _either.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
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


def read_yaml(path: Path, *, as_text: bool = False, aliases: bool = False) -> Tree:
    """Return the document in a file; see `parse_yaml`.

    Raises
    ------
    ReadError
        Where it cannot be read: a folder, a device, too large, no UTF-8, no YAML.
    """
    name = path.name
    try:
        if not path.is_file():
            what = "is a folder or a device, not a file" if path.exists() else "is not there"
            raise ReadError(f"'{name}' {what}; name a file of YAML.", rule="study_yaml")
        with path.open("rb") as stream:
            content = stream.read(4 * LARGEST_FILE + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ReadError(
            f"'{name}' is not text in UTF-8.", rule="study_yaml", hint="Save it as UTF-8."
        ) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"'{name}' cannot be read: {reason}.", rule="study_yaml") from None
    return parse_yaml(text, name, as_text=as_text, aliases=aliases)


def parse_yaml(text: str, name: str, *, as_text: bool = False, aliases: bool = True) -> Tree:
    """Return the document, or refuse it in one sentence with its line.

    Parameters
    ----------
    text, name
        The content, and the name of its file for messages.
    as_text
        Leave every value the text it is, decimals and all.
    aliases
        Whether ``*name`` may stand for what ``&name`` marks.

    Raises
    ------
    ReadError
        Where the text is no YAML, or holds more than any file of a study would.
    """
    if len(text) > LARGEST_FILE:
        raise ReadError(
            f"'{name}' has {len(text):,} characters; such a file has at most {LARGEST_FILE:,}.",
            rule="study_yaml",
        )
    tree = Tree()
    make = _TextLoader if as_text else _Loader
    try:
        _check_size(text, make, aliases)
        loader = make(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                tree.value = _convert(loader, node, (), tree, [0])
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _not_yaml(error, name) from None
    except ValueError as error:
        raise ReadError(f"'{name}' cannot be read: {error}.", rule="study_yaml") from None
    return tree


def _check_size(text: str, make: type[_Loader], aliases: bool) -> None:
    """Count depth and values before anything is built; parsing alone builds nothing."""
    depth = 0
    for values, event in enumerate(yaml.parse(text, Loader=make)):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested too deeply, from line {line}")
        if values > 2 * MOST_VALUES:
            raise ValueError(f"it holds more than {MOST_VALUES:,} values")
        if isinstance(event, yaml.AliasEvent) and not aliases:
            raise ValueError(f"line {line} uses a YAML alias (*name); write it out")


def _not_yaml(error: yaml.YAMLError, name: str) -> ReadError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else None
    if isinstance(error, yaml.reader.ReaderError):
        sign = error.character
        sign = chr(sign) if isinstance(sign, int) else sign
        what = f"it holds the character {sign!r:.20}, which no YAML file may"
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
    if count[0] > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    if len(place) > DEEPEST:
        raise ValueError(f"line {node.start_mark.line + 1} holds a list that holds itself")
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
