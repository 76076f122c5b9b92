"""Ids that stand again in other columns: found and replaced, alone, in texts and as numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

COPIED = 0.9
"""A column that equals the row's own id in that share of its rows is a copy of it."""


def replacer(names: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that puts names for ids wherever a text holds one, the longest first.

    An id counts where it stands for itself, not inside a longer word, in lower or upper case.
    The search looks up each word of the text, so its time does not grow with the number of ids.
    """
    by_first: dict[str, list[str]] = defaultdict(list)
    lower = {one.lower(): name for one, name in names.items() if one.strip()}
    for one in sorted(lower, key=len, reverse=True):
        by_first[re.findall(r"\w+|\W", one)[0]].append(one)

    def replaced(text: str) -> str:
        folded = text.lower()
        if len(folded) != len(text):
            folded = text
        out, end = [], 0
        for token in re.finditer(r"\w+|\W", folded):
            start = token.start()
            if start < end:
                continue
            for one in by_first.get(token.group(), ()):
                stop = start + len(one)
                inside = folded[stop - 1 : stop + 1].isalnum() and stop < len(folded)
                if folded.startswith(one, start) and not inside:
                    out += [text[end:start], lower[one]]
                    end = stop
                    break
        return "".join([*out, text[end:]])

    return replaced


def is_telling(one: str) -> bool:
    """Say whether an id can be known in a text: not a number or a letter as scores are."""
    coded = bool(re.search(r"\d", one)) and not one.isdigit() and len(one) >= 3
    return coded or len(one) >= 6 or (len(one) >= 5 and bool(re.search(r"\W", one)))


def without_copies(
    frame: pd.DataFrame, ids: Mapping[str, pd.Series], names: Mapping[str, Mapping[str, str]],
    replace: Callable[[str], str], kept: frozenset[str],
) -> tuple[pd.DataFrame, list[str]]:  # fmt: skip
    """Return the frame with pseudonyms for ids in every other column, and the columns changed.

    `ids` are the frame's id columns as they were, `names` id → pseudonym by id column, `replace`
    made by `replacer` of the telling ids, `kept` the columns of the schema, whose words are no ids.
    """
    changed = {}
    for column in frame.columns:
        if column in names or column in kept:
            continue
        values = frame[column]
        copy_of = next((name for name, own in ids.items() if _is_copy(values, own)), None)
        if copy_of is not None:
            own = ids[copy_of].map(names[copy_of], na_action="ignore")
            changed[column] = own.where(values.notna(), None)
        elif _holds_text(values):
            texts = {one for one in values if isinstance(one, str)}
            new = {one: replace(one) for one in texts}
            if any(one != other for one, other in new.items()):
                cells = [new.get(v, v) if isinstance(v, str) else v for v in values]
                changed[column] = type(values)(cells, index=values.index, dtype=object)
    return frame.assign(**changed), [str(column) for column in changed]


def _holds_text(values: pd.Series) -> bool:
    from pandas.api import types

    return not (
        types.is_numeric_dtype(values.dtype)
        or types.is_bool_dtype(values.dtype)
        or types.is_datetime64_any_dtype(values.dtype)
    )


def _is_copy(values: pd.Series, own: pd.Series) -> bool:
    """Say whether a column is the row's own id again, as text or as number."""
    filled = values.notna() & own.notna()
    if own[filled].nunique() < 2:
        return False
    texts = own[filled].astype(str).str.strip()
    seen = values[filled].astype(object).map(_as_text)
    return bool((texts.str.lower() == seen).mean() >= COPIED)


def _as_text(value: object) -> str:
    """Return 7, 7.0 and ' 7' as the same text."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip().lower()
