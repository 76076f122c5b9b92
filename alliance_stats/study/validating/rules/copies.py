"""Rules about answers nobody gave: one answer throughout, and forms copied from others."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, factorial

import numpy as np

from ....errors import plural
from .forms import Forms, forms_of, reversed_in_file
from .groups import MOST
from .registry import Finding, rule
from .stored_reversed import turned_forms
from .view import StudyView
from .words import shown

LONG_FORM = 8  # items a form must have before a pattern in it means something
VERY_LONG_FORM = 20  # on a shorter form the middle answer throughout can be meant
FEWEST_REVERSED = 2
DISTINCT = 3  # different answers a pasted form must show: all fives recur by themselves
_FIRST_LOOK = 8
UNLIKELY = 0.01  # chance of so many equal neighbours below which somebody copied


@rule(
    "same_answer_throughout",
    level="warning",
    stage="meaning",
    looks_for="one and the same answer to all items of a form that reverses some",
)
def same_answer_throughout(view: StudyView) -> Iterator[Finding]:
    """Find forms answered with one number although some items are worded the other way."""
    against = {(forms.card.name, forms.rater) for forms, _, _ in turned_forms(view)}
    for forms in forms_of(view):
        card = forms.card
        if len(card.reversed_items) < FEWEST_REVERSED or len(card.items) < LONG_FORM:
            continue
        if reversed_in_file(view, forms) or (card.name, forms.rater) in against:
            continue
        same = (forms.answers == forms.answers[:, :1]).all(axis=1)
        if len(card.items) < VERY_LONG_FORM:
            same &= forms.answers[:, 0] != (card.range.low + card.range.high) / 2
        rows = forms.first[same]
        yield from _pattern(
            forms,
            rows,
            f"All {len(card.items)} answers to '{card.name}' ({forms.rater}) are {{value}}, "
            "although some items are worded the other way round.",
            f"{{n}} forms of '{card.name}' ({forms.rater}) have one answer throughout, although "
            "some items are worded the other way round: {values}.",
            forms.answers[same, 0].astype(object),
        )


@rule(
    "pasted_answers",
    level="warning",
    stage="meaning",
    looks_for="the same answers to a whole form in neighbouring sessions or clients",
)
def pasted_answers(view: StudyView) -> Iterator[Finding]:
    """Find forms that repeat the form before them, answer by answer."""
    for forms in forms_of(view):
        n_items = len(forms.card.items)
        if n_items < LONG_FORM or len(forms.first) < 2:
            continue
        told: set[int] = set()
        by_client, by_file = np.lexsort((forms.session, forms.client)), np.argsort(forms.first)
        once = np.array_equal(by_client, by_file)
        for order in (by_client,) if once else (by_client, by_file):
            again, before = _like_the_one_before(forms.answers, order)
            fresh = [i for i, form in enumerate(again) if form not in told]
            told.update(int(again[i]) for i in fresh)
            told.update(int(before[i]) for i in fresh)
            yield from _pasted(view, forms, again[fresh], before[fresh])


def _like_the_one_before(answers: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the forms that equal their predecessor in `order`, and these predecessors.

    Forms that show fewer than `DISTINCT` different answers do not count: all fives recur by
    themselves. Nothing is returned where chance alone gives as many equal neighbours.
    """
    here, before = order[1:], order[:-1]
    # most neighbours differ in the first answers already, and need no further look
    few = np.ascontiguousarray(answers[:, :_FIRST_LOOK])
    near = np.flatnonzero((few[here] != few[before]).sum(axis=1) <= 2)
    different = np.full(len(here), answers.shape[1])
    different[near] = (answers[here[near]] != answers[before[near]]).sum(axis=1)
    close = np.flatnonzero(different <= 2)
    close = close[_n_distinct(answers[here[close]]) >= DISTINCT]
    same, one_off, two_off = np.bincount(different[close], minlength=3)
    by_chance = _chance_of_equal(int(one_off), int(two_off), answers.shape[1])
    if not same or _poisson_tail(int(same), by_chance) > UNLIKELY:
        return here[:0], before[:0]
    equal = close[different[close] == 0]
    return here[equal], before[equal]


def _n_distinct(answers: np.ndarray) -> np.ndarray:
    """Return how many different answers each form shows."""
    return (np.diff(np.sort(answers, axis=1), axis=1) > 0).sum(axis=1) + 1


def _chance_of_equal(one_off: int, two_off: int, n_items: int) -> float:
    """Return how many equal neighbours to expect, from those that differ in one or two items.

    With agreement p in each of k items, pairs that differ in 0, 1 and 2 items stand to each
    other as p², k p (1 - p) and k (k - 1) / 2 (1 - p)², so that the first follows from the others.
    Stable clients answer alike, and then nearly alike still more often; copied forms do not.
    """
    return one_off**2 / max(two_off, 1) * (n_items - 1) / (2 * n_items)


def _poisson_tail(count: int, mean: float) -> float:
    """Return the probability of `count` or more where `mean` are expected."""
    terms = (mean**n / factorial(n) for n in range(min(count, 100)))
    return 1.0 - exp(-mean) * sum(terms)


def _pasted(
    view: StudyView, forms: Forms, again: np.ndarray, before: np.ndarray
) -> Iterator[Finding]:
    names = view.codes("ratings", "client_id").values
    many = (
        f"{{n}} forms of '{forms.card.name}' ({forms.rater}) repeat the form before them answer "
        "by answer."
    )
    if len(again) > MOST:
        message = many.replace("{n}", f"{len(again):,}")
        texts = np.array([_as_text(forms.answers[form]) for form in again], dtype=object)
        yield from _pattern(forms, forms.first[again], message, many, texts)
        return
    for form, other in zip(again, before, strict=True):
        who, whom = names[forms.client[form]], names[forms.client[other]]
        yield from _pattern(
            forms,
            forms.first[[form]],
            f"All {plural(len(forms.card.items), 'answer')} to '{forms.card.name}' "
            f"({forms.rater}) of client {who} in session {forms.session[form]:g} are the same as "
            f"those of client {whom} in session {forms.session[other]:g}.",
            many,
            np.array([_as_text(forms.answers[form])], dtype=object),
        )


def _as_text(answers: np.ndarray) -> str:
    return " ".join(shown(answer) for answer in answers)


def _pattern(
    forms: Forms, rows: np.ndarray, message: str, many: str, values: np.ndarray
) -> Iterator[Finding]:
    if len(rows):
        yield Finding(
            "ratings",
            message,
            rows,
            column="value",
            many=many,
            hint="Look at the paper form or ask who entered the data; the answers are kept.",
            values=values,
            topic=f"{forms.card.name} {forms.rater}",
        )
