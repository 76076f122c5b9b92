"""What was asked of a prediction, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.arguments import checked_choice, flag, names, share, whole, within
from ...errors import DesignError
from .models import check_models

RESAMPLING = (None, "down")
GROUPS = ("therapist_id", "site_id")
WITHOUT = ("refuse", "leave_out")


@dataclass(frozen=True)
class Asked:
    """The arguments of `predict_dropout`, each of its kind."""

    models: tuple[str, ...]
    features: tuple[str, ...] | None
    groups: str
    folds: int
    inner: int
    without_therapist: str
    resampling: str | None
    fairness: tuple[str, ...]
    allow_leaks: bool
    thresholds: tuple[float, ...]
    replicates: int
    permutations: int
    confidence: float
    seed: int
    named_models: bool


def asked_of(
    *, models: Sequence[str] | str | None, features: Sequence[str] | str | None, groups: str,
    folds: int, inner_folds: int, without_therapist: str, resampling: str | None,
    fairness: Sequence[str] | str, allow_leaks: bool, thresholds: Sequence[float] | float,
    replicates: int, permutations: int, confidence: float, seed: int, progress: Any,
) -> Asked:  # fmt: skip
    """Return the arguments in their types, or say which one is not what it should be."""
    for name, value, allowed in (
        ("resampling", resampling, RESAMPLING),
        ("groups", groups, GROUPS),
        ("without_therapist", without_therapist, WITHOUT),
    ):
        checked_choice(name, value, allowed)
    if progress is not None and not callable(progress):
        raise DesignError(f"progress must be a function of (what, done, steps), not {progress!r}.")
    risks = tuple(within(one, "each of thresholds") for one in _several(thresholds, "thresholds"))
    if not risks:
        raise DesignError("thresholds must hold at least one risk between 0 and 1.")
    return Asked(
        models=check_models(None if models is None else names(models, "models")),
        features=None if features is None else tuple(names(features, "features")),
        groups=groups,
        folds=whole(folds, "folds", 2),
        inner=whole(inner_folds, "inner_folds", 2),
        without_therapist=without_therapist,
        resampling=resampling,
        fairness=tuple(names(fairness, "fairness")),
        allow_leaks=flag(allow_leaks, "allow_leaks"),
        thresholds=tuple(dict.fromkeys(risks)),
        replicates=whole(replicates, "replicates", 20),
        permutations=whole(permutations, "permutations", 1),
        confidence=share(confidence),
        seed=whole(seed, "seed", 0, 2**32 - 1),
        named_models=models is not None,
    )


def _several(value: Any, name: str) -> tuple[Any, ...]:
    """Return numbers as a tuple; one number alone is a list of one."""
    if isinstance(value, int | float | np.number):
        return (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DesignError(f"{name} must be a list of numbers, not {value!r}.")
    return tuple(value)
