"""What further columns of a study and their values are called, as SPSS files and others say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from .stages import words_in

AGE_OR_SEX = {"age", "alter", "leeftijd", "edad", "sex", "sexe", "sexo", "gender", "genre",
              "genero", "geschlecht", "geschl", "geslacht", "female", "male"}  # fmt: skip
"""Words of age and sex that a column's name begins or ends with, or its label begins with."""


@dataclass(frozen=True)
class Labels:
    """The label of a column, and those of its values.

    The tables keep the codes, which models may need; codebook, tables and figures show the words.

    Attributes
    ----------
    title
        What the column is called; empty where no file says it.
    values
        Code → word.

    Examples
    --------
    >>> import pandas as pd
    >>> Labels("Sex", {1: "female", 2: "male"}).shown(pd.Series([2.0, 1.0])).tolist()
    ['male', 'female']
    """

    title: str = ""
    values: Mapping[Any, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.title or self.values)

    def masked(self, mask: Callable[[str], str]) -> Labels:
        """Return the labels with what `mask` makes of each text, such as one without ids."""
        return Labels(mask(self.title), {code: mask(word) for code, word in self.values.items()})

    def shown(self, column: pd.Series) -> pd.Series:
        """Return a column with words in place of codes, where each of them has one."""
        if not self.cover(column):
            return column
        words = {_key(code): word for code, word in self.values.items()}
        codes, there = pd.factorize(column)
        table = pd.Series([*(words[_key(value)] for value in there), None], dtype=object)
        return pd.Series(table.to_numpy()[codes], index=column.index, name=column.name)

    def cover(self, column: pd.Series) -> bool:
        """Return whether each value of a column has a word: its codes are categories."""
        known = {_key(code) for code in self.values}
        return bool(known) and {_key(value) for value in column.dropna().unique()} <= known

    def word(self, code: Any) -> str:
        """Return a code with its word (``1 = female``), or the code alone."""
        words = {_key(each): word for each, word in self.values.items()}
        return f"{_key(code)} = {words[_key(code)]}" if _key(code) in words else _key(code)


def labelled(given: Any, column: pd.Series) -> pd.Series:
    """Return a column of a study (or of a table: as it is) with words in place of codes."""
    labels = getattr(given, "labels", None) or {}
    name = str(column.name)
    return labels[name].shown(column) if name in labels else column


def by_code(given: Any, column: pd.Series) -> list[Any]:
    """Return the values of a column of a study (or of a table) in the order of their codes.

    Words stand in the order of the codes that a file's labels gave them, numbers by size, other
    words by letter: the first arm of a trial must not depend on how its arms are called.
    """
    known = (getattr(given, "labels", None) or {}).get(str(column.name), Labels()).values
    coded = [word for _, word in sorted(known.items(), key=lambda pair: _place(pair[0]))]
    at = {word: (-1.0, f"{n:09d}") for n, word in enumerate(coded)}
    there = column.dropna().unique()
    return sorted(there, key=lambda value: at.get(str(value)) or _place(value))


def _place(value: Any) -> tuple[float, str]:
    try:
        return float(value), str(value)
    except (TypeError, ValueError):
        return float("inf"), str(value)


def to_json(labels: Mapping[str, Labels]) -> dict[str, Any]:
    """Return labels as JSON holds them."""
    return {
        name: {"title": one.title, "values": [list(pair) for pair in one.values.items()]}
        for name, one in labels.items()
    }


def from_json(given: Any) -> dict[str, Labels]:
    """Return what `to_json` made; what is none is left out."""
    found = {}
    for name, one in given.items() if isinstance(given, dict) else ():
        if isinstance(one, dict):
            pairs = one.get("values")
            pairs = pairs if isinstance(pairs, list) else []
            values = {p[0]: str(p[1]) for p in pairs if isinstance(p, list) and len(p) == 2}
            found[str(name)] = Labels(str(one.get("title") or ""), values)
    return found


def together(several: Iterable[Mapping[str, Labels]]) -> tuple[dict[str, Labels], list[str]]:
    """Return the labels of several files or studies, and the columns whose codes they contradict.

    Where they do, codes mean different things in different rows, and no words are kept.
    """
    found: dict[str, Labels] = {}
    torn: dict[str, None] = {}
    for labels in several:
        for name, one in labels.items():
            known = found.setdefault(name, one)
            clash = any(known.values.get(c, word) != word for c, word in one.values.items())
            torn |= {name: None} if clash else {}
            found[name] = Labels(known.title or one.title, {**one.values, **known.values})
    return {n: Labels(one.title) if n in torn else one for n, one in found.items()}, list(torn)


def _key(code: Any) -> str:
    if isinstance(code, float) and code.is_integer():
        return str(int(code))
    return str(code)


def of_age_or_sex(name: str, title: str = "") -> bool:
    """Return whether a column's name or label says that it holds an age or a sex."""
    named = words_in(name)
    return not AGE_OR_SEX.isdisjoint({*named[:1], *named[-1:], *words_in(title)[:1]})
