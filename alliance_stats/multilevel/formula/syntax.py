"""From the words of a formula to a tree, with R's precedence of signs.

Columns, numbers, texts, signs and calls of the functions in the registry: nothing else can be
said, and nothing of a formula is ever run as code. Every word becomes part of the tree or is
refused with its place marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ...errors import did_you_mean, listing
from .coding import KINDS, Contrast
from .functions import FORMULA_FUNCTIONS, INSTEAD
from .tokens import DEEPEST, Token, fail, marked
from .tree import Call, Chain, Dot, Name, Node, Number, Text

CONSTANTS: dict[str, Any] = {
    "True": True, "TRUE": True, "False": False, "FALSE": False, "None": None, "NULL": None,
}  # fmt: skip
_COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
_R_SETTINGS = {"intercept": "include_intercept", "contrasts": "contrast"}
_REFUSED = {
    "&": "'&' has no meaning in a formula; write a:b for an interaction, and "
    "I((a > 1) * (b > 1)) for what holds where both do.",
    "!": "'!' has no meaning in a formula; write I(x != 1), or I(1 - x).",
    "[": "'[' has no meaning in a formula; several numbers are written c(2, 4).",
    "{": "'{' has no meaning in a formula; arithmetic stands in I(...).",
    "%in%": "'%in%' is not known; b within a is written a:b, or a/b for a as well.",
}


def read_tree(source: str, tokens: Sequence[Token]) -> Node:
    """Read words into a tree.

    Raises
    ------
    FormulaError
        Where they make no formula, with the place marked.
    """
    reader = _Reader(source, tokens)
    node = reader.comparison()
    if reader.token is not None:
        reader.refuse(reader.token)
    for call in (inside for inside in node.walk() if isinstance(inside, Call)):
        if FORMULA_FUNCTIONS[call.function].kind == "setting":
            reader.fail_at(f"{call.function}() is a setting and stands inside of others.", call)
        for dot in (inside for inside in call.walk() if isinstance(inside, Dot)):
            reader.fail_at("'.' stands for other columns, and only outside of functions.", dot)
    return node


def constant(source: str, node: Node) -> Any:
    """Return what a setting says: a number, text, TRUE, FALSE, NULL, a coding, several of them."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Number):
        return int(node.value) if node.value.is_integer() else node.value
    if isinstance(node, Chain) and len(node.items) == 1:
        value = constant(source, node.items[0][1])
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value
    if isinstance(node, Name) and not node.quoted:
        if node.column in CONSTANTS:
            return CONSTANTS[node.column]
        if node.column in KINDS:
            return Contrast(node.column)
    if isinstance(node, Call) and node.function == "c":
        return tuple(constant(source, part) for part in node.arguments)
    if isinstance(node, Call) and node.function in KINDS:
        given = [constant(source, part) for _, part in node.settings]
        if len(given) > 1:
            fail("A coding has one reference.", source, node.start, node.end)
        return Contrast(node.function, given[0] if given else None)
    raise marked(
        "A setting of a function is a number, a text, TRUE, FALSE, NULL or several of them in "
        f"c(...), not {node.code}.",
        source,
        node.start,
        node.end,
    )


