"""The rule about items stored reversed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .forms import Forms, forms_of, reversed_in_file
from .registry import Finding, rule
from .view import StudyView
from .words import series_of

FEWEST_FORMS = 30  # below this an item-rest correlation says nothing
MOST_FORMS = 5_000  # more forms do not make a correlation clearer; an even sample is enough
AGAINST = -0.2  # a correlation below this is no longer chance or a weak item
ERRORS_OFF = 3.0  # and it lies this many standard errors (over clients) below zero


@rule(
    "stored_reversed",
    level="warning",
    stage="meaning",
    looks_for="items that run against the rest of their scale, as if stored reversed",
)
def stored_reversed(view: StudyView) -> Iterator[Finding]:
    """Find items that correlate negatively with the rest of their scale after the card's key."""
    for forms, against, n in turned_forms(view):
        yield _reversed_finding(view, forms, against, n)


def turned_forms(view: StudyView) -> list[tuple[Forms, list[int], int]]:
    """Return the forms with items against their scale, these items, and how many were asked."""
    if "against" not in view.remembered:
        view.remembered["against"] = list(_turned_forms(view))
    return view.remembered["against"]


def _turned_forms(view: StudyView) -> Iterator[tuple[Forms, list[int], int]]:
    for forms in forms_of(view):
        complete = np.flatnonzero(forms.complete)
        if len(complete) < FEWEST_FORMS or len(forms.card.items) < 3:
            continue
        step = -(-len(complete) // MOST_FORMS)
        chosen = complete[::step]
        limit = min(AGAINST, -ERRORS_OFF / np.sqrt(len(np.unique(forms.client[chosen]))))
        keyed = _keyed(forms, forms.answers[chosen], already=reversed_in_file(view, forms))
        against = _against(forms.card, keyed, limit)
        if against:
            yield forms, against, keyed.shape[0]


def _keyed(forms: Forms, answers: np.ndarray, *, already: bool) -> np.ndarray:
    keyed = answers.astype(float)
    for item in () if already else forms.card.reversed_items:
        low, high = forms.card.item_range(item)
        keyed[:, item - 1] = low + high - keyed[:, item - 1]
    return keyed


def _against(card: Any, keyed: np.ndarray, limit: float) -> list[int]:
    """Return the items that run against their scale.

    The items the card reverses are tried together first: where a file holds them reversed, they
    pull the rest of the scale along, and single correlations hide it.
    """
    for _, items in _own_scales(card):
        columns = np.array(items) - 1
        turned = np.isin(items, card.reversed_items)
        if turned.any() and not turned.all():
            block = _correlation(
                keyed[:, columns[turned]].sum(axis=1), keyed[:, columns[~turned]].sum(axis=1)
            )
            if block < limit:
                return sorted(card.reversed_items)
    found: set[int] = set()
    for _, items in _own_scales(card):
        columns = np.array(items) - 1
        total = keyed[:, columns].sum(axis=1)
        for item, column in zip(items, columns, strict=True):
            if _correlation(keyed[:, column], total - keyed[:, column]) < limit:
                found.add(int(item))
    return sorted(found)


def _own_scales(card: Any) -> list[tuple[str, tuple[int, ...]]]:
    """Return the scales whose items belong together: the largest, and those that are apart."""
    scales = [(name, tuple(scale)) for name, scale in card.scales.items() if len(tuple(scale)) >= 3]
    return sorted(scales, key=lambda entry: (-len(entry[1]), entry[0]))[:1] or scales


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    left, right = left - left.mean(), right - right.mean()
    size = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / size if size > 0 else 0.0


def _reversed_finding(view: StudyView, forms: Forms, items: list[int], n: int) -> Finding:
    card = forms.card
    named = f"item{'s' * (len(items) > 1)} {series_of(items, 12)}"
    keyed = set(items) & set(card.reversed_items)
    if keyed and reversed_in_file(view, forms):
        hint = "study.yaml says 'reversed: true' for this form; take it out if the file holds the "
        hint += "answers as given."
    elif keyed:
        hint = "The file probably holds them already reversed: say 'reversed: true' for this form "
        hint += "in study.yaml."
    else:
        hint = "Look whether the column was reversed, or belongs to another item."
    rows = _rows_of_item(view, forms, items[0])
    return Finding(
        "ratings",
        f"In '{card.name}' ({forms.rater}) {named} {'runs' if len(items) == 1 else 'run'} against "
        f"the rest of the scale in {n:,} complete forms, as if stored reversed.",
        rows[:1],
        column="value",
        hint=hint,
        values=np.array([None], dtype=object),
        topic="column",
    )


def _rows_of_item(view: StudyView, forms: Forms, item: int) -> np.ndarray:
    codes = view.codes("ratings", "measure"), view.codes("ratings", "rater")
    mine = view.numbers("ratings", "item") == item
    mine &= codes[0].where(
        np.array([view.registry.get(v) is forms.card for v in codes[0].values], dtype=bool)
    )
    return np.flatnonzero(mine & codes[1].where(codes[1].values == forms.rater))
