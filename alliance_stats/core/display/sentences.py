"""A result in sentences: what was found, in APA style, and what was done, for a methods section."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from ..yaml_reading import read_yaml
from . import formatting as fmt
from .journal import in_places, written
from .table import Table

SENTENCES = 30
"""So many terms are told in sentences; of more it says how many there are."""
SIGNS = ("t", "z", "F", "χ²", "Statistic")


def findings(
    tidy: pd.DataFrame, as_table: Callable[[pd.DataFrame], Table], confidence: float
) -> list[str]:
    """Return one sentence a term: its estimate, interval, test and p value, where there are any."""
    told = tidy[tidy["effect"].ne("random") & tidy["estimate"].notna()]
    if told.empty:
        return []
    table = as_table(told.head(SENTENCES))
    said = [_sentence(table, row, confidence) for _, row in table.frame.iterrows()]
    if len(told) > SENTENCES:
        said.append(f"{len(told) - SENTENCES} more terms stand in the table.")
    return said


def _sentence(table: Table, row: pd.Series, confidence: float) -> str:
    cell = {column.label: column.write(row) for column in table.columns}
    part = str(row["part"]).removesuffix("Fixed effects").removesuffix(": ") if table.group else ""
    part = "" if part == "Overall" else part
    name = f"{part}: {row['label']}" if part else row["label"]
    said = [row.get(column) for column in ("where", "reading", "level", "subgroup", "compared")]
    said[0] = in_places(said[0]) if isinstance(said[0], str) else said[0]
    places = [word for word in said if isinstance(word, str) and word]
    if not fmt.is_missing(row.get("wave")):
        places.append(f"wave {row['wave']:g}")
    about = f" ({', '.join(places)})" if places else ""
    numbers = [*_estimate(cell, row, confidence), *_test(cell, row)]
    return f"{name}{about}: {', '.join(numbers)}."


def _estimate(cell: Mapping[str, str], row: pd.Series, confidence: float) -> list[str]:
    """Return the estimate with its error and interval, and as a ratio where it is one."""
    coefficient = cell.get("SE") and cell.get("p") and not row["bounded"]
    numbers = []
    head = next((label for label in cell if label.startswith("Estimate")), "")
    if head and cell[head]:
        unit = head.removeprefix("Estimate").strip(" ()")
        told = fmt.equation("b" if coefficient else "estimate", cell[head])
        numbers.append(f"{told} {unit}".strip())
    if cell.get("SE"):
        numbers.append(fmt.equation("SE", cell["SE"]))
    level = f"{100 * confidence:g}% CI"
    level = next((label for label in cell if label.startswith(level)), level)
    if cell.get(level):
        numbers.append(f"{level} {cell[level]}")
    for label, written_as in cell.items():
        ratio, _, rest = label.partition(" [")
        if rest and written_as:
            numbers.append(fmt.equation(ratio, written_as.replace(" [", f", {level} [")))
    return numbers


def _test(cell: Mapping[str, str], row: pd.Series) -> list[str]:
    """Return the statistic with its degrees of freedom, and p."""
    numbers = []
    df: Any = row.get("df")
    finite = not fmt.is_missing(df) and isfinite(df)
    letter = next((sign for sign in SIGNS if cell.get(sign)), "")
    if letter and cell.get("p"):
        own = letter if letter not in ("t", "z", "Statistic") else "t" if finite else "z"
        if letter == "Statistic" and not cell.get("SE"):
            own = "statistic"
        sign = f"{own}({fmt.degrees_of(row)})" if finite else own
        numbers.append(fmt.equation(sign, cell[letter]))
    if cell.get("p"):
        numbers.append(fmt.p_sentence(row["p_value"]).replace("\u00a0", " "))
    if not fmt.is_missing(row.get("p_adjusted")):
        numbers.append(f"adjusted {fmt.p_sentence(row['p_adjusted'])}".replace("\u00a0", " "))
    return numbers


@cache
def _entries() -> dict[str, Any]:
    return dict(read_yaml(Path(__file__).with_name("methods.yaml")).value)


def has_words(kind: str) -> bool:
    """Return whether ``methods.yaml`` says what was done for this kind of result."""
    return kind in _entries()


def what_was_done(kind: str, facts: Mapping[str, Any]) -> str:
    """Return what was done in one sentence, filled from the facts of a result."""
    words = " ".join(_entries()[kind]["done"].split())
    return words.format_map({name: _fact(name, value) for name, value in facts.items()})


def methods_paragraph(kind: str, facts: Mapping[str, Any], confidence: float) -> str:
    """Return the paragraph of a methods section: what was done, with what, after whom."""
    said = [what_was_done(kind, facts)]
    if facts.get("has_intervals"):
        said.append(f"Intervals are at {100 * confidence:g} %.")
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas"))
    said.append(
        f"Computed with alliance_stats {version('alliance_stats')} (Python "
        f"{platform.python_version()}; {versions})."
    )
    sources = [one.format_map(facts) for one in _entries()[kind].get("sources", [])]
    told = "; ".join(filter(None, sources))
    if told:
        said.append(f"Sources of the method: {told}.")
    return " ".join(said)


def _fact(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value if name in ("rule", "formula") or " " in value else value.replace("_", " ")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = written(value)
        return text.replace("0.", ".", 1) if fmt.is_bounded(name) and abs(value) < 1 else text
    return "none" if value is None else str(value)
