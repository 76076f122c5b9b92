"""Words and signs of a formula, and errors that mark their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..errors import FormulaError

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>`[^`]*`)
      | (?P<string>'[^']*'|"[^"]*")
      | (?P<name>[^\W\d][\w.]*)
      | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
      | (?P<operator>\|\||\*\*|[=!<>]=|.)
    """,
    re.VERBOSE,
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
        return self.text.strip("`")


def fail(message: str, text: str, start: int, end: int) -> NoReturn:
    """Raise `FormulaError` with the formula and a caret line under the place."""
    marks = " " * start + "^" * max(end - start, 1)
    raise FormulaError(f"{message}\n  {text}\n  {marks}")


def read_tokens(text: str) -> list[Token]:
    """Cut a formula into words and signs."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "operator"
        if kind != "space":
            found.append(Token(kind, match.group(), match.start()))
    return found


def check_brackets(text: str, tokens: Sequence[Token]) -> None:
    """Raise where a bracket or quotation mark is not closed."""
    open_: list[Token] = []
    for token in tokens:
        if token.text in OPENING:
            open_.append(token)
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
