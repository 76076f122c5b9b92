"""Families of columns: item columns of one form, and columns of one total over sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...errors import listing
from ..frames import stacked_texts
from .names import Named, cut, is_session_word, measures_in, scale_in
from .values import numbers

SUSPECTS = (-9, -99, -999, -1, -8, -7, 9, 99, 999, 88, 77, 98, 97)
"""Numbers that labs write for "no answer"."""

TYPING_ERRORS = 0.01
"""Share of answers that may lie outside a form's range and still be typing errors."""


@dataclass(frozen=True)
class Guess:
    """A measure guessed from columns, as it stands in ``study.yaml``.

    `doubt` says what a person should check; `missing` are codes for missing that stand out.
    """

    entry: dict[str, Any]
    columns: tuple[str, ...]
    doubt: str = ""
    missing: tuple[int, ...] = ()


@dataclass
class _Family:
    pattern: str
    stem: str
    after: str
    columns: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def items(self) -> set[int]:
        return {item for item, _ in self.columns}


def guess_measures(
    frame: pd.DataFrame, names: list[str], registry: Any, *, by_session: bool = False
) -> tuple[list[Guess], dict[str, str]]:
    """Return the measures found among columns, and why likely columns were not placed.

    `by_session`: a column counts the sessions, so the lone number in a name is no session
    (``WAI_T01`` is an item of the therapist's form, not a score of session 1).
    """
    guesses: list[Guess] = []
    why: dict[str, str] = {}
    left = list(names)
    numeric = _number_columns(frame[names])
    for family in _item_families(names, numeric, by_session):
        guess = _of_items(frame, family, registry, why)
        if guess is not None:
            guesses.append(guess)
            placed = set(guess.columns)
            left = [name for name in left if name not in placed]
    totals, left = ([], left) if by_session else _session_totals(left, numeric, registry)
    guesses += totals
    there = [guess.entry["measure"] for guess in guesses]
    for name in left:
        found = _of_total(name, registry, there) if name in numeric else None
        if found is not None:
            guesses.append(found)
    return guesses, why


# -- items ------------------------------------------------------------------------------------


def _item_families(names: list[str], numeric: set[str], by_session: bool) -> list[_Family]:
    families: dict[str, _Family] = {}
    for name in names:
        parts = cut(name)
        if parts is None or "{" in name or name not in numeric:
            continue
        if parts.second:
            item_first = is_session_word(parts.between)
            session_first = is_session_word(parts.before)
            if not item_first and not session_first:
                continue
            pair = (parts.first, parts.second) if item_first else (parts.second, parts.first)
            slots = ("{item}", "{session}") if item_first else ("{session}", "{item}")
            pattern = f"{parts.before}{slots[0]}{parts.between}{slots[1]}{parts.after}"
            stem = parts.before if item_first else re.sub(r"[^a-zA-Z]+$", "", parts.between)
        else:
            if not by_session and is_session_word(parts.before):
                continue
            pair = (parts.first, "0")
            slot = "{item:02d}" if parts.first.startswith("0") else "{item}"
            pattern, stem = f"{parts.before}{slot}{parts.after}", parts.before
        key = pattern.replace("{item:02d}", "{item}")
        family = families.setdefault(key, _Family(pattern, stem, parts.after))
        if "02d" in pattern:
            family.pattern = pattern
        family.columns[int(pair[0]), int(pair[1])] = name
    return [f for f in families.values() if len(f.items) >= 3 and min(f.items) == 1]


def _of_items(
    frame: pd.DataFrame, family: _Family, registry: Any, why: dict[str, str]
) -> Guess | None:
    columns = tuple(family.columns.values())
    values, counts = _answers(frame, columns)
    named, fitting = _named(family, values, registry)
    slips = values[:0]
    if named is None:
        values, slips = _without_rare(values, counts)
        named, fitting = _named(family, values, registry)
    if named is None:
        near = [c.name for c in fitting if c.n_items == max(family.items)]
        hint = f"; the numbers would fit {', '.join(near[:5])}" if near else ""
        for name in columns:
            why[name] = f"looks like one of {len(family.items)} items of an unknown form{hint}"
        return None
    card = min(fitting, key=lambda c: (c.n_items != max(family.items), c.range.high))
    rater, doubt = _whose(card, named)
    others = [each.name for each in fitting if each.name != card.name]
    if others:
        doubt = "; ".join(filter(None, [doubt, f"could also be {', '.join(others)}"]))
    lost = [item for item in card.items if item not in family.items]
    missing_item = f"no column for item {lost[0]}" if lost else ""
    doubt = "; ".join(filter(None, [doubt, missing_item, _outside(slips, card)]))
    entry = {"measure": card.name, "rater": rater, "items": family.pattern}
    return Guess(entry, columns, doubt, _codes(values, card))


