"""Rules about patterns of answers: reversed items, one answer throughout, pasted answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .answers import cards_of
from .registry import Finding, rule
from .view import StudyView
from .words import plural, series_of, shown

FEWEST_FORMS = 30  # below this an item-rest correlation says nothing
MOST_FORMS = 5_000  # more forms do not make a correlation clearer; an even sample is enough
AGAINST = -0.2  # a correlation below this is no longer chance or a weak item
ERRORS_OFF = 3.0  # and it lies this many standard errors (over clients) below zero
LONG_FORM = 8  # items a form must have before a pattern in it means something
VERY_LONG_FORM = 20  # on a shorter form the middle answer throughout can be meant
FEWEST_REVERSED = 2
DISTINCT = 3  # different answers a pasted form must show: all fives recur by themselves
TOO_COMMON = 0.05  # where more neighbours than this are alike, being alike means nothing


@dataclass(frozen=True)
class Forms:
    """The filled-in forms of one measure and rater.

    `answers` has a row a form and a column an item (NaN where missing); `first` is the position
    of each form's first row in ``ratings``, `client` its client's code.
    """

    card: Any
    rater: str
    answers: np.ndarray
    first: np.ndarray
    client: np.ndarray
    session: np.ndarray

    @property
    def complete(self) -> np.ndarray:
        """Which forms have no missing answer."""
        return ~np.isnan(self.answers).any(axis=1)


def forms_of(view: StudyView) -> Iterator[Forms]:
    """Yield the forms of each measure and rater that has a card; made once."""
    if "forms" not in view.remembered:
        view.remembered["forms"] = list(_all_forms(view))
    yield from view.remembered["forms"]


def _all_forms(view: StudyView) -> Iterator[Forms]:
    if not view.has("ratings", "measure", "rater", "item", "value"):
        return
    runs, cards = view.runs("ratings"), cards_of(view, "ratings")
    raters = view.codes("ratings", "rater").values
    for code, card in enumerate(cards):
        for which, rater in enumerate(raters if card is not None and card.items else ()):
            chosen = (runs.measure == code) & (runs.rater == which)
            if chosen.any():
                yield _forms(view, card, str(rater), chosen)


def _forms(view: StudyView, card: Any, rater: str, chosen: np.ndarray) -> Forms:
    runs = view.runs("ratings")
    client, session = runs.client[chosen], runs.session[chosen]
    start, length = runs.start[chosen], runs.length[chosen]
    if not _each_once(client, session):
        order = np.lexsort((session, client))
        key = np.column_stack([client, session])[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (key[1:] != key[:-1]).any(axis=1)
        form = np.empty(len(order), dtype=np.int64)
        form[order] = np.cumsum(new) - 1
        one = order[new]
    else:
        form = one = np.arange(len(client))
    whole = bool(chosen.all())
    rows = slice(None) if whole else runs.rows(chosen)
    item = view.numbers("ratings", "item")[rows].astype(np.int64)
    answers = np.full((len(one), len(card.items)), np.nan, dtype=np.float32)
    answers[np.repeat(form, length), item - 1] = view.numbers("ratings", "value")[rows]
    return Forms(card, rater, answers, start[one], client[one], session[one])


def _each_once(client: np.ndarray, session: np.ndarray) -> bool:
    key = client.astype(np.int64) * (int(session.max(initial=0)) + 1) + session.astype(np.int64)
    return len(np.unique(key)) == len(key)


def _reversed_in_file(view: StudyView, forms: Forms) -> bool:
    flagged = view.options.get("already_reversed", ())
    return flagged is True or (flagged is not False and (forms.card.name, forms.rater) in flagged)


@rule(
    "stored_reversed",
    level="warning",
    stage="meaning",
    looks_for="items that run against the rest of their scale, as if stored reversed",
)
def stored_reversed(view: StudyView) -> Iterator[Finding]:
    """Find items that correlate negatively with the rest of their scale after the card's key."""
    for forms in forms_of(view):
        complete = np.flatnonzero(forms.complete)
        if len(complete) < FEWEST_FORMS or len(forms.card.items) < 3:
            continue
        step = -(-len(complete) // MOST_FORMS)
        chosen = complete[::step]
        limit = min(AGAINST, -ERRORS_OFF / np.sqrt(len(np.unique(forms.client[chosen]))))
        keyed = _keyed(forms, forms.answers[chosen], already=_reversed_in_file(view, forms))
        against = _against(forms.card, keyed, limit)
        if against:
            view.remembered.setdefault("against", set()).add((forms.card.name, forms.rater))
            yield _reversed_finding(view, forms, against, keyed.shape[0])


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
    if keyed and _reversed_in_file(view, forms):
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


@rule(
    "same_answer_throughout",
    level="warning",
    stage="meaning",
    looks_for="one and the same answer to all items of a form that reverses some",
)
def same_answer_throughout(view: StudyView) -> Iterator[Finding]:
    """Find forms answered with one number although some items are worded the other way."""
    for forms in forms_of(view):
        card = forms.card
        if len(card.reversed_items) < FEWEST_REVERSED or len(card.items) < LONG_FORM:
            continue
        against = view.remembered.get("against", ())
        if _reversed_in_file(view, forms) or (card.name, forms.rater) in against:
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
        for order in (np.lexsort((forms.session, forms.client)), np.argsort(forms.first)):
            again, before = _like_the_one_before(forms.answers, order)
            fresh = [i for i, form in enumerate(again) if form not in told]
            told.update(int(again[i]) for i in fresh)
            told.update(int(before[i]) for i in fresh)
            yield from _pasted(view, forms, again[fresh], before[fresh])


def _like_the_one_before(answers: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the forms that equal their predecessor in `order`, and these predecessors."""
    here, before = order[1:], order[:-1]
    alike = (answers[here] == answers[before]).all(axis=1)
    if alike.mean() > TOO_COMMON:
        return here[:0], before[:0]
    hits = np.flatnonzero(alike)
    rich = [i for i in hits if len(np.unique(answers[here[i]])) >= DISTINCT]
    return here[rich], before[rich]


def _pasted(
    view: StudyView, forms: Forms, again: np.ndarray, before: np.ndarray
) -> Iterator[Finding]:
    names = view.codes("ratings", "client_id").values
    for form, other in zip(again, before, strict=True):
        who, whom = names[forms.client[form]], names[forms.client[other]]
        yield from _pattern(
            forms,
            forms.first[[form]],
            f"All {plural(len(forms.card.items), 'answer')} to '{forms.card.name}' "
            f"({forms.rater}) of client {who} in session {forms.session[form]:g} are the same as "
            f"those of client {whom} in session {forms.session[other]:g}.",
            f"{{n}} forms of '{forms.card.name}' ({forms.rater}) repeat the form before them "
            "answer by answer.",
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
