"""The tree that a formula is read into: columns, numbers, texts, signs and calls of functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

PLAIN_NAME = re.compile(r"\.?[^\W\d][\w.]*")
_RANKS = {"+": 1, "-": 1, "*": 2, "/": 2, ":": 3, "**": 4}


@dataclass(frozen=True)
class Node:
    """A part of the tree, and where it stands in the formula."""

    start: int
    end: int

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes inside."""
        return ()

    def walk(self) -> Iterator[Node]:
        """Go through this node and all inside, in the order they are written."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def code(self) -> str:
        """The node in one spelling: two nodes that mean the same have the same."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """How results name the node."""
        return self.code


@dataclass(frozen=True)
class Name(Node):
    """A column, or a word such as ``TRUE`` in a function's settings."""

    column: str
    quoted: bool = False

    @cached_property
    def code(self) -> str:
        """The name, in backticks where it is no plain word."""
        return self.column if PLAIN_NAME.fullmatch(self.column) else f"`{self.column}`"

    @property
    def label(self) -> str:
        """The column's name."""
        return self.column


@dataclass(frozen=True)
class Dot(Node):
    """``.``: every other column of the data."""

    code = "."


@dataclass(frozen=True)
class Number(Node):
    """A number."""

    value: float

    @cached_property
    def code(self) -> str:
        """The number as Python shows it, whole ones without a point."""
        whole = self.value.is_integer() and self.value < 1e15
        return repr(int(self.value)) if whole else repr(self.value)


@dataclass(frozen=True)
class Text(Node):
    """A text in quotation marks."""

    value: str

    @cached_property
    def code(self) -> str:
        """The text in quotation marks."""
        return repr(self.value)


@dataclass(frozen=True)
class Chain(Node):
    """Nodes joined by signs of one rank, from left to right: ``a - b + c``, ``a*b/c``, ``a:b``.

    The first sign of a sum may be a minus; else it is the one that changes nothing.
    """

    items: tuple[tuple[str, Node], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes joined."""
        return tuple(node for _, node in self.items)

    @cached_property
    def code(self) -> str:
        """The nodes with spaces around the signs, chains inside in brackets."""
        first, *rest = [
            (sign, f"({n.code})" if isinstance(n, Chain) and n.rank <= self.rank else n.code)
            for sign, n in self.items
        ]
        start = ("-" if first[0] == "-" else "") + first[1]
        return " ".join([start, *(f"{sign} {code}" for sign, code in rest)])

    @property
    def rank(self) -> int:
        """How tightly the signs bind."""
        return _RANKS.get(self.items[-1][0], 0)


@dataclass(frozen=True)
class Call(Node):
    """A function of the registry: its columns, then its settings by name.

    `unnamed` is how many of the settings were given without their names.
    """

    function: str
    arguments: tuple[Node, ...]
    settings: tuple[tuple[str, Node], ...]
    unnamed: int

    @property
    def parts(self) -> tuple[Node, ...]:
        """The columns; settings hold none."""
        return self.arguments

    @cached_property
    def code(self) -> str:
        """The call with a space behind each comma."""
        given = [node.code for node in self.arguments]
        given += [node.code for _, node in self.settings[: self.unnamed]]
        given += [f"{name}={node.code}" for name, node in self.settings[self.unnamed :]]
        return f"{self.function}({', '.join(given)})"
