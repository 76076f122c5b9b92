"""Patterns of column names, such as ``wai{item}`` or ``wai{item:02d}_s{session}``."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...errors import did_you_mean

PLACEHOLDERS = ("item", "session", "occasion")


class PatternError(ValueError):
    """A pattern cannot be understood."""


Slot = tuple[int | None, str | None]
"""A session and an occasion that stand in the names of columns (None: they are columns)."""


def when_of(slot: Slot) -> str:
    """Return the session or occasion that stands in a column's name, in words."""
    session, occasion = slot
    if session is not None:
        return f"session {session}"
    return "" if occasion is None else f"occasion '{occasion}'"


@dataclass(frozen=True)
class Match:
    """One column a pattern found, and what its name says."""

    column: str
    item: int | None = None
    session: int | None = None
    occasion: str | None = None
    twins: tuple[str, ...] = ()  # other columns whose names say the same


@dataclass(frozen=True)
class Pattern:
    """A pattern of column names."""

    text: str
    names: tuple[str, ...]
    regex: re.Pattern[str]

    def find(self, columns: Iterable[str]) -> list[Match]:
        """Return the columns that fit, in file order.

        A zero in front (``wai01``) fits ``wai{item}`` too, unless ``wai1`` is also there.
        """
        found: dict[tuple[int | None, int | None, str | None], Match] = {}
        for column in columns:
            hit = self.regex.fullmatch(column)
            if hit is None:
                continue
            groups = hit.groupdict()
            match = Match(
                column,
                item=_whole(groups.get("item")),
                session=_whole(groups.get("session")),
                occasion=groups.get("occasion"),
            )
            key = (match.item, match.session, match.occasion)
            other = found.get(key)
            if other is None:
                found[key] = match
                continue
            first, second = sorted((other, match), key=lambda each: len(each.column))
            found[key] = replace(first, twins=(*other.twins, second.column))
        return list(found.values())

    def example(self, **values: object) -> str:
        """Return the pattern with values put in, as in ``wai1``."""
        filled = {"item": 1, "session": 1, "occasion": "pre"} | values
        return self.text.format(**filled)


def parse_pattern(text: str) -> Pattern:
    """Return the pattern a text stands for.

    Raises
    ------
    PatternError
        For an unknown placeholder (the nearest is named), a repeated one, or two side by side.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise PatternError(f"the pattern '{text}' has an unmatched brace ({error})") from None
    regex, names, before = "", [], "start"
    for literal, name, spec, _ in parts:
        regex += re.escape(literal)
        if name is None:
            continue
        if name not in PLACEHOLDERS:
            raise PatternError(
                f"the pattern '{text}' has the placeholder {{{name}}}; known are {{item}}, "
                f"{{session}} and {{occasion}}.{did_you_mean(name, PLACEHOLDERS)}"
            )
        if name in names:
            raise PatternError(f"the pattern '{text}' has {{{name}}} twice")
        if not literal and before == "placeholder":
            raise PatternError(
                f"the pattern '{text}' has two placeholders side by side, so a name cannot be cut "
                "between them"
            )
        regex += f"(?P<{name}>{_group(name, spec or '', text)})"
        names.append(name)
        before = "placeholder"
    return Pattern(text, tuple(names), re.compile(regex))


def _group(name: str, spec: str, text: str) -> str:
    if name == "occasion":
        return r".+?"
    if not spec or spec == "d":
        return r"\d{1,4}"
    padded = re.fullmatch(r"0(\d)d?", spec)
    if padded is None:
        raise PatternError(
            f"the pattern '{text}' asks for the format '{spec}'; write {{{name}}} or {{{name}:02d}}"
        )
    return rf"\d{{{padded[1]},{max(4, int(padded[1]))}}}"


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