def _answers(frame: pd.DataFrame, columns: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the different answers in columns and how often each was given."""
    values = np.concatenate([numbers(series)[0] for _, series in frame[list(columns)].items()])
    return np.unique(values[~np.isnan(values)], return_counts=True)


def _without_rare(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers without the rarest ones, which may be typing errors, and these."""
    rarest = np.argsort(counts, kind="stable")
    rare = np.zeros(len(values), dtype=bool)
    rare[rarest[np.cumsum(counts[rarest]) <= TYPING_ERRORS * counts.sum()]] = True
    slip = rare & ~np.isin(values, SUSPECTS)
    return values[~slip], values[slip]


def _outside(slips: np.ndarray, card: Any) -> str:
    """Return in words which rare answers the form does not have."""
    low, high = card.range
    odd = [f"{value:g}" for value in slips if not low <= value <= high]
    return f"{listing(odd)} among the answers must be typing errors" if odd else ""


def _named(family: _Family, values: np.ndarray, registry: Any) -> tuple[Named | None, list[Any]]:
    """Return the measure a family's name says, with the cards that its values fit."""
    for stem in (family.stem + family.after, family.stem):
        for named in measures_in(stem, registry):
            cards = [registry.find(name) for name in named.cards]
            fitting = [card for card in cards if _fits(card, family.items, values)]
            if fitting:
                return named, fitting
    return None, [card for card in registry.values() if _fits(card, family.items, values)]


def _fits(card: Any, items: set[int], values: np.ndarray) -> bool:
    if not card.items or max(items) > card.n_items or len(items) < 0.8 * card.n_items:
        return False
    low, high = card.range
    odd = [value for value in values if not low <= value <= high]
    return all(value in SUSPECTS for value in odd)


def _codes(values: np.ndarray, card: Any) -> tuple[int, ...]:
    low, high = card.range
    return tuple(int(v) for v in values if not low <= v <= high and float(v).is_integer())


def _whose(card: Any, named: Named) -> tuple[str, str]:
    if named.rater in card.raters:
        return named.rater, ""
    if len(card.raters) == 1:
        return next(iter(card.raters)), ""
    return "client", "the rater is assumed"


def _number_columns(frame: pd.DataFrame) -> set[str]:
    """Return the columns that hold numbers, but for one cell in twenty."""
    kinds = [isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in frame.dtypes]
    plain = np.array(kinds, dtype=bool)
    filled = frame.loc[:, plain].notna().any().to_numpy()
    found = set(frame.columns[plain][filled])
    texts, stack = stacked_texts(frame)
    others = frame.loc[:, ~plain].drop(columns=texts)
    asked = {str(name): series for name, series in others.items() if series.dtype.kind not in "Mm"}
    return found | {
        *_mostly_numbers(texts, stack, len(frame)),
        *(n for n, series in asked.items() if _mostly_numbers([str(n)], series, len(series))),
    }


def _mostly_numbers(names: list[str], stack: pd.Series, n_rows: int) -> list[str]:
    """Return those of the columns, one below the other in `stack`, that hold numbers."""
    values, bad = numbers(stack)
    there = (~np.isnan(values)).reshape(len(names), n_rows).sum(axis=1)
    n_bad = np.bincount(bad // max(n_rows, 1), minlength=len(names))
    mostly = (there > 0) & (n_bad <= 0.05 * (there + n_bad))
    return [name for name, each in zip(names, mostly, strict=True) if each]


# -- totals -----------------------------------------------------------------------------------


def _session_totals(
    names: list[str], numeric: set[str], registry: Any
) -> tuple[list[Guess], list[str]]:
    """Return totals with the session in the name (``bdi_s1`` ... ``bdi_s12``)."""
    families: dict[str, list[str]] = {}
    for name in names:
        parts = cut(name)
        plain = parts is not None and not parts.second and not parts.after
        if parts and plain and is_session_word(parts.before) and name in numeric:
            families.setdefault(parts.before, []).append(name)
    guesses = []
    for before, columns in families.items():
        stem = re.sub(r"[_.\- ]?[a-zA-Z]+[_.\- ]?$", "", before)
        names_found = measures_in(stem, registry) if len(columns) >= 2 else []
        if not names_found:
            continue
        named = names_found[0]
        card = registry.find(named.cards[0])
        rater, doubt = _whose(card, named)
        if len(named.cards) > 1:
            doubt = "; ".join(filter(None, [doubt, f"could be {', '.join(named.cards)}"]))
        entry = {"measure": card.name, "rater": rater, "score": before + "{session}"}
        guesses.append(Guess(entry, tuple(columns), doubt))
    placed = {name for guess in guesses for name in guess.columns}
    return guesses, [name for name in names if name not in placed]


def _of_total(name: str, registry: Any, there: list[str]) -> Guess | None:
    """Return a total such as ``oq_total``, ``phq9`` or ``wai_bond``.

    `there` are the measures whose items were found: a total goes with its items.
    """
    for named in measures_in(name, registry):
        for card_name in sorted(named.cards, key=lambda each: each not in there):
            card = registry.find(card_name)
            scale = scale_in(named.rest, card.scales) if card.scales else None
            if scale is None:
                continue
            rater, doubt = _whose(card, named)
            others = [each for each in named.cards if each != card_name]
            if others and card_name not in there:
                doubt = "; ".join(filter(None, [doubt, f"could also be {', '.join(others)}"]))
            entry: dict[str, Any] = {"measure": card.name, "rater": rater}
            entry["score"] = name if scale == "total" else {scale: name}
            return Guess(entry, (name,), doubt)
    return None
