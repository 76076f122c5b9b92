"""How few people a model tells of: behind one of its coefficients, or beyond one each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .disclosure import FEW_VALUES
from .shown_groups import ZERO


def fewest_behind(columns: Iterable[np.ndarray], people: Any) -> int:
    """Return how few people one of a model's coefficients is about.

    Those in each category, its reference among them; those for whom a number is not what it is
    for most; and those at the reference of all categories, whom the intercept describes.

    Examples
    --------
    Of twenty clients three are in a group: its coefficient is about three.

    >>> fewest_behind([np.ones(20), np.arange(20) < 3], np.arange(20))
    3
    """
    people = pd.factorize(np.asarray(people))[0]
    reference, found = np.ones(len(people), dtype=bool), [len(np.unique(people))]
    for column in columns:
        values = np.asarray(column, dtype=float)
        values = np.round(values / max(float(np.abs(values).max()), ZERO), 9)
        each, which, counts = np.unique(values, return_inverse=True, return_counts=True)
        if len(each) == 1:
            continue
        apart = [which != counts.argmax()]
        if len(each) <= FEW_VALUES:
            apart += [which == place for place in range(len(each))]
        if len(each) == 2:
            reference &= which == 0
        found += [len(np.unique(people[rows])) for rows in apart]
    return min(*found, len(np.unique(people[reference])) or found[0])


def fewest_of_model(
    columns: Sequence[np.ndarray] | np.ndarray, people: Any, outcome: np.ndarray | None = None
) -> int:
    """Return how few people a model tells of: behind a coefficient, or beyond one each.

    Of as many people as it has coefficients a model tells everybody's outcome.

    Parameters
    ----------
    outcome
        One of yes and no: few with an event are few people as well.
    """
    each = [*columns] if outcome is None else [*columns, outcome]
    left = people_beyond(len(pd.unique(np.asarray(people))), len(columns))
    return min(fewest_behind(each, people), left)


def with_several(people: Any) -> int:
    """Return how many people have two rows or more: all who tell what moves within one.

    Examples
    --------
    >>> with_several(["a", "b", "b", "c"])
    1
    """
    return int((pd.Series(people).value_counts() > 1).sum())


def people_beyond(people: int, coefficients: int, outcomes: int = 1) -> int:
    """Return how many people there are beyond one a coefficient, of each of a model's outcomes.

    Examples
    --------
    A model of twelve items with 36 parameters has three for each:

    >>> people_beyond(40, 5), people_beyond(40, 36, outcomes=12)
    (35, 37)
    """
    return max(people - math.ceil(coefficients / outcomes), 0)
