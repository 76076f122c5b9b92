"""Nested cross-validation in groups that are never split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ...core.parallel import in_pieces
from ...errors import DesignError, require_columns
from . import models
from .importance import Tested
from .landmark import Landmark

Progress = Callable[[str, int, int], None]
EVERYBODY = -1
"""The fold that nobody is kept out of."""


@dataclass(frozen=True)
class Setup:
    """The folds, and who is never split."""

    group: np.ndarray
    outer: models.Split
    inner: models.Split
    folds: list[tuple[np.ndarray, np.ndarray]]


@dataclass
class Run:
    """Probabilities of every model from folds that did not train it."""

    fold: np.ndarray
    base: np.ndarray
    probabilities: dict[str, np.ndarray]
    tested: dict[str, list[Tested]]
    tuning: list[dict[str, Any]]
    final: dict[str, Any]


def make_setup(
    land: Landmark, groups: str, folds: int, inner: int, seed: int, messages: list[str]
) -> Setup:
    """Return the folds by `groups`; fewer groups than folds give fewer folds and a message."""
    require_columns(land.clients.columns, [groups], what="the clients' table")
    group = pd.factorize(land.clients[groups])[0]
    n_groups = int(group.max()) + 1
    if n_groups < 4:
        raise DesignError(
            f"{n_groups} groups of '{groups}' are too few: testing and tuning without splitting "
            "any needs four or more."
        )
    if n_groups < folds:
        messages.append(f"{n_groups} groups of '{groups}' give {n_groups} folds, not {folds}.")
    outer = models.Split(min(folds, n_groups), seed)
    y = land.clients["event"].to_numpy(dtype=float)
    made = outer.folds(y, group)
    empty = [n for n, (train, test) in enumerate(made) if len(test) == 0 or y[train].sum() < 2]
    if empty:
        raise DesignError(
            f"With {outer.n_splits} folds some would train on fewer than two dropouts "
            f"({int(y.sum())} in all); take fewer folds or another definition."
        )
    return Setup(group, outer, models.Split(inner, seed), made)


def cross_validate(
    chosen: tuple[str, ...], x: pd.DataFrame, land: Landmark, setup: Setup, first: str,
    resampling: str | None, progress: Progress,
) -> Run:  # fmt: skip
    """Train, tune and test every model; refit it to all clients in the end."""
    y = land.clients["event"].to_numpy(dtype=float)
    n = len(y)
    run = Run(
        np.full(n, -1), np.full(n, np.nan), {m: np.full(n, np.nan) for m in chosen},
        {m: [] for m in chosen}, [], {},
    )  # fmt: skip
    tasks = [(fold, name) for fold in (*range(len(setup.folds)), EVERYBODY) for name in chosen]
    made = in_pieces(partial(_trained, x, y, setup, first, resampling), tasks)
    for done, (fold, name) in enumerate(tasks):
        where = "all clients" if fold == EVERYBODY else f"fold {fold + 1} of {len(setup.folds)}"
        progress(f"{where}: {name}", done, len(tasks))
        model = next(made)
        if fold == EVERYBODY:
            run.final[name] = model
            continue
        train, test = setup.folds[fold]
        run.fold[test], run.base[test] = fold, y[train].mean()
        own = x[[first]] if name == "one_predictor" else x
        tested = Tested(model, own.iloc[test], y[test])
        run.probabilities[name][test] = model.predict(tested.x)
        run.tested[name].append(tested)
        run.tuning.append({"model": name, "fold": fold, **getattr(model, "tuned", {})})
    return run


def _trained(
    x: pd.DataFrame, y: np.ndarray, setup: Setup, first: str, resampling: str | None,
    task: tuple[int, str],
) -> Any:  # fmt: skip
    """Train and tune one model on the clients outside a fold, or on all."""
    fold, name = task
    own = x[[first]] if name == "one_predictor" else x
    train = np.arange(len(y)) if fold == EVERYBODY else setup.folds[fold][0]
    return models.fitted(
        name, own.iloc[train], y[train], setup.group[train], setup.inner, resampling
    )
