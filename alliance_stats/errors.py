"""The package's errors and warnings.

Every message says what was expected, what came, where (column, first ids, how many) and what
to do. The helpers here build the parts that recur, so that messages read alike everywhere.
"""

from __future__ import annotations

import difflib
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

PACKAGE = os.path.join(os.path.dirname(__file__), "")


def printable(text: str) -> str:
    r"""Return a text that moves no cursor: control and format characters as ``\x1b``.

    Names of columns come from files, and a terminal would obey what they hold.
    """
    if text.isprintable():
        return text
    return "".join(
        c
        if c in "\n\t" or c.isprintable() or unicodedata.category(c) == "Zs"
        else c.encode("unicode_escape").decode()
        for c in text
    )


class AllianceStatsError(Exception):
    """Base of every error this package raises on purpose."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ColumnError(AllianceStatsError, ValueError):
    """A table lacks a column, or a column does not hold what it should."""


class DesignError(AllianceStatsError, ValueError):
    """The data cannot carry the model or the question asked of them."""


class ScoreError(ColumnError, DesignError):
    """No score, or more than one, is what was named; the message says which there are."""


class ArgumentError(DesignError, TypeError):
    """An argument is not of the kind its function takes; the message says which it takes."""


class MeasureError(AllianceStatsError, ValueError):
    """A measure is unknown, its card is faulty, or answers do not fit it."""


class FormulaError(AllianceStatsError, ValueError):
    """A model formula cannot be read; the message marks the place."""


class ReadError(AllianceStatsError, ValueError):
    """A file cannot be read as the table it should be; the attributes say where and what to do."""

    def __init__(
        self,
        message: str,
        *,
        rule: str = "unreadable_file",
        hint: str = "",
        sheet: str = "",
        row: int | None = None,
        column: str = "",
        cell: str = "",
    ) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.rule = rule
        self.hint = hint
        self.sheet = sheet
        self.row = row
        self.column = column
        self.cell = cell


class DataValidationError(AllianceStatsError, ValueError):
    """A study breaks a rule of level ``error``; ``.report`` (a `ValidationReport`) says all."""

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class StudyLacksError(DesignError):
    """A study lacks a table or ratings that are asked of it; the message says how to add them."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows instead of a traceback: the one sentence that helps."""
        return [str(self)]


class AllianceStatsWarning(UserWarning):
    """Base of the package's warnings."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ConvergenceWarning(AllianceStatsWarning):
    """An optimiser stopped before the conditions of an optimum held."""


class SingularFitWarning(AllianceStatsWarning):
    """A variance is estimated as zero, or a correlation as one: the model is on its boundary."""


class FewClustersWarning(AllianceStatsWarning):
    """So few therapists (or clients) that usual intervals are too narrow."""


def warn(message: str, kind: type[Warning]) -> None:
    """Warn at the line outside the package that led here, however many of ours lie between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, kind, stacklevel=level)


def nearest(name: object, allowed: Iterable[object]) -> str | None:
    """Return the allowed name closest to `name`, or None where none is close."""
    names = [str(item) for item in allowed]
    folded = {item.casefold(): item for item in names}
    hit = difflib.get_close_matches(str(name).casefold(), list(folded), n=1, cutoff=0.6)
    return folded[hit[0]] if hit else None


def did_you_mean(name: object, allowed: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"``, or an empty string where no name is near."""
    hit = nearest(name, allowed)
    return f" Did you mean '{hit}'?" if hit else ""


def _word(item: Any) -> str:
    """Return an item as it stands in a list; what has no words of its own by its type."""
    return (
        f"a {type(item).__name__}"
        if type(item).__str__ is object.__str__ and (type(item).__repr__ is object.__repr__)
        else str(item)
    )


def listing(items: Iterable[Any], limit: int = 5) -> str:
    """Return the first `limit` items in words and how many follow: ``'a, b, ... (12 in all)'``."""
    everything = list(items)
    shown = ", ".join(_word(item) for item in everything[:limit])
    return shown if len(everything) <= limit else f"{shown}, ... ({len(everything)} in all)"


def plural(n: int, one: str, many: str = "") -> str:
    """Return ``1 client`` or ``1,200 clients``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def require_columns(columns: Iterable[object], wanted: Sequence[str], *, what: str) -> None:
    """Raise `ColumnError` where a wanted column is missing, naming the nearest that is there.

    Parameters
    ----------
    columns
        The columns that are there (``data.columns``).
    wanted
        The columns the caller cannot do without.
    what
        The table in words, as in ``"the scores"``; it opens the message.
    """
    present = [str(column) for column in columns]
    there = set(present)
    missing = [name for name in wanted if name not in there]
    if not missing:
        return
    hints = "".join(did_you_mean(name, present) for name in missing[:1])
    raise ColumnError(
        f"{what[0].upper()}{what[1:]} must have the column{'s' * (len(missing) > 1)} "
        f"{listing(missing)}; the columns are {listing(present, 12)}.{hints}"
    )
