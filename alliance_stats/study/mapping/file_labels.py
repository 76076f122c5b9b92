"""Labels of columns and values in one file: words in place of codes, and what comes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...errors import listing, plural
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


def in_one_spelling(source: Any, series: pd.Series, table: str, column: str) -> pd.Series:
    """Return words of which those that differ only in case and blanks are one; each is told once.

    The spelling that is there most often is taken.
    """
    if not isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.kind not in "OT":
        return series
    counts = series.value_counts()
    spelled: dict[str, list[str]] = {}
    for word in counts.index[counts.to_numpy() > 0]:
        if isinstance(word, str):
            spelled.setdefault(" ".join(word.split()).casefold(), []).append(word)
    several = {usual: others for usual, *others in spelled.values() if others}
    if not several:
        return series
    taken = {other: usual.strip() for usual, others in several.items() for other in others}
    source.written.columns.setdefault(column, source.frame.get(column, series))
    if f"spelling of {column}" not in source.told:
        source.told.add(f"spelling of {column}")
        told = [
            f"{', '.join(map(repr, others))} as {usual.strip()!r} "
            f"({plural(int(counts[others].sum()), 'row')})"
            for usual, others in several.items()
        ]
        source.notes.add(
            "spelled_differently",
            f"Words of '{column}' that differ only in case and blanks are taken as one: "
            f"{listing(told)}.",
            hint="If they are different, give them different words.",
            level="info",
            table=table,
            column=column,
            at=np.flatnonzero(series.isin(list(taken)).to_numpy()),
        )
    return series.astype(object).map(lambda word: taken.get(word, word))


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
