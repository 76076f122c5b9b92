"""Labels of columns and values in one file: words in place of codes, and what comes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ..labels import Labels
from .values import recoded

ARM = "condition"


def in_words(
    source: Any, series: pd.Series, column: str, known: Iterable[str], *, free: bool = False
) -> pd.Series:
    """Return codes as their labels where all these are `known` words (or any word will do)."""
    small = {word.casefold(): word for word in known}
    labels = {c: str(label).strip() for c, label in source.labels.get(column, {}).items()}
    if not labels or not (free or {w.casefold() for w in labels.values()} <= set(small)):
        return series
    words = {code: small.get(w.casefold(), w) for code, w in labels.items()}
    source.written.columns.setdefault(column, source.frame[column])
    return recoded(series, words)


def answer_labels(source: Any, column: str) -> dict[Any, str]:
    """Return code → label of a column, without codes that mean missing."""
    missing = {*source.user_missing.get(column, ()), *source.spec.missing}
    return {c: word for c, word in source.labels.get(column, {}).items() if c not in missing}


def labels_of(source: Any, names: Mapping[str, str]) -> dict[str, Labels]:
    """Return what columns that come along, and their values, are called.

    The arms stand in the tables as words already; their codes say in which order.
    """
    arm = {ARM: source.columns[ARM]} if ARM in source.columns else {}
    names = {**names, **arm}
    found = {}
    recoded_columns = set(source.spec.recode)
    for name, column in names.items():
        if column not in source.labels and column not in source.titles:
            continue
        recoded_here = {name, column} & recoded_columns
        values = {} if recoded_here else source.labels.get(column, {})
        found[name] = Labels(str(source.titles.get(column) or ""), values)
    return {name: labels for name, labels in found.items() if labels}