class _Reader:
    """Reads by descent: each method reads what binds more tightly than the one before."""

    def __init__(self, source: str, tokens: Sequence[Token]) -> None:
        self.source, self.tokens, self.at, self.depth = source, tokens, 0, 0

    @property
    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def next_is(self, *signs: str) -> bool:
        token = self.token
        return token is not None and token.text in signs

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def fail(self, message: str, first: Token, last: Token | None = None) -> NoReturn:
        fail(message, self.source, first.start, (last or first).end)

    def fail_at(self, message: str, node: Node) -> NoReturn:
        fail(message, self.source, node.start, node.end)

    def refuse(self, token: Token) -> NoReturn:
        """Refuse a word or sign that cannot stand where it stands."""
        if token.text in _REFUSED:
            self.fail(_REFUSED[token.text], token)
        if token.kind in {"name", "quoted", "number", "string"}:
            self.fail(f"A sign is missing before '{token.text}'.", token)
        if token.text == "(":
            self.fail("Only the name of a function stands right before '('.", token)
        if token.text in {"=", ","}:
            self.fail(f"'{token.text}' stands only between the brackets of a function.", token)
        if token.text.startswith("%"):
            self.fail(f"'{token.text}' has no meaning in a formula.", token)
        self.fail(f"'{token.text}' cannot stand here.", token)

    def comparison(self) -> Node:
        left = self.sum()
        if not self.next_is(*_COMPARISONS):
            return left
        sign = self.take()
        right = self.sum()
        return Chain(left.start, right.end, (("", left), (sign.text, right)))

    def sum(self) -> Node:
        start = self.token
        signs = [self.take().text if self.next_is("+", "-") else ""]
        nodes = [self.product()]
        while self.next_is("+", "-"):
            sign = self.take()
            if self.next_is("+", "-"):
                self.fail("Two signs follow each other.", sign, self.token)
            signs.append(sign.text)
            nodes.append(self.product())
        if len(nodes) == 1 and signs[0] in {"", "+"}:
            return nodes[0]
        assert start is not None
        return Chain(start.start, nodes[-1].end, tuple(zip(signs, nodes, strict=True)))

    def product(self) -> Node:
        return self.chain(self.interaction, "*", "/")

    def interaction(self) -> Node:
        return self.chain(self.signed, ":")

    def chain(self, tighter: Callable[[], Node], *wanted: str) -> Node:
        items = [("", tighter())]
        while self.next_is(*wanted):
            items.append((self.take().text, tighter()))
        if len(items) == 1:
            return items[0][1]
        return Chain(items[0][1].start, items[-1][1].end, tuple(items))

    def signed(self) -> Node:
        """Read a minus that binds more tightly than a product, as in ``2 * -x``."""
        if not self.next_is("-", "+"):
            return self.power()
        sign = self.take()
        if self.next_is("-", "+"):
            self.fail("Two signs follow each other.", sign, self.token)
        node = self.power()
        return Chain(sign.start, node.end, (("-", node),)) if sign.text == "-" else node

    def power(self) -> Node:
        base = self.atom()
        if not self.next_is("^", "**"):
            return base
        sign = self.take()
        self.deeper(sign)
        exponent = self.signed()
        self.depth -= 1
        return Chain(base.start, exponent.end, (("", base), ("**", exponent)))

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"Powers or brackets lie in each other more than {DEEPEST} deep.", token)

    def atom(self) -> Node:
        token = self.token
        if token is None:
            last = self.tokens[-1]
            self.fail(f"Nothing follows '{last.text}'.", last)
        self.at += 1
        if token.kind == "number":
            return Number(token.start, token.end, float(token.text))
        if token.kind == "string":
            return Text(token.start, token.end, token.text[1:-1])
        if token.kind == "name" and self.next_is("("):
            return self.call(token)
        if token.kind in {"name", "quoted"}:
            if not token.column:
                self.fail("The backticks hold no name.", token)
            return Name(token.start, token.end, token.column, token.kind == "quoted")
        if token.text == ".":
            return Dot(token.start, token.end)
        if token.text in {"+", "*", "/", ":", "^", "**", ")", *_COMPARISONS}:
            self.fail(f"A column or number is missing before '{token.text}'.", token)
        if token.text != "(":
            self.refuse(token)
        return self.bracket(token)

    def bracket(self, opening: Token) -> Node:
        if self.next_is(")"):
            self.fail("Nothing stands in these brackets.", opening, self.token)
        self.deeper(opening)
        inside = self.comparison()
        self.depth -= 1
        if not self.next_is(")"):
            self.refuse(self.token or opening)
        self.take()
        return inside

    def call(self, name: Token) -> Node:
        if name.text not in FORMULA_FUNCTIONS:
            self.unknown(name)
        opening = self.take()
        self.deeper(opening)
        arguments: list[Node] = []
        settings: list[tuple[str, Node]] = []
        while not self.next_is(")"):
            if arguments or settings:
                if not self.next_is(","):
                    self.refuse(self.token or opening)
                self.take()
            word = self.keyword()
            if word is not None:
                setting = _R_SETTINGS.get(word.text, word.text)
                settings.append((setting, self.comparison()))
            elif settings:
                assert self.token is not None
                self.fail("What is given by name stands behind the rest.", self.token)
            else:
                arguments.append(self.comparison())
        closing = self.take()
        self.depth -= 1
        return self.bound(name, closing, arguments, settings)

    def bound(
        self, name: Token, closing: Token, arguments: list[Node], named: list[tuple[str, Node]]
    ) -> Node:
        """Part what a function is given into columns and settings, and check each."""
        known = FORMULA_FUNCTIONS[name.text]
        n = len(arguments) if known.columns is None else known.columns
        if len(arguments) < max(n, known.columns is None):
            self.fail(
                f"{name.text}() takes {n or 1} column{'s' * (n > 1)} first, as in {known.example}.",
                name, closing,
            )  # fmt: skip
        columns, unnamed = arguments[:n], arguments[n:]
        settings = [*zip(known.settings, unnamed, strict=False), *named]
        if len(unnamed) > len(known.settings):
            extra = unnamed[len(known.settings)]
            self.fail_at(f"{name.text}() takes no more, as in {known.example}.", extra)
        for number, (word, node) in enumerate(settings):
            if word not in known.settings:
                self.fail_at(
                    f"{name.text}() has no setting '{word}'.{did_you_mean(word, known.settings)} "
                    f"It takes {listing(known.settings, 12) or 'none'}.",
                    node,
                )
            if any(word == earlier for earlier, _ in settings[:number]):
                self.fail_at(f"'{word}' is given twice.", node)
            constant(self.source, node)
        if known.kind == "column":
            if not isinstance(columns[0], Text):
                self.fail("Q() takes a column's name in quotation marks.", name, closing)
            assert isinstance(columns[0], Text)
            return Name(name.start, closing.end, columns[0].value, True)
        return Call(
            name.start, closing.end, name.text, tuple(columns), tuple(settings), len(unnamed)
        )

    def keyword(self) -> Token | None:
        """Take ``name =`` where it stands next."""
        here = self.tokens[self.at : self.at + 2]
        if len(here) == 2 and here[0].kind == "name" and here[1].text == "=":
            self.at += 2
            return here[0]
        return None

    def unknown(self, name: Token) -> NoReturn:
        depth, last = 0, name
        for last in self.tokens[self.at :]:
            depth += (last.text == "(") - (last.text == ")")
            if depth == 0:
                break
        text = self.source[name.start : last.end]
        text = text if len(text) <= 60 else f"{text[:57]}..."
        hint = INSTEAD.get(name.text)
        if hint is None:
            words = {f.name: f for f in FORMULA_FUNCTIONS.values() if f.kind != "setting"}
            hint = (
                f"{did_you_mean(name.text, words).strip()} They know {listing(words, 60)}; "
                "make a column of the data first, or add a function of your own by "
                "al.register_formula_function."
            ).strip()
        self.fail(f"'{name.text}' in '{text}' is no function that formulas know. {hint}", name)
