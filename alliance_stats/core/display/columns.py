"""Ready columns for tables: each says which field it takes and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from . import formatting as fmt
from .table import Column

ENDS = ("conf_low", "conf_high")


def text(name: str, label: str, *, words: dict[Any, str] | None = None) -> Column:
    """Return a left-aligned column of text; `words` replaces codes by words."""

    def write(row: pd.Series) -> str:
        value = row[name]
        if fmt.is_missing(value):
            return fmt.MISSING
        return (words or {}).get(value, str(value))

    return Column(label, write, "left")


def cell(name: str, label: str, write: Callable[[Any], str], align: str = "right") -> Column:
    """Return a column whose cells are empty where there is no value."""
    return Column(label, lambda row: "" if fmt.is_missing(row[name]) else write(row), align)


def value(name: str, label: str, write: Callable[[Any], str], align: str = "right") -> Column:
    """Return a column that writes each value of its own; empty where there is none."""
    return cell(name, label, lambda row: write(row[name]), align)


def count(name: str, label: str, *, spanner: str = "") -> Column:
    """Return whole numbers; one that is not there is withheld."""

    def write(row: pd.Series) -> str:
        return "withheld" if fmt.is_missing(row[name]) else fmt.count(row[name])

    return Column(label, write, spanner=spanner)


def number(
    name: str,
    label: str,
    digits: int | str = 2,
    *,
    bounded: bool | str = False,
    about: bool | str = False,
) -> Column:
    """Return numbers; `digits` and `bounded` may name the column that says it row by row.

    With `about` they are marked as rounded: all, or those in whose row the number of people that
    it names is not there. Such a number is written with the decimals that are told of it.
    """

    def write(row: pd.Series) -> str:
        mark, places = _told(row, about, digits, name)
        return mark + fmt.number(row[name], places, bounded=_bounded(row, bounded))

    return Column(label, write)


def interval(
    low: str = "conf_low",
    high: str = "conf_high",
    label: str = "95% CI",
    digits: int | str = 2,
    *,
    bounded: bool | str = False,
    about: bool | str = False,
) -> Column:
    """Return intervals in brackets; `digits`, `bounded` and `about` as in `number`."""

    def write(row: pd.Series) -> str:
        mark, places = _told(row, about, digits, low, high)
        return mark + fmt.interval(row[low], row[high], places, bounded=_bounded(row, bounded))

    return Column(label, write)


def percent(name: str, label: str, digits: int = 1) -> Column:
    """Return shares in per cent."""
    return Column(label, lambda row: fmt.percent(row[name], digits))


def percent_interval(low: str, high: str, label: str = "95% CI") -> Column:
    """Return intervals of shares in per cent."""
    return Column(label, lambda row: fmt.percent_interval(row[low], row[high]))


def p_value(name: str = "p_value", label: str = "p") -> Column:
    """Return p values."""
    return Column(label, lambda row: fmt.p_value(row[name]))


def degrees(name: str = "df", label: str = "df") -> Column:
    """Return degrees of freedom."""
    return Column(label, lambda row: fmt.degrees(row[name]))


def coefficients(frame: pd.DataFrame, *, bounded: bool | str = False) -> list[Column]:
    """Return the columns of a table of effects (estimate to p), decimals fitted to them.

    Rows of ``part`` "Random effects" have an estimate only; their other cells stay empty. A column
    without any value, as of a model whose sizes are withheld, is left out; without errors what
    stands in the others is rounded, and marked so.
    """
    digits, about = fmt.decimals_for(frame["std_error"]), bool(frame["std_error"].isna().all())
    rest = {
        "std_error": number("std_error", "SE", digits),
        "conf_low": interval(digits=digits, about=about),
        "statistic": number("statistic", "t"),
        "df": degrees(),
        "p_value": p_value(),
    }
    there = [column for name, column in rest.items() if frame[name].notna().any()]
    exact = number("estimate", "b", digits, bounded=bounded)
    fixed = number("estimate", "b", digits, bounded=bounded, about=about)

    def write(row: pd.Series) -> str:
        return (exact if row.get("part") == "Random effects" else fixed).write(row)

    return [Column("b", write), *(_only_fixed(column) for column in there)]


def _only_fixed(column: Column) -> Column:
    def write(row: pd.Series) -> str:
        return "" if row.get("part") == "Random effects" else column.write(row)

    return Column(column.label, write, column.align)


def _digits(row: pd.Series, digits: int | str) -> int:
    return int(row[digits]) if isinstance(digits, str) else digits


def _told(row: pd.Series, about: bool | str, digits: int | str, *names: str) -> tuple[str, int]:
    """Return the mark and the decimals of what stands in a row.

    What is rounded, so that no number of people follows from it, is rounded by its interval:
    without one it is as others are.
    """
    rounded = fmt.is_missing(row[about]) if isinstance(about, str) else about
    together = [row[name] for name in dict.fromkeys([*names, *ENDS]) if name in row]
    if not rounded or any(map(fmt.is_missing, together)):
        return "", _digits(row, digits)
    return f"{fmt.ABOUT} ", fmt.decimals_told([*together, row.get("estimate"), row.get("mean")])


def _bounded(row: pd.Series, bounded: bool | str) -> bool:
    return bool(row[bounded]) if isinstance(bounded, str) else bounded
