"""Random terms as text that can be simplified or extended term by term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from .model_formula import Formula, RandomTerm
from .tokens import signed_terms


@dataclass(frozen=True)
class Term:
    """A random term as text: its effects (the first is ``1`` or ``0``), its group."""

    effects: tuple[str, ...]
    group: str
    correlated: bool

    @classmethod
    def of(cls, term: RandomTerm) -> Term:
        """Return the term of a parsed formula."""
        part, intercept, slopes = term.part, True, []
        for sign, tokens in signed_terms(part.source, part.tokens):
            text = part.source[tokens[0].start : tokens[-1].end]
            if text in {"0", "1"}:
                intercept = (text == "1") == (sign.text == "+")
            elif sign.text == "-":
                return cls((part.text,), term.label, term.correlated)
            else:
                slopes.append(text)
        return cls(("1" if intercept else "0", *slopes), term.label, term.correlated)

    @property
    def several(self) -> bool:
        """Whether effects could be correlated."""
        return len(self.effects) > (2 if self.effects[0] == "0" else 1)

    @property
    def slopes(self) -> tuple[str, ...]:
        """The slopes that can go: all, but one where there is no intercept."""
        return self.effects[1:] if self.several else ()

    def without(self, slope: str) -> Term:
        """Return the term without one of its slopes."""
        return Term(tuple(e for e in self.effects if e != slope), self.group, self.correlated)

    def with_slopes(self, slopes: Sequence[str]) -> Term:
        """Return the term with more slopes."""
        return Term((*self.effects, *slopes), self.group, self.correlated)

    def uncorrelated(self) -> Term:
        """Return the term with ``||``."""
        return Term(self.effects, self.group, False)

    def __str__(self) -> str:
        bar = "|" if self.correlated or not self.several else "||"
        return f"({' + '.join(self.effects)} {bar} {self.group})"


def lowest_first(terms: Sequence[RandomTerm], data: pd.DataFrame) -> list[RandomTerm]:
    """Sort terms from the lowest level, which has the most groups, to the top."""
    return sorted(terms, key=lambda term: -len(data[list(term.group)].drop_duplicates()))


def formula_text(parsed: Formula, terms: Sequence[Term]) -> str:
    """Return the formula's text with these random terms."""
    return " + ".join([f"{parsed.response.text} ~ {parsed.fixed_only()}", *map(str, terms)])
