"""What the codes of answers stand for, where the file's labels of values say it."""

from __future__ import annotations

import re
from typing import Any

from ...errors import listing
from .file_labels import answer_labels

_NUMBER = (re.compile(r"\s*[(\[]?(-?\d+)\b"), re.compile(r".*=\s*(-?\d+)\s*$"))
"""A label with its answer before or behind: ``3 = often``, ``(3) often``, ``often = 3``."""


def answers_by_labels(
    source: Any, column: str, measure: str, limits: tuple[float, float] | None
) -> dict[Any, float]:
    """Return code → answer of a column, by the number in each label, else by their order.

    `limits` are the lowest and highest answer of the form, where the card says them. What is read
    otherwise than it stands there is told.
    """
    labels = answer_labels(source, column)
    if not labels:
        _tell_unclear(source, column, measure, "the file has no labels of its values")
        return {}
    answers = answers_from(labels, limits)
    if answers is None:
        span = f"{limits[0]:g} to {limits[1]:g}" if limits else "of a form without a card"
        why = f"not each of its {len(labels)} labels has a number, and the answers are {span}"
        _tell_unclear(source, column, measure, why)
        return {}
    changed = {code: answer for code, answer in answers.items() if code != answer}
    told = ("labels", measure, *answers.items())
    if changed and told not in source.told:
        source.told.add(told)
        source.notes.add(
            "answers_by_labels",
            f"The codes of '{measure}' in column '{column}' and those like it are read as their "
            f"labels say: {listing(f'{code} as {answer:g}' for code, answer in changed.items())}.",
            level="info",
            table="ratings",
            column=column,
        )
    return answers


def answers_from(
    labels: dict[Any, str], limits: tuple[float, float] | None
) -> dict[Any, float] | None:
    """Return code → answer by the number in each label, else by their order; None if unclear."""
    hits = {
        code: next(filter(None, (form.match(word) for form in _NUMBER)), None)
        for code, word in labels.items()
    }
    numbers = {code: float(hit[1]) for code, hit in hits.items() if hit}
    if len(set(numbers.values())) == len(labels):
        return numbers
    texts = any(isinstance(code, str) for code in labels)
    if limits and len(labels) == limits[1] - limits[0] + 1 and not texts:
        return {code: limits[0] + at for at, code in enumerate(sorted(labels))}
    return None


def _tell_unclear(source: Any, column: str, measure: str, why: str) -> None:
    if ("labels", measure) in source.told:
        return
    source.told.add(("labels", measure))
    source.notes.add(
        "unclear_labels",
        f"'answers: labels' does not say what the codes of '{measure}' in column '{column}' stand "
        f"for: {why}.",
        hint="Write it out, as in answers: {1: 0, 2: 1, 3: 2, 4: 3}.",
        table="ratings",
        column=column,
    )
