"""Reading a model formula in lme4's language.

``y ~ x + (1 + x | client) + (1 | therapist)`` becomes a response, a fixed part and random
terms. Only the grammar lives here; turning parts into columns is the business of `terms`.
Every error shows the formula and marks the place.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import pandas as pd

from ...core.people import trimmed
from ...errors import ColumnError, FormulaError, did_you_mean, listing
from .expansion import Expansion, expand
from .functions import edition
from .syntax import CONSTANTS, read_tree
from .tokens import CLOSING, OPENING, Token, check_brackets, fail, read_tokens, signed_terms
from .tree import Dot, Name, Node


@dataclass(frozen=True)
class Part:
    """One side of the formula, or the part of a random term left of its bar.

    `dot` are the columns that ``.`` stands for; None while the data are not known.
    """

    source: str
    tokens: tuple[Token, ...]
    dot: tuple[str, ...] | None = None

    @property
    def start(self) -> int:
        """Position of the first token."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Position behind the last token."""
        return self.tokens[-1].end

    @property
    def text(self) -> str:
        """The part as it is written, without the random terms that stood in it."""
        words, end = [], self.start
        for token in self.tokens:
            words.append(" " + token.text if token.start > end else token.text)
            end = token.end
        return "".join(words)

    @cached_property
    def tree(self) -> Node:
        """The part's words as a tree."""
        return read_tree(self.source, self.tokens)

    @cached_property
    def expansion(self) -> Expansion:
        """The terms the part stands for."""
        return expand(self.source, self.tree, self.dot)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns used, each once, in order."""
        names: list[str] = []
        for node in self.tree.walk():
            if isinstance(node, Name):
                names.append(node.column)
            elif isinstance(node, Dot):
                names += self.dot or ()
        return tuple(dict.fromkeys(names))

    @property
    def is_intercept(self) -> bool:
        """Whether the part is an intercept and nothing else."""
        return not self.has_dot and self.expansion.intercept and not self.expansion.terms

    def checked(self) -> Part:
        """Return the part, once its terms have been read; raise `FormulaError` where not."""
        assert self.expansion is not None
        return self

    @cached_property
    def has_dot(self) -> bool:
        """Whether the part speaks of the data's other columns."""
        return any(isinstance(node, Dot) for node in self.tree.walk())

    def bare_columns(self) -> set[str]:
        """Return the columns that stand in a term by themselves, in no function."""
        return {
            node.column for term in self.expansion.terms for node in term if isinstance(node, Name)
        }


def read_part(text: str, present: Iterable[object]) -> Part:
    """Read the right-hand side of a formula that stands alone; ``.`` is every column present."""
    part = Part(text, tuple(_tokens(text)))
    if not part.tokens:
        raise FormulaError("The formula is empty.")
    if part.has_dot:
        part = replace(part, dot=_others(present, ()))
    return part.checked()


@dataclass(frozen=True)
class RandomTerm:
    """``(part | group)``: which effects vary over which groups.

    `group` names the columns whose combination makes a group, the innermost first, as in
    lme4's ``client:therapist``; or, where `multiple`, the columns that each hold a group of the
    row, with the columns of their `weights`.
    """

    part: Part
    group: tuple[str, ...]
    correlated: bool
    start: int
    end: int
    multiple: bool = False
    weights: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The group as results name it."""
        return f"mm({', '.join(self.group)})" if self.multiple else ":".join(self.group)

    @property
    def same_groups(self) -> str:
        """What two terms of the same groups have in common."""
        return self.label if self.multiple else ":".join(sorted(self.group))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the term speaks of."""
        return (*self.part.columns, *self.group, *self.weights)


