"""Words and signs of a formula, and errors that mark their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ...errors import FormulaError

LONGEST = 20_000  # characters; a formula of five hundred columns is shorter
DEEPEST = 50  # brackets within brackets
SHOWN = 150  # characters of a long formula that an error shows around the place it marks

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>`[^`]*`)
      | (?P<string>'[^']*'|"[^"]*")
      | (?P<name>\.?[^\W\d][\w.]*)
      | (?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
      | (?P<operator>\|\||\*\*|[=!<>]=|%[^%\s]*%|.)
    """,
    re.VERBOSE | re.DOTALL,
)
OPENING, CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}


@dataclass(frozen=True)
class Token:
    """A word or sign of the formula and where it starts."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Position just behind the token."""
        return self.start + len(self.text)

    @property
    def column(self) -> str:
        """The column a name token speaks of (backticks taken off)."""
        return self.text[1:-1] if self.kind == "quoted" else self.text


def fail(message: str, text: str, start: int, end: int) -> NoReturn:
    """Raise `FormulaError` with the place marked."""
    raise marked(message, text, start, end)


def marked(message: str, text: str, start: int, end: int) -> FormulaError:
    """Return an error with the formula (of a long one, the place) and carets under it."""
    end = max(end, start + 1)
    first = max(0, start - SHOWN // 2) if len(text) > 2 * SHOWN else 0
    last = first + SHOWN if len(text) > 2 * SHOWN else len(text)
    shown = "".join(
        " " if c.isspace() else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for c in text[first:last]
    )
    before, after = "... " * (first > 0), " ..." * (last < len(text))
    marks = " " * (len(before) + start - first) + "^" * (min(end, max(last, start + 1)) - start)
    return FormulaError(f"{message}\n  {before}{shown}{after}\n  {marks}")


def read_tokens(text: str) -> list[Token]:
    """Cut a formula into words and signs; each letter but spaces is in one of them."""
    if len(text) > LONGEST:
        raise FormulaError(
            f"The formula has {len(text):,} characters; {LONGEST:,} are the most that are read."
        )
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "operator"
        if kind != "space":
            found.append(Token(kind, match.group(), match.start()))
    return found


def check_brackets(text: str, tokens: Sequence[Token]) -> None:
    """Raise where a bracket or quotation mark is not closed, or brackets nest too deeply."""
    open_: list[Token] = []
    for token in tokens:
        if token.text in OPENING:
            open_.append(token)
            if len(open_) > DEEPEST:
                message = f"Brackets lie in each other more than {DEEPEST} deep."
                fail(message, text, token.start, token.end)
        elif token.text in CLOSING:
            if not open_ or OPENING[open_[-1].text] != token.text:
                fail(f"'{token.text}' closes nothing.", text, token.start, token.end)
            open_.pop()
        elif token.text in {"'", '"', "`"}:
            fail("A quotation mark is not closed.", text, token.start, token.end)
    if open_:
        fail(f"'{open_[-1].text}' is never closed.", text, open_[-1].start, open_[-1].end)


def signed_terms(text: str, tokens: Sequence[Token]) -> list[tuple[Token, tuple[Token, ...]]]:
    """Split at the ``+`` and ``-`` outside brackets; the first term may have a made-up sign."""
    terms: list[tuple[Token, tuple[Token, ...]]] = []
    current: list[Token] = []
    sign: Token | None = None
    depth = 0
    for token in tokens:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth or token.text not in {"+", "-"}:
            current.append(token)
            continue
        if current:
            terms.append((sign or Token("operator", "+", current[0].start), tuple(current)))
        elif sign is not None:
            fail("Two signs follow each other.", text, sign.start, token.end)
        sign, current = token, []
    if current:
        terms.append((sign or Token("operator", "+", current[0].start), tuple(current)))
    elif sign is not None:
        fail(f"Nothing follows '{sign.text}'.", text, sign.start, sign.end)
    return terms
