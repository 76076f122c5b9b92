"""The filled-in forms of a study: one matrix of answers a measure and rater."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .answers import cards_of
from .view import StudyView


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
    item = view.numbers("ratings", "item")[rows]
    value = view.numbers("ratings", "value")[rows]
    n = len(card.items)
    regular = form is one and bool((length == n).all())
    if regular and (item.reshape(-1, n) == np.arange(1, n + 1)).all():
        answers = value.reshape(-1, n)
    else:
        answers = np.full((len(one), n), np.nan, dtype=np.float32)
        answers.reshape(-1)[np.repeat(form * n - 1, length) + item.astype(np.int64)] = value
    return Forms(card, rater, answers, start[one], client[one], session[one])


def _each_once(client: np.ndarray, session: np.ndarray) -> bool:
    key = client.astype(np.int64) * (int(session.max(initial=0)) + 1) + session.astype(np.int64)
    return bool(pd.Index(key).is_unique)


def reversed_in_file(view: StudyView, forms: Forms) -> bool:
    """Return whether the description says that the file holds reversed values of this form."""
    flagged = view.options.get("already_reversed", ())
    return flagged is True or (flagged is not False and (forms.card.name, forms.rater) in flagged)
