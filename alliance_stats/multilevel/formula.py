"""Reading a model formula in lme4's language.

``y ~ x + (1 + x | client) + (1 | therapist)`` becomes a response, a fixed part and random
terms. Only the grammar lives here; turning parts into columns is the business of `terms`.
Every error shows the formula and marks the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..errors import did_you_mean, listing
from .tokens import CLOSING, OPENING, Token, check_brackets, fail, read_tokens, signed_terms

_CONSTANTS = frozenset({"True", "False", "None"})


@dataclass(frozen=True)
class Part:
    """One side of the formula, or the part of a random term left of its bar."""

    source: str
    tokens: tuple[Token, ...]

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
        """The part as the formula library reads it: odd column names in backticks."""
        named = {id(token) for token in self.column_tokens()}
        words, end = [], self.start
        for token in self.tokens:
            odd = id(token) in named and token.kind == "name" and not token.text.isidentifier()
            word = f"`{token.text}`" if odd else token.text.replace("^", "**")
            words.append(" " + word if token.start > end else word)
            end = token.end
        return "".join(words)

    def column_tokens(self) -> list[Token]:
        """Return the tokens that name columns: not functions, not keyword arguments."""
        found = []
        for position, token in enumerate(self.tokens):
            following = self.tokens[position + 1].text if position + 1 < len(self.tokens) else ""
            if token.kind == "quoted" or (
                token.kind == "name"
                and following not in {"(", "="}
                and token.text not in _CONSTANTS
            ):
                found.append(token)
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns used, each once, in order."""
        return tuple(dict.fromkeys(token.column for token in self.column_tokens()))

    def simple_terms(self) -> tuple[bool, tuple[tuple[str, ...], ...]] | None:
        """Return (intercept, products of columns), or None where a library has to read it.

        Simple means names joined by ``:`` or ``*`` and added; then the model matrix is made of
        plain products and the cost of a general formula library can be spared.
        """
        intercept = True
        terms: dict[frozenset[str], tuple[str, ...]] = {}
        for sign, tokens in signed_terms(self.source, self.tokens):
            if len(tokens) == 1 and tokens[0].text in {"0", "1"}:
                intercept = (tokens[0].text == "1") == (sign.text == "+")
                continue
            if sign.text == "-" or not _is_product(tokens):
                return None
            for names in _expand_product(tokens):
                terms.setdefault(frozenset(names), names)
        return intercept, tuple(sorted(terms.values(), key=len))


@dataclass(frozen=True)
class RandomTerm:
    """``(part | group)``: which effects vary over which groups.

    `group` names the columns whose combination makes a group, the innermost first, as in
    lme4's ``client:therapist``.
    """

    part: Part
    group: tuple[str, ...]
    correlated: bool
    start: int
    end: int

    @property
    def label(self) -> str:
        """The group as results name it."""
        return ":".join(self.group)


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
            names += [*term.part.columns, *term.group]
        return tuple(dict.fromkeys(names))

    def check_columns(self, present: Iterable[object]) -> None:
        """Raise `FormulaError` where the formula names a column that is not there."""
        known = [str(name) for name in present]
        for name in self.columns:
            if name in known:
                continue
            token = next(t for t in read_tokens(self.text) if t.column == name)
            fail(
                f"The formula names the column '{name}', which the data do not have."
                f"{did_you_mean(name, known)} The columns are {listing(known, 12)}.",
                self.text,
                token.start,
                token.end,
            )

    def fixed_only(self) -> str:
        """Return the fixed side as text, for showing."""
        return self.fixed.text if self.fixed else "1"


@lru_cache(maxsize=256)
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
    text = re.sub(r"\s", " ", text)
    tokens = read_tokens(text)
    check_brackets(text, tokens)
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
    if not response.columns:
        fail("The outcome left of '~' must be a column.", text, response.start, response.end)
    return Formula(text, response, fixed, tuple(random))


def _split_right(text: str, tokens: Sequence[Token]) -> tuple[Part | None, list[RandomTerm]]:
    fixed: list[Token] = []
    random: list[RandomTerm] = []
    for sign, term in signed_terms(text, tokens):
        bars = [i for i, token in enumerate(term) if token.text in {"|", "||"}]
        if not bars:
            fixed += [sign, *term]
            continue
        if term[0].text != "(" or term[-1].text != ")" or _closes_early(term):
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


def _closes_early(term: Sequence[Token]) -> bool:
    depth = 0
    for token in term[:-1]:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0:
            return True
    return False


def _random_terms(text: str, term: Sequence[Token], bar: int) -> list[RandomTerm]:
    effects, groups = term[1:bar], term[bar + 1 : -1]
    sign = term[bar]
    if not effects or not groups:
        side = "left" if not effects else "right"
        fail(f"Nothing stands {side} of the bar.", text, sign.start, sign.end)
    signed_terms(text, effects)
    part = Part(text, tuple(effects))
    start, end = term[0].start, term[-1].end
    return [
        RandomTerm(part, group, sign.text == "|", start, end) for group in _groups(text, groups)
    ]


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


def _is_product(tokens: Sequence[Token]) -> bool:
    names, signs = tokens[0::2], tokens[1::2]
    return (
        len(tokens) % 2 == 1
        and all(token.kind in {"name", "quoted"} for token in names)
        and all(token.text in {":", "*"} for token in signs)
    )


def _expand_product(tokens: Sequence[Token]) -> list[tuple[str, ...]]:
    """Expand ``a*b`` to ``a``, ``b``, ``a:b``; ``:`` binds more tightly than ``*``."""
    factors: list[tuple[str, ...]] = [(tokens[0].column,)]
    for sign, name in zip(tokens[1::2], tokens[2::2], strict=True):
        if sign.text == ":":
            factors[-1] = (*factors[-1], name.column)
        else:
            factors.append((name.column,))
    products: list[tuple[str, ...]] = []
    for factor in factors:
        products += [factor, *((*product, *factor) for product in [*products])]
    return [tuple(dict.fromkeys(product)) for product in products]
