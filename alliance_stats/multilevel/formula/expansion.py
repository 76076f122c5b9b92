"""What the signs of a formula mean: from a tree to terms, as R does.

``a*b`` is ``a + b + a:b``, ``a/b`` is ``a + a:b``, ``(a + b)^2`` adds the products of two. Terms
are sorted by their number of factors. Source: Chambers & Hastie (1992), Statistical Models in S,
ch. 2; the rules of coding are those of R's ``terms.formula`` and ``model.matrix``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from .tokens import fail
from .tree import Call, Chain, Dot, Name, Node, Number, Text

MOST_TERMS = 1000
MOST_PAIRS = 50_000  # products tried in one step

Term = tuple[Node, ...]
Terms = dict[frozenset[str], Term]


@dataclass(frozen=True)
class Expansion:
    """The terms of a part: an intercept or none, and products of factors, short ones first.

    Attributes
    ----------
    factors
        Every factor (a column or a function of columns) by its `Node.code`, in the order of
        the formula, those of terms taken away too.
    """

    intercept: bool
    terms: tuple[Term, ...]
    factors: dict[str, Node]

    def codings(self, categories: set[str]) -> list[dict[str, bool]]:
        """Say for each term which of its categories stand in full, and which by contrasts.

        A category is coded by contrasts where a term before holds all other factors of its
        term; without an intercept the first category of all stands in full.
        """
        keys = [frozenset(node.code for node in term) for term in self.terms]
        found = []
        waiting = not self.intercept
        for number, key in enumerate(keys):
            full = {}
            for code in (code for code in self.factors if code in key & categories):
                rest = key - {code}
                full[code] = bool(rest) and not any(rest <= other for other in keys[:number])
                if waiting:
                    full[code], waiting = True, False
            found.append(full)
        return found


def expand(source: str, tree: Node, dot: Sequence[str] | None = None) -> Expansion:
    """Return the terms a tree stands for; `dot` are the columns that ``.`` means.

    Raises
    ------
    FormulaError
        Where a sign or number has no meaning, or a term is taken away that is not there.
    """
    reading = _Reading(source, None if dot is None else list(dot))
    terms = reading.top(tree, False)
    return Expansion(reading.intercept, tuple(sorted(terms.values(), key=len)), reading.factors)


@dataclass
class _Reading:
    source: str
    dot: list[str] | None
    intercept: bool = True
    factors: dict[str, Node] = field(default_factory=dict)

    def fail(self, message: str, node: Node) -> NoReturn:
        fail(message, self.source, node.start, node.end)

    def top(self, node: Node, taken: bool) -> Terms:
        """Read a sum, in which 1 and 0 speak of the intercept."""
        if isinstance(node, Number) and node.value in (0.0, 1.0):
            self.intercept = (node.value == 1.0) != taken
            return {}
        if not _is_sum(node):
            return self.terms(node)
        assert isinstance(node, Chain)
        found: Terms = {}
        for sign, part in node.items:
            minus = sign == "-"
            terms = self.top(part, taken != minus)
            if minus:
                self.take_away(found, terms, part, any(isinstance(n, Dot) for n in node.walk()))
            else:
                found.update((key, term) for key, term in terms.items() if key not in found)
        return found

    def take_away(self, found: Terms, terms: Terms, part: Node, dotted: bool) -> None:
        for key, term in terms.items():
            if key not in found and not dotted:
                name = ":".join(node.label for node in term)
                self.fail(f"'{name}' is taken away, but no term before it is '{name}'.", part)
            found.pop(key, None)

    def terms(self, node: Node) -> Terms:
        """Read what stands outside of a function."""
        if isinstance(node, Dot):
            return self.dotted(node)
        if isinstance(node, (Name, Call)):
            self.check_factor(node)
            self.factors.setdefault(node.code, node)
            return {frozenset([node.code]): (node,)}
        if isinstance(node, Number):
            self.fail(
                f"The number {node.code} is no term. 1 and 0 say whether there is an intercept, "
                "and stand in no product; arithmetic stands in I(...).",
                node,
            )
        if isinstance(node, Text):
            self.fail("A text is no term; a column is written without quotation marks.", node)
        assert isinstance(node, Chain)
        sign = node.items[-1][0]
        if sign == "**":
            return self.power(node)
        if _is_sum(node):
            return self.inner_sum(node)
        if sign not in {"*", "/", ":"}:
            self.fail(f"'{sign}' compares inside a function only; write I({node.code}).", node)
        found = self.terms(node.items[0][1])
        for sign, part in node.items[1:]:
            right = self.terms(part)
            if sign == ":":
                found = self.crossed(found, right, node)
            elif sign == "*":
                found = {**found, **_new(right, found), **self.crossed(found, right, node)}
            else:  # b within a: each term of the right with all factors of the left
                left = {code: n for term in found.values() for n in term for code in [n.code]}
                whole = {frozenset(left): tuple(left.values())}
                found = {**found, **self.crossed(whole, right, node)}
            self.limited(found, node)
        return found

    def check_factor(self, node: Node) -> None:
        if not any(isinstance(part, Name) for part in node.walk()):
            self.fail(f"{node.code} holds no column.", node)

    def inner_sum(self, node: Chain) -> Terms:
        found: Terms = {}
        for sign, part in node.items:
            terms = self.terms(part)
            if sign == "-":
                self.take_away(found, terms, part, False)
            else:
                found.update(_new(terms, found))
        if not found:
            self.fail("Nothing is left of these terms.", node)
        return found

    def power(self, node: Chain) -> Terms:
        base, exponent = node.items[0][1], node.items[1][1]
        if not isinstance(exponent, Number) or exponent.value < 1 or exponent.value % 1:
            self.fail(
                "Outside of a function the power of terms is a whole number from 1, as in "
                "(a + b)^2; the power of a column is written I(x^2).",
                exponent,
            )
        assert isinstance(exponent, Number)
        terms = self.terms(base)
        found = terms
        for _ in range(int(min(exponent.value, len(terms))) - 1):
            found = self.limited({**found, **_new(self.crossed(found, terms, node), found)}, node)
        return found

    def dotted(self, node: Node) -> Terms:
        if self.dot is None:
            self.fail("'.' stands for the other columns of the data, which are not known.", node)
        assert self.dot is not None
        if not self.dot:
            self.fail("'.' stands for nothing: the data have no other column.", node)
        names = [Name(node.start, node.end, column, True) for column in self.dot]
        for name in names:
            self.factors.setdefault(name.code, name)
        return self.limited({frozenset([name.code]): (name,) for name in names}, node)

    def crossed(self, left: Terms, right: Terms, node: Node) -> Terms:
        if len(left) * len(right) > MOST_PAIRS:
            self.limited(left, node, many=True)
        found: Terms = {}
        for a, first in left.items():
            for b, second in right.items():
                if a | b not in found:
                    found[a | b] = first + tuple(n for n in second if n.code not in a)
        return found

    def limited(self, terms: Terms, node: Node, many: bool = False) -> Terms:
        if many or len(terms) > MOST_TERMS:
            self.fail(f"This stands for more than {MOST_TERMS} terms.", node)
        return terms


def _new(terms: Terms, known: Terms) -> Terms:
    return {key: term for key, term in terms.items() if key not in known}


def _is_sum(node: Node) -> bool:
    return isinstance(node, Chain) and node.items[-1][0] in {"+", "-"}