@dataclass(frozen=True)
class Formula:
    """A parsed formula."""

    text: str
    response: Part
    fixed: Part | None
    random: tuple[RandomTerm, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the formula speaks of, each once."""
        names: list[str] = [*self.response.columns]
        names += self.fixed.columns if self.fixed else ()
        for term in self.random:
            names += term.columns
        return tuple(dict.fromkeys(names))

    def over(self, present: Iterable[object]) -> Formula:
        """Return the formula for data with these columns, which ``.`` stands for.

        ``.`` is every column that is neither left of ``~`` nor right of a bar.
        """
        present = list(present)
        self.check_columns(present)
        parts = [part for part in (self.fixed, *(term.part for term in self.random)) if part]
        if not any(part.has_dot for part in parts):
            return self
        groups = (name for term in self.random for name in (*term.group, *term.weights))
        dot = _others(present, {*self.response.columns, *groups})

        def filled(part: Part) -> Part:
            return replace(part, dot=dot).checked() if part.has_dot else part

        random = [replace(term, part=filled(term.part)) for term in self.random]
        return replace(self, fixed=self.fixed and filled(self.fixed), random=tuple(random))

    def check_columns(self, present: Iterable[object]) -> None:
        """Raise `FormulaError` where the formula names a column that is not there."""
        known = [name for name in present if isinstance(name, str)]
        for name in self.columns:
            if name in known:
                continue
            start, end = self._place(name)
            hint = did_you_mean(name, known)
            if name in CONSTANTS:
                hint = " An intercept is written 1, and none 0."
            fail(
                f"The formula names the column '{name}', which the data do not have."
                f"{hint} The columns are {listing(known, 12)}.",
                self.text,
                start,
                end,
            )

    def with_groups_trimmed(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the data with the names of their groups `trimmed`: a blank one is missing."""
        groups = {name for term in self.random for name in term.group}
        held = {name: data[name] for name in groups if name in data.columns}
        new = {name: trimmed(cells) for name, cells in held.items()}
        return data.assign(**{name: new[name] for name in new if new[name] is not held[name]})

    def _place(self, column: str) -> tuple[int, int]:
        """Return where a column is first named."""
        parts = (self.response, self.fixed, *(term.part for term in self.random))
        for node in (node for part in parts if part for node in part.tree.walk()):
            if isinstance(node, Name) and node.column == column:
                return node.start, node.end
        token = next(t for t in read_tokens(self.text) if t.column == column)
        return token.start, token.end

    def fixed_only(self) -> str:
        """Return the fixed side as text, for showing."""
        return self.fixed.text if self.fixed else "1"


def parse_formula(text: str) -> Formula:
    """Parse an lme4-style formula.

    Parameters
    ----------
    text
        For example ``"distress ~ session + (1 + session | client) + (1 | therapist)"``.
        ``(a || g)`` leaves the correlations out, ``(1 | a/b)`` is ``(1 | a) + (1 | b:a)``.

    Raises
    ------
    FormulaError
        Where it cannot be read; the message marks the place.
    """
    if not isinstance(text, str):
        raise FormulaError(
            f"A formula is text, such as 'y ~ x + (1 | client)', not {type(text).__name__}."
        )
    return _parse(text, edition())


@lru_cache(maxsize=256)
def _parse(text: str, edition: int) -> Formula:
    """Parse a formula; the functions it may hold are those of an edition of the registry."""
    tokens = _tokens(text)
    tildes = [i for i, token in enumerate(tokens) if token.text == "~"]
    if len(tildes) != 1:
        start, end = (tokens[tildes[1]].start, tokens[tildes[1]].end) if tildes else (0, len(text))
        fail("A formula needs exactly one '~', as in 'y ~ x + (1 | client)'.", text, start, end)
    left, right = tokens[: tildes[0]], tokens[tildes[0] + 1 :]
    place = tokens[tildes[0]]
    if not left:
        fail("The formula has no outcome left of '~'.", text, place.start, place.end)
    if not right:
        fail("The formula has nothing right of '~'.", text, place.start, place.end)
    fixed, random = _split_right(text, right)
    response = Part(text, tuple(left))
    if not response.columns or response.has_dot:
        fail("The outcome left of '~' must be a column.", text, response.start, response.end)
    for part in (fixed, *(term.part for term in random)):
        if part is not None and not part.has_dot:
            part.checked()
    return Formula(text, response, fixed, tuple(random))


def _tokens(text: str) -> list[Token]:
    tokens = read_tokens(text)
    check_brackets(text, tokens)
    return tokens


def _others(present: Iterable[object], used: Collection[str]) -> tuple[str, ...]:
    """Return the columns that ``.`` stands for."""
    names = list(present)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise ColumnError(
            f"'.' stands for all other columns, and some are not named by text: {listing(odd)}."
        )
    return tuple(name for name in dict.fromkeys(map(str, names)) if name not in used)


def _split_right(text: str, tokens: Sequence[Token]) -> tuple[Part | None, list[RandomTerm]]:
    fixed: list[Token] = []
    random: list[RandomTerm] = []
    for sign, term in signed_terms(text, tokens):
        bars = [i for i, token in enumerate(term) if token.text in {"|", "||"}]
        if not bars:
            fixed += [sign, *term]
            continue
        while len(term) > 4 and _wrapped(term) and _wrapped(term[1:-1]):
            term, bars = term[1:-1], [bar - 1 for bar in bars]
        if not _wrapped(term) or any(_depth(term[:bar]) != 1 for bar in bars):
            fail(
                "A random term stands in brackets of its own, as in '(1 + x | client)'.",
                text,
                term[0].start,
                term[-1].end,
            )
        if len(bars) > 1:
            bar = term[bars[1]]
            fail("A random term has one bar.", text, bar.start, bar.end)
        if sign.text == "-":
            fail("A random term cannot be taken away.", text, term[0].start, term[-1].end)
        random += _random_terms(text, term, bars[0])
    if fixed and fixed[0].text == "+":
        fixed = fixed[1:]
    return (Part(text, tuple(fixed)) if fixed else None), random


def _depth(tokens: Sequence[Token]) -> int:
    return sum((token.text in OPENING) - (token.text in CLOSING) for token in tokens)


def _wrapped(term: Sequence[Token]) -> bool:
    """Say whether one pair of brackets holds the whole term."""
    if term[0].text != "(" or term[-1].text != ")":
        return False
    depths = itertools.accumulate((t.text in OPENING) - (t.text in CLOSING) for t in term[:-1])
    return min(depths) > 0


def _random_terms(text: str, term: Sequence[Token], bar: int) -> list[RandomTerm]:
    effects, groups = term[1:bar], term[bar + 1 : -1]
    sign = term[bar]
    if not effects or not groups:
        side = "left" if not effects else "right"
        fail(f"Nothing stands {side} of the bar.", text, sign.start, sign.end)
    signed_terms(text, effects)
    part = Part(text, tuple(effects))
    start, end = term[0].start, term[-1].end
    if len(groups) > 1 and groups[0].text == "mm" and groups[1].text == "(":
        members, weights = _memberships(text, groups)
        correlated = sign.text == "|"
        return [RandomTerm(part, members, correlated, start, end, True, weights)]
    return [
        RandomTerm(part, group, sign.text == "|", start, end) for group in _groups(text, groups)
    ]


def _memberships(text: str, tokens: Sequence[Token]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read ``mm(a, b, weights=[w, v])``: columns of groups, and of their weights."""
    inside = [token for token in tokens[2:-1] if token.text != ","]
    named = next((i for i, token in enumerate(inside) if token.text == "weights"), len(inside))
    groups, rest = inside[:named], inside[named + 1 :]
    signs = [token.text for token in rest[:2] + rest[-1:]]
    weights = rest[2:-1] if signs == ["=", "[", "]"] else rest
    odd = [token for token in (*groups, *weights) if token.kind not in {"name", "quoted"}]
    if odd or len(groups) < 2 or (rest and len(weights) != len(groups)) or tokens[-1].text != ")":
        fail(
            "Groups that share a row are written mm(a, b) or mm(a, b, weights=[u, v]): two columns "
            "or more that each hold a group of the row, and as many columns of weights.",
            text,
            tokens[0].start,
            tokens[-1].end,
        )
    return tuple(t.column for t in groups), tuple(t.column for t in weights)


def _groups(text: str, tokens: Sequence[Token]) -> list[tuple[str, ...]]:
    """Read ``a``, ``a:b`` or ``a/b``; the innermost column comes first."""
    names = tokens[0::2]
    signs = {token.text for token in tokens[1::2]}
    well_formed = len(tokens) % 2 == 1 and signs <= {":", "/"} and len(signs) <= 1
    if not well_formed or any(token.kind not in {"name", "quoted"} for token in names):
        fail(
            "Right of the bar stands a column, 'a:b' (each combination) or 'a/b' (b within a).",
            text,
            tokens[0].start,
            tokens[-1].end,
        )
    columns = [token.column for token in names]
    if signs == {"/"}:
        return [tuple(reversed(columns[:depth])) for depth in range(1, len(columns) + 1)]
    return [tuple(columns)]
